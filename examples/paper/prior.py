"""Section 2 of the paper: the deep image prior's hourglass against the deep decoder.

    python examples/paper/prior.py OUT                               # steps as the authors': for a GPU
    python examples/paper/prior.py OUT --count 1 --side 96 --steps 800

The paper says of the hourglass (D. Ulyanov et al., arXiv:1711.10925) that it is larger and slower, that it
learns noise as well, and so must be stopped early. Two things are to be restored: photographs with drawn
noise, and the middle of photographs' lowest third, in which a subtitle was drawn. Networks of both kinds do
it with the same loss, steps and seeds. A table for each task gives means over the photographs:

    parameters   all that is fitted; also for each sample of the picture
    kept         what one step keeps in memory for the gradient, parameters included
    s / step     of one photograph between looks, the quickest tenth, for other programs may run beside
    best PSNR    (of holes, in them) at any look: only who knows the truth could have stopped there
    lost         what the last step is below that
    of the mean  PSNR of the mean picture of the last quarter of the steps
    in the time  PSNR when the first network in the table has had all its steps
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import click
import numpy as np
import torch
from denoise import BEST, draw_pairs
from images import PHOTOGRAPHS, draw_photograph, psnr, to_picture, to_tensor
from study import Row, Study, study_command
from subtitles import draw_subtitle
from torch import Tensor

from subremover.options import FitOptions, LossName
from subremover.untrained.deep_decoder import DEFAULT_LEVELS, DeepDecoder, cover
from subremover.untrained.hourglass import Hourglass
from subremover.untrained.network import Network

INPUT_NOISE = 1 / 30
"""Of the hourglass's authors."""
NOISE = 25 / 255
"""Standard deviation of the noise that is drawn, at middle grey: as strong as theirs."""
LOOKS = 100
"""At the pictures, ever farther apart."""


@dataclass(frozen=True, slots=True)
class Task:
    """Photographs to be restored."""

    name: str
    loss: LossName
    images: list[np.ndarray]
    """(h, w, 3) each, of one size."""
    clean: list[np.ndarray]
    holes: list[np.ndarray] | None
    """(h, w) bool each; None: all is known."""
    paper: FitOptions
    """The decoder that the paper has for this."""

    @property
    def known(self) -> Tensor | None:
        return None if self.holes is None else to_tensor(*(np.float32(~hole) for hole in self.holes))

    def rate(self, picture: np.ndarray, row: int) -> float:
        """PSNR of what a network made of a photograph, in its hole if it has one."""
        return psnr(picture, self.clean[row], None if self.holes is None else self.holes[row])


@dataclass(frozen=True, slots=True)
class Entrant:
    """A network and how it is fitted."""

    name: str
    options: FitOptions
    hourglass_channels: int | None = None
    """None: it is a deep decoder."""

    def build(self, side: int) -> Network[Any]:
        size = (side, side)
        if self.hourglass_channels is not None:
            return Hourglass.covering(size, channels=self.hourglass_channels)
        levels = self.options.levels or DEFAULT_LEVELS
        return DeepDecoder.of(self.options, cover(size, levels), levels)


@dataclass(slots=True)
class Curve:
    """What became of a photograph."""

    psnr: dict[int, float] = field(default_factory=dict)
    """dB by step."""
    step_seconds: float = 0.0
    best_picture: np.ndarray | None = None
    last_picture: np.ndarray | None = None
    mean_psnr: float = 0.0
    """Of the mean picture of the last quarter of the steps."""

    def add(self, step: int, value: float, picture: np.ndarray) -> None:
        if value > max(self.psnr.values(), default=-np.inf):
            self.best_picture = picture
        self.psnr[step], self.last_picture = value, picture

    @property
    def best_step(self) -> int:
        return max(self.psnr, key=lambda step: self.psnr[step])

    @property
    def best(self) -> float:
        return self.psnr[self.best_step]

    @property
    def last(self) -> float:
        return self.psnr[max(self.psnr)]

    @property
    def lost(self) -> float:
        """What early stopping would have saved, dB."""
        return self.best - self.last

    def after(self, seconds: float) -> float:
        """PSNR at the last look within that time, or at the first."""
        within = [step for step in self.psnr if step * self.step_seconds <= seconds]
        return self.psnr[max(within, default=min(self.psnr))]


def draw_tasks(count: int, side: int) -> list[Task]:
    """Noise by MSE, and holes by MSE and by the mix."""
    pairs = draw_pairs(count, side, NOISE)
    noisy = Task("noise", "mse", [p.noisy for p in pairs], [p.clean for p in pairs], None, BEST)
    below = slice(2 * side, 3 * side), slice(side, 2 * side)
    whole = [draw_photograph(name, 3 * side) for name in list(PHOTOGRAPHS)[:count]]
    titled = [draw_subtitle(picture) for picture in whole]
    clean = [picture[below] for picture in whole]
    images, holes = [picture[below] for picture, _ in titled], [hole[below] for _, hole in titled]
    losses: tuple[LossName, ...] = ("mse", "mix")
    paper = FitOptions.preset("paper")
    return [noisy, *(Task("holes", loss, images, clean, holes, paper) for loss in losses)]


def list_entrants(task: Task, steps: int, quick: bool) -> list[Entrant]:
    """With one seed each and the task's loss."""
    narrow = FitOptions(steps=steps, loss=task.loss)
    wide = replace(task.paper, steps=steps, loss=task.loss)
    noised = replace(narrow, input_noise=INPUT_NOISE)
    if quick:
        return [Entrant("decoder", replace(narrow, channels=16)), Entrant("hourglass", noised, 8)]
    entrants = [
        Entrant(f"decoder of the paper, K {wide.channels}", wide),
        Entrant(f"decoder of the presets, K {narrow.channels}", narrow),
        Entrant("hourglass", noised, 128),
        Entrant("hourglass of 32 channels", noised, 32),
    ]
    if task.loss == "mse":  # the authors'; not for the others as well, it takes as long as all the rest
        entrants.append(Entrant("hourglass, no input noise", narrow, 128))
    return entrants


def follow(study: Study, task: Task, entrant: Entrant) -> list[Curve]:
    """Restore all photographs of a task by one network."""
    steps = entrant.options.steps
    looks = set(np.geomspace(1, steps, LOOKS).round().astype(int).tolist())
    curves = [Curve() for _ in task.images]
    spent: dict[range, list[float]] = {}  # seconds of a step of one photograph, between looks
    since: tuple[range, int, float] = (range(0), 0, 0.0)

    def watch(step: int, rows: range, pictures: Tensor, _: Tensor) -> None:
        nonlocal since
        if step not in looks:
            return
        found = pictures.cpu()  # waits for the device
        if rows == since[0]:
            seconds = (time.monotonic() - since[2]) / (step - since[1])
            spent.setdefault(rows, []).append(seconds / len(rows))
        for row, picture in zip(rows, map(to_picture, found), strict=True):
            curves[row].add(step, task.rate(picture, row), picture)
        since = rows, step, time.monotonic()

    network = entrant.build(task.images[0].shape[0])
    restored = study.restore(
        to_tensor(*task.images),
        entrant.options,
        known=task.known,
        network=network,
        what=f"{task.name}, {task.loss}: {entrant.name}",
        watch=watch,
    )
    for rows, seconds in spent.items():
        for row in rows:
            curves[row].step_seconds = float(np.quantile(seconds, 0.1))
    for row, (curve, picture) in enumerate(zip(curves, restored.pictures, strict=True)):
        curve.mean_psnr = task.rate(to_picture(picture), row)
    return curves


def count_parameters(network: Network[Any], image: Tensor) -> int:
    """All that is fitted to one image (1, C, h, w)."""
    weights = network.start(image, torch.ones_like(image[:, :1]), [0])
    return weights.flatten().numel()


def count_kept(network: Network[Any], image: Tensor) -> int:
    """Bytes that are kept for the gradient when one picture is painted, weights included."""
    weights = network.start(image, torch.ones_like(image[:, :1]), [0]).map(lambda t: t.requires_grad_())
    kept: dict[int, int] = {}  # by the place in memory

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        picture = network.paint(weights, weights.code.detach())
    del picture  # held what was kept until it was counted
    return sum(kept.values())


def to_row(task: Task, entrant: Entrant, curves: Sequence[Curve], seconds: float) -> Row:
    """Means over the photographs; `seconds` is the time that all are compared after."""
    image = to_tensor(task.images[0])
    network = entrant.build(image.shape[3])
    parameters = count_parameters(network, image)
    within = [curve.after(seconds) for curve in curves]
    return {
        "network": entrant.name,
        "parameters": parameters,
        "a sample": parameters / image.numel(),
        "kept, MB": count_kept(network, image) / 1e6,
        "s / step": float(np.mean([c.step_seconds for c in curves])),
        "best PSNR": float(np.mean([c.best for c in curves])),
        "at step": float(np.mean([c.best_step for c in curves])),
        "at the end": float(np.mean([c.last for c in curves])),
        "lost": float(np.mean([c.lost for c in curves])),
        "of the mean": float(np.mean([c.mean_psnr for c in curves])),
        "in the time": float(np.mean(within)),
    }


def report(study: Study, task: Task, found: dict[Entrant, list[Curve]]) -> None:
    """Table, pictures of the first photograph, and the photographs' mean over steps and over seconds."""
    first, *_ = found.items()
    seconds = first[0].options.steps * first[1][0].step_seconds
    name = f"prior_{task.name}_{task.loss}"
    rows = [to_row(task, entrant, curves, seconds) for entrant, curves in found.items()]
    about = {"photographs": len(task.images), "side": len(task.images[0])}
    study.write_table(name, rows, **about, steps=first[0].options.steps, in_the_time=seconds)
    best = [curves[0].best_picture for curves in found.values()]
    last = [curves[0].last_picture for curves in found.values()]
    pictures = [[task.images[0], *painted, task.clean[0]] for painted in (best, last)]
    titles = ["image", *(entrant.name for entrant in found), "clean"]
    study.write_pictures(name, pictures, titles, ["at its best", "at the end"])
    by_step, timed = {}, {}
    for entrant, curves in found.items():
        steps = list(curves[0].psnr)
        mean = [float(np.mean([c.psnr[step] for c in curves])) for step in steps]
        pace = float(np.mean([c.step_seconds for c in curves]))
        by_step[entrant.name] = steps, mean
        timed[entrant.name] = [step * pace for step in steps], mean
    unit = "PSNR, dB" if task.holes is None else "PSNR in the hole, dB"
    study.write_plot(f"{name}_steps", by_step, "steps", unit, log_x=True)
    study.write_plot(f"{name}_seconds", timed, "seconds", unit, log_x=True)


@study_command(__doc__)
@click.option("--count", type=click.IntRange(1, len(PHOTOGRAPHS)), default=3, show_default=True)
@click.option("--side", type=click.IntRange(64, 1024), default=128, show_default=True, help="In px.")
@click.option("--steps", type=click.IntRange(10), default=1800, show_default=True)
def main(study: Study, count: int, side: int, steps: int) -> None:
    if study.quick:
        count, side, steps = 1, 64, min(steps, 12)
    tasks = draw_tasks(count, side)
    for task in tasks[::2] if study.quick else tasks:
        entrants = list_entrants(task, steps, study.quick)
        report(study, task, {entrant: follow(study, task, entrant) for entrant in entrants})


if __name__ == "__main__":
    main()

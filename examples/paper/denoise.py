"""Sections 4.6 to 5.1 and Tables 1 and 2 of the paper: photographs of real cameras, denoised.

    python examples/paper/denoise.py OUT --pairs POLYU               # all pairs, 10,000 steps: for a GPU
    python examples/paper/denoise.py OUT --pairs POLYU --count 4 --steps 1000
    python examples/paper/denoise.py OUT                             # photographs with drawn noise

POLYU is a folder of pairs, NAME_real.JPG noisy and NAME_mean.JPG clean, such as CroppedImages of the PolyU
Real-World Noisy Images Dataset (J. Xu et al., arXiv:1804.02603). The decoder is that of Table 1. Fewer pairs
are spread evenly over the sorted names. The table gives the picture after the last step, as the paper has it,
and the mean picture of the last quarter of the steps, which costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import click
import numpy as np
from images import PHOTOGRAPHS, draw_photograph, psnr, read_image, ssim, to_picture, to_tensor
from study import FOLDER, Row, Study, study_command
from torch import Tensor

from subremover.options import FitOptions

BEST = FitOptions(
    steps=10_000,
    channels=196,
    levels=4,
    activation="leaky-relu",
    input_noise=1.75e-7,
    loss="mse",
)
"""Table 1."""
PAPER = {"PSNR": 37.1929, "SSIM": 0.9558}
"""Table 2, of all 100 pairs."""
LOOKS = 20
"""At the pictures, on their way."""
NOISE = 12 / 255
"""Standard deviation of the noise that is drawn, at middle grey."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A noisy image and what it should be, both (h, w, 3) in [0, 1]."""

    name: str
    noisy: np.ndarray
    clean: np.ndarray


@dataclass(slots=True)
class Curve:
    """What became of a pair."""

    pair: Pair
    psnr: dict[int, float] = field(default_factory=dict)
    """dB by step."""
    last: np.ndarray | None = None
    """After the last step."""
    mean: np.ndarray | None = None
    """Of the last quarter of the steps."""


def read_pairs(folder: Path, count: int | None) -> list[Pair]:
    """Pairs of a folder, so many of them, spread over its sorted names.

    Raises:
        click.BadParameter: There are none, or one is not whole.
    """
    files = sorted(path for path in folder.iterdir() if path.stem.lower().endswith("_real"))
    if not files:
        raise click.BadParameter(f"'{folder}' holds no pairs NAME_real.* and NAME_mean.*")
    places = np.linspace(0, len(files) - 1, min(count or len(files), len(files))).round().astype(int)
    pairs = []
    for file in (files[place] for place in places):
        name = file.stem[: -len("_real")]
        clean = file.with_name(f"{name}_mean{file.suffix}")
        if not clean.exists():
            raise click.BadParameter(f"'{file}' has no '{clean.name}' beside it")
        pairs.append(read_pair(name, file, clean))
    return pairs


def read_pair(name: str, noisy: Path, clean: Path) -> Pair:
    """Two files.

    Raises:
        click.BadParameter: One cannot be read, or they differ in size.
    """
    pair = Pair(name, read_image(noisy), read_image(clean))
    if pair.noisy.shape != pair.clean.shape:
        raise click.BadParameter(f"'{noisy}' and '{clean}' differ in size")
    return pair


def draw_pairs(count: int | None, side: int, deviation: float = NOISE) -> list[Pair]:
    """Photographs with noise that grows with the light, as a camera's does."""
    pairs = []
    for seed, name in enumerate(list(PHOTOGRAPHS)[: count or len(PHOTOGRAPHS)]):
        clean = draw_photograph(name, side)
        grain = np.random.default_rng(seed).standard_normal(clean.shape).astype(np.float32)
        noisy = np.clip(clean + deviation * np.sqrt(clean / 0.5 + 0.05) * grain, 0, 1)
        pairs.append(Pair(name, noisy, clean))
    return pairs


def denoise(study: Study, pairs: Sequence[Pair], options: FitOptions) -> list[Curve]:
    """All pairs; those of one size side by side."""
    curves = [Curve(pair) for pair in pairs]
    every = max(1, options.steps // LOOKS)
    for shape in dict.fromkeys(pair.noisy.shape for pair in pairs):
        some = [curve for curve in curves if curve.pair.noisy.shape == shape]

        def watch(step: int, rows: range, pictures: Tensor, _: Tensor, some: Sequence[Curve] = some) -> None:
            if step % every and step != options.steps:
                return
            for row, tensor in zip(rows, pictures, strict=True):
                some[row].last = to_picture(tensor)
                some[row].psnr[step] = psnr(to_picture(tensor), some[row].pair.clean)

        noisy = to_tensor(*(curve.pair.noisy for curve in some))
        restored = study.restore(noisy, options, what=f"{len(some)} images", watch=watch)
        for curve, picture in zip(some, restored.pictures, strict=True):
            curve.mean = to_picture(picture)
    return curves


def to_row(curve: Curve) -> dict[str, str | float]:
    """An image's figures, by column."""
    pair = curve.pair
    assert curve.last is not None
    assert curve.mean is not None
    return {
        "image": pair.name,
        "noisy PSNR": psnr(pair.noisy, pair.clean),
        "PSNR": psnr(curve.last, pair.clean),
        "PSNR of the mean": psnr(curve.mean, pair.clean),
        "best PSNR on the way": max(curve.psnr.values()),
        "at step": max(curve.psnr, key=lambda step: curve.psnr[step]),
        "noisy SSIM": ssim(pair.noisy, pair.clean),
        "SSIM": ssim(curve.last, pair.clean),
        "SSIM of the mean": ssim(curve.mean, pair.clean),
    }


def average(rows: Sequence[Row]) -> Row:
    """The mean of each column; what is missing counts as 0."""
    mean: dict[str, str | float] = {"image": f"mean of {len(rows)}"}
    for column in list(rows[0])[1:]:
        mean[column] = float(np.mean([float(row[column] or 0) for row in rows]))
    return mean


@study_command(__doc__)
@click.option("--pairs", type=FOLDER, help="Folder of pairs.")
@click.option("--count", type=click.IntRange(1), help="Of the pairs; default: all.")
@click.option("--steps", type=click.IntRange(10), default=BEST.steps, show_default=True)
@click.option("--channels", type=click.IntRange(1), default=BEST.channels, show_default=True, help="K.")
def main(study: Study, pairs: Path | None, count: int | None, steps: int, channels: int) -> None:
    if study.quick:
        count, steps, channels = min(count or 2, 2), min(steps, 60), min(channels, 16)
    found = draw_pairs(count, 128 if study.quick else 512) if pairs is None else read_pairs(pairs, count)
    if study.quick:
        found = [Pair(p.name, p.noisy[:128, :128], p.clean[:128, :128]) for p in found]
    curves = denoise(study, found, replace(BEST, steps=steps, channels=channels))
    rows: list[Row] = [to_row(curve) for curve in curves]
    paper = {"image": "the paper's mean of 100, 10,000 steps", "noisy PSNR": 35.97, **PAPER}
    columns = list(rows[0])
    rows += [average(rows), {column: paper.get(column) for column in columns}]
    study.write_table("denoise", rows, steps=steps, channels=channels, pairs=str(pairs or "drawn"))
    shown = curves[:4]
    pictures = [[c.pair.noisy, c.last, c.mean, c.pair.clean] for c in shown]
    titles = ["noisy", f"{steps} steps", "mean of the last quarter", "clean"]
    study.write_pictures("denoise", pictures, titles, [c.pair.name for c in shown])
    means = {step: float(np.mean([c.psnr[step] for c in curves])) for step in curves[0].psnr}
    study.write_plot(
        "denoise", {"mean": (list(means), list(means.values()))}, "steps", "PSNR, dB", log_x=True
    )


if __name__ == "__main__":
    main()

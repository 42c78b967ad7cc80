"""What a search of denoisers draws from, and what a trial is worth; the search itself is in `search`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np
from denoise import BEST, Pair
from images import psnr, ssim, to_picture, to_tensor
from optuna.distributions import CategoricalDistribution, FloatDistribution
from study import Study
from torch import Tensor
from trials import Outcome, Parameters, Space

from subremover.options import FitOptions

TABLE_1: Parameters = {"K": 196, "L": 4, "sigma_r": 1.75e-7, "activation": "leaky-relu", "input": "noise"}
"""Of the paper, what won there."""
LOOKS = 100
"""At the pictures, on their way."""

MEAN = "mean picture's PSNR"
"""The figure of the mean picture of the last quarter of the steps, by its name in tables."""


@dataclass(frozen=True, slots=True)
class Curve:
    """What became of one trial."""

    scores: dict[int, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    """PSNR and SSIM of each pair's picture, by step."""
    means: list[float] = field(default_factory=list)
    """PSNR of each pair's mean picture of the last quarter of the steps; none where it ended early."""


@dataclass(frozen=True, slots=True)
class Denoising:
    """What the trials are tried on."""

    study: Study
    pairs: Sequence[Pair]
    """All of one size."""
    steps: int
    reach: tuple[float, float] | None
    """PSNR in dB and SSIM that the means over all pairs are to have; None: as much PSNR as can be had."""

    def evaluate(self, parameters: Sequence[Parameters], seed: int = 0) -> Iterator[tuple[int, Outcome]]:
        """Those of one shape side by side; see `trials.Evaluate`.

        Args:
            parameters: Of the trials.
            seed: Of the first pair's decoder; the others' follow it. The same for all trials.
        """
        shapes = defaultdict(list)
        for index, own in enumerate(parameters):
            shapes[own["K"], own["L"], own["activation"], own["input"]].append(index)
        for indices in shapes.values():
            curves = self._fit([to_options(parameters[index], self.steps) for index in indices], seed)
            for index, curve in zip(indices, curves, strict=True):
                yield index, self._measure(curve)

    def _fit(self, options: Sequence[FitOptions], seed: int) -> list[Curve]:
        """Some options of one shape, until all have reached what they are to reach."""
        count = len(self.pairs)
        curves = [Curve() for _ in options]
        every = max(1, self.steps // LOOKS) if self.reach else self.steps

        def watch(step: int, rows: range, pictures: Tensor, _: Tensor) -> None:
            if step % every and step != self.steps:
                return
            for row, tensor in zip(rows, pictures, strict=True):
                picture, clean = to_picture(tensor), self.pairs[row % count].clean
                curves[row // count].scores[step].append((psnr(picture, clean), ssim(picture, clean)))
            is_last = rows.stop == count * len(options)  # those before had all their steps
            if is_last and all(self._find_first(curves[row // count]) for row in rows):
                raise _AllReachedError

        with suppress(_AllReachedError):
            restored = self.study.restore(
                to_tensor(*(pair.noisy for pair in self.pairs)).repeat(len(options), 1, 1, 1),
                [own for own in options for _ in self.pairs],
                seeds=[seed + place for _ in options for place in range(count)],
                what=f"{len(options)} of K {options[0].channels}, L {options[0].levels}",
                watch=watch,
            )
            for row, tensor in enumerate(restored.pictures):
                curves[row // count].means.append(psnr(to_picture(tensor), self.pairs[row % count].clean))
        return curves

    def _find_first(self, curve: Curve) -> int | None:
        """The first step at which the means over all pairs are reached."""
        if self.reach is None:
            return None
        means = {step: np.mean(s, 0) for step, s in curve.scores.items() if len(s) == len(self.pairs)}
        return next((step for step, mean in means.items() if np.all(mean >= self.reach)), None)

    def _measure(self, curve: Curve) -> Outcome:
        first = self._find_first(curve)
        mean = np.mean(curve.scores[first or self.steps], 0)
        steady = float(np.mean(curve.means)) if curve.means else None
        figures = {"PSNR": float(mean[0]), "SSIM": float(mean[1]), MEAN: steady}
        return Outcome(first if self.reach else figures["PSNR"], figures)


class _AllReachedError(Exception):
    """There is nothing more to be seen."""


def to_options(parameters: Parameters, steps: int) -> FitOptions:
    """What a trial's parameters ask a fit for."""
    return replace(
        BEST,
        steps=steps,
        channels=parameters["K"],
        levels=parameters["L"],
        activation=parameters["activation"],
        input=parameters["input"],
        input_noise=parameters["sigma_r"],
    )


def choose_space(wide: bool, quick: bool) -> Space:
    """The paper's; the wide one is of its initial experiments."""
    channels = [4, 8] if quick else [16, 32, 64, 128, 196] if wide else [128, 196]
    levels = [3, 4] if quick else list(range(2, 8)) if wide else list(range(3, 7))
    return {
        "K": CategoricalDistribution(channels),
        "L": CategoricalDistribution(levels),
        "sigma_r": FloatDistribution(1e-10, 1e-1, log=True),
        "activation": CategoricalDistribution(["relu", "relu6", "sigmoid", "leaky-relu"]),
        "input": CategoricalDistribution(["noise", "downsampled"]),
    }

"""Section 6 of the paper: an input of fixed size, and as many up-samplings as the output needs.

    python examples/paper/input_size.py OUT
    python examples/paper/input_size.py OUT --levels 4 --side 16

Equation 2 of the paper has L fixed and the input 2^L times smaller than the output, so that no side of the
output may be less than 2^L px. Here the input's side is fixed instead, and L is what makes the picture at
least as large as the output: it is cut off, or resized as part of the fit; or the input is no square, but has
as many cells as the output's shape needs ("L by size"). All of them fill a hole, a subtitle drawn over a
photograph, and take away drawn noise, by the same K and steps.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import click
import numpy as np
import torch.nn.functional as F
from images import PHOTOGRAPHS, draw_photograph, psnr, to_picture, to_tensor
from study import Row, Study, study_command
from subtitles import draw_subtitle
from torch import Tensor

from subremover.errors import UsageError
from subremover.options import FitOptions
from subremover.untrained.deep_decoder import DeepDecoder, cover

OPTIONS = FitOptions(steps=200, channels=32)
OUTPUTS = ((24, 40), (64, 64), (90, 160), (128, 128), (160, 240), (256, 256), (512, 512))
"""Heights and widths, in px."""
SHOWN = (160, 240)
NOISE = 25 / 255
"""Standard deviation."""
FIGURES = {
    "hole": "PSNR in the hole, dB",
    "noise": "PSNR without the noise, dB",
    "seconds": "seconds an image",
}
COLUMNS = ("output, px", "way", "L", "input, cells", "weights", *FIGURES.values())


@dataclass(frozen=True, slots=True)
class Layout:
    """What a decoder paints for an output, heights and widths in px."""

    output: tuple[int, int]
    painted: tuple[int, int]
    """At least as large: 2^L times the input."""
    levels: int
    """L"""
    is_resized: bool = False
    """Else what is too much is cut off."""

    @classmethod
    def of_equation2(cls, output: tuple[int, int], levels: int) -> Layout:
        """With as many cells in the input as cover the output."""
        return cls(output, cover(output, levels), levels)

    @property
    def input(self) -> str:
        """Width and height, in cells."""
        height, width = self.painted
        return f"{width >> self.levels}x{height >> self.levels}"

    def restore(
        self, study: Study, images: Sequence[np.ndarray], options: FitOptions, **more: object
    ) -> tuple[list[np.ndarray], int]:
        """(h, w, 3) of each image, and how many weights a network has.

        Raises:
            UsageError: L is more than equation 2 allows.
        """
        options = replace(options, levels=self.levels)
        if self.is_resized:
            more.update(size=self.painted, forward=partial(resize, size=self.output))
        elif self != Layout.of_equation2(self.output, self.levels):
            more.update(network=DeepDecoder.of(options, self.painted, self.levels))
        what = f"{self.output[1]}x{self.output[0]}, {options.loss}, input {self.input}"
        fitted = study.restore(to_tensor(*images), options, what=what, **more)
        pictures = resize(fitted.pictures, self.output) if self.is_resized else fitted.pictures
        return [to_picture(picture) for picture in pictures], fitted.weights.flatten().shape[1]


def resize(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, C, h, w) -> (B, C, *size), bilinear, corner pixels on corner pixels: a ramp stays one."""
    return F.interpolate(pictures, size, mode="bilinear", align_corners=True)


def list_layouts(output: tuple[int, int], levels: int, side: int) -> dict[str, Layout]:
    """By their names.

    Args:
        output: Height and width, in px.
        levels: L of equation 2.
        side: Of the fixed input, in cells.
    """
    least, most = (max(1, math.ceil(math.log2(edge / side))) for edge in (min(output), max(output)))
    square = (side << most, side << most)
    return {
        "equation 2": Layout.of_equation2(output, levels),
        "fixed, cut off": Layout(output, square, most),
        "fixed, resized": Layout(output, square, most, is_resized=square != output),
        "L by size": Layout.of_equation2(output, least),
    }


@dataclass(frozen=True, slots=True, eq=False)
class Tasks:
    """Photographs of one size, with holes and with noise."""

    clean: Sequence[np.ndarray]
    """(h, w, 3) each."""
    hidden: Sequence[np.ndarray]
    """With a subtitle."""
    hole: np.ndarray
    """(h, w) bool, where it stands."""
    noisy: Sequence[np.ndarray]

    @classmethod
    def draw(cls, names: Sequence[str], size: tuple[int, int]) -> Tasks:
        height, width = size
        top, left = (max(size) - height) // 2, (max(size) - width) // 2
        squares = [draw_photograph(name, max(size)) for name in names]
        clean = [square[top : top + height, left : left + width] for square in squares]
        hidden, holes = zip(*(draw_subtitle(picture) for picture in clean), strict=True)
        grain = np.random.default_rng(0).standard_normal((len(names), *size, 3)).astype(np.float32)
        noisy = [np.clip(picture + NOISE * one, 0, 1) for picture, one in zip(clean, grain, strict=True)]
        return cls(clean, hidden, holes[0], noisy)

    def measure(self, filled: Sequence[np.ndarray], quiet: Sequence[np.ndarray]) -> tuple[float, float]:
        """Mean PSNR in the holes, and of the whole of what was noisy."""
        in_hole = [psnr(one, truth, self.hole) for one, truth in zip(filled, self.clean, strict=True)]
        of_all = [psnr(one, truth) for one, truth in zip(quiet, self.clean, strict=True)]
        return float(np.mean(in_hole)), float(np.mean(of_all))


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What a layout makes of both tasks."""

    filled: np.ndarray | None = None
    """(h, w, 3), the first photograph; None: the layout was refused."""
    quiet: np.ndarray | None = None
    weights: int | None = None
    figures: tuple[float | None, ...] = (None,) * len(FIGURES)
    """Means of all photographs."""
    refused: str = ""

    @classmethod
    def of(cls, study: Study, tasks: Tasks, layout: Layout, options: FitOptions) -> Result:
        start = time.monotonic()
        try:
            known = to_tensor(np.float32(~tasks.hole))
            filled, weights = layout.restore(study, tasks.hidden, options, known=known)
            quiet, _ = layout.restore(study, tasks.noisy, replace(options, loss="mse"))
        except UsageError as error:
            return cls(refused=f": {error}")
        seconds = (time.monotonic() - start) / len(tasks.clean)
        return cls(filled[0], quiet[0], weights, (*tasks.measure(filled, quiet), seconds))


@study_command(__doc__)
@click.option("--levels", type=click.IntRange(1, 9), default=5, show_default=True, help="L of equation 2.")
@click.option("--side", type=click.IntRange(2, 64), default=8, show_default=True, help="Of the fixed input.")
def main(study: Study, levels: int, side: int) -> None:
    outputs, options, names = OUTPUTS, OPTIONS, list(PHOTOGRAPHS)[:2]
    if study.quick:
        outputs, options, names = ((24, 40), (64, 64)), replace(OPTIONS, steps=40, channels=16), names[:1]
    rows: list[Row] = []
    for output in outputs:
        tasks = Tasks.draw(names, output)
        layouts = list_layouts(output, levels, side)
        size = f"{output[1]}x{output[0]}"
        # where two are the same, one fit tells of both
        results = {
            layout: Result.of(study, tasks, layout, options) for layout in dict.fromkeys(layouts.values())
        }
        as_it_is = (None, None, None, *tasks.measure(tasks.hidden, tasks.noisy), None)
        rows.append(dict(zip(COLUMNS, (size, "the image as it is", *as_it_is), strict=True)))
        for name, layout in layouts.items():
            result = results[layout]
            shape = (layout.levels, layout.input, result.weights)
            row = (size, name + result.refused, *shape, *result.figures)
            rows.append(dict(zip(COLUMNS, row, strict=True)))
        if output in {SHOWN, outputs[-1]}:
            found = [results[layout] for layout in layouts.values()]
            pictures = [
                [tasks.hidden[0], *(r.filled for r in found)],
                [tasks.noisy[0], *(r.quiet for r in found)],
            ]
            study.write_pictures(f"input_size_{size}", pictures, ["image", *layouts], ["hole", "noise"])
    study.write_table("input_size", rows, steps=options.steps, channels=options.channels, photographs=names)
    plot(study, outputs, rows)


def plot(study: Study, outputs: Sequence[tuple[int, int]], rows: Sequence[Row]) -> None:
    """Each figure over the size of the output; as many rows for each output."""
    sides = [math.sqrt(height * width) for height, width in outputs]
    for name, figure in FIGURES.items():
        series: dict[str, tuple[list[float], list[float]]] = {}
        for side, row in zip(np.repeat(sides, len(rows) // len(sides)), rows, strict=True):
            value = row[figure]
            if isinstance(value, float):
                across, up = series.setdefault(str(row["way"]), ([], []))
                across.append(side)
                up.append(value)
        study.write_plot(f"input_size_{name}", series, "root of the output's area, px", figure, log_x=True)


if __name__ == "__main__":
    main()

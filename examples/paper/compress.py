"""Sections 1 and 4.5 of the paper: a decoder's weights as a small file, against JPEG and JPEG 2000.

    python examples/paper/compress.py OUT                        # four photographs at several rates
    python examples/paper/compress.py OUT --image photo.png      # one's own: OUT/photo_k32.ddec, and others
    python examples/paper/compress.py OUT --read photo_k32.ddec  # OUT/photo_k32.png

A file holds a seed, an architecture and the weights, in whole steps from where their fit began: see `stored`
and `rounding`. The rate is chosen by K. Written are the files, and PSNR in dB over bits a pixel: of what is
read back from them, and of the best JPEG and JPEG 2000 of at most as many bytes (`jpegs`), empty where there
is none so small; pictures at one rate; and what coarser and finer steps cost, rounded level by level or all
at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from images import PHOTOGRAPHS, draw_photograph, read_image, to_picture, to_tensor
from jpegs import code_jpeg, code_jpeg2000, psnr_8bit
from PIL import Image
from rounding import REFIT_SHARE, Grid, round_by_levels
from stored import Shape, Stored, pack, read_stored
from study import FILE, Row, Study, study_command

from subremover.options import FitOptions
from subremover.untrained.deep_decoder import DecoderWeights

FINENESS = 6
"""Steps of 1/64. A photograph (256 px, K 32) gained 0.1 dB by 1/128, at 18 % more bits, and lost 0.4 dB by
1/32, at 18 % fewer; larger K is worth 0.4 dB for as many."""
FINENESSES = (3, 4, 5, 6, 7, 8)
"""That are compared."""
FITTED, DECODER, JPEG2000, JPEG = "before rounding", "deep decoder", "JPEG 2000", "JPEG"


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """One photograph at one rate."""

    name: str
    shape: Shape
    size_bytes: int
    pictures: dict[str, np.ndarray | None]
    """(h, w, 3) uint8, by the way they were coded."""

    def to_row(self, truth: np.ndarray) -> Row:
        return {
            "photograph": self.name,
            "K": self.shape.channels,
            "bytes": self.size_bytes,
            "bits a pixel": 8 * self.size_bytes / (self.shape.height * self.shape.width),
            "bits a weight": 8 * self.size_bytes / self.shape.weights,
            **{way: None if p is None else psnr_8bit(p, truth) for way, p in self.pictures.items()},
        }


def code(
    study: Study, truths: dict[str, np.ndarray], shape: Shape, options: FitOptions
) -> tuple[list[Coded], DecoderWeights]:
    """All photographs, (h, w, 3) uint8, at one rate, and the weights of one row each before rounding."""
    seeds = range(len(truths))
    images = to_tensor(*(to_float(truth) for truth in truths.values()))
    found = study.restore(images, options, what=f"K {shape.channels}").weights
    fitted = DecoderWeights(found.code, found.parameters)
    grid = Grid(DecoderWeights.concatenate([shape.begin(seed) for seed in seeds]), [FINENESS] * len(seeds))
    rounded = round_by_levels(study, images, fitted, grid, options)
    painted = shape.decoder.paint(fitted, fitted.code)[:, :, : shape.height, : shape.width]
    rows = zip(truths.items(), to_stored(rounded, grid, shape, seeds), painted, strict=True)
    coded = []
    for (name, truth), stored, before in rows:
        path = study.out / f"{name}_k{shape.channels}.ddec"
        size = path.write_bytes(pack(stored))
        pictures = {
            FITTED: to_8bit(to_picture(before)),
            DECODER: read_stored(path).paint(),
            JPEG2000: code_jpeg2000(truth, size),
            JPEG: code_jpeg(truth, size),
        }
        coded.append(Coded(name, shape, size, pictures))
    return coded, fitted


def to_stored(weights: DecoderWeights, grid: Grid, shape: Shape, seeds: Sequence[int]) -> list[Stored]:
    """Of each row."""
    steps = grid.count(weights).long().numpy()
    return [Stored(shape, *row) for row in zip(seeds, grid.finenesses, steps, strict=True)]


def compare_steps(
    study: Study, truth: np.ndarray, shape: Shape, fitted: DecoderWeights, options: FitOptions
) -> None:
    """One photograph in steps of all sizes, rounded level by level and all at once.

    Args:
        study: Where.
        truth: (h, w, 3) uint8.
        shape: Of the decoder.
        fitted: Its weights are those of the first row.
        options: How they were fitted.
    """
    seeds = [0] * len(FINENESSES)
    grid = Grid(shape.begin(0).select(seeds), FINENESSES)
    images = to_tensor(to_float(truth)).repeat(len(seeds), 1, 1, 1)
    start = fitted.select(seeds)
    refitted = round_by_levels(study, images, start, grid, options)
    pairs = zip(*(to_stored(weights, grid, shape, seeds) for weights in (start, refitted)), strict=True)
    rows: list[Row] = [
        {
            "step": f"1/{2**at_once.fineness}",
            "bits a weight, at once": 8 * len(pack(at_once)) / shape.weights,
            "dB, at once": psnr_8bit(at_once.paint(), truth),
            "bits a weight, by level": 8 * len(pack(by_level)) / shape.weights,
            "dB, by level": psnr_8bit(by_level.paint(), truth),
        }
        for at_once, by_level in pairs
    ]
    told = {"channels": shape.channels, "levels": shape.levels, "steps": options.steps}
    study.write_table("compress_steps", rows, **told, refit_steps=options.steps // REFIT_SHARE)


def write(
    study: Study, truths: dict[str, np.ndarray], rates: Sequence[Sequence[Coded]], options: FitOptions
) -> None:
    """The table, curves of each photograph and their mean, and pictures at the rate in the middle."""
    rows: list[Row] = []
    for coded in rates:
        some = [one.to_row(truths[one.name]) for one in coded]
        rows += [*some, average(some)] if len(some) > 1 else some
    study.write_table("compress", rows, levels=options.levels, steps=options.steps)
    for name in dict.fromkeys(row["photograph"] for row in rows):
        of_name = [row for row in rows if row["photograph"] == name]
        curves = {}
        for way in (DECODER, JPEG2000, JPEG):
            points = [(float(row["bits a pixel"] or 0), float(row[way])) for row in of_name if row[way]]
            if points:
                curves[way] = ([x for x, _ in points], [y for _, y in points])
        study.write_plot(f"compress_{name}", curves, "bits a pixel", f"PSNR, dB: {name}")
    middle = rates[len(rates) // 2]
    ways = list(middle[0].pictures)[1:]
    pictures = [[truths[one.name], *(one.pictures[way] for way in ways)] for one in middle]
    shown = [[None if picture is None else to_float(picture) for picture in line] for line in pictures]
    lines = [f"{one.name}, {one.size_bytes} bytes" for one in middle]
    study.write_pictures("compress_pictures", shown, ["original", *ways], lines)


def average(rows: Sequence[Row]) -> Row:
    """Of all photographs at one rate; None where one of them has no value."""
    mean: dict[str, str | float | int | None] = {"photograph": "mean", "K": rows[0]["K"]}
    for column in list(rows[0])[2:]:
        values = [row[column] for row in rows]
        mean[column] = None if None in values else float(np.mean([float(value or 0) for value in values]))
    return mean


def to_8bit(picture: np.ndarray) -> np.ndarray:
    """Of one in [0, 1]."""
    return np.uint8(np.rint(np.clip(picture, 0, 1) * 255))


def to_float(picture: np.ndarray) -> np.ndarray:
    """In [0, 1], of one of 8 bits."""
    return np.float32(picture) / np.float32(255)


@study_command(__doc__)
@click.option("--image", type=FILE, help="To be stored.")
@click.option("--read", type=FILE, help="A stored picture, to be read back.")
@click.option(
    "--channels",
    type=click.IntRange(1),
    multiple=True,
    default=(16, 24, 32, 48),
    show_default=True,
    help="K; may be given several times, each is one rate.",
)
@click.option("--levels", type=click.IntRange(1, 9), default=4, show_default=True, help="L.")
@click.option("--steps", type=click.IntRange(1), default=600, show_default=True)
def main(
    study: Study, *, image: Path | None, read: Path | None, channels: Sequence[int], levels: int, steps: int
) -> None:
    if image is not None and read is not None:
        raise click.UsageError("give --image or --read, not both")
    if read is not None:
        Image.fromarray(read_stored(read).paint()).save(study.out / f"{read.stem}.png")
        return
    if study.quick:
        channels, levels, steps = (4, 8), min(levels, 3), min(steps, 40)
    if image is None:
        names, side = (list(PHOTOGRAPHS)[:2], 64) if study.quick else (list(PHOTOGRAPHS), 256)
        truths = {name: to_8bit(draw_photograph(name, side)) for name in names}
    else:
        truths = {image.stem: to_8bit(read_image(image))}
    first = next(iter(truths.values()))
    shapes = [Shape(*first.shape[:2], K, levels) for K in sorted(set(channels))]
    rates = []
    for shape in shapes:
        options = FitOptions(steps=steps, channels=shape.channels, levels=levels, loss="mse")
        coded, fitted = code(study, truths, shape, options)
        rates.append(coded)
        if image is None and shape is shapes[len(shapes) // 2]:
            compare_steps(study, first, shape, fitted, options)
    write(study, truths, rates, options)


if __name__ == "__main__":
    main()

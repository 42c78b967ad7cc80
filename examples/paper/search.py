"""Section 4.6 of the paper: a random search of the decoder that denoises best, and its continuations.

    python examples/paper/search.py OUT --image NOISY --truth CLEAN     # one image, as the paper did
    python examples/paper/search.py OUT --pairs POLYU --count 4         # the mean over a set, as it proposes
    python examples/paper/search.py OUT                                 # photographs with drawn noise
    python examples/paper/search.py OUT --pairs POLYU --reach 36 0.95   # the fewest steps that reach both

Drawn are K, L, the noise added to the input in each step, the activation, and random or downsampled input;
the decoder of Table 1 is tried first. A trial's value is the PSNR of the picture after the last step, or the
first of a hundred looks at which PSNR and SSIM are reached. Trials of one shape are fitted side by side. The
same command goes on where it was ended, with a larger --trials beyond where it ended.

POLYU is a folder of pairs as for denoise.py. The tables: the best trials beside Table 1; what each value of
each parameter went along with; and the two best again with other seeds, beside Table 1, since the best of
many is in part the luckiest: the last picture's above all, so that the mean picture's PSNR is told too.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
from denoise import Pair, draw_pairs, read_pair, read_pairs
from denoising import MEAN, TABLE_1, Denoising, choose_space
from findings import write_search
from images import psnr, ssim
from study import FILE, FOLDER, Row, Study, study_command
from trials import Parameters, Search, Trial

SHOWN = 10
"""Of the best trials."""
AGAIN = 2
"""Of the best trials, with other seeds."""
SEEDS = 3


def cut_middles(pairs: Sequence[Pair], crop: int | None, levels: int) -> list[Pair]:
    """The middle of each, a square of so many px; all must be of one size that so many levels paint.

    Raises:
        click.UsageError: They are not.
    """
    if crop is not None:
        pairs = [Pair(pair.name, _cut(pair.noisy, crop), _cut(pair.clean, crop)) for pair in pairs]
    sizes = {pair.noisy.shape[:2] for pair in pairs}
    if len(sizes) > 1:
        raise click.UsageError("the pairs differ in size; cut them to one by --crop")
    if min(min(sizes)) < 2**levels:
        raise click.UsageError(f"{levels} levels want pictures of at least {2**levels} px a side")
    return list(pairs)


def _cut(picture: np.ndarray, crop: int) -> np.ndarray:
    top, left = (max(0, side - crop) // 2 for side in picture.shape[:2])
    return np.ascontiguousarray(picture[top : top + crop, left : left + crop])


def choose_pairs(
    image: Path | None, truth: Path | None, folder: Path | None, count: int | None
) -> list[Pair]:
    """The pairs that the command's options name, or drawn ones."""
    if (image is None) != (truth is None) or (image and folder):
        raise click.UsageError("give --image with its --truth, or --pairs, or neither")
    if image and truth:
        return [read_pair(image.stem, image, truth)]
    return draw_pairs(count, 512) if folder is None else read_pairs(folder, count)


def compare_again(denoising: Denoising, first: Parameters, best: Sequence[Trial]) -> list[Row]:
    """The first and the best ones with seeds that the search did not use."""
    count, seeds = len(denoising.pairs), 1 if denoising.study.quick else SEEDS
    parameters = [first, *(trial.parameters for trial in best)]
    values = defaultdict(list)
    for place in range(1, seeds + 1):
        for index, outcome in denoising.evaluate(parameters, place * count):
            values[index].append(outcome)
    rows: list[Row] = []
    for index, name in enumerate(["Table 1", *(f"trial {trial.number}" for trial in best)]):
        reached = [outcome.value for outcome in values[index] if outcome.value is not None]
        steady = [s for outcome in values[index] if (s := outcome.figures[MEAN]) is not None]
        rows.append(
            {
                "": name,
                **parameters[index],
                "seeds": seeds,
                "with a value": len(reached),
                "mean value": float(np.mean(reached)) if reached else None,
                "lowest": min(reached, default=None),
                "highest": max(reached, default=None),
                "mean SSIM": float(np.mean([outcome.figures["SSIM"] or 0 for outcome in values[index]])),
                MEAN: float(np.mean(steady)) if steady else None,
                "its lowest": min(steady, default=None),
            }
        )
    return rows


@study_command(__doc__)
@click.option("--image", type=FILE, help="A noisy one.")
@click.option("--truth", type=FILE, help="It without noise.")
@click.option("--pairs", type=FOLDER, help="Folder of pairs.")
@click.option("--count", type=click.IntRange(1), help="Of the pairs; default: all.")
@click.option("--crop", type=click.IntRange(8), help="Take the middle of each, so many px a side.")
@click.option("--trials", type=click.IntRange(1), default=100, show_default=True)
@click.option("--steps", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--wide", is_flag=True, help="K from 16 and L from 2 to 7, as the paper's initial experiments.")
@click.option(
    "--reach",
    type=(click.FloatRange(0, 100), click.FloatRange(0, 1)),
    metavar="PSNR SSIM",
    help="Search for the fewest steps that reach both.",
)
def main(
    study: Study,
    *,
    image: Path | None,
    truth: Path | None,
    pairs: Path | None,
    count: int | None,
    crop: int | None,
    trials: int,
    steps: int,
    wide: bool,
    reach: tuple[float, float] | None,
) -> None:
    if reach and any(map(math.isnan, reach)):
        raise click.BadParameter("--reach wants two numbers")
    if study.quick:
        count, crop, trials, steps = min(count or 2, 2), min(crop or 32, 32), min(trials, 4), min(steps, 10)
    space = choose_space(wide, study.quick)
    levels = max(space["L"].choices)
    found = cut_middles(choose_pairs(image, truth, pairs, count), crop, levels)
    denoising = Denoising(study, found, steps, reach)
    first = {**TABLE_1, "K": space["K"].choices[-1]}
    digest = hashlib.sha256(b"".join(p.noisy.tobytes() + p.clean.tobytes() for p in found)).hexdigest()
    about = {"steps": steps, "reach": reach, "images": digest}
    file = study.out / "search.journal"
    search = Search(file, space, about, first=[first], minimize=reach is not None)
    search.run(trials, denoising.evaluate)
    write(denoising, search, first)


def write(denoising: Denoising, search: Search, first: Parameters) -> None:
    """The three tables, and the plots."""
    study, reach, pairs = denoising.study, denoising.reach, denoising.pairs
    label = f"steps to {reach[0]:g} dB and {reach[1]:g}" if reach else "PSNR, dB"
    ranking = search.ranking
    rows: list[Row] = [
        {
            "place": place,
            "trial": "Table 1" if trial.parameters == first else str(trial.number),
            **trial.parameters,
            **({label: trial.outcome.value} if reach else {}),
            **trial.outcome.figures,
        }
        for place, trial in enumerate(ranking, 1)
        if place <= SHOWN or trial.parameters == first
    ]
    noisy = {
        f: float(np.mean([m(p.noisy, p.clean) for p in pairs])) for f, m in (("PSNR", psnr), ("SSIM", ssim))
    }
    about = {
        "value": label,
        "trials": len(ranking),
        "steps": denoising.steps,
        "images": [pair.name for pair in pairs],
        "size": list(pairs[0].noisy.shape[:2]),
        "noisy": noisy,
    }
    study.write_table("search", [*rows, {**dict.fromkeys(rows[0]), "trial": "noisy", **noisy}], **about)
    if ranking[0].outcome.value is None:
        click.echo(f"none of the trials got to {label}; try more steps")
        return
    write_search(study, "search", search, label)
    best = [trial for trial in ranking if trial.outcome.value is not None and trial.parameters != first]
    study.write_table("search_again", compare_again(denoising, first, best[:AGAIN]), **about)


if __name__ == "__main__":
    main()

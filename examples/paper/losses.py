"""Section 5.2 and Figure 4 of the paper: which loss removes a subtitle soonest.

    python examples/paper/losses.py OUT                              # a drawn subtitle over a photograph
    python examples/paper/losses.py OUT --image frame.jpg            # one's own, its mask found by gradients
    python examples/paper/losses.py OUT --image frame.png --mask mask.png --truth clean.png
    python examples/paper/losses.py OUT --clips CLIPS                # a frame of each clip with truth

Fits one decoder of the paper's shape (K 256, L 5) for each loss to the known pixels, and writes the pictures
after a tenth of the steps and after all of them side by side. Where the truth is known, also PSNR and SSIM in
the hole over the steps, and at which step the mean of all cases is first as good as MSE's ever gets, less
half a dB. Clips are folders with clean.mp4, subbed.mp4 and mask.mkv, such as
examples/benchmarks/make_sample.py draws; the frame that is covered most is taken, cropped around its
subtitle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean

import click
import numpy as np
from images import psnr, ssim, to_picture, to_tensor
from study import FILE, FOLDER, Row, Study, study_command
from subtitles import Case, draw_case, read_case, read_clips
from torch import Tensor

from subremover.options import FitOptions, LossName

LOSSES: tuple[LossName, ...] = ("mse", "l1", "ssim", "ms-ssim", "mix")
"""The paper's figure shows the first and the last."""
EVERY = 10
"""Steps between two looks at a picture."""
NAMES = {"mse": "MSE", "l1": "L1", "ssim": "SSIM", "ms-ssim": "MS-SSIM", "mix": "MS-SSIM + L1"}
NEAR_DB = 0.5
"""Below MSE's best: where a loss is said to have arrived."""


@dataclass(slots=True)
class Curve:
    """What one loss did."""

    steps: list[int] = field(default_factory=list)
    psnr: list[float] = field(default_factory=list)
    """In the hole, dB; empty where the truth is not known."""
    ssim: list[float] = field(default_factory=list)
    early: np.ndarray | None = None
    """The picture after a tenth of the steps."""
    late: np.ndarray | None = None

    def first_above(self, level: float) -> int | None:
        """The first step that was looked at whose picture is as good, in dB."""
        return next((step for step, value in zip(self.steps, self.psnr, strict=True) if value >= level), None)


Curves = Mapping[LossName, Curve]


def follow(study: Study, case: Case, options: FitOptions) -> Curve:
    """Fit one decoder by the loss of the options."""
    curve = Curve()
    early = find_early(options.steps)

    def watch(step: int, _rows: range, pictures: Tensor, _losses: Tensor) -> None:
        if step % EVERY and step not in {early, options.steps}:
            return
        picture = to_picture(pictures[0])
        if step == early:
            curve.early = picture
        curve.late = picture
        if case.truth is not None:
            curve.steps.append(step)
            curve.psnr.append(psnr(picture, case.truth, case.hole))
            curve.ssim.append(ssim(picture, case.truth, case.hole))

    known = to_tensor(np.float32(~case.hole))
    what = f"{case.name}, {NAMES[options.loss]}"
    study.restore(to_tensor(case.image), options, known=known, what=what, watch=watch)
    return curve


def find_early(steps: int) -> int:
    """The paper's figure has pictures after 100 of 1,000."""
    return max(1, steps // 10)


def average(followed: Sequence[Curves]) -> Curves:
    """The means of PSNR and SSIM over all cases, step by step."""
    return {
        name: Curve(
            followed[0][name].steps,
            [mean(values) for values in zip(*(curves[name].psnr for curves in followed), strict=True)],
            [mean(values) for values in zip(*(curves[name].ssim for curves in followed), strict=True)],
        )
        for name in LOSSES
    }


def compare(followed: Sequence[Curves]) -> list[Row]:
    """A row for each loss, of means over all cases, and of how soon these arrive beside MSE's."""
    means = average(followed)
    rows: list[Row] = []
    for name, curve in means.items():
        row: dict[str, str | float | None] = {"loss": NAMES[name]}
        last = curve.steps[-1]
        for when in (find_early(last), last):
            place = curve.steps.index(when)
            row[f"PSNR after {when}"] = curve.psnr[place]
            row[f"SSIM after {when}"] = curve.ssim[place]
        row["best PSNR"] = max(curve.psnr)
        own, mse = find_arrival(means, name), find_arrival(means, "mse")
        row["arrives at step"] = own
        row["times as fast as MSE"] = mse / own if own is not None and mse is not None else None
        arrived = [curves for curves in followed if find_arrival(curves, name) is not None]
        row["arrives by itself in"] = f"{len(arrived)} of {len(followed)}"
        rows.append(row)
    return rows


def find_arrival(curves: Curves, name: LossName) -> int | None:
    """The first step at which a loss is as good as MSE ever gets, nearly; None: it never is."""
    return curves[name].first_above(max(curves["mse"].psnr) - NEAR_DB)


@study_command(__doc__)
@click.option("--image", type=FILE, help="A frame with a subtitle.")
@click.option("--mask", type=FILE, help="White where it stands.")
@click.option("--truth", type=FILE, help="The frame without it.")
@click.option("--clips", type=FOLDER, help="A folder of clips with truth.")
@click.option("--steps", type=click.IntRange(10), default=1000, show_default=True)
@click.option("--channels", type=click.IntRange(1), default=256, show_default=True, help="K.")
@click.option("--levels", type=click.IntRange(1, 9), default=5, show_default=True, help="L.")
def main(
    study: Study, image: Path | None, mask: Path | None, truth: Path | None, clips: Path | None, **shape: int
) -> None:
    if image is None and (mask or truth):
        raise click.UsageError("--mask and --truth belong to an --image")
    if image is not None and clips is not None:
        raise click.UsageError("give an --image or --clips, not both")
    options = FitOptions(**shape)
    if study.quick:
        options = replace(options, steps=min(options.steps, 40), channels=min(options.channels, 12))
    if image is not None:
        cases = [read_case(image, mask, truth)]
    elif clips is not None:
        cases = read_clips(clips)
    else:
        cases = [draw_case(96 if study.quick else 512)]
    followed = [{name: follow(study, case, replace(options, loss=name)) for name in LOSSES} for case in cases]
    for case, curves in zip(cases, followed, strict=True):
        write_figure(study, case, curves, options.steps)
    if all(case.truth is not None for case in cases):
        told = [
            {
                "case": case.name,
                "size": f"{case.hole.shape[1]}x{case.hole.shape[0]}",
                "PSNR": {name: curve.psnr for name, curve in curves.items()},
            }
            for case, curves in zip(cases, followed, strict=True)
        ]
        about = {"channels": options.channels, "levels": options.levels}
        study.write_table("losses", compare(followed), cases=told, **about)
        write_curves(study, average(followed))


def write_figure(study: Study, case: Case, curves: Curves, steps: int) -> None:
    """The pictures of all losses, early above late."""
    seen = case.image * ~case.hole[..., None]
    pictures = [
        [case.image, *(curve.early for curve in curves.values())],
        [case.truth if case.truth is not None else seen, *(curve.late for curve in curves.values())],
    ]
    lines = [f"{find_early(steps)} steps", f"{steps} steps"]
    first = f"image, {'truth' if case.truth is not None else 'what is fitted'}"
    study.write_pictures(f"losses_{case.name}", pictures, [first, *(NAMES[name] for name in curves)], lines)


def write_curves(study: Study, curves: Curves) -> None:
    """PSNR and SSIM in the hole over the steps."""
    for figure, unit in (("psnr", "PSNR in the hole, dB"), ("ssim", "SSIM in the hole")):
        series = {NAMES[name]: (curve.steps, getattr(curve, figure)) for name, curve in curves.items()}
        study.write_plot(f"losses_{figure}", series, "steps", unit, log_x=True)


if __name__ == "__main__":
    main()

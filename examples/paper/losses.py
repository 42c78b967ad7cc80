"""Section 5.2 and Figure 4 of the paper: which loss removes a subtitle soonest.

    python examples/paper/losses.py OUT                              # a drawn subtitle over a photograph
    python examples/paper/losses.py OUT --image frame.jpg            # one's own, its mask found by gradients
    python examples/paper/losses.py OUT --image frame.png --mask mask.png --truth clean.png

Fits one decoder of the paper's shape (K 256, L 5) for each loss to the known pixels, and writes the pictures
after a tenth of the steps and after all of them side by side. Where the truth is known, also PSNR and SSIM in
the hole over the steps.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import click
import cv2
import numpy as np
from images import draw_photograph, psnr, read_image, ssim, to_picture, to_tensor
from study import Study, study_command
from torch import Tensor

from subremover.options import FitOptions, LossName
from subremover.segment.gradient import mark_strokes

LOSSES: tuple[LossName, ...] = ("mse", "l1", "ssim", "ms-ssim", "mix")
"""The paper's figure shows the first and the last."""
EVERY = 10
"""Steps between two looks at a picture."""
NAMES = {"mse": "MSE", "l1": "L1", "ssim": "SSIM", "ms-ssim": "MS-SSIM", "mix": "MS-SSIM + L1"}
PLENTY = 0.99
"""Of a loss's own best PSNR: where it is said to have arrived."""


@dataclass(slots=True)
class Course:
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


def follow(
    study: Study,
    image: np.ndarray,
    hole: np.ndarray,
    options: FitOptions,
    truth: np.ndarray | None,
) -> Course:
    """Fit one decoder by one loss.

    Args:
        study: Where.
        image: (h, w, 3) in [0, 1].
        hole: (h, w) bool, what is not known.
        options: How, with the loss.
        truth: (h, w, 3), what the hole hides.
    """
    course = Course()
    early = max(1, options.steps // 10)

    def watch(step: int, _rows: range, pictures: Tensor, _losses: Tensor) -> None:
        if step % EVERY and step not in {early, options.steps}:
            return
        picture = to_picture(pictures[0])
        if step == early:
            course.early = picture
        course.late = picture
        if truth is not None:
            course.steps.append(step)
            course.psnr.append(psnr(picture, truth, hole))
            course.ssim.append(ssim(picture, truth, hole))

    known = to_tensor(np.float32(~hole))
    study.restore(to_tensor(image), options, known=known, what=NAMES[options.loss], watch=watch)
    return course


def draw_subtitle(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The picture with two yellow lines like those of the paper's frame, and where they stand."""
    height, width = picture.shape[:2]
    hole = np.zeros((height, width), np.uint8)
    letters = np.zeros_like(hole)
    scale = width / 512
    for text, line in (("These words are burned in,", 0.82), ("and hide what is behind.", 0.92)):
        place = (round(0.12 * width), round(line * height))
        for layer, thickness in ((letters, 2), (hole, 6)):
            size = max(1, round(thickness * scale))
            cv2.putText(layer, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.9 * scale, 255, size, cv2.LINE_AA)
    share = np.float32(letters[..., None]) / 255
    yellow = np.float32([0.95, 0.9, 0.2])
    return picture * (1 - share) + yellow * share, hole > 0


def read_mask(path: Path, size: tuple[int, int]) -> np.ndarray:
    mask = read_image(path).mean(-1) > 0.5
    if mask.shape != size:
        raise click.BadParameter(
            f"'{path}' is {mask.shape[1]}x{mask.shape[0]} px, the image {size[1]}x{size[0]}"
        )
    return mask


def find_mask(image: np.ndarray) -> np.ndarray:
    """By the paper's segmenter, in the lower third."""
    mask = mark_strokes(np.uint8(image * 255))
    mask[: image.shape[0] * 2 // 3] = False
    return mask


@study_command(__doc__)
@click.option(
    "--image", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A frame with a subtitle."
)
@click.option(
    "--mask", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="White where it stands."
)
@click.option(
    "--truth", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The frame without it."
)
@click.option("--steps", type=click.IntRange(10), default=1000, show_default=True)
@click.option("--channels", type=click.IntRange(1), default=256, show_default=True, help="K.")
@click.option("--levels", type=click.IntRange(1, 9), default=5, show_default=True, help="L.")
def main(study: Study, image: Path | None, mask: Path | None, truth: Path | None, **shape: int) -> None:
    steps, channels = shape["steps"], shape["channels"]
    if image is None and (mask or truth):
        raise click.UsageError("--mask and --truth belong to an --image")
    if study.quick:
        steps, channels = min(steps, 60), min(channels, 16)
    if image is None:
        clean: np.ndarray | None = draw_photograph("astronaut", 128 if study.quick else 512)
        assert clean is not None
        frame, hole = draw_subtitle(clean)
    else:
        frame = read_image(image)
        hole = find_mask(frame) if mask is None else read_mask(mask, frame.shape[:2])
        clean = None if truth is None else read_image(truth)
        if not hole.any():
            raise click.BadParameter(f"nothing is masked in '{mask or image}'")
    options = FitOptions(steps=steps, channels=channels, levels=shape["levels"], decoders=1, trial=False)
    courses = {name: follow(study, frame, hole, replace(options, loss=name), clean) for name in LOSSES}
    write(study, frame, hole, courses, steps)


def write(
    study: Study, frame: np.ndarray, hole: np.ndarray, courses: dict[LossName, Course], steps: int
) -> None:
    """Pictures, and curves and a table where the truth was known."""
    labels = [NAMES[name] for name in courses]
    first = frame * ~hole[..., None]
    pictures = [[first, *(c.early for c in courses.values())], [frame, *(c.late for c in courses.values())]]
    lines = [f"{max(1, steps // 10)} steps", f"{steps} steps"]
    study.write_pictures("losses", pictures, ["image", *labels], lines)
    if not courses["mse"].psnr:
        return
    for figure, unit in (("psnr", "PSNR in the hole, dB"), ("ssim", "SSIM in the hole")):
        series = {NAMES[n]: (c.steps, getattr(c, figure)) for n, c in courses.items()}
        study.write_plot(f"losses_{figure}", series, "steps", unit, log_x=True)
    level = max(courses["mse"].psnr) * PLENTY
    early = courses["mse"].steps.index(max(1, steps // 10))
    study.write_table(
        "losses",
        [
            {
                "loss": NAMES[name],
                f"PSNR after {max(1, steps // 10)}": course.psnr[early],
                f"SSIM after {max(1, steps // 10)}": course.ssim[early],
                f"PSNR after {steps}": course.psnr[-1],
                f"SSIM after {steps}": course.ssim[-1],
                "best PSNR": max(course.psnr),
                f"steps to MSE's best x {PLENTY}": course.first_above(level),
            }
            for name, course in courses.items()
        ],
        hole_share=float(hole.mean()),
    )


if __name__ == "__main__":
    main()

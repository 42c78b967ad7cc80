"""Section 6 of the paper: deblurring by a Gaussian kernel in the fit, which its authors leave to others.

    python examples/paper/deblur.py OUT                              # photographs, blurred here
    python examples/paper/deblur.py OUT --search                     # which loss, K, L and steps, on another
    python examples/paper/deblur.py OUT --image blurred.png --sigma 2

The decoder paints a picture that is larger on each side than what is seen, by the kernel's reach, so that no
border has to be guessed. Beside it stand the same decoder without a forward model, and scikit-image's Wiener
filter and Richardson-Lucy with those settings of a grid that come nearest to the truth, chosen for each image
alone. PSNR and SSIM leave out all that is nearer to the border of what is seen than the kernel reaches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
from blurs import GaussianBlur, Sight, list_filters
from images import PHOTOGRAPHS, psnr, read_image, ssim, to_picture, to_tensor
from study import FILE, Row, Study, study_command
from torch import Tensor

from subremover.options import FitOptions, LossName

OPTIONS = FitOptions(steps=500, channels=128, levels=3, loss="ssim")
"""The best that --search found, which gains little by its second 500 steps. It goes out from half as wide."""
SEARCHED = "chelsea"
"""The photograph that --search looks at; the others tell what its choice is worth."""
SIGMAS_PX = (1.5, 3.0)
NOISES = (0.0, 2.55 / 255)
"""Standard deviations; all are rounded to 8 bits after that."""
SIDE = 128
EVERY = 50
"""Steps between two looks at a picture."""
LOOKS = (100, 300, 1000)
"""Those that the table of --search has."""
QUICK_STEPS = 100


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """What is seen of a photograph, and what each method makes of it."""

    sight: Sight
    pictures: dict[str, np.ndarray]
    """(h, w, 3) float32 each."""
    settings: dict[str, str]
    """Of the methods that had a choice."""

    def to_row(self, how: Callable[[np.ndarray, np.ndarray], float]) -> dict[str, str | float]:
        figures = {method: self.sight.measure(picture, how) for method, picture in self.pictures.items()}
        return {**self.sight.describe(), **figures}


def deblur(
    study: Study, blurred: Tensor, blur: GaussianBlur, options: FitOptions, **more: object
) -> list[np.ndarray]:
    """(h, w, 3) of each of (B, 3, h, w), all blurred alike."""
    height, width = (side + 2 * blur.reach_px for side in blurred.shape[2:])
    fitted = study.restore(blurred, options, forward=blur, size=(height, width), **more)
    return [blur.trim(to_picture(picture)) for picture in fitted.pictures]


def compare(study: Study, sights: Sequence[Sight], options: FitOptions) -> list[Case]:
    """All methods; the sights are of one blur."""
    blur, blurred = sights[0].blur, to_tensor(*(sight.blurred for sight in sights))
    title = f"sigma {blur.sigma_px:g} px"
    bare = study.restore(blurred, options, what=f"{title}, no forward model").pictures
    fitted = deblur(study, blurred, blur, options, what=title)
    cases = []
    for sight, without, picture in zip(sights, bare, fitted, strict=True):
        chosen = {method: sight.choose(filters) for method, filters in list_filters(blur).items()}
        pictures = {
            "blurred": sight.blurred,
            "no forward model": to_picture(without),
            **{method: found for method, (_, found) in chosen.items()},
            "deep decoder": picture,
        }
        cases.append(Case(sight, pictures, {method: setting for method, (setting, _) in chosen.items()}))
    return cases


def write(study: Study, cases: Sequence[Case], options: FitOptions) -> None:
    """A table of each figure, with its means, one of the settings, and pictures of each blur, all noisy."""
    about = {"steps": options.steps, "channels": options.channels, "levels": options.levels}
    for name, how in (("psnr", psnr), ("ssim", ssim)):
        rows = [case.to_row(how) for case in cases]
        study.write_table(f"deblur_{name}", [*rows, *average(rows)], loss=options.loss, **about)
    study.write_table("deblur_settings", [{**case.sight.describe(), **case.settings} for case in cases])
    for sigma_px in dict.fromkeys(case.sight.blur.sigma_px for case in cases):
        noisy = [c for c in cases if (c.sight.blur.sigma_px, c.sight.noise) == (sigma_px, NOISES[-1])]
        pictures = [[*case.pictures.values(), case.sight.truth] for case in noisy]
        columns = [*cases[0].pictures, "truth"]
        study.write_pictures(f"deblur_{sigma_px:g}px", pictures, columns, [c.sight.name for c in noisy])


def average(rows: Sequence[dict[str, str | float]]) -> list[Row]:
    """One row for each blur and noise."""
    image, sigma, noise, *methods = rows[0]
    means: list[Row] = []
    for condition in dict.fromkeys((row[sigma], row[noise]) for row in rows):
        some = [row for row in rows if (row[sigma], row[noise]) == condition]
        figures = {method: float(np.mean([float(row[method]) for row in some])) for method in methods}
        means.append({image: f"mean of {len(some)}", sigma: condition[0], noise: condition[1], **figures})
    return means


def search(study: Study, side: int) -> None:
    """A decoder and such as differ in one option, on a blur and a noise between those of the study."""
    sight = Sight.of(SEARCHED, side, GaussianBlur(2.0), 1 / 255)
    losses: tuple[LossName, ...] = ("mse", "l1", "ms-ssim", "mix")
    start = replace(OPTIONS, steps=1000, channels=64)
    tried = [start, *(replace(start, loss=loss) for loss in losses)]
    tried += [replace(start, channels=K) for K in (32, 128)]
    tried += [replace(start, levels=L) for L in (2, 4)]
    if study.quick:
        tried = [replace(start, steps=QUICK_STEPS, channels=K) for K in (8, 16)]
    rows: list[Row] = []
    for options in tried:
        seen: dict[int, float] = {}

        def watch(step: int, _rows: range, pictures: Tensor, _losses: Tensor, seen: Any = seen) -> None:
            if step % EVERY == 0:
                seen[step] = sight.measure(sight.blur.trim(to_picture(pictures[0])))

        what = f"{options.loss}, K {options.channels}, L {options.levels}"
        (picture,) = deblur(study, to_tensor(sight.blurred), sight.blur, options, what=what, watch=watch)
        rows.append(
            {
                "loss": options.loss,
                "K": options.channels,
                "L": options.levels,
                **{f"PSNR after {step}": seen[step] for step in LOOKS if step in seen},
                "best PSNR": max(seen.values()),
                "at step": max(seen, key=lambda step: seen[step]),
                "mean of the last quarter": sight.measure(picture),
            }
        )
    study.write_table("deblur_search", rows, steps=tried[0].steps, **sight.describe())


@study_command(__doc__)
@click.option("--search", "searched", is_flag=True, help="Search for the loss, K, L and steps instead.")
@click.option("--image", type=FILE, help="One's own, blurred.")
@click.option("--sigma", type=click.FloatRange(0.3, 20), help="Of its blur, in px.")
def main(study: Study, searched: bool, image: Path | None, sigma: float | None) -> None:
    if (image is None) != (sigma is None) or (searched and image):
        raise click.UsageError("--image and --sigma belong together, and not to --search")
    side = 56 if study.quick else SIDE
    options = replace(OPTIONS, steps=QUICK_STEPS, channels=32) if study.quick else OPTIONS
    if searched:
        search(study, side)
    elif image is not None and sigma is not None:
        blurred = read_image(image)
        (picture,) = deblur(study, to_tensor(blurred), GaussianBlur(sigma), options, what=image.name)
        study.write_pictures("deblur", [[blurred, picture]], ["blurred", f"{options.steps} steps"])
        cv2.imwrite(str(study.out / "deblurred.png"), np.uint8(picture[..., ::-1] * 255 + 0.5))
    else:
        names, sigmas_px, noises = [name for name in PHOTOGRAPHS if name != SEARCHED], SIGMAS_PX, NOISES
        if study.quick:
            names, sigmas_px, noises = names[:1], sigmas_px[:1], noises[-1:]
        cases = []
        for blur in map(GaussianBlur, sigmas_px):
            sights = [Sight.of(name, side, blur, noise) for name in names for noise in noises]
            cases += compare(study, sights, options)
        write(study, cases, options)


if __name__ == "__main__":
    main()

"""The features of a line that the model weighs: where and when it stands, how it looks, what is around it.

Each is cheap, and was measured on the way: nothing here looks at pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from subremover.detect.classify.company import Company
from subremover.detect.classify.line import Line

USUAL_HEIGHT, USUAL_SECONDS = 0.055, 2.0
"""Of a subtitle: height of its lines as a share of the picture's shorter side, and how long it stands."""


@dataclass(frozen=True, slots=True)
class Film:
    """What must be known of a film to measure its lines."""

    width: int
    """Of the upright picture, in px."""
    height: int
    frames: int
    """Number of frames scanned."""
    rate: float
    """Frames per second."""


GROUPS: Mapping[str, tuple[str, ...]] = {
    "place": ("off_centre", "middle", "low", "high", "edge_gap", "corner"),
    "size": ("width", "odd_height", "flatness", "density", "slope"),
    "time": ("seconds", "odd_seconds", "share"),
    "coming": (
        *("comes_alone", "goes_alone", "comes_at_cut", "goes_at_cut", "is_interrupted"),
        *("never_changes", "arrival", "departure"),
    ),
    "stillness": ("laid_over", "steadiness", "stillness", "around_deviation", "unrest", "cuts", "floats"),
    "drawing": ("on_board", "sharpness", "unevenness", "outline", "contrast", "plainness"),
    "colours": ("yellow", "saturated"),
    "words": ("has_text", "confidence", "words", "digits"),
    "succession": ("before", "after"),
    "company": ("peers", "beside"),
}
"""Names of all features, by what they tell."""


def measure_features(lines: Sequence[Line], film: Film) -> dict[str, np.ndarray]:
    """Each feature by its name, (n,) float64, of n lines; at least one."""
    company = Company(lines, film.width, film.rate)
    rows = [{**_measure(n, film), **company.around(i)} for i, n in enumerate(lines)]
    return {name: np.array([row[name] for row in rows], np.float64) for name in rows[0]}


def _measure(line: Line, film: Film) -> dict[str, float]:
    """What is a line's own."""
    (x, y), box, life = line.middle, line.box, line.life
    seconds = line.frames / film.rate
    letters, digits = (sum(map(test, line.text)) for test in (str.isalpha, str.isdigit))
    return {
        "off_centre": abs(x - film.width / 2) / film.width,
        "middle": y / film.height,
        "low": max(0.0, y / film.height - 0.65),
        "high": max(0.0, 0.25 - y / film.height),
        "edge_gap": min(box.y, film.height - box.bottom) / film.height,
        "corner": np.hypot(min(x, film.width - x) / film.width, min(y, film.height - y) / film.height),
        "width": box.width / film.width,
        "odd_height": abs(np.log(line.height / min(film.width, film.height) / USUAL_HEIGHT)),
        "flatness": np.log(box.width / box.height),
        "seconds": np.log(seconds),
        "odd_seconds": abs(np.log(seconds / USUAL_SECONDS)),
        "share": line.frames / film.frames,
        "comes_alone": life.comes_alone,
        "goes_alone": life.goes_alone,
        "comes_at_cut": life.comes_at_cut,
        "goes_at_cut": life.goes_at_cut,
        "is_interrupted": life.is_interrupted,
        "never_changes": life.comes_at_cut and life.goes_at_cut and not life.cuts,
        "cuts": min(life.cuts, 3),
        "floats": np.log1p(life.floats),
        "steadiness": life.steadiness,
        "has_text": bool(line.text),
        "confidence": line.confidence,
        "words": np.log1p(len(line.text.split())),
        "digits": digits / (letters + digits + 1),
        **asdict(line.traits),
        "laid_over": max(line.traits.arrival, line.traits.departure, line.traits.stillness),
    }

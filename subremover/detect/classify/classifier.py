"""Tells subtitles from other lettering: how likely each line of a film is to be one, and why.

First each line is judged by itself (`features`, weighed by `model`). Then the film is judged as a whole: what
is certain tells the style of its subtitles and of its other lettering, and that tells what is not; and lines
of one row or block share their fate, because nobody subtitles half a sentence.
See docs/measurements.md, "detect/classify: learned evidence".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from subremover.detect.classify.company import Company
from subremover.detect.classify.features import GROUPS, Film, measure_features
from subremover.detect.classify.line import Line
from subremover.detect.classify.model import Model
from subremover.plan.model import MOST_REASONS, EventKind

STYLE_ODDS = 2.0
"""Log odds that the verdicts on lines set alike are worth, if there are many and they agree.
See docs/measurements.md, "detect/classify: style"."""
STYLE_ROUNDS = 2
"""How often lines learn from each other."""
REGION_ODDS = 3.0
"""Log odds that the user's word is worth that subtitles stand in a region."""
LEAST_ODDS = 0.3
"""Log odds that a group of features must add to be given as a reason."""
LOGO_SECONDS = 12.0
"""Seconds from which what is laid over the film and no subtitle is a logo: nobody reads for longer."""
FLOATS = 3
"""How often the picture around a line must become another one for the line to count as laid over it;
somebody who passes by changes it twice."""

REASONS: Mapping[str, tuple[str, str]] = {
    "place": ("stands where subtitles stand", "stands where subtitles seldom stand"),
    "size": ("is of a subtitle's size", "is not of a subtitle's size"),
    "time": ("stands for as long as subtitles do", "stands longer or shorter than subtitles do"),
    "coming": ("comes and goes while the picture stays", "comes and goes with the picture"),
    "stillness": ("stands still while the picture moves", "stands no stiller than the picture"),
    "drawing": ("is drawn sharper and more evenly than the picture", "is drawn no sharper than the picture"),
    "colours": ("has a subtitle's colours", "has other colours than subtitles"),
    "words": ("reads as subtitles do", "does not read as subtitles do"),
    "succession": ("follows or is followed in its place", "is not followed in its place"),
    "company": ("stands by itself, or in rows of its own", "stands among much other lettering"),
    "style": ("is set like the film's subtitles", "is set like the film's other lettering"),
    "block": ("belongs to a subtitle", "belongs to other lettering"),
    "region": ("stands in the region given", "stands in the region given"),
}
"""For each group of features, and for what the film as a whole tells: what is said where it speaks for a
subtitle, and where against."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a line was taken for."""

    probability: float
    """How likely it is to be a subtitle, in [0, 1]."""
    kind: EventKind
    reasons: tuple[str, ...]
    """Why, the strongest first."""


def classify(
    lines: Sequence[Line],
    film: Film,
    least_probability: float,
    *,
    has_region: bool,
    model: Model | None = None,
) -> list[Verdict]:
    """Tell what the lines of a film are.

    Args:
        lines: All lines of the film that stood still.
        film: The film.
        least_probability: From which a line is taken for a subtitle, in [0, 1].
        has_region: Whether the user has said where subtitles stand; all lines are then inside.
        model: What weighs their features; None: the one that was learned.

    Returns:
        A verdict for each line.
    """
    if not lines:
        return []
    model = model or Model.load()
    added = model.odds(measure_features(lines, film))
    odds = {group: np.sum([added[name] for name in names], axis=0) for group, names in GROUPS.items()}
    odds["region"] = np.full(len(lines), REGION_ODDS * has_region)
    own = model.bias + np.sum(list(odds.values()), axis=0)
    company = Company(lines, film.width, film.rate)
    odds["style"] = _style_odds(own, company)
    styled = own + odds["style"]
    total = styled.copy()
    for block in company.blocks():
        areas = [lines[i].box.area for i in block]
        total[block] = np.average(styled[block], weights=areas)
    odds["block"] = total - styled
    verdicts = []
    for i, line in enumerate(lines):
        probability = float(1 / (1 + np.exp(-total[i])))
        is_subtitle = probability >= least_probability
        kind: EventKind = "subtitle" if is_subtitle else "logo" if _is_logo(line, film) else "scene"
        its_odds = {group: float(values[i]) for group, values in odds.items()}
        verdicts.append(Verdict(probability, kind, _reasons(its_odds, is_for=total[i] > 0)))
    return verdicts


def _style_odds(own: np.ndarray, company: Company) -> np.ndarray:
    """(n,) what the verdicts on the lines set alike add to those on each line by itself, (n,) log odds."""
    alike = np.stack([company.set_alike(i) for i in range(len(own))])
    style = np.zeros_like(own)
    for _ in range(STYLE_ROUNDS):
        certainty = np.tanh((own + style) / 2)  # -1: certainly none, 1: certainly a subtitle
        style = STYLE_ODDS * (alike @ certainty) / (alike.sum(axis=1) + 1)
    return style


def _reasons(odds: Mapping[str, float], *, is_for: bool) -> tuple[str, ...]:
    """What speaks most for a verdict."""
    sign = 1 if is_for else -1
    strongest = sorted((g for g in odds if sign * odds[g] >= LEAST_ODDS), key=lambda g: -sign * odds[g])
    return tuple(REASONS[group][0 if is_for else 1] for group in strongest[:MOST_REASONS])


def _is_logo(line: Line, film: Film) -> bool:
    """Whether a line that is no subtitle is laid over the film, and stays as logos do."""
    life = line.life
    is_laid_over = bool(
        life.comes_alone or life.goes_alone or life.is_interrupted or life.cuts or life.floats >= FLOATS
    )
    return is_laid_over and line.frames >= min(LOGO_SECONDS * film.rate, film.frames)

"""Tells subtitles from other lettering: how likely each line of a film is to be one, and why.

Two verdicts are made. The first rests on the line itself (`traits`, `Life`), the second on the first ones of
all lines: what is certain tells the film's style, and the style tells what is not. At last lines of one row
or block share their fate, because nobody subtitles half a sentence.
See docs/measurements.md, "detect/classify: learned evidence".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from subremover.detect.classify.features import GROUPS, Film, blocks, company_features, own_features
from subremover.detect.classify.line import Line
from subremover.detect.classify.model import REASONS, Model, load_model
from subremover.plan.model import MOST_REASONS, EventKind

REGION_ODDS = 3.0
"""Log odds that the user's word is worth that subtitles stand in a region."""
LEAST_ODDS = 0.3
"""Log odds that a group of features must add to be given as a reason."""
LOGO_SECONDS = 12.0
"""Seconds from which what is laid over the film and no subtitle is a logo: nobody reads for longer."""
FLOATS = 3
"""How often the picture around a line must become another one for the line to count as laid over it;
somebody who passes by changes it twice."""


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
    model: tuple[Model, Model] | None = None,
) -> list[Verdict]:
    """Tell what the lines of a film are.

    Args:
        lines: All lines of the film that stood still.
        film: The film.
        least_probability: From which a line is taken for a subtitle, in [0, 1].
        has_region: Whether the user has said where subtitles stand; all lines are then inside.
        model: The models of a line's own features and of its company's; None: as they were learned.

    Returns:
        A verdict for each line.
    """
    if not lines:
        return []
    first, second = model or load_model()
    own = first.contributions(own_features(lines, film))
    own_logits = own.sum(axis=1) + first.bias
    company = second.contributions(company_features(lines, film, own_logits))
    logits = company.sum(axis=1) + second.bias + REGION_ODDS * has_region
    for block in blocks(lines, film):
        widths = np.array([lines[i].box.area for i in block], np.float64)
        logits[block] = np.average(logits[block], weights=widths)
    # Of the first verdict as much counts as the second one makes of it.
    weight = second.names.index("own")
    passed = company[:, weight] / np.where(own.sum(axis=1) == 0, 1, own.sum(axis=1))
    added = {name: own[:, k] * passed for k, name in enumerate(first.names)}
    added |= {name: company[:, k] for k, name in enumerate(second.names) if name != "own"}
    verdicts = []
    for i, line in enumerate(lines):
        probability = float(1 / (1 + np.exp(-logits[i])))
        is_subtitle = probability >= least_probability
        kind: EventKind = "subtitle" if is_subtitle else "logo" if _is_logo(line, film) else "scene"
        reasons = _reasons({name: float(values[i]) for name, values in added.items()}, logits[i] > 0)
        verdicts.append(Verdict(probability, kind, reasons))
    return verdicts


def _reasons(added: dict[str, float], is_for: bool) -> tuple[str, ...]:
    """What the groups of features say that speak most for a verdict."""
    sign = 1 if is_for else -1
    odds = {group: sign * sum(added[name] for name in names) for group, names in GROUPS.items()}
    strongest = sorted((g for g in odds if odds[g] >= LEAST_ODDS), key=lambda g: -odds[g])
    return tuple(REASONS[group][0 if is_for else 1] for group in strongest[:MOST_REASONS])


def _is_logo(line: Line, film: Film) -> bool:
    """Whether a line that is no subtitle is laid over the film, and stays as logos do."""
    life = line.life
    is_laid_over = bool(
        life.comes_alone or life.goes_alone or life.is_interrupted or life.cuts or life.floats >= FLOATS
    )
    return is_laid_over and line.frames >= min(LOGO_SECONDS * film.rate, film.frames)

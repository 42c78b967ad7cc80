"""Joins what was followed twice: one line whose track broke where the picture behind it took its contrast."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from subremover.detect.classify.line import Line
from subremover.geometry import bounding_box, draw_mask

LEAST_COMMON = 3
"""Least number of frames that two tracks of one line share; cues that follow each other share none."""
SAME_STROKES = 0.5
"""Least common share of the strokes of two tracks of one line, of the fewer of them."""
SAME_BOX = 0.7
"""Least common share of their boxes, of the larger of them."""


def merge_broken(lines: Iterable[Line]) -> list[Line]:
    """Join lines that share frames, their place and their strokes.

    Args:
        lines: All lines of a film.

    Returns:
        The lines, by first frame; one that was followed in parts has all its frames and all its strokes.
    """
    merged: list[Line] = []
    for line in sorted(lines, key=lambda n: (n.first, n.box.y, n.box.x)):
        for place in range(len(merged) - 1, -1, -1):
            if _are_same(merged[place], line):
                merged[place] = _join(merged[place], line)
                break
        else:
            merged.append(line)
    return merged


def _are_same(one: Line, other: Line) -> bool:
    """Whether two lines are one."""
    if min(one.last, other.last) - max(one.first, other.first) + 1 < LEAST_COMMON:
        return False
    common = one.box.intersect(other.box)
    if not common or common.area < SAME_BOX * max(one.box.area, other.box.area):
        return False
    inside = one.stroke_box.intersect(other.stroke_box)
    if not inside:
        return False
    first, second = (n.strokes[inside.shift(-n.stroke_box.x, -n.stroke_box.y).slices] for n in (one, other))
    least = min(int(one.strokes.sum()), int(other.strokes.sum()))
    return int((first & second).sum()) >= SAME_STROKES * least


def _join(one: Line, other: Line) -> Line:
    """One line of two; what was seen longer tells its looks."""
    early, late = (one, other) if one.first <= other.first else (other, one)
    final = one if one.last >= other.last else other
    longest = max((one, other), key=lambda n: n.frames)
    last = max(one.last, other.last)
    opacities = np.zeros(last - early.first + 1, np.float32)
    for line in (one, other):
        span = slice(line.first - early.first, line.last - early.first + 1)
        opacities[span] = np.maximum(opacities[span], line.opacities)
    # Where one part fades out as the other fades in, the line stands.
    opacities[late.first - early.first : min(one.last, other.last) - early.first + 1] = 1
    box = bounding_box([one.stroke_box, other.stroke_box])
    strokes = draw_mask(one.strokes, one.stroke_box, box) | draw_mask(other.strokes, other.stroke_box, box)
    life = replace(
        longest.life,
        comes_alone=early.life.comes_alone,
        comes_at_cut=early.life.comes_at_cut,
        goes_alone=final.life.goes_alone,
        goes_at_cut=final.life.goes_at_cut,
        cuts=max(one.life.cuts, other.life.cuts),
        floats=one.life.floats + other.life.floats,
        steadiness=max(one.life.steadiness, other.life.steadiness),
    )
    traits = replace(longest.traits, arrival=early.traits.arrival, departure=final.traits.departure)
    read = max((one, other), key=lambda n: (bool(n.text), n.confidence, n.frames))
    return replace(
        longest,
        first=early.first,
        last=last,
        stroke_box=box,
        strokes=strokes,
        opacities=opacities,
        text=read.text,
        confidence=read.confidence,
        letterings=read.letterings or longest.letterings,
        life=life,
        traits=traits,
    )

"""Cuts lettering in flux into states: a row of text for as long as all of it stands still.

Where the rows are is told by the text detector, on every frame; whether a row is still the same, by its own
edges, chunk by chunk, so that one more letter makes another state. Strokes are marked elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from subremover.detect.tracking.presence import edge_vectors
from subremover.geometry import Box, bounding_box

STRONG = 0.35
"""Share of a row's strong edges from which an edge is compared; what is behind the lettering is fainter."""
FULL = 0.3
"""Share of the usual weight of a chunk's edges from which it counts; the others hold no lettering."""
SAME = 0.5
"""Least share of a chunk's edges that the next frame must show."""
MOVED = 0.05
"""By how much better a row must fit some px off to have moved there; by a px, letters lose 0.1 and more."""
LACKING = 0.15
"""Share of a chunk's fill, or of half of a usual chunk's, up to which it may be off: coding changes it."""
EXTENT = 0.15
"""How far the detector may see a row that stands reach on another frame, as a share of its height."""
MISSED_FRAMES = 3
"""Frames on which the detector may miss a row that its edges say is there."""


@dataclass(slots=True)
class State:
    """A row that stands still."""

    first: int
    """Number of the first frame, counted from the first one that was given."""
    last: int
    """Likewise, of the last one."""
    box: Box
    """Around all that was detected of it."""
    missed: int = 0
    """Latest frames, one after the other, on which it was not detected."""


IsSame = Callable[[int, int, Box, bool], bool]
"""Whether two frames, by their numbers, show the same lettering in a box, none of it more and none less; the
last argument says whether the detector sees it from the same to the same px, so that its fill may tell."""


def find_states(rows_of: Sequence[Sequence[Box]], is_same: IsSame) -> list[State]:
    """Cut rows of text into states.

    Args:
        rows_of: The rows of text on frames that follow each other.
        is_same: Compares two of the frames.

    Returns:
        The states, by first frame.
    """
    done: list[State] = []
    active: list[State] = []
    for number, rows_here in enumerate(rows_of):
        rows = list(rows_here)
        going: list[State] = []
        for state in active:
            near = [row for row in rows if _is_row_of(row, state.box)]
            whole = bounding_box([state.box, *near])
            slack_px = EXTENT * state.box.height
            keeps = bool(near) and _farthest(bounding_box(near), state.box) <= slack_px
            stands = all(is_same(before, number, whole, keeps) for before in {number - 1, state.first})
            state.missed = 0 if near else state.missed + 1
            if not stands or state.missed > MISSED_FRAMES:
                done.append(state)
                continue
            state.last, state.box = number, whole
            rows = [row for row in rows if not any(row is n for n in near)]
            going.append(state)
        active = going + [State(number, number, row) for row in rows]
    for state in done + active:
        state.last -= state.missed if state in active else 0
    return sorted(done + active, key=lambda s: (s.first, s.box.y, s.box.x))


def _farthest(one: Box, other: Box) -> float:
    """How far apart, in px, the sides of two boxes are at the most."""
    sides = zip(
        (one.x, one.y, one.right, one.bottom), (other.x, other.y, other.right, other.bottom), strict=True
    )
    return max(abs(a - b) for a, b in sides)


def join_rows(boxes: Sequence[Box]) -> list[Box]:
    """Lines of one frame, pieces of a row joined."""
    left = sorted(boxes, key=lambda b: b.x)
    rows: list[Box] = []
    for box in left:
        for place, row in enumerate(rows):
            if _is_row_of(box, row):
                rows[place] = bounding_box([row, box])
                break
        else:
            rows.append(box)
    return rows


def have_same_edges(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two pictures of a row show the same lettering, told by its edges.

    Args:
        one: (h, w) uint8, luma.
        other: Likewise.
    """
    first, second = (edge_vectors(np.ascontiguousarray(luma)) for luma in (one, other))
    return _shows(first, second) and _shows(second, first)


def has_moved(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether a row has gone some px up, down or aside.

    Args:
        one: (h, w) uint8, luma.
        other: The same place on another frame, with some px more on all sides.
    """
    fits = cv2.matchTemplate(other, one, cv2.TM_CCOEFF_NORMED)
    height, width = fits.shape
    return bool(fits.max() > float(fits[height // 2, width // 2]) + MOVED)


def have_same_fill(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two masks show the same lettering, told by its fill; where the picture behind it runs on.

    Args:
        one: (h, w) bool, what has the colour of the captions.
        other: Likewise.
    """
    if not one.any() or not other.any():
        return False
    return _lacks(one, other) < LACKING and _lacks(other, one) < LACKING


def _lacks(fill: np.ndarray, other: np.ndarray) -> float:
    """Greatest share, over the chunks of a usual fill, that another one lacks."""
    lacks = fill & ~cv2.dilate(other.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    height, width = fill.shape
    step = max(4, height // 2)
    starts = np.arange(0, max(1, width - step // 2), step // 2)
    sums = np.pad(np.stack([fill.sum(axis=0), lacks.sum(axis=0)]).cumsum(axis=1), ((0, 0), (1, 0)))
    count, lacking = sums[:, np.minimum(starts + step, width)] - sums[:, starts]
    usual = float(np.median(count[count > 0]))
    return float((lacking / np.maximum(count, 0.5 * usual)).max())


def _shows(vectors: np.ndarray, others: np.ndarray) -> bool:
    """Whether all chunks of (2, h, w) edge vectors show in others."""
    strength = np.hypot(*vectors)
    level = STRONG * float(np.percentile(strength, 97))
    weights = np.where(strength > max(level, 1e-3), strength, 0)
    shares = (vectors * others).sum(axis=0) / np.maximum(strength**2, 1e-6)
    shown = np.clip(shares, -1, 1) * weights
    height, width = strength.shape
    step = max(4, height // 2)
    starts = np.arange(0, max(1, width - step // 2), step // 2)  # chunks lie half over each other
    columns = np.stack([weights.sum(axis=0), shown.sum(axis=0)])
    sums = np.pad(columns.cumsum(axis=1), ((0, 0), (1, 0)))
    weight, present = sums[:, np.minimum(starts + step, width)] - sums[:, starts]
    is_full = weight > FULL * max(float(np.median(weight)), 1e-6)
    return bool((present[is_full] >= SAME * weight[is_full]).all())


def _is_row_of(one: Box, row: Box) -> bool:
    """Whether a box is part of a row: at its height, and no farther off than a wide space."""
    low = min(one.height, row.height)
    common = min(one.bottom, row.bottom) - max(one.y, row.y)
    gap = max(one.x, row.x) - min(one.right, row.right)
    return common > 0.5 * low and gap < 1.2 * low

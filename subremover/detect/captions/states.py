"""Cuts lettering in flux into states: a row of text for as long as all of it stands still.

Where the rows are is told by the text detector, on every frame; whether a row is still the same, by its own
edges, chunk by chunk, so that one more letter makes another state. Strokes are marked elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from subremover.detect.tracking.presence import edge_vectors
from subremover.geometry import Box, bounding_box

STRONG = 0.35
"""Share of a row's strong edges from which an edge is compared; what is behind the lettering is fainter."""
FULL = 0.4
"""Share of the usual weight of a chunk's edges from which it counts; the others hold no lettering."""
SAME = 0.5
"""Least share of a chunk's edges that the next frame must show."""
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


def find_states(lumas: Sequence[np.ndarray], boxes: Sequence[Sequence[Box]]) -> list[State]:
    """Cut rows of text into states.

    Args:
        lumas: (h, w) uint8 each, the same part of frames that follow each other.
        boxes: The lines that the detector finds on each, in px of that part.

    Returns:
        The states, by first frame.
    """
    done: list[State] = []
    active: list[State] = []
    for number, luma in enumerate(lumas):
        rows = join_rows(boxes[number])
        going: list[State] = []
        for state in active:
            near = [row for row in rows if _is_row_of(row, state.box)]
            whole = bounding_box([state.box, *near])
            is_same = is_same_row(lumas[number - 1], luma, whole) and is_same_row(
                lumas[state.first], luma, whole
            )
            state.missed = 0 if near else state.missed + 1
            if not is_same or state.missed > MISSED_FRAMES:
                done.append(state)
                continue
            state.last, state.box = number, whole
            rows = [row for row in rows if not any(row is n for n in near)]
            going.append(state)
        active = going + [State(number, number, row) for row in rows]
    for state in done + active:
        state.last -= state.missed if state in active else 0
    return sorted(done + active, key=lambda s: (s.first, s.box.y, s.box.x))


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


def is_same_row(one: np.ndarray, other: np.ndarray, box: Box) -> bool:
    """Whether two frames show the same lettering in a box, none of it more and none less.

    Args:
        one: (h, w) uint8, luma.
        other: Likewise.
        box: In their px.
    """
    first, second = (edge_vectors(np.ascontiguousarray(luma[box.slices])) for luma in (one, other))
    return _shows(first, second) and _shows(second, first)


def _shows(vectors: np.ndarray, others: np.ndarray) -> bool:
    """Whether all chunks of (2, h, w) edge vectors show in others."""
    strength = np.hypot(*vectors)
    level = STRONG * float(np.percentile(strength, 97))
    weights = np.where(strength > max(level, 1e-3), strength, 0)
    shares = (vectors * others).sum(axis=0) / np.maximum(strength**2, 1e-6)
    shown = np.clip(shares, -1, 1) * weights
    height, width = strength.shape
    step = max(4, height // 2)
    starts = np.arange(0, width, step)
    weight = np.add.reduceat(weights.sum(axis=0), starts)
    present = np.add.reduceat(shown.sum(axis=0), starts)
    is_full = weight > FULL * float(np.median(weight[weight > 0])) if (weight > 0).any() else weight > 0
    return bool((present[is_full] >= SAME * weight[is_full]).all())


def _is_row_of(one: Box, row: Box) -> bool:
    """Whether a box is part of a row: at its height, and no farther off than a wide space."""
    low = min(one.height, row.height)
    common = min(one.bottom, row.bottom) - max(one.y, row.y)
    gap = max(one.x, row.x) - min(one.right, row.right)
    return common > 0.5 * low and gap < 1.2 * low

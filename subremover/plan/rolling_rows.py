"""Captions that roll up: their rows move up by one when a new one comes, and each is to be taken once."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from subremover.geometry import Box, bounding_box
from subremover.plan.cue_states import MOST_AT_ONCE, State, in_order
from subremover.plan.cue_text import fold, is_same_text

ROLL_SECONDS = 0.5
"""A row takes no longer to move up."""
NEXT_SECONDS = 10.0
"""Within so long another one moves: a single row may by chance be said again above its place."""
MOVED_ROWS, MOST_ROWS = 0.5, 1.8
"""By how much a row moves up, at least and at the most; in row heights."""
LEAST_LETTERS = 2
"""Of a row that is followed."""


@dataclass(slots=True, eq=False)
class _Row:
    """One row of a state."""

    state: State
    text: str
    box: Box
    moved: _Row | None = None
    """This row when it had just moved up here; None: it has not moved."""


def leave_out_rolled(states: Iterable[State], times: np.ndarray) -> list[State]:
    """States without the rows that have moved up from below, where captions roll.

    What is left has each row where it was seen first, until the next one comes.

    Args:
        states: In any order.
        times: (frame_count + 1,) float64, seconds of each frame and of the end of the last.
    """
    states = in_order(states)
    rows_of = [list(_cut(state)) for state in states]
    moves = _find_moves(rows_of, times)
    rolled = {id(row) for row in moves if any(_go_on(row, other, times) for other in moves)}
    kept = []
    for state, rows in zip(states, rows_of, strict=True):
        new = [row for row in rows if id(row.moved) not in rolled]
        if len(new) < len(rows):
            text, box = "\n".join(row.text for row in new), [row.box for row in new]
            kept += [replace(state, text=text, box=bounding_box(box))] if new else []
        else:
            kept.append(state)
    return kept


def _cut(state: State) -> Iterator[_Row]:
    """The rows of a state, which share its height evenly."""
    texts, box = state.text.split("\n"), state.box
    edges = np.linspace(box.y, box.bottom, len(texts) + 1).round().astype(int).tolist()
    for text, (top, bottom) in zip(texts, itertools.pairwise(edges), strict=True):
        yield _Row(state, text, Box(box.x, top, box.width, max(1, bottom - top)))


def _find_moves(rows_of: Sequence[Sequence[_Row]], times: np.ndarray) -> list[_Row]:
    """Rows that have just moved up; they and what they go on as are marked."""
    moves: list[_Row] = []
    recent: list[_Row] = []
    for rows in rows_of:
        now = times[rows[0].state.first]
        recent = [row for row in recent if times[row.state.last + 1] >= now - ROLL_SECONDS]
        for row in rows:
            for before in reversed(recent):
                rise = _find_rise(before, row)
                if rise is None:
                    continue
                if rise > MOVED_ROWS:
                    row.moved = row
                    moves.append(row)
                elif before.moved is not None:
                    row.moved = before.moved
                break
        recent += [row for row in rows if len(fold(row.text)) >= LEAST_LETTERS]
        recent = recent[-MOST_AT_ONCE:]
    return moves


def _find_rise(before: _Row, row: _Row) -> float | None:
    """By how many row heights a row stands above the one that it was; None where it is another row."""
    height = min(before.box.height, row.box.height)
    rise = (before.box.y + before.box.bottom - row.box.y - row.box.bottom) / 2 / height
    is_over = before.box.x < row.box.right and row.box.x < before.box.right
    follows = before.state.first < row.state.first and before.state.last < row.state.last
    is_near = is_over and follows and -MOVED_ROWS <= rise <= MOST_ROWS
    return rise if is_near and is_same_text(before.text, row.text) else None


def _go_on(row: _Row, other: _Row, times: np.ndarray) -> bool:
    """Whether two rows move up one after the other."""
    one, two = row.state.first, other.state.first
    is_over = row.box.x < other.box.right and other.box.x < row.box.right
    return is_over and one != two and abs(times[one] - times[two]) <= NEXT_SECONDS

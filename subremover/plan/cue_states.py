"""What of a plan's events cues are made of: lettering that says one thing at one place for a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from subremover.geometry import Box, bounding_box
from subremover.plan.cue_text import clean_text, fold, is_right_to_left, is_same_text, join_words
from subremover.plan.cues import Alignment
from subremover.plan.model import Colour, Event

FEW_FRAMES = 3
"""For so long a caption may be gone, or its rows come and go apart, and it is still the same."""
LATE_FRAMES = 48
"""So much later than the word before it may one come that then stays as long."""
MOST_AT_ONCE = 100
"""Pieces of lettering that are looked at together; what stands beside still more of it is no subtitle."""
BESIDE_ROWS, BELOW_ROWS = 4.0, 0.8
"""How far apart two pieces of a row may stand, and two rows of a block; in row heights."""

FLUSH = 0.3
"""How far apart the sides of rows may be that are flush, as a share of how far apart their middles are."""


@dataclass(frozen=True, slots=True)
class State:
    """Lettering that says one thing at one place for a time."""

    first: int
    last: int
    box: Box
    text: str
    """Clean; empty where it was not read."""
    colour: Colour | None
    alignment: Alignment
    frames: int
    """On which the text was read."""
    reach: int
    """Last frame to which lettering that was not read carries it on."""

    @classmethod
    def of(cls, event: Event) -> State:
        """What an event shows."""
        text = clean_text(event.text)
        return cls(
            event.first,
            event.last,
            event.box,
            text,
            event.colour,
            _find_alignment(event.strokes, text.count("\n") + 1),
            frames=event.last - event.first + 1,
            reach=event.last,
        )

    @property
    def row_px(self) -> float:
        """Height of a row."""
        return self.box.height / (self.text.count("\n") + 1)

    def join(self, other: State, text: str) -> State:
        """Both as one that says this."""
        last = max(self.last, other.last)
        return replace(
            self,
            first=min(self.first, other.first),
            last=last,
            box=bounding_box([self.box, other.box]),
            text=text,
            colour=self.colour or other.colour,
            reach=last,
        )

    def take_up(self, other: State) -> State:
        """Both as one, where they say the same: as the one that was longer on screen has it."""
        longer, shorter = (other, self) if other.frames > self.frames else (self, other)
        return replace(longer.join(shorter, longer.text), box=longer.box)


def in_order(states: Iterable[State]) -> list[State]:
    """By time, then from top to bottom."""
    return sorted(states, key=lambda state: (state.first, state.box.y, state.box.x))


def join_at_once(states: Iterable[State], join: Callable[[State, State], State | None]) -> list[State]:
    """States some of which stand at once, those joined of which `join` makes one."""
    kept: list[State] = []
    active: list[int] = []
    for state in in_order(states):
        active = [place for place in active if kept[place].last >= state.first][-MOST_AT_ONCE:]
        for place in active:
            joined = join(kept[place], state)
            if joined is not None:
                kept[place] = joined
                break
        else:
            active.append(len(kept))
            kept.append(state)
    return kept


def join_doubles(one: State, other: State) -> State | None:
    """What was found twice, as one: at one place, with one text or a piece of it; None where it was not."""
    common = one.box.intersect(other.box)
    if not one.text or not other.text or common is None:
        return None
    if 2 * common.area < min(one.box.area, other.box.area):
        return None
    if is_same_text(one.text, other.text):
        return one.take_up(other)
    overlap = min(one.last, other.last) - max(one.first, other.first) + 1
    for whole, piece in ((one, other), (other, one)):
        if fold(piece.text) in fold(whole.text) and 2 * overlap >= piece.last - piece.first + 1:
            return whole
    return None


def join_beside(one: State, other: State) -> State | None:
    """Two pieces of a row that go at once, as one; the second may come later, as words do that stay."""
    if not one.text or not other.text or "\n" in one.text + other.text:
        return None
    left, right = sorted((one, other), key=lambda state: state.box.x)
    gap = right.box.x - left.box.right
    is_row = are_in_row(one.box, other.box) and -FEW_FRAMES <= gap <= BESIDE_ROWS * one.row_px
    if not is_row or abs(one.last - other.last) > FEW_FRAMES:
        return None
    before, after = (right, left) if is_right_to_left(one.text + other.text) else (left, right)
    late = after.first - before.first
    return (
        before.join(after, join_words(before.text, after.text))
        if -FEW_FRAMES <= late <= LATE_FRAMES
        else None
    )


def join_below(one: State, other: State) -> State | None:
    """Two rows, or blocks of them, one right below the other that come and go at once, as one."""
    if abs(one.first - other.first) > FEW_FRAMES or abs(one.last - other.last) > FEW_FRAMES:
        return None
    upper, lower = sorted((one, other), key=lambda state: state.box.y + state.box.bottom)
    row_px = min(upper.row_px, lower.row_px)
    gap = lower.box.y - upper.box.bottom
    is_over = upper.box.x < lower.box.right and lower.box.x < upper.box.right
    if not is_over or not -0.5 * row_px <= gap <= BELOW_ROWS * row_px:
        return None
    edges = np.array([(state.box.x, state.box.right) for state in (upper, lower)])
    joined = upper.join(lower, f"{upper.text}\n{lower.text}")
    return replace(joined, alignment=find_flush_side(edges))


def are_in_row(one: Box, other: Box) -> bool:
    """Whether two boxes stand at one height."""
    common = min(one.bottom, other.bottom) - max(one.y, other.y)
    return 2 * common >= min(one.height, other.height)


def find_flush_side(edges: np.ndarray) -> Alignment:
    """On which side rows are flush.

    Args:
        edges: (rows, 2) int, first and last column of each.
    """
    lefts, rights = edges.T
    spread: dict[Alignment, float] = {"left": float(np.ptp(lefts)), "right": float(np.ptp(rights))}
    side = min(spread, key=lambda side: spread[side])
    return side if spread[side] < FLUSH * float(np.ptp(lefts + rights)) / 2 else "centre"


def _find_alignment(strokes: np.ndarray, rows: int) -> Alignment:
    """On which side rows are flush, told by their (h, w) bool strokes; a row alone is as good as centred."""
    if rows == 1:
        return "centre"
    edges = []
    for band in np.array_split(strokes, rows):
        quarter = len(band) // 4  # above and below, where letters of the next row may reach to
        columns = np.flatnonzero(band[quarter : len(band) - quarter].any(axis=0))
        if not len(columns):
            return "centre"
        edges.append((columns[0], columns[-1]))
    return find_flush_side(np.array(edges))

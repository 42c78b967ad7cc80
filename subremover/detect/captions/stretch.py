"""Frames of a zone that are looked at together: where text is on each, and what shows what is behind it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np

from subremover.detect.captions.looks import has_colour
from subremover.detect.captions.states import State, has_moved, have_same_edges, have_same_fill
from subremover.detect.masking.gradient import disc, mark_strokes
from subremover.detect.masking.strokes import Clear
from subremover.geometry import Box, draw_boxes

CLEAR_COUNT, SOURCE_COUNT = 1, 2
"""Most frames without lettering, and most frames with other lettering before the first of these, that show on
one side of a state what is behind it."""
SHIFT_PX = 3
"""How far off a row is looked for that has moved since the last frame, in px each way."""
MOST_FILL = 0.5
"""Greatest share of a row's box that its fill takes."""
NEAR = 8
"""Frames up to which a clear one is better than those with other lettering before it."""
SOURCE_STEP, SOURCE_REACH = 3, 48
"""Least frames between two of the latter; and how many frames off all of them may be."""


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Frames of a zone that follow each other."""

    first: int
    """Index of the first one; all others are named by their number, counted from it."""
    pictures: list[np.ndarray]
    """(h, w, 3) uint8, RGB, the zone on each."""
    rows: list[list[Box]]
    """Rows of text on each, in px of the zone."""
    cuts: list[int]
    """Frames that begin a shot."""
    is_boxed: bool
    """Whether the lettering stands on a drawn box."""
    fills: list[np.ndarray]
    """(3,) each, colours that the captions' fill is known to have."""
    marked: dict[int, np.ndarray] = field(default_factory=dict)
    """(h, w) bool by frame: what `lettering` has marked already."""

    def is_same(self, one: int, other: int, box: Box, by_fill: bool) -> bool:
        """Whether two frames show the same lettering in a box, none of it more and none less.

        Args:
            one: Number of a frame.
            other: Likewise.
            box: In px of the zone.
            by_fill: Whether the fill may tell it, where the edges of what runs on behind hide it.
        """
        height, width = self.pictures[one].shape[:2]
        room = Box(SHIFT_PX, SHIFT_PX, width - 2 * SHIFT_PX, height - 2 * SHIFT_PX)
        if (inner := box.intersect(room)) is None:
            return False
        around = inner.grow(SHIFT_PX, SHIFT_PX)
        if has_moved(_luma(self.pictures[one], inner), _luma(self.pictures[other], around)):
            return False
        if have_same_edges(_luma(self.pictures[one], box), _luma(self.pictures[other], box)):
            return True
        first, second = self.pictures[one][box.slices], self.pictures[other][box.slices]
        fills = self.fills if by_fill else []
        masks = ((has_colour(first, fill), has_colour(second, fill)) for fill in fills)
        # What is everywhere is the picture's colour, too.
        return any(max(a.mean(), b.mean()) < MOST_FILL and have_same_fill(a, b) for a, b in masks)

    def lettering(self, number: int) -> np.ndarray:
        """(h, w) bool, what may be lettering on a frame, outlines and box included."""
        if number not in self.marked:
            picture = self.pictures[number]
            marked = np.zeros(picture.shape[:2], bool)
            for row in self.rows[number]:
                reach_px = max(3, row.height // 4)
                part = row.grow(reach_px, reach_px).clip(picture.shape[1], picture.shape[0])
                marked[part.slices] |= self.is_boxed or _grow(mark_strokes(picture[part.slices]))
            self.marked[number] = marked
        return self.marked[number]

    def find_clear(self, state: State, crop: Box) -> Iterator[Clear]:
        """Frames on the two sides of a state that show what is behind it.

        Args:
            state: One of the zone's.
            crop: The state with its surroundings, in px of the zone.
        """
        before = range(state.first - 1, max(-1, state.first - SOURCE_REACH), -1)
        after = range(state.last + 1, min(len(self.pictures), state.last + SOURCE_REACH))
        for numbers, edge in ((before, state.first), (after, state.last)):
            if chosen := self._find_sources(numbers, edge, crop, state.box):
                yield Clear(
                    np.stack([self.pictures[n][crop.slices] for n in chosen]),
                    self.pictures[edge][crop.slices][None],
                    ~np.stack([self.lettering(n)[crop.slices] for n in chosen]),
                )

    def _find_sources(self, numbers: Iterable[int], edge: int, crop: Box, line: Box) -> list[int]:
        """Frames of one shot that show what is behind a line: clear ones, and those with other lettering.

        Args:
            numbers: To choose from, the nearest first.
            edge: The line's frame that is nearest to them.
            crop: What is shown, in px of the zone.
            line: The line.
        """
        clear: list[int] = []
        others: list[int] = []
        left = draw_boxes([line], crop)
        least = 0.1 * left.sum()
        for number in numbers:
            if any(min(edge, number) < cut <= max(edge, number) for cut in self.cuts):
                break
            if not any(row.intersect(crop) for row in self.rows[number]):
                clear.append(number)
                if len(clear) == CLEAR_COUNT:
                    break
            is_due = not others or abs(number - others[-1]) >= SOURCE_STEP
            if clear or not is_due or len(others) == SOURCE_COUNT:
                continue
            shows = left & ~self.lettering(number)[crop.slices]
            if shows.sum() > least:
                others.append(number)
                left &= ~shows
        # Where the picture moves on, a box comes and goes with the lettering only from one frame to the next.
        is_near = self.is_boxed or not others or (clear and abs(clear[0] - edge) <= NEAR)
        return [*clear, *others] if is_near else [*others, *clear]


def _luma(picture: np.ndarray, box: Box) -> np.ndarray:
    """(h, w) uint8, the luma of a part of an (H, W, 3) uint8 picture."""
    luma: np.ndarray = cv2.cvtColor(picture[box.slices], cv2.COLOR_RGB2GRAY)
    return luma


def _grow(strokes: np.ndarray) -> np.ndarray:
    """(h, w) bool, strokes with an outline that has no contrast."""
    grown: np.ndarray = cv2.dilate(strokes.astype(np.uint8), disc(2)).astype(bool)
    return grown

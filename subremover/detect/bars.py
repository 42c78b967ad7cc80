"""Finds the black bars of a film: letterbox above and below, pillarbox at the sides.

A bar is lit in no frame, wherever no lettering is known to lie on it; and where it ends the film begins at
once, on a straight line. A dark picture may do the one or the other, hardly both.
See docs/measurements.md, "detect/bars: what is a bar".
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from subremover.geometry import Box
from subremover.plan.model import Event

STRIDE_FRAMES = 4
"""Every so many frames are looked at."""
BLOCK_PX = 16
"""Levels are averaged over so many px along a bar: noise and ringing go, and its edge stays where it is."""
MOST_BLACK = 24
"""Greatest level of a bar; black is 16, or 0 in full range."""
FLAT, LIT = 6, 20
"""Levels up to which a block is as black as the bar, and from which it is lit."""
RIM_PX = 2
"""Rows between bar and picture that may be half lit, as in a film that was scaled."""
WHOLLY_LIT = 0.8
"""Share of the next row's light from which a row is no such half-lit one."""
LEAST_BLACK, LEAST_LIT = 0.95, 0.75
"""Share of a bar's row that must be black, as there may be lettering that no event tells of; and share of the
film's first row that must be lit, of the columns that ever are."""
LEAST_LIT_OPPOSITE = 0.25
"""The latter for a bar as wide as one that is sure, on the other side."""
LIT_ROWS = 0.05
"""How far from the bar on the film must be lit as its first row is, in picture heights or widths."""
LEAST_WIDTH, LEAST_ALIVE = 0.5, 0.25
"""Share of the columns that must ever be lit, and of the rows in which they are."""
LEAST_BAR, MOST_BAR = 0.01, 0.35
"""Size of a bar, in picture heights or widths."""
HALO_PX = 8
"""Around the strokes of events, where coding has smeared them; nothing is looked for there."""


class BarFinder:
    """Finds the active picture of a film; is fed all frames in order."""

    def __init__(self) -> None:
        """Begin before the first frame."""
        self._count = 0
        self._rows: np.ndarray = np.zeros((0, 0), np.uint8)
        """(H, blocks) uint8, the greatest level that each has ever been at."""
        self._columns = self._rows
        """(W, blocks) uint8, likewise."""
        self._size = 0, 0

    def feed(self, luma: np.ndarray) -> None:
        """Take the next frame.

        Args:
            luma: (H, W) uint8, of the same size as those before.
        """
        self._count += 1
        if (self._count - 1) % STRIDE_FRAMES:
            return
        height, width = self._size = luma.shape
        across, down = (max(1, side // BLOCK_PX) for side in (width, height))
        rows = cv2.resize(luma, (across, height), interpolation=cv2.INTER_AREA)
        columns = cv2.resize(luma, (width, down), interpolation=cv2.INTER_AREA).T
        is_first = self._count == 1
        self._rows = rows if is_first else np.maximum(self._rows, rows)
        self._columns = columns if is_first else np.maximum(self._columns, columns)

    def find(self, events: Sequence[Event]) -> Box | None:
        """The active picture of all frames so far.

        Args:
            events: What lies over the film, removed or not.

        Returns:
            What is lit wholly, in the upright picture; None where there are no bars, or none for sure.
        """
        height, width = self._size
        if not self._count:
            return None
        covered = np.zeros((height, width), np.uint8)
        for event in events:
            covered[event.box.slices] |= event.strokes
        halo = np.ones((2 * HALO_PX + 1, 2 * HALO_PX + 1), np.uint8)
        seen = (1 - cv2.dilate(covered, halo)) * np.uint8(255)
        seen_rows, seen_columns = (
            cv2.resize(plane, (levels.shape[1], levels.shape[0]), interpolation=cv2.INTER_AREA) == 255
            for plane, levels in ((seen, self._rows), (np.ascontiguousarray(seen.T), self._columns))
        )
        top, bottom = _measure_bars(self._rows, seen_rows)
        left, right = _measure_bars(self._columns, seen_columns)
        if not (top or bottom or left or right):
            return None
        return Box(left, top, width - left - right, height - top - bottom)


def _measure_bars(most: np.ndarray, is_seen: np.ndarray) -> tuple[int, int]:
    """Rows of the bar at the first row and of the one at the last row; see `_measure_bar`."""
    ways = [(most[::way], is_seen[::way]) for way in (1, -1)]
    first, last = (_measure_bar(*way, LEAST_LIT) for way in ways)
    if bool(first) != bool(last):
        likely = _measure_bar(*ways[first > 0], LEAST_LIT_OPPOSITE)
        if abs(likely - max(first, last)) <= RIM_PX:
            return (first, likely) if first else (likely, last)
    return first, last


def _measure_bar(most: np.ndarray, is_seen: np.ndarray, least_lit: float) -> int:
    """How many rows there are to the first one that is wholly film; 0 where there is no bar.

    Args:
        most: (n, blocks) uint8, the greatest level of each, by rows from the picture's border inwards.
        is_seen: (n, blocks) bool, False where lettering was.
        least_lit: Share of the first row of the film that must be lit.
    """
    side = len(most)
    least, greatest = max(RIM_PX + 2, round(LEAST_BAR * side)), round(MOST_BAR * side)
    if not is_seen[0].any() or (black := float(np.median(most[0][is_seen[0]]))) > MOST_BLACK:
        return 0
    light = most - np.float32(black)
    is_lit = (light > LIT) & is_seen
    alive = is_lit.mean(axis=0) > LEAST_ALIVE
    if alive.mean() < LEAST_WIDTH:
        return 0
    lit = _share_seen(is_lit[:, alive], is_seen[:, alive])
    first = int(np.argmax(lit >= least_lit))
    if not least <= first <= greatest or lit[first : first + round(LIT_ROWS * side)].mean() < least_lit:
        return 0
    if _share_seen((light <= FLAT) & is_seen, is_seen)[: first - RIM_PX].min() < LEAST_BLACK:
        return 0
    for _ in range(RIM_PX):
        use = alive & is_lit[first + 1] & is_seen[first]
        if not use.any() or np.median(light[first][use] / light[first + 1][use]) >= WHOLLY_LIT:
            break
        first += 1
    return first


def _share_seen(is_so: np.ndarray, is_seen: np.ndarray) -> np.ndarray:
    """(n,) share of what is seen of each row that is so; 0 where nothing is."""
    share: np.ndarray = is_so.sum(axis=1) / np.maximum(is_seen.sum(axis=1), 1)
    return share

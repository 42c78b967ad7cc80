"""Finds the cuts, where one shot ends and the next begins."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np

from subremover.plan.model import Shot

SIZE = (48, 27)
"""Width and height in px that all pictures are scaled to: what shakes and shimmers is gone then."""
LEAST_CHANGE = 10.0
"""Least mean change of the picture at a cut, in levels; nobody sees a smaller one."""
SAME = 0.8
"""Correlation of two pictures above which they show one scene; a flash or a fade changes the level of a
picture, not its layout."""
FLASH_FRAMES = 3
"""Frames within which the old picture may come back; the cut was then only a flash."""


class CutDetector:
    """Tells which frames begin a new shot; is fed all frames in order."""

    def __init__(self) -> None:
        """Begin before the first frame."""
        self.cuts: list[int] = []
        """First frames of all shots but the first."""
        self._previous: np.ndarray | None = None
        self._before_cut: np.ndarray | None = None
        self._recent: deque[float] = deque(maxlen=12)

    def feed(self, index: int, luma: np.ndarray) -> bool:
        """Take the next frame, and tell whether it begins a new shot.

        A cut changes most of the picture at once: by more than motion did lately, and so that what was
        there before no longer correlates with what is. A cut that turns out to be a flash is taken back.

        Args:
            index: Of the frame.
            luma: (h, w) uint8, at any scale.

        Returns:
            Whether `cuts` now ends with this frame.
        """
        small = cv2.resize(luma, SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)
        previous, self._previous = self._previous, small
        if previous is None or self._is_back(index, small):
            return False
        change = float(np.abs(small - previous).mean())
        # Right after a cut nothing is known of the motion; a pan would be taken for one cut after the other.
        usual, latest = (np.median(self._recent), self._recent[-1]) if self._recent else (change, change)
        self._recent.append(change)
        # A camera that starts to swing changes more with every frame, a cut from one to the next.
        if change < max(LEAST_CHANGE, 3 * float(usual), 2 * latest) or _correlate(small, previous) > SAME:
            return False
        self._recent.clear()
        self.cuts.append(index)
        self._before_cut = previous
        return True

    def _is_back(self, index: int, small: np.ndarray) -> bool:
        """Whether the shot before the last cut goes on, so that it was none."""
        if self._before_cut is None or index - self.cuts[-1] > FLASH_FRAMES:
            return False
        is_back = _correlate(small, self._before_cut) > SAME
        if is_back:
            self.cuts.pop()
            self._before_cut = None
        return is_back


def _correlate(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of two float arrays of one shape, -1 to 1."""
    a, b = one - one.mean(), other - other.mean()
    return float((a * b).sum()) / (float(np.sqrt((a**2).sum() * (b**2).sum())) + 1e-6)


def shots_from_cuts(cuts: list[int], frame_count: int) -> tuple[Shot, ...]:
    """Shots between the cuts.

    Args:
        cuts: First frame of each shot but the first, ascending.
        frame_count: Frames of the film.

    Returns:
        The shots in order, together all frames.
    """
    firsts = [0, *cuts]
    lasts = [*(cut - 1 for cut in cuts), frame_count - 1]
    return tuple(Shot(first, last) for first, last in zip(firsts, lasts, strict=True))

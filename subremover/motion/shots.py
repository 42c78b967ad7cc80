"""Cuts: where one shot ends and the next begins."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np

from subremover.plan import Shot


class CutDetector:
    """Watches frames go by and tells which one opens a new shot."""

    def __init__(self) -> None:
        self._previous: np.ndarray | None = None
        self._recent: deque[float] = deque(maxlen=12)

    def is_cut(self, luma: np.ndarray) -> bool:
        """Whether this frame begins a new shot; call once a frame, in order.

        A cut changes most of the picture at once: by more than motion did lately, and so that what
        was there before no longer correlates with what is.

        Args:
            luma: (h, w) uint8, at any one scale.
        """
        small = cv2.resize(luma, (48, 27), interpolation=cv2.INTER_AREA).astype(np.float32)
        previous, self._previous = self._previous, small
        if previous is None:
            return False
        change = float(np.abs(small - previous).mean())
        usual = float(np.median(self._recent)) if self._recent else 0.0
        latest = self._recent[-1] if self._recent else 0.0
        self._recent.append(change)
        # A camera that starts to swing changes more with every frame, a cut from one to the next.
        if change < 10 or change < 3 * usual or change < 2 * latest:
            return False
        centred, before = small - small.mean(), previous - previous.mean()
        norm = float(np.sqrt((centred**2).sum() * (before**2).sum())) + 1e-6
        if (
            float((centred * before).sum()) / norm > 0.8
        ):  # a flash or a fade changes the level, not the layout
            return False
        self._recent.clear()
        return True


def shots_from_cuts(cuts: list[int], frame_count: int) -> tuple[Shot, ...]:
    """Shots between the cuts.

    Args:
        cuts: First frame of each shot but the first, ascending.
        frame_count: Frames of the film.
    """
    firsts = [0, *cuts]
    lasts = [*(cut - 1 for cut in cuts), frame_count - 1]
    return tuple(Shot(first, last) for first, last in zip(firsts, lasts, strict=True))

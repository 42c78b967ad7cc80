"""Logos without letters: what stays the same from shot to shot, found at the film's end.

Lettered logos are lines like others, and told by `classifier`. This is for the rest, and only asked for
by those who want logos gone.
"""

from __future__ import annotations

import cv2
import numpy as np

from subremover.geometry import Box

LEAST_STRENGTH = 48.0
"""Sobel magnitude of a shot's mean edge; 6 levels a px. What moves in a shot averages out."""
SAME = 0.35
"""Of an edge's length, by which it may differ in the next shot."""
VOTES = 0.75
"""Share of all cuts that a logo stays across; a subtitle stays across some."""
LEAST_EDGES, LEAST_DENSITY = 24, 0.07
"""Px in a group, and of its area; two shots have 0.05 in common by chance, an emblem 0.13 and more."""
JOIN_PX = 5
"""Parts of one logo lie nearer to each other than this, in px of the small picture."""
MOST_SHARE = 0.3
"""Of the picture's width and height; what is larger is a frame around the picture."""
MOST_PICTURES = 8
"""Kept in colour, each of another shot, for the strokes."""


class LogoFinder:
    """Watches small pictures go by, a few a second."""

    def __init__(self, height: int, width: int) -> None:
        self.pictures: list[np.ndarray] = []
        """(H, W, 3) uint8 RGB, of different shots."""
        self._sum = np.zeros((2, height, width), np.float32)
        self._count = 0
        self._before: np.ndarray | None = None
        self._votes = np.zeros((height, width), np.int32)
        self._cuts = 0

    def feed(self, small: np.ndarray) -> bool:
        """Take a picture, (h, w) uint8 luma; returns whether `pictures` wants it in colour."""
        self._sum += np.stack([cv2.Sobel(small, cv2.CV_32F, 1, 0), cv2.Sobel(small, cv2.CV_32F, 0, 1)])
        self._count += 1
        return self._count == 1 and len(self.pictures) < MOST_PICTURES

    def cut(self) -> None:
        """A shot is over."""
        if not self._count:
            return
        edges = self._sum / self._count
        if self._before is not None:
            strength = np.minimum(np.hypot(*edges), np.hypot(*self._before))
            self._votes += (strength > LEAST_STRENGTH) & (np.hypot(*(edges - self._before)) < SAME * strength)
            self._cuts += 1
        self._before, self._count = edges, 0
        self._sum[:] = 0

    def places(self, width: int, height: int) -> list[Box]:
        """Boxes of the logos in a picture of this size, in px; call `cut` first."""
        if not self._cuts:
            return []
        is_same = self._votes >= max(1, VOTES * self._cuts)
        joined = cv2.dilate(is_same.astype(np.uint8), np.ones((2 * JOIN_PX + 1, 2 * JOIN_PX + 1), np.uint8))
        count, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
        edges = np.bincount(labels[is_same], minlength=count)
        scale = width // is_same.shape[1]
        boxes = [Box(*(int(value) * scale for value in stats[label, :4])) for label in range(1, count)]
        dense = edges[1:] >= np.maximum(LEAST_EDGES, LEAST_DENSITY * stats[1:, cv2.CC_STAT_AREA])
        return [
            box.clip(width, height)
            for box, is_dense in zip(boxes, dense, strict=True)
            if is_dense and box.width < MOST_SHARE * width and box.height < MOST_SHARE * height
        ]

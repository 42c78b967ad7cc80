"""Finds logos without letters: what looks the same in shot after shot, known at the film's end.

Lettered logos are found as lines and told apart by `classify.classifier`. This is for the rest, and runs only
where logos are to be removed.
"""

from __future__ import annotations

import cv2
import numpy as np

from subremover.geometry import Box

LEAST_STRENGTH = 48.0
"""Sobel magnitude (8 times the slope) from which an edge of a shot's mean picture counts: 6 levels a px.
What moves during a shot averages out and stays below it."""
SAME = 0.35
"""Most change of an edge vector from one shot to the next that still counts as the same edge, as a share of
its length."""
VOTES = 0.75
"""Share of all cuts that an edge must outlast to be a logo's; a subtitle stays across a few cuts at most."""
LEAST_EDGES, LEAST_DENSITY = 24, 0.07
"""Least number of edge pixels of a logo, and their least share of its box.
See docs/measurements.md, "detect/candidates/logos: edges"."""
JOIN_PX = 5
"""Edges are grown by so much, in px of the small picture, to join the parts of one logo."""
MOST_SHARE = 0.3
"""Greatest share of the picture's width and height for a logo; what is larger frames the whole picture."""
MOST_PICTURES = 8
"""How many pictures are kept in colour, each of another shot, to mark the logo's pixels by."""


class LogoFinder:
    """Compares the mean edges of shots; is fed small pictures, a few a second.

    Call `feed` for each picture, `cut` at the end of each shot, then `places`.
    """

    def __init__(self, height: int, width: int) -> None:
        """Prepare for small pictures of this size, in px."""
        self.pictures: list[np.ndarray] = []
        """(H, W, 3) uint8 RGB, of different shots."""
        self._sum = np.zeros((2, height, width), np.float32)
        self._count = 0
        self._before: np.ndarray | None = None
        self._votes = np.zeros((height, width), np.int32)
        self._cuts = 0

    def feed(self, small: np.ndarray) -> bool:
        """Take a picture of the current shot.

        Args:
            small: (h, w) uint8 luma.

        Returns:
            Whether the caller should append this picture, in colour, to `pictures`.
        """
        self._sum += np.stack([cv2.Sobel(small, cv2.CV_32F, 1, 0), cv2.Sobel(small, cv2.CV_32F, 0, 1)])
        self._count += 1
        return self._count == 1 and len(self.pictures) < MOST_PICTURES

    def cut(self) -> None:
        """End the current shot and compare it with the one before."""
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
        """Where the logos stand; call `cut` first.

        Args:
            width: Of the whole picture, in px.
            height: Likewise.

        Returns:
            Boxes in px of the whole picture.
        """
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

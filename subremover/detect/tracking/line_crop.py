"""A line's place in the picture: what frames show there, and around it. Nothing is remembered here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from subremover.detect.frame import Frame
from subremover.detect.tracking.presence import Template, edge_vectors
from subremover.geometry import Box

DRIFT_PX = 3
"""How far off its place a line is looked for, in px each way."""
DRIFT_EDGES = 2000
"""About how many edge pixels of a line are looked for there; more tell nothing new."""
LEAST_SLOPE = 1.5
"""Mean slope, in levels a px, below which a picture holds nothing but noise to compare: grain of 4 levels has
1.2 at half the size."""


@dataclass(frozen=True, slots=True)
class LineCrop:
    """Where a line stands."""

    line: Box
    """The detector's box."""
    crop: Box
    """The line with its surroundings, inside the picture."""

    @classmethod
    def of(cls, line: Box, height: int, width: int) -> LineCrop:
        """The crop of a line, with 1.2 times its height of surroundings and 8 px more on each side.

        Args:
            line: The detector's box.
            height: Of the picture, in px.
            width: Likewise.
        """
        pad_px = int(1.2 * min(line.width, line.height)) + 8
        return cls(line, line.grow(pad_px, pad_px).clip(width, height))

    def template(self, frames: Sequence[Frame]) -> Template:
        """What the line looks like on these frames."""
        return Template.of([_luma(f, self.line) for f in frames])

    def opacity(self, frame: Frame, template: Template) -> float:
        """How much of the line a frame shows, 0 to 1."""
        return template.opacity(edge_vectors(_luma(frame, self.line)))

    def spread(self, frame: Frame, template: Template) -> float:
        """How unevenly a frame shows the line's parts: see `Template.spread`."""
        return template.spread(edge_vectors(_luma(frame, self.line)))

    def opacity_nearby(self, frame: Frame, template: Template) -> float:
        """The best opacity, 0 to 1, up to `DRIFT_PX` off the line's place; 0 where there is no room."""
        vectors, few = edge_vectors(_luma(frame, self.crop)), template.thin(DRIFT_EDGES)
        x, y = self.line.x - self.crop.x, self.line.y - self.crop.y
        most_x, most_y = self.crop.width - self.line.width, self.crop.height - self.line.height
        steps = [
            (dx, dy)
            for dy in range(max(y - DRIFT_PX, 0), min(y + DRIFT_PX, most_y) + 1)
            for dx in range(max(x - DRIFT_PX, 0), min(x + DRIFT_PX, most_x) + 1)
            if (dx, dy) != (x, y)
        ]
        return max((few.opacity(vectors, dx, dy) for dx, dy in steps), default=0.0)

    def rgb(self, frames: Sequence[Frame]) -> np.ndarray:
        """(n, h, w, 3) uint8, RGB, the crops of n frames; n may be 0."""
        crops = [f.picture.rgb()[self.crop.slices].copy() for f in frames]
        return np.stack(crops) if crops else np.zeros((0, self.crop.height, self.crop.width, 3), np.uint8)

    def coarse(self, frame: Frame) -> np.ndarray:
        """(2, h // 2, w // 2) float32, edge vectors at half the crop's size, where grain counts for less."""
        size = (self.crop.width // 2, self.crop.height // 2)
        return edge_vectors(cv2.resize(_luma(frame, self.crop), size, interpolation=cv2.INTER_AREA))

    def outside(self, lettering: Sequence[Box]) -> np.ndarray:
        """Where no line stands in the crop.

        Args:
            lettering: Boxes of the other lines, in the picture.

        Returns:
            (h // 2, w // 2) bool, of the crop at half its size.
        """
        outside = np.ones((self.crop.height, self.crop.width), bool)
        whole = Box(0, 0, self.crop.width, self.crop.height)
        pad_px = 2 + min(self.line.width, self.line.height) // 4  # outlines and shadows
        for box in (self.line, *lettering):
            if inner := box.shift(-self.crop.x, -self.crop.y).grow(pad_px, pad_px).intersect(whole):
                outside[inner.slices] = False
        return outside[1::2, 1::2]


def correlate(one: np.ndarray, other: np.ndarray, where: np.ndarray) -> float:
    """How alike two pictures are, by their edges.

    Args:
        one: (2, h, w) float32, edge vectors.
        other: Likewise.
        where: (h, w) bool, the pixels to compare.

    Returns:
        Correlation, -1 to 1; 1 where both pictures are plain, or nothing is to be compared.
    """
    a, b = one[:, where].ravel(), other[:, where].ravel()
    least = 8 * LEAST_SLOPE * float(np.sqrt(len(a) / 2))
    lengths = float(np.sqrt(a @ a)), float(np.sqrt(b @ b))
    if max(lengths) <= least:  # or nothing to compare: a line that stands on a bar between other lines
        return 1.0
    return float(a @ b) / (max(lengths[0], least) * max(lengths[1], least))


def _luma(frame: Frame, box: Box) -> np.ndarray:
    return np.ascontiguousarray(frame.luma[box.slices])

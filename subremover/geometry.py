"""Boxes in pixels, by which all stages name a place in the picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of whole pixels; x counts from the left of the picture, y from its top, both from 0."""

    x: int
    """First column."""
    y: int
    """First row."""
    width: int
    """In px, at least 1."""
    height: int
    """In px, at least 1."""

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0:
            raise ValueError(f"a box needs a positive size, got {self.width}x{self.height}")

    @property
    def right(self) -> int:
        """First column to the right of the box."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """First row below the box."""
        return self.y + self.height

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.width * self.height

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index an (H, W, ...) array with."""
        return slice(self.y, self.bottom), slice(self.x, self.right)

    def grow(self, pad_x_px: int, pad_y_px: int) -> Box:
        """The box with so many columns more on the left and right, and so many rows more above and below."""
        return Box(
            self.x - pad_x_px, self.y - pad_y_px, self.width + 2 * pad_x_px, self.height + 2 * pad_y_px
        )

    def shift(self, dx_px: int, dy_px: int) -> Box:
        """The box moved to the right and down; negative numbers move it to the left and up."""
        return Box(self.x + dx_px, self.y + dy_px, self.width, self.height)

    def intersect(self, other: Box) -> Box | None:
        """The part that two boxes have in common; None where there is none."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        width, height = min(self.right, other.right) - x, min(self.bottom, other.bottom) - y
        return Box(x, y, width, height) if width > 0 and height > 0 else None

    def clip(self, width: int, height: int) -> Box:
        """The part inside a picture.

        Args:
            width: Of the picture, in px.
            height: Of the picture, in px.

        Raises:
            ValueError: Nothing of the box lies in the picture.
        """
        inside = self.intersect(Box(0, 0, width, height))
        if inside is None:
            raise ValueError(f"{self} lies outside a picture of {width}x{height} px")
        return inside


def bounding_box(boxes: Iterable[Box]) -> Box:
    """The smallest box around all of these boxes, of which there must be at least one."""
    boxes = list(boxes)
    x, y = min(b.x for b in boxes), min(b.y for b in boxes)
    return Box(x, y, max(b.right for b in boxes) - x, max(b.bottom for b in boxes) - y)


def group_boxes(boxes: list[Box], pad_x_px: int, pad_y_px: int) -> list[list[int]]:
    """Group boxes that lie near each other, directly or by way of others.

    Args:
        boxes: In any order.
        pad_x_px: Columns by which a box is grown on the left and right; what it overlaps then is near.
        pad_y_px: Rows by which it is grown above and below.

    Returns:
        For each group the indices of its boxes, rising; groups by their first index.
    """
    groups: list[list[int]] = []
    for index, box in enumerate(boxes):
        grown = box.grow(pad_x_px, pad_y_px)
        touching = [g for g in groups if any(grown.intersect(boxes[i]) for i in g)]
        groups = [g for g in groups if g not in touching]
        groups.append(sorted([index, *(i for g in touching for i in g)]))
    return sorted(groups)


def draw_boxes(boxes: Iterable[Box], frame: Box) -> np.ndarray:
    """Draw boxes as a mask.

    Args:
        boxes: In the same picture as `frame`; they may reach out of it.
        frame: The part of the picture to be drawn.

    Returns:
        (h, w) bool of the frame's size, True where any of the boxes lies.
    """
    drawn = np.zeros((frame.height, frame.width), bool)
    for box in boxes:
        if common := frame.intersect(box):
            drawn[common.shift(-frame.x, -frame.y).slices] = True
    return drawn


def draw_mask(mask: np.ndarray, box: Box, frame: Box) -> np.ndarray:
    """Draw a mask as part of a larger one.

    Args:
        mask: (h, w) bool of the box's size.
        box: Where it is in the picture, inside the frame.
        frame: The part of the picture to be drawn.

    Returns:
        (h, w) bool of the frame's size.
    """
    drawn = np.zeros((frame.height, frame.width), bool)
    drawn[box.shift(-frame.x, -frame.y).slices] = mask
    return drawn


def tighten(mask: np.ndarray, box: Box) -> tuple[Box, np.ndarray]:
    """Cut the empty borders off a mask.

    Args:
        mask: (h, w) bool of the box's size, True on at least one pixel.
        box: Where it is in the picture.

    Returns:
        The smallest box around all that is True, and the mask there, a copy of its size.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    inner = Box(int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)
    return inner.shift(box.x, box.y), mask[inner.slices].copy()

"""The plan of a film: its shots, its events and their strokes; to and from disk.

A plan is all that passes from the scan to the render. Coordinates are those of the upright picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from subremover.geometry import Box


@dataclass(frozen=True, slots=True)
class Shot:
    """The frames between two cuts, both ends included."""

    first: int
    last: int


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """One subtitle on screen: the same strokes from its first to its last frame."""

    first: int
    last: int
    """Last frame on which it is visible, included."""
    box: Box
    """Around the strokes, in the upright picture."""
    strokes: np.ndarray
    """(h, w) bool of the box's size, True where the subtitle is: fill, outline, shadow, box."""

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.last:
            raise ValueError(f"an event needs 0 <= first <= last, got {self.first} and {self.last}")
        if self.strokes.shape != (self.box.height, self.box.width) or self.strokes.dtype != np.bool_:
            raise ValueError(
                f"strokes must be bool of {self.box.height}x{self.box.width}, "
                f"got {self.strokes.dtype} of {self.strokes.shape}"
            )


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be removed from one film."""

    width: int
    """Of the upright picture, in px."""
    height: int
    frame_count: int
    shots: tuple[Shot, ...]
    """In order, together all frames."""
    events: tuple[Event, ...]
    """By first frame."""

"""A frame as the scan sees it: luma at once, colour on demand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import cv2
import numpy as np

SMALL_SIDE_PX = 640
"""Frames are halved until they are no longer than this for everything that is asked of every frame."""


class Picture(Protocol):
    """A decoded picture, upright."""

    @property
    def luma(self) -> np.ndarray:
        """(H, W) uint8."""

    def rgb(self) -> np.ndarray:
        """(H, W, 3) uint8, converted anew at every call."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture and its place in the film."""

    index: int
    picture: Picture

    @property
    def luma(self) -> np.ndarray:
        return self.picture.luma

    @cached_property
    def small(self) -> np.ndarray:
        """(H >> s, W >> s) uint8, the luma halved s times: see `halvings`."""
        small = self.luma
        for _ in range(halvings(*small.shape)):
            height, width = small.shape[0] // 2 * 2, small.shape[1] // 2 * 2
            # Halving by halving: OpenCV has a fast path for 2, eight times as fast as for 4.
            small = cv2.resize(
                small[:height, :width], (width // 2, height // 2), interpolation=cv2.INTER_AREA
            )
        return small


def halvings(height: int, width: int) -> int:
    """How often a picture is halved to become small."""
    count = 0
    while max(height, width) >> count > SMALL_SIDE_PX:
        count += 1
    return count

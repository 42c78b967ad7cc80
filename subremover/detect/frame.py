"""A frame as the scan sees it: luma at once, a small copy and colour on demand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import cv2
import numpy as np

SMALL_SIDE_PX = 640
"""Longest side, in px, of the small copy that the tests on every frame are made on."""


class Picture(Protocol):
    """A decoded picture, upright; what the scan is fed with."""

    @property
    def luma(self) -> np.ndarray:
        """(H, W) uint8."""

    def rgb(self) -> np.ndarray:
        """(H, W, 3) uint8, RGB, converted anew at every call."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture and its place in the film."""

    index: int
    """0-based, in presentation order."""
    picture: Picture

    @property
    def luma(self) -> np.ndarray:
        """(H, W) uint8."""
        return self.picture.luma

    @cached_property
    def sharpness(self) -> float:
        """The 99th percentile of |Laplacian| of the luma, of every second row, in levels."""
        return float(np.percentile(np.abs(cv2.Laplacian(self.luma, cv2.CV_16S)[::2]), 99))

    @cached_property
    def small(self) -> np.ndarray:
        """(H >> s, W >> s) uint8, the luma halved s times: see `halvings`."""
        small = self.luma
        for _ in range(halvings(*small.shape)):
            height, width = small.shape[0] // 2 * 2, small.shape[1] // 2 * 2
            # One halving after the other: OpenCV has a fast path for 2, but not for 4.
            # See docs/measurements.md, "detect/frame: halving".
            small = cv2.resize(
                small[:height, :width], (width // 2, height // 2), interpolation=cv2.INTER_AREA
            )
        return small


def halvings(height: int, width: int) -> int:
    """How often a picture of this size, in px, is halved until its longer side is `SMALL_SIDE_PX` at most."""
    count = 0
    while max(height, width) >> count > SMALL_SIDE_PX:
        count += 1
    return count

"""What a drawing must share with a film to look as if it stood there: cuts, camera, sharpness, grain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np

Rectangle = tuple[int, int, int, int]
"""Left, top, width, height in px."""

REST_PX = 0.06
"""Points that move less from frame to frame stand still: that much is the error of the tracking."""


TRACKED_SIDE_PX = 320
"""The camera is followed in pictures whose shorter side is reduced to this: enough, and faster."""


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """A film without lettering of ours, wholly in memory: it is short."""

    frames: list[np.ndarray]
    """(H, W, 3) uint8 RGB each."""
    rate: Fraction
    name: str
    cuts: tuple[int, ...] = ()
    """First frame of each new shot."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in px."""
        return self.frames[0].shape[1], self.frames[0].shape[0]

    @property
    def span(self) -> tuple[int, int]:
        """First and last frame."""
        return 0, len(self.frames) - 1

    @property
    def shots(self) -> list[tuple[int, int]]:
        """First and last frame of each shot."""
        starts = (0, *self.cuts)
        return list(zip(starts, (*(cut - 1 for cut in self.cuts), len(self.frames) - 1), strict=True))


def find_cuts(frames: Sequence[np.ndarray]) -> tuple[int, ...]:
    """First frame of each new shot: the picture changes far more there than before and after."""
    grays = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames)
    small = [cv2.resize(gray, (32, 24), interpolation=cv2.INTER_AREA).astype(np.float32) for gray in grays]
    steps = np.float32([np.abs(b - a).mean() for a, b in pairwise(small)])
    cuts = []
    for index, step in enumerate(steps):
        others = np.concatenate([steps[max(0, index - 4) : index], steps[index + 1 : index + 5]])
        if step > 12 and step > 3 * others.max(initial=0.5):
            cuts.append(index + 1)
    return tuple(cuts)


def follow(frames: Sequence[np.ndarray], area: Rectangle | None = None) -> list[np.ndarray]:
    """How each frame of a shot lies over the first one, by points tracked from frame to frame.

    With `area` (in the first frame) only what is in there is followed, such as a shirt; without, the camera.
    Where too few points are left the motion is taken to stop.

    Returns:
        (3, 3) float64 for each frame, from places in the first frame to those in this one.
    """
    scale = min(1.0, TRACKED_SIDE_PX / min(frames[0].shape[:2]))
    grays = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    if scale < 1:
        grays = [cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for gray in grays]
        area = None if area is None else tuple(round(scale * side) for side in area)
    path = [np.eye(3)]
    for before, after in pairwise(grays):
        path.append(_step(before, after, None if area is None else _move(area, path[-1])) @ path[-1])
    larger = np.diag([1 / scale, 1 / scale, 1])
    return [larger @ matrix @ np.linalg.inv(larger) for matrix in path]


def measure_blur(frame: np.ndarray) -> float:
    """Standard deviation, in px, of the blur of a picture's sharpest edges."""
    gray = cv2.GaussianBlur(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 0.5)
    slope = np.hypot(
        cv2.Sobel(gray, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(gray, cv2.CV_32F, 0, 1, scale=1 / 8)
    )
    around = np.ones((9, 9), np.uint8)
    height = (cv2.dilate(gray, around) - cv2.erode(gray, around)).astype(np.float32)
    is_edge = (slope == cv2.dilate(slope, np.ones((3, 3), np.uint8))) & (height > 40)
    if not is_edge.any():
        return 1.5
    # The steepest slope of a step of height h blurred by s is h / (s sqrt(2 pi)); both blurs above are in it.
    spread = np.quantile(height[is_edge] / np.maximum(slope[is_edge], 1), 0.1) / np.sqrt(2 * np.pi)
    return float(np.clip(np.sqrt(max(0, spread**2 - 0.75)), 0.3, 3))


def measure_grain(frame: np.ndarray) -> float:
    """Standard deviation of a picture's grain in levels."""
    gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = cv2.filter2D(gray, cv2.CV_32F, np.float32([[1, -2, 1], [-2, 4, -2], [1, -2, 1]]))
    return float(np.median(np.abs(fine)) / 0.6745 / 6)


def _step(before: np.ndarray, after: np.ndarray, area: Rectangle | None) -> np.ndarray:
    """(3, 3): the shift, turn and growth between two frames that most points agree upon."""
    mask = None
    if area is not None:
        left, top, width, height = area
        mask = np.zeros_like(before)
        mask[max(0, top) : max(0, top + height), max(0, left) : max(0, left + width)] = 255
    points = cv2.goodFeaturesToTrack(before, 400, 0.004, 6, mask=mask)
    if points is None:
        return np.eye(3)
    moved, found, _ = cv2.calcOpticalFlowPyrLK(before, after, points, None, winSize=(21, 21), maxLevel=3)
    is_kept = found.ravel().astype(bool)
    if is_kept.sum() < 6 or np.median(np.abs(moved - points)[is_kept]) < REST_PX:
        return np.eye(3)
    cv2.setRNGSeed(1)
    matrix, _ = cv2.estimateAffinePartial2D(points[is_kept], moved[is_kept], ransacReprojThreshold=0.8)
    return np.eye(3) if matrix is None else np.vstack([matrix, [0, 0, 1]])


def _move(area: Rectangle, matrix: np.ndarray) -> Rectangle:
    left, top, width, height = area
    x, y, _ = matrix @ (left + width / 2, top + height / 2, 1)
    return round(x - width / 2), round(y - height / 2), width, height

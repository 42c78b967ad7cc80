"""Measures how the whole picture moves from frame to frame, by corners followed outside the holes.

What moves by itself in front of the camera is not told apart here; see `background` for the warps of crops.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from subremover.motion.points import find_corners, fit_plane, follow

LONG_SIDE_PX = 640
"""Longer side that pictures are scaled down to, in px; the other lengths here are in its px."""
POINT_COUNT = 200
"""Most corners that are followed."""
CLEARANCE_PX = 5
"""Least distance between a corner and a hole, which would lead it astray."""
LEAST_JUMP_PX = 3
"""Shifts between two frames from this on are guessed first; corners are followed over less without help."""
LEAST_KEPT = 0.5
"""Share of the key frame's corners that must be found again; with fewer, another frame becomes the key."""

ReadFrame = Callable[[int], tuple[np.ndarray, np.ndarray | None]]
"""A frame's luma, (H, W) uint8, and its mask, (H, W) bool, True in the holes, or None."""


@dataclass(frozen=True, slots=True, eq=False)
class _Located:
    """A frame at the size that corners are followed in."""

    luma: np.ndarray
    """(h, w) uint8."""
    known: np.ndarray
    """(h, w) bool, away from holes."""
    matrix: np.ndarray
    """(3, 3), from places of the first frame to its own."""

    def find_corners(self) -> np.ndarray:
        """Corners to follow: (n, 2) float32, x and y in px."""
        spacing_px = max(4, max(self.luma.shape) // 60)
        return find_corners(self.luma, self.known.astype(np.uint8), POINT_COUNT, 0.005, spacing_px)


class Camera:
    """The motion of one shot's camera.

    Every frame is compared with a key frame for as long as that still shows much of the same, so that errors
    do not add up from frame to frame.
    """

    def __init__(self) -> None:
        """Begin without any frame located."""
        self._located: dict[int, _Located] = {}
        self._key = -1
        self._points = np.empty((0, 2), np.float32)

    def locate(self, frames: Sequence[int], read: ReadFrame) -> dict[int, np.ndarray]:
        """Where the places of one and the same frame lie in each of these.

        Args:
            frames: Indices of frames of one shot, ascending; those located before are not read again, those
                not among them are forgotten.
            read: Gives the luma and the mask of a frame.

        Returns:
            For each frame a (3, 3) float64 matrix, from (x, y, 1) in px of one common frame to that frame's.
        """
        self._located = {f: located for f, located in self._located.items() if f in frames}
        for frame in frames:
            if frame not in self._located:
                luma, known = _shrink(*read(frame))
                self._located[frame] = _Located(luma, known, self._locate(frame, luma, known))
        height, width = read(frames[0])[0].shape
        small = self._located[frames[0]].luma.shape
        x, y = width / small[1], height / small[0]
        # Sample centres: a place p of the small picture is (p + 0.5) * scale - 0.5 of the whole.
        scale = np.array([[x, 0, 0.5 * x - 0.5], [0, y, 0.5 * y - 0.5], [0, 0, 1]])
        return {f: scale @ self._located[f].matrix @ np.linalg.inv(scale) for f in frames}

    def _locate(self, frame: int, luma: np.ndarray, known: np.ndarray) -> np.ndarray:
        """(3, 3), from the first frame's places to this one's, at the size that corners are followed in."""
        if not self._located:
            return np.eye(3)
        nearest = min(self._located, key=lambda f: abs(f - frame))
        start: np.ndarray = _jump(self._located[nearest], luma, known) @ self._located[nearest].matrix
        for key in dict.fromkeys((self._key, nearest)):
            if key not in self._located:
                continue
            if key != self._key:
                self._key, self._points = key, self._located[key].find_corners()
            if not len(self._points):
                continue
            from_key = np.linalg.inv(self._located[key].matrix)
            guesses = cv2.perspectiveTransform(self._points[:, None].astype(np.float64), start @ from_key)
            starts, ends = follow(
                self._located[key].luma, luma, self._points, known, guesses[:, 0].astype(np.float32)
            )
            matrix = fit_plane(starts, ends, 1.0)
            if matrix is None:
                continue
            off = cv2.perspectiveTransform(starts[:, None].astype(np.float64), matrix)[:, 0] - ends
            kept = (np.abs(off).max(axis=1) < 1).sum() / len(self._points)
            if kept >= LEAST_KEPT or key == nearest:
                placed: np.ndarray = matrix @ self._located[key].matrix
                return placed
        return start


def _shrink(luma: np.ndarray, mask: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Luma, (h, w) uint8, and where it is known, (h, w) bool, at the size that corners are followed in."""
    factor = min(1.0, LONG_SIDE_PX / max(luma.shape))
    size = tuple(max(1, round(side * factor)) for side in luma.shape[::-1])
    small = cv2.resize(luma, size, interpolation=cv2.INTER_AREA) if factor < 1 else luma
    if mask is None:
        return small, np.ones(small.shape, bool)
    holes = cv2.resize(mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA)
    return small, cv2.dilate(holes, np.ones((2 * CLEARANCE_PX + 1,) * 2, np.uint8)) == 0


def _jump(one: _Located, luma: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(3, 3), a first guess at the motion between two frames: none, or a shift that explains them better.

    Corners of fine texture are lost in a fast pan; phase correlation (Kuglin and Hines 1975) is not.
    """
    height, width = (-(-side // 2) for side in luma.shape)
    if min(height, width) < 2:
        return np.eye(3)
    halves, knowns, levels = [], [], []
    for picture, is_known in ((one.luma, one.known), (luma, known)):
        half = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        share = cv2.resize(is_known.astype(np.uint8) * 255, (width, height), interpolation=cv2.INTER_AREA)
        halves.append(half)
        knowns.append(share == 255)
        levels.append((half - np.float32(half.mean())) * knowns[-1])
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    shift, _ = cv2.phaseCorrelate(levels[0], levels[1], window)
    dx, dy = (round(d) for d in shift)
    if 2 * max(abs(dx), abs(dy)) < LEAST_JUMP_PX or abs(dx) > width // 2 or abs(dy) > height // 2:
        return np.eye(3)
    ours = np.s_[max(0, -dy) : height - max(0, dy), max(0, -dx) : width - max(0, dx)]
    theirs = np.s_[max(0, dy) : height + min(0, dy), max(0, dx) : width + min(0, dx)]
    both = knowns[0][ours] & knowns[1][theirs]
    moved = cv2.absdiff(halves[0][ours], halves[1][theirs])[both]
    still = cv2.absdiff(halves[0], halves[1])[knowns[0] & knowns[1]]
    is_better = moved.size > 0.1 * still.size and moved.mean() < 0.8 * still.mean()
    return np.array([[1, 0, 2 * dx], [0, 1, 2 * dy], [0, 0, 1.0]]) if is_better else np.eye(3)

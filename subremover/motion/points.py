"""Corners followed from picture to picture, and the motion of a plane that fits them.

Which pictures these are, and which pixels are known, is up to the callers (`align`, `camera`).
"""

from __future__ import annotations

import cv2
import numpy as np


def find_corners(
    luma: np.ndarray, allowed: np.ndarray, most: int, quality: float, spacing_px: int
) -> np.ndarray:
    """Corners worth following (Shi and Tomasi 1994).

    Args:
        luma: (h, w) uint8.
        allowed: (h, w) uint8, 0 where none may lie.
        most: How many at the most; the best are taken.
        quality: Least quality, as a share of the best corner's.
        spacing_px: Least distance between any two.

    Returns:
        (n, 2) float32, x and y in px, the best first.
    """
    corners = None
    if allowed.any():
        corners = cv2.goodFeaturesToTrack(luma, most, quality, spacing_px, mask=allowed, blockSize=5)
    return np.empty((0, 2), np.float32) if corners is None else corners.reshape(-1, 2)


def follow(
    luma: np.ndarray,
    other: np.ndarray,
    points: np.ndarray,
    known: np.ndarray,
    guesses: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Follow points from one picture to another (Lucas and Kanade, in a pyramid).

    Args:
        luma: (h, w) uint8, the picture with the points.
        other: (h, w) uint8, the picture to find them in.
        points: (n, 2) float32, x and y in px.
        known: (h, w) bool, of the other picture: a point that ends where this is False is lost.
        guesses: (n, 2) float32, where to look; None: where the points are in the first picture.

    Returns:
        Starts and ends of the points that were not lost, (m, 2) float32 each, in px.
    """
    ends = np.ascontiguousarray((points if guesses is None else guesses)[:, None])
    ends, found, _ = cv2.calcOpticalFlowPyrLK(
        luma, other, np.ascontiguousarray(points[:, None]), ends.copy(), winSize=(15, 15), maxLevel=3,
        flags=0 if guesses is None else cv2.OPTFLOW_USE_INITIAL_FLOW,
    )  # fmt: skip
    ends = ends[:, 0]
    height, width = known.shape
    places = np.clip(ends.round(), 0, (width - 1, height - 1)).astype(int)
    good = found.ravel().astype(bool) & (np.abs(ends - places) <= 1).all(axis=1)
    good &= known[places[:, 1], places[:, 0]]
    return points[good], ends[good]


def fit_plane(starts: np.ndarray, ends: np.ndarray, tolerance_px: float) -> np.ndarray | None:
    """The motion of a plane from points that may be astray.

    Args:
        starts: (n, 2) float32, x and y in px.
        ends: (n, 2) float32, where these points went.
        tolerance_px: How far off a point may be that still counts.

    Returns:
        (3, 3) matrix, a homography; with few points only a similarity, with very few a translation, with
        less than three None.
    """
    matrix: np.ndarray | None = None
    if len(starts) >= 24:  # in a flat crop fewer leave the perspective to the noise
        # Barath et al. 2020, arXiv:1912.05909. See docs/measurements.md, "motion/points: homographies".
        matrix, _ = cv2.findHomography(
            starts, ends, cv2.USAC_MAGSAC, tolerance_px, maxIters=200, confidence=0.98
        )
    elif len(starts) >= 8:
        affine, _ = cv2.estimateAffinePartial2D(starts, ends, ransacReprojThreshold=tolerance_px)
        matrix = None if affine is None else np.vstack([affine, (0, 0, 1)])
    if len(starts) >= 3 and (matrix is None or not is_sane(matrix, starts)):
        matrix = np.eye(3)
        matrix[:2, 2] = np.median(ends - starts, axis=0)
    return matrix


def is_sane(matrix: np.ndarray, places: np.ndarray) -> bool:
    """Whether a camera could have moved so: nothing folds over, vanishes or grows more than eightfold.

    Args:
        matrix: (3, 3), a homography.
        places: (n, 2), x and y in px, around which it is to be used.
    """
    if not np.isfinite(matrix).all():
        return False
    (a, b, c), (d, e, f), (g, h, i) = matrix.tolist()
    (left, top), (right, bottom) = (places.min(axis=0) - 1.0).tolist(), (places.max(axis=0) + 1.0).tolist()
    least_depth = 0.2 * max(abs(g), abs(h), abs(i))
    moved = []
    for x, y in ((left, top), (right, top), (right, bottom), (left, bottom)):
        depth = g * x + h * y + i
        if depth < least_depth:
            return False
        moved.append(((a * x + b * y + c) / depth, (d * x + e * y + f) / depth))
    area = (right - left) * (bottom - top)
    for corner, (x, y) in enumerate(moved):
        (x_next, y_next), (x_last, y_last) = moved[(corner + 1) % 4], moved[corner - 1]
        # Twice the area of the triangle at each corner, of a positive turn, within 8 times of what it was.
        turn = (x_next - x) * (y_last - y) - (y_next - y) * (x_last - x)
        if not area / 8 < turn < area * 8:
            return False
    return True

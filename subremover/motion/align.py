"""Warps: a source frame's crop as the target frame's camera would have seen it.

Three of them, because each wins somewhere: none at all (tripods), a plane's homography (pans), dense flow
(everything else). Whether a warp is any good is not its business but background.py's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

FLOW_MARGIN_PX = 3
"""Flow so near to a hole is taken from further off: a patch that touches the filled hole is led astray."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The crop of one frame, and which of its pixels are picture rather than hole."""

    picture: np.ndarray
    """(h, w, 3) uint8, RGB."""
    known: np.ndarray
    """(h, w) bool."""
    luma: np.ndarray = field(init=False)
    """(h, w) uint8, the hole filled smoothly: what points and flow are tracked in."""

    def __post_init__(self) -> None:
        if self.picture.ndim != 3 or self.picture.shape[2] != 3 or self.picture.dtype != np.uint8:
            raise ValueError(f"expected (h, w, 3) uint8, got {self.picture.shape} {self.picture.dtype}")
        if self.known.shape != self.picture.shape[:2] or self.known.dtype != bool:
            size = self.picture.shape[:2]
            raise ValueError(f"expected {size} bool, got {self.known.shape} {self.known.dtype}")
        luma = cv2.cvtColor(np.ascontiguousarray(self.picture), cv2.COLOR_RGB2GRAY)
        if not self.known.all():
            luma = fill_smoothly(luma.astype(np.float32), self.known).round().astype(np.uint8)
        object.__setattr__(self, "luma", luma)


@dataclass(frozen=True, slots=True, eq=False)
class Warped:
    """A source as the target would have shown it."""

    picture: np.ndarray
    """(h, w, 3) float32, RGB in [0, 255]."""
    known: np.ndarray
    """(h, w) bool, False where the source shows a hole or nothing."""


def warp_still(source: View) -> Warped:
    """The source as it is: for a camera that stands."""
    return Warped(source.picture.astype(np.float32), source.known)


def warp_plane(target: View, source: View, points: np.ndarray) -> Warped | None:
    """The source moved as a plane, by points tracked outside the holes; None where too few could be.

    Args:
        target: Where to.
        source: Where from.
        points: `find_points` of the target.
    """
    if len(points) < 3:
        return None
    tracked, found, _ = cv2.calcOpticalFlowPyrLK(
        target.luma, source.luma, points[:, None], np.empty((len(points), 1, 2), np.float32),
        winSize=(15, 15), maxLevel=3,
    )  # fmt: skip
    height, width = source.known.shape
    ends = tracked[:, 0]
    spots = np.clip(ends.round(), 0, (width - 1, height - 1)).astype(int)
    good = found.ravel().astype(bool) & (np.abs(ends - spots) <= 1).all(axis=1)
    good &= source.known[spots[:, 1], spots[:, 0]]
    matrix = _fit_plane(points[good], ends[good])
    if matrix is None:
        return None
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    places = cv2.perspectiveTransform(np.dstack([x, y]), matrix)
    return _sample(source, places)


def warp_flow(target: View, source: View) -> Warped:
    """The source moved by dense flow, which holes take from around them.

    Dense inverse search (Kroeger et al. 2016, arXiv:1603.03590) on crops whose holes are filled.
    """
    height, width = target.known.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    if min(height, width) < 16:  # less than two of its patches
        return warp_still(source)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(
        target.luma, source.luma, np.zeros((height, width, 2), np.float32)
    )
    places = flow + np.dstack([x, y])
    seen = cv2.remap(source.known.astype(np.uint8), places[..., 0], places[..., 1], cv2.INTER_NEAREST)
    both = np.where(target.known, seen, 0).astype(np.uint8)  # outside the source: 0
    trusted = cv2.erode(both, _square(FLOW_MARGIN_PX)).astype(bool)
    if trusted.any() and not trusted.all():
        places = fill_smoothly(flow, trusted) + np.dstack([x, y])
    return _sample(source, places)


def find_points(target: View) -> np.ndarray:
    """(n, 2) float32, x and y of corners outside the hole, to follow into other frames."""
    calm = cv2.erode(target.known.astype(np.uint8), _square(4))
    if not calm.any():
        return np.empty((0, 2), np.float32)
    corners = cv2.goodFeaturesToTrack(target.luma, 120, 0.01, 6, mask=calm, blockSize=5)
    return np.empty((0, 2), np.float32) if corners is None else corners.reshape(-1, 2)


def fill_smoothly(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Values with their unknown places interpolated from all around, the nearer the more.

    Push-pull over a pyramid of halves (Gortler et al. 1996): cost linear in the pixels, whatever the hole.

    Args:
        values: (h, w) or (h, w, K) float32.
        known: (h, w) bool.

    Returns:
        Like `values`, unchanged where known; zero where nothing is known at all.
    """
    weight = known.astype(np.float32)
    total = values * (weight if values.ndim == 2 else weight[..., None])
    smooth = _pull(total, weight)
    return np.where(known if values.ndim == 2 else known[..., None], values, smooth)


def _pull(total: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted means, from the next coarser level where the weight falls short of 1."""
    height, width = weight.shape
    share = np.minimum(weight, 1) / np.maximum(weight, 1e-6)
    if max(height, width) == 1:
        mean: np.ndarray = total / max(float(weight[0, 0]), 1e-6)
        return mean
    own: np.ndarray = total * (share if total.ndim == 2 else share[..., None])
    if weight.min() >= 1:
        return own
    half = ((width + 1) // 2, (height + 1) // 2)
    # Up to four known pixels make a whole one: what lies nearer to the hole counts in full.
    coarse = _pull(*(cv2.resize(level, half, interpolation=cv2.INTER_AREA) * 4 for level in (total, weight)))
    rest = 1 - np.minimum(weight, 1)
    grown = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    filled: np.ndarray = own + grown * (rest if total.ndim == 2 else rest[..., None])
    return filled


def _fit_plane(starts: np.ndarray, ends: np.ndarray) -> np.ndarray | None:
    """(3, 3) matrix; with few points only a similarity, with very few a translation."""
    matrix: np.ndarray | None = None
    if len(starts) >= 24:  # in a flat crop fewer leave the perspective to the noise
        matrix, _ = cv2.findHomography(starts, ends, cv2.RANSAC, 1.5, maxIters=500)
    elif len(starts) >= 8:
        affine, _ = cv2.estimateAffinePartial2D(starts, ends, ransacReprojThreshold=1.5)
        matrix = None if affine is None else np.vstack([affine, (0, 0, 1)])
    if matrix is None and len(starts) >= 3:
        matrix = np.eye(3)
        matrix[:2, 2] = np.median(ends - starts, axis=0)
    return matrix


def _sample(source: View, places: np.ndarray) -> Warped:
    """The source at (h, w, 2) places (x, y)."""
    x, y = cv2.split(places)
    picture = cv2.remap(source.picture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    # A pixel is known if all 4 by 4 that it was interpolated from are.
    solid = cv2.erode(source.known.astype(np.uint8), _square(1)).astype(np.float32)
    known = cv2.remap(solid, x, y, cv2.INTER_LINEAR, borderValue=0)
    return Warped(picture.astype(np.float32), known > 0.999)


def _square(radius_px: int) -> np.ndarray:
    return np.ones((2 * radius_px + 1, 2 * radius_px + 1), np.uint8)

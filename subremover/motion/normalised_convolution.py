"""Means of what is known around each place, over several scales at once."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

SIGMAS_PX = (5.0, 12.0, 28.0)
"""Scales at which known pixels tell how good a candidate is."""
LEAST_SIGMA = 1.2
"""Places: a Gaussian twice as wide is worked out on fewer of them."""
PRIOR = np.float32(0.02)
"""Weight of the next larger scale's mean, where a whole Gaussian of known places has 1."""
PICTURE_PX = 4
"""Px between the places that means of whole pictures are worked out for."""


def mean_around(values: np.ndarray, known: np.ndarray, sigmas_px: Sequence[float] = SIGMAS_PX) -> np.ndarray:
    """What the known values around each pixel average to, see `NormalisedConvolution`.

    Args:
        values: (h, w) float32.
        known: (h, w) bool.
        sigmas_px: Standard deviations of the Gaussians, ascending.

    Returns:
        (h, w) float32, everywhere.
    """
    height, width = known.shape
    px = PICTURE_PX if min(height, width) >= 8 * PICTURE_PX else 1
    weight = known.astype(np.float32)
    size = width // px, height // px
    total, share = (
        cv2.resize(level, size, interpolation=cv2.INTER_AREA)
        for level in (cv2.multiply(values, weight), weight)
    )
    return _resize(NormalisedConvolution(share, px).mean(total, sigmas_px), (width, height))


class NormalisedConvolution:
    """What is known around each place of a grid.

    Each Gaussian is worked out on that level of a pyramid (Burt and Adelson 1983) where it is hardly wider
    than a place: a wide one costs next to nothing.
    """

    def __init__(self, weight: np.ndarray, px: float) -> None:
        """Take the weights, (rows, columns) float32 in [0, 1], of places that are so many px apart."""
        self._weight, self._px = weight, px
        self._seen: dict[float, np.ndarray] = {}

    def mean(self, total: np.ndarray, sigmas_px: Sequence[float]) -> np.ndarray:
        """What the known values around each place average to, over several scales.

        A scale at which nothing is known counts as the next larger one, and beyond all as the whole grid.

        Args:
            total: (rows, columns) or (rows, columns, 3) float32, values times weights.
            sigmas_px: Standard deviations of the Gaussians, ascending.

        Returns:
            Like `total`, everywhere.
        """
        levels = self._blur(total, sigmas_px)
        missing = [sigma for sigma in sigmas_px if sigma not in self._seen]
        self._seen.update(zip(missing, self._blur(self._weight, missing), strict=True))
        mean = sum_of = None
        for near, sigma_px in zip(levels[::-1], sigmas_px[::-1], strict=True):
            seen = self._seen[sigma_px]
            if near.ndim == 3:
                seen = cv2.merge([seen] * 3)
            if mean is None or sum_of is None:
                whole = near.mean(axis=(0, 1)) / np.maximum(seen.mean(axis=(0, 1)), np.float32(1e-6))
                mean = sum_of = (near + PRIOR * whole) / (seen + PRIOR)
                continue
            size = near.shape[1::-1]
            mean, sum_of = _resize(mean, size), _resize(sum_of, size)
            mean = (near + PRIOR * mean) / (seen + PRIOR)
            sum_of = sum_of + mean
        assert sum_of is not None
        return _resize(sum_of / np.float32(len(sigmas_px)), total.shape[1::-1])

    def _blur(self, level: np.ndarray, sigmas_px: Sequence[float]) -> list[np.ndarray]:
        """Gaussians of the level, each on its own grid."""
        blurred, factor = [], 1
        rows, columns = self._weight.shape
        for coarser, sigma in choose_levels((rows, columns), self._px, sigmas_px):
            while factor < coarser:
                factor *= 2
                size = -(-columns // factor), -(-rows // factor)
                level = cv2.resize(level, size, interpolation=cv2.INTER_AREA)
            blurred.append(cv2.GaussianBlur(level, (0, 0), sigma))
        return blurred


def choose_levels(size: tuple[int, int], px: float, sigmas_px: Sequence[float]) -> list[tuple[int, float]]:
    """For each Gaussian the spacing of the places that it is worked out for, and its deviation there.

    The spacing is in times that of the grid, the standard deviation in places.

    Args:
        size: Rows and columns of the grid.
        px: Between its places.
        sigmas_px: Ascending.
    """
    levels, factor = [], 1
    for sigma_px in sigmas_px:
        sigma = sigma_px / px
        while sigma / factor >= 2 * LEAST_SIGMA and min(size) >= 8 * factor:
            factor *= 2
        # Means over squares and interpolation between them blur, too.
        levels.append((factor, float(np.sqrt(sigma**2 - (factor**2 - 1) / 4) / factor)))
    return levels


def _resize(level: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    if level.shape[1::-1] == size:
        return level
    resized: np.ndarray = cv2.resize(level, size, interpolation=cv2.INTER_LINEAR)
    return resized

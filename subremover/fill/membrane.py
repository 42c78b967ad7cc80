"""Joins what was borrowed to its surroundings: what it misses there is carried on into the hole.

Membrane interpolation, as in seamless cloning (Pérez et al. 2003, "Poisson image editing"): in the hole the
correction is harmonic, on its edge it is what the known pixels say.
"""

from __future__ import annotations

import cv2
import numpy as np

from subremover.fill.tint import FROM_YCC, TINT_PX, TO_YCC
from subremover.motion.normalised_convolution import mean_around
from subremover.motion.smooth import shrink_known

REACH_PX = 4
"""How far beyond a hole the borrowed picture must reach, to be held against what is known there."""
LUMA_NOISE, CHROMA_NOISE = 20.0, 5.0
"""Squared levels by which known pixels are off for no reason that goes on in the hole: coding and grain."""
DAMPING_SIGMA_PX, DAMPING_NOISE = 6.0, 30.0
"""Scale, as a standard deviation in px, over which the picture's contrast is held against the target's, and
squared levels of contrast that are left alone."""
SWEEPS = 3
"""Jacobi iterations on each level of the pyramid."""

_NEIGHBOURS = np.array([[0, 0.25, 0], [0.25, 0, 0.25], [0, 0.25, 0]], np.float32)


def join(picture: np.ndarray, target: np.ndarray, covered: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Correct a borrowed picture by what it misses around the hole.

    See docs/measurements.md, "fill/membrane: noise and rims".

    Args:
        picture: (h, w, 3) float32, RGB in [0, 255], in and near the hole.
        target: (h, w, 3) uint8, RGB, the crop with the hole.
        covered: (h, w) bool, where the picture says anything.
        known: (h, w) bool, where the target shows the film.

    Returns:
        (h, w, 3) float32, RGB in [0, 255]: the picture, corrected wherever it says anything.
    """
    seen = covered & known
    if not seen.any():
        return picture
    luma, *chroma = cv2.split(cv2.transform(cv2.subtract(target, picture, dtype=cv2.CV_32F), TO_YCC))
    damped = _damp(cv2.transform(picture, TO_YCC[:1]), luma, seen)
    luma = cv2.subtract(luma, damped)
    rim = np.ones((2 * TINT_PX + 1, 2 * TINT_PX + 1), np.uint8)
    pure = seen & (cv2.erode(known.astype(np.uint8), rim) > 0)
    missed = [cv2.add(damped, _continue(luma, seen, LUMA_NOISE))]
    size, half = luma.shape[::-1], (-(-luma.shape[1] // 2), -(-luma.shape[0] // 2))
    halved, share = shrink_known(chroma, pure, half)
    for plane in halved:
        missed.append(
            cv2.resize(_continue(plane, share > 0, CHROMA_NOISE), size, interpolation=cv2.INTER_LINEAR)
        )
    joined = cv2.add(picture, cv2.transform(cv2.merge(missed), FROM_YCC))
    np.clip(joined, 0, 255, out=joined)
    return cv2.copyTo(joined, covered.astype(np.uint8), picture.copy())


def _damp(luma: np.ndarray, missed: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """What is to be added to a luma so that its contrast is no greater than what it tells of the target.

    The slope of a regression (target on picture, around each place): 1 where the picture is right, 0 where it
    has nothing to do with the target, whose mean is then the best guess.

    Args:
        luma: (h, w) float32, levels.
        missed: (h, w) float32, the target's luma less this one.
        seen: (h, w) bool, where that is known.
    """
    height, width = seen.shape
    weight = seen.astype(np.float32)
    known = cv2.multiply(luma, weight)
    products = (
        weight,
        known,
        cv2.multiply(missed, weight),
        cv2.multiply(known, luma),
        cv2.multiply(known, missed),
    )
    half = -(-width // 2), -(-height // 2)
    share, mean, miss, square, product = (
        cv2.GaussianBlur(cv2.resize(p, half, interpolation=cv2.INTER_AREA), (0, 0), DAMPING_SIGMA_PX / 2)
        for p in products
    )
    share = np.maximum(share, np.float32(1e-3))
    mean, miss = np.divide(mean, share), np.divide(miss, share)
    variance = np.maximum(square / share - mean * mean, 0)
    change = (product / share - mean * miss) / (variance + np.float32(DAMPING_NOISE))
    change = np.clip(change, -1, 0)
    change, mean = (cv2.resize(p, (width, height), interpolation=cv2.INTER_LINEAR) for p in (change, mean))
    return cv2.multiply(change, cv2.subtract(luma, mean))


def _continue(missed: np.ndarray, seen: np.ndarray, noise: float) -> np.ndarray:
    """What is missed where it is seen, carried on from there, if it is more than noise: (h, w) float32."""
    missed = cv2.multiply(missed, seen.astype(np.float32))
    power = mean_around(cv2.multiply(missed, missed), seen)
    solved = _solve(missed, seen)
    return cv2.multiply(solved, power / (power + np.float32(noise)))


def _solve(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Laplace's equation with the known values as its edge, level by level: (h, w) float32, 0 elsewhere."""
    height, width = known.shape
    if min(height, width) <= 2 or known.all():
        mean = values.sum() / max(1, np.count_nonzero(known))
        return np.where(known, values, np.float32(mean))
    (coarse,), share = shrink_known([values], known, ((width + 1) // 2, (height + 1) // 2))
    solved = cv2.resize(_solve(coarse, share > 0), (width, height), interpolation=cv2.INTER_LINEAR)
    cv2.copyTo(values, known.astype(np.uint8), solved)
    unknown = (~known).astype(np.uint8)
    for _ in range(SWEEPS):
        cv2.copyTo(cv2.filter2D(solved, -1, _NEIGHBOURS, borderType=cv2.BORDER_REPLICATE), unknown, solved)
    return solved

"""Takes a subtitle's colour out of its surroundings, into which coding has smeared it.

Chroma is mostly coded at half of luma's resolution (4:2:0), so that a subtitle's colour reaches further than
its strokes do; how much of it, is told by the chroma farther off.
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from subremover.motion.normalised_convolution import NormalisedConvolution
from subremover.motion.smooth import fill_smoothly, shrink_known

TINT_PX = 2
"""How far around a hole, in px, chroma may be tinted. See docs/measurements.md, "fill/tint: reach"."""
GRID_PX, SIGMA_PX = 4, 12.0
"""Px between the places at which is told how tinted the surroundings are, and over what scale, as a standard
deviation."""
TO_YCC = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32
)
"""From full-range RGB to luma and two differences of colour (ITU-R BT.601)."""
FROM_YCC = np.linalg.inv(TO_YCC).astype(np.float32)
LEAST_COLOUR = 4 / 255
"""Difference in chroma, in [0, 1], from that of the surroundings on that a subtitle can tint anything."""
FULL_SHARE = 0.15
"""From this share of the subtitle's colour on a place counts as tinted, and its own chroma as lost."""
LEAST_TINT = 1 / 255
"""Tint in [0, 1], in the mean of the surroundings, that is worth clearing from all frames of a subtitle."""
CHANCE, CERTAIN = 0.25, 0.5
"""Square of the mean by mean of the squares, of how far pixels differ that way: up to the first it may be the
film's own detail, from the second on it is a tint."""
_REACH = np.ones((2 * TINT_PX + 1, 2 * TINT_PX + 1), np.uint8)


def clear_tint(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """A picture without the colour of what its hole shows in the surroundings of the hole.

    Args:
        picture: (h, w, 3) float32, RGB in [0, 1].
        hole: (h, w) bool, True in the hole.

    Returns:
        (h, w, 3) float32: the picture, only its chroma changed, and that within `TINT_PX` of the hole alone.
    """
    tint = _find_tint(picture, hole)
    return picture if tint is None else cv2.subtract(picture, tint)


def is_tinted(picture: np.ndarray, hole: np.ndarray) -> bool:
    """Whether `clear_tint` changes the surroundings of a hole by `LEAST_TINT` or more in the mean.

    Args:
        picture: (h, w, 3) float32, RGB in [0, 1].
        hole: (h, w) bool, True in the hole.
    """
    tint = _find_tint(picture, hole)
    if tint is None:
        return False
    ring = (cv2.dilate(hole.astype(np.uint8), _REACH) > 0) & ~hole
    return float(np.abs(tint[ring]).mean()) >= LEAST_TINT


def _find_tint(picture: np.ndarray, hole: np.ndarray) -> np.ndarray | None:
    """What of the hole's colour is in its surroundings, (h, w, 3) float32, RGB; None if there is none.

    How the hole's colour differs from its surroundings tells which way a tint goes. Where the pixels next to
    the hole differ that way, in the mean, their chroma is continued from farther off. Any other colour is the
    film's own.
    """
    grown: list[np.ndarray] = [hole.astype(np.uint8)]
    for _ in range(TINT_PX):
        grown.append(cv2.dilate(grown[-1], np.ones((3, 3), np.uint8)))
    if not hole.any() or grown[-1].all():
        return None
    _, red, blue = cv2.split(cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb))
    chroma = cv2.merge([blue, red])
    excess = cv2.subtract(chroma, _continue(chroma, grown[-1] == 0))
    blue, red = cv2.split(excess)
    straight = [blue, red, np.zeros_like(blue)]
    squares = [cv2.multiply(blue, blue), cv2.multiply(red, red), cv2.multiply(blue, red)]
    colour = _mean_around(straight, hole)
    factors = np.dstack([np.square(colour[..., :2]), 2 * colour[..., 0] * colour[..., 1]])
    length = np.square(colour).sum(axis=2) + np.float32(LEAST_COLOUR**2)
    tinted = np.zeros(hole.shape, np.float32)
    for inner, outer in pairwise(grown):
        ring = (outer & ~inner) > 0
        mean = (_mean_around(straight, ring) * colour).sum(axis=2)
        power = (_mean_around(squares, ring) * factors).sum(axis=2)
        sure = (mean * mean / np.maximum(power, np.float32(1e-12)) - CHANCE) / (CERTAIN - CHANCE)
        amount = np.clip(mean / (FULL_SHARE * length), 0, 1) * np.clip(sure, 0, 1)
        if amount.any():
            tinted += cv2.resize(amount, hole.shape[::-1], interpolation=cv2.INTER_LINEAR) * ring
    if not tinted.any():
        return None
    tint = cv2.multiply(excess, cv2.merge([tinted] * 2))
    return cv2.transform(tint, np.ascontiguousarray(FROM_YCC[:, 1:]))


def _mean_around(planes: list[np.ndarray], known: np.ndarray) -> np.ndarray:
    """(h / GRID_PX, w / GRID_PX, 3) float32: what three planes average to around each place where known."""
    size = -(-known.shape[1] // GRID_PX), -(-known.shape[0] // GRID_PX)
    weight = known.astype(np.float32)
    share, *totals = (
        cv2.resize(level, size, interpolation=cv2.INTER_AREA)
        for level in (weight, *(cv2.multiply(plane, weight) for plane in planes))
    )
    return NormalisedConvolution(share, GRID_PX).mean(cv2.merge(totals), [SIGMA_PX])


def _continue(chroma: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(h, w, 2) float32: known chroma continued into what is not, at the resolution that it is coded in."""
    height, width = known.shape
    half = -(-width // 2), -(-height // 2)
    halved, share = shrink_known(cv2.split(chroma), known, half)
    filled = fill_smoothly(cv2.merge(halved), share > 0)
    continued: np.ndarray = cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)
    return continued

"""Takes a subtitle's colour out of its surroundings, into which coding has smeared it.

Chroma is mostly coded at half of luma's resolution (4:2:0), so that a subtitle's colour reaches further than
its strokes do; how much of it, is told by the chroma farther off.
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from subremover.motion.normalised_convolution import mean_around
from subremover.motion.smooth import fill_smoothly

TINT_PX = 2
"""How far around a hole, in px, chroma may be tinted. See docs/measurements.md, "fill/tint: reach"."""
TO_YCC = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32
)
"""From full-range RGB to luma and two differences of colour (ITU-R BT.601)."""
FROM_YCC = np.linalg.inv(TO_YCC).astype(np.float32)
LEAST_COLOUR = 4 / 255
"""Difference in chroma, in [0, 1], from that of the surroundings on that a subtitle can tint anything."""
FULL_SHARE = 0.15
"""From this share of the subtitle's colour on a place counts as tinted, and its own chroma as lost."""
CHANCE, CERTAIN = 0.25, 0.5
"""Square of the mean by mean of the squares, of how far pixels differ that way: up to the first it may be the
film's own detail, from the second on it is a tint."""


def clear_tint(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """A picture without the colour of what its hole shows in the surroundings of the hole.

    How the hole's colour differs from its surroundings tells which way a tint goes. Where the pixels next to
    the hole differ that way, in the mean, their chroma is continued from farther off. Any other colour is the
    film's own.

    Args:
        picture: (h, w, 3) float32, RGB in [0, 1].
        hole: (h, w) bool, True in the hole.

    Returns:
        (h, w, 3) float32: the picture, only its chroma changed, and that within `TINT_PX` of the hole alone.
    """
    grown: list[np.ndarray] = [hole.astype(np.uint8)]
    for _ in range(TINT_PX):
        grown.append(cv2.dilate(grown[-1], np.ones((3, 3), np.uint8)))
    if not grown[0].any() or grown[-1].all():
        return picture
    chroma = cv2.transform(picture, TO_YCC[1:])
    excess = cv2.subtract(chroma, _continue(chroma, grown[-1] == 0))
    colour = cv2.merge([mean_around(plane, hole) for plane in cv2.split(excess)])
    both = np.ones((1, 2), np.float32)
    along = cv2.transform(cv2.multiply(excess, colour), both)
    length = cv2.transform(cv2.multiply(colour, colour), both) + np.float32(LEAST_COLOUR**2)
    tinted = np.zeros(hole.shape, np.float32)
    for inner, outer in pairwise(grown):
        ring = (outer & ~inner) > 0
        mean, power = mean_around(along, ring)[ring], mean_around(cv2.multiply(along, along), ring)[ring]
        sure = (mean * mean / np.maximum(power, np.float32(1e-12)) - CHANCE) / (CERTAIN - CHANCE)
        tinted[ring] = np.clip(mean / (FULL_SHARE * length[ring]), 0, 1) * np.clip(sure, 0, 1)
    tint = cv2.multiply(excess, cv2.merge([tinted] * 2))
    return cv2.subtract(picture, cv2.transform(tint, np.ascontiguousarray(FROM_YCC[:, 1:])))


def _continue(chroma: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(h, w, 2) float32: known chroma continued into what is not, at the resolution that it is coded in."""
    height, width = known.shape
    half = -(-width // 2), -(-height // 2)
    weight = known.astype(np.float32)
    share = cv2.resize(weight, half, interpolation=cv2.INTER_AREA)
    total = cv2.resize(cv2.multiply(chroma, cv2.merge([weight] * 2)), half, interpolation=cv2.INTER_AREA)
    filled = fill_smoothly(total / np.maximum(share, np.float32(1e-6))[..., None], share > 0)
    continued: np.ndarray = cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)
    return continued

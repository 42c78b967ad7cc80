"""From painted crops to filled holes: boxes around holes, seams, and the choice between two fills.

Plain arrays, no torch. What fills the holes is made in `borrow`, `unmix` and `paint`.
"""

from __future__ import annotations

import cv2
import numpy as np

from subremover.geometry import Box, bounding_box, group_boxes

CONTEXT_PX = 32
"""Width of the surroundings that a crop has on each side of its hole."""
SURROUNDINGS_SIGMA_PX = 16.0
"""Standard deviation of the Gaussian by which `confine` looks at the surroundings."""
SEAM_PX = 4.0
"""Over how many px a fit passes into borrowed pixels beside those that nothing was borrowed for."""


def crop_boxes(mask: np.ndarray, pad_px: int = CONTEXT_PX) -> list[Box]:
    """Boxes that hold all holes of a mask and their surroundings.

    Holes whose padded boxes overlap share one, so that no pixel is painted twice.

    Args:
        mask: (H, W) bool, True in the holes.
        pad_px: Width of the surroundings on each side, where the picture has them.

    Returns:
        Boxes inside the picture, which do not overlap, from top to bottom; none for an empty mask.
    """
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    boxes = [Box(*(int(value) for value in stats[label, :4])) for label in range(1, count)]
    height, width = mask.shape
    boxes = [box.grow(pad_px, pad_px).clip(width, height) for box in boxes]
    while True:  # a box around a group may reach into another
        merged = [bounding_box(boxes[i] for i in group) for group in group_boxes(boxes, 0, 0)]
        if len(merged) == len(boxes):
            return sorted(merged, key=lambda box: (box.y, box.x))
        boxes = merged


def join_seamlessly(fitted: np.ndarray, image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Put a painted crop into its surroundings without a seam.

    What the fit misses on the known pixels (image - fitted) is carried on smoothly into the hole and
    added there. A fit of no detail at all thus becomes the smooth continuation of the surroundings.

    Args:
        fitted: (h, w, 3) float32, RGB in [0, 1], painted everywhere.
        image: (h, w, 3) float32, RGB in [0, 1]; anything where the hole is 1.
        hole: (h, w) bool, or float32 in [0, 1]: how little is known of each pixel.

    Returns:
        (h, w, 3) float32, RGB in [0, 1]: the image, with the fill joined to it in its hole.
    """
    unknown = hole.astype(np.float32)
    residual = image - fitted
    residual[unknown == 1] = 0
    spread = _push_pull(residual, 1 - unknown)
    joined, is_open = image.copy(), unknown > 0
    joined[is_open] = np.clip(fitted[is_open] + spread[is_open], 0, 1)
    return joined


def confine(filled: np.ndarray, image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Clip a fill to the colours around it: two standard deviations either way of the known pixels' mean.

    A blot on a plain wall is out of place, however well the decoders agree on it.

    Args:
        filled: (h, w, 3) float32, RGB in [0, 1].
        image: (h, w, 3) float32, RGB in [0, 1]; anything where the hole is 1.
        hole: (h, w) bool, or float32 in [0, 1]: how little is known of each pixel.

    Returns:
        (h, w, 3) float32; known pixels are those of `filled`.
    """
    known = 1 - hole.astype(np.float32)
    is_open = known < 1

    def surroundings(values: np.ndarray) -> np.ndarray:
        blurred: np.ndarray = cv2.GaussianBlur(values, (0, 0), SURROUNDINGS_SIGMA_PX)[is_open]
        return blurred

    known_rgb = cv2.merge([known] * 3)
    image = np.where(known_rgb > 0, image, 0)
    weight = np.maximum(surroundings(known), 1e-6)[:, None]
    mean = surroundings(image * known_rgb) / weight
    power = surroundings(image**2 * known_rgb) / weight
    reach = 2 * (np.sqrt(np.maximum(power - mean**2, 0)) + 2 / 255)
    confined = filled.copy()
    confined[is_open] = np.clip(filled[is_open], mean - reach, mean + reach)
    return confined


def share_of_fit(error: np.ndarray, fit_error: float) -> np.ndarray:
    """How much of a fit shows at each pixel of a hole, against what was borrowed, by their expected errors.

    The one that is expected to be half as far off gets 94 %: borrowed grain is not averaged away.

    Args:
        error: (h, w) float32, expected of the borrowed pixels; inf where there is none, 0 outside the hole.
        fit_error: Expected of the fit, on the same scale.

    Returns:
        (h, w) float32 in [0, 1].
    """
    ratio = (np.minimum(error / fit_error, 1e3)) ** 4
    share = ratio / (1 + ratio)
    share[share < 0.02] = 0
    is_bare = np.isinf(error)
    if is_bare.any():  # from bare pixels to borrowed ones it falls softly, so that no edge shows
        away_px = cv2.distanceTransform((~is_bare).astype(np.uint8), cv2.DIST_L2, 3)
        share = np.maximum(share, np.clip(1 - away_px / SEAM_PX, 0, 1))
    return np.where(error > 0, share, 0).astype(np.float32)


def _push_pull(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Fill what has no weight from ever coarser means: (h, w, 3), (h, w) -> (h, w, 3)."""
    if min(weight.shape) <= 2 or (weight > 0.5).all():
        mean = (values * weight[..., None]).sum((0, 1)) / max(float(weight.sum()), 1e-6)
        filled: np.ndarray = np.where(weight[..., None] > 0, values, mean)
        return filled
    weight_rgb = cv2.merge([weight] * 3)  # numpy is slow where it spreads values over three channels
    coarse_weight = cv2.pyrDown(weight)
    coarse: np.ndarray = cv2.pyrDown(values * weight_rgb) / cv2.merge([np.maximum(coarse_weight, 1e-6)] * 3)
    coarse = _push_pull(coarse, np.minimum(coarse_weight * 2, 1))
    wide = cv2.pyrUp(coarse, dstsize=(weight.shape[1], weight.shape[0]))
    return np.asarray(wide + (values - wide) * weight_rgb)

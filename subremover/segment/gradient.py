"""The paper's segmenter: Sobel, dilation, binarisation. Needs no model, and no second frame.

It finds the lines of a picture (`find_lines`) and marks their strokes (`mark_strokes`), the latter
also for the other segmenter where no frame without the subtitle is near.
"""

from __future__ import annotations

import cv2
import numpy as np

from subremover.geometry import Box


def mark_strokes(image: np.ndarray, grow_px: int = 2) -> np.ndarray:
    """Mark what stands out sharply: the edges of the strokes and what they enclose.

    Deviation from the paper: the threshold follows the contrast of the lettering itself, and
    closing before the dilation fills the inside of wide strokes.

    Args:
        image: (h, w, 3) uint8 or float32, RGB in [0, 255], a text line with a little around it.
        grow_px: Dilation of the edges, for antialiasing and coding noise.

    Returns:
        (h, w) bool, True on strokes.
    """
    edges = _sobel_magnitude(image)
    threshold = max(12.0, 0.3 * float(np.percentile(edges, 97)))
    sharp = (edges > threshold).astype(np.uint8)
    solid = cv2.morphologyEx(sharp, cv2.MORPH_CLOSE, disc(2))
    solid = cv2.morphologyEx(solid, cv2.MORPH_OPEN, disc(1))
    mask: np.ndarray = cv2.dilate(solid, disc(grow_px)).astype(bool)
    return mask


def find_lines(picture: np.ndarray) -> list[Box]:
    """Text lines of a picture, as wide bands dense with sharp edges.

    Without a model this takes any dense texture for text; look in a region, and expect it to
    serve where the background is calm.

    Args:
        picture: (H, W, 3) uint8, RGB.

    Returns:
        Boxes, tight around the edges.
    """
    height, width = picture.shape[:2]
    edges = _sobel_magnitude(picture)
    sharp = (edges > max(24.0, 0.5 * float(np.percentile(edges, 99.5)))).astype(np.uint8)
    # Letters of a line lie nearer to each other than lines do: close along the line only.
    reach = max(5, height // 24)
    band = cv2.morphologyEx(sharp, cv2.MORPH_CLOSE, np.ones((3, 2 * reach + 1), np.uint8))
    band = cv2.morphologyEx(band, cv2.MORPH_OPEN, np.ones((max(3, height // 120), reach), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(band)
    boxes = [Box(int(x), int(y), int(w), int(h)) for x, y, w, h, _ in stats[1:count]]
    return [
        b for b in boxes if b.width > 1.5 * b.height and 6 <= b.height < height / 4 and b.width < 0.98 * width
    ]


def disc(radius_px: int) -> np.ndarray:
    """Structuring element for growing and shrinking by a radius."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius_px + 1, 2 * radius_px + 1))


def _sobel_magnitude(image: np.ndarray) -> np.ndarray:
    """(h, w) float32, grey levels per px, the greatest over the colours."""
    image = image.astype(np.float32)
    # 1/8: the kernel's gain, so that a ramp of 1 level per px has magnitude 1.
    across = cv2.Sobel(image, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(image, cv2.CV_32F, 0, 1, scale=1 / 8)
    magnitude: np.ndarray = np.sqrt((across**2 + down**2).max(axis=2))
    return magnitude

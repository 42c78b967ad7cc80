"""The paper's segmenter: Sobel, dilation, binarisation. Needs no model, and no second frame.

It finds the lines of a picture (`find_lines`, for `--segmenter gradient`) and marks their strokes by contrast
(`mark_strokes`, `mark_lettering`), the latter as a hint to `strokes`, which weighs it against other frames.
"""

from __future__ import annotations

import cv2
import numpy as np

from subremover.geometry import Box
from subremover.runtime.profile import stage


def mark_strokes(image: np.ndarray) -> np.ndarray:
    """Mark what stands out sharply: the edges of the strokes and what they enclose.

    Deviation from the paper: the threshold follows the contrast of the lettering itself, and
    closing before the dilation fills the inside of wide strokes.

    Args:
        image: (h, w, 3) uint8 or float32, RGB in [0, 255], a text line with a little around it.

    Returns:
        (h, w) bool, True on strokes.
    """
    edges = _sobel_magnitude(image)
    threshold = max(12.0, 0.3 * float(np.percentile(edges, 97)))
    sharp = (edges > threshold).astype(np.uint8)
    solid = cv2.morphologyEx(sharp, cv2.MORPH_CLOSE, disc(2))
    solid = cv2.morphologyEx(solid, cv2.MORPH_OPEN, disc(1))
    mask: np.ndarray = cv2.dilate(solid, disc(2)).astype(bool)  # for antialiasing and coding noise
    return mask


def mark_lettering(steady: np.ndarray, line: np.ndarray, lettering: np.ndarray) -> np.ndarray:
    """What `mark_strokes` marks in a line, less what the texture around the line explains.

    See docs/measurements.md, "detect/masking/gradient: lettering".

    Args:
        steady: (h, w, 3) float32, RGB in [0, 255], median over the event's frames, with surroundings.
        line: (h, w) bool, the box of the line.
        lettering: (h, w) bool, the boxes of this and all other lines there.

    Returns:
        (h, w) bool, True on strokes.
    """
    marked = mark_strokes(steady) & line
    image = np.clip(steady, 0, 255).astype(np.uint8)
    guess = cv2.inpaint(image, marked.astype(np.uint8), 3, cv2.INPAINT_TELEA).astype(np.float32)
    texture = np.abs(steady - cv2.GaussianBlur(steady, (0, 0), 4)).max(axis=2)
    expected = _expected_change(texture, lettering)
    differs = (np.abs(steady - guess).max(axis=2) > 6 + 0.7 * expected) & marked
    # What the differing pixels enclose is letter too: white inside an outline, on white.
    outlines, _ = cv2.findContours(differs.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    solid = cv2.drawContours(np.zeros(line.shape, np.uint8), outlines, -1, 1, cv2.FILLED)
    strokes: np.ndarray = cv2.dilate(solid, disc(1)).astype(bool) & marked
    return strokes


@stage("scan: detect")
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
    """(n, n) uint8 structuring element of a disc, n = 2 * radius_px + 1, for growing and shrinking masks."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius_px + 1, 2 * radius_px + 1))


def _sobel_magnitude(image: np.ndarray) -> np.ndarray:
    """(h, w) float32, grey levels per px, the greatest over the colours."""
    image = image.astype(np.float32)
    # 1/8: the kernel's gain, so that a ramp of 1 level per px has magnitude 1.
    across = cv2.Sobel(image, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(image, cv2.CV_32F, 0, 1, scale=1 / 8)
    magnitude: np.ndarray = np.sqrt((across**2 + down**2).max(axis=2))
    return magnitude


def _expected_change(change: np.ndarray, lettering: np.ndarray) -> np.ndarray:
    """(h, w) float32, levels by which the picture changes around the lettering, carried on into it."""
    outside = (~cv2.dilate(lettering.astype(np.uint8), disc(2)).astype(bool)).astype(np.float32)
    total = np.zeros_like(change)
    weight = np.full_like(change, 1e-6)
    # The near surroundings count most; the far ones reach the middle of tall lines.
    for sigma_px, share in ((12, 1.0), (40, 0.05)):
        total += share * cv2.GaussianBlur(change**2 * outside, (0, 0), sigma_px)
        weight += share * cv2.GaussianBlur(outside, (0, 0), sigma_px)
    expected: np.ndarray = np.sqrt(total / weight)
    return expected

"""Which pixels of a line belong to the subtitle: strokes, outline, shadow, box and coding noise.

Two sources. The frames right before and after the event show the same picture without the
subtitle: what jumps there and nowhere around is subtitle, whatever its colour or transparency.
Where no such frame exists, or the picture moves too much, the gradient segmenter decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from subremover.segment.gradient import disc, mark_strokes

CALM_ERROR = 8.0
"""Levels. Up to this error of the picture around the line, the jump alone found 0.998 to 1.000 of the
visible pixels on twelve real events, at 1.04 to 1.4 times the true area; above it, it needs company."""
WILD_ERROR = 20.0
"""Levels. Above this the jump is motion rather than subtitle."""


@dataclass(frozen=True, slots=True, eq=False)
class Jump:
    """The picture on both sides of an event's first or last frame, each a mean of a few frames."""

    without: np.ndarray
    """(h, w, 3) float32, RGB in [0, 255]."""
    with_line: np.ndarray
    """(h, w, 3) float32, RGB in [0, 255], the subtitle at its full opacity."""


def find_strokes(steady: np.ndarray, line: np.ndarray, jumps: list[Jump]) -> np.ndarray:
    """Mark the pixels that a line of text covers.

    Args:
        steady: (h, w, 3) float32, RGB in [0, 255], median over the event's frames, with surroundings.
        line: (h, w) bool, the detector's box of the line, its height of surroundings around it.
        jumps: Up to two, at the event's ends.

    Returns:
        (h, w) bool.
    """
    by_gradient = mark_strokes(steady) & line
    by_jump, error = _strokes_by_jump(jumps, line)
    # A jump that misses most of what stands out sharply is no subtitle coming or going.
    if error > WILD_ERROR or (by_jump & by_gradient).sum() < 0.5 * by_gradient.sum():
        return by_gradient
    strokes: np.ndarray = by_jump if error <= CALM_ERROR else by_jump | by_gradient
    return strokes


def _strokes_by_jump(jumps: list[Jump], line: np.ndarray) -> tuple[np.ndarray, float]:
    """Pixels that change with the subtitle, and the error of the calmest jump in levels."""
    if not jumps:
        return np.zeros(line.shape, bool), np.inf
    changes, errors = [], []
    for jump in jumps:
        change = np.abs(jump.with_line - jump.without).max(axis=2)
        expected = _expected_change(change, _solid_box(change, line))
        # 10 levels and 1.5 times what the surroundings change: see CALM_ERROR. A cap, so that one
        # end's motion cannot outvote the other end's calm.
        changes.append(np.minimum(change / (10 + 1.5 * expected), 2.0))
        errors.append(float(expected[line].mean()))
    weights = 1 / (np.array(errors) + 2) ** 2
    change = np.average(changes, axis=0, weights=weights)
    # Hysteresis: soft shadows and antialiasing count where they touch what is certain.
    count, labels = cv2.connectedComponents((change >= 0.6).astype(np.uint8), connectivity=8)
    is_sure = np.zeros(count, bool)
    is_sure[labels[(change >= 1) & line]] = True
    is_sure[0] = False
    mask = cv2.morphologyEx(is_sure[labels].astype(np.uint8), cv2.MORPH_CLOSE, disc(1))
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, disc(1))
    grown: np.ndarray = cv2.dilate(mask, disc(1)).astype(bool)
    return grown, min(errors)


def _solid_box(change: np.ndarray, line: np.ndarray) -> np.ndarray:
    """The line, or the drawn box around it where what jumps is one filled rectangle: (h, w) bool."""
    outside = change[~line]
    usual = float(np.median(outside)) if outside.size else 0.0
    jumped = (change > max(16.0, 3 * usual)).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(cv2.morphologyEx(jumped, cv2.MORPH_CLOSE, disc(2)))
    inside = np.bincount(labels[line], minlength=len(stats))
    inside[0] = 0
    x, y, width, height, area = stats[int(inside.argmax())]
    rows, columns = line.shape
    is_inside_crop = x > 0 and y > 0 and x + width < columns and y + height < rows
    if not inside.any() or not is_inside_crop or area < 0.92 * width * height or area < 0.8 * line.sum():
        return line
    box = line.copy()
    box[y : y + height, x : x + width] = True
    return box


def _expected_change(change: np.ndarray, line: np.ndarray) -> np.ndarray:
    """What the picture alone would change by in the line: what it changes by around it, in levels."""
    outside = (~cv2.dilate(line.astype(np.uint8), disc(2)).astype(bool)).astype(np.float32)
    total = np.zeros_like(change)
    weight = np.full_like(change, 1e-6)
    # The near surroundings count most; the far ones reach the middle of tall lines.
    for sigma_px, share in ((12, 1.0), (40, 0.05)):
        total += share * cv2.GaussianBlur(change**2 * outside, (0, 0), sigma_px)
        weight += share * cv2.GaussianBlur(outside, (0, 0), sigma_px)
    expected: np.ndarray = np.sqrt(total / weight)
    return expected

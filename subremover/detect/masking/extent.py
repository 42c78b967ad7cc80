"""Completes the box of a line where the detector left out its ends: notes, quotation marks, the last letters.

A line goes on where there are strokes of the same colour and height, no further apart than words are. The
pixels of its strokes are marked in `strokes`.
"""

from __future__ import annotations

import cv2
import numpy as np

from subremover.detect.masking.gradient import mark_strokes
from subremover.detect.masking.rim import find_fill
from subremover.geometry import Box

GAP = 0.8
"""Widest gap within a line, as a share of its height."""
MOST = 0.6
"""Most that a detector leaves out at one end, as a share of what it found; what goes on for longer, or to the
picture's edge, is not the line."""
LEAST_LONG = 0.2
"""Least length of what counts as a letter or a dash, likewise."""
LEAST_HEIGHT_PX = 24
"""Height of the lines whose letters can be told from what glints beside them."""
LEAST_TALL, LONGEST_DASH = 0.3, 0.8
"""Least height of a letter longer than a dash, and the length of one, likewise: edges of bars are long."""
ALIKE_LEVELS = 40
"""Levels within which a letter has the colour of the others: coding blurs thin strokes."""
OWN_SHARE = 0.5
"""Least share of the line's own columns that its letters, told by their colour, must fill."""


def complete_line(picture: np.ndarray, line: Box) -> Box:
    """The box of a line, made longer as far as its letters go on to its left and right.

    See docs/measurements.md, "detect/masking/extent: letters".

    Args:
        picture: (H, W, 3) uint8, RGB.
        line: The detector's box; that of a column of text is returned as it is.

    Returns:
        A box that holds the line's.
    """
    if line.height < LEAST_HEIGHT_PX or line.width < 1.5 * line.height:
        return line
    pad_px = line.height // 4
    band = Box(0, line.y, picture.shape[1], line.height).grow(0, pad_px).clip(*picture.shape[1::-1])
    image = picture[band.slices]
    inside = np.zeros(image.shape[:2], bool)
    inside[line.y - band.y :, line.x : line.x + line.width][: line.height] = True
    strokes = mark_strokes(image)
    own = strokes & inside
    if not own.any():
        return line
    light = image.max(axis=2)
    bright = own & (light >= np.percentile(light[own], 90))
    columns = np.zeros(picture.shape[1], bool)
    best = OWN_SHARE
    gap_px, stop = max(2, round(GAP * line.height)), line.x + line.width
    for fill in (find_fill(own, image.astype(np.float32)), bright):  # in a busy picture, letters are bright
        colour = np.median(image[fill], axis=0).astype(np.float32)
        alike = (np.abs(image - colour).max(axis=2) < ALIKE_LEVELS) & strokes
        letters: np.ndarray = np.any(_find_letters(alike, inside), axis=0)
        filled = cv2.dilate(letters[None, line.x : stop].astype(np.uint8), np.ones((1, gap_px), np.uint8))
        if filled.mean() > best:
            columns, best = letters, float(filled.mean())
    rim_px, most_px = max(2, line.height // 8), round(MOST * line.width)

    def reach(beside: np.ndarray) -> int:
        px = _reach(beside, gap_px)
        return px + rim_px if px > 0 and px + rim_px < min(most_px, len(beside) - 2) else 0

    left, right = reach(columns[: line.x][::-1]), reach(columns[stop:])
    return Box(line.x - left, line.y, line.width + left + right, line.height).clip(*picture.shape[1::-1])


def _find_letters(alike: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The parts of a mask that are like those of them that lie in the line.

    Args:
        alike: (h, w) bool, pixels that have the colour of the line's letters.
        inside: (h, w) bool, the line.

    Returns:
        (h, w) bool, those in the same rows, and with strokes as wide.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(alike.astype(np.uint8), connectivity=8)
    height = int(inside.any(axis=1).sum())
    depth = cv2.distanceTransform(alike.astype(np.uint8), cv2.DIST_L2, 5)
    deepest = np.zeros(count, np.float32)
    np.maximum.at(deepest, labels.ravel().astype(np.intp), depth.ravel())
    top, tall, wide = stats[:, cv2.CC_STAT_TOP], stats[:, cv2.CC_STAT_HEIGHT], stats[:, cv2.CC_STAT_WIDTH]
    is_whole = (top > 0) & (top + tall < len(alike)) & (tall <= height)
    is_whole &= np.maximum(tall, wide) >= LEAST_LONG * height
    is_whole &= (tall >= LEAST_TALL * height) | (wide <= LONGEST_DASH * height)
    own = is_whole & (np.bincount(labels[inside], minlength=count) > 0)
    own[0] = is_whole[0] = False
    if not own.any():
        return np.zeros_like(alike)
    first, last = np.percentile(top[own], 10), np.percentile((top + tall)[own], 90)
    slack = max(2.0, 0.12 * height)
    in_rows = (top >= first - slack) & (top + tall <= last + slack)
    usual = float(np.median(deepest[own]))
    is_as_wide = (deepest >= 0.5 * usual) & (deepest <= 2 * usual)
    letters: np.ndarray = (is_whole & in_rows & is_as_wide)[labels]
    return letters


def _reach(columns: np.ndarray, gap_px: int) -> int:
    """How many columns outwards the letters go on without a wider gap."""
    places = np.flatnonzero(columns)
    steps = np.diff(places, prepend=-1)
    until = int(np.logical_and.accumulate(steps <= gap_px).sum())
    return int(places[until - 1]) + 1 if until else 0

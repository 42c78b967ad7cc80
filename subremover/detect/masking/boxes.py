"""Finds the drawn box behind a line, see-through or opaque, as far as the line's crop shows it.

There are three ways: the whole box comes and goes with the line (`find_jumping_box`), or it is always there,
but its one colour shows it (`find_plain_box`), or its straight borders do, the picture going on behind them
(`find_bordered_box`). The line's strokes themselves are marked in `strokes`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from subremover.detect.masking.gradient import disc

FRAMES = 6
"""Most frames that borders are looked for in, spread over the event."""
OPAQUEST, CLEAREST = 0.1, 0.85
"""Least and greatest share of the picture's contrast that a see-through box lets through."""
LEAST_AGREEMENT, LOST_AGREEMENT = 0.85, 0.07
"""Least correlation of the pixel rows on the two sides of a see-through border, and how much lower it may be
than between neighbouring rows outside. The picture goes on behind such a border, and does not behind a window
sill or a sign."""

PLAIN_LEVELS = 10.0
"""Greatest mean difference, in levels, of a pixel of an opaque box from the box's colour."""
BLACK_LEVELS = 80
"""Greatest level of the colour of such a box, which may let a calm picture through; a brighter plate may be a
sign."""
PLAIN_SHARE = 0.25
"""Least share of a line's box that the ground of an opaque box fills between the letters."""


@dataclass(frozen=True, slots=True)
class _Border:
    """A straight border, and how the picture changes across it: inside = gain * outside + shift."""

    at: int
    """The first row inside."""
    gain: float
    """0 for an opaque box."""
    shift: float
    """Levels."""


def find_jumping_box(change: np.ndarray, line: np.ndarray) -> np.ndarray | None:
    """The drawn box around a line, or the joined boxes of two lines, where it comes and goes with the line.

    What changes as the line comes or goes is a drawn box if it is solid and has straight sides; something
    that moves has not.

    Args:
        change: (h, w) float32, levels between the picture with and without the line.
        line: (h, w) bool, the detector's box of the line.

    Returns:
        (h, w) bool, True in the box; None where there is none.
    """
    outside = change[~line]
    usual = float(np.median(outside)) if outside.size else 0.0
    jumped = (change > max(16.0, 3 * usual)).astype(np.uint8)
    _, labels = cv2.connectedComponents(cv2.morphologyEx(jumped, cv2.MORPH_CLOSE, disc(2)))
    sizes = np.bincount(labels[line])
    sizes[0] = 0
    part = labels == int(sizes.argmax())
    if not sizes.any() or (part & line).sum() < 0.8 * line.sum() or part[:, [0, -1]].any():
        return None
    rows = np.flatnonzero(part.any(axis=1))
    left, right = part[rows].argmax(axis=1), part.shape[1] - part[rows, ::-1].argmax(axis=1)
    is_bent = (np.abs(np.diff(left)) > 1) | (np.abs(np.diff(right)) > 1)
    if part.sum() < 0.92 * (right - left).sum() or is_bent.mean() > 0.15:
        return None
    columns = np.arange(part.shape[1])
    box = np.zeros_like(line)
    box[rows] = (columns >= left[:, None]) & (columns < right[:, None])
    return box


def find_plain_box(shown: np.ndarray, line: np.ndarray, lettering: np.ndarray) -> np.ndarray | None:
    """The dark opaque box around a line, told by its one colour and its straight borders.

    Three of the four borders must show, so that text on a wall, in the sky or on the film's black bar has
    none; the fourth, which may lie before a picture of the same colour, is where the one across from it says.

    Args:
        shown: (n, h, w, 3) uint8, RGB, the event's frames at full opacity.
        line: (h, w) bool, the detector's box of the line.
        lettering: (h, w) bool, the boxes of this and all other lines there.

    Returns:
        (h, w) bool, True in the box; None where there is none.
    """
    left, top, width, height = cv2.boundingRect(line.astype(np.uint8))
    if height < 8 or width < height:
        return None
    picked = np.unique(np.linspace(0, len(shown) - 1, FRAMES).round().astype(int))
    ground = _find_ground(np.median(shown[picked], axis=0)[line])
    if ground.max() > BLACK_LEVELS:
        return None
    off = np.abs(shown[picked] - ground.astype(np.float32)).max(axis=3).mean(axis=0)
    plain, known = off < PLAIN_LEVELS, line | ~lettering
    if plain[line].mean() < PLAIN_SHARE:
        return None
    inset = min(height // 2, width // 6)  # the box may be narrower than what the detector found
    middle = slice(left + inset, left + width - inset)
    rows = _find_sides(plain[:, middle], known[:, middle], top, top + height, height // 3)
    if rows is None:
        return None
    inner = slice(rows.first, rows.stop)
    columns = _find_sides(plain[inner].T, known[inner].T, left, left + width, height // 2)
    if columns is None or rows.seen + columns.seen < 3:
        return None
    box = np.zeros_like(line)
    box[inner, columns.first : columns.stop] = True
    return box if (box & line).sum() > 0.6 * line.sum() else None


def find_bordered_box(shown: np.ndarray, line: np.ndarray) -> np.ndarray | None:
    """The drawn box around a line, told by its borders; for lines that never come nor go in a shot.

    A straight border must run above the line and another one below, and the picture must go on across both
    with less contrast, by the same gain and shift; or with no contrast at all, while it moves outside. What
    else a film shows does not do that: the picture does not go on behind a sill, a sign or the sky, and the
    plain inside of such a thing moves with it.

    Args:
        shown: (n, h, w, 3) uint8, RGB, the event's frames at full opacity.
        line: (h, w) bool, the detector's box of the line.

    Returns:
        (h, w) bool, True in the box as far as the crop reaches; None where there is none.
    """
    rows, columns = np.flatnonzero(line.any(axis=1)), np.flatnonzero(line.any(axis=0))
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    height = bottom - top
    if height < 8 or right - left < 2 * height:
        return None
    picked = np.unique(np.linspace(0, len(shown) - 1, FRAMES).round().astype(int))
    luma = np.stack([cv2.cvtColor(shown[i], cv2.COLOR_RGB2GRAY) for i in picked]).astype(np.float32)
    smooth = np.stack([cv2.blur(picture, (5, 1)) for picture in luma])  # along the border: grain
    upper = _find_border(smooth[:, : top + height // 4, left:right], top - round(1.2 * height))
    flipped = smooth[:, ::-1]
    lower = _find_border(
        flipped[:, : line.shape[0] - bottom + height // 4, left:right],
        line.shape[0] - bottom - round(1.2 * height),
    )
    if upper is None or lower is None:
        return None
    if abs(upper.gain - lower.gain) > 0.2 or abs(upper.shift - lower.shift) > 16:
        return None
    is_inside = _follows(smooth, upper) + _follows(flipped, lower)  # (w,)
    if (is_inside[left:right] > 0).mean() < 0.8:
        return None
    start, stop = left - _extent(is_inside[:left][::-1]), right + _extent(is_inside[right:])
    box = np.zeros_like(line)
    first, last = upper.at, line.shape[0] - lower.at
    middle = np.stack([cv2.blur(picture, (1, 5)) for picture in luma])[:, first + 2 : last - 2]
    most, width = left + height // 4, line.shape[1]  # further inside, letters have borders
    start = _sharpen(middle[:, :, :most], start, height, upper)
    mirrored = middle[:, :, ::-1][:, :, : width - right + height // 4]
    stop = width - _sharpen(mirrored, width - stop, height, upper)
    box[first:last, start:stop] = True
    return box


def _find_ground(colours: np.ndarray) -> np.ndarray:
    """(3,) the most frequent of (n, 3) colours in [0, 255]."""
    bins = (colours / 8).astype(int) @ (1, 32, 1024)
    common = np.median(colours[bins == np.bincount(bins).argmax()], axis=0)
    near = np.abs(colours - common).max(axis=1) < PLAIN_LEVELS
    ground: np.ndarray = np.median(colours[near], axis=0)
    return ground


@dataclass(frozen=True, slots=True)
class _Sides:
    """Two borders of an opaque box, across from each other."""

    first: int
    """The first row inside."""
    stop: int
    """The first row beyond."""
    seen: int
    """How many of the two show."""


def _find_sides(plain: np.ndarray, known: np.ndarray, start: int, stop: int, depth: int) -> _Sides | None:
    """The borders of an opaque box above and below the rows from `start` on and before `stop`.

    Args:
        plain: (rows, n) bool, True where a pixel has the box's colour.
        known: (rows, n) bool, False where other lines stand.
        start: The first row of the line.
        stop: The first row behind it.
        depth: How many rows inside the line a border may lie.

    Returns:
        The borders; None where neither shows.
    """
    count = len(plain)
    first = _find_plain_border(plain, known, start, depth)
    last = _find_plain_border(plain[::-1], known[::-1], count - stop, depth)
    if first is None and last is None:
        return None
    if first is not None and last is not None:
        return _Sides(first, count - last, 2)
    more = (stop - start) // 4  # joined to the box of the next line, it may reach further
    if last is None:
        mirrored = min(count, stop + start - (first or 0))
        return _Sides(first or 0, mirrored + _count_plain(plain[mirrored:][:more]), 1)
    mirrored = max(0, start - (count - last - stop))
    return _Sides(mirrored - _count_plain(plain[:mirrored][::-1][:more]), count - last, 1)


def _count_plain(rows: np.ndarray) -> int:
    """How many of the first (n, w) rows have the box's colour."""
    return int(np.logical_and.accumulate(rows.mean(axis=1) > 0.6).sum()) if rows.size else 0


def _find_plain_border(plain: np.ndarray, known: np.ndarray, start: int, depth: int) -> int | None:
    """The first row inside an opaque box, next above a line that begins at a row; None where none shows."""
    for at in range(start + depth, 4, -1):
        seen = known[at] & known[at - 2] & known[at - 4]
        if seen.mean() < 0.5:
            continue
        inside = plain[at, seen]
        if at < start - 2 and inside.mean() < 0.7:
            return None
        beyond = plain[at - 4 : at - 1, seen].all(axis=0)  # clear of the border's own softness
        if inside.mean() > 0.75 and (inside & ~beyond).mean() > 0.6:
            is_inside = plain[at - 3 : at, seen].mean(axis=1)[::-1] > 0.6
            return at - int(np.logical_and.accumulate(is_inside).sum())
    return None


def _find_border(luma: np.ndarray, least: int) -> _Border | None:
    """The sharpest border in (n, rows, w), whose row 0 is outside the box; from row `least` on."""
    found, sharpest = None, 1.0
    for at in range(max(5, least), luma.shape[1] - 2):
        sharpness = abs(float((luma[:, at] - luma[:, at - 1]).mean()))
        if sharpness > sharpest and (border := _fit(luma, at)):
            found, sharpest = border, sharpness
    return found


def _fit(luma: np.ndarray, at: int) -> _Border | None:
    """The border at a row, its gain and shift fitted across it; None where these are no box's."""
    outside, inside = luma[:, at - 2], luma[:, at + 1]  # (n, w), clear of the border's own softness
    step = inside - outside
    if (np.median(step, axis=0) * np.sign(step.mean()) > 2).mean() < 0.8:  # (w,)
        return None
    if outside.std(axis=0).mean() > 6 and inside.std() < 3:
        return _Border(at, 0.0, float(inside.mean()))
    far, gain = _correlate(outside, inside)
    near, _ = _correlate(luma[:, at - 1], luma[:, at])
    far_usual, _ = _correlate(luma[:, at - 4], luma[:, at - 1])
    near_usual, _ = _correlate(luma[:, at - 2], luma[:, at - 1])
    if outside.std() < 6 or not OPAQUEST < gain < CLEAREST:
        return None
    if near < max(LEAST_AGREEMENT, near_usual - LOST_AGREEMENT) or far < far_usual - 2 * LOST_AGREEMENT:
        return None
    return _Border(at, gain, float(inside.mean() - gain * outside.mean()))


def _correlate(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Correlation of two arrays of pixels, -1 to 1, and the factor by which the second follows the first."""
    common = float(((first - first.mean()) * (second - second.mean())).mean())
    deviation = float(first.std()) + 1e-3
    return common / (deviation * (float(second.std()) + 1e-3)), common / deviation**2


def _follows(luma: np.ndarray, border: _Border) -> np.ndarray:
    """(w,) float32, by how many levels the border's gain and shift fit a column better than no box does."""
    outside, inside = luma[:, border.at - 2], luma[:, border.at + 1]
    off = np.abs(inside - border.gain * outside - border.shift)
    better: np.ndarray = (np.abs(inside - outside) - off).mean(axis=0)
    return better


def _extent(is_inside: np.ndarray) -> int:
    """How many columns outwards the box goes on: as far as the evidence for it adds up."""
    return int(np.concatenate([[0], np.cumsum(is_inside - 0.5)]).argmax())


def _sharpen(luma: np.ndarray, start: int, reach_px: int, law: _Border) -> int:
    """The first column of the box in (n, rows, w), near a rough one; 0 where the crop begins inside it."""
    columns = range(max(2, start - reach_px), min(luma.shape[2] - 2, start + reach_px))
    if start == 0 or not columns or not luma.shape[1]:
        return start
    gains = [
        float((np.abs(v - u) - np.abs(v - law.gain * u - law.shift)).mean()) * abs(float(s.mean()))
        for u, v, s in (
            (luma[:, :, x - 2], luma[:, :, x + 1], luma[:, :, x] - luma[:, :, x - 1]) for x in columns
        )
    ]
    best = int(np.argmax(gains))
    return columns[best] if gains[best] > 1 else start

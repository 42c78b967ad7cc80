"""The features of a film's lines that the model weighs: each line's own, and its company's.

A line's company are the film's other lines: those set alike, those beside it at the same time, those before
and after it in its place. How likely these are subtitles tells much of what the line is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np

from subremover.detect.classify.line import Line
from subremover.detect.classify.traits import Traits
from subremover.geometry import draw_boxes

SUCCESSION_SECONDS = 1.5
"""Most seconds between two lines of which one takes the other's place."""
USUAL_HEIGHT, USUAL_SECONDS = 0.055, 2.0
"""Of a subtitle: height of its lines as a share of the picture's shorter side, and how long it stands."""
SAME_HEIGHT = 0.15
"""Deviation of the natural logarithm of the heights of lines set alike: descenders make boxes differ."""


@dataclass(frozen=True, slots=True)
class Film:
    """What must be known of a film to measure its lines."""

    width: int
    """Of the upright picture, in px."""
    height: int
    frames: int
    """Number of frames scanned."""
    rate: float
    """Frames per second."""


GROUPS: Mapping[str, tuple[str, ...]] = {
    "place": ("off_centre", "middle", "low", "high", "edge_gap", "left", "right", "corner", "portrait"),
    "size": ("width", "height", "odd_height", "flatness", "density", "slope"),
    "time": ("seconds", "odd_seconds", "share", "least_opacity"),
    "coming": (
        *("comes_alone", "goes_alone", "comes_at_cut", "goes_at_cut", "fades"),
        *("is_interrupted", "never_changes", "arrival", "departure"),
    ),
    "stillness": ("steadiness", "stillness", "around_deviation", "unrest", "cuts", "floats"),
    "drawing": ("sharpness", "unevenness", "outline", "contrast", "on_board", "plainness"),
    "colours": ("white", "black", "yellow", "saturated"),
    "words": ("has_text", "confidence", "letters", "words", "digits"),
    "succession": ("before", "after", "repeats"),
    "company": ("crowd", "alike", "style_for", "style_against", "place_for", "place_against"),
    "row": ("beside", "block_for", "block_against"),
}
"""The features by what they tell, as it is said to the user."""
OWN = (
    *("off_centre", "middle", "low", "high", "edge_gap", "left", "right", "width", "height", "odd_height"),
    *(
        "flatness",
        "corner",
        "portrait",
        "seconds",
        "odd_seconds",
        "share",
        "comes_alone",
        "goes_alone",
        "comes_at_cut",
        "goes_at_cut",
        "fades",
    ),
    *("is_interrupted", "cuts", "floats", "never_changes", "steadiness", "on_board", "least_opacity"),
    *("has_text", "confidence", "letters", "words", "digits"),
    *(field.name for field in fields(Traits)),
    *("before", "after", "crowd", "repeats", "alike", "beside"),
)
"""Names of the features that need no other line's verdict."""
COMPANY = ("own", "style_for", "style_against", "block_for", "block_against", "place_for", "place_against")
"""Names of the features that rest on first verdicts on all lines."""


def own_features(lines: Sequence[Line], film: Film) -> np.ndarray:
    """(n, len(OWN)) float32, of n lines."""
    if not lines:
        return np.zeros((0, len(OWN)), np.float32)
    pairs = _Pairs(lines, film)
    return np.array([_own(n, film) + pairs.counts(i) for i, n in enumerate(lines)], np.float32)


def company_features(lines: Sequence[Line], film: Film, logits: np.ndarray) -> np.ndarray:
    """(n, len(COMPANY)) float32.

    Args:
        lines: All n lines of a film.
        film: The film.
        logits: (n,) float, log odds of each line to be a subtitle, by what is its own.
    """
    if not lines:
        return np.zeros((0, len(COMPANY)), np.float32)
    pairs = _Pairs(lines, film)
    chances = 1 / (1 + np.exp(-logits))
    rows = [(float(logits[i]), *pairs.company(i, chances)) for i in range(len(lines))]
    return np.array(rows, np.float32)


def blocks(lines: Sequence[Line], film: Film) -> list[list[int]]:
    """Numbers of the lines that belong together: halves of a row, rows of a block, a line found twice.

    Returns:
        Groups of two lines or more; no line is in two of them.
    """
    pairs, group = _Pairs(lines, film), list(range(len(lines)))
    for i in range(len(lines)):
        for j in np.flatnonzero(pairs.is_joined(i)):
            one, other = group[i], group[int(j)]
            group = [one if g == other else g for g in group]
    members: dict[int, list[int]] = {}
    for i, g in enumerate(group):
        members.setdefault(g, []).append(i)
    return [numbers for numbers in members.values() if len(numbers) > 1]


def _own(line: Line, film: Film) -> tuple[float, ...]:
    (x, y), box, life = line.middle, line.box, line.life
    short = min(film.width, film.height)
    seconds = line.frames / film.rate
    letters = sum(c.isalpha() for c in line.text)
    digits = sum(c.isdigit() for c in line.text)
    return (
        abs(x - film.width / 2) / film.width,
        y / film.height,
        max(0.0, y / film.height - 0.65),
        max(0.0, 0.25 - y / film.height),
        min(box.y, film.height - box.bottom) / film.height,
        box.x / film.width,
        (film.width - box.right) / film.width,
        box.width / film.width,
        height := float(np.log(line.height / short / USUAL_HEIGHT)),
        abs(height),
        float(np.log(box.width / box.height)),
        float(np.hypot(min(x, film.width - x) / film.width, min(y, film.height - y) / film.height)),
        float(film.height > film.width),
        float(np.log(seconds)),
        abs(float(np.log(seconds / USUAL_SECONDS))),
        line.frames / film.frames,
        life.comes_alone,
        life.goes_alone,
        life.comes_at_cut,
        life.goes_at_cut,
        min(life.fades / film.rate, 1.0),
        life.is_interrupted,
        min(life.cuts, 3),
        float(np.log1p(life.floats)),
        life.comes_at_cut and life.goes_at_cut and not life.cuts,
        life.steadiness,
        line.is_on_board,
        float(line.opacities.min()),
        bool(line.text),
        line.confidence,
        float(np.log1p(letters)),
        float(np.log1p(len(line.text.split()))),
        digits / (letters + digits + 1),
        *astuple(line.traits),
    )


class _Pairs:
    """Compares each line of a film with all of them."""

    def __init__(self, lines: Sequence[Line], film: Film) -> None:
        self._lines, self._film = lines, film
        self._x, self._y = np.array([n.middle for n in lines], np.float32).T
        self._left = np.array([n.box.x for n in lines], np.float32)
        self._width = np.array([n.box.width for n in lines], np.float32)
        self._height = np.array([n.height for n in lines], np.float32)
        self._first = np.array([n.first for n in lines], np.int64)
        self._last = np.array([n.last for n in lines], np.int64)
        self._colours = np.stack([n.colours.ravel() for n in lines])

    def counts(self, i: int) -> tuple[float, ...]:
        """Lines before and after it in its place, beside it, repeated, set alike."""
        common, frames = self._common(i), self._lines[i].frames
        in_place = self._is_in_band(i) & (common <= 0.1 * frames) & (self._height_likeness(i) > 0.4)
        near = SUCCESSION_SECONDS * self._film.rate
        before = in_place & (self._last < self._last[i]) & (self._first[i] - self._last <= near)
        after = in_place & (self._first > self._first[i]) & (self._first - self._last[i] <= near)
        before, after = (
            before & (self._first[i] - self._last > -3),
            after & (self._first - self._last[i] > -3),
        )
        crowd = float(common.sum()) / frames - 1
        likeness = self._likeness(i) * ~self._is_same(i)
        return (
            float(min(before.sum(), 2)),
            float(min(after.sum(), 2)),
            float(np.log1p(max(crowd, 0.0))),
            float(np.log1p(self._repeats(i))),
            float(np.log1p(likeness.sum())),
            float(np.log1p((self._is_in_block(i)).sum())),
        )

    def company(self, i: int, chances: np.ndarray) -> tuple[float, ...]:
        """What the verdicts on the other lines say for and against it; see `COMPANY`."""
        other = ~self._is_same(i)
        block = self._is_in_block(i)
        style = self._likeness(i) * other * ~block
        place = self._place_likeness(i) * other * ~block
        return (
            float(np.log1p((style * chances).sum())),
            float(np.log1p((style * (1 - chances)).sum())),
            float(chances[block].max(initial=0.0)),
            float((1 - chances[block]).max(initial=0.0)),
            float(np.log1p((place * chances).sum())),
            float(np.log1p((place * (1 - chances)).sum())),
        )

    def is_joined(self, i: int) -> np.ndarray:
        """(n,) bool, the lines that belong to this one, itself included."""
        return self._is_in_block(i) | self._is_same(i)

    def _common(self, i: int) -> np.ndarray:
        """Frames that each line shares with this one."""
        stop, start = np.minimum(self._last, self._last[i]), np.maximum(self._first, self._first[i])
        return np.maximum(stop - start + 1, 0)

    def _is_same(self, i: int) -> np.ndarray:
        """Whether a line is this one, or part of it: at the same place at the same time."""
        line, flags = self._lines[i], np.zeros(len(self._lines), bool)
        flags[i] = True
        for j in np.flatnonzero(self._common(i) > 0):
            flags[j] |= bool(self._lines[j].box.intersect(line.box)) and (
                draw_boxes([line.box], self._lines[j].box).mean() > 0.5
            )
        return flags

    def _height_likeness(self, i: int) -> np.ndarray:
        likeness: np.ndarray = np.exp(-((np.log(self._height / self._height[i]) / SAME_HEIGHT) ** 2) / 2)
        return likeness

    def _likeness(self, i: int) -> np.ndarray:
        """How alike lines are set: height, colours, and a common band, axis or left edge; 0 to 1."""
        colours = np.minimum(self._colours, self._colours[i]).sum(axis=1)
        off_axis = np.minimum(np.abs(self._x - self._x[i]), np.abs(self._left - self._left[i]))
        axis = np.exp(-((off_axis / (0.03 * self._film.width)) ** 2))
        band = np.exp(-((np.abs(self._y - self._y[i]) / (1.5 * self._height[i])) ** 2))
        likeness: np.ndarray = self._height_likeness(i) * colours * (0.2 + 0.8 * np.maximum(axis, band))
        return likeness

    def _place_likeness(self, i: int) -> np.ndarray:
        """How alike lines stand, whatever they look like: the band and the axis; 0 to 1."""
        off_axis = np.abs(self._x - self._x[i]) / (0.04 * self._film.width)
        band = np.abs(self._y - self._y[i]) / (1.2 * self._height[i])
        likeness: np.ndarray = np.exp(-(off_axis**2)) * np.exp(-(band**2))
        return likeness

    def _is_in_band(self, i: int) -> np.ndarray:
        """Whether lines stand on the same rows, and over one another across."""
        apart = np.abs(self._x - self._x[i]) < (self._width + self._width[i]) / 2
        level: np.ndarray = np.abs(self._y - self._y[i]) < 0.8 * self._height[i]
        return level & apart

    def _is_in_block(self, i: int) -> np.ndarray:
        """Whether lines come and go with this one and stand next to it: halves of a row, rows of a block."""
        slack = 2
        together = (np.abs(self._first - self._first[i]) <= slack) & (
            np.abs(self._last - self._last[i]) <= slack
        )
        alike = self._height_likeness(i) > 0.1
        high = np.maximum(self._height, self._height[i])
        is_row = np.abs(self._y - self._y[i]) < 0.5 * high
        apart = np.abs(self._x - self._x[i]) - (self._width + self._width[i]) / 2
        is_below = (np.abs(self._y - self._y[i]) < 2.2 * high) & (apart < 0)
        flags: np.ndarray = together & alike & ((is_row & (apart < 8 * high)) | is_below)
        flags[i] = False
        return flags & ~self._is_same(i)

    def _repeats(self, i: int) -> int:
        """How many other lines show the same strokes at the same place at another time."""
        line = self._lines[i]
        close = (np.abs(self._x - self._x[i]) < 4) & (np.abs(self._y - self._y[i]) < 4)
        close &= (np.abs(self._width - self._width[i]) < 8) & (self._common(i) == 0)
        count = 0
        for j in np.flatnonzero(close):
            other = self._lines[j]
            if common := line.stroke_box.intersect(other.stroke_box):
                one = line.strokes[common.shift(-line.stroke_box.x, -line.stroke_box.y).slices]
                two = other.strokes[common.shift(-other.stroke_box.x, -other.stroke_box.y).slices]
                whole = line.strokes.sum() + other.strokes.sum()
                count += 2 * int((one & two).sum()) > 0.8 * whole
        return count

"""Tells subtitles from other lettering, by the style that the film's own subtitles have.

Lettering that comes and goes while the picture around it stays, or stays while the picture moves on under
it, is laid over the film; where most of that stands, and how tall it is, is the film's style. A line that
stands from cut to cut counts as a subtitle only where the style puts one, or, if the film has none, where
films mostly do: in the middle, low or high. Lines become events in `events`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from subremover.geometry import Box
from subremover.plan.model import EventKind

STRONG_STYLE = 3
"""Number of like lines that makes a style certain: whatever else is laid over the film is then no subtitle
but a title, a credit or a clock."""
SAME_HEIGHT = 1.35
"""Greatest ratio of the heights of two lines set alike: with and without descenders, the detector's boxes
differ by so much."""
SAME_COLOURS = 0.5
"""Least common part of the colour histograms of two lines set alike, 0 to 1."""
LOGO_SECONDS = 12.0
"""Seconds from which a line off the subtitles' place is a logo: nobody reads for longer."""
CENTRED, LOW, HIGH = 0.05, 0.65, 0.2
"""Where films mostly put subtitles: CENTRED is how far off the middle they may be, as a share of the width;
they stand below LOW or above HIGH, shares of the height from the top."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line of text whose first and last frame are known."""

    first: int
    """Index of the first frame that shows any of it."""
    last: int
    """Index of the last one."""
    box: Box
    """The detector's box."""
    stroke_box: Box
    """The smallest box around its strokes."""
    strokes: np.ndarray
    """(h, w) bool of `stroke_box`, True on its pixels."""
    opacities: np.ndarray
    """(last - first + 1,) float32 in [0, 1], one a frame."""
    text: str
    """What it says; empty where that could not be read."""
    is_laid_over: bool
    """It came or went while the picture around it stayed, or stood while the picture moved on under it."""
    is_on_board: bool
    """It stands on a plain ground of its own, as signs do; see `is_on_board`."""
    colours: np.ndarray
    """(4, 4, 4) float32, shares of its pixels by red, green and blue; see `colours_of`."""

    @property
    def height(self) -> int:
        """Height of the glyphs, in px; a column of vertical text is as wide as they are tall."""
        return min(self.box.width, self.box.height)

    @property
    def middle(self) -> tuple[float, float]:
        """Centre of the detector's box, x and y in px."""
        return self.box.x + self.box.width / 2, self.box.y + self.box.height / 2

    @property
    def has_letters(self) -> bool:
        """Whether there are letters, or could be: clocks have none, and what was not read may have some."""
        return not self.text or any(c.isalpha() for c in self.text)


class LineClassifier:
    """Tells the kind of a film's lines by the film's own style."""

    def __init__(
        self, lines: Sequence[Line], size: tuple[int, int], frames: int, frame_rate: float, has_region: bool
    ) -> None:
        """Learn the style.

        Args:
            lines: All lines of the film that stood still.
            size: Width and height of the picture in px.
            frames: Number of frames scanned.
            frame_rate: Frames per second.
            has_region: Whether the user has said where subtitles stand; all lines are then inside.
        """
        self._size, self._frames, self._has_region = size, frames, has_region
        self._logo_frames = LOGO_SECONDS * frame_rate
        sure = [n for n in lines if n.is_laid_over and n.has_letters]
        sure = [n for n in sure if self._is_customary(n) or not self._stays(n)]
        groups = [[other for other in sure if self._is_alike(n, other)] for n in sure]
        # Lines where custom puts them count double: three credits are no style against two subtitles.
        self._style = max(groups, key=lambda g: sum(1 + self._is_customary(n) for n in g), default=[])

    def classify(self, line: Line) -> EventKind:
        """What a line is.

        Args:
            line: One of those that the style was learnt from.

        Returns:
            Its kind.
        """
        others = [n for n in self._style if n is not line]
        fits = any(self._is_alike(line, n) for n in others)
        if line.is_laid_over:
            if fits or self._is_customary(line):
                return "subtitle"
            if self._stays(line):
                return "logo"
            is_stray = len(others) >= STRONG_STYLE or not line.has_letters or not line.text
            return "scene" if is_stray else "subtitle"
        if any(self._is_set_like(line, n) for n in others):
            return "subtitle"
        if self._has_region and not line.is_on_board:
            return "subtitle"
        # One shot from its first to its last frame, with one line: nothing but custom and looks can tell.
        is_alone = not others and line.last - line.first + 1 >= self._frames and not line.is_on_board
        return "subtitle" if is_alone and self._is_customary(line) else "scene"

    def _is_set_like(self, one: Line, other: Line) -> bool:
        """Whether a line that never came nor went looks like one that did."""
        is_same_band = abs(one.middle[1] - other.middle[1]) < 1.6 * max(one.height, other.height)
        shared = float(np.minimum(one.colours, other.colours).sum())
        is_same_look = shared > SAME_COLOURS and one.is_on_board == other.is_on_board
        return self._is_alike(one, other) and is_same_band and is_same_look

    def _stays(self, line: Line) -> bool:
        """Whether a line stands for as long as logos do, or all through a shorter film."""
        frames = line.last - line.first + 1
        return frames >= min(self._logo_frames, self._frames) or frames > self._logo_frames

    def _is_customary(self, line: Line) -> bool:
        """Whether a line stands where films mostly put subtitles: centred, and low or high."""
        if self._has_region:
            return True
        (x, y), (width, height) = line.middle, self._size
        return abs(x - width / 2) < CENTRED * width and (y > LOW * height or y < HIGH * height)

    def _is_alike(self, one: Line, other: Line) -> bool:
        """Whether two lines could be of one style: as tall, and on one band with one axis or left edge."""
        low, high = sorted((one.height, other.height))
        if high > SAME_HEIGHT * low:
            return False
        (x, y), (other_x, other_y) = one.middle, other.middle
        is_same_axis = abs(x - other_x) < 0.02 * self._size[0]
        is_same_left = abs(one.box.x - other.box.x) < 0.02 * self._size[0]
        # Two lines of text stand one above the other: neighbours of a band belong to it.
        is_same_band = abs(y - other_y) < 1.6 * high
        are_customary = self._is_customary(one) and self._is_customary(other)
        return (is_same_band and (is_same_axis or is_same_left)) or are_customary


def colours_of(picture: np.ndarray, strokes: np.ndarray) -> np.ndarray:
    """The colours of a line, as a coarse histogram.

    Args:
        picture: (h, w, 3) uint8, RGB.
        strokes: (h, w) bool, True on the pixels to count.

    Returns:
        (4, 4, 4) float32 by red, green and blue, shares of the pixels; adds up to 1, or 0 without strokes.
    """
    bins = picture[strokes] >> 6
    index = bins[:, 0].astype(np.intp) * 16 + bins[:, 1] * 4 + bins[:, 2]
    counts = np.bincount(index, minlength=64).astype(np.float32)
    return (counts / max(1.0, float(counts.sum()))).reshape(4, 4, 4)


def is_on_board(picture: np.ndarray, strokes: np.ndarray, line: np.ndarray) -> bool:
    """Whether a line stands on a sign: the ground between its strokes is plain, not black, and ends near it.

    Args:
        picture: (h, w, 3) uint8, RGB, the line with its surroundings.
        strokes: (h, w) bool, True on the line's pixels.
        line: (h, w) bool, True in the detector's box.
    """
    inside, outside = (
        picture[line & ~strokes].astype(np.float32),
        picture[~line & ~strokes].astype(np.float32),
    )
    if len(inside) < 32 or len(outside) < 32:
        return False
    ground = np.median(inside, axis=0)
    is_plain = float(np.median(np.abs(inside - ground))) < 6
    is_black = float(ground.max()) < 48  # a box behind subtitles, not a board
    is_like_around = float((np.abs(outside - ground).max(axis=1) < 24).mean()) > 0.7
    return is_plain and not is_black and not is_like_around

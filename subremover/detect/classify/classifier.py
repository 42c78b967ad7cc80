"""What is subtitle and what is not: the film itself teaches it.

Lettering that comes and goes while the picture around it stays, or stays while the picture moves on under
it, is laid over the film; where it stands, how tall it is and how it is set is the film's style.
What stands from cut to cut is only taken for a subtitle where the style, or, if the film has none,
custom puts subtitles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from subremover.geometry import Box
from subremover.plan.model import EventKind

STRONG_STYLE = 3
"""Lines of one hand that are no chance: what else is laid over the film is a title, a credit or a clock."""
SAME_HEIGHT = 1.35
"""Ratio of heights: with and without descenders, the detector's boxes differ by so much."""
SAME_COLOURS = 0.5
"""Shared part of the colours of two lines set alike."""
LOGO_SECONDS = 12.0
"""Nobody reads for longer than this; what stands aside that long is a logo."""
CENTRED, LOW, HIGH = 0.05, 0.65, 0.2
"""Shares of the width that a centred line may be off by, and of the height below and above which subtitles
stand by custom."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line of text whose life is known."""

    first: int
    last: int
    box: Box
    """The detector's box."""
    stroke_box: Box
    strokes: np.ndarray
    """(h, w) bool of `stroke_box`."""
    opacities: np.ndarray
    """(last - first + 1,) float32."""
    text: str
    is_laid_over: bool
    """It came or went while the picture around it stayed, or stood while the picture moved on under it."""
    is_on_board: bool
    """It stands on a plain ground of its own, as signs do."""
    colours: np.ndarray
    """(4, 4, 4) float32, shares of its pixels by red, green and blue."""

    @property
    def height(self) -> int:
        """Of the glyphs; a column of vertical text is as wide as they are tall."""
        return min(self.box.width, self.box.height)

    @property
    def middle(self) -> tuple[float, float]:
        return self.box.x + self.box.width / 2, self.box.y + self.box.height / 2

    @property
    def has_letters(self) -> bool:
        """Clocks and counters of a player have none; where nothing could be read, there may be some."""
        return not self.text or any(c.isalpha() for c in self.text)


class LineClassifier:
    """Knows the film's style, and tells the kind of its lines by it."""

    def __init__(
        self, lines: Sequence[Line], size: tuple[int, int], frames: int, frame_rate: float, has_region: bool
    ) -> None:
        """Learn the style.

        Args:
            lines: All lines of the film that stood still.
            size: Width and height of the picture in px.
            frames: Of the film.
            frame_rate: Frames per second.
            has_region: The user has said where subtitles stand, and all lines do.
        """
        self._size, self._frames, self._has_region = size, frames, has_region
        self._logo_frames = LOGO_SECONDS * frame_rate
        sure = [n for n in lines if n.is_laid_over and n.has_letters]
        sure = [n for n in sure if self._is_customary(n) or not self._stays(n)]
        groups = [[other for other in sure if self._is_alike(n, other)] for n in sure]
        # Lines where custom puts them count double: three credits are no style against two subtitles.
        self._style = max(groups, key=lambda g: sum(1 + self._is_customary(n) for n in g), default=[])

    def classify(self, line: Line) -> EventKind:
        """What a line is."""
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
        frames = line.last - line.first + 1
        return frames >= min(self._logo_frames, self._frames) or frames > self._logo_frames

    def _is_customary(self, line: Line) -> bool:
        """Whether a line stands where subtitles do: centred, low or high."""
        if self._has_region:
            return True
        (x, y), (width, height) = line.middle, self._size
        return abs(x - width / 2) < CENTRED * width and (y > LOW * height or y < HIGH * height)

    def _is_alike(self, one: Line, other: Line) -> bool:
        """Whether two lines could be set by one hand: as tall, and on one band or axis."""
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
    """(4, 4, 4) float32, shares of the strokes' pixels by colour, of an (h, w, 3) uint8 RGB picture."""
    bins = picture[strokes] >> 6
    index = bins[:, 0].astype(np.intp) * 16 + bins[:, 1] * 4 + bins[:, 2]
    counts = np.bincount(index, minlength=64).astype(np.float32)
    return (counts / max(1.0, float(counts.sum()))).reshape(4, 4, 4)


def is_on_board(picture: np.ndarray, strokes: np.ndarray, line: np.ndarray) -> bool:
    """Whether the ground between the strokes is plain, coloured, and ends near the line.

    Args:
        picture: (h, w, 3) uint8 RGB, the line with its surroundings.
        strokes: (h, w) bool.
        line: (h, w) bool, the detector's box.
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

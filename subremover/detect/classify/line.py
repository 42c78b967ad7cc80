"""A line of lettering that stood still: when, where, and what was measured on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from subremover.detect.classify.traits import Traits
from subremover.detect.reading.lettering import Lettering
from subremover.geometry import Box


@dataclass(frozen=True, slots=True)
class Life:
    """How a line came, stood and went."""

    comes_alone: bool
    """The picture around it stayed as it came."""
    goes_alone: bool
    """Likewise as it went."""
    comes_at_cut: bool
    """Its first frame is a shot's, or the film's."""
    goes_at_cut: bool
    """Its last frame is a shot's, or the film's."""
    is_interrupted: bool
    """It was off the screen for a while, and came back."""
    cuts: int
    """Number of cuts that it stood across."""
    floats: int
    """How often the picture around it became another one while it stood."""
    steadiness: float
    """Mean opacity that was measured while it stood, 0 to 1."""

    @classmethod
    def of_logo(cls) -> Life:
        """The life of what stands all through the film."""
        return cls(False, False, True, True, False, 1, 0, 1.0)


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
    confidence: float
    """Of the reading, in [0, 1], whether the text was kept or not."""
    life: Life
    """How it came and went."""
    traits: Traits
    """What it looks like."""
    colours: np.ndarray
    """(4, 4, 4) float32, shares of its pixels by red, green and blue; see `colours_of`."""
    letterings: tuple[Lettering, ...] = ()
    """What its letters may be, the likeliest first; see `find_letterings`."""
    colour: tuple[int, int, int] | None = None
    """RGB of its letters; None: not known."""

    @property
    def height(self) -> int:
        """Height of the glyphs, in px; a column of vertical text is as wide as they are tall."""
        return min(self.box.width, self.box.height)

    @property
    def middle(self) -> tuple[float, float]:
        """Centre of the detector's box, x and y in px."""
        return self.box.x + self.box.width / 2, self.box.y + self.box.height / 2

    @property
    def frames(self) -> int:
        """Number of frames from its first to its last."""
        return self.last - self.first + 1


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


def rank_rows(lines: Sequence[Line]) -> dict[Line, int]:
    """How many rows stand below each line while it does: the languages of a bilingual film keep their rows.

    Args:
        lines: The subtitles of a film.
    """
    ranks = {}
    by_first = sorted(lines, key=lambda line: line.first)
    for line in lines:
        at_once = [n for n in by_first if n.first <= line.last and n.last >= line.first]
        ranks[line] = sum(
            n.middle[1] > line.middle[1] + n.height / 2
            and min(n.last, line.last) - max(n.first, line.first) >= line.frames / 2
            and min(n.box.right, line.box.right) > max(n.box.x, line.box.x)
            for n in at_once
        )
    return ranks

"""Where a film's subtitles stand by custom, how large and in which colour, told by its cues."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from subremover.geometry import Box
from subremover.plan.cue_text import is_wide, strip_tags
from subremover.plan.cues import Cue
from subremover.plan.model import Colour

WHITE = (255, 255, 255)
CENTRED = 0.05
"""How far from the picture's middle a cue may stand that is centred, as a share of its width."""
LOWEST = 2 / 3
"""From where on of the picture's height a cue stands at the bottom."""
ALIKE = 64
"""By how much each of a colour's levels may differ from the same colour elsewhere."""
USUAL_ROW, USUAL_MARGIN = 0.06, 0.05
"""Height of a row, and what is free below, where no cue tells; as shares of the picture's height."""
BETWEEN_ROWS = 0.1
"""By how much less high a block is than its rows, as a share of one: letters do not fill it."""
NARROW, WIDE = 0.41, 0.8
"""Width of a usual letter, and of a Chinese, Japanese or Korean one, as shares of a row."""
LEAST_LETTERS = 8
"""Of a row whose width tells how large they are: few may be narrow ones."""
SAME_SIZE = 0.25
"""By how much the rows of a cue may be larger or smaller than most, as a share of these."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a film's cues are laid out."""

    width: int
    """Of the upright picture, in px."""
    height: int
    row_px: float
    """From one row to the next, in px: how large the letters of most cues are."""
    bottom: int
    """Row of the picture, in px, down to which the cues at the bottom usually reach."""
    colour: Colour
    """That most cues have; white where none is known."""
    has_speakers: bool
    """Whether other cues have another one."""

    @classmethod
    def of(cls, cues: Sequence[Cue], size: tuple[int, int]) -> Layout:
        """The layout of a film with these cues.

        Args:
            cues: Of all of it.
            size: Width and height of the upright picture, in px.
        """
        width, height = size
        rows = [find_row_px(cue.text, cue.box) for cue in cues if cue.box is not None]
        bottoms = [
            cue.box.bottom
            for cue in cues
            if cue.box is not None and _is_bottom_centre(cue.box, width, height)
        ]
        known = Counter(cue.colour for cue in cues if cue.colour is not None)
        usual = max(known, key=lambda colour: _count_alike(colour, known), default=WHITE)
        return cls(
            width,
            height,
            statistics.median(rows) if rows else USUAL_ROW * height,
            round(statistics.median(bottoms)) if bottoms else round((1 - USUAL_MARGIN) * height),
            usual,
            not all(_is_alike(colour, usual) for colour in known),
        )

    def is_bottom_centre(self, cue: Cue) -> bool:
        """Whether it stands where players put subtitles by themselves, or nobody knows where."""
        return cue.box is None or _is_bottom_centre(cue.box, self.width, self.height)

    def is_usual(self, cue: Cue) -> bool:
        """Whether it stands where most do: at the bottom centre, down to the usual row."""
        return cue.box is None or (
            self.is_bottom_centre(cue) and abs(cue.box.bottom - self.bottom) < self.row_px
        )

    def is_usual_size(self, cue: Cue) -> bool:
        """Whether its letters are about as large as most, or nobody knows how large."""
        if cue.box is None:
            return True
        return abs(find_row_px(cue.text, cue.box) - self.row_px) <= SAME_SIZE * self.row_px

    def is_usual_colour(self, cue: Cue) -> bool:
        """Whether its colour is that of most, or not known."""
        return cue.colour is None or _is_alike(cue.colour, self.colour)

    def is_speakers_colour(self, cue: Cue) -> bool:
        """Whether its colour tells who speaks: of several all but white, which players show anyway."""
        return self.has_speakers and cue.colour is not None and not _is_alike(cue.colour, WHITE)


def find_row_px(text: str, box: Box) -> float:
    """How large letters are that fill a box: from one row to the next, in px.

    By its height they may be too large, where there is a drawn box or what coding has smeared; so they are
    made to fit its width as well. Where letters stand below each other, it is as wide as its columns.
    """
    rows = [strip_tags(row) for row in text.split("\n")]
    longest = max(map(len, rows))
    if box.height > box.width and longest > max(2, len(rows)):
        return box.width / (len(rows) - BETWEEN_ROWS)
    row_px = box.height / (len(rows) - BETWEEN_ROWS)
    if longest < LEAST_LETTERS:
        return row_px
    return min(row_px, box.width / max(sum(WIDE if is_wide(c) else NARROW for c in row) for row in rows))


def _is_bottom_centre(box: Box, width: int, height: int) -> bool:
    is_centred = abs(box.x + box.right - width) <= 2 * CENTRED * width
    return is_centred and (box.y + box.bottom) / 2 >= LOWEST * height


def _is_alike(one: Colour, other: Colour) -> bool:
    return all(abs(a - b) <= ALIKE for a, b in zip(one, other, strict=True))


def _count_alike(colour: Colour, known: Counter[Colour]) -> int:
    """How many cues have nearly this colour; of the same number the very colour of more comes first."""
    return sum(count for other, count in known.items() if _is_alike(colour, other))

"""What every reader of lines has in common: a line's picture goes in, its words come out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from subremover.detect.reading.scripts import Script

_DIRECTIONS = (0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_CONTROLS = (
    *range(0x09),
    *range(0x0E, 0x1C),
    *range(0x7F, 0xA0),
    *range(0xD800, 0xE000),
    0xFEFF,
    0xFFFE,
    0xFFFF,
)
_UNWANTED = dict.fromkeys((*_DIRECTIONS, *_CONTROLS))
"""Marks of direction, which logical order does without, and what no file of subtitles can hold."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What a reader makes of a line."""

    text: str
    """In logical order, with single spaces; empty if nothing could be read."""
    confidence: float
    """How sure the reader is of these characters, in [0, 1]; what it has left out it does not know."""
    columns: np.ndarray
    """(n,) float32, where each of them stands, in px of the picture; empty if the reader cannot tell."""

    def __post_init__(self) -> None:
        if self.columns.ndim != 1 or self.columns.dtype != np.float32:
            raise ValueError(
                f"expected columns of float32 in one row, got {self.columns.dtype} of {self.columns.shape}"
            )


NOTHING = Reading("", 0.0, np.empty(0, np.float32))
"""Of a line in which nothing could be read."""


class Reader(Protocol):
    """Reads lines of text in some scripts. May be used by several threads at once."""

    @property
    def name(self) -> str:
        """As messages name it."""

    @property
    def scripts(self) -> frozenset[Script]:
        """What it can read."""

    @property
    def heights_px(self) -> tuple[int, ...]:
        """Heights that a row is to be given in, one after the other.

        Tesseract reads otherwise what is a few pixels higher, and what most heights agree on is right more
        often than what any one is sure of.
        """

    def read(self, line: np.ndarray) -> Reading:
        """Read one horizontal line of text.

        Args:
            line: (h, w, 3) uint8, RGB; tight to the strokes, or with a little margin.

        Raises:
            ValueError: The picture has another shape or dtype, or no pixels.
        """


def check_line(line: np.ndarray) -> None:
    """See that it is the picture of a line.

    Args:
        line: (h, w, 3) uint8, RGB.

    Raises:
        ValueError: It is not.
    """
    if line.ndim != 3 or line.shape[2] != 3 or line.dtype != np.uint8 or not line.size:
        raise ValueError(f"expected an RGB picture of uint8, got {line.dtype} of {line.shape}")


def tidy_text(text: str) -> str:
    """A text with single spaces, without marks of direction and without control characters.

    Models name their characters themselves: a strange one may name any.
    """
    return " ".join(text.translate(_UNWANTED).split())

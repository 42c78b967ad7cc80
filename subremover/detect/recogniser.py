"""Reads what a line says at sight, with all that is behind it, so that a scan can tell whether it is one.

Takes one line at a time and decides nothing about events; where lines are is found by
`candidates.line_detector`. What subtitles say is read once more by `reading`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from subremover.detect.reading.ctc_reader import CtcReader
from subremover.runtime.profile import stage

ReadLine = Callable[[np.ndarray, np.ndarray], tuple[str, float]]
"""Reads an (h, w, 3) uint8 RGB crop with its (h, w) bool strokes: the text, and a confidence in [0, 1]."""

LEAST_CONFIDENCE = 0.85
"""Confidence, in [0, 1], below which no text is given rather than a wrong one.
See docs/measurements.md, "detect/recogniser: confidence"."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """What one attempt at a line gave."""

    text: str
    confidence: float
    share: float
    """Of all strokes, how many lie in the line that was read."""


class LineReader:
    """Reads lines of text with what is behind them. May be used by several threads at once."""

    def __init__(self, reader: CtcReader) -> None:
        """Prepare.

        Args:
            reader: The recogniser inside rapidocr, by which the classifier was taught.
        """
        self._reader = reader

    @stage("scan: read")
    def read(self, picture: np.ndarray, strokes: np.ndarray) -> tuple[str, float]:
        """Read one line of text, horizontal or, top to bottom, vertical.

        Args:
            picture: (h, w, 3) uint8, RGB; the line with some surroundings. Best the median of its frames.
            strokes: (h, w) bool, True on the line's strokes; a few stray ones and parts of the neighbouring
                lines do no harm.

        Returns:
            The text, empty if it cannot be told, and a confidence in [0, 1].

        Raises:
            ValueError: The arrays have other shapes or dtypes than these.
        """
        if picture.shape != (*strokes.shape, 3) or picture.dtype != np.uint8 or strokes.dtype != np.bool_:
            raise ValueError(
                f"expected an RGB picture of uint8 and strokes of bool of one size, got {picture.dtype} of "
                f"{picture.shape} and {strokes.dtype} of {strokes.shape}"
            )
        if not strokes.any():
            return "", 0.0
        reading = self._read_level(picture, strokes)
        rows, columns = strokes.any(axis=1), strokes.any(axis=0)
        if np.ptp(np.flatnonzero(rows)) >= 2 * np.ptp(np.flatnonzero(columns)):
            # A column of text, or a lone tall letter such as a capital I: try it lying on its left side, too,
            # as the model was taught; upright, only one character of a column would be read.
            # See docs/measurements.md, "detect/recogniser: columns".
            lying = self._read_level(np.rot90(picture), np.rot90(strokes))
            reading = max(reading, lying, key=lambda each: each.confidence * each.share)
        return (reading.text if reading.confidence >= LEAST_CONFIDENCE else "", reading.confidence)

    def _read_level(self, picture: np.ndarray, strokes: np.ndarray) -> _Reading:
        """Read a line that runs from left to right.

        The crop goes from the outermost strokes to each other and no further, and keeps the picture between.
        See docs/measurements.md, "detect/recogniser: crop".
        """
        place = _line_place(strokes)
        crop, marks = np.ascontiguousarray(picture[place]), strokes[place]
        read = self._reader.read(crop)
        if not read.text:
            return _Reading("", 0.0, 0.0)
        confidence = read.confidence * _read_share(marks, read.columns)
        return _Reading(read.text, confidence, float(marks.sum() / strokes.sum()))


def _line_place(strokes: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the line, without stray strokes above and below.

    See docs/measurements.md, "detect/recogniser: stray strokes".
    """
    count = strokes.sum(axis=1)
    # The body of the letters is a run of dense rows; of several lines the greatest.
    start, stop = max(_runs(count > 0.2 * count.max()), key=lambda run: int(count[slice(*run)].sum()))
    # Accents, ascenders and descenders reach out of it by half its height, after a gap of 2 px at most.
    reach = max(2, (stop - start) // 2)
    top, bottom = start, stop
    while top > max(0, start - reach) and count[max(0, top - 3) : top].any():
        top -= 1
    while bottom < min(len(count), stop + reach) and count[bottom : bottom + 3].any():
        bottom += 1
    columns = np.flatnonzero(strokes[top:bottom].any(axis=0))
    return slice(top, bottom), slice(int(columns[0]), int(columns[-1]) + 1)


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """Start and stop of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _read_share(strokes: np.ndarray, columns: np.ndarray) -> float:
    """The share of the strokes that have a character near them.

    The recogniser passes over what it cannot write and is quite sure of the rest, so its own confidence does
    not tell that something was left out.

    Args:
        strokes: (h, w) bool, of the line's crop.
        columns: (n,) where the characters that were read stand, in px of the crop.
    """
    height = strokes.shape[0]
    count = strokes.sum(axis=0)
    if not len(columns) or strokes.mean() > 0.85:  # a drawn box tells nothing
        return float(len(columns) > 0)
    distance = np.abs(np.arange(len(count))[:, None] + 0.5 - columns[None]).min(axis=1)
    return float(count[distance < 0.7 * height].sum() / count.sum())

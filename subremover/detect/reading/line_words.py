"""Reads a line by one reader: of what its letters may be, and in several sizes, the surest counts.

See docs/measurements.md, "detect/reading".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import cv2
import numpy as np

from subremover.detect.reading.lettering import INK, MARGIN_PX, Lettering, Row
from subremover.detect.reading.marks import add_dash
from subremover.detect.reading.notes import mark_notes
from subremover.detect.reading.orthography import set_right
from subremover.detect.reading.reader import Reader
from subremover.detect.reading.slant import find_slant, is_italic, set_upright

GLANCED_PX = 56
"""Height in which rows are read at a glance."""
SURE_SCORE = 0.93
"""How sure a reading is that nothing else is tried."""
WHOLE = 0.7
"""Share of the characters on plain ground that a reading at sight must have."""
NEAR = 0.7
"""Of a row's height: letters farther than this from all that was read were passed over."""
_MIXED = re.compile(r"[^\W\d_]\S*\d\S*[^\W\d_]")
"""A word with a digit amid its letters."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a line says."""

    text: str = ""
    """Rows separated by a line feed, italics between `<i>` and `</i>`; empty if it cannot be told."""
    score: float = 0.0
    """How sure that is, in [0, 1]."""
    colour: tuple[int, int, int] | None = None
    """RGB of its letters; None if they were not told from what is behind them."""


def read_line(
    reader: Reader,
    line: Sequence[Lettering],
    at_sight: tuple[str, float] = ("", 0.0),
    *,
    is_mirrored: bool = False,
) -> Words:
    """Read a line by the lettering that the reader is surest of.

    Args:
        reader: Any.
        line: What the line's letters may be, by `find_letterings`.
        at_sight: What it says with all that is behind it, as was read before, and its confidence in [0, 1].
            It holds where it is surer and of about as many characters; it is of one row alone.
        is_mirrored: As for `set_right`.

    Returns:
        What it says: with the dashes and notes that readers pass over, and italics between `<i>` and `</i>`.
    """
    best, texts, score = _read_best(reader, line, reader.heights_px)
    text, confidence = at_sight
    if confidence > score and len(text) > WHOLE * sum(map(len, texts)):
        texts, score = [text], confidence
    texts = [set_right(text, is_mirrored=is_mirrored) for text in texts]
    if best is not None and len(texts) == len(best.rows):
        texts = [_complete(row, text) for row, text in zip(best.rows, texts, strict=True)]
    return Words(
        "\n".join(filter(None, texts)), score, best.colour if best else line[0].colour if line else None
    )


def glance(reader: Reader, line: Sequence[Lettering]) -> tuple[str, float]:
    """What a line says where each row is read once, and how sure that is in [0, 1]."""
    _, texts, score = _read_best(reader, line, (GLANCED_PX,))
    return "\n".join(map(set_right, texts)), score


def _read_best(
    reader: Reader, line: Sequence[Lettering], heights_px: Sequence[int]
) -> tuple[Lettering | None, list[str], float]:
    """The lettering that a reader is surest of, its rows, and how sure that is in [0, 1]."""
    best: tuple[Lettering | None, list[str], float] = None, [], 0.0
    for lettering in line:
        rows = [_read_row(reader, row, heights_px) for row in lettering.rows]
        lengths = [max(1, len(text)) for text, _ in rows]
        score = float(np.average([score for _, score in rows], weights=lengths))
        if score > best[2]:
            best = lettering, [text for text, _ in rows], score
        if score >= SURE_SCORE:
            break
    return best


def _complete(row: Row, text: str) -> str:
    """What a row says, with what its shape tells besides."""
    if not text:
        return ""
    # The slant is that of letters: a text of notes and dashes has none.
    text, words = mark_notes(row.plain, add_dash(row.plain, text)), text
    return f"<i>{text}</i>" if is_italic(row.plain, words) else text


def _read_row(reader: Reader, row: Row, heights_px: Sequence[int]) -> tuple[str, float]:
    """What a row says, and how sure that is in [0, 1]: the reading that is most like the others."""
    upright = set_upright(row.plain, find_slant(row.plain))
    tight = upright[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]
    readings = []
    for height_px in heights_px:
        size = (max(4, round(height_px / tight.shape[0] * tight.shape[1])), height_px)
        plain = cv2.resize(tight, size, interpolation=cv2.INTER_AREA)
        reading = reader.read(np.repeat(plain[..., None], 3, axis=2))
        if reading.text:
            readings.append((reading.text, reading.confidence * _share_read(plain, reading.columns)))
    if not readings:
        return "", 0.0
    likeness = [sum(sure * _likeness(text, other) for other, sure in readings) for text, _ in readings]
    best = int(np.argmax(likeness))
    agreement = likeness[best] / max(1e-6, sum(sure for _, sure in readings))
    text, sure = readings[best]
    return text, sure * agreement * (1 - _share_mixed(text))


def _likeness(one: str, other: str) -> float:
    """How alike two texts are, in [0, 1]; 1 for the same."""
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _share_mixed(text: str) -> float:
    """The share of a text's characters in words with a digit amid letters: its script is another one."""
    words = text.split()
    mixed = sum(len(word) for word in words if _MIXED.search(word))
    return mixed / max(1, sum(map(len, words)))


def _share_read(plain: np.ndarray, columns: np.ndarray) -> float:
    """The share of a row's letters that were read: readers pass over what they cannot write."""
    if not len(columns):
        return 0.0
    ink = (plain < 255 * (1 - INK)).sum(axis=0)
    distance = np.abs(np.arange(len(ink))[:, None] + 0.5 - columns[None]).min(axis=1)
    return float(ink[distance < NEAR * plain.shape[0]].sum() / max(1, ink.sum()))

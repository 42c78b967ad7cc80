"""Tells musical notes at the ends of a row, which readers take for letters or pass over, by their shape.

See docs/measurements.md, "detect/reading/notes".
"""

from __future__ import annotations

from functools import cache
from itertools import product

import cv2
import numpy as np

from subremover.detect.reading.lettering import INK
from subremover.detect.reading.marks import Mark, find_marks, order_marks, turn_round
from subremover.detect.reading.scripts import script_of

SIZE_PX = (24, 36)
"""Width and height in which shapes are compared."""
LEAST_LIKENESS, BROKEN_LIKENESS, HEADLESS_LIKENESS = 0.68, 0.8, 0.88
"""Correlation with a drawn note; of a shape in pieces, as a colon; of one without a head, as an el."""
LEAST_SHARE = 0.85
"""Of a mark's ink, of its largest part, to be in one piece."""
LEAST_HEIGHT = 0.3
"""Of the row's: smaller ones are marks of punctuation."""
LEAST_HEAD, LEAST_RATIO = 0.08, 1.7
"""Half the thickness of a note's head, of the note's height, and how many times as thick as its stem it is:
letters have one thickness."""
MOST_NOTES = 3
"""At one end of a row."""
LEAST_GAP, LEAST_SPACE = 0.06, 0.13
"""Of the row's height, between a note and what is beside it, and between words."""
_NOTES = "\u2669\u266a\u266b\u266c"
_STEMS_PX, _FALLS_PX, _LEANS = (14, 34), (-30, 0, 30), (0.0, 0.2)
"""Of drawn notes, 360 px high: width of the stem, how far beams fall to the right, and lean of italics."""
_FLAGS = {
    "crescent": ((130, 5), (150, 80), (195, 130), (208, 180), (195, 235), (182, 232), (190, 185), (170, 135)),
    "hook": ((130, 5), (150, 50), (200, 75), (208, 110), (200, 140), (188, 140), (190, 115), (170, 95)),
    "bow": ((130, 5), (160, 75), (220, 130), (252, 180), (240, 240), (215, 230), (220, 185), (190, 150)),
}
"""Flags of single notes as fonts have them, clockwise from the top of the stem, 360 px high."""
_CLOSING = "\u300d\u300f\u300b\u3009)]}>,;:!?\u3001\u3002"
_OPENING = "\u300c\u300e\u300a\u3008([{<\u00a1\u00bf"
"""What no text begins with, and what none ends with."""
_CORNERS = "\u300c\u300e\u300d\u300f"
"""Japanese quotation marks, opening and closing: they come in pairs."""
_ALONE = frozenset(_CLOSING + _OPENING + "\u00ab\u00bb.-\u2013\u2014\u2026\"'&")
"""What may stand as a word by itself."""
_LIKE_NOTES = "\u6708\u51e0\u95e8\u529b\u4e86\u5182"
"""Signs that double notes are taken for."""


def mark_notes(plain: np.ndarray, text: str) -> str:
    """The text of a row with the notes that stand at its ends.

    Args:
        plain: (h, w) uint8, dark letters on white, with some white around.
        text: What a reader has made of it.

    Returns:
        The text with a note for each that is there, in the place of what the reader took them for.
    """
    marks = order_marks(find_marks(plain), text)
    before = _find_notes(marks, plain.shape[0])
    if len(before) == len(marks):
        return " ".join(before) or text
    if not text:
        return text
    backwards = turn_round(marks)
    after = _find_notes(backwards, plain.shape[0])[::-1]
    if text.startswith(tuple(_NOTES)):
        before = []
    if text.endswith(tuple(_NOTES)):
        after = []
    if before:
        text = _without_first(text, _count_marks(marks[len(before) :], plain.shape[0]))
    if after:
        text = _without_last(text, _count_marks(backwards[len(after) :], plain.shape[0]))
    return " ".join([*before, text, *after])


def _find_notes(marks: list[Mark], height_px: int) -> list[str]:
    """The notes that marks begin with, each apart from what follows."""
    notes: list[str] = []
    for number, mark in enumerate(marks[:MOST_NOTES]):
        is_apart = number + 1 == len(marks) or marks[number + 1].left - mark.right >= LEAST_GAP * height_px
        note = _name_note(mark, height_px) if is_apart else ""
        if not note:
            break
        notes.append(note)
    return notes


def _count_marks(marks: list[Mark], height_px: int) -> int:
    """Of how many marks the first word of a row is made."""
    for number in range(1, len(marks)):
        if marks[number].left - marks[number - 1].right >= LEAST_SPACE * height_px:
            return number
    return len(marks)


def _without_first(text: str, beside: int) -> str:
    """A text without what a note before it was taken for; the word beside the note has so many marks."""
    first, _, rest = text.partition(" ")
    if _is_misread(first, rest.partition(" ")[0], beside):
        return rest
    return text[1:].lstrip() if _is_alien(text[:1], text[1:2], _CLOSING) else text


def _without_last(text: str, beside: int) -> str:
    """A text without what a note behind it was taken for; the word beside the note has so many marks."""
    rest, _, last = text.rpartition(" ")
    if _is_misread(last, rest.rpartition(" ")[2], beside):
        return rest
    has_corner = any(corner in text for corner in _CORNERS[:2])
    never = _OPENING if has_corner else _OPENING + _CORNERS[2:]
    return text[:-1].rstrip() if _is_alien(text[-1:], text[-2:-1], never) else text


def _is_misread(word: str, following: str, beside: int) -> bool:
    """Whether a word at the end of a text stands for the note there, and not for the word beside the note.

    Args:
        word: First or last of the text.
        following: The next one of the text.
        beside: Of how many marks the word beside the note is.
    """
    is_sign = not any(sign.isalnum() for sign in word)
    script = script_of(word)
    if not following or len(word) > 1 + is_sign:
        return False
    if script in ("han", "hangul") and script == script_of(following):
        return False
    return beside > 1 or len(following) == 1 or (is_sign and not _ALONE.issuperset(word))


def _is_alien(sign: str, beside: str, never: str) -> bool:
    """Whether a sign at the end of a text, beside another one, cannot belong to it."""
    if not beside:
        return False
    if sign in never or sign in _LIKE_NOTES:
        return True
    script = script_of(sign)
    return script is not None and script_of(beside) not in (None, script)


def _name_note(mark: Mark, height_px: int) -> str:
    """The note that a mark is; empty if it is none."""
    height, width = mark.ink.shape
    if height < LEAST_HEIGHT * height_px or not 0.35 <= width / height <= 1.4:
        return ""
    shapes, ratios, names = _templates()
    likeness = shapes @ _describe(mark.ink)
    likeness -= 0.6 * np.maximum(0, np.abs(np.log(width / height / ratios)) - 0.15)
    best = int(likeness.argmax())
    is_like = (
        likeness[best] >= LEAST_LIKENESS
        and (likeness[best] >= BROKEN_LIKENESS or _is_whole(mark.ink))
        and (likeness[best] >= HEADLESS_LIKENESS or _has_head(mark.ink))
    )
    return names[best] if is_like else ""


def _is_whole(ink: np.ndarray) -> bool:
    """Whether a shape is one piece, but for stains."""
    _, _, places, _ = cv2.connectedComponentsWithStats((ink > 255 * INK).astype(np.uint8), connectivity=8)
    areas = places[1:, cv2.CC_STAT_AREA]
    return len(areas) > 0 and float(areas.max()) >= LEAST_SHARE * float(areas.sum())


def _has_head(ink: np.ndarray) -> bool:
    """Whether a shape is thick at the lower left and thin at half its height, as notes are."""
    height, width = ink.shape
    solid = np.pad((ink > 127).astype(np.uint8), 1)
    depth = cv2.distanceTransform(solid, cv2.DIST_L2, 5)[1:-1, 1:-1]
    head = float(depth[round(0.55 * height) :, : max(1, round(0.75 * width))].max())
    stem = float(np.median(depth[round(0.35 * height) : round(0.6 * height)].max(axis=1)))
    return head >= LEAST_HEAD * height and head >= LEAST_RATIO * stem


def _describe(ink: np.ndarray) -> np.ndarray:
    """(n,) float32 of length 1, a shape whatever its size."""
    small = cv2.resize(ink, SIZE_PX, interpolation=cv2.INTER_AREA).astype(np.float32)
    soft = cv2.GaussianBlur(np.pad(small, 3), (0, 0), 1.2).ravel()
    soft -= soft.mean()
    described: np.ndarray = soft / max(1e-6, float(np.linalg.norm(soft)))
    return described


@cache
def _templates() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """(n, m) float32, shapes of notes; (n,) width to height of each; and which note it is."""
    drawn: list[tuple[np.ndarray, str]] = []
    for stem_px in _STEMS_PX:
        drawn.extend((_draw_single(flag, stem_px), "\u266a") for flag in _FLAGS.values())
        drawn.extend((_draw_double(*beam, stem_px), "\u266b") for beam in product(_FALLS_PX, (1, 2)))
    drawn = [(_shear(ink, lean), name) for ink, name in drawn for lean in _LEANS]
    shapes = np.stack([_describe(ink) for ink, _ in drawn])
    return shapes, np.array([ink.shape[1] / ink.shape[0] for ink, _ in drawn]), [name for _, name in drawn]


def _draw_single(flag: tuple[tuple[int, int], ...], stem_px: int) -> np.ndarray:
    """(360, 480) uint8, a note with a flag."""
    drawn = np.zeros((360, 480), np.uint8)
    _draw_head(drawn, 70, 310)
    cv2.rectangle(drawn, (130 - stem_px, 5), (130, 310), 255, -1)
    cv2.fillPoly(drawn, [np.array([*flag, (130, 100)], np.int32)], 255)
    return drawn


def _draw_double(fall_px: int, count: int, stem_px: int) -> np.ndarray:
    """(360, 480) uint8, two notes under one beam or two that fall to the right."""
    drawn = np.zeros((360, 480), np.uint8)
    for right, sunk in ((130, -fall_px / 2), (310, fall_px / 2)):
        foot = round(295 + sunk)
        _draw_head(drawn, right - 60, foot)
        cv2.rectangle(drawn, (right - stem_px, round(40 + sunk)), (right, foot), 255, -1)
    for top in (20, 85)[:count]:
        left, right, half = 130 - stem_px, 310, fall_px / 2
        corners = [(left, top - half), (right, top + half), (right, top + half + 40), (left, top - half + 40)]
        cv2.fillPoly(drawn, [np.array(corners).round().astype(np.int32)], 255)
    return drawn


def _draw_head(drawn: np.ndarray, x: int, y: int) -> None:
    cv2.ellipse(drawn, (x, y), (62, 44), -25, 0, 360, 255, -1)


def _shear(drawn: np.ndarray, lean: float) -> np.ndarray:
    """(h, w) uint8, a drawing that leans to the right, without what is empty around."""
    turn = np.array([[1, -lean, lean * drawn.shape[0]], [0, 1, 0]], np.float32)
    leaning = cv2.warpAffine(drawn, turn, (drawn.shape[1] + 120, drawn.shape[0]))
    rows, columns = np.flatnonzero(leaning.any(axis=1)), np.flatnonzero(leaning.any(axis=0))
    return np.ascontiguousarray(leaning[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])

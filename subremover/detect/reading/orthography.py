"""What readers do not know of writing: where words are parted, and which way a line was drawn.

All of this follows from the script alone; no dictionary, and nothing of what a film says.
"""

from __future__ import annotations

import re
import unicodedata

from subremover.detect.reading.scripts import Script, is_right_to_left, script_of

_GLUED = re.compile(r"(?<=[^\W\d_][,;!?])(?=[A-Za-z\u00c0-\u024f])")
"""Where a space is put back: behind punctuation between Latin words, which recognisers sometimes glue.
See docs/measurements.md, "detect/recogniser: spaces"."""
_UNPARTED: set[Script] = {"han", "thai", "lao", "khmer", "burmese"}
"""Scripts without spaces between words."""
_CLOSING = ".!?\u2026\u061f\u06d4,:;\u060c\u061b"
"""Marks that no sentence begins with."""
_FINAL_LETTERS = "\u05da\u05dd\u05df\u05e3\u05e5\u0621\u0629\u0649"
"""Hebrew's final forms, and Arabic's hamza, teh marbuta and alef maksura: they end words, and begin none."""
_GREEK_MARKS = str.maketrans(
    {"\u00b5": "\u03bc", "\u0300": "\u0301", "\u0342": "\u0301", **dict.fromkeys("\u0313\u0314\u0345")}
)
"""Today's Greek, decomposed, has one accent in the place of three, and no breathings; micro is mu."""


def set_right(text: str, *, is_mirrored: bool = False) -> str:
    """What a reader has read of a row, as it is written.

    Args:
        text: One row, in logical order.
        is_mirrored: Whether rows from right to left were drawn from left to right, letter by letter, by a
            program that knew no better; see `weigh_mirrored`.

    Returns:
        The row with single spaces, none where the script has none between words; a row of a script from
        right to left in logical order, also where it was drawn from left to right, or its last mark at the
        wrong end.
    """
    text = " ".join(_without_controls(text).split())
    script = script_of(text)
    if script is None:
        return text
    if script == "latin":
        return _GLUED.sub(" ", text)
    if script == "greek":
        return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).translate(_GREEK_MARKS))
    if script in _UNPARTED:
        return _join_unparted(text, script)
    if is_right_to_left(script):
        return _set_from_right(text[::-1] if is_mirrored else text)
    return text


def weigh_mirrored(text: str) -> tuple[int, int]:
    """How many words of a text speak for its being drawn the wrong way round, and how many against.

    Args:
        text: Of a script from right to left, as it was read.
    """
    words = [word.strip(_CLOSING + "\"'()[]-") for word in text.split()]
    ends = sum(word[-1] in _FINAL_LETTERS for word in words if len(word) > 1)
    begins = sum(word[0] in _FINAL_LETTERS for word in words if len(word) > 1)
    articles = sum(word.startswith("\u0627\u0644") for word in words if len(word) > 2)
    mirrored = sum(word.endswith("\u0644\u0627") for word in words if len(word) > 2)
    # An article at the wrong end may be an ending: it only adds to what final letters tell.
    return begins + mirrored * (begins > 0), ends + articles


def _without_controls(text: str) -> str:
    """The text without what cannot be seen, such as marks of direction."""
    return "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn"))


def _join_unparted(text: str, script: Script) -> str:
    """The text without spaces between letters of a script that has none between words."""

    def belongs(glyph: str) -> bool:
        return script_of(glyph) == script or unicodedata.category(glyph) in ("Mn", "Mc")

    parts = text.split(" ")
    joined = parts[0]
    for part in parts[1:]:
        is_inside = bool(joined) and belongs(joined[-1]) and bool(part) and belongs(part[0])
        joined += part if is_inside else f" {part}"
    return joined


def _set_from_right(text: str) -> str:
    """A row of a script from right to left in logical order."""
    # A mark that ends the sentence, at the wrong end: drawn as if it stood in a line from left to right.
    opening = re.match(rf"[{re.escape(_CLOSING)}]+\s*", text)
    if opening and not text.endswith(tuple(_CLOSING)):
        text = text[opening.end() :] + opening.group().strip()[::-1]
    return text

"""How the words of subtitles are compared: their script, what of them counts, how far one is from another."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

SCRIPTS = {
    "LATIN": "Latin",
    "CYRILLIC": "Cyrillic",
    "GREEK": "Greek",
    "CJK": "Chinese",
    "HIRAGANA": "Japanese",
    "KATAKANA": "Japanese",
    "KATAKANA-HIRAGANA": "Japanese",
    "HANGUL": "Korean",
    "ARABIC": "Arabic",
    "HEBREW": "Hebrew",
    "THAI": "Thai",
    "DEVANAGARI": "Devanagari",
}
"""By the first word of a letter's Unicode name."""
UNSPACED = ("Chinese", "Chinese, simplified", "Chinese, traditional", "Japanese", "Thai")
"""Scripts whose blanks do not count."""

_TAG = re.compile(r"</?(?:[ibu]|font)(?: [^<>\n]*)?>")
_BIDI = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufeff]")
_STRAIGHT = {
    **dict.fromkeys(range(0x2018, 0x201C), "'"),
    **dict.fromkeys(range(0x201C, 0x2020), '"'),
    **dict.fromkeys((*range(0x2010, 0x2016), 0x2212), "-"),
}
"""Quotation marks and dashes of all kinds."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """A part of a text, and how far it is from a line."""

    edits: int
    start: int
    end: int


def tell_script(text: str, han: str | None = None) -> str:
    """The script that most letters of a text have; `none` where it has no letter.

    Args:
        text: Of one line.
        han: What Han letters alone are; None for Chinese.
    """
    counts = dict.fromkeys(SCRIPTS.values(), 0)
    for letter in unicodedata.normalize("NFKC", text):
        name = unicodedata.name(letter, "").split(" ")[0]
        if name in SCRIPTS:
            counts[SCRIPTS[name]] += 1
    if counts["Japanese"]:  # Han letters beside kana are Japanese, too
        counts["Japanese"] += counts.pop("Chinese")
    script = max(counts, key=lambda name: counts[name])
    if not counts[script]:
        return "none"
    return han or script if script == "Chinese" else script


def normalise(text: str, script: str) -> str:
    """A text as it is compared: NFKC, straight quotes and dashes, single blanks, or none where none count."""
    text = unicodedata.normalize("NFKC", _BIDI.sub("", _TAG.sub("", text))).translate(_STRAIGHT)
    return ("" if script in UNSPACED else " ").join(text.split())


def align(line: str, text: str) -> Alignment:
    """The part of a text that the fewest edits turn into a line, or its capitals: some fonts have no others.

    Of several such parts it is the longest.
    """
    return min((_align(form, text) for form in (line, line.upper())), key=lambda part: part.edits)


def contains(line: str, text: str) -> bool:
    """Whether a text has a line in it, with edits for less than half of its letters."""
    return 2 * align(line, text).edits < len(line)


def _align(line: str, text: str) -> Alignment:
    row = [(0, start) for start in range(len(text) + 1)]
    for i, letter in enumerate(line, 1):
        diagonal, row[0] = row[0], (i, 0)
        for j, other in enumerate(text, 1):
            edits, start = min(
                (diagonal[0] + (letter != other), diagonal[1]),
                (row[j][0] + 1, row[j][1]),
                (row[j - 1][0] + 1, row[j - 1][1]),
            )
            diagonal, row[j] = row[j], (edits, start)
    end = min(range(len(row)), key=lambda j: (row[j][0], row[j][1] - j))
    return Alignment(row[end][0], row[end][1], end)

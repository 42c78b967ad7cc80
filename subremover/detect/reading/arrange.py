"""Puts the lines of an event in the order of reading: rows from top to bottom, columns from right to left."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher

from subremover.detect.reading.scripts import is_right_to_left, script_of
from subremover.geometry import Box

TALL = 2.0
"""How many times as high as wide a column of text is."""
ALIKE = 0.75
"""Share of the characters of a row that another one has in the same order, which says the same."""
SMALL = 0.6
"""Of the height of the row that it stands on, below which kana tell how that one is said (furigana)."""


def arrange(lines: Sequence[tuple[Box, str]]) -> str:
    """The text of lines that are on screen at once.

    Args:
        lines: Where each stands, and what it says, which may be several rows.

    Returns:
        Rows separated by a line feed; lines side by side are one row. Kana beside or above what they explain
        are left out.
    """
    said = _without_doubles([(box, text) for box, text in lines if text])
    said = [line for line in said if not any(_explains(line, other) for other in said)]
    columns = [line for line in said if line[0].height >= TALL * line[0].width and len(line[1]) > 1]
    if columns and len(columns) == len(said):
        return "\n".join(text for _, text in sorted(said, key=lambda line: (-line[0].x, line[0].y)))
    rows: list[list[tuple[Box, str]]] = []
    for line in sorted(said, key=lambda line: (line[0].y + line[0].height / 2, line[0].x)):
        if rows and "\n" not in line[1] and _is_beside(rows[-1][-1], line):
            rows[-1].append(line)
        else:
            rows.append([line])
    return "\n".join(_join_row(row) for row in rows)


def _without_doubles(lines: list[tuple[Box, str]]) -> list[tuple[Box, str]]:
    """Lines without rows that another line says as well: one may reach into what belongs to another."""
    rows = [(number, row) for number, (_, text) in enumerate(lines) for row in text.split("\n")]
    count = [text.count("\n") + 1 for _, text in lines]
    kept: list[tuple[int, str]] = []
    for number, row in sorted(rows, key=lambda each: (-len(each[1]), count[each[0]])):
        is_double = any(
            other != number
            and max(count[other], count[number]) > 1
            and lines[other][0].grow(0, lines[other][0].height).intersect(lines[number][0])
            and _say_the_same(row, said)
            for other, said in kept
        )
        if not is_double:
            kept.append((number, row))
    left = [
        [row for row in text.split("\n") if (number, row) in kept] for number, (_, text) in enumerate(lines)
    ]
    return [(box, "\n".join(rows)) for (box, _), rows in zip(lines, left, strict=True) if rows]


def _say_the_same(one: str, other: str) -> bool:
    """Whether a text is another one, or a part of it, give or take some characters."""
    common = sum(
        block.size for block in SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
    )
    return common >= ALIKE * len(one)


def _is_beside(one: tuple[Box, str], other: tuple[Box, str]) -> bool:
    """Whether two lines stand in one row."""
    (a, text), (b, _) = one, other
    common = min(a.bottom, b.bottom) - max(a.y, b.y)
    apart = max(a.x, b.x) - min(a.right, b.right)
    return (
        common > 0.5 * min(a.height, b.height) and apart > -0.2 * min(a.width, b.width) and "\n" not in text
    )


def _join_row(row: list[tuple[Box, str]]) -> str:
    """The text of one row, of lines side by side."""
    script = script_of("".join(text for _, text in row))
    is_reversed = script is not None and is_right_to_left(script)
    return " ".join(text for _, text in sorted(row, key=lambda line: line[0].x, reverse=is_reversed))


def _explains(line: tuple[Box, str], other: tuple[Box, str]) -> bool:
    """Whether a line tells by small kana how another one, right below or on its left, is said."""
    (small, text), (large, _) = line, other
    is_lying = large.width >= large.height
    if not all(unicodedata.name(c, "").startswith(("HIRAGANA", "KATAKANA")) for c in text if not c.isspace()):
        return False
    if is_lying:
        gap, size = large.y - small.bottom, small.height / large.height
        inside = min(small.right, large.right) - max(small.x, large.x) > 0.8 * small.width
    else:
        gap, size = small.x - large.right, small.width / large.width
        inside = min(small.bottom, large.bottom) - max(small.y, large.y) > 0.8 * small.height
    return size < SMALL and inside and abs(gap) < 0.5 * min(large.width, large.height)

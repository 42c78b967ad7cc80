"""Finds the marks of a row, and the dash before what a speaker says, which readers pass over now and then.

See docs/measurements.md, "detect/reading/marks".
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from subremover.detect.reading.lettering import INK
from subremover.detect.reading.scripts import is_right_to_left, script_of

LEAST_MARK = 0.08
"""Of the row's height: what is smaller is no mark, but a stain."""
LEAST_WIDTH, MOST_WIDTH, MOST_HAN_WIDTH = 0.1, 1.0, 0.5
"""Of a dash, of the row's height; beside Chinese signs, where a longer one is the numeral one."""
MOST_HEIGHT, LEAST_RATIO = 0.16, 1.6
"""Of a dash, of the row's height, and how many times as wide as high it is."""
DASH_MIDDLE = (0.32, 0.78)
"""Where the middle of a dash is, of the row's height from its top."""
LEAST_FILL = 0.7
"""Share of its box that a dash covers."""
LEAST_GAP = 0.03
"""Of the row's height, between a dash and what follows."""
_DASHES = tuple("-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u30fc\u3161\u4e00\uff0d~_=")
"""What readers make of a dash."""


class Mark(NamedTuple):
    """Strokes of a row that are connected, or stand one over the other: a letter or a part of it."""

    left: int
    right: int
    top: int
    bottom: int
    ink: np.ndarray
    """(h, w) uint8, 255 where it is darkest; h and w as of the box."""


def find_marks(plain: np.ndarray) -> list[Mark]:
    """The marks of a row, from left to right.

    Args:
        plain: (h, w) uint8, dark letters on white.
    """
    ink = 255 - plain
    dark = (ink > 255 * INK).astype(np.uint8)
    _, _, places, _ = cv2.connectedComponentsWithStats(dark, connectivity=8)
    least = LEAST_MARK * plain.shape[0]
    parts = [
        place
        for place in places[1:].tolist()
        if max(place[cv2.CC_STAT_WIDTH], place[cv2.CC_STAT_HEIGHT]) >= least
    ]
    boxes: list[list[int]] = []
    for left, top, width, height, _ in sorted(parts):
        if boxes and left < boxes[-1][1]:
            _, right, above, below = boxes[-1]
            boxes[-1][1:] = [max(right, left + width), min(above, top), max(below, top + height)]
        else:
            boxes.append([left, left + width, top, top + height])
    return [Mark(left, right, top, bottom, ink[top:bottom, left:right]) for left, right, top, bottom in boxes]


def order_marks(marks: list[Mark], text: str) -> list[Mark]:
    """Marks in the order in which a text is read, with columns that grow in that order."""
    script = script_of(text)
    return turn_round(marks) if script is not None and is_right_to_left(script) else marks


def turn_round(marks: list[Mark]) -> list[Mark]:
    """Marks from the last to the first, with columns that grow in that order."""
    return [mark._replace(left=-mark.right, right=-mark.left) for mark in reversed(marks)]


def add_dash(plain: np.ndarray, text: str) -> str:
    """The text of a row with the dash before it that the row has.

    Args:
        plain: (h, w) uint8, dark letters on white, with some white around.
        text: What a reader has made of it, in logical order.

    Returns:
        The text, with "- " before it if the row begins with a dash and the text does not.
    """
    if not text or text.startswith(_DASHES):
        return text
    marks = order_marks(find_marks(plain), text)
    most_width = MOST_HAN_WIDTH if script_of(text) == "han" else MOST_WIDTH
    if len(marks) < 2 or not _is_dash(marks[0], plain.shape[0], most_width):
        return text
    return f"- {text}" if marks[1].left - marks[0].right >= LEAST_GAP * plain.shape[0] else text


def _is_dash(mark: Mark, height_px: int, most_width: float) -> bool:
    """Whether a mark is a bar at mid height."""
    width, height = mark.right - mark.left, mark.bottom - mark.top
    middle = (mark.top + mark.bottom) / 2
    return (
        LEAST_WIDTH * height_px <= width <= most_width * height_px
        and LEAST_RATIO * height <= width
        and height <= MOST_HEIGHT * height_px
        and DASH_MIDDLE[0] * height_px <= middle <= DASH_MIDDLE[1] * height_px
        and float((mark.ink > 255 * INK).mean()) >= LEAST_FILL
    )

"""A reader that says what it is told to, and rows of bars for it to read."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from subremover.detect.reading.lettering import MARGIN_PX, ROW_PX, Lettering, Row
from subremover.detect.reading.reader import NOTHING, Reading
from subremover.detect.reading.scripts import Script
from subremover.geometry import Box

Say = Callable[[int, int], tuple[str, float]]
"""From the number of bars in a row and the height of its picture in px to a text and a confidence."""


class FakeReader:
    """Takes each dark bar for a character, and tells where it stands."""

    heights_px = (48, 56, 72)

    def __init__(self, say: Say | str, script: Script = "latin") -> None:
        """Prepare.

        Args:
            say: What it says; a text: this, of each row, quite sure.
            script: What it is there for.
        """
        self.name = f"fake {script}"
        self.scripts = frozenset({script})
        self.heights: list[int] = []
        """Of all pictures that it was given, in px."""
        self._say = (lambda *_: (say, 1.0)) if isinstance(say, str) else say

    def read(self, line: np.ndarray) -> Reading:
        self.heights.append(line.shape[0])
        is_dark = (line.max(axis=2) < 128).any(axis=0)
        count, _, places, _ = cv2.connectedComponentsWithStats(is_dark[None].astype(np.uint8))
        text, confidence = self._say(count - 1, line.shape[0])
        if not text:
            return NOTHING
        columns = places[1:, cv2.CC_STAT_LEFT] + places[1:, cv2.CC_STAT_WIDTH] / 2
        return Reading(text, confidence, columns.astype(np.float32))


def draw_bars(count: int, colour: tuple[int, int, int] = (255, 255, 255)) -> Lettering:
    """Lettering of one row with so many bars."""
    tight = np.full((ROW_PX, 48 * count), 255, np.uint8)
    for number in range(count):
        tight[:, 48 * number + 12 : 48 * number + 36] = 0
    plain = np.pad(tight, MARGIN_PX, constant_values=255)
    return Lettering(colour, (Row(Box(0, 0, 24 * count, ROW_PX // 2), plain),))

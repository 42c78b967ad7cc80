"""Compares a film's lines with each other: which stand together, follow each other, are set alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from subremover.detect.classify.line import Line
from subremover.geometry import draw_boxes

SUCCESSION_SECONDS = 1.5
"""Most seconds between two lines of which one takes the other's place."""
SAME_HEIGHT = 0.15
"""Deviation of the natural logarithm of the heights of lines set alike: descenders make boxes differ."""
SLACK_FRAMES = 2
"""By how many frames the ends of the lines of one block, or event, may seem to differ, in a fade."""


class Company:
    """A film's n lines, each to be compared with all of them; answers are (n,) arrays."""

    def __init__(self, lines: Sequence[Line], width: int, rate: float) -> None:
        """Prepare.

        Args:
            lines: All lines of a film, at least one.
            width: Of the picture, in px.
            rate: Frames per second.
        """
        self._lines, self._picture_width, self._rate = lines, width, rate
        self._x, self._y = np.array([n.middle for n in lines], np.float32).T
        self._left = np.array([n.box.x for n in lines], np.float32)
        self._width = np.array([n.box.width for n in lines], np.float32)
        self._height = np.array([n.height for n in lines], np.float32)
        self._first = np.array([n.first for n in lines], np.int64)
        self._last = np.array([n.last for n in lines], np.int64)
        self._colours = np.stack([n.colours.ravel() for n in lines])

    def around(self, i: int) -> dict[str, float]:
        """Features of a line: lines right before and after it in its place, at its time, in its block."""
        common, frames = self._common(i), self._lines[i].frames
        in_place = self._is_in_band(i) & (common <= 0.1 * frames) & (self._height_likeness(i) > 0.4)
        near = SUCCESSION_SECONDS * self._rate
        since, until = self._first[i] - self._last, self._first - self._last[i]  # frames between, plus one
        before = in_place & (self._last < self._last[i]) & (since > -3) & (since <= near)
        after = in_place & (self._first > self._first[i]) & (until > -3) & (until <= near)
        block = self._is_in_block(i)
        return {
            "before": float(min(before.sum(), 2)),
            "after": float(min(after.sum(), 2)),
            "peers": float(np.log1p((self._together(i) * ~block * ~self._is_same(i)).sum())),
            "beside": float(np.log1p(block.sum())),
        }

    def set_alike(self, i: int) -> np.ndarray:
        """How alike the other lines are set, 0 to 1: height, colours, and a common band, axis or left edge.

        Lines of the same block, or at the same place at the same time, are no others.
        """
        colours = np.minimum(self._colours, self._colours[i]).sum(axis=1)
        off_axis = np.minimum(np.abs(self._x - self._x[i]), np.abs(self._left - self._left[i]))
        axis = np.exp(-((off_axis / (0.03 * self._picture_width)) ** 2))
        band = np.exp(-((np.abs(self._y - self._y[i]) / (1.5 * self._height[i])) ** 2))
        is_other = ~self._is_same(i) & ~self._is_in_block(i)
        alike: np.ndarray = self._height_likeness(i) * colours * (0.2 + 0.8 * np.maximum(axis, band))
        alike[~is_other] = 0
        return alike

    def blocks(self) -> list[list[int]]:
        """Numbers of the lines that belong together: halves of a row, rows of a block, a line found twice.

        Returns:
            Groups of two lines or more; no line is in two of them.
        """
        group = np.arange(len(self._lines))
        for i in range(len(group)):
            is_twice = self._is_same(i) & (self._together(i) > 0.5)
            for j in np.flatnonzero(self._is_in_block(i) | is_twice):
                group[group == group[j]] = group[i]
        members = [np.flatnonzero(group == number).tolist() for number in np.unique(group)]
        return [numbers for numbers in members if len(numbers) > 1]

    def _together(self, i: int) -> np.ndarray:
        """How much of their lives lines share with this one, over both lives together, 0 to 1."""
        start, stop = np.minimum(self._first, self._first[i]), np.maximum(self._last, self._last[i])
        together: np.ndarray = self._common(i) / (stop - start + 1)
        return together

    def _common(self, i: int) -> np.ndarray:
        """Frames that each line shares with this one."""
        stop, start = np.minimum(self._last, self._last[i]), np.maximum(self._first, self._first[i])
        common: np.ndarray = np.maximum(stop - start + 1, 0)
        return common

    def _is_same(self, i: int) -> np.ndarray:
        """Whether a line is this one, or part of it: at the same place at the same time."""
        line, flags = self._lines[i], np.zeros(len(self._lines), bool)
        flags[i] = True
        for j in np.flatnonzero(self._common(i) > 0).tolist():
            flags[j] |= bool(self._lines[j].box.intersect(line.box)) and (
                draw_boxes([line.box], self._lines[j].box).mean() > 0.5
            )
        return flags

    def _height_likeness(self, i: int) -> np.ndarray:
        likeness: np.ndarray = np.exp(-((np.log(self._height / self._height[i]) / SAME_HEIGHT) ** 2) / 2)
        return likeness

    def _is_in_band(self, i: int) -> np.ndarray:
        """Whether lines stand on the same rows, and over one another across."""
        apart = np.abs(self._x - self._x[i]) < (self._width + self._width[i]) / 2
        level = np.abs(self._y - self._y[i]) < 0.8 * self._height[i]
        is_there: np.ndarray = level & apart
        return is_there

    def _is_in_block(self, i: int) -> np.ndarray:
        """Whether lines come and go with this one and stand next to it: halves of a row, rows of a block."""
        comes = np.abs(self._first - self._first[i]) <= SLACK_FRAMES
        goes = np.abs(self._last - self._last[i]) <= SLACK_FRAMES
        alike = self._height_likeness(i) > 0.1
        high = np.maximum(self._height, self._height[i])
        is_row = np.abs(self._y - self._y[i]) < 0.5 * high
        apart = np.abs(self._x - self._x[i]) - (self._width + self._width[i]) / 2
        is_below = (np.abs(self._y - self._y[i]) < 2.2 * high) & (apart < 0)
        is_beside = (is_row & (apart < 8 * high)) | is_below
        is_of_block: np.ndarray = comes & goes & alike & is_beside & ~self._is_same(i)
        return is_of_block

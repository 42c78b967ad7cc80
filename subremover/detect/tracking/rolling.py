"""Tells where lettering runs or rolls: news tickers, credits. It is reported, but not followed or removed."""

from __future__ import annotations

from collections.abc import Sequence

from subremover.geometry import Box

SIGHTS = 6
"""Least number of sights of a moving line along one band or axis that make running text."""
SECONDS = 2.0
"""Least time they span, and the longest gap between two of them; the lettering of a van that drives by is
gone sooner."""


def find_rolls(sights: Sequence[tuple[int, Box]], frame_rate: float) -> list[tuple[int, int]]:
    """Find the stretches with lettering that runs along a band or rolls along an axis.

    Args:
        sights: Frame index and box of every line that was somewhere else on the next frame.
        frame_rate: Frames per second.

    Returns:
        First and last frame of each stretch, in order; no two overlap.
    """
    spans: list[tuple[int, int]] = []
    for _, seed in sights:
        slack = min(seed.width, seed.height) / 2
        for axis in (0, 1):
            frames = sorted(i for i, box in sights if abs(_middle(box)[axis] - _middle(seed)[axis]) < slack)
            spans += _runs(frames, SECONDS * frame_rate)
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(last, merged[-1][1])
        else:
            merged.append((first, last))
    return merged


def _runs(frames: list[int], length: float) -> list[tuple[int, int]]:
    """First and last frames of runs without a gap longer than `length`, that are at least that long."""
    runs, start = [], 0
    for end in range(1, len(frames) + 1):
        if end == len(frames) or frames[end] - frames[end - 1] > length:
            if end - start >= SIGHTS and frames[end - 1] - frames[start] >= length:
                runs.append((frames[start], frames[end - 1]))
            start = end
    return runs


def _middle(box: Box) -> tuple[float, float]:
    """Centre of a box, x and y in px."""
    return box.x + box.width / 2, box.y + box.height / 2

"""Lettering that runs or rolls: news tickers, credits. It is seen and told of, not followed."""

from __future__ import annotations

from collections.abc import Sequence

from subremover.geometry import Box

SIGHTS = 6
SECONDS = 2.0
"""So often and for so long must lines be seen passing along one band or axis; a van that drives by is not."""


def find_rolls(sights: Sequence[tuple[int, Box]], frame_rate: float) -> list[tuple[int, int]]:
    """First and last frames of the stretches with lettering that runs along a band or rolls along an axis.

    Args:
        sights: Frame and place of every line that was somewhere else on the next frame.
        frame_rate: Frames per second.
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
    """Stretches of frames with no gap of that length that are that long themselves."""
    runs, start = [], 0
    for end in range(1, len(frames) + 1):
        if end == len(frames) or frames[end] - frames[end - 1] > length:
            if end - start >= SIGHTS and frames[end - 1] - frames[start] >= length:
                runs.append((frames[start], frames[end - 1]))
            start = end
    return runs


def _middle(box: Box) -> tuple[float, float]:
    return box.x + box.width / 2, box.y + box.height / 2

"""Tells where lettering moves, runs or rolls: what shakes or passes by, news tickers, credits.

It is reported, but not followed or removed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from subremover.geometry import Box, bounding_box, draw_boxes
from subremover.plan.model import Event, Passage

SIGHTS = 6
"""Least number of sights of a moving line along one band or axis that make running text."""
SECONDS = 2.0
"""Least time they span, and the longest gap between two of them; the lettering of a van that drives by is
gone sooner."""
MOST_COVERED = 0.5
"""Share of a line that may be an event's before the two count as one."""
PASSAGE_SIGHTS = 2
"""Least number of sights, each within SECONDS of the last and near it, that make a passage: a single one
is as likely a pattern as lettering."""


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


def find_passages(
    sights: Sequence[tuple[int, Box]], events: Sequence[Event], frame_rate: float, picture: Box
) -> tuple[Passage, ...]:
    """Find what moves and is no part of an event.

    Args:
        sights: Frame index and box of every line that was somewhere else on the next frame.
        events: What was found; a sight of the same line is none of another.
        frame_rate: Frames per second.
        picture: All of it.

    Returns:
        By first frame.
    """
    firsts, lasts = (np.array([getattr(event, end) for event in events]) for end in ("first", "last"))
    passages: list[Passage] = []
    counts: list[int] = []
    for frame, box in sorted(sights, key=lambda sight: sight[0]):
        shown = np.flatnonzero((firsts - 1 <= frame) & (frame <= lasts + 1))
        inside = box.intersect(picture)
        if inside is None or draw_boxes((events[int(i)].box for i in shown), inside).mean() > MOST_COVERED:
            continue
        reach = box.grow(box.height, box.height)
        for number, passage in enumerate(passages):
            if frame - passage.last <= SECONDS * frame_rate and reach.intersect(passage.box):
                passages[number] = Passage(passage.first, frame, bounding_box((passage.box, inside)))
                counts[number] += 1
                break
        else:
            passages.append(Passage(frame, frame, inside))
            counts.append(1)
    return tuple(p for p, count in zip(passages, counts, strict=True) if count >= PASSAGE_SIGHTS)


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

"""Renders a part of a film's segments, of which another run makes the film; and says which these are."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from subremover.parsing import Part
from subremover.progress import ProgressCallback
from subremover.render.rendering import Rendering
from subremover.video.segments import Segment, count_frames

MASKED_COST = 10
"""How many frames that are only decoded and encoded cost as much as one with a hole, roughly: some 40 at
640x360 by docs/measurements.md, "Whole runs", and less than 10 at 1080p, where the encoder has more to do."""


@dataclass(frozen=True, slots=True)
class RenderedPart:
    """What became of a part."""

    part: Part
    segments: int
    """Number of segments that are its own; all are finished."""
    frames: int
    """Number of their frames."""
    frames_resumed: int
    """Number of those that an earlier run had finished."""


def render_part(rendering: Rendering, part: Part, progress: ProgressCallback) -> RenderedPart:
    """Render a part's segments into its work folder.

    Args:
        rendering: In the part's work folder.
        part: Which one.
        progress: Called for every frame rendered.

    Returns:
        What became of it.

    Raises:
        InputError: The film cannot be read to its end.
        OutputError: The work folder cannot be written, or the encoder refuses.
        DeviceError: A device's memory does not suffice for a single crop.
        WorkerError: A GPU failed.
    """
    rendering = rendering.begin()
    share = find_share(rendering.segments, rendering.plan.masked_frames(), part)
    resumed = rendering.make_segments(share, progress)
    return RenderedPart(part, len(share), count_frames(share), resumed)


def find_share(segments: Sequence[Segment], is_masked: np.ndarray, part: Part) -> list[Segment]:
    """A part's own segments: a run of those that are rendered, so that no part costs more than it must.

    Args:
        segments: Of the whole film, in order.
        is_masked: (frame_count,) bool, True on frames with a hole.
        part: Which one.

    Returns:
        Its segments, in order; none where there are fewer than parts.
    """
    rendered = [segment for segment in segments if not segment.is_copied]
    if not rendered:
        return []
    costs = [
        segment.stop - segment.start + (MASKED_COST - 1) * int(is_masked[segment.start : segment.stop].sum())
        for segment in rendered
    ]
    candidates = range(max(costs), sum(costs) + 1)
    least = bisect_left(candidates, True, key=lambda most: len(_cut(costs, most, part.count)) <= part.count)
    runs = _cut(costs, candidates[least], part.count)
    return rendered[runs[part.number - 1]] if part.number <= len(runs) else []


def _cut(costs: Sequence[int], most: int, count: int) -> list[slice]:
    """Runs of costs, each as long as its sum allows, but so that there are `count` of them if there can be.

    None of the costs is above `most`.
    """
    runs: list[slice] = []
    start = total = 0
    for index, cost in enumerate(costs):
        is_last_chance = len(costs) - index < count - len(runs)  # a cost for each run that is to come
        if index > start and (total + cost > most or is_last_chance):
            runs.append(slice(start, index))
            start, total = index, 0
        total += cost
    return [*runs, slice(start, len(costs))]

"""Cuts a film into segments, the runs of frames that are rendered and kept one by one.

A segment depends on nothing but the film, the plan and the options: a run that was stopped makes those that
are missing, and the film comes out as if it had not been stopped. Which frames are copied instead of rendered
is decided in `splice`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from subremover.video.film import Film

SEGMENT_FRAMES = 250
"""Most frames of a rendered segment; where a run is cut, each part but the last has at least half as many. An
encoder that begins anew spends a key frame, and ends without knowing what follows.
See docs/measurements.md, "video/segments: length"."""

Item = TypeVar("Item", bound="tuple[Any, ...]")
"""A tuple that begins with a frame's index."""


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """A run of frames in the order in which they are shown."""

    start: int
    stop: int
    """Excluded."""
    is_copied: bool = False
    """Whether its packets are those of the source; else its frames are rendered, and encoded by an encoder
    of their own."""

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.stop:
            raise ValueError(f"a segment needs 0 <= start < stop, got {self.start} and {self.stop}")


def cut_segments(film: Film, is_masked: np.ndarray, copied: Sequence[range] = ()) -> list[Segment]:
    """The segments of a film: in order, together all of its frames.

    Args:
        film: The source.
        is_masked: (frame_count,) bool, True on frames with a subtitle.
        copied: Runs of frames whose packets are copied, in order.

    Returns:
        The segments.
    """
    segments: list[Segment] = []
    start = 0
    for run in (*copied, range(film.frame_count, film.frame_count)):
        segments += cut_rendered(range(start, run.start), film.key_frames, is_masked)
        if run:
            segments.append(Segment(run.start, run.stop, is_copied=True))
        start = run.stop
    return segments


def cut_rendered(frames: range, key_frames: np.ndarray, is_masked: np.ndarray) -> Iterator[Segment]:
    """Cut a run of frames that are to be rendered.

    A segment begins where the source begins anew, and not amid a subtitle if that can be avoided.

    Args:
        frames: The run.
        key_frames: Indices of the film's key frames, rising.
        is_masked: (frame_count,) bool, of the whole film.

    Yields:
        Segments in order, together the run.
    """
    start = frames.start
    while frames.stop - start > SEGMENT_FRAMES:
        near = np.arange(start + SEGMENT_FRAMES // 2, start + SEGMENT_FRAMES + 1)
        is_key = np.isin(near, key_frames)
        is_clear = ~(is_masked[near] & is_masked[near - 1])
        best = near[np.argmax(2 * is_key + is_clear + near / (2 * near[-1]))]  # the latest of the best
        yield Segment(start, int(best))
        start = int(best)
    if start < frames.stop:
        yield Segment(start, frames.stop)


def count_frames(segments: Iterable[Segment]) -> int:
    """Number of frames of some segments."""
    return sum(segment.stop - segment.start for segment in segments)


def by_segment(
    items: Iterable[Item], segments: Iterable[Segment]
) -> Iterator[tuple[Segment, Iterator[Item]]]:
    """Sort what belongs to frames into segments.

    Args:
        items: In the order of their frames, all of which lie in one of the segments.
        segments: In order.

    Yields:
        Every segment and its items, which must be taken before the next segment is. When the last frame's
        has been taken, nothing waits for what follows.
    """
    rest = iter(items)
    held: list[Item] = []

    def of(segment: Segment) -> Iterator[Item]:
        while True:
            if not held:
                following = next(rest, None)
                if following is None:
                    return
                held.append(following)
            if held[0][0] >= segment.stop:
                return
            item = held.pop()
            yield item
            if item[0] == segment.stop - 1:
                return

    for segment in segments:
        yield segment, of(segment)

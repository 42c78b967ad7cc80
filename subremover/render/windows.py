"""Which frames are rendered together, and how they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

from subremover.render.footage import frame_bytes
from subremover.render.window import Frames
from subremover.runtime.profile import timed
from subremover.video.film import Film
from subremover.video.read.reader import read_frames

WINDOW_FRAMES = 32
"""Frames rendered together; each window fits an anchor of its own, so short ones waste steps."""
WINDOW_BYTES = 160 << 20
"""Most memory for the frames of a window; a few windows are in flight."""
FADE_FRAMES = 16
"""By which a window may be longer, so as not to end amid a fade."""


def count_window_frames(film: Film, memory_share: float) -> int:
    """The frames of a window, at the most, but for fades; at least one.

    Args:
        film: The source.
        memory_share: Of `WINDOW_BYTES`.
    """
    return min(WINDOW_FRAMES, -(-int(WINDOW_BYTES * memory_share) // frame_bytes(film)))


def cut_windows(frames: range, most: int, is_amid_fade: Callable[[int], bool]) -> Iterator[range]:
    """The frames of each window of a segment, whether all of them are wanted or only some."""
    first = frames.start
    for index in frames:
        if index + 1 - first >= most + FADE_FRAMES * is_amid_fade(index):
            yield range(first, index + 1)
            first = index + 1
    if first < frames.stop:
        yield range(first, frames.stop)


def read_windows(film: Film, ranges: list[range], only: set[int] | None) -> Iterator[Frames]:
    """The frames of windows that follow each other, read in one go.

    Args:
        film: The source.
        ranges: Of `cut_windows`; at least one.
        only: Frames that are wanted: windows that hold none of them are left out, the others read one by one.

    Yields:
        For each window the frames of it that can be decoded, unless there are none.
    """
    if only is not None:
        for part in ranges:
            if not only.isdisjoint(part):
                yield list(timed("render: decode", read_frames(film, part.start, part.stop)))
        return
    waiting = iter(ranges)
    current, frames = next(waiting), Frames()
    with closing(timed("render: decode", read_frames(film, ranges[0].start, ranges[-1].stop))) as every:
        for index, frame in every:
            while index >= current.stop:
                if frames:  # the last of a window could not be decoded
                    yield frames
                current, frames = next(waiting), []
            frames.append((index, frame))
            if index == current.stop - 1:
                yield frames
                frames = []
    if frames:
        yield frames

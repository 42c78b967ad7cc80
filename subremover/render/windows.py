"""Cuts segments into windows, runs of frames to be filled together, reads them, and writes the fills in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from av.video.frame import VideoFrame

from subremover.fill.holes import Hole
from subremover.fill.overlays import Unmixed
from subremover.fill.paint.jobs import Fill, FitJob
from subremover.geometry import Box, tighten
from subremover.provenance import Origins
from subremover.render.active_picture import ActivePicture
from subremover.runtime.profile import stage, timed
from subremover.video.film import Film
from subremover.video.pixels.formats import frame_bytes
from subremover.video.pixels.planes import fill_bars
from subremover.video.read.reader import read_frames

WINDOW_FRAMES = 32
"""Number of frames in a window; each window fits an anchor of its own, so short ones waste steps."""
WINDOW_BYTES = 160 << 20
"""Most memory for the frames of a window, in bytes; a few windows are in hand at once."""
FADE_FRAMES = 16
"""Number of frames by which a window may be longer, so as not to end amid a fade."""
Frames = list[tuple[int, VideoFrame]]
"""Frame index and planar frame, in order."""


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """An unmixed picture and its weight over what lies below it."""

    part: Unmixed
    weight: np.ndarray
    """(h, w) float32, in [0, 1]."""
    distance: np.ndarray
    """(h, w) float32: from how many frames away what lies below was borrowed; 0 where nothing was."""


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A run of frames, filled together and independently of all others."""

    frames: Frames
    """Those that are wanted; the fills are written into them."""
    holes: list[Hole]
    """Of these frames, in order; all boxes here are of the active picture."""
    jobs: list[FitJob]
    """What is to be painted, one for each hole."""
    distances: list[np.ndarray]
    """(h, w) float32 for each hole: from how many frames away it borrows."""
    known: dict[int, list[Layer]]
    """By frame index: unmixed pictures that were written into it before the holes were filled."""
    mixed: dict[int, list[Layer]]
    """By frame index: unmixed pictures that are to be laid over the fills."""
    active_picture: ActivePicture
    draw_whole_mask: Callable[[int], np.ndarray]
    """Gives the mask of a frame as coded, by its index: (H, W) bool."""

    def finish(self, fills: list[Fill]) -> Iterator[tuple[int, VideoFrame, Origins | None]]:
        """Write the fills into the frames, without a feather, and fill the black bars.

        See docs/measurements.md, "render/windows: no feather".

        Args:
            fills: One for each hole, in the same order.

        Yields:
            Frame index, the frame, ready to be encoded, and the origins of its holes' pixels; None without
            holes.
        """
        filled: dict[int, list[tuple[Hole, Fill, np.ndarray]]] = {}
        for hole, fill, distance in zip(self.holes, fills, self.distances, strict=True):
            filled.setdefault(hole.frame, []).append((hole, fill, distance))
        for index, frame in self.frames:
            holes, mixed = filled.get(index, []), self.mixed.get(index, [])
            with stage("render: fill", frames=bool(holes or mixed)):
                for hole, fill, _ in holes:
                    self.active_picture.write(frame, hole.box, fill.picture, hole.mask.astype(np.float32))
                for laid in mixed:
                    self.active_picture.write(frame, laid.part.box, laid.part.picture, laid.weight)
                in_bars = self._fill_bars(index, frame)
                origins = self._trace(self.known.get(index, []), holes, mixed, in_bars)
            yield index, frame, origins

    def _fill_bars(self, index: int, frame: VideoFrame) -> np.ndarray | None:
        """Fill what a frame's mask hides of its black bars: (H, W) bool, True there; None for nothing."""
        if not self.active_picture.has_bars:
            return None
        hidden = self.draw_whole_mask(index)
        if not hidden.any():
            return None
        fill_bars(frame, self.active_picture.box, hidden)
        in_bars = hidden.copy()
        in_bars[self.active_picture.box.slices] = False
        return in_bars if in_bars.any() else None

    def _trace(
        self,
        known: list[Layer],
        holes: list[tuple[Hole, Fill, np.ndarray]],
        mixed: list[Layer],
        in_bars: np.ndarray | None,
    ) -> Origins | None:
        """The origins of one frame's pixels, out of what was written into it; None if nothing was."""
        locate = self.active_picture.locate
        boxes = [
            locate(box) for box in (*(h.box for h, _, _ in holes), *(n.part.box for n in (*known, *mixed)))
        ]
        if in_bars is not None:
            box, mask = tighten(in_bars, Box(0, 0, in_bars.shape[1], in_bars.shape[0]))
            boxes.append(box)
        if not boxes:
            return None
        origins = Origins(boxes)
        for laid in known:
            place = locate(laid.part.box)
            origins.fill(place, laid.part.weight > 0, np.zeros_like(laid.weight), laid.distance)
            origins.blend(place, laid.weight)
        for hole, fill, distance in holes:
            origins.fill(locate(hole.box), hole.mask, fill.fitted, distance)
        for laid in mixed:
            origins.blend(locate(laid.part.box), laid.weight)
        if in_bars is not None:  # like what is unmixed, the very frame's own
            origins.blend(box, mask.astype(np.float32))
        return origins


def count_window_frames(film: Film, memory_share: float) -> int:
    """Most frames of a window, at least 1; one that would end amid a fade may have `FADE_FRAMES` more.

    Args:
        film: The source.
        memory_share: Factor in (0, 1] of `WINDOW_BYTES`.
    """
    return min(WINDOW_FRAMES, -(-int(WINDOW_BYTES * memory_share) // frame_bytes(film)))


def cut_windows(frames: range, most: int, is_amid_fade: Callable[[int], bool]) -> Iterator[range]:
    """Cut a segment into windows, the same ones whether all of its frames are wanted or only some.

    Args:
        frames: Of the segment.
        most: Of `count_window_frames`.
        is_amid_fade: Whether a fade goes on behind a frame, by its index.

    Yields:
        The frames of each window, in order.
    """
    first = frames.start
    for index in frames:
        if index + 1 - first >= most + FADE_FRAMES * is_amid_fade(index):
            yield range(first, index + 1)
            first = index + 1
    if first < frames.stop:
        yield range(first, frames.stop)


def read_windows(film: Film, ranges: list[range], only: set[int] | None) -> Iterator[Frames]:
    """Read the frames of windows that follow each other, in one go where all are wanted.

    Args:
        film: The source.
        ranges: Of `cut_windows`; at least one.
        only: Indices of the frames wanted; windows that hold none of them are left out, the others are read
            one by one and whole. None: all.

    Yields:
        For each window those of its frames that can be decoded; nothing for a window without any.

    Raises:
        InputError: The film cannot be read.
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

"""The render, window by window: read frames, unmix and borrow what can be, have the rest painted, fill.

A window is a run of frames of one segment that is filled by itself, so that memory and result do not depend
on how long the film is or on what it is painted. Windows hand something on to those that follow only
within their segment.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from functools import partial
from itertools import groupby

import numpy as np
from av.video.frame import VideoFrame

from subremover.fill.borrow import Borrowed, Borrower
from subremover.fill.holes import Hole, find_holes
from subremover.fill.overlays import Overlays
from subremover.fill.paint.jobs import FitJob, Painter
from subremover.fill.tint import clear_tint
from subremover.fill.views import count_view_bytes
from subremover.geometry import Box
from subremover.options import BorrowOptions
from subremover.plan.model import Plan
from subremover.provenance import Origins
from subremover.render.active_picture import ActivePicture, to_coded_event
from subremover.render.footage import (
    GAP_FRAMES,
    WINDOW_SOURCES,
    FootageReader,
    Masks,
    count_footage_bytes,
    split_runs,
)
from subremover.render.windows import Frames, Layer, Window, count_window_frames, cut_windows, read_windows
from subremover.runtime.allocator import keep_freed_memory
from subremover.runtime.prefetch import prefetch
from subremover.runtime.profile import stage, timed
from subremover.video.film import Film
from subremover.video.pixels.formats import frame_bytes
from subremover.video.read.reader import read_frames
from subremover.video.segments import Segment, cut_segments

WINDOWS_AHEAD = 2
"""Number of windows in hand besides those that are being painted: one made, one in the making."""
JOB_BYTES, BORROW_BYTES = 21, 60
"""Bytes of memory for a pixel of a hole's crop: in each window in hand, and more in the one in the making."""


def fill_frames(
    film: Film,
    plan: Plan,
    painter: Painter,
    options: BorrowOptions,
    *,
    only: Iterable[int] | None = None,
    segments: Iterable[Segment] | None = None,
    memory_share: float = 1.0,
) -> Generator[tuple[int, VideoFrame, Origins | None], None, None]:
    """The frames of a film in order, their holes filled.

    A frame comes out the same whatever other frames are asked for.

    Args:
        film: The source.
        plan: Of this film.
        painter: Its context entered.
        options: Whether and how far to borrow.
        only: Indices of the frames wanted; None: all.
        segments: Some of those of `cut_segments`, in order; None: all.
        memory_share: Factor in (0, 1] of the memory that frames in hand take by default; with less, other
            pixels may be borrowed.

    Yields:
        Frame index, the frame, ready to be encoded, and the origins of its holes' pixels; None without holes.

    Raises:
        InputError: The film cannot be read.
        DeviceError: A device's memory does not suffice for a single crop.
        WorkerError: A GPU failed.
    """
    keep_freed_memory()
    in_flight: deque[Window] = deque()

    def jobs_of(windows: Iterable[Window]) -> Iterator[list[FitJob]]:
        for window in windows:
            in_flight.append(window)
            yield window.jobs

    if segments is None:
        segments = cut_segments(film, plan.masked_frames())
    render = _Render(film, plan, options, painter.devices[0], memory_share)
    made = render.windows(segments, None if only is None else set(only))
    with closing(prefetch(made, depth=1)) as windows:
        for fills in painter.fit(jobs_of(windows)):
            yield from in_flight.popleft().finish(fills)


def count_window_bytes(film: Film, crop: int, share: float, lists: int) -> float:
    """Memory that the windows in hand take, in bytes.

    Args:
        film: The source.
        crop: Pixels of the largest crop, a hole with its surroundings.
        share: Factor in (0, 1] of the memory that a window takes by default.
        lists: Number of windows that are being painted at once.
    """
    in_hand = WINDOWS_AHEAD + lists
    return count_window_frames(film, share) * (
        in_hand * (frame_bytes(film) + JOB_BYTES * crop) + BORROW_BYTES * crop
    )


def count_borrow_bytes(film: Film, crop: int, share: float) -> float:
    """Memory for the frames and crops that are kept to borrow from, in bytes.

    Args:
        film: The source.
        crop: Pixels of the largest crop, a hole with its surroundings.
        share: Factor in (0, 1] of the memory that they take by default.
    """
    return count_footage_bytes(film, crop, share) + count_view_bytes(2 * WINDOW_SOURCES, crop, share)


class _Render:
    """Makes the windows of a film, in order, up to where their holes are to be painted."""

    _overlays: Overlays
    _footage: FootageReader | None
    _borrower: Borrower

    def __init__(
        self, film: Film, plan: Plan, options: BorrowOptions, device: str, memory_share: float
    ) -> None:
        self._memory_share = memory_share
        self._film, self._plan, self._options = film, plan, options
        self._device = device if device.startswith("cuda") else None
        self._shot_firsts = [shot.first for shot in plan.shots]
        self._cuts = set(self._shot_firsts)
        self._masks = Masks(film, plan, plan.removed, memory_share)
        self._is_masked = plan.masked_frames()
        self._active_picture = ActivePicture.of(film, plan)
        clipped = (self._active_picture.clip(to_coded_event(event, film)) for event in plan.events)
        self._events = [event for event in clipped if event is not None]

    def windows(self, segments: Iterable[Segment], only: set[int] | None) -> Iterator[Window]:
        """The windows of some segments; those that hold none of the frames wanted are left out."""
        most = count_window_frames(self._film, self._memory_share)
        for segment in segments:
            frames = range(segment.start, segment.stop)
            if only is not None and only.isdisjoint(frames):
                continue
            self._begin(segment)
            ranges = list(cut_windows(frames, most, self._overlays.is_amid_fade))
            for read in read_windows(self._film, ranges, only):
                yield self._make(read, only)

    def _begin(self, segment: Segment) -> None:
        """Start anew at a segment, which must not depend on whether the one before was rendered as well."""
        film, options = self._film, self._options
        self._overlays = Overlays(self._events, self._cuts, self._active_picture.size)
        wanted = self._overlays.start_at(segment.start)
        for run in split_runs(np.array(wanted), GAP_FRAMES):
            for index, frame in timed("render: decode", read_frames(film, int(run[0]), int(run[-1]) + 1)):
                self._overlays.feed(index, partial(self._active_picture.read, frame))
        self._footage = (
            FootageReader(film, self._plan, options.max_distance, self._memory_share)
            if options.borrow
            else None
        )
        self._borrower = Borrower(options, self._device, memory_share=self._memory_share)

    @stage("render: holes")
    def _make(self, frames: Frames, only: set[int] | None) -> Window:
        """Unmix and borrow for a window's holes; what is unmixed for good is written into the frames here."""
        active = self._active_picture
        with stage("render: unmix"):
            for index, frame in frames:
                self._overlays.feed(index, partial(active.read, frame))
        source = dict(frames)
        wanted = {index for index, _ in frames if only is None or index in only}
        masks = [(i, mask) for i, _ in frames if (mask := self._masks.at(i)) is not None]
        reads = [(index, partial(active.read, frame)) for index, frame in frames]
        with stage("render: unmix"):
            parts = [(index, part) for index, part in self._overlays.unmix(reads) if index in wanted]
        # For all of them, also where only some are wanted: they find their sources together.
        lent = self._borrow(masks, source)
        masks = [(index, mask) for index, mask in masks if index in wanted]
        known: dict[int, list[Layer]] = {}
        mixed: dict[int, list[Layer]] = {}
        for index, part in parts:
            below = _gather(lent.get(index, []), part.box)
            laid = Layer(part, part.weight * part.prevail(below.error), below.distance)
            if (part.weight == 1).any():
                known.setdefault(index, []).append(laid)
                share = laid.weight[..., None]
                picture = np.where(
                    share < 1, share * part.picture + (1 - share) * below.picture, part.picture
                )
                active.write(source[index], part.box, picture, part.weight)
            else:
                mixed.setdefault(index, []).append(laid)
        holes = list(find_holes(_without(masks, known), self._cuts))
        jobs, distances = [], []
        for hole in holes:
            picture = clear_tint(active.read(source[hole.frame], hole.box), hole.mask)
            below = _gather(lent.get(hole.frame, []), hole.box)
            is_lent = hole.mask & np.isfinite(below.error)
            image = np.where(is_lent[..., None], below.picture, picture)
            error = np.where(hole.mask, below.error, np.float32(0))
            jobs.append(FitJob(image, hole.mask, hole.frame, hole.group, error))
            distances.append(below.distance)
        shown = [f for f in frames if f[0] in wanted]
        return Window(shown, holes, jobs, distances, known, mixed, active, self._masks.draw_whole)

    def _borrow(
        self, masks: list[tuple[int, np.ndarray]], source: dict[int, VideoFrame]
    ) -> dict[int, list[tuple[Hole, Borrowed]]]:
        """By frame, its holes and what other frames show of them; the source's frames stay as they are."""
        lent: dict[int, list[tuple[Hole, Borrowed]]] = {}
        if self._footage is None:
            return lent
        for shot, in_shot in groupby(
            find_holes(masks, self._cuts), key=lambda hole: self._shot_at(hole.frame)
        ):
            holes = list(in_shot)
            own = {index: frame for index, frame in source.items() if self._shot_at(index) == shot}
            masked = [index for index in own if self._is_masked[index]]
            footage = self._footage.of_window(own, masked[0], masked[-1])
            for _, in_group in groupby(holes, key=lambda hole: hole.group):
                group = list(in_group)
                with stage("render: borrow", frames=len(group)):
                    found = self._borrower.borrow(group, footage)
                for hole, borrowed in zip(group, found, strict=True):
                    lent.setdefault(hole.frame, []).append((hole, borrowed))
        return lent

    def _shot_at(self, index: int) -> int:
        """A number that the frames of one shot have in common."""
        return bisect_right(self._shot_firsts, index)


def _gather(lent: list[tuple[Hole, Borrowed]], box: Box) -> Borrowed:
    """What was borrowed for a frame's holes, as far as it lies in a box; error inf where nothing was."""
    shape = box.height, box.width
    picture, error = np.zeros((*shape, 3), np.float32), np.full(shape, np.inf, np.float32)
    distance = np.zeros(shape, np.float32)
    for hole, borrowed in lent:
        if common := hole.box.intersect(box):
            there, here = (common.shift(-b.x, -b.y).slices for b in (hole.box, box))
            covers = hole.mask[there] & np.isfinite(borrowed.error[there])
            picture[here][covers] = borrowed.picture[there][covers]
            error[here][covers] = borrowed.error[there][covers]
            distance[here][covers] = borrowed.distance[there][covers]
    return Borrowed(picture, error, distance)


def _without(
    masks: list[tuple[int, np.ndarray]], known: dict[int, list[Layer]]
) -> list[tuple[int, np.ndarray]]:
    """Masks without the unmixed pixels; frames that shared an array still do if they can."""
    left = []
    made: dict[tuple[int, ...], np.ndarray] = {}
    for index, mask in masks:
        parts = [laid.part for laid in known.get(index, [])]
        key = (id(mask), *(id(part.weight) for part in parts))
        if key not in made:
            made[key] = mask.copy() if parts else mask
            for part in parts:
                made[key][part.box.slices] &= part.weight == 0
        if made[key].any():
            left.append((index, made[key]))
    return left

"""The render, window by window: read frames, unmix and borrow what shows, have the rest painted, fill.

A window is a run of frames that is filled independently of all others, so that neither memory nor the
result depends on how long the film is or how many workers there are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

import numpy as np
from av.video.frame import VideoFrame

from subremover.fill.borrow import Borrowed, Borrower
from subremover.fill.composite import fill_weight
from subremover.fill.holes import Hole, find_holes
from subremover.fill.jobs import Fill, FitJob
from subremover.fill.overlays import Overlays, Unmixed
from subremover.fill.pool import Pool
from subremover.footage import FootageReader, Masks, frame_bytes
from subremover.geometry import Box
from subremover.options import BorrowOptions
from subremover.origins import Origins
from subremover.plan import Event, Plan
from subremover.prefetch import prefetch
from subremover.profile import stage, timed
from subremover.video.planes import read_rgb, to_coded, to_coded_box, write_rgb
from subremover.video.probe import Film
from subremover.video.reader import read_frames

WINDOW_FRAMES = 32
"""Frames rendered together; each window fits an anchor of its own, so short ones waste steps."""
WINDOW_BYTES = 160 << 20
"""Most memory for the frames of a window; a few windows are in flight."""
FADE_FRAMES = 16
"""By which a window may be longer, so as not to end amid a fade."""
FEATHER_PX = 0.0
"""The fills meet their rims by themselves: 1 px made no difference on nine clips, 2 px cost 0.4 dB."""

_Frames = list[tuple[int, VideoFrame]]


def fill_frames(
    film: Film, plan: Plan, pool: Pool, options: BorrowOptions, only: Iterable[int] | None = None
) -> Generator[tuple[int, VideoFrame, Origins | None], None, None]:
    """All frames of a film in order, their holes filled.

    Args:
        film: The source.
        plan: Of this film.
        pool: Open.
        options: Whether and how far to borrow.
        only: Frame indices, if not all are wanted.

    Yields:
        Frame index, the frame, ready to be encoded, and where the pixels of its holes came from; None
        where it has none.
    """
    in_flight: deque[_Window] = deque()

    def jobs_of(windows: Iterable[_Window]) -> Iterator[list[FitJob]]:
        for window in windows:
            in_flight.append(window)
            yield window.jobs

    render = _Render(film, plan, options, pool.devices[0])
    with closing(prefetch(render.windows(None if only is None else set(only)), depth=1)) as windows:
        for fills in pool.fit(jobs_of(windows)):
            yield from in_flight.popleft().finish(fills)


@dataclass(frozen=True, slots=True, eq=False)
class _Laid:
    """An unmixed picture and its weight over what lies below it."""

    part: Unmixed
    weight: np.ndarray
    """(h, w) float32."""
    distance: np.ndarray
    """(h, w) float32, of what was borrowed below it; 0 where nothing was."""


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """A run of frames, filled together and independently of all others."""

    frames: _Frames
    holes: list[Hole]
    jobs: list[FitJob]
    distances: list[np.ndarray]
    """(h, w) float32 for each hole: from how many frames away it borrows."""
    known: dict[int, list[_Laid]]
    """By frame: what was written before the holes were filled."""
    mixed: dict[int, list[_Laid]]
    """By frame: to be mixed with the fills."""

    def finish(self, fills: list[Fill]) -> Iterator[tuple[int, VideoFrame, Origins | None]]:
        """Write the fills; each frame, ready."""
        filled: dict[int, list[tuple[Hole, Fill, np.ndarray]]] = {}
        for hole, fill, distance in zip(self.holes, fills, self.distances, strict=True):
            filled.setdefault(hole.frame, []).append((hole, fill, distance))
        for index, frame in self.frames:
            holes, mixed = filled.get(index, []), self.mixed.get(index, [])
            with stage("render: fill", frames=bool(holes or mixed)):
                for hole, fill, _ in holes:
                    write_rgb(frame, hole.box, fill.picture, fill_weight(hole.mask, FEATHER_PX))
                for laid in mixed:
                    write_rgb(frame, laid.part.box, laid.part.picture, laid.weight)
                origins = _trace(self.known.get(index, []), holes, mixed)
            yield index, frame, origins


def _trace(
    known: list[_Laid], holes: list[tuple[Hole, Fill, np.ndarray]], mixed: list[_Laid]
) -> Origins | None:
    boxes = [*(hole.box for hole, _, _ in holes), *(laid.part.box for laid in (*known, *mixed))]
    if not boxes:
        return None
    origins = Origins(boxes)
    for laid in known:
        origins.fill(laid.part.box, laid.part.weight > 0, np.zeros_like(laid.weight), laid.distance)
        origins.blend(laid.part.box, laid.weight)
    for hole, fill, distance in holes:
        origins.fill(hole.box, hole.mask, fill.fitted, distance)
    for laid in mixed:
        origins.blend(laid.part.box, laid.weight)
    return origins


class _Render:
    """Makes the windows of a film, in order."""

    def __init__(self, film: Film, plan: Plan, options: BorrowOptions, device: str) -> None:
        self._film, self._memory_share = film, options.memory_share
        self._shot_firsts = [shot.first for shot in plan.shots]
        self._cuts = set(self._shot_firsts)
        self._masks = Masks(film, plan, plan.removed, options.memory_share)
        self._is_masked = plan.masked_frames()
        coded = [to_coded_event(event, film) for event in plan.removed]
        self._overlays = Overlays(coded, self._cuts, (film.width, film.height))
        self._footage = (
            FootageReader(film, plan, options.max_distance, options.memory_share) if options.borrow else None
        )
        self._borrower = Borrower(options, device if device.startswith("cuda") else None)

    def windows(self, only: set[int] | None) -> Iterator[_Window]:
        most = min(WINDOW_FRAMES, -(-int(WINDOW_BYTES * self._memory_share) // frame_bytes(self._film)))
        ranges = list(cut_windows(self._film.frame_count, most, self._overlays.is_amid_fade))
        for frames in _read_ranges(self._film, ranges, only):
            yield self._make(frames, only)

    @stage("render: holes")
    def _make(self, frames: _Frames, only: set[int] | None) -> _Window:
        with stage("render: unmix"):
            for index, frame in frames:
                self._overlays.feed(index, partial(read_rgb, frame))
        source = dict(frames)
        wanted = {index for index, _ in frames if only is None or index in only}
        masks = [(i, mask) for i, _ in frames if i in wanted and (mask := self._masks.at(i)) is not None]
        reads = [(index, partial(read_rgb, frame)) for index, frame in frames]
        with stage("render: unmix"):
            parts = [(index, part) for index, part in self._overlays.unmix(reads) if index in wanted]
        lent = self._borrow(masks, source)
        known: dict[int, list[_Laid]] = {}
        mixed: dict[int, list[_Laid]] = {}
        for index, part in parts:
            below = _gather(lent.get(index, []), part.box)
            laid = _Laid(part, part.weight * part.prevail(below.error), below.distance)
            if (part.weight == 1).any():
                known.setdefault(index, []).append(laid)
                share = laid.weight[..., None]
                picture = np.where(
                    share < 1, share * part.picture + (1 - share) * below.picture, part.picture
                )
                write_rgb(source[index], part.box, picture, part.weight)
            else:
                mixed.setdefault(index, []).append(laid)
        holes = list(find_holes(_without(masks, known), self._cuts))
        jobs, distances = [], []
        for hole in holes:
            picture = read_rgb(source[hole.frame], hole.box)
            below = _gather(lent.get(hole.frame, []), hole.box)
            is_lent = hole.mask & np.isfinite(below.error)
            image = np.where(is_lent[..., None], below.picture, picture)
            error = np.where(hole.mask, below.error, np.float32(0))
            jobs.append(FitJob(image, hole.mask, hole.frame, hole.group, error))
            distances.append(below.distance)
        return _Window([f for f in frames if f[0] in wanted], holes, jobs, distances, known, mixed)

    def _borrow(
        self, masks: list[tuple[int, np.ndarray]], source: dict[int, VideoFrame]
    ) -> dict[int, list[tuple[Hole, Borrowed]]]:
        """By frame what other frames show of its holes; the source's frames stay as they are meanwhile."""
        lent: dict[int, list[tuple[Hole, Borrowed]]] = {}
        if self._footage is None:
            return lent
        for shot, in_shot in groupby(
            find_holes(masks, self._cuts), key=lambda hole: self._shot_at(hole.frame)
        ):
            holes = list(in_shot)
            own = {index: frame for index, frame in source.items() if self._shot_at(index) == shot}
            # of all the window's holes, also where only some are wanted: a preview shows what the film will
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
        return bisect_right(self._shot_firsts, index)


def cut_windows(frame_count: int, most: int, is_amid_fade: Callable[[int], bool]) -> Iterator[range]:
    """The frames of each window of a film, whether all of them are wanted or only some."""
    first = 0
    for index in range(frame_count):
        if index + 1 - first >= most + FADE_FRAMES * is_amid_fade(index):
            yield range(first, index + 1)
            first = index + 1
    if first < frame_count:
        yield range(first, frame_count)


def to_coded_event(event: Event, film: Film) -> Event:
    """The event in the coded picture."""
    strokes = np.ascontiguousarray(to_coded(event.strokes, film))
    return replace(event, box=to_coded_box(event.box, film), strokes=strokes)


def _read_ranges(film: Film, ranges: list[range], only: set[int] | None) -> Iterator[_Frames]:
    """The frames of all ranges, read in one go, or of those that hold a wanted one."""
    if only is not None:
        for part in ranges:
            if not only.isdisjoint(part):
                yield list(timed("render: decode", read_frames(film, part.start, part.stop)))
        return
    waiting = iter(ranges)
    current, frames = next(waiting), _Frames()
    with closing(timed("render: decode", read_frames(film))) as every:
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


def _gather(lent: list[tuple[Hole, Borrowed]], box: Box) -> Borrowed:
    """What was borrowed for a frame's holes, as far as it lies in a box."""
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
    masks: list[tuple[int, np.ndarray]], known: dict[int, list[_Laid]]
) -> list[tuple[int, np.ndarray]]:
    """Masks without what is known; those that were one array, less the same weights, are one again."""
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

"""The render, window by window: read frames, unmix what shows through, have the holes painted, fill.

A window is a run of frames that is filled independently of all others, so that neither memory nor the
result depends on how long the film is or how many workers there are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from av.video.frame import VideoFrame

from subremover.fill.composite import fill_weight
from subremover.fill.holes import Hole, find_holes
from subremover.fill.jobs import FitJob
from subremover.fill.overlays import Overlays, Unmixed
from subremover.fill.pool import Pool
from subremover.plan import Event, Plan
from subremover.prefetch import prefetch
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


def fill_frames(
    film: Film, plan: Plan, pool: Pool, only: Iterable[int] | None = None
) -> Generator[tuple[int, VideoFrame, list[Hole]], None, None]:
    """All frames of a film in order, their holes filled.

    Args:
        film: The source.
        plan: Of this film.
        pool: Open.
        only: Frame indices, ascending, if not all are wanted.

    Yields:
        Frame index, the frame, ready to be encoded, and its holes.
    """
    frames = read_frames(film) if only is None else _read_some(film, only)
    in_flight: deque[_Window] = deque()

    def jobs_of(windows: Iterable[_Window]) -> Iterator[list[FitJob]]:
        for window in windows:
            in_flight.append(window)
            yield window.jobs

    with closing(prefetch(_windows(film, plan, frames), depth=1)) as windows:
        for pictures in pool.fit(jobs_of(windows)):
            window = in_flight.popleft()
            frame_of = dict(window.frames)
            for hole, picture in zip(window.holes, pictures, strict=True):
                write_rgb(frame_of[hole.frame], hole.box, picture, fill_weight(hole.mask, FEATHER_PX))
            for index, part in window.mixed:
                write_rgb(frame_of[index], part.box, part.picture, part.weight)
            for index, frame in window.frames:
                yield index, frame, [hole for hole in window.holes if hole.frame == index]


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """A run of frames, filled together and independently of all others."""

    frames: list[tuple[int, VideoFrame]]
    holes: list[Hole]
    jobs: list[FitJob]
    mixed: list[tuple[int, Unmixed]]
    """To be mixed with the fills."""


def _windows(film: Film, plan: Plan, frames: Iterator[tuple[int, VideoFrame]]) -> Iterator[_Window]:
    cuts = {shot.first for shot in plan.shots}
    masks = _Masks(film, plan)
    overlays = Overlays([_to_coded_event(e, film) for e in plan.removed], cuts, _coded_size(film))
    window: list[tuple[int, VideoFrame]] = []
    with closing(frames):  # type: ignore[type-var]
        for index, frame in frames:
            window.append((index, frame))
            overlays.feed(index, partial(read_rgb, frame))
            frame_bytes = sum(plane.buffer_size for plane in frame.planes)
            most = min(WINDOW_FRAMES, -(-WINDOW_BYTES // frame_bytes))
            if len(window) >= most + FADE_FRAMES * overlays.is_amid_fade(index):
                yield _make_window(window, masks, overlays, cuts)
                window = []
    if window:
        yield _make_window(window, masks, overlays, cuts)


def _make_window(
    frames: list[tuple[int, VideoFrame]], masks: _Masks, overlays: Overlays, cuts: set[int]
) -> _Window:
    frame_of = dict(frames)
    mask_of = {index: mask for index, _ in frames if (mask := masks.at(index)) is not None}
    known: dict[int, list[Unmixed]] = {}
    mixed = []
    for index, part in overlays.unmix([(index, partial(read_rgb, frame)) for index, frame in frames]):
        if (part.weight == 1).any():
            write_rgb(frame_of[index], part.box, part.picture, part.weight)
            known.setdefault(index, []).append(part)
        else:
            mixed.append((index, part))
    holes = list(find_holes(_without(mask_of, known), cuts))
    jobs = [
        FitJob(read_rgb(frame_of[hole.frame], hole.box), hole.mask, hole.frame, hole.group) for hole in holes
    ]
    return _Window(frames, holes, jobs, mixed)


def _without(mask_of: dict[int, np.ndarray], known: dict[int, list[Unmixed]]) -> list[tuple[int, np.ndarray]]:
    """Masks without what is known; those that were one array, less the same weights, are one again."""
    masks = []
    made: dict[tuple[int, ...], np.ndarray] = {}
    for index, mask in mask_of.items():
        parts = known.get(index, [])
        key = (id(mask), *(id(part.weight) for part in parts))
        if key not in made:
            made[key] = mask.copy() if parts else mask
            for part in parts:
                made[key][part.box.slices] &= part.weight == 0
        if made[key].any():
            masks.append((index, made[key]))
    return masks


def _to_coded_event(event: Event, film: Film) -> Event:
    strokes = np.ascontiguousarray(to_coded(event.strokes, film))
    return replace(event, box=to_coded_box(event.box, film), strokes=strokes)


def _coded_size(film: Film) -> tuple[int, int]:
    width, height = film.upright_size
    return (height, width) if film.rotation % 180 else (width, height)


class _Masks:
    """The masks of a plan's frames in the coded picture; frames under the same events share one."""

    def __init__(self, film: Film, plan: Plan) -> None:
        self._film, self._plan = film, plan
        self._pending = deque(sorted(plan.removed, key=lambda e: e.first))
        self._active: list[Event] = []
        self._mask: np.ndarray | None = None

    def at(self, index: int) -> np.ndarray | None:
        """(H, W) bool of a frame, None where there is none; call in order."""
        active = [e for e in self._active if e.last >= index]
        while self._pending and self._pending[0].first <= index:
            event = self._pending.popleft()
            active += [event] * (event.last >= index)
        if active != self._active:
            self._active = active
            mask = self._plan.mask(active) if active else None
            self._mask = None if mask is None else np.ascontiguousarray(to_coded(mask, self._film))
        return self._mask


def _read_some(film: Film, indices: Iterable[int]) -> Iterator[tuple[int, VideoFrame]]:
    for index in indices:
        yield from read_frames(film, index, index + 1)

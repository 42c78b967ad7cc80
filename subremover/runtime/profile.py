"""Measures where the time of a run goes: seconds of work by stage, cores busy, devices busy, and on what.

A run is what happens inside `measure()`, in its thread and in those that take its context over (`prefetch`).
Whatever does work there says so by `with stage(...)`, and by `note(...)` which device and libraries do it;
outside of any run that costs next to nothing.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal, TypeVar, get_args

from subremover.runtime.cpu import count_cores

log = logging.getLogger(__name__)

Item = TypeVar("Item")

Stage = Literal[
    "start",  # loading models and what else was not loaded with the package, opening the film
    "scan: decode",
    "scan: detect",  # text lines
    "scan: strokes",
    "scan: read",
    "scan: letters",
    "scan: words",  # what the lines say
    "scan: follow",
    "scan: captions",  # the rest of the scan: cuts, novelty, lines from frame to frame, what they are
    "render: decode",
    "render: footage",  # the second reader: frames to borrow from
    "render: unmix",
    "render: borrow",
    "render: holes",  # masks, holes and the jobs made of them
    "render: fit",
    "render: fill",  # writing pixels into the frames
    "render: encode",
    "assemble",  # the film of its segments
    "verify",  # that it came out right with packets copied
    "copy",  # of a film without subtitles, packet for packet
    "report",  # pictures and pages of what was found
]
STAGES: tuple[Stage, ...] = get_args(Stage)


@dataclass(slots=True)
class Work:
    """What a stage has done."""

    seconds: float = 0.0
    """In its own thread, whether computing or waiting for a core or for threads of a library; time spent
    waiting for another stage, or in stages inside it, is not counted."""
    frames: int = 0
    """How many it has had in hand; 0 where none are counted."""


@dataclass(slots=True, eq=False)
class Profile:
    """Where the time of one run went. Stages work at the same time: they may add up to more than the run."""

    seconds: float = 0.0
    """Wall-clock time from its beginning to its end; 0 until then."""
    cpu_seconds: float = 0.0
    """CPU time of all threads of this process, and of the processes that ended meanwhile; 0 until the end."""
    stages: dict[Stage, Work] = field(default_factory=dict)
    """What each stage has done, of those that did anything."""
    device_seconds: dict[str, float] = field(default_factory=dict)
    """For each GPU how long it was busy with the steps of fits. Not yet run on a GPU."""
    notes: dict[str, list[str]] = field(default_factory=dict)
    """What works on what, in the order it was told: `fit` on `cuda:0 (NVIDIA H200), Triton kernels`."""

    def __str__(self) -> str:
        """The table that `--profile` prints."""
        lines = [f"{'stage':16} {'seconds':>9} {'share':>7} {'frames/s':>9}"]
        for name in sorted(self.stages, key=STAGES.index):
            work = self.stages[name]
            if work.seconds < 0.005:
                continue
            rate = f"{work.frames / work.seconds:9.1f}" if work.frames and work.seconds else ""
            lines.append(f"{name:16} {work.seconds:9.2f} {self._share(work.seconds):>7} {rate}".rstrip())
        lines.append(f"{'whole run':16} {self.seconds:9.2f}")
        cores = count_cores()
        cpu = self._share(self.cpu_seconds / cores)
        lines.append(f"{'CPU busy':16} {self.cpu_seconds:9.2f} {cpu:>7}  of {cores} cores")
        for device, seconds in sorted(self.device_seconds.items()):
            lines.append(f"{f'{device} busy':16} {seconds:9.2f} {self._share(seconds):>7}")
        lines += [f"{f'{what} on':16} {'; '.join(places)}" for what, places in self.notes.items()]
        return "\n".join(lines)

    def add(self, name: Stage, seconds: float, frames: int = 0) -> None:
        """Count work of a stage; may be called from any thread.

        Args:
            name: Of the stage.
            seconds: That it worked.
            frames: That it dealt with.
        """
        with _lock:
            work = self.stages.setdefault(name, Work())
            work.seconds += seconds
            work.frames += frames

    def note(self, what: str, where: str) -> bool:
        """Keep what works on what; whether that is new. May be called from any thread."""
        with _lock:
            places = self.notes.setdefault(what, [])
            is_new = where not in places
            if is_new:
                places.append(where)
            return is_new

    def add_device(self, device: str, seconds: float) -> None:
        """Count time in which a GPU was busy; may be called from any thread.

        Args:
            device: Name of a torch device; nothing is kept of one that was not busy.
            seconds: That it worked.
        """
        if seconds:
            with _lock:
                self.device_seconds[device] = self.device_seconds.get(device, 0.0) + seconds

    def _share(self, seconds: float) -> str:
        return f"{seconds / self.seconds:.0%}" if self.seconds else ""


class _Thread(threading.local):
    """The stages that a thread is in, the innermost last, and since when that one works."""

    def __init__(self) -> None:
        self.inside: list[tuple[Profile, Stage]] = []
        self.since = 0.0


_current: ContextVar[Profile | None] = ContextVar("profile", default=None)
_thread = _Thread()
_lock = threading.Lock()


@contextmanager
def measure() -> Iterator[Profile]:
    """Measure what happens inside the `with` body as one run.

    Yields:
        The profile, complete when the body has ended.
    """
    profile, start, cpu_start = Profile(), time.perf_counter(), _cpu_seconds()
    token = _current.set(profile)
    try:
        yield profile
    finally:
        _current.reset(token)
        profile.seconds = time.perf_counter() - start
        profile.cpu_seconds = _cpu_seconds() - cpu_start


def current() -> Profile | None:
    """The profile of the run that this thread works for; None where it is not measured."""
    return _current.get()


@contextmanager
def stage(name: Stage, frames: int = 0) -> Iterator[None]:
    """Count the `with` body as work of a stage, and not as that of a stage around it.

    A generator must not yield from inside: its consumer's time would be counted as well.

    Args:
        name: Of the stage.
        frames: Number of frames that are dealt with inside.
    """
    profile = _current.get()
    if profile is None:
        yield
        return
    _switch()
    _thread.inside.append((profile, name))
    try:
        yield
    finally:
        _switch()
        _thread.inside.pop()
        if frames:
            profile.add(name, 0.0, frames)


def timed(name: Stage, frames: Iterator[Item]) -> Generator[Item, None, None]:
    """Count the making of each frame as work of a stage.

    Args:
        name: Of the stage.
        frames: Closed at the end.

    Yields:
        The same frames.
    """
    end = object()
    try:
        while True:
            with stage(name):
                frame = next(frames, end)
            if frame is end:
                return
            if profile := _current.get():
                profile.add(name, 0.0, 1)
            yield frame  # type: ignore[misc]
    finally:
        if close := getattr(frames, "close", None):
            close()


def note(what: str, where: str, level: int = logging.INFO) -> None:
    """Say what some work of the run is done on, for its profile and, once a run, for the log.

    Args:
        what: The work: `scan`, `borrow`, `fit`.
        where: Device, library and whatever else makes it fast or slow, in a few words.
        level: Of the log's line; a warning where something faster was to be expected.
    """
    profile = _current.get()
    if profile is None or profile.note(what, where):
        log.log(level, "%s on %s", what, where)


def _switch() -> None:
    """Count the time since the last switch as the innermost stage's."""
    now = time.perf_counter()
    if _thread.inside:
        profile, name = _thread.inside[-1]
        profile.add(name, now - _thread.since)
    _thread.since = now


def _cpu_seconds() -> float:
    """CPU time of this process and its ended children."""
    return sum(os.times()[:4])  # own user and system, those of children that were waited for

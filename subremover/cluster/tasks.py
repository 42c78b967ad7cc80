"""What runs on the machines of a cluster: functions of what they are given alone.

What they tell meanwhile goes to the `Reporter`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from subremover.cluster.film_copy import FilmSource
from subremover.options import Options, ScanOptions
from subremover.plan.cues import Cue
from subremover.plan.model import Event, Plan
from subremover.progress import Progress
from subremover.runtime.atomic_file import MemoryFile
from subremover.runtime.cpu import limit_cores
from subremover.runtime.profile import Profile, measure

TELL_SECONDS = 0.5
"""Between two words of a task on how far it is."""
Spools = dict[str, bytes]
"""The bytes of a segment's spools, by kind (`resume.names`)."""


@dataclass(frozen=True, slots=True)
class TaskSetting:
    """What a task is given besides what it is about."""

    number: int
    """Of this try of the task, by which it tells how far it is."""
    cores: int
    """That it may use."""
    reporter: Any
    """Handle of the `Reporter`."""
    source: FilmSource
    """The film."""


class Reporter:
    """Collects what tasks tell; an actor of Ray, asked now and then by who started the run."""

    def __init__(self) -> None:
        self._nodes: dict[int, str] = {}
        self._progress: dict[int, Progress] = {}
        self._found: list[tuple[int, Sequence[Event]]] = []

    def begin(self, number: int, node: str) -> None:
        """A try of a task has begun on this node."""
        self._nodes[number] = node

    def update(self, number: int, progress: Progress) -> None:
        """It is so far."""
        self._progress[number] = progress

    def find(self, number: int, events: Sequence[Event]) -> None:
        """It has found events, provisionally."""
        self._found.append((number, events))

    def take(self) -> tuple[dict[int, str], dict[int, Progress], list[tuple[int, Sequence[Event]]]]:
        """All that was told since this was asked last: nodes, progress and events, by number."""
        told = self._nodes, self._progress, self._found
        self._nodes, self._progress, self._found = {}, {}, []
        return told


@dataclass(frozen=True, slots=True)
class ScanWork:
    """A scan to be made."""

    film: Any
    """The `Film` as it was probed."""
    options: ScanOptions
    """Without files."""
    times: Sequence[Cue]
    """Of an SRT file, outside of which everything is left alone; empty: there is none."""
    memory_share: float
    has_listener: bool
    """Whether anybody asks for what is found meanwhile."""


def describe_node() -> dict[str, str]:
    """What the bytes depend on that this machine makes."""
    from subremover.resume.fingerprint import describe_machine

    return describe_machine()


@dataclass(slots=True)
class Account:
    """How a task went, besides what came out."""

    profile: Profile
    """Where the time went."""
    warnings: list[str]
    """What it would have logged where the run was started."""


def scan_film(setting: TaskSetting, work: ScanWork) -> tuple[Plan, Account]:
    """Scan a film.

    Args:
        setting: Where it runs.
        work: What is to be scanned.

    Returns:
        The plan, and how it went.

    Raises:
        OtherFilmError: The machine does not have the film.
        InputError: It cannot be read to its end.
        UsageError: The frames asked for are not in the film.
    """
    from subremover.detect.make_plan import make_plan

    teller = _Teller(setting)
    with _begin(setting) as (path, account):
        plan = make_plan(
            dataclasses.replace(work.film, path=path),
            work.options,
            teller.update,
            times=work.times,
            memory_share=work.memory_share,
            on_found=teller.find if work.has_listener else None,
        )
    return plan, account


def render_segment(
    setting: TaskSetting, job: list[Any], options: Options, fit_bytes: int | None, segment: Any
) -> tuple[Spools, Account]:
    """Render a segment.

    Args:
        setting: Where it runs.
        job: Reference to the `RenderJob`, in a list, so that it is fetched here, once for all segments.
        options: Of the run.
        fit_bytes: Most memory for what is fitted at once on the CPU; None: as much as the cores can use.
        segment: The `Segment`.

    Returns:
        Its spools, and how it went.

    Raises:
        OtherFilmError: The machine does not have the film.
        InputError: It cannot be read.
        OutputError: The encoder refuses.
        DeviceError: The device is absent, or its memory does not suffice for a single crop.
        WorkerError: A GPU failed.
    """
    import torch

    torch.set_num_threads(setting.cores)
    with _begin(setting) as (path, account):
        found = _find_job(job[0])
        found = dataclasses.replace(found, film=dataclasses.replace(found.film, path=path))
        files: dict[str, MemoryFile] = {}
        done = 0
        teller = _Teller(setting)

        def frame_done() -> None:
            nonlocal done
            done += 1
            teller.update(Progress("render", done, segment.stop - segment.start))

        painter = _find_painter(options, fit_bytes)
        found.render([segment], painter, lambda _, kind: files.setdefault(kind, MemoryFile()), frame_done)
    return {kind: file.data for kind, file in files.items()}, account


class _Teller:
    """Tells the reporter how far a task is, not too often."""

    def __init__(self, setting: TaskSetting) -> None:
        self._setting, self._told = setting, 0.0

    def update(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._told >= TELL_SECONDS:
            self._told = now
            self._setting.reporter.update.remote(self._setting.number, progress)

    def find(self, events: Sequence[Event]) -> None:
        self._setting.reporter.find.remote(self._setting.number, list(events))


class _Listener(logging.Handler):
    """Keeps what is logged in a task: nobody reads it here."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


@contextlib.contextmanager
def _begin(setting: TaskSetting) -> Iterator[tuple[Path, Account]]:
    """Say where the task runs, take no more than its cores, and have the film."""
    import ray

    logger, listener = logging.getLogger("subremover"), _Listener()
    logger.propagate = False
    setting.reporter.begin.remote(setting.number, ray.get_runtime_context().get_node_id())
    limit_cores(setting.cores)
    get: Callable[[Any], bytes] = ray.get
    logger.addHandler(listener)
    try:
        with setting.source.open(get) as path, measure() as profile:
            yield path, Account(profile, listener.said)
    finally:
        logger.removeHandler(listener)


_jobs: dict[str, Any] = {}
"""The `RenderJob` that this process has had last, by its reference."""
_painters: dict[Any, Any] = {}
"""Likewise, by what it is made of; what was begun on a device is kept from task to task."""


def _find_job(reference: Any) -> Any:
    import ray

    name = reference.hex()
    if name not in _jobs:
        _jobs.clear()
        _jobs[name] = ray.get(reference)
    return _jobs[name]


def _find_painter(options: Options, fit_bytes: int | None) -> Any:
    from subremover.fill.paint.pool import Pool

    kind = options.paint, options.pool, fit_bytes
    if kind not in _painters:
        for other in _painters.values():
            other.__exit__(None, None, None)
        _painters.clear()
        _painters[kind] = Pool(options.paint, options.pool, max_bytes=fit_bytes).__enter__()
    return _painters[kind]

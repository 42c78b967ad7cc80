"""Workers that fit decoders: a thread of this process, processes on the CPU, or on each CUDA device.

All of them stand behind the executors of `concurrent.futures`. torch is loaded by the workers, not here.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import wait as wait_for_sentinels
from types import TracebackType
from typing import Protocol, Self

from subremover.errors import WorkerError
from subremover.fill.paint.devices import resolve_device
from subremover.fill.paint.jobs import Fill, FitJob
from subremover.options import PaintOptions, PoolOptions
from subremover.runtime.allocator import keep_freed_memory
from subremover.runtime.cpu import count_cores
from subremover.runtime.profile import Profile, current, device_work, measure, stage
from subremover.untrained.device_memory import CPU_BATCH_PX, count_row_bytes

CUDA_LISTS = 4
"""Number of lists that a CUDA worker is given at once, so that their anchors, a few of each, share batches.
See docs/measurements.md, "fill/paint/pool: lists on CUDA"."""
_Done = tuple[list[list[Fill]], Profile]
"""What a worker sends back: the fills of some lists, and where its time went."""


class StopEvent(Protocol):
    """The part of threading's and multiprocessing's Event that is needed here."""

    def is_set(self) -> bool:
        """Whether fits under way are to stop."""
        ...

    def set(self) -> None:
        """Have fits under way stop within a step."""
        ...

    def clear(self) -> None:
        """Let fits run again."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """What a worker needs to know besides the jobs; see `PaintOptions`, `PoolOptions` and `Pool`."""

    options: PaintOptions
    device: str
    batch_size: int | None
    max_bytes: int | None
    stop: StopEvent


class Pool:
    """Workers that fit decoders; a context manager, at whose end no worker is left.

    Results depend neither on the number of workers or devices nor on which of them does what: every
    list of jobs is fitted on its own.
    """

    def __init__(self, paint: PaintOptions, pool: PoolOptions, *, max_bytes: int | None = None) -> None:
        """Find the devices; workers start when the context is entered.

        Args:
            paint: How holes are painted.
            pool: On which devices, by how many workers.
            max_bytes: Most memory, in bytes, for what a worker fits at once on the CPU; None: as much as its
                cores can use.

        Raises:
            DeviceError: The device asked for is absent.
        """
        self.devices = resolve_device(pool.device)
        self._paint, self._options, self._max_bytes = paint, pool, max_bytes
        self._executors: list[tuple[Executor, _Task]] = []
        self._loads: list[int] = []
        self._stop: StopEvent = threading.Event()

    def __enter__(self) -> Self:
        """Start the workers.

        Raises:
            WorkerError: There is no shared memory for processes.
        """
        devices = [*self.devices] * self._options.workers
        if count_processes(self.devices, self._options.workers):
            self._executors = self._open_processes(devices)
        else:
            self._stop = threading.Event()
            executor = ThreadPoolExecutor(1, thread_name_prefix="fit", initializer=keep_freed_memory)
            self._executors = [(executor, self._make_task(devices[0]))]
        self._loads = [0] * len(self._executors)
        return self

    def _open_processes(self, devices: list[str]) -> list[tuple[Executor, _Task]]:
        context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
        threads = max(1, count_cores() // len(devices))
        try:
            self._stop = context.Event()
            tasks = [self._make_task(device) for device in devices]
            return [(ProcessPoolExecutor(1, context, _start_worker, (task, threads)), task) for task in tasks]
        except OSError as error:  # their locks lie in shared memory
            raise WorkerError(
                f"workers cannot be started: no shared memory ({error.strerror}); mount /dev/shm "
                "(docker: --tmpfs /dev/shm), or use --device cpu --workers 1"
            ) from error

    def _make_task(self, device: str) -> _Task:
        return _Task(self._paint, device, self._options.batch_size, self._max_bytes, self._stop)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for executor, _ in self._executors:
            executor.shutdown(wait=True, cancel_futures=True)
        self._executors = []

    def fit(self, batches: Iterable[list[FitJob]]) -> Iterator[list[Fill]]:
        """Paint the holes of all jobs, list by list and in order.

        Each list has its own anchors; a worker is given one list at a time, or `CUDA_LISTS` on CUDA. Only a
        few are in hand at once. A caller who stops early closes the iterator (or leaves the context): fits
        under way end within a step.

        Args:
            batches: Lists of jobs; read in the caller's thread as results are taken.

        Yields:
            For each list its fills, in the list's order.

        Raises:
            DeviceError: A device's memory does not suffice for a single crop.
            WorkerError: A worker process died.
        """
        if not self._executors:
            raise RuntimeError("the pool is not open; use it in a with statement")
        return self._fit(iter(batches))

    def _fit(self, batches: Iterator[list[FitJob]]) -> Generator[list[Fill], None, None]:
        pending: deque[tuple[Future[_Done], int]] = deque()
        most = len(self._executors) + 1
        at_once = CUDA_LISTS if self.devices[0].startswith("cuda") else 1
        try:
            while lists := list(islice(batches, at_once)):
                pending.append(self._submit(lists))
                if len(pending) >= most:
                    yield from self._collect(*pending.popleft())
            while pending:
                yield from self._collect(*pending.popleft())
        finally:
            if pending:
                self._abandon([future for future, _ in pending])

    def _submit(self, lists: list[list[FitJob]]) -> tuple[Future[_Done], int]:
        """Give lists to the worker with the least to do; what it will answer, and its number."""
        slot = self._loads.index(min(self._loads))
        self._loads[slot] += 1
        executor, task = self._executors[slot]
        try:
            if isinstance(executor, ProcessPoolExecutor):
                with _interrupts_held():  # the first lists start the worker
                    return executor.submit(_fit_in_worker, lists), slot
            return executor.submit(_run, task, lists), slot
        except BrokenExecutor as error:
            raise self._dead_worker(slot) from error

    def _collect(self, future: Future[_Done], slot: int) -> list[list[Fill]]:
        """Wait for the fills of some lists."""
        try:
            fills, part = future.result()
        except BrokenExecutor as error:
            raise self._dead_worker(slot) from error
        finally:
            self._loads[slot] -= 1
        if profile := current():
            profile.merge(part)
        return fills

    def _abandon(self, futures: list[Future[_Done]]) -> None:
        """Drop what nobody waits for any longer, and be ready for the next call."""
        self._stop.set()
        for future in futures:
            future.cancel()
        wait(futures)
        self._loads = [0] * len(self._executors)
        self._stop.clear()

    def _dead_worker(self, slot: int) -> WorkerError:
        return WorkerError(
            f"a fitting worker on {self._executors[slot][1].device} died, most likely for want of memory; "
            "try --workers 1, a smaller --batch-size or --preset fast"
        )


def count_processes(devices: Sequence[str], workers: int) -> int:
    """Number of processes that a pool starts: none where a thread of this one does all the work.

    Args:
        devices: Names of torch devices, of one kind.
        workers: For each device.
    """
    places = len(devices) * workers
    return places if devices[0].startswith("cuda") or places > 1 else 0


def count_lists_in_hand(devices: Sequence[str], workers: int) -> int:
    """Number of lists of jobs that a pool has in hand at once.

    Args:
        devices: Names of torch devices, of one kind.
        workers: For each device.
    """
    lists = CUDA_LISTS if devices[0].startswith("cuda") else 1
    return (len(devices) * workers + 1) * lists


def count_fit_bytes(
    options: PaintOptions, devices: Sequence[str], workers: int, crop_px: int, share: float
) -> int:
    """Memory that fits take on the CPU, in bytes; 0 where they run on CUDA.

    By default they take one batch a core; at the least one decoder in each worker.

    Args:
        options: How wide the decoders are.
        devices: Names of torch devices, of one kind.
        workers: For each device.
        crop_px: Pixels of the largest crop; 0: none is fitted.
        share: Factor in (0, 1] of what is taken by default.
    """
    if devices[0].startswith("cuda") or not crop_px:
        return 0
    channels = options.fit.channels
    one, batch = (count_row_bytes(channels, 1, pixels) for pixels in (crop_px, max(crop_px, CPU_BATCH_PX)))
    return max(one * workers, int(share * batch * max(count_cores(), workers)))


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back for a moment; a process started meanwhile is never interrupted by it.

    Ctrl-C reaches all processes of the terminal; only the parent is to decide what becomes of it. A worker
    can ignore it by itself only once it runs, and would print a traceback if it came earlier.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _run(task: _Task, lists: list[list[FitJob]]) -> _Done:
    """Fit some lists, in the worker; their fills and where the time went."""
    with measure() as profile:
        with stage("start"):
            from subremover.fill.paint.schedule import fit_jobs
        frames = sum(len({job.frame for job in jobs}) for jobs in lists)
        # the device idles between its batches, too: how busy it was is at most this
        with stage("render: fit", frames), device_work(task.device):
            limits = task.batch_size, task.stop.is_set
            fills = fit_jobs(lists, task.options, task.device, *limits, max_bytes=task.max_bytes)
    return fills, profile


_task: _Task | None = None
"""Of this worker process; set once, when it starts."""


def _start_worker(task: _Task, threads: int) -> None:
    """Prepare a worker process, which fits with so many threads."""
    global _task  # noqa: PLW0603
    _task = task
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # see _interrupts_held, which not every system has
    threading.Thread(target=_die_with_parent, daemon=True).start()
    import torch

    torch.set_num_threads(threads)
    if task.device.startswith("cuda"):
        torch.cuda.set_device(task.device)
    keep_freed_memory()


def _fit_in_worker(lists: list[list[FitJob]]) -> _Done:
    assert _task is not None  # the initializer ran
    return _run(_task, lists)


def _die_with_parent() -> None:
    """End this worker when its parent ends: a killed one closes nothing, and workers would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_sentinels([parent.sentinel])
        os._exit(1)

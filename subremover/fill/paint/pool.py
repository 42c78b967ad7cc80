"""Where decoders are fitted: in this process, in processes of the CPU, or in one for each CUDA device.

All places stand behind the executors of `concurrent.futures`. torch is loaded by the workers, not here.
"""

from __future__ import annotations

import ctypes
import importlib
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import wait as wait_for_sentinels
from types import TracebackType
from typing import Protocol, Self

from subremover.errors import DeviceError, WorkerError
from subremover.fill.paint.jobs import Fill, FitJob
from subremover.options import FitOptions, PoolOptions
from subremover.runtime.cpu import count_cores
from subremover.runtime.profile import Profile, current, device_work, measure, stage

CUDA_LISTS = 4
"""Lists that a CUDA device is given at once, so that their anchors, a few of each list, share batches. Chosen
by count, not by measurement: no GPU was at hand."""
_Done = tuple[list[list[Fill]], Profile]
"""What a worker sends back: the fills of some lists, and where its time went."""


class StopEvent(Protocol):
    """The part of threading's and multiprocessing's Event that is needed here."""

    def is_set(self) -> bool: ...
    def set(self) -> None: ...
    def clear(self) -> None: ...


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """What a worker needs to know besides the jobs."""

    options: FitOptions
    device: str
    batch_size: int | None
    max_bytes: int | None
    stop: StopEvent


class Pool:
    """Workers that fit decoders; a context manager, at whose end no worker is left.

    Results depend neither on the number of workers or devices nor on which of them does what: every
    list of jobs is fitted on its own.
    """

    def __init__(self, fit: FitOptions, pool: PoolOptions) -> None:
        """Find the devices; workers start with the context.

        Raises:
            DeviceError: The device asked for is absent.
        """
        self.devices = resolve_device(pool.device)
        self._fit_options = fit
        self._options = pool
        self._executors: list[tuple[Executor, _Task]] = []
        self._loads: list[int] = []
        self._stop: StopEvent = threading.Event()

    def __enter__(self) -> Self:
        is_in_process = self.devices[0] in ("cpu", "mps") and self._options.workers == 1
        context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
        self._stop = threading.Event() if is_in_process else context.Event()
        for device in self.devices * self._options.workers:
            limits = self._options.batch_size, self._options.max_bytes
            task = _Task(self._fit_options, device, *limits, self._stop)
            executor: Executor
            if is_in_process:
                executor = ThreadPoolExecutor(1, thread_name_prefix="fit", initializer=_keep_freed_memory)
            else:
                threads = max(1, count_cores() // (len(self.devices) * self._options.workers))
                executor = ProcessPoolExecutor(1, context, _start_worker, (task, threads))
            self._executors.append((executor, task))
        self._loads = [0] * len(self._executors)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for executor, _ in self._executors:
            executor.shutdown(wait=True, cancel_futures=True)
        self._executors = []

    def fit(self, batches: Iterable[list[FitJob]]) -> Iterator[list[Fill]]:
        """Paint the holes of all jobs, list by list and in order.

        A list has its own anchors; a worker is given one at a time, or `CUDA_LISTS` on CUDA. A few are in
        flight, no more; the iterable is read in the caller's thread. A caller who stops early closes the
        iterator (or leaves the context): fits under way end within a step.

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
        """Drop what nobody waits for any longer, and be ready for the next."""
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


def prepare_device(name: str) -> None:
    """Fail now where a device that was asked for is absent; where none can be, only begin to load torch.

    Loading takes it two seconds, which a scan has to spare on a second core.

    Raises:
        DeviceError: There is none such.
    """
    if name in ("auto", "cpu"):
        threading.Thread(target=importlib.import_module, args=("torch",), name="load torch").start()
    else:
        resolve_device(name)


def resolve_device(name: str) -> list[str]:
    """The torch devices that an option's value stands for.

    Args:
        name: `auto` (every CUDA device, else the CPU), `cpu`, `cuda` (every one), `cuda:N` or `mps`.

    Raises:
        DeviceError: There is none such.
    """
    if name == "cpu":
        return ["cpu"]
    import torch

    if name == "mps":
        if not torch.backends.mps.is_available():
            raise DeviceError("MPS asked for, but torch sees no such device; use --device cpu")
        return ["mps"]
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return [f"cuda:{index}" for index in range(count)] or ["cpu"]
    if count == 0:
        raise DeviceError(
            f"CUDA asked for ({name}), but torch {torch.__version__} sees no CUDA device; "
            "check the driver with nvidia-smi, install a CUDA build of torch, or use --device cpu"
        )
    if name == "cuda":
        return [f"cuda:{index}" for index in range(count)]
    if int(name.removeprefix("cuda:")) >= count:
        raise DeviceError(
            f"{name} asked for, but torch sees {count} CUDA device(s), cuda:0 to cuda:{count - 1}; "
            "use one of these or --device cpu"
        )
    return [name]


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back for a moment; a process started meanwhile is never interrupted by it.

    Ctrl-C reaches all processes of the terminal; only the parent is to decide what becomes of it. A
    worker could ignore it by itself only once it runs, with a traceback for whoever is too quick.
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
    with measure() as profile:
        with stage("start"):
            from subremover.fill.paint.schedule import fit_jobs
        frames = sum(len({job.frame for job in jobs}) for jobs in lists)
        # the device idles between its batches, too: how busy it was is at most this
        with stage("render: fit", frames), device_work(task.device):
            limits = task.batch_size, task.stop.is_set
            fills = fit_jobs(lists, task.options, task.device, *limits, max_bytes=task.max_bytes)
    return fills, profile


_task: _Task | None = None  # of this worker process; set once, when it starts


def _start_worker(task: _Task, threads: int) -> None:
    global _task  # noqa: PLW0603
    _task = task
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # see _interrupts_held, which not every system has
    threading.Thread(target=_die_with_parent, daemon=True).start()
    import torch

    torch.set_num_threads(threads)
    if task.device.startswith("cuda"):
        torch.cuda.set_device(task.device)
    _keep_freed_memory()


def _fit_in_worker(lists: list[list[FitJob]]) -> _Done:
    assert _task is not None  # the initializer ran
    return _run(_task, lists)


def _die_with_parent() -> None:
    """A parent that was killed closes nothing: without this, its workers would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_sentinels([parent.sentinel])
        os._exit(1)


def release_freed_memory() -> None:
    """Give back to the kernel what this process has freed.

    What was kept lies in pieces, and grew by 3 KiB a frame over an hour of film. No other libc than glibc is
    touched.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def _keep_freed_memory() -> None:
    """Let glibc reuse freed tensors instead of giving them back to the kernel.

    Every step frees and asks again for the same blocks, whose pages the kernel has to clear each time:
    keeping them made a step on the CPU 1.3 to 1.8 times as fast. No other libc is touched.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        trim_threshold, mmap_threshold = -1, -3
        libc.mallopt(mmap_threshold, 1 << 30)
        libc.mallopt(trim_threshold, 1 << 29)

"""The pool: one fitter for each device, and the threads that prepare and finish its fills.

All work is done in this process: a second process on a GPU would not run beside the first but in turns with
it, and would have to be sent every crop. torch is loaded in the threads, not here.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from contextvars import copy_context
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from subremover.fill.paint.devices import resolve_device
from subremover.fill.paint.jobs import Fill, FitJob
from subremover.options import PaintOptions, PoolOptions
from subremover.runtime.allocator import keep_freed_memory
from subremover.runtime.cpu import count_cores
from subremover.runtime.profile import current, note, stage
from subremover.untrained.device_memory import CPU_BATCH_PX, count_row_bytes

if TYPE_CHECKING:
    from subremover.fill.paint.rows import Fitter

CPU_LISTS, DEVICE_LISTS = 2, 6
"""Number of lists in hand on the CPU, and on each GPU, where anchors of one list are fitted along with other
frames of another. See docs/measurements.md, "fill/paint/pool: lists in hand"."""
MOST_LISTS = 64
"""Most lists in hand, on all GPUs together."""


class Pool(AbstractContextManager["Pool"]):
    """Fits decoders on some devices; a context manager, at whose end no thread is left.

    The context may be entered again inside: what was begun on a device is kept until the outermost ends. On
    the CPU results depend on nothing but the jobs of a list. On a GPU they are rounded by the batches that
    come about, which follow free memory and time.
    """

    def __init__(self, paint: PaintOptions, pool: PoolOptions, *, max_bytes: int | None = None) -> None:
        """Note what is wanted; threads start when there is something to fit.

        Args:
            paint: How holes are painted.
            pool: On which devices.
            max_bytes: Most memory, in bytes, for what is fitted at once on the CPU; None: as much as its
                cores can use.
        """
        self._paint, self._options, self._max_bytes = paint, pool, max_bytes
        self._depth, self._is_closing = 0, False
        self._fitters: dict[str, Fitter] = {}
        self._lock = threading.Lock()
        self._at_work, self._since = 0, 0.0  # lists, and since when there is one

    @cached_property
    def devices(self) -> list[str]:
        """Names of torch devices; for others than the CPU, finding them loads torch.

        Raises:
            DeviceError: The device asked for is absent.
        """
        return resolve_device(self._options.device)

    def __enter__(self) -> Self:
        if self._depth == 0:
            self._is_closing = False
            self._lists = ThreadPoolExecutor(MOST_LISTS, "fill a list")
            self._helpers = ThreadPoolExecutor(count_cores(), "fill")
        self._depth += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._depth -= 1
        if self._depth:
            return
        self._lists.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._is_closing = True
            fitters = list(self._fitters.values())
            self._fitters.clear()
        for fitter in fitters:
            fitter.stop()
        self._lists.shutdown()
        self._helpers.shutdown()
        for fitter in fitters:
            fitter.close()

    def fit(self, batches: Iterable[list[FitJob]]) -> Iterator[list[Fill]]:
        """Paint the holes of all jobs, list by list and in order.

        Each list has its own anchors. Only a few are in hand at once. A caller who stops early closes the
        iterator (or leaves the context): fits under way end within a few steps.

        Args:
            batches: Lists of jobs; read in the caller's thread as results are taken.

        Yields:
            For each list its fills, in the list's order.

        Raises:
            DeviceError: A device's memory does not suffice for a single crop.
            WorkerError: A device failed.
        """
        if not self._depth:
            raise RuntimeError("the pool is not open; use it in a with statement")
        return self._fit(iter(batches))

    def _fit(self, batches: Iterator[list[FitJob]]) -> Generator[list[Fill], None, None]:
        pending: deque[tuple[Future[list[Fill]], str]] = deque()
        most = count_lists_in_hand(self.devices)
        try:
            for jobs in batches:
                loads = Counter(device for future, device in pending if not future.done())
                device = min(self.devices, key=lambda name: loads[name])
                run = copy_context().run  # what the thread does counts for the caller's run (see profile.py)
                pending.append((self._lists.submit(run, self._fill_list, jobs, device), device))
                while pending and (len(pending) >= most or pending[0][0].done()):
                    yield pending.popleft()[0].result()
            while pending:
                yield pending.popleft()[0].result()
        finally:
            self._abandon([future for future, _ in pending])
            if profile := current():
                for device, fitter in self._fitters.items():
                    profile.add_device(device, fitter.take_busy_seconds())

    def _abandon(self, futures: list[Future[list[Fill]]]) -> None:
        """Drop what nobody waits for any longer, and be ready for the next call."""
        for future in futures:
            future.cancel()
        if all(future.done() for future in futures):
            return
        with self._lock:
            self._is_closing = True  # so that lists which have yet to find their fitter end, too
            fitters = list(self._fitters.values())
        for fitter in fitters:
            fitter.stop()
        wait(futures)
        for fitter in fitters:
            fitter.resume()
        self._is_closing = False

    def _fill_list(self, jobs: list[FitJob], device: str) -> list[Fill]:
        """Fill a list, in a thread of its own, which mostly waits."""
        with stage("start"):
            from subremover.fill.paint.schedule import fill_jobs

            fitter = self._find_fitter(device)
            note("fit", fitter.describe())
        with self._count(len({job.frame for job in jobs})):
            return fill_jobs(jobs, self._paint, fitter, self._helpers)

    @contextmanager
    def _count(self, frames: int) -> Iterator[None]:
        """Count the time in which at least one list is at work as that of the fit."""
        with self._lock:
            if not self._at_work:
                self._since = time.perf_counter()
            self._at_work += 1
        try:
            yield
        finally:
            with self._lock:
                self._at_work -= 1
                seconds = 0.0 if self._at_work else time.perf_counter() - self._since
            if profile := current():
                profile.add("render: fit", seconds, frames)

    def _find_fitter(self, device: str) -> Fitter:
        """The device's fitter; it is made when it is first asked for."""
        with self._lock:
            if self._is_closing:
                raise CancelledError
            if device not in self._fitters:
                self._fitters[device] = self._make_fitter(device)
            return self._fitters[device]

    def _make_fitter(self, device: str) -> Fitter:
        fit, batch_size = self._paint.fit, self._options.batch_size
        if device == "cpu":
            from subremover.fill.paint.cpu_fitter import CpuFitter

            keep_freed_memory()
            return CpuFitter(fit, batch_size, max_bytes=self._max_bytes)
        from subremover.fill.paint.device_fitter import DeviceFitter

        return DeviceFitter(fit, device, batch_size)


def count_lists_in_hand(devices: Sequence[str]) -> int:
    """Number of lists of jobs that a pool has in hand at once.

    Args:
        devices: Names of torch devices, of one kind.
    """
    return CPU_LISTS if devices[0] == "cpu" else min(DEVICE_LISTS * len(devices), MOST_LISTS)


def count_fit_bytes(
    options: PaintOptions, devices: Sequence[str], crop_px: int, share: float, *, cores: int | None = None
) -> int:
    """Memory that fits take on the CPU, in bytes; 0 where they run on CUDA.

    By default they take one batch a core; at the least one decoder.

    Args:
        options: How wide the decoders are.
        devices: Names of torch devices, of one kind.
        crop_px: Pixels of the largest crop; 0: none is fitted.
        share: Factor in (0, 1] of what is taken by default.
        cores: That may be used; None: all that this process may.
    """
    if devices[0].startswith("cuda") or not crop_px:
        return 0
    channels = options.fit.channels
    one, batch = (count_row_bytes(channels, 1, pixels) for pixels in (crop_px, max(crop_px, CPU_BATCH_PX)))
    return max(one, int(share * batch * (cores or count_cores())))

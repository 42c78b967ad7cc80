"""Fits decoders on the CPU: small batches side by side, each in one thread.

Single operations are too short for two threads to share.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import torch

from subremover.fill.paint.rows import FitStoppedError, Fitted, Row, begin, explain_out_of_memory
from subremover.options import FitOptions
from subremover.runtime.device_errors import is_out_of_memory
from subremover.untrained.device_memory import choose_batch_size, count_row_bytes

log = logging.getLogger(__name__)

_CPU = torch.device("cpu")
_Asked = list[tuple[Row, Future[Fitted]]]


class CpuFitter:
    """A `Fitter` with as many threads as torch has. What becomes of a row depends on nothing beside it."""

    def __init__(
        self, options: FitOptions, batch_size: int | None = None, *, max_bytes: int | None = None
    ) -> None:
        """Prepare.

        Args:
            options: How to fit.
            batch_size: Most rows in one batch; None: as many as fit into caches.
            max_bytes: Most memory for all batches at once; None: no bound.
        """
        self._options, self._batch_size = options, batch_size
        self._room = _Room(sys.maxsize if max_bytes is None else max_bytes)
        self._most_rows = sys.maxsize  # that memory has shown to suffice for
        self._stopped = threading.Event()
        self._count = torch.get_num_threads()
        self._threads = ThreadPoolExecutor(self._count, "fit", initializer=_use_one_thread)

    def fit(self, rows: Sequence[Row]) -> list[Future[Fitted]]:
        """Begin to fit rows; see `Fitter.fit`."""
        asked: _Asked = [(row, Future()) for row in rows]
        kinds: dict[tuple[object, ...], _Asked] = defaultdict(list)
        for row, future in asked:  # a batch is done when its last row is: let all be equal
            kinds[row.levels, row.canvas, row.start is not None, row.steps].append((row, future))
        for kind in kinds.values():
            # two batches of a kind at least, and the same ones whatever the number of threads
            size = min(self._choose_size(kind), self._batch_size or -(-len(kind) // 2))
            for first in range(0, len(kind), size):
                self._threads.submit(self._fit_batch, kind[first : first + size], self._stopped)
        return [future for _, future in asked]

    def stop(self) -> None:
        """End all fits; see `Fitter.stop`."""
        self._stopped.set()

    def resume(self) -> None:
        """Fit what is asked for from now on; see `Fitter.resume`."""
        self._stopped = threading.Event()

    def describe(self) -> str:
        """The device and what works there; see `Fitter.describe`."""
        return f"CPU, {self._count} thread{'s' * (self._count != 1)}"

    def take_busy_seconds(self) -> float:
        """0: how busy a CPU was is measured by the run."""
        return 0.0

    def close(self) -> None:
        """Stop, and end all threads."""
        self.stop()
        self._threads.shutdown()

    def _choose_size(self, asked: _Asked) -> int:
        """Most rows of this kind in one batch."""
        height, width = asked[0][0].canvas
        row_bytes = self._count_bytes(asked[:1])
        size = self._batch_size or choose_batch_size(_CPU, row_bytes, height * width)
        return max(1, min(size, self._room.size // row_bytes, self._most_rows))

    def _count_bytes(self, asked: _Asked) -> int:
        return len(asked) * count_row_bytes(self._options.channels, *asked[0][0].canvas)

    def _fit_batch(self, asked: _Asked, stopped: threading.Event) -> None:
        """Fit rows of one kind, in fewer batches of less rows where memory does not suffice."""
        try:
            with self._room.take(self._count_bytes(asked)):
                self._fit_at_once([row for row, _ in asked], [future for _, future in asked], stopped)
        except BaseException as error:
            if not is_out_of_memory(error) or len(asked) == 1:
                if is_out_of_memory(error):
                    error = explain_out_of_memory(_CPU, asked[0][0], self._options, error)
                for _, future in asked:
                    if not future.done():
                        future.set_exception(error)
                return
            self._most_rows = half = len(asked) // 2
            log.warning("the CPU ran out of memory; now %d crops a batch", half)
        else:
            return
        for first in range(0, len(asked), half):  # not amid the handling of the error: it holds the memory
            self._fit_batch(asked[first : first + half], stopped)

    def _fit_at_once(
        self, rows: Sequence[Row], futures: Sequence[Future[Fitted]], stopped: threading.Event
    ) -> None:
        if stopped.is_set():
            raise FitStoppedError
        adam = begin(rows, self._options, _CPU, rows[0].canvas, places=range(len(rows)), size=len(rows))
        for _ in range(rows[0].steps):
            if stopped.is_set():
                raise FitStoppedError
            adam.step()
        painted, weights = adam.take(range(len(rows)))
        for place, (row, future) in enumerate(zip(rows, futures, strict=True)):
            future.set_result(Fitted.of(row, painted[place].numpy(), weights, place))


class _Room:
    """Memory that several threads share; who asks for more than is free waits, but for one alone."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._taken = 0
        self._change = threading.Condition()

    @contextmanager
    def take(self, count: int) -> Iterator[None]:
        """Hold so many bytes inside the `with` body."""
        with self._change:
            self._change.wait_for(lambda: not self._taken or self._taken + count <= self.size)
            self._taken += count
        try:
            yield
        finally:
            with self._change:
                self._taken -= count
                self._change.notify_all()


def _use_one_thread() -> None:
    torch.set_num_threads(1)

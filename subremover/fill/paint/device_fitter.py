"""Fits decoders on a GPU: one thread keeps it busy with batches whose places are filled as they fall free.

The thread never waits for what it queued last, so that the device finds its next steps queued when it is
done. Whatever else a fill takes, such as its crops and seams, is done by other threads. Not yet run on a GPU;
examples/benchmarks/simulate_gpu.py measures how fast it can feed one.
"""

from __future__ import annotations

import logging
import math
import queue
import sys
import threading
from collections import OrderedDict, defaultdict, deque
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any

import torch

from subremover.fill.paint.rows import FitStoppedError, Fitted, Row, begin, explain_out_of_memory
from subremover.options import FitOptions
from subremover.runtime.cuda_streams import find_stream
from subremover.runtime.device_errors import explain_failure, is_out_of_memory
from subremover.runtime.transfer import AsyncCopy, Mark
from subremover.untrained.batched_adam import BatchedAdam
from subremover.untrained.cuda_graph import empty_cache
from subremover.untrained.deep_decoder import DecoderWeights
from subremover.untrained.device_memory import (
    choose_batch_size,
    count_free_bytes,
    count_most_rows,
    count_row_bytes,
)
from subremover.untrained.kernels import describe

log = logging.getLogger(__name__)

SIZES = (4, 16, 64, 256, 1024)
"""Numbers of places of a batch: each is recorded as a graph of its own, and a free place costs as much as one
at work."""
CANVAS_STEPS_PX = 64, 128
"""Height and width of canvases are multiples of these, or of a cell where that is more."""
BLOCK_STEPS = 16
"""Most steps that are queued at once: a stop is noticed between two blocks."""
BLOCKS_AHEAD = 2
"""Number of blocks that the device is given ahead."""

_Kind = tuple[int, tuple[int, int]]
"""What rows of a batch have in common: depth, and height and width of the canvas in px."""


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """A row that somebody waits for."""

    row: Row
    kind: _Kind
    future: Future[Fitted]
    stopped: threading.Event


@dataclass(frozen=True, slots=True, eq=False)
class _Arrival:
    """Rows that are done, on their way to the host."""

    asked: list[_Asked]
    pictures: AsyncCopy
    weights: DecoderWeights

    def deliver(self) -> None:
        """Wait until they are there, and hand them over."""
        painted = self.pictures.read()
        for place, own in enumerate(self.asked):
            own.future.set_result(Fitted.of(own.row, painted[place], self.weights, place))


class DeviceFitter:
    """A `Fitter` on a GPU. Batches, and the graphs that were recorded of them, are kept for later rows.

    Which rows share a batch follows from when they come, and how a device rounds follows from the batch. So,
    other than on the CPU, the same row does not come out bit for bit the same every time.
    """

    def __init__(self, options: FitOptions, device: str, batch_size: int | None = None) -> None:
        """Start the thread.

        Args:
            options: How to fit.
            device: Name of a torch device.
            batch_size: Most rows in one batch; None: from the device's free memory.
        """
        self._options, self._device, self._batch_size = options, torch.device(device), batch_size
        self._inbox: queue.SimpleQueue[list[_Asked] | None] = queue.SimpleQueue()
        self._waiting: dict[_Kind, deque[_Asked]] = defaultdict(deque)
        self._batches: OrderedDict[tuple[_Kind, int], _Batch] = OrderedDict()  # the latest used last
        self._arrivals: deque[_Arrival] = deque()
        self._blocks: deque[tuple[Mark, Mark]] = deque()
        self._most_rows = sys.maxsize  # that memory has shown to suffice for
        self._most_bytes: int | None = None
        self._stopped = threading.Event()
        self._failure: BaseException | None = None
        self._draining = threading.Lock()
        self._busy_seconds = 0.0
        self._thread = threading.Thread(target=self._work, name=f"fit on {device}", daemon=True)
        self._thread.start()

    def fit(self, rows: Sequence[Row]) -> list[Future[Fitted]]:
        """Begin to fit rows; see `Fitter.fit`."""
        kinds = [(row.levels, choose_canvas(row, self._device)) for row in rows]
        asked = [_Asked(row, kind, Future(), self._stopped) for row, kind in zip(rows, kinds, strict=True)]
        self._inbox.put(asked)
        if self._failure is not None:  # perhaps nobody reads it any longer
            self._drain()
        return [own.future for own in asked]

    def stop(self) -> None:
        """End all fits; see `Fitter.stop`."""
        self._stopped.set()

    def resume(self) -> None:
        """Fit what is asked for from now on; see `Fitter.resume`."""
        self._stopped = threading.Event()

    def close(self) -> None:
        """Stop, end the thread, and leave the device's memory to others."""
        self.stop()
        self._inbox.put(None)
        self._thread.join()

    def describe(self) -> str:
        """The device and what works there; see `Fitter.describe`."""
        return describe(self._device) + ", CUDA graphs" * (self._device.type == "cuda")

    def take_busy_seconds(self) -> float:
        """How long the device was busy with steps since this was asked last."""
        seconds, self._busy_seconds = self._busy_seconds, 0.0
        return seconds

    def _work(self) -> None:
        """What the thread does until it is closed."""
        try:
            with self._stream():
                while self._receive():
                    self._drop_stopped()
                    try:
                        self._advance()
                    except (RuntimeError, MemoryError) as error:
                        if not is_out_of_memory(error):
                            raise
                        failed = error.with_traceback(None)  # frames hold what fills the memory
                    else:
                        continue
                    self._start_over(failed)
                    del failed
        except BaseException as error:
            self._failure = explain_failure(error, str(self._device), "fitting")
        finally:
            self._drain()
            with suppress(RuntimeError):  # of a device that has failed
                self._forget()

    def _stream(self) -> Any:
        """A stream of this thread's own: other threads' work on the device goes on beside it."""
        if self._device.type != "cuda":
            return nullcontext()
        torch.cuda.set_device(self._device)
        return torch.cuda.stream(find_stream(self._device, "fit"))

    def _receive(self) -> bool:
        """Take what was asked for, waiting only where there is nothing to do; False: the fitter is closed."""
        is_idle = not (self._arrivals or any(self._waiting.values()) or self._at_work())
        while True:
            try:
                asked = self._inbox.get(block=is_idle)
            except queue.Empty:
                return True
            if asked is None:
                return False
            for own in asked:
                self._waiting[own.kind].append(own)
            is_idle = False

    def _drop_stopped(self) -> None:
        for waiting in self._waiting.values():
            stopped = [own for own in waiting if own.stopped.is_set()]
            for own in stopped:
                waiting.remove(own)
                own.future.set_exception(FitStoppedError())
        for batch in self._at_work():
            for own in batch.drop_stopped():
                own.future.set_exception(FitStoppedError())

    def _advance(self) -> None:
        """Give rows to free places, the device a block of steps of each batch, and callers what is done."""
        for kind, waiting in self._waiting.items():
            if waiting:
                self._place(kind, waiting)
        for batch in self._at_work():
            while len(self._blocks) >= BLOCKS_AHEAD:
                self._finish_block()
            first = Mark(self._device)
            if arrival := batch.advance():
                self._arrivals.append(arrival)
            self._blocks.append((first, Mark(self._device)))
        is_last = not self._at_work()
        while self._arrivals and (is_last or self._arrivals[0].pictures.is_done()):
            self._arrivals[0].deliver()
            self._arrivals.popleft()
        while is_last and self._blocks:
            self._finish_block()

    def _at_work(self) -> list[_Batch]:
        return [batch for batch in self._batches.values() if batch.at_work]

    def _finish_block(self) -> None:
        first, last = self._blocks.popleft()
        last.wait()
        self._busy_seconds += last.seconds_since(first)

    def _place(self, kind: _Kind, waiting: deque[_Asked]) -> None:
        """Give rows of a kind to the free places of batches at work, then to one more batch."""
        self._fill_places(kind, waiting)
        if not waiting:
            return
        size = self._choose_size(kind, len(waiting))
        batch = self._batches.get((kind, size))
        if batch is None:
            if not self._make_room(kind, size):
                return  # until another batch is done
            batch = self._batches[kind, size] = _Batch(self._options, self._device, kind[1], size)
        self._batches.move_to_end((kind, size))
        batch.put(waiting)

    def _fill_places(self, kind: _Kind, waiting: deque[_Asked]) -> None:
        for (other, _), batch in self._batches.items():
            if other == kind and batch.at_work:
                batch.put(waiting)

    def _choose_size(self, kind: _Kind, wanted: int) -> int:
        """The smallest batch that holds so many rows, or the largest that there is memory for."""
        row_bytes = self._count_bytes(kind, 1)
        if self._most_bytes is None:
            self._most_bytes = count_free_bytes(self._device) if self._device.type == "cuda" else sys.maxsize
        most = self._batch_size
        if most is None:
            most = choose_batch_size(self._device, row_bytes, math.prod(kind[1]), self._most_bytes)
        most = min(most, count_most_rows(row_bytes), self._most_rows)
        return min(next((size for size in SIZES if size >= wanted), SIZES[-1]), most)

    def _make_room(self, kind: _Kind, size: int) -> bool:
        """Whether a new batch fits into the memory, perhaps without those that idle; these are forgotten."""
        assert self._most_bytes is not None
        needed, has_dropped = self._count_bytes(kind, size), False
        held = {key: self._count_bytes(*key) for key in self._batches}
        for key in [key for key, batch in self._batches.items() if not batch.at_work]:
            if sum(held.values()) + needed <= self._most_bytes:
                break
            del self._batches[key], held[key]
            has_dropped = True
        if has_dropped:
            self._empty_cache()
        return sum(held.values()) + needed <= self._most_bytes or not held

    def _count_bytes(self, kind: _Kind, size: int) -> int:
        return size * count_row_bytes(self._options.channels, *kind[1])

    def _start_over(self, error: BaseException) -> None:
        """Begin all rows anew in smaller batches: memory did not suffice."""
        largest = max((batch.size for batch in self._at_work()), default=1)
        if largest == 1:  # from now on not beside others
            self._most_bytes = max(self._count_bytes(*key) for key in self._batches)
        for batch in self._at_work():
            for own in batch.at_work.values():
                if batch.size > 1 or len(self._batches) > 1:
                    self._waiting[own.kind].appendleft(own)
                else:
                    own.future.set_exception(
                        explain_out_of_memory(self._device, own.row, self._options, error)
                    )
        self._most_rows = max(1, largest // 2)
        log.warning("%s ran out of memory; now %d crops a batch", self._device, self._most_rows)
        self._forget()

    def _forget(self) -> None:
        """Let go of all batches."""
        self._batches.clear()
        self._blocks.clear()
        self._empty_cache()

    def _empty_cache(self) -> None:
        if self._device.type == "cuda":
            empty_cache()

    def _drain(self) -> None:
        """Fail all that nobody will fit any longer."""
        failure = self._failure or FitStoppedError()
        with self._draining:
            for own in self._take_in_hand():
                if not own.future.done():
                    own.future.set_exception(failure)

    def _take_in_hand(self) -> list[_Asked]:
        in_hand = [own for waiting in self._waiting.values() for own in waiting]
        in_hand += [own for batch in self._at_work() for own in batch.at_work.values()]
        in_hand += [own for arrival in self._arrivals for own in arrival.asked]
        with suppress(queue.Empty):
            while True:
                in_hand += self._inbox.get_nowait() or []
        return in_hand


def choose_canvas(row: Row, device: torch.device) -> tuple[int, int]:
    """Height and width in px of what a row paints: on CUDA larger than need be, so that there are few sizes.

    For each a step is recorded as a graph, which takes longer than a few rows take to fit.
    See docs/measurements.md, "fill/paint/device_fitter: canvas".
    """
    if device.type != "cuda":
        return row.canvas
    height, width = (
        -(-side // step) * step
        for side, step in zip(row.canvas, (max(step, 2**row.levels) for step in CANVAS_STEPS_PX), strict=True)
    )
    return height, width


class _Batch:
    """Places of one kind of rows."""

    def __init__(self, options: FitOptions, device: torch.device, canvas: tuple[int, int], size: int) -> None:
        self.size = size
        self.at_work: dict[int, _Asked] = {}
        """By place."""
        self._options, self._device, self._canvas = options, device, canvas
        self._adam: BatchedAdam[DecoderWeights] | None = None

    def put(self, waiting: deque[_Asked]) -> None:
        """Begin rows in free places; they are taken from the left."""
        new: dict[bool, dict[int, _Asked]] = {False: {}, True: {}}
        for place in range(self.size):
            if place not in self.at_work and waiting:
                own = self.at_work[place] = waiting.popleft()
                new[own.row.start is not None][place] = own
        for some in new.values():
            if some:
                rows = [own.row for own in some.values()]
                fit = self._options, self._device, self._canvas
                self._adam = begin(rows, *fit, self._adam, places=list(some), size=self.size)

    def advance(self) -> _Arrival | None:
        """Queue steps, up to where the first row is done; those that are."""
        assert self._adam is not None
        left = self._adam.steps_left
        count = min([BLOCK_STEPS, *(left[place] for place in self.at_work)])
        self._adam.step(count)
        done = [place for place in self.at_work if left[place] == count]
        if not done:
            return None
        pictures, weights = self._adam.take(done)
        arrival = AsyncCopy(pictures)
        return _Arrival([self.at_work.pop(place) for place in done], arrival, weights)

    def drop_stopped(self) -> list[_Asked]:
        """Take out the rows that nobody wants any longer."""
        places = [place for place, own in self.at_work.items() if own.stopped.is_set()]
        return [self.at_work.pop(place) for place in places]

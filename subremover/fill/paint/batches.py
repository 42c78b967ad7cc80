"""Fits decoders in batches of like size, as many rows at once as the device holds.

Which decoders are fitted is decided in `schedule`; `untrained.batched_adam` takes the steps of a batch.
"""

from __future__ import annotations

import logging
import sys
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch

from subremover.errors import DeviceError
from subremover.fill.paint.rows import Fitted, Key, Row
from subremover.fill.paint.transfer import AsyncCopy, send
from subremover.options import MOST_DECODERS, FitOptions
from subremover.runtime.out_of_memory import is_out_of_memory
from subremover.untrained.batched_adam import BatchedAdam, ItemSettings
from subremover.untrained.deep_decoder import DecoderWeights, DeepDecoder
from subremover.untrained.device_memory import choose_batch_size, count_row_bytes

log = logging.getLogger(__name__)

WARM_RATE = 0.25
"""Factor of the learning rate for warm starts: Adam starts anew there, and its first steps, all of full
length, would undo what the anchor has learnt.
See docs/measurements.md, "fill/paint/batches: warm rate"."""

_Queue = deque[tuple[Key, Row]]


class FitStoppedError(Exception):
    """The fit was asked to stop before it was done; not a failure."""


class BatchFitter:
    """Fits rows on one device, and remembers how many its memory has held."""

    def __init__(
        self,
        options: FitOptions,
        device: torch.device,
        batch_size: int | None = None,
        should_stop: Callable[[], bool] = lambda: False,
        *,
        max_bytes: int | None = None,
    ) -> None:
        """Prepare.

        Args:
            options: How to fit.
            device: Where to fit.
            batch_size: Most rows in one batch; None: from the device's free memory.
            should_stop: Asked before each step.
            max_bytes: Most memory for all batches that a CPU fits at once; None: no bound.
        """
        self._options, self._device = options, device
        self._batch_size, self._should_stop = batch_size, should_stop
        self._max_bytes = sys.maxsize if max_bytes is None else max_bytes
        self._most_rows = sys.maxsize  # that memory has shown to suffice for
        self._waiting: dict[tuple[int, ...], _Queue] = defaultdict(deque)

    def add(self, rows: Mapping[Key, Row]) -> None:
        """Add rows to be fitted; more may be added while `finished` is read."""
        for key, row in rows.items():
            kind: tuple[int, ...] = (row.levels, *row.canvas)
            if self._device.type == "cpu":  # there a batch is done when its last row is: let all be equal
                kind = (*kind, row.start is not None, row.steps)
            self._waiting[kind].append((key, row))

    def finished(self) -> Iterator[tuple[Key, Fitted]]:
        """Fit what was added; rows share a batch where their canvases are of one size.

        Yields:
            For each row its key and what became of it, in an order that the rows alone decide.

        Raises:
            DeviceError: The device's memory does not suffice for a single crop.
            FitStoppedError: `should_stop` said so.
        """
        if self._device.type == "cpu":
            yield from self._fit_in_threads()
            return
        while self._waiting:
            kind = next(iter(self._waiting))
            yield from self._fit_queue(self._waiting[kind])  # rows added meanwhile join it
            if not self._waiting[kind]:
                del self._waiting[kind]

    def _fit_in_threads(self) -> Iterator[tuple[Key, Fitted]]:
        """Fit batches side by side, each in one thread: single operations are too short for two to share."""
        running: deque[Future[list[tuple[Key, Fitted]]]] = deque()
        with ThreadPoolExecutor(self._count_threads(), initializer=_use_one_thread) as threads:
            try:
                while True:
                    for batch in self._cut():
                        running.append(threads.submit(lambda rows: list(self._fit_queue(rows)), batch))
                    if not running:
                        return
                    yield from running.popleft().result()
            finally:
                for future in running:
                    future.cancel()

    def _count_threads(self) -> int:
        """As many as cores, or as there is memory for a batch of the largest crops in each."""
        threads = torch.get_num_threads()
        for queue in self._waiting.values():
            canvas = queue[0][1].canvas
            batch_bytes = count_row_bytes(self._options.channels, *canvas) * self._choose_size(queue)
            threads = min(threads, max(1, self._max_bytes // batch_bytes))
        return threads

    def _cut(self) -> Iterator[_Queue]:
        """What waits, by batches: at least two of a kind, and the same whatever the number of threads."""
        for queue in self._waiting.values():
            size = min(self._choose_size(queue), self._batch_size or -(-len(queue) // 2))
            while queue:
                yield deque(queue.popleft() for _ in range(min(size, len(queue))))
        self._waiting.clear()

    def _choose_size(self, queue: _Queue) -> int:
        """Most rows of this queue in one batch."""
        height, width = queue[0][1].canvas
        row_bytes = count_row_bytes(self._options.channels, height, width)
        size = self._batch_size or choose_batch_size(self._device, row_bytes, height * width)
        if self._device.type == "cpu":
            size = min(size, max(1, self._max_bytes // row_bytes))
        return min(size, self._most_rows)

    def _fit_queue(self, queue: _Queue) -> Iterator[tuple[Key, Fitted]]:
        """Fit rows of one canvas and depth, as many at once as there is memory for."""
        while queue:
            size = min(self._choose_size(queue), len(queue))
            begun: dict[Key, Row] = {}
            try:
                yield from self._fit_in_slots(queue, size, begun)
            except (
                RuntimeError,
                MemoryError,
            ) as error:  # it holds the tensors that fill the memory: leave it
                if not is_out_of_memory(error):
                    raise
                queue.extendleft(reversed(begun.items()))
                if size == 1:
                    height, width = queue[0][1].canvas
                    raise DeviceError(
                        f"{self._device} ran out of memory fitting 1 crop of {width}x{height} px; "
                        f"try --preset fast, less than {self._options.channels} channels, or --device cpu"
                    ) from error
                self._most_rows = size // 2
                log.warning("%s ran out of memory; now %d crops a batch", self._device, self._most_rows)
            if self._device.type == "cuda":
                torch.cuda.empty_cache()

    def _fit_in_slots(self, queue: _Queue, size: int, begun: dict[Key, Row]) -> Iterator[tuple[Key, Fitted]]:
        """Fit rows in a number of places; one that is done leaves its place to the next, so that none idles.

        A CUDA device is waited for only to read pictures, and only once it has been given more to do.

        Args:
            queue: Rows are taken from its left.
            size: Number of places.
            begun: Rows that were taken and not yet yielded are kept here.
        """
        adam: BatchedAdam[DecoderWeights] | None = None
        keys: dict[int, Key] = {}  # of the places at work
        taken: tuple[list[Key], AsyncCopy, DecoderWeights] | None = None
        while queue or keys or taken:
            if adam is not None and not keys and not taken and len(queue) > size:
                return  # there is more to do now than at first: let there be more places
            new: dict[int, Row] = {}
            for slot in range(size):
                if slot not in keys and queue:
                    keys[slot], new[slot] = queue.popleft()
                    begun[keys[slot]] = new[slot]
            for is_warm in (False, True):
                if some := {slot: row for slot, row in new.items() if (row.start is not None) == is_warm}:
                    adam = self._put(some, adam, size)
            assert adam is not None
            for _ in range(min((adam.steps_left[slot] for slot in keys), default=0)):
                if self._should_stop():
                    raise FitStoppedError
                adam.step()
            if taken is not None:
                done, arrival, weights = taken
                pictures = arrival.read()
                for place, key in enumerate(done):
                    h, w = begun.pop(key).job.hole.shape
                    yield key, Fitted(pictures[place, :, :h, :w].transpose(1, 2, 0), weights, place)
            finished = [slot for slot in keys if adam.steps_left[slot] == 0]
            taken = None
            if finished:
                painted, weights = adam.take(finished)
                taken = [keys.pop(slot) for slot in finished], AsyncCopy(painted), weights

    def _put(
        self, rows: Mapping[int, Row], adam: BatchedAdam[DecoderWeights] | None, size: int
    ) -> BatchedAdam[DecoderWeights]:
        """Begin rows, all warm or all cold, in these places; the first ones make the batch."""
        first = next(iter(rows.values()))
        crops = np.zeros((len(rows), 3, *first.canvas), np.float32)
        known = np.zeros((len(rows), 1, *first.canvas), np.float32)
        for i, row in enumerate(rows.values()):
            weight = 1 - row.unknown
            h, w = weight.shape
            crops[i, :, :h, :w] = np.where(weight > 0, row.job.image.transpose(2, 0, 1), 0)
            known[i, 0, :h, :w] = weight
        there = send(crops, self._device), send(known, self._device)
        seeds = [MOST_DECODERS * row.job.group + row.decoder for row in rows.values()]
        network = DeepDecoder.of(self._options, first.canvas, first.levels)
        rate = self._options.learning_rate
        if starts := [row.start for row in rows.values() if row.start is not None]:
            weights = network.restart(*there, DecoderWeights.concatenate(starts))
            rate *= WARM_RATE
        else:
            weights = network.start(*there, seeds)
        if adam is None:
            adam = BatchedAdam(network, weights, (size, *crops.shape[1:]), loss=self._options.loss)
        noise = self._options.input_noise
        settings = [
            ItemSettings(seed, row.steps, rate, noise) for seed, row in zip(seeds, rows.values(), strict=True)
        ]
        adam.put(list(rows), *there, weights, settings)
        return adam


def _use_one_thread() -> None:
    torch.set_num_threads(1)

"""Fits decoders in batches of like size, as many rows at once as the device holds.

Which decoders are to be fitted is `schedule`'s business, how a batch is fitted `fit`'s.
"""

from __future__ import annotations

import dataclasses
import logging
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from subremover.errors import DeviceError
from subremover.fill.decoder import Weights, concatenate_weights
from subremover.fill.fit import fit_batch
from subremover.fill.jobs import FitJob
from subremover.options import MOST_DECODERS, FitOptions

log = logging.getLogger(__name__)

CPU_BATCH_PX = 1 << 16
"""Pixels of one batch on the CPU: more rows are no faster there, and only take memory."""
CUDA_MEMORY_SHARE = 0.6
"""Of the free memory of a CUDA device, for one batch."""

Key = tuple[Literal["anchor", "trial", "warm"], int, int]
"""What rows are told apart by: what they are for, which job, which decoder."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One decoder to be fitted to one job."""

    job: FitJob
    decoder: int
    """Its number; with the job's group, its seed."""
    levels: int
    steps: int
    start: Weights | None = None
    """Of one row, to start warm from; None: a cold start."""
    hidden: np.ndarray | None = None
    """(h, w) bool: known pixels that it is not to see."""

    @property
    def unknown(self) -> np.ndarray:
        """(h, w) float32 in [0, 1]: how little it sees of each pixel."""
        unknown = self.job.unknown
        return unknown if self.hidden is None else np.where(self.hidden, np.float32(1), unknown)


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What became of a row."""

    picture: np.ndarray
    """(h, w, 3) float32 in [0, 1], painted everywhere."""
    batch_weights: Weights
    """Of all rows of its batch."""
    place: int
    """Its own among them."""

    @property
    def weights(self) -> Weights:
        """Of this row alone; copied only when asked for, which no warm start is."""
        return self.batch_weights.select([self.place])


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """Rows fitted together, on canvases of one size."""

    keys: tuple[Key, ...]
    rows: tuple[Row, ...]
    height: int
    width: int


class BatchFitter:
    """Fits rows on one device, and remembers how many it holds."""

    def __init__(
        self,
        options: FitOptions,
        device: torch.device,
        batch_size: int | None = None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._options, self._device = options, device
        self._batch_size, self._should_stop = batch_size, should_stop
        self._most_rows = sys.maxsize  # that memory has shown to suffice for

    def fit(self, rows: Mapping[Key, Row]) -> Iterator[tuple[Key, Fitted]]:
        """Fit these rows; crops share a batch where their canvases are of one size.

        Yields:
            For each row its key and what became of it, batch by batch.

        Raises:
            DeviceError: The device's memory does not suffice for a single crop.
            FitStoppedError: `should_stop` said so.
        """
        batches = self._batches(rows)
        if self._device.type != "cpu":
            for batch in batches:
                yield from self._unpack(batch, *self._fit_batch(batch))
            return
        # Single operations are too short for two threads to share; whole batches are not.
        with ThreadPoolExecutor(torch.get_num_threads(), initializer=_use_one_thread) as threads:
            for batch, done in zip(batches, threads.map(self._fit_batch, batches), strict=True):
                yield from self._unpack(batch, *done)

    def _batches(self, rows: Mapping[Key, Row]) -> list[_Batch]:
        alike: dict[tuple[int, int, int, bool, int], list[Key]] = defaultdict(list)
        for key, row in rows.items():
            cell = 2**row.levels
            height, width = (-(-side // cell) * cell for side in row.job.hole.shape)
            alike[row.levels, height, width, row.start is None, row.steps].append(key)
        batches = []
        for kind in sorted(alike):
            keys, (_, height, width, *_) = alike[kind], kind
            size = self._batch_size or choose_batch_size(self._device, self._options.channels, height, width)
            for first in range(0, len(keys), size):
                some = tuple(keys[first : first + size])
                batches.append(_Batch(some, tuple(rows[key] for key in some), height, width))
        return batches

    def _unpack(self, batch: _Batch, painted: np.ndarray, weights: Weights) -> Iterator[tuple[Key, Fitted]]:
        for i, (key, row) in enumerate(zip(batch.keys, batch.rows, strict=True)):
            h, w = row.job.hole.shape
            yield key, Fitted(painted[i, :h, :w], weights, i)

    def _fit_batch(self, batch: _Batch) -> tuple[np.ndarray, Weights]:
        """Pictures (B, h, w, 3) and weights of a batch; by halves where memory does not suffice."""
        try:
            if len(batch.rows) <= self._most_rows:
                return self._fit_rows(batch)
        except (RuntimeError, MemoryError) as error:  # it holds the tensors that fill the memory: leave it
            if not is_out_of_memory(error):
                raise
            if len(batch.rows) == 1:
                raise DeviceError(
                    f"{self._device} ran out of memory fitting 1 crop of {batch.width}x{batch.height} px; "
                    f"try --preset fast, less than {self._options.channels} channels, or --device cpu"
                ) from error
            self._most_rows = len(batch.rows) // 2
            log.warning("%s ran out of memory; now %d crops a batch", self._device, self._most_rows)
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        half = len(batch.rows) // 2
        parts = [
            self._fit_batch(dataclasses.replace(batch, rows=rows))
            for rows in (batch.rows[:half], batch.rows[half:])
        ]
        return np.concatenate([part[0] for part in parts]), concatenate_weights([part[1] for part in parts])

    def _fit_rows(self, batch: _Batch) -> tuple[np.ndarray, Weights]:
        crops = np.zeros((len(batch.rows), batch.height, batch.width, 3), np.float32)
        known = np.zeros((len(batch.rows), batch.height, batch.width, 1), np.float32)
        for i, row in enumerate(batch.rows):
            weight = 1 - row.unknown
            h, w = weight.shape
            crops[i, :h, :w] = np.where(weight[..., None] > 0, row.job.image, 0)
            known[i, :h, :w, 0] = weight
        starts = [row.start for row in batch.rows if row.start is not None]
        first = batch.rows[0]
        pictures, weights = fit_batch(
            torch.from_numpy(crops).to(self._device).permute(0, 3, 1, 2),
            torch.from_numpy(known).to(self._device).permute(0, 3, 1, 2),
            dataclasses.replace(self._options, levels=first.levels, steps=first.steps),
            [MOST_DECODERS * row.job.group + row.decoder for row in batch.rows],
            start=concatenate_weights(starts) if starts else None,
            should_stop=self._should_stop,
        )
        return pictures.permute(0, 2, 3, 1).cpu().numpy(), weights


def choose_batch_size(device: torch.device, channels: int, height: int, width: int) -> int:
    """How many crops of this size are fitted at once: as many as a CUDA device holds, few on a CPU."""
    if device.type != "cuda":
        return max(1, CPU_BATCH_PX // (height * width))
    # In the backward pass the finest level holds about six tensors of K channels, the loss some 120 planes.
    row_bytes = 4 * height * width * (6 * channels + 120)
    free_bytes, _ = torch.cuda.mem_get_info(device)
    free_bytes += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return max(1, int(free_bytes * CUDA_MEMORY_SHARE) // row_bytes)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether it says that memory did not suffice, on any device."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    signs = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in signs)


def _use_one_thread() -> None:
    torch.set_num_threads(1)

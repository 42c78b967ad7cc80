"""Which decoders are fitted together: anchors first, then warm starts, in batches of like size.

How a batch is fitted is `fit`'s business; where this runs, the pool's.
"""

from __future__ import annotations

import dataclasses
import logging
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from subremover.errors import DeviceError
from subremover.fill.composite import confine, damp, measure_agreement, settle
from subremover.fill.decoder import Weights, concatenate_weights
from subremover.fill.fit import choose_levels, fit_batch
from subremover.fill.jobs import FitJob
from subremover.options import MOST_DECODERS, FitOptions

log = logging.getLogger(__name__)

CPU_BATCH_PX = 1 << 16
"""Pixels of one batch on the CPU: more rows are no faster there, and only take memory."""
CUDA_MEMORY_SHARE = 0.6
"""Of the free memory of a CUDA device, for one batch."""


def fit_jobs(
    jobs: Sequence[FitJob],
    options: FitOptions,
    device: str,
    batch_size: int | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[np.ndarray]:
    """Fill the holes of all jobs, with warm starts inside each group.

    The middle frame of a group is its anchor and is fitted from scratch; the others start from its
    weights. Crops of different groups share a batch where their canvases are of one size.

    Each crop is painted by several decoders. Their settled pictures are averaged, and the detail in which
    they agree by chance only is taken back, down to the smooth continuation of the surroundings where
    they have nothing in common. On nine clips that was worth 1.1 dB over one decoder of twice the width.

    Args:
        device: A torch device.
        batch_size: Most crops in one batch; None: from the device's free memory. Halved where memory
            does not suffice.

    Returns:
        For each job (h, w, 3) float32 in [0, 1]: its image, with its hole filled.

    Raises:
        DeviceError: The device's memory does not suffice for a single crop.
        FitStoppedError: `should_stop` said so.
    """
    fitter = _Fitter(jobs, options, torch.device(device), batch_size, should_stop)
    groups: dict[tuple[int, tuple[int, ...]], list[int]] = defaultdict(list)
    for index in sorted(range(len(jobs)), key=lambda i: jobs[i].frame):
        groups[jobs[index].group, jobs[index].hole.shape].append(index)
    cold: list[_Row] = []
    warm: list[_Row] = []
    for members in groups.values():
        levels = options.levels or max(choose_levels(jobs[i].hole, jobs[i].hole.shape) for i in members)
        anchor = members[len(members) // 2]
        for index in members:
            is_warm = index != anchor and options.warm_steps > 0
            for decoder in range(options.decoders):
                (warm if is_warm else cold).append(_Row(index, decoder, levels, anchor, is_warm))
    fitter.fit(cold)
    fitter.fit(warm)
    for members in groups.values():
        fitter.damp_group(members)
    return [fitter.fills[index] for index in range(len(jobs))]


@dataclass(frozen=True, slots=True)
class _Row:
    """One decoder of one job."""

    index: int
    """Of the job."""
    decoder: int
    levels: int
    anchor: int
    """The job whose weights a warm start takes."""
    is_warm: bool


@dataclass(frozen=True, slots=True)
class _Batch:
    """Rows fitted together, on canvases of one size."""

    rows: tuple[_Row, ...]
    levels: int
    height: int
    width: int


class _Fitter:
    """The jobs of one call of `fit_jobs`, and what is done of them."""

    def __init__(
        self,
        jobs: Sequence[FitJob],
        options: FitOptions,
        device: torch.device,
        batch_size: int | None,
        should_stop: Callable[[], bool],
    ) -> None:
        self.fills: dict[int, np.ndarray] = {}
        self._jobs, self._options, self._device = jobs, options, device
        self._batch_size, self._should_stop = batch_size, should_stop
        self._most_rows = sys.maxsize  # that memory has shown to suffice for
        self._weights: dict[tuple[int, int], Weights] = {}
        self._pictures: dict[int, list[np.ndarray]] = defaultdict(list)
        self._agreements: dict[int, tuple[float, float]] = {}

    def fit(self, rows: Sequence[_Row]) -> None:
        """Fit these rows, all cold or all warm, in batches of one canvas size."""
        canvases: dict[tuple[int, int, int], list[_Row]] = defaultdict(list)
        for row in rows:
            cell = 2**row.levels
            height, width = (-(-side // cell) * cell for side in self._jobs[row.index].hole.shape)
            canvases[row.levels, height, width].append(row)
        batches = [batch for canvas in sorted(canvases) for batch in self._split(canvases[canvas], canvas)]
        if self._device.type != "cpu":
            for batch in batches:
                self._keep(*self._fit_batch(batch))
            return
        # Single operations are too short for two threads to share; whole batches are not.
        with ThreadPoolExecutor(torch.get_num_threads(), initializer=_use_one_thread) as threads:
            for done in threads.map(self._fit_batch, batches):
                self._keep(*done)

    def damp_group(self, members: Sequence[int]) -> None:
        """Take back the detail on which the decoders disagree; by one share for a group, against flicker."""
        if self._options.decoders == 1:
            return
        agreed, power = (sum(column) for column in zip(*(self._agreements[i] for i in members), strict=True))
        share = min(max(agreed / power, 0.0), 1.0) if power > 0 else 0.0
        for index in members:
            job = self._jobs[index]
            damped = damp(self.fills[index], job.image, job.hole, share)
            self.fills[index] = confine(damped, job.image, job.hole)

    def _split(self, rows: Sequence[_Row], canvas: tuple[int, int, int]) -> Iterator[_Batch]:
        size = self._batch_size or choose_batch_size(self._device, self._options.channels, *canvas[1:])
        for first in range(0, len(rows), size):
            yield _Batch(tuple(rows[first : first + size]), *canvas)

    def _fit_batch(self, batch: _Batch) -> tuple[_Batch, np.ndarray, Weights]:
        """Pictures (B, h, w, 3) and weights of a batch; by halves where memory does not suffice."""
        try:
            if len(batch.rows) <= self._most_rows:
                return batch, *self._fit_rows(batch)
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
        pictures = np.concatenate([part[1] for part in parts])
        return batch, pictures, concatenate_weights([part[2] for part in parts])

    def _fit_rows(self, batch: _Batch) -> tuple[np.ndarray, Weights]:
        crops = np.zeros((len(batch.rows), batch.height, batch.width, 3), np.float32)
        known = np.zeros((len(batch.rows), batch.height, batch.width, 1), np.float32)
        for place, row in enumerate(batch.rows):
            h, w = self._jobs[row.index].hole.shape
            crops[place, :h, :w] = self._jobs[row.index].image
            known[place, :h, :w, 0] = ~self._jobs[row.index].hole
        start = None
        if batch.rows[0].is_warm:
            start = concatenate_weights([self._weights[row.anchor, row.decoder] for row in batch.rows])
        pictures, weights = fit_batch(
            torch.from_numpy(crops).to(self._device).permute(0, 3, 1, 2),
            torch.from_numpy(known).to(self._device).permute(0, 3, 1, 2),
            dataclasses.replace(self._options, levels=batch.levels),
            [MOST_DECODERS * self._jobs[row.index].group + row.decoder for row in batch.rows],
            start=start,
            should_stop=self._should_stop,
        )
        return pictures.permute(0, 2, 3, 1).cpu().numpy(), weights

    def _keep(self, batch: _Batch, painted: np.ndarray, weights: Weights) -> None:
        for place, row in enumerate(batch.rows):
            if row.index == row.anchor:
                self._weights[row.index, row.decoder] = weights.select([place])
            self._take(row.index, painted[place])

    def _take(self, index: int, painted: np.ndarray) -> None:
        """Settle one decoder's picture; when the last of its job has come, take their mean."""
        job = self._jobs[index]
        h, w = job.hole.shape
        fits = self._pictures[index]
        fits.append(settle(painted[:h, :w], job.image, job.hole))
        if len(fits) == self._options.decoders:
            stack = np.stack(fits)
            self._agreements[index] = measure_agreement(stack, job.image, job.hole)
            self.fills[index] = stack.mean(0)
            del self._pictures[index]


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

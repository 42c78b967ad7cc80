"""Fits deep decoders to the known pixels of crops, many at once, and gives the pictures they paint.

Which crops and what becomes of the pictures is not its business, nor on which worker it runs.
"""

from __future__ import annotations

import dataclasses
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from subremover.errors import DeviceError
from subremover.fill.codes import disturb, draw_code, shrink
from subremover.fill.composite import damp, measure_agreement, settle
from subremover.fill.decoder import Weights, concatenate_weights, decode, draw_weights
from subremover.fill.jobs import FitJob
from subremover.fill.losses import prepare_loss
from subremover.options import MOST_DECODERS, FitOptions

log = logging.getLogger(__name__)

DEFAULT_LEVELS = 5
CPU_BATCH_PX = 1 << 16
"""Pixels of one batch on the CPU: more rows are no faster there, and only take memory."""
WARM_RATE = 0.25
"""Of the learning rate, for warm starts. Adam starts anew there, and its first steps, all of full length,
undo what the anchor has learnt: 8 steps at the full rate cost 4.7 dB in a wide hole, at twice the flicker."""
CUDA_MEMORY_SHARE = 0.6
"""Of the free memory of a CUDA device, for one batch."""


class FitStoppedError(Exception):
    """The fit was asked to stop before it was done; not a failure."""


def fit_batch(
    crops: Tensor,
    known: Tensor,
    options: FitOptions,
    seeds: Sequence[int],
    *,
    start: Weights | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> tuple[Tensor, Weights]:
    """Paint the holes of B crops, each by its own untrained decoder.

    Rows never interact: beyond rounding, a crop's result depends neither on B nor on its place. Crops
    whose sides are no multiples of 2^L are painted on a larger canvas whose margin has no weight.
    The picture is the mean of those of the last steps: it costs nothing and flickers less than the last.

    Args:
        crops: (B, 3, h, w) float32, RGB in [0, 1]; anything finite in the hole.
        known: (B, 1, h, w) float32, weight of each pixel in the loss; 0 in the hole.
        options: Steps, widths, loss; `levels` None: by the deepest hole of the batch.
        seeds: B seeds of the weights and inputs drawn; not looked at with `start`, save for input noise.
        start: Weights to start warm from, of the same crop size; then `warm_steps` are done, at a
            lower learning rate.
        should_stop: Asked before every step.

    Returns:
        (B, 3, h, w) in [0, 1] (known pixels are fitted, not copied), and the weights after the last step.

    Raises:
        FitStoppedError: `should_stop` said so.
    """
    height, width = crops.shape[2:]
    if start is not None:
        levels = len(start.mixes)
    else:
        levels = options.levels or choose_levels((known == 0).any(0)[0].cpu().numpy(), (height, width))
    margin = (0, -width % 2**levels, 0, -height % 2**levels)
    known = F.pad(known, margin)
    crops = F.pad(crops, margin) * (known > 0)
    if start is None:
        weights = _draw(crops, known, options, levels, seeds)
    elif start.size == tuple(crops.shape[2:]):
        weights = start.detach()
        if options.input == "downsampled":
            weights = weights.with_code(shrink(crops, known, levels))
    else:
        raise ValueError(f"expected start weights of {crops.shape[2]}x{crops.shape[3]} px, got {start.size}")
    parameters = [tensor.requires_grad_(True) for tensor in weights.parameters]
    fused = crops.device.type in ("cpu", "cuda")
    rate = options.learning_rate * (1 if start is None else WARM_RATE)
    optimizer = torch.optim.Adam(parameters, lr=rate, fused=fused)
    loss = prepare_loss(options.loss, crops, known)
    steps = options.steps if start is None else max(1, options.warm_steps)
    tail = max(1, steps // 4)
    pictures = torch.zeros_like(crops)
    codes = disturb(weights.code, options.input_noise, seeds)
    for step, code in zip(range(steps), codes, strict=False):
        if should_stop():
            raise FitStoppedError
        output = decode(weights, options.activation, code)
        optimizer.zero_grad(set_to_none=True)
        loss(output).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step >= steps - tail:
            pictures.add_(output.detach(), alpha=1 / tail)
    return pictures[:, :, :height, :width].clamp_(0, 1), weights.detach()


def choose_levels(hole: np.ndarray, size: tuple[int, int]) -> int:
    """How many levels a decoder needs to see across a hole.

    A coarse cell of 2^L px that lies wholly in the hole is painted as its random input has it, so half
    a cell must reach over the hole's greatest inner radius. Deeper than that does harm as well.

    Args:
        hole: (h, w) bool, True where the decoder paints.
        size: Height and width of the crop, in px.

    Returns:
        L, 1 to 9; never so deep that the crop is less than one cell.
    """
    padded = np.pad(hole.astype(np.uint8), 1, mode="edge")  # what lies beyond the crop is not known
    radius_px = float(cv2.distanceTransform(padded, cv2.DIST_L2, 5).max()) if hole.any() else 0.0
    if hole.all():
        radius_px = min(size) / 2
    levels = DEFAULT_LEVELS
    while 2 ** (levels - 1) <= radius_px:
        levels += 1
    return max(1, min(levels, min(size).bit_length() - 1, 9))


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
        for (levels, height, width), todo in sorted(canvases.items()):
            while todo:
                size = choose_batch_size(self._device, self._options.channels, height, width)
                count = min(self._batch_size or size, len(todo))
                if self._fits(todo[:count], levels, (height, width)):
                    del todo[:count]
                    continue
                self._batch_size = count // 2
                log.warning("%s ran out of memory; now %d crops a batch", self._device, self._batch_size)
                if self._device.type == "cuda":
                    torch.cuda.empty_cache()

    def damp_group(self, members: Sequence[int]) -> None:
        """Take back the detail on which the decoders disagree; by one share for a group, against flicker."""
        if self._options.decoders == 1:
            return
        agreed, power = (sum(column) for column in zip(*(self._agreements[i] for i in members), strict=True))
        share = min(max(agreed / power, 0.0), 1.0) if power > 0 else 0.0
        for index in members:
            job = self._jobs[index]
            self.fills[index] = damp(self.fills[index], job.image, job.hole, share)

    def _fits(self, rows: Sequence[_Row], levels: int, canvas: tuple[int, int]) -> bool:
        """Fit one batch; False where memory did not suffice."""
        try:
            self._fit_rows(rows, levels, canvas)
        except (RuntimeError, MemoryError) as error:  # it holds the tensors that fill the memory: leave it
            if not is_out_of_memory(error):
                raise
            if len(rows) == 1:
                raise DeviceError(
                    f"{self._device} ran out of memory fitting 1 crop of {canvas[1]}x{canvas[0]} px; "
                    f"try --preset fast, less than {self._options.channels} channels, or --device cpu"
                ) from error
            return False
        return True

    def _fit_rows(self, rows: Sequence[_Row], levels: int, canvas: tuple[int, int]) -> None:
        crops = np.zeros((len(rows), *canvas, 3), np.float32)
        known = np.zeros((len(rows), *canvas, 1), np.float32)
        for place, row in enumerate(rows):
            h, w = self._jobs[row.index].hole.shape
            crops[place, :h, :w] = self._jobs[row.index].image
            known[place, :h, :w, 0] = ~self._jobs[row.index].hole
        start = None
        if rows[0].is_warm:
            start = concatenate_weights([self._weights[row.anchor, row.decoder] for row in rows])
        pictures, weights = fit_batch(
            torch.from_numpy(crops).to(self._device).permute(0, 3, 1, 2),
            torch.from_numpy(known).to(self._device).permute(0, 3, 1, 2),
            dataclasses.replace(self._options, levels=levels),
            [MOST_DECODERS * self._jobs[row.index].group + row.decoder for row in rows],
            start=start,
            should_stop=self._should_stop,
        )
        painted = pictures.permute(0, 2, 3, 1).cpu().numpy()
        for place, row in enumerate(rows):
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


def _draw(crops: Tensor, known: Tensor, options: FitOptions, levels: int, seeds: Sequence[int]) -> Weights:
    """Fresh weights and inputs, on the device of the crops."""
    height, width = crops.shape[2:]
    if options.input == "noise":
        codes = [draw_code(options.channels, (height, width), levels, seed) for seed in seeds]
    else:
        codes = list(shrink(crops, known, levels).cpu())
    weights = draw_weights(codes, options.channels, levels, seeds)
    return weights.map(lambda tensor: tensor.to(crops.device))

"""The rows of a batch: a decoder to be fitted to a job, what it starts from, and what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from subremover.errors import DeviceError
from subremover.fill.paint.jobs import FitJob
from subremover.options import MOST_DECODERS, FitOptions
from subremover.runtime.transfer import empty_to_send, send, send_tensor
from subremover.untrained.batched_adam import BatchedAdam, ItemSettings
from subremover.untrained.deep_decoder import DecoderWeights, DeepDecoder, cover

WARM_RATE = 0.25
"""Factor of the learning rate for warm starts: Adam starts anew there, and its first steps, all of full
length, would undo what the anchor has learnt.
See docs/measurements.md, "fill/paint/rows: warm rate"."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One decoder to be fitted to one job."""

    job: FitJob
    decoder: int
    """Its number; with the job's group, its seed."""
    levels: int
    """L, the decoder's depth."""
    steps: int
    """Of the fit."""
    start: Fitted | None = None
    """Whose weights to start warm from; None: a cold start."""
    hidden: np.ndarray | None = None
    """(h, w) bool, True on known pixels that it is not to see."""

    @property
    def canvas(self) -> tuple[int, int]:
        """Height and width in px of what it paints, multiples of 2^levels."""
        height, width = self.job.hole.shape
        return cover((height, width), self.levels)

    @property
    def seed(self) -> int:
        """Of its weights and noise."""
        return MOST_DECODERS * self.job.group + self.decoder


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What became of a row."""

    picture: np.ndarray
    """(h, w, 3) float32, RGB in [0, 1], painted everywhere."""
    batch_weights: DecoderWeights
    """Those of all rows that were done at the same time."""
    place: int
    """Its own place among them."""

    @classmethod
    def of(cls, row: Row, painted: np.ndarray, weights: DecoderWeights, place: int) -> Fitted:
        """What became of a row, out of all of its canvas, (3, H, W)."""
        height, width = row.job.hole.shape
        return cls(painted[:, :height, :width].transpose(1, 2, 0), weights, place)


class Fitter(Protocol):
    """What fits rows on one device: `cpu_fitter.CpuFitter` or `device_fitter.DeviceFitter`."""

    def fit(self, rows: Sequence[Row]) -> list[Future[Fitted]]:
        """Begin to fit rows; may be called by several threads at once.

        Args:
            rows: That share batches where their canvases are of one size.

        Returns:
            For each row what will become of it. Instead of a result there may be a DeviceError, where the
            device's memory does not suffice for a single crop, or a FitStoppedError.
        """
        ...

    def stop(self) -> None:
        """End all fits within a few steps, with a FitStoppedError, and those asked for until `resume`."""
        ...

    def resume(self) -> None:
        """Fit what is asked for from now on; what was stopped stays so."""
        ...

    def describe(self) -> str:
        """The device and what works there, in a line; the first call may have to compile that."""
        ...

    def take_busy_seconds(self) -> float:
        """How long a GPU was busy with steps since this was asked last; 0 for a CPU."""
        ...

    def close(self) -> None:
        """Stop, and end all threads."""
        ...


class FitStoppedError(Exception):
    """The fit was asked to stop before it was done; not a failure."""


def explain_out_of_memory(
    device: torch.device, row: Row, options: FitOptions, error: BaseException
) -> DeviceError:
    """The error for a device that cannot hold a single crop."""
    height, width = row.canvas
    explained = DeviceError(
        f"{device} ran out of memory fitting 1 crop of {width}x{height} px; "
        f"try --preset fast, less than {options.channels} channels, or --device cpu"
    )
    explained.__cause__ = error
    return explained


def begin(
    rows: Sequence[Row],
    options: FitOptions,
    device: torch.device,
    canvas: tuple[int, int],
    adam: BatchedAdam[DecoderWeights] | None = None,
    *,
    places: Sequence[int],
    size: int,
) -> BatchedAdam[DecoderWeights]:
    """Put rows of one depth into a batch; all of them are warm, or all cold.

    Args:
        rows: At least one.
        options: How to fit.
        device: Where to fit.
        canvas: Height and width in px of what they paint: at least their own, multiples of 2^levels.
        adam: The batch; None: a new one is made.
        places: Of the rows in it.
        size: Number of places of a new batch.

    Returns:
        The batch.
    """
    network = DeepDecoder.of(options, canvas, rows[0].levels)
    targets, known = stack_crops(rows, canvas, device)
    rate, seeds = options.learning_rate, [row.seed for row in rows]
    starts = [(row.start.batch_weights, row.start.place) for row in rows if row.start is not None]
    if starts:
        weights = network.restart(targets, known, DecoderWeights.gather(starts))
        rate *= WARM_RATE
    else:
        weights = network.start(targets, known, seeds)
    if adam is None:
        adam = BatchedAdam(network, weights, (size, 3, *canvas), loss=options.loss)
    noise = options.input_noise
    settings = [ItemSettings(seed, row.steps, rate, noise) for seed, row in zip(seeds, rows, strict=True)]
    adam.put(places, targets, known, weights, settings)
    return adam


def stack_crops(rows: Sequence[Row], canvas: tuple[int, int], device: torch.device) -> tuple[Tensor, Tensor]:
    """What rows are fitted to.

    Args:
        rows: B of them.
        canvas: H and W in px; no crop is larger.
        device: Where to.

    Returns:
        Their crops, (B, 3, H, W) float32 in [0, 1], 0 where nothing is known or beyond the crop; and how much
        is known of each pixel, (B, 1, H, W) float32 in [0, 1].
    """
    images, known, which = lay_out_crops(rows, canvas, device)
    there = send_tensor(images, device).permute(0, 3, 1, 2)
    known = send_tensor(known, device)
    crops = there.index_select(0, send(which, device)).contiguous()
    return crops.masked_fill_(known <= 0, 0), known


def lay_out_crops(
    rows: Sequence[Row], canvas: tuple[int, int], device: torch.device
) -> tuple[Tensor, Tensor, np.ndarray]:
    """What is copied to the device of rows, still on the host.

    Args:
        rows: B of them.
        canvas: H and W in px; no crop is larger.
        device: Where it will be sent.

    Returns:
        The images of their J jobs, (J, H, W, 3) float32; how much of each row is known, (B, 1, H, W) float32
        in [0, 1]; and which image is whose, (B,) int64.
    """
    jobs = list(dict.fromkeys(row.job for row in rows))
    images = empty_to_send((len(jobs), *canvas, 3), device)
    known = empty_to_send((len(rows), 1, *canvas), device)
    for image, job in zip(images.numpy(), jobs, strict=True):
        height, width = job.hole.shape
        image[:height, :width], image[height:], image[:height, width:] = job.image, 0, 0
    for (weight,), row in zip(known.numpy(), rows, strict=True):
        height, width = row.job.hole.shape
        np.subtract(1, row.job.unknown, out=weight[:height, :width])
        weight[height:], weight[:height, width:] = 0, 0
        if row.hidden is not None:
            weight[:height, :width][row.hidden] = 0
    numbers = {job: number for number, job in enumerate(jobs)}
    return images, known, np.array([numbers[row.job] for row in rows], np.int64)

"""What the proofs of prove_fit.py, prove_speed.py and prove_limits.py ask of the package's batches."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TypeVar
from unittest.mock import patch

import torch
from bench_fit import LEVELS, Case, draw_crop
from speed_limit import synchronize
from torch import Tensor

from subremover.options import FitOptions
from subremover.untrained import batched_adam, deep_decoder, losses
from subremover.untrained.batched_adam import BatchedAdam, ItemSettings
from subremover.untrained.cuda_graph import start_anew
from subremover.untrained.deep_decoder import DecoderWeights, DeepDecoder
from subremover.untrained.kernels import are_usable

T = TypeVar("T")

RATE = 0.01
ENDLESS = 10**6
"""Steps of rows that are only timed."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What a case's batch is given, on its device."""

    network: DeepDecoder
    targets: Tensor
    """(B, 3, h, w)"""
    known: Tensor
    """(B, 1, h, w)"""
    starts: DecoderWeights

    def select(self, rows: Sequence[int]) -> Rows:
        """Copies of some of them."""
        index = torch.tensor(rows, device=self.targets.device)
        return Rows(self.network, self.targets[index], self.known[index], self.starts.select(rows))


def draw_rows(case: Case, device: str) -> Rows:
    """Rows that differ in seed and brightness."""
    crop, known = draw_crop(case.height, case.width)
    options = FitOptions(channels=case.channels)
    network = DeepDecoder.of(options, (case.height, case.width), LEVELS)
    brightness = torch.linspace(1, 0.5, case.batch).view(-1, 1, 1, 1)
    targets = (crop * known * brightness).to(device)
    knowns = known.expand(case.batch, -1, -1, -1).to(device)
    return Rows(network, targets, knowns, network.start(targets, knowns, range(case.batch)))


def open_batch(rows: Rows) -> BatchedAdam[DecoderWeights]:
    """Empty places for these rows."""
    size = rows.targets.shape
    return BatchedAdam(rows.network, rows.starts, (size[0], size[1], size[2], size[3]), loss="mix")


def put_rows(adam: BatchedAdam[DecoderWeights], rows: Rows, steps: int) -> None:
    """Begin rows in the first places, for so many steps."""
    settings = [ItemSettings(seed, steps, RATE) for seed in range(len(rows.targets))]
    adam.put(range(len(settings)), rows.targets, rows.known, rows.starts, settings)


def take_pictures(adam: BatchedAdam[DecoderWeights], places: Sequence[int]) -> Tensor:
    """What became of rows, (n, 3, h, w)."""
    return adam.take(places)[0]


def fit(rows: Rows, steps: int) -> Tensor:
    """Pictures of all rows after so many steps, (B, 3, h, w)."""
    adam = open_batch(rows)
    put_rows(adam, rows, steps)
    adam.step(steps)
    return take_pictures(adam, range(len(rows.targets)))


def is_replayed(adam: BatchedAdam[DecoderWeights]) -> bool:
    """Whether its steps replay a CUDA graph."""
    return isinstance(getattr(adam._step, "__self__", None), torch.cuda.CUDAGraph)


def name_paths(adam: BatchedAdam[DecoderWeights], device: str) -> dict[str, str]:
    """The modules that the parts of a batch's step are computed by."""
    paint_levels = deep_decoder._choose_paint_levels(torch.device(device), 3)
    own = {"levels": paint_levels, "similarity": adam._loss.compare, "adam": adam._advance}
    return {name: function.__module__ for name, function in own.items()}


def have_kernels(device: str) -> bool:
    """Whether the package has taken its kernels for usable there."""
    return are_usable(torch.device(device))


@contextmanager
def limited_to(*, kernels: bool = True, graph: bool = True) -> Iterator[None]:
    """Have batches that are opened and stepped inside the `with` body do without kernels or CUDA graphs."""
    with ExitStack() as stack:
        if not kernels:
            for module in (batched_adam, deep_decoder, losses):
                stack.enter_context(patch.object(module, "are_usable", lambda _device: False))
        if not graph:
            stack.enter_context(patch.object(batched_adam, "capture", start_anew))
        yield


def timed(function: Callable[[], T], device: str) -> tuple[float, T]:
    """Seconds of a call, until the device has done all of it, and its result."""
    synchronize(torch.device(device))
    start = time.perf_counter()
    result = function()
    synchronize(torch.device(device))
    return time.perf_counter() - start, result


def differ(one: Tensor, other: Tensor) -> float:
    """Greatest difference between two tensors; infinite where one holds what is no number."""
    most = float((one - other).abs().max())
    return most if math.isfinite(most) else math.inf

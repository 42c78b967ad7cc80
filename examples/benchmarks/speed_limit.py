"""How fast a step of the fit could be at best: its least traffic and operations, and the device's own rates.

The design: level by level 1x1 convolution, bilinear 2x up-sampling, ReLU, norm. A level's convolution runs at
its coarse size, and only what it gives, n x K with n a quarter of the level's pixels, is ever written; the
up-sampled values are made anew from it wherever they are needed. No step of this kind can do with less:

    values, n x K a level     written once, by the level before; read once by the next convolution, which has
                              to wait for the norm's sums over all pixels; in the backward pass read once for
                              the sums in the norm's and the weights' gradients, and once more for the
                              gradient itself, which has to wait for those
    gradients, n x K a level  written once, read once
    output, 3 planes          written once, read once for the similarity and, as the product over the scales
                              has to be known first, once more for the gradient
    target, 3 planes, and     read twice
    known, 1 plane
    gradient, 3 planes        written once, read once; coarser scales add a third to all these planes
    weights                   read once; their gradients written and read; Adam reads and writes three of each

The operations are those of the matrix products, forward, and twice as many backward: the only ones that a
matrix unit can do. Up-sampling, norms and loss are not counted, so nobody reaches the limit. What fits into a
cache, such as a small batch's tensors, may yet move faster than memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from subremover.runtime.precision import float32_products

FLOAT_BYTES = 4
ACCESSES_TO_LEVELS = 6
"""Of a level's values and their gradients, see above."""
PLANES = 3 * (1 + 2) + 2 * (3 + 1) + 3 * 2
"""Of one scale: output, target and known, gradient."""
ACCESSES_TO_WEIGHTS = 1 + 2 + 6


@dataclass(frozen=True, slots=True)
class Work:
    """What one step of one frame's decoder takes at least."""

    memory_bytes: int
    """Read and written."""
    operations: int
    """Multiplications and additions of the matrix products."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What a device does in a second."""

    copied_bytes: float
    """Read plus written, copying what no cache holds."""
    operations: dict[str, float]
    """Multiplications and additions of a large matrix product, by precision."""

    def memory_limit(self, work: Work) -> float:
        """Steps a second."""
        return self.copied_bytes / work.memory_bytes

    def operations_limit(self, work: Work) -> float:
        """Steps a second, in the fastest precision."""
        return max(self.operations.values()) / work.operations

    def limit(self, work: Work) -> float:
        """Steps a second."""
        return min(self.memory_limit(work), self.operations_limit(work))


def count_work(height: int, width: int, channels: int, levels: int) -> Work:
    """The least work of a step.

    Args:
        height: Of the crop, in px; a multiple of 2^levels, as is the width.
        width: In px.
        channels: K.
        levels: L.
    """
    pixels = [(height >> levels - level) * (width >> levels - level) for level in range(levels + 1)]
    weights = levels * (channels * channels + 2 * channels) + 3 * channels
    floats = (
        ACCESSES_TO_LEVELS * channels * sum(pixels[:levels])
        + 2 * channels * pixels[0]  # the input, forward and backward
        + PLANES * pixels[levels] * 4 // 3
        + ACCESSES_TO_WEIGHTS * weights
    )
    products = channels * channels * sum(pixels[:levels]) + 3 * channels * pixels[levels]
    unneeded = channels * channels * pixels[0]  # nobody asks for the input's gradient
    return Work(FLOAT_BYTES * floats, 2 * (3 * products - unneeded))


def measure_rates(device: torch.device, quick: bool = False) -> Rates:
    """Copy and multiply on all cores, or on the GPU.

    Args:
        device: A torch device.
        quick: With a tenth of the work.
    """
    is_cuda = device.type == "cuda"
    count = (1 << 28 if is_cuda else 1 << 26) // (4 if quick else 1)
    source = torch.ones(count, device=device)
    target = torch.zeros_like(source)
    copy_seconds = _time(lambda: target.copy_(source), device)
    side = (8192 if is_cuda else 2048) // (2 if quick else 1)
    factor = torch.rand(side, side, device=device)
    operations = {}
    for name in ("float32", "TF32") if is_cuda else ("float32",):
        with float32_products(tf32=name == "TF32"):
            operations[name] = 2 * side**3 / _time(lambda: factor @ factor, device)
    return Rates(2 * FLOAT_BYTES * count / copy_seconds, operations)


def _time(function: Callable[[], object], device: torch.device, repeats: int = 7) -> float:
    """Least seconds of several runs, after one to warm up: a limit is what was reached once."""
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        function()
        synchronize(device)
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])


def synchronize(device: torch.device) -> None:
    """Wait until a device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)

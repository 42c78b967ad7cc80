"""The decoder's last level in one pass: up-sampling, activation, norm, output layer and sigmoid.

Eager code writes and reads the up-sampled (B, 4 h w, K) tensor, the largest of a step, a dozen times each
way. Here it is never written: each kernel computes it again from the low-resolution values, which are a
quarter of it. A program walks down a strip of BLOCK_X columns and keeps the rows above in registers, so that
device memory gives each value once. No kernel uses atomics: sums leave as one part a program, so that equal
input gives equal bits. Products with the output layer are multiply-adds: it has three rows, and tl.dot would
pad them to 16 and round to TF32.

The kernels themselves are in `last_level_jit`, the plain twin is `level.Level`. Not yet run on a
GPU. See docs/measurements.md, "untrained/kernels/last_level: traffic and registers".
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from subremover.options import ActivationName
from subremover.untrained.kernels.last_level_jit import gather, paint, pull_sigmoid_back, sum_products
from subremover.untrained.kernels.launch import OPTIONS
from subremover.untrained.kernels.level_jit import upsample
from subremover.untrained.kernels.norm import fold, unfold
from subremover.untrained.kernels.strip import divide

BLOCK_VALUES = 1024
"""Number of values in a block, of columns times channels."""
WIDE = {"num_warps": 8, **OPTIONS}
"""How those kernels are started that keep few values a thread. The others have 4 warps and twice as many.
See docs/measurements.md, "untrained/kernels: launches, traffic and registers"."""
LEAST_ROWS = 8
"""Number of lines that a program walks down at least."""


def paint_last_level(
    values: Tensor,
    bias: Tensor | None,
    head: Tensor,
    scale: Tensor,
    shift: Tensor,
    *,
    activation: ActivationName,
) -> Tensor:
    """What `decode` does after its last mix, with gradients to the first five arguments.

    Args:
        values: (B, h, w, K) float32, after the last mix and before the up-sampling; K at most 256.
        bias: (B, K) float32, to be added to each pixel; None: nothing.
        head: (B, 3, K) float32, the output layer.
        scale: (B, K) float32, the norm's factors.
        shift: (B, K) float32, the norm's offsets.
        activation: Before the norm.

    Returns:
        (B, 3, 2 h, 2 w) float32 in [0, 1].
    """
    picture: Tensor = _LastLevel.apply(values, bias, head, scale, shift, activation)
    return picture


class _LastLevel(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        values: Tensor,
        bias: Tensor | None,
        head: Tensor,
        scale: Tensor,
        shift: Tensor,
        activation: ActivationName,
    ) -> Tensor:
        values = values.contiguous()
        B, h, w, K = values.shape
        grid, (rows, *blocks) = divide(B, h, w, K, BLOCK_VALUES, LEAST_ROWS)
        sizes = (h, w, rows, K, activation, *blocks)
        parts = values.new_empty(B, grid[0], 2, K)
        picture = values.new_empty(B, 3, 2 * h, 2 * w)
        with torch.cuda.device_of(values):
            upsample[grid](values, bias, None, parts, *sizes, **WIDE)
            statistics, gained, offset = fold(parts, head, scale, shift, 4 * h * w)
            paint[grid](values, bias, gained, offset, picture, *sizes, **WIDE)
        ctx.save_for_backward(values, bias, head, scale, shift, statistics, gained, picture)
        ctx.activation = activation
        return picture

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        values, bias, head, scale, shift, statistics, gained, picture = ctx.saved_tensors
        B, h, w, K = values.shape
        grid, (rows, *blocks) = divide(B, h, w, K, BLOCK_VALUES, LEAST_ROWS)
        sizes = (h, w, rows, K, ctx.activation, *blocks)
        pixels = 4 * rows * blocks[0]  # of a strip, up-sampled
        gradient, grad_values = torch.empty_like(picture), torch.empty_like(values)
        products, totals = values.new_empty(B, grid[0], 3, K), values.new_empty(B, 3, grid[0])
        with torch.cuda.device_of(values):
            pull_sigmoid_back[grid[0], 3 * B](
                picture, gradients[0].contiguous(), gradient, totals, 4 * h * w, pixels, **OPTIONS
            )
            sum_products[grid](values, bias, gradient, products, *sizes, **OPTIONS)
            *grad_weights, norm = unfold(products, totals, head, scale, shift, statistics, 4 * h * w)
            gather[grid](values, bias, gradient, gained, norm, grad_values, *sizes, **OPTIONS)
        grad_bias = None if bias is None else grad_values.sum((1, 2))
        return grad_values, grad_bias, *grad_weights, None

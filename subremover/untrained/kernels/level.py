"""A middle level of the decoder in seven or eight launches instead of some fifty.

Forward: one kernel up-samples, activates and sums, one folds the norm into the mix, and cuBLAS mixes. The
bias that the norm leaves is added by the next level as it reads: for a product that adds one, torch spreads
it over the result first. Backward: cuBLAS's product, one kernel for the norm's algebra, cuBLAS again, and one
kernel that gathers the coarse pixels' gradient and, for the bias, its sum. The up-sampled pixels are written
once, as both products want them. No kernel uses atomics, so that equal input gives equal bits.

The kernels themselves are in `level_jit` and `norm_jit`, the plain twin is `level.Level`. Not yet run on a
GPU. See docs/measurements.md, "untrained/kernels: launches, traffic and registers".
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from subremover.options import ActivationName
from subremover.untrained.kernels.launch import OPTIONS
from subremover.untrained.kernels.level_jit import gather_level, upsample
from subremover.untrained.kernels.norm import fold, unfold
from subremover.untrained.kernels.strip import divide

BLOCK_VALUES = 512
"""Number of values in a block, of columns times channels.
See docs/measurements.md, "untrained/kernels: launches, traffic and registers"."""
LEAST_ROWS = 2
"""Number of lines that a program walks down at least."""


def mix_level(
    values: Tensor,
    bias: Tensor | None,
    mix: Tensor,
    scale: Tensor,
    shift: Tensor,
    *,
    activation: ActivationName,
) -> tuple[Tensor, Tensor]:
    """A level's up-sampling, activation and norm, and the next mix, with gradients to the first five.

    Args:
        values: (B, h, w, K) float32.
        bias: (B, K) float32, to be added to each pixel; None: nothing.
        mix: (B, J, K) float32, the next 1x1 convolution.
        scale: (B, K) float32, the norm's factors.
        shift: (B, K) float32, the norm's offsets.
        activation: Between up-sampling and norm.

    Returns:
        (B, 2h, 2w, J) float32, and (B, J), to be added to each pixel of that.
    """
    mixed, offset = _Level.apply(values, bias, mix, scale, shift, activation)
    return mixed, offset


class _Level(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        values: Tensor,
        bias: Tensor | None,
        mix: Tensor,
        scale: Tensor,
        shift: Tensor,
        activation: ActivationName,
    ) -> tuple[Tensor, Tensor]:
        values = values.contiguous()
        B, h, w, K = values.shape
        count = 4 * h * w
        grid, (rows, *blocks) = divide(B, h, w, K, BLOCK_VALUES, LEAST_ROWS)
        pixels, parts = values.new_empty(B, count, K), values.new_empty(B, grid[0], 2, K)
        with torch.cuda.device_of(values):
            upsample[grid](values, bias, pixels, parts, h, w, rows, K, activation, *blocks, **OPTIONS)
        statistics, gained, offset = fold(parts, mix, scale, shift, count)
        mixed = torch.bmm(pixels, gained.transpose(1, 2))
        ctx.save_for_backward(pixels, mix, scale, shift, statistics, gained)
        ctx.size, ctx.activation = (h, w), activation
        return mixed.view(B, 2 * h, 2 * w, -1), offset

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        pixels, mix, scale, shift, statistics, gained = ctx.saved_tensors
        B, count, K = pixels.shape
        gradient, total = gradients[0].flatten(1, 2), gradients[1]  # (B, N, J), (B, J)
        products = torch.bmm(gradient.transpose(1, 2), pixels).unsqueeze(1)
        *grad_weights, norm = unfold(
            products, total.contiguous().unsqueeze(2), mix, scale, shift, statistics, count
        )
        grad_pixels = torch.bmm(gradient, gained)  # (B, N, K)
        h, w = ctx.size
        grid, (rows, *blocks) = divide(B, h, w, K, BLOCK_VALUES, LEAST_ROWS)
        sizes = (h, w, rows, K, ctx.activation, *blocks)
        grad_values = pixels.new_empty(B, h, w, K)
        parts = pixels.new_empty(B, grid[0], K) if ctx.needs_input_grad[1] else None
        with torch.cuda.device_of(pixels):
            gather_level[grid](pixels, grad_pixels, norm, grad_values, parts, *sizes, **OPTIONS)
        return grad_values, None if parts is None else parts.sum(1), *grad_weights, None

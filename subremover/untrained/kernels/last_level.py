"""The decoder's last level in one pass: up-sampling, activation, norm, output layer and sigmoid.

Eager code writes and reads the up-sampled (B, 4 h w, K) tensor, the largest of a step, a dozen times each
way. Here it is never written: each kernel computes it again from the low-resolution values, which are a
quarter of it. A program walks down a strip of BLOCK_X columns and keeps the rows above in registers, so that
device memory gives each value once. No kernel uses atomics: sums leave as one part a program, so that equal
input gives equal bits. Products with the output layer are multiply-adds: it has three rows, and tl.dot would
pad them to 16 and round to TF32.

The kernels themselves are in `last_level_jit`, the plain twin is `level.paint_last_level`. Not yet run on a
GPU. See docs/measurements.md, "untrained/kernels/last_level: traffic and registers".
"""

from __future__ import annotations

from typing import Any

import torch
import triton
from torch import Tensor

from subremover.options import ActivationName
from subremover.untrained.kernels.last_level_jit import gather, paint, sum_activations, sum_products
from subremover.untrained.level import NORM_EPSILON

BLOCK_VALUES = 1024
"""Number of values in a block, of columns times channels."""
ROWS = 16
"""Number of rows that a program walks down; the rows above and below are read besides."""


def paint_last_level(
    values: Tensor,
    head: Tensor,
    scale: Tensor,
    shift: Tensor,
    *,
    size: tuple[int, int],
    activation: ActivationName,
) -> Tensor:
    """What `decode` does after its last mix, with gradients to the first four arguments.

    Args:
        values: (B, h * w, K) float32, after the last mix and before the up-sampling; K at most 256.
        head: (B, 3, K) float32, the output layer.
        scale: (B, K) float32, the norm's factors.
        shift: (B, K) float32, the norm's offsets.
        size: h and w.
        activation: Before the norm.

    Returns:
        (B, 3, 2 h, 2 w) float32 in [0, 1].
    """
    picture: Tensor = _LastLevel.apply(values, head, scale, shift, size, activation)
    return picture


class _LastLevel(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        values: Tensor,
        head: Tensor,
        scale: Tensor,
        shift: Tensor,
        size: tuple[int, int],
        activation: ActivationName,
    ) -> Tensor:
        values = values.contiguous()
        B, _, K = values.shape
        h, w = size
        grid, blocks = _divide(B, h, w, K)
        parts = values.new_empty(B, grid[0], 2, K)
        with torch.cuda.device_of(values):
            sum_activations[grid](values, parts, h, w, K, activation, *blocks)
            mean, power = (parts.sum(1) / (4 * h * w)).unbind(1)  # (B, K)
            spread = (power - mean.square()).clamp_min(0).add(NORM_EPSILON).sqrt()
            gain = scale / spread
            offset = torch.bmm(head, (shift - mean * gain).unsqueeze(2))  # (B, 3, 1)
            picture = values.new_empty(B, 3, 2 * h, 2 * w)
            mix = head * gain.unsqueeze(1)
            paint[grid](values, mix, offset, picture, h, w, K, activation, *blocks)
        ctx.save_for_backward(values, head, scale, shift, mean, spread, picture)
        ctx.size, ctx.activation = size, activation
        return picture

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        values, head, scale, shift, mean, spread, picture = ctx.saved_tensors
        B, _, K = values.shape
        h, w = ctx.size
        count = 4 * h * w
        grid, blocks = _divide(B, h, w, K)
        gradient = torch.ops.aten.sigmoid_backward(gradients[0], picture).contiguous()
        parts = values.new_empty(B, grid[0], 3, K)
        grad_values = torch.empty_like(values)
        with torch.cuda.device_of(values):
            sum_products[grid](values, gradient, parts, h, w, K, ctx.activation, *blocks)
            # correlation[j, k] = sum over pixels of gradient_j * normalised value_k
            total = gradient.sum((2, 3)).unsqueeze(2)  # (B, 3, 1)
            correlation = (parts.sum(1) - total * mean.unsqueeze(1)) / spread.unsqueeze(1)
            grad_scale = (head * correlation).sum(1)
            grad_shift = (head * total).sum(1)
            grad_head = correlation * scale.unsqueeze(1) + total * shift.unsqueeze(1)
            # d activation = gain * head^T gradient, less its mean and its part along the normalised values
            gain = scale / spread
            slope = -gain * grad_scale / (count * spread)  # (B, K)
            offset = -gain * grad_shift / count - slope * mean
            factors = torch.cat([head * gain.unsqueeze(1), slope.unsqueeze(1), offset.unsqueeze(1)], 1)
            gather[grid](values, gradient, factors, grad_values, h, w, K, ctx.activation, *blocks)
        return grad_values, grad_head, grad_scale, grad_shift, None, None


def _divide(B: int, h: int, w: int, K: int) -> tuple[tuple[int, int], tuple[int, int, int]]:
    """The grid, strips and rows of the batch, and what the kernels take as ROWS, BLOCK_X and BLOCK_K."""
    block_k = triton.next_power_of_2(K)
    block_x = max(1, min(BLOCK_VALUES // block_k, triton.next_power_of_2(w)))
    strips = triton.cdiv(w, block_x) * triton.cdiv(h, ROWS)
    return (strips, B), (ROWS, block_x, block_k)

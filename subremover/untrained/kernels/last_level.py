"""The decoder's last level in one pass: up-sampling, activation, norm, output layer and sigmoid.

Eager code writes and reads the up-sampled (B, 4 h w, K) tensor, the largest of a step, a dozen times each
way. Here it is never written: each kernel computes it again from the low-resolution values, which are a
quarter of it. A program walks down a strip of BLOCK_X columns and keeps the rows above in registers, so that
device memory gives each value once. No kernel uses atomics: sums leave as one part a program, so that equal
input gives equal bits.

Traffic of one row and step, with n = h w low-resolution pixels, in floats: statistics n K; picture n K + 12
n; backward 36 n for the sigmoid and 12 n for the sum of its gradient, n K + 12 n for the output layer's
gradient and 2 n K + 12 n for that of the values: 5 n K + 84 n, or 11.2 MB for a picture of 96x288 at K = 64.
Lines that two strips share are counted once. Eager operators take and give 141 MB. At the 3.35 TB/s of an
H100 the bounds are 300 k and 24 k a second, for this level alone. Not yet run on a GPU: traffic is counted,
speed is not measured.

Blocks are 1024 values of 4 warps, 8 to a thread, at any K; in `gather`, the greediest, some nine such blocks
live at once. Compiled for sm_90 at K = 64 the kernels take 83, 96, 128 and 128 registers and 1 KiB of shared
memory or less, and none spills. They are 3,744 instructions together: were all of them run for each line of
16 columns, that would be 7 us a row on 132 SMs of four 1.7 GHz schedulers; so expect arithmetic to be the
bound. Products with the output layer are multiply-adds: it has three rows, and tl.dot would pad them to 16
and round to TF32.
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
ROWS = 16  # that a program walks down; the rows above and below are read besides


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

"""The norm of each row's channels folded into the 1x1 convolution behind it, and out again: a launch each.

In plain torch the algebra of a norm is some twenty operators on tensors of (B, K), each a launch of a few
microseconds that moves next to nothing. The kernels themselves are in `norm_jit`, the plain twin is in
`level.Level`. Sums come in as one part a program and are added in order, so that equal input gives equal
bits. Not yet run on a GPU. See docs/measurements.md, "untrained/kernels: launches, traffic and registers".
"""

from __future__ import annotations

import torch
import triton
from torch import Tensor

from subremover.untrained.kernels.launch import OPTIONS
from subremover.untrained.kernels.norm_jit import fold_norm, unfold_norm
from subremover.untrained.level import NORM_EPSILON

BLOCK_VALUES = 2048
"""Number of values in a block, of parts times outputs times channels."""


def fold(
    parts: Tensor, mix: Tensor, scale: Tensor, shift: Tensor, count: int
) -> tuple[Tensor, Tensor, Tensor]:
    """What comes in the place of a norm and the convolution behind it.

    Args:
        parts: (B, P, 2, K) float32, sums of the pixels and of their squares in P parts.
        mix: (B, J, K) float32, the convolution; its rows contiguous, as those of the next two.
        scale: (B, K) float32, the norm's factors.
        shift: (B, K) float32, the norm's offsets.
        count: Number of pixels.

    Returns:
        (B, 2, K) mean and spread of the pixels, (B, J, K) the new convolution, and (B, J) its bias.
    """
    B, J, K = mix.shape
    blocks = choose_fold_blocks(J, K)
    statistics, gained, offset = mix.new_empty(B, 2, K), mix.new_empty(B, J, K), mix.new_empty(B, J)
    with torch.cuda.device_of(mix):
        fold_norm[triton.cdiv(J, blocks[1]), B](
            parts, mix, scale, shift, statistics, gained, offset,
            mix.stride(0), scale.stride(0), shift.stride(0), parts.shape[1], count,
            NORM_EPSILON, J, K, *blocks, **OPTIONS,
        )  # fmt: skip
    return statistics, gained, offset


def unfold(
    products: Tensor,
    totals: Tensor,
    mix: Tensor,
    scale: Tensor,
    shift: Tensor,
    statistics: Tensor,
    count: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The gradients of what `fold` took, out of those of the convolution's results.

    Args:
        products: (B, P, J, K) float32, sums over pixels of gradient_j times pixel_k, in P parts.
        totals: (B, J, P) float32, sums of the gradient.
        mix: As `fold` took it, like the next two.
        scale: The norm's factors.
        shift: The norm's offsets.
        statistics: (B, 2, K) mean and spread.
        count: Number of pixels.

    Returns:
        The gradients of mix, scale and shift, and (B, 2, K): times the pixel, and plus, what the gradient of
        each pixel is besides the convolution's.
    """
    B, J, K = mix.shape
    blocks = choose_unfold_blocks(J, K)
    grad_mix, grad_scale, grad_shift = mix.new_empty(B, J, K), mix.new_empty(B, K), mix.new_empty(B, K)
    norm = torch.empty_like(statistics)
    with torch.cuda.device_of(mix):
        unfold_norm[triton.cdiv(K, blocks[2]), B](
            products, totals, mix, scale, shift, statistics, grad_mix, grad_scale, grad_shift, norm,
            mix.stride(0), scale.stride(0), shift.stride(0), totals.shape[2], count,
            J, K, *blocks, **OPTIONS,
        )  # fmt: skip
    return grad_mix, grad_scale, grad_shift, norm


def choose_fold_blocks(J: int, K: int) -> tuple[int, int, int]:
    """What `fold_norm` takes as BLOCK_P, BLOCK_J and BLOCK_K."""
    block_k = triton.next_power_of_2(K)
    block = max(1, BLOCK_VALUES // block_k)
    return block, min(block, triton.next_power_of_2(J)), block_k


def choose_unfold_blocks(J: int, K: int) -> tuple[int, int, int]:
    """What `unfold_norm` takes as BLOCK_P, BLOCK_J and BLOCK_K."""
    block_j = triton.next_power_of_2(J)
    block_k = min(max(1, BLOCK_VALUES // block_j), triton.next_power_of_2(K))
    return max(1, BLOCK_VALUES // (block_j * block_k)), block_j, block_k

"""MS-SSIM over the known pixels, and L1 with it: each scale in one pass forward and one back.

A program walks down a strip of BLOCK_X columns. Each line is filtered sideways as it is read; the eleven taps
downwards are eleven windows under way, kept in registers and moved on by one with each line, so that nothing
filtered but not finished is ever written. The forward pass leaves the derivatives of each window by its three
sums, and the backward pass filters those in the same way; it also adds what comes back from the halved
picture. One small kernel in between makes the loss, and its derivatives, of all scales' sums. No kernel uses
atomics: sums leave as one part a program, so that equal input gives equal bits.

A block has a column a thread, as three sums of eleven windows already fill 33 registers. L1 costs nothing
here, as what it reads is there. The kernels themselves are in `similarity_jit`, the plain twin is
`losses.compare`. Not yet run on a GPU.
See docs/measurements.md, "untrained/kernels/similarity: traffic and registers".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
import triton
from torch import Tensor

from subremover.untrained.gaussian import C1, C2, LEAST_SIMILARITY, LEAST_WEIGHT
from subremover.untrained.kernels.launch import OPTIONS
from subremover.untrained.kernels.similarity_jit import combine, halve, measure, spread

BLOCK_X = 128
"""Most columns of a strip."""
ROWS = 32
"""Number of lines of windows that a program finishes; it reads 10 lines more."""
BLOCK_HALF = 256
"""Number of pixels of a halved picture in a block."""
BLOCK_PARTS = 32
"""Number of parts of each sum that are added at a time."""


class PreparedScale(Protocol):
    """One scale of a target, and what of its windows does not change from step to step.

    All tensors are float32 and contiguous.
    """

    @property
    def known(self) -> Tensor:
        """(B, 1, h, w) weight of each pixel."""

    @property
    def target(self) -> Tensor:
        """(B, 3, h, w) in [0, 1]."""

    @property
    def window(self) -> Tensor:
        """(11,) Gaussian along one axis, zeros after the last tap; h' and w' are h and w less taps - 1."""

    @property
    def share(self) -> Tensor:
        """(B, 1, h', w') share of each window's weight in its row's mean."""

    @property
    def inverse(self) -> Tensor:
        """(B, 1, h', w') 1 / the known weight inside each window, 0 where there is none."""

    @property
    def mean(self) -> Tensor:
        """(B, 3, h', w') mean of the target in each window."""

    @property
    def variance(self) -> Tensor:
        """(B, 3, h', w') variance of the target in each window."""


def compare(
    picture: Tensor, scales: Sequence[PreparedScale], exponents: Tensor, share: Tensor, structure: float
) -> Tensor:
    """How far pictures are from their targets, by structure and by L1, with gradients to the pictures.

    Args:
        picture: (B, 3, h, w) float32 in [0, 1].
        scales: S, of the targets, at most 8, from the finest; each but that is the one before it, halved.
        exponents: (S,) float32, weight of each scale's similarity.
        share: (B,) float32, share of one known sample in its row's mean.
        structure: Share of the multi-scale similarity in the loss, 0 to 1; the rest is L1.

    Returns:
        (B,), each row's own loss.
    """
    losses: Tensor = _Compare.apply(picture, scales, exponents, share, structure)
    return losses


class _Compare(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        picture: Tensor,
        scales: Sequence[PreparedScale],
        exponents: Tensor,
        share: Tensor,
        structure: float,
    ) -> Tensor:
        S, B = len(scales), len(picture)
        programs = _divide(picture)[0][0]
        parts = picture.new_zeros(S, B, 3, programs, 2)  # coarser scales have fewer programs
        losses, slopes = picture.new_empty(B), picture.new_empty(S, B, 3, 2)
        pictures, derivatives = [picture.contiguous()], []
        with torch.cuda.device_of(picture):
            for index, scale in enumerate(scales):
                if index:
                    pictures.append(_halve(pictures[-1], scales[index - 1].known, scale.known))
                derivatives.append(_measure(pictures[-1], scale, parts[index], index == S - 1))
            combine[(B,)](
                parts, exponents, share, losses, slopes, S, B, programs,
                LEAST_SIMILARITY, structure, BLOCK_PARTS, **OPTIONS,
            )  # fmt: skip
        ctx.save_for_backward(slopes, *pictures, *derivatives)
        ctx.scales = scales
        return losses

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        slopes, *saved = ctx.saved_tensors
        S = len(ctx.scales)
        factors = slopes * gradients[0].view(-1, 1, 1)
        known, gradient = None, None
        with torch.cuda.device_of(slopes):
            for index in reversed(range(S)):
                picture, derivatives, scale = saved[index], saved[S + index], ctx.scales[index]
                gradient = _spread(picture, scale, derivatives, factors[index], known, gradient)
                known = scale.known
        return gradient, None, None, None, None


def _halve(picture: Tensor, known: Tensor, half_known: Tensor) -> Tensor:
    """The picture at the next scale."""
    B, _, h, w = picture.shape
    half = picture.new_empty(B, 3, *half_known.shape[2:])
    grid = triton.cdiv(half[0, 0].numel(), BLOCK_HALF), 3 * B
    halve[grid](picture, known, half_known, half, h, w, LEAST_WEIGHT, BLOCK_HALF, **OPTIONS)
    return half


def _measure(picture: Tensor, scale: PreparedScale, parts: Tensor, with_luminance: bool) -> Tensor:
    """Fill (B, 3, programs, 2) sums of one scale, and give its windows' derivatives, (B, 3, 3, h', w')."""
    B, _, h, w = picture.shape
    size = scale.share.shape[2:]
    grid, block = _divide(picture)
    derivatives = picture.new_empty(B, 3, 3, *size)
    measure[grid](
        picture, scale.target, scale.known, scale.window, scale.share, scale.inverse, scale.mean,
        scale.variance, derivatives, parts, h, w, *size, parts.shape[2],
        C1, C2, with_luminance, ROWS, block, num_warps=max(1, block // 32), **OPTIONS,
    )  # fmt: skip
    return derivatives


def _spread(
    picture: Tensor,
    scale: PreparedScale,
    derivatives: Tensor,
    factors: Tensor,
    half_known: Tensor | None,
    grad_half: Tensor | None,
) -> Tensor:
    """The gradient of one scale's picture, given the weights and the gradient of the next one's, if any."""
    h, w = picture.shape[2:]
    grid, block = _divide(picture)
    gradient = torch.empty_like(picture)
    spread[grid](
        picture, scale.target, scale.known, scale.window, derivatives, factors, half_known, grad_half,
        gradient, h, w, *derivatives.shape[3:], LEAST_WEIGHT, ROWS, block,
        num_warps=max(1, block // 32), **OPTIONS,
    )  # fmt: skip
    return gradient


def _divide(picture: Tensor) -> tuple[tuple[int, int], int]:
    """The grid, strips and channels of the batch, and BLOCK_X."""
    B, _, h, w = picture.shape
    block = min(BLOCK_X, triton.next_power_of_2(w))
    return (triton.cdiv(w, block) * triton.cdiv(h, ROWS), 3 * B), block

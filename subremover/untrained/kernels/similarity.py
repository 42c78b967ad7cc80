"""One scale of MS-SSIM over the known pixels, and L1 with it, in one pass forward and one back.

A program walks down a strip of BLOCK_X columns. Each line is filtered sideways as it is read; the eleven taps
downwards are eleven windows under way, kept in registers and moved on by one with each line, so that nothing
filtered but not finished is ever written. The forward pass leaves the derivatives of each window by its three
sums, and the backward pass filters those in the same way. No kernel uses atomics: sums leave as one part a
program, so that equal input gives equal bits.

A block has a column a thread, as three sums of eleven windows already fill 33 registers. L1 costs nothing
here, as what it reads is there; the halving between scales stays plain torch. The kernels themselves are in
`similarity_jit`, the plain twin is `losses.compare`. Not yet run on a GPU.
See docs/measurements.md, "untrained/kernels/similarity: traffic and registers".
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
import torch.nn.functional as F
import triton
from torch import Tensor

from subremover.untrained.gaussian import C1, C2, WINDOW_PX
from subremover.untrained.kernels.similarity_jit import measure, spread

BLOCK_X = 128
"""Most columns of a strip."""
ROWS = 32
"""Number of lines of windows that a program finishes; it reads 10 lines more."""


class PreparedScale(Protocol):
    """One scale of a target, and what of its windows does not change from step to step; all float32."""

    @property
    def known(self) -> Tensor:
        """(B, 1, h, w) weight of each pixel."""

    @property
    def target(self) -> Tensor:
        """(B, 3, h, w) in [0, 1]."""

    @property
    def window(self) -> Tensor:
        """(1, 1, 1, taps) Gaussian, at most 11 taps; h' and w' are h and w less taps - 1."""

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


def compare(picture: Tensor, scale: PreparedScale, with_luminance: bool) -> tuple[Tensor, Tensor]:
    """How alike a picture and the target are at one scale, with gradients to the picture.

    Args:
        picture: (B, 3, h, w) float32 in [0, 1].
        scale: Of the target.
        with_luminance: Whether all of SSIM counts; else only its contrast and structure.

    Returns:
        (B, 3) the similarity of each row and channel, and (B, 3) the sum of known * |picture - target|.
    """
    similarity, absolute = _Compare.apply(picture, scale, with_luminance)
    return similarity, absolute


class _Compare(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, picture: Tensor, scale: PreparedScale, with_luminance: bool
    ) -> tuple[Tensor, Tensor]:
        B, _, h, w = picture.shape
        picture, target, known = picture.contiguous(), scale.target.contiguous(), scale.known.contiguous()
        windows = [part.contiguous() for part in (scale.share, scale.inverse, scale.mean, scale.variance)]
        size = windows[0].shape[2:]
        taps = F.pad(scale.window.flatten(), (0, WINDOW_PX - scale.window.numel()))
        grid, block = _divide(B, h, w)
        derivatives = picture.new_empty(B, 3, 3, *size)
        parts = picture.new_empty(B, 3, grid[0], 2)
        with torch.cuda.device_of(picture):
            measure[grid](
                picture, target, known, taps, *windows, derivatives, parts, h, w, *size,
                C1, C2, with_luminance, ROWS, block, num_warps=max(1, block // 32),
            )  # fmt: skip
        ctx.save_for_backward(picture, target, known, taps, derivatives)
        similarity, absolute = parts.sum(2).unbind(2)
        return similarity, absolute

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        picture, target, known, taps, derivatives = ctx.saved_tensors
        B, _, h, w = picture.shape
        grid, block = _divide(B, h, w)
        factors = torch.stack(gradients, 2)  # (B, 3, 2)
        grad_picture = torch.empty_like(picture)
        with torch.cuda.device_of(picture):
            spread[grid](
                picture, target, known, taps, derivatives, factors, grad_picture,
                h, w, *derivatives.shape[3:], ROWS, block, num_warps=max(1, block // 32),
            )  # fmt: skip
        return grad_picture, None, None


def _divide(B: int, h: int, w: int) -> tuple[tuple[int, int], int]:
    """The grid, strips and channels of the batch, and BLOCK_X."""
    block = min(BLOCK_X, triton.next_power_of_2(w))
    return (triton.cdiv(w, block) * triton.cdiv(h, ROWS), 3 * B), block

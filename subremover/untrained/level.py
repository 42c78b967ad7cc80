"""One level of the deep decoder, forward and backward, in few passes over the pixels: it takes a step's time.

How levels make a decoder is in `deep_decoder`; the same by kernels for CUDA in `kernels.levels`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from subremover.options import ActivationName

NORM_EPSILON = 1e-5
"""Added to each variance before it is divided by."""


class PaintLevels(Protocol):
    """What `paint_levels` does, perhaps in another way."""

    def __call__(
        self,
        values: Tensor,
        mixes: Sequence[Tensor],
        scales: Sequence[Tensor],
        shifts: Sequence[Tensor],
        head: Tensor,
        *,
        activation: ActivationName,
    ) -> Tensor: ...


def paint_levels(
    values: Tensor,
    mixes: Sequence[Tensor],
    scales: Sequence[Tensor],
    shifts: Sequence[Tensor],
    head: Tensor,
    *,
    activation: ActivationName,
) -> Tensor:
    """All that follows the first 1x1 convolution, with gradients to all tensors.

    Args:
        values: (B, h, w, K) float, what that convolution gave.
        mixes: L - 1 times (B, K, K), the 1x1 convolutions between the levels.
        scales: L times (B, K), the norms' factors.
        shifts: L times (B, K), the norms' offsets.
        head: (B, C, K), the convolution to the picture's channels.
        activation: Between each level's up-sampling and norm.

    Returns:
        (B, C, 2^L h, 2^L w) in [0, 1].
    """
    for mix, scale, shift in zip((*mixes, head), scales, shifts, strict=True):
        values = Level.apply(values, mix, scale, shift, activation)  # type: ignore[no-untyped-call]
    return values.permute(0, 3, 1, 2).sigmoid()


class Level(torch.autograd.Function):
    """Bilinear 2x up-sampling, activation, norm of each row's channels, and the next 1x1 convolution.

    A step is bound by memory traffic. So the norm is folded into the convolution's weights, forward and
    backward, the normalised values, as many as a picture of K channels has, are never written, and what can
    be worked out in place is. See docs/measurements.md, "untrained/level: traffic".
    """

    @staticmethod
    def forward(  # noqa: PLR0917
        ctx: Any, values: Tensor, mix: Tensor, scale: Tensor, shift: Tensor, activation: ActivationName
    ) -> Tensor:
        """The level's values after its up-sampling, activation and norm, mixed by the next convolution.

        Args:
            ctx: torch's.
            values: (B, h, w, K) float.
            mix: (B, J, K), the next 1x1 convolution.
            scale: (B, K), the norm's factors.
            shift: (B, K), the norm's offsets.
            activation: Between up-sampling and norm.

        Returns:
            (B, 2h, 2w, J).
        """
        B, height, width, K = values.shape
        grid = values.permute(0, 3, 1, 2)  # (B, K, h, w), channels last
        fine = F.interpolate(grid, scale_factor=2, mode="bilinear", align_corners=False)
        pixels = _activate(fine, activation).permute(0, 2, 3, 1).flatten(1, 2)  # (B, N, K)
        mean = pixels.mean(1)  # (B, K)
        power = pixels.square().mean(1)
        spread = (power - mean.square()).clamp_min(0).add(NORM_EPSILON).sqrt()
        gain = scale / spread
        gained = mix * gain.unsqueeze(1)
        # (B, J, 1); not as a matrix product: BLAS rounds that of one row in another way
        offset = (mix * (shift - mean * gain).unsqueeze(1)).sum(2, keepdim=True)
        if mix.shape[1] < K:  # by planes, see docs/measurements.md, "untrained/level: traffic"
            mixed = torch.baddbmm(offset, gained, pixels.transpose(1, 2)).transpose(1, 2)
        else:
            mixed = torch.baddbmm(offset.transpose(1, 2), pixels, gained.transpose(1, 2))
        ctx.save_for_backward(pixels, mix, scale, shift, mean, spread)
        ctx.activation = activation
        return mixed.view(B, 2 * height, 2 * width, -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of `forward`'s first four arguments, out of (B, 2h, 2w, J); overwrites that."""
        pixels, mix, scale, shift, mean, spread = ctx.saved_tensors
        count = pixels.shape[1]
        gradient = gradients[0].flatten(1, 2)  # (B, N, J)
        total = gradient.sum(1)  # (B, J)
        # correlation[j, k] = sum over pixels of gradient_j * normalised value_k
        raw = torch.bmm(gradient.transpose(1, 2), pixels)  # (B, J, K)
        correlation = (raw - total.unsqueeze(2) * mean.unsqueeze(1)) / spread.unsqueeze(1)
        grad_scale = (mix * correlation).sum(1)
        grad_shift = (mix * total.unsqueeze(2)).sum(1)
        grad_mix = correlation * scale.unsqueeze(1) + total.unsqueeze(2) * shift.unsqueeze(1)
        # d pixels = gain * mix^T gradient, less its mean and its part along the normalised values
        gain = scale / spread
        slope = -gain * grad_scale / (count * spread)  # (B, K)
        offset = -gain * grad_shift / count - slope * mean
        grad_pixels = torch.addcmul(offset.unsqueeze(1), pixels, slope.unsqueeze(1))
        grad_pixels.baddbmm_(gradient, mix * gain.unsqueeze(1))
        _activate_backward_(grad_pixels, pixels, ctx.activation)
        grid = grad_pixels.view(*gradients[0].shape[:3], -1).permute(0, 3, 1, 2)
        return _upsample_backward_(grid).permute(0, 2, 3, 1), grad_mix, grad_scale, grad_shift, None


def _upsample_backward_(gradient: Tensor) -> Tensor:
    """The gradient of a bilinear 2x up-sampling, (B, K, 2h, 2w) -> (B, K, h, w), as one strided convolution.

    Faster on the CPU than torch's own backward pass; on CUDA, where that adds atomically, it makes the fit
    repeatable. The gradient's border is overwritten. See docs/measurements.md, "untrained/level: traffic".
    """
    height, width = gradient.shape[2:]
    for border in (gradient[:, :, :: height - 1], gradient[:, :, :, :: width - 1]):
        border.mul_(4 / 3)  # its pixels are taken once more, by a quarter, in the forward pass
    K = gradient.shape[1]
    kernel = _taps(gradient.dtype, gradient.device).expand(K, 1, 4, 4)
    # As F.conv2d, but never rounded to TF32, whatever the process allows: a backward pass may run in a
    # thread of torch's, where no flag can be changed for a moment.
    none, rounds_nowhere = (0, 0), (False, True, True, False)  # benchmark, deterministic, cudnn, TF32
    return torch._convolution(gradient, kernel, None, (2, 2), (1, 1), (1, 1), False, none, K, *rounds_nowhere)


@lru_cache(maxsize=16)
def _taps(dtype: torch.dtype, device: torch.device) -> Tensor:
    """(4, 4) weights by which fine pixels take part in the coarse one in their middle."""
    line = torch.tensor([0.25, 0.75, 0.75, 0.25], dtype=dtype, device=device)
    return torch.outer(line, line)


def _activate(values: Tensor, activation: ActivationName) -> Tensor:
    # In place: the up-sampling keeps nothing for its backward pass, so its output is free.
    if activation == "relu":
        return F.relu_(values)
    if activation == "relu6":
        return F.hardtanh_(values, 0.0, 6.0)
    if activation == "leaky-relu":
        return F.leaky_relu_(values, 0.1)
    # The norm takes the half away again; without it, its variance would drown in rounding.
    return values.sigmoid_().sub_(0.5)


def _activate_backward_(gradient: Tensor, values: Tensor, activation: ActivationName) -> None:
    """Gradient times the activation's slope, told from what it gave; in place."""
    aten = torch.ops.aten
    if activation == "relu":
        aten.threshold_backward.grad_input(gradient, values, 0, grad_input=gradient)
    elif activation == "relu6":
        aten.hardtanh_backward.grad_input(gradient, values, 0.0, 6.0, grad_input=gradient)
    elif activation == "leaky-relu":
        aten.leaky_relu_backward.grad_input(gradient, values, 0.1, True, grad_input=gradient)
    else:
        gradient.mul_(0.25 - values.square())

"""Losses: how far a picture is from the known pixels of its target, one number for each row of a batch.

What lies in the hole counts for nothing here, in the picture as in the target. The fused kernels for CUDA are
in `kernels.similarity`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from subremover.options import LossName
from subremover.untrained.gaussian import (
    C1,
    C2,
    LEAST_SIMILARITY,
    LEAST_WEIGHT,
    WINDOW_PX,
    blur,
    blur_back,
    gaussian,
)
from subremover.untrained.kernels import are_usable

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales of MS-SSIM, from the finest (Wang, Simoncelli and Bovik 2003)."""
MIX_SHARE = 0.84
"""Share of MS-SSIM in the loss "mix"; the rest is L1 (Zhao et al. 2017)."""
RGB = 3
"""Number of channels that the kernels compare."""


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """One scale of a target, and what of its windows does not change from step to step; all contiguous."""

    known: Tensor
    """(B, 1, h, w) weight of each pixel."""
    target: Tensor
    """(B, C, h, w)"""
    taps: int
    """Side of the window, odd, at most 11."""
    window: Tensor
    """(11,) Gaussian along one axis, zeros after the last tap."""
    share: Tensor
    """(B, 1, h', w') share of each window's weight in its row's mean; a row adds up to 1, or to 0
    where nothing is known."""
    inverse: Tensor
    """(B, 1, h', w') 1 / the known weight inside each window, 0 where there is none."""
    mean: Tensor
    """(B, C, h', w') mean of the target in each window."""
    variance: Tensor
    """(B, C, h', w') variance of the target in each window."""

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All that depends on the target; row i belongs to target i alone."""
        return (self.known, self.target, self.share, self.inverse, self.mean, self.variance)


Compare = Callable[[Tensor, Sequence[Scale], Tensor, Tensor, float], Tensor]
"""What `compare` does, perhaps in another way."""


@dataclass(frozen=True, slots=True, eq=False)
class Loss:
    """The loss of B pictures against B targets; what depends on the targets alone is computed once."""

    name: LossName
    target: Tensor
    """(B, C, h, w) in [0, 1]."""
    known: Tensor
    """(B, 1, h, w) weight of each pixel, 0 in the hole."""
    share: Tensor
    """(B,) share of one known sample in its row's mean."""
    scales: tuple[Scale, ...]
    """S, from the finest; none where the loss does not look at windows."""
    exponents: Tensor
    """(S,) weight of each scale; they add up to 1."""
    compare: Compare
    """By kernels or plain torch."""

    def __call__(self, output: Tensor) -> Tensor:
        """(B, C, h, w) in [0, 1] -> (B,), each row's own loss."""
        if self.name == "mse":
            return ((output - self.target).square() * self.known).sum((1, 2, 3)) * self.share
        if self.name == "l1":
            return (output - self.target).mul(self.known).abs().sum((1, 2, 3)) * self.share
        structure = MIX_SHARE if self.name == "mix" else 1.0
        return self.compare(output, self.scales, self.exponents, self.share, structure)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All that was prepared; row i belongs to target i alone."""
        own = self.target, self.known, self.share
        return (*own, *(tensor for scale in self.scales for tensor in scale.tensors))


def compare(
    output: Tensor, scales: Sequence[Scale], exponents: Tensor, share: Tensor, structure: float
) -> Tensor:
    """How far pictures are from their targets, by structure and by L1, in plain torch.

    Args:
        output: (B, C, h, w) in [0, 1].
        scales: S, of the targets, from the finest. The coarsest counts with luminance, the others by contrast
            and structure only.
        exponents: (S,) weight of each scale's similarity.
        share: (B,) share of one known sample in its row's mean.
        structure: Share of the multi-scale similarity in the loss, 0 to 1; the rest is L1.

    Returns:
        (B,), each row's own loss.
    """
    values, absolute = [], None
    for index, scale in enumerate(scales):
        if index:
            output = _halve(output, scales[index - 1].known, scale.known)
        values.append(_Similarity.apply(output, scale, index == len(scales) - 1))  # type: ignore[no-untyped-call]
        if index == 0 and structure < 1:
            absolute = (output - scale.target).mul(scale.known).abs().sum((2, 3))
    similarities = torch.stack(values).clamp_min(LEAST_SIMILARITY)  # (S, B, C)
    similarity = (similarities.log() * exponents.view(-1, 1, 1)).sum(0).exp().mean(1)
    if absolute is None:
        return 1 - similarity
    return structure * (1 - similarity) + (1 - structure) * absolute.sum(1) * share


def prepare_loss(name: LossName, target: Tensor, known: Tensor) -> Loss:
    """The loss against these targets, all that is the same in every step worked out.

    Structural similarity is over the known pixels only. A window's mean, variance and covariance are those of
    its known pixels, weighted by the Gaussian times `known` (a normalised convolution), and the window counts
    by the weight it holds; scales are halved in the same way. So windows that reach into the hole do not pull
    on it, and do not go to waste. Where all is known and sides halve evenly, the similarity of "ms-ssim"
    equals `pytorch_msssim.ms_ssim`.

    Unlike there, pictures of less than 161 px are no error: the coarse scales that cannot hold one window
    are left out and the other weights scaled up to the same sum, and if not even the finest holds one, its
    window shrinks.

    Args:
        name: Which loss.
        target: (B, C, h, w) in [0, 1]; anything finite in the hole.
        known: (B, 1, h, w) weight of each pixel, 0 in the hole.

    Returns:
        A function of the pictures, (B, C, h, w) in [0, 1], that gives (B,), each row's own loss.
    """
    compare = _choose_compare(target.device, target.shape[1])
    share = 1 / (target.shape[1] * known.sum((1, 2, 3))).clamp_min(1e-12)
    counts = {"ssim": 1, "ms-ssim": count_scales(*target.shape[2:]), "mix": count_scales(*target.shape[2:])}
    scales = _prepare_scales(target, known, counts.get(name, 0))
    exponents = _exponents(len(scales), target.dtype, target.device)
    return Loss(name, target, known, share, scales, exponents, compare)


def _choose_compare(device: torch.device, channels: int) -> Compare:
    """The fused kernels where they can be used."""
    if channels != RGB or not are_usable(device):
        return compare
    from subremover.untrained.kernels import similarity

    return similarity.compare


def count_scales(height: int, width: int) -> int:
    """At how many scales a picture of this size, in px, holds a whole window, 1 to 5."""
    count = 1
    side = min(height, width)
    while count < len(SCALE_WEIGHTS) and (side := (side + 1) // 2) >= WINDOW_PX:
        count += 1
    return count


def _prepare_scales(target: Tensor, known: Tensor, count: int) -> tuple[Scale, ...]:
    """So many scales of the targets, from the finest."""
    scales = []
    for index in range(count):
        if index:
            weight = _average_blocks(known)
            target, known = _halve(target, known, weight), weight
        taps = _count_taps(*known.shape[2:])
        window = F.pad(gaussian(taps, known.dtype, known.device), (0, WINDOW_PX - taps))
        weight = blur(known, taps)
        is_empty = weight <= LEAST_WEIGHT
        inverse = (1 / weight.clamp_min(LEAST_WEIGHT)).masked_fill_(is_empty, 0)
        share = weight.masked_fill(is_empty, 0)
        share = share / share.sum((2, 3), keepdim=True).clamp_min(1e-12)
        sums = blur(torch.cat([target, target.square()], 1) * known, taps)
        mean, power = (sums * inverse).chunk(2, 1)
        variance = power - mean.square()
        tensors = (tensor.contiguous() for tensor in (share, inverse, mean, variance))
        scales.append(Scale(known.contiguous(), target.contiguous(), taps, window, *tensors))
    return tuple(scales)


class _Similarity(torch.autograd.Function):
    """SSIM, or without luminance its contrast-structure part, of each row and channel.

    Its gradient is worked out along with it, in closed form, which takes fewer passes over the planes.
    See docs/measurements.md, "untrained/losses: passes".
    """

    @staticmethod
    def forward(ctx: Any, output: Tensor, scale: Scale, with_luminance: bool) -> Tensor:
        """(B, C, h, w) -> (B, C)"""
        B, C, height, width = output.shape
        taps = scale.taps
        planes = output.new_empty(B, 3 * C, height, width)
        first, second, third = planes.chunk(3, 1)
        weighted = torch.mul(output, scale.known, out=first)
        torch.mul(weighted, output, out=second)
        torch.mul(weighted, scale.target, out=third)
        mean, power, product = blur(planes, taps).mul_(scale.inverse).chunk(3, 1)
        spread = power.addcmul(mean, mean, value=-1).add_(scale.variance).add_(C2)
        common = product.addcmul(mean, scale.mean, value=-1).mul_(2).add_(C2)
        value = common.div_(spread)
        # by the mean, by the power and by the product of each window
        slopes = output.new_empty(B, 3 * C, *value.shape[2:])
        by_mean, by_power, by_product = slopes.chunk(3, 1)
        torch.div(2, spread, out=by_product)
        torch.mul(value, by_product, out=by_power).mul_(-0.5)
        torch.mul(value, mean, out=by_mean).sub_(scale.mean).mul_(by_product)
        if with_luminance:
            level = (mean.square() + scale.mean.square()).add_(C1)
            luminance = (2 * mean * scale.mean).add_(C1).div_(level)
            slopes.view(B, 3, *value.shape[1:]).mul_(luminance.unsqueeze(1))
            by_mean.add_(2 * value * (scale.mean - mean * luminance) / level)
            value = value * luminance
        slopes.mul_(scale.share * scale.inverse)
        by_mean, by_power, by_product = blur_back(slopes, taps).chunk(3, 1)  # (B, C, h, w)
        slope = by_power.mul_(2).mul_(output).add_(by_mean).addcmul_(by_product, scale.target)
        ctx.save_for_backward(slope.mul_(scale.known))
        return (value * scale.share).sum((2, 3))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (slope,) = ctx.saved_tensors
        return slope * gradients[0][:, :, None, None], None, None


@lru_cache(maxsize=64)
def _exponents(count: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(S,) weight of each scale; they add up to 1."""
    weights = torch.tensor(SCALE_WEIGHTS[:count], dtype=dtype, device=device)
    return weights / weights.sum()


def _count_taps(height: int, width: int) -> int:
    """Side of the widest window that fits into a picture of this size, an odd number."""
    side = min(height, width)
    return min(WINDOW_PX, side - (side + 1) % 2)


def _halve(values: Tensor, known: Tensor, weight: Tensor) -> Tensor:
    """Means of the known pixels of each 2x2 block; `weight` is the blocks' own."""
    return _average_blocks(values * known) / weight.clamp_min(LEAST_WEIGHT)


def _average_blocks(values: Tensor) -> Tensor:
    """Means of 2x2 blocks; odd sides are rounded up, by zeros before the first."""
    return F.avg_pool2d(values, 2, padding=(values.shape[2] % 2, values.shape[3] % 2))

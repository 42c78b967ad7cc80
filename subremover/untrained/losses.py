"""How far a picture is from the known pixels of its target: one number for each row of a batch.

What lies in the hole counts for nothing here, neither in the picture nor in the target.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from subremover.options import LossName
from subremover.untrained.gaussian import C1, C2, WINDOW_PX, blur, blur_back, gaussian
from subremover.untrained.kernels import are_usable

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang, Simoncelli and Bovik 2003
MIX_SHARE = 0.84  # of MS-SSIM in the mix; the rest is L1 (Zhao et al. 2017)
RGB = 3  # channels that the kernels compare
LEAST_WEIGHT = 1e-6  # of a window or a block; what holds less counts for nothing
LEAST_SIMILARITY = 1e-4  # a negative similarity has no fractional power, and zero no slope


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """One scale of a target, and what of its windows does not change from step to step."""

    known: Tensor
    """(B, 1, h, w) weight of each pixel."""
    target: Tensor
    """(B, C, h, w)"""
    window: Tensor
    """(1, 1, 1, taps) Gaussian."""
    share: Tensor
    """(B, 1, h', w') share of each window's weight in its row's mean; a row adds up to 1, or to 0
    where nothing is known."""
    inverse: Tensor
    """(B, 1, h', w') 1 / the known weight inside each window, 0 where there is none."""
    mean: Tensor
    """(B, C, h', w') of the target in each window."""
    variance: Tensor
    """(B, C, h', w')"""

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Those of the target; row i belongs to row i alone."""
        return (self.known, self.target, self.share, self.inverse, self.mean, self.variance)


Compare = Callable[[Tensor, Scale, bool], tuple[Tensor, Tensor]]
"""(B, C, h, w) picture, a scale, whether with luminance -> (B, C) its similarity, or only contrast and
structure of it, and (B, C) sum of known * |picture - target|."""


@dataclass(frozen=True, slots=True, eq=False)
class Loss:
    """The loss of B pictures against B targets; what depends on the targets alone is computed once."""

    name: LossName
    target: Tensor
    """(B, C, h, w)"""
    known: Tensor
    """(B, 1, h, w)"""
    share: Tensor
    """(B,) of one known sample in its row's mean."""
    scales: tuple[Scale, ...]
    """From the finest; none where the loss does not look at windows."""
    compare: Compare

    def __call__(self, output: Tensor) -> Tensor:
        """(B, C, h, w) in [0, 1] -> (B,), each row's own loss."""
        if self.name == "mse":
            return ((output - self.target).square() * self.known).sum((1, 2, 3)) * self.share
        if self.name == "l1":
            return (output - self.target).mul(self.known).abs().sum((1, 2, 3)) * self.share
        similarity, absolute = self._compare_scales(output)
        if self.name != "mix":
            return 1 - similarity
        return MIX_SHARE * (1 - similarity) + (1 - MIX_SHARE) * absolute.sum(1) * self.share

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All that was prepared; row i belongs to target i alone."""
        own = self.target, self.known, self.share
        return (*own, *(tensor for scale in self.scales for tensor in scale.tensors))

    def _compare_scales(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, h, w) -> (B,) multi-scale similarity, (B, C) absolute differences"""
        values, absolute = [], []
        for index, scale in enumerate(self.scales):
            if index:
                output, _ = _halve(output, self.scales[index - 1].known)
            value, difference = self.compare(output, scale, index == len(self.scales) - 1)
            values.append(value)
            absolute.append(difference)
        exponents = _exponents(len(self.scales), output.dtype, output.device)  # (S, 1, 1)
        similarities = torch.stack(values).clamp_min(LEAST_SIMILARITY)  # (S, B, 3)
        return (similarities.log() * exponents).sum(0).exp().mean(1), absolute[0]


def compare(output: Tensor, scale: Scale, with_luminance: bool) -> tuple[Tensor, Tensor]:
    """In plain torch."""
    similarity: Tensor = _Similarity.apply(output, scale, with_luminance)  # type: ignore[no-untyped-call]
    return similarity, (output - scale.target).mul(scale.known).abs().sum((2, 3))


def prepare_loss(name: LossName, target: Tensor, known: Tensor) -> Loss:
    """The loss against these targets, to be asked in every step.

    Args:
        name: Of the loss.
        target: (B, C, h, w) in [0, 1]; anything finite in the hole.
        known: (B, 1, h, w) weight of each pixel, 0 in the hole.
    """
    compare = _choose_compare(target.device, target.shape[1])
    share = 1 / (target.shape[1] * known.sum((1, 2, 3))).clamp_min(1e-12)
    counts = {"ssim": 1, "ms-ssim": count_scales(*target.shape[2:]), "mix": count_scales(*target.shape[2:])}
    return Loss(name, target, known, share, _prepare_scales(target, known, counts.get(name, 0)), compare)


def _choose_compare(device: torch.device, channels: int) -> Compare:
    """The fused kernel where it can be used."""
    if channels != RGB or not are_usable(device):
        return compare
    from subremover.untrained.kernels import similarity

    return similarity.compare


def ms_ssim(output: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Multi-scale structural similarity over the known pixels, (B,), 1 for equal pictures.

    A window's mean, variance and covariance are those of its known pixels, weighted by the Gaussian
    times `known` (a normalised convolution), and the window counts by the weight it holds; scales are
    halved in the same way. So windows that reach into the hole neither pull on it nor go to waste.
    Where all is known and sides halve evenly, this equals `pytorch_msssim.ms_ssim`.

    Unlike there, pictures of less than 161 px are no error: the coarse scales that cannot hold one
    window are left out and the other weights scaled up to the same sum, and if not even the finest
    holds one, its window shrinks.

    Args:
        output: (B, C, h, w) in [0, 1].
        target: (B, C, h, w) in [0, 1].
        known: (B, 1, h, w) weight of each pixel, 0 in the hole.
    """
    return 1 - prepare_loss("ms-ssim", target, known)(output)


def count_scales(height: int, width: int) -> int:
    """How many scales a picture of this size holds a window at, 1 to 5."""
    count = 1
    side = min(height, width)
    while count < len(SCALE_WEIGHTS) and (side := (side + 1) // 2) >= WINDOW_PX:
        count += 1
    return count


def _prepare_scales(target: Tensor, known: Tensor, count: int) -> tuple[Scale, ...]:
    scales = []
    for index in range(count):
        if index:
            target, known = _halve(target, known)
        window = gaussian(_count_taps(*known.shape[2:]), known.dtype, known.device)
        taps = len(window)
        weight = blur(known, taps)
        inverse = torch.where(weight > LEAST_WEIGHT, 1 / weight.clamp_min(LEAST_WEIGHT), 0)
        share = torch.where(weight > LEAST_WEIGHT, weight, 0)
        share = share / share.sum((2, 3), keepdim=True).clamp_min(1e-12)
        sums = blur(torch.cat([target, target.square()], 1) * known, taps)
        mean, power = (sums * inverse).chunk(2, 1)
        scales.append(
            Scale(known, target, window.view(1, 1, 1, -1), share, inverse, mean, power - mean.square())
        )
    return tuple(scales)


class _Similarity(torch.autograd.Function):
    """SSIM, or without luminance its contrast-structure part, of each row and channel.

    Its gradient is worked out along with it, in closed form: some thirty passes over three planes, where
    automatic differentiation took four times as many.
    """

    @staticmethod
    def forward(ctx: Any, output: Tensor, scale: Scale, with_luminance: bool) -> Tensor:
        """(B, C, h, w) -> (B, C)"""
        B, C, height, width = output.shape
        taps = scale.window.shape[3]
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
    """(S, 1, 1) weight of each scale; they add up to 1."""
    weights = torch.tensor(SCALE_WEIGHTS[:count], dtype=dtype, device=device)
    return (weights / weights.sum()).view(-1, 1, 1)


def _count_taps(height: int, width: int) -> int:
    """Of the widest window that fits, an odd number."""
    side = min(height, width)
    return min(WINDOW_PX, side - (side + 1) % 2)


def _halve(values: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Means of the known pixels of each 2x2 block, and their weights."""
    padding = (values.shape[2] % 2, values.shape[3] % 2)
    weight = F.avg_pool2d(known, 2, padding=padding)
    sums = F.avg_pool2d(values * known, 2, padding=padding)
    return sums / weight.clamp_min(LEAST_WEIGHT), weight

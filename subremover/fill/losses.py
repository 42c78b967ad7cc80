"""How far a picture is from the known pixels of its target: one number for each row of a batch.

What lies in the hole counts for nothing here, neither in the picture nor in the target.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from pytorch_msssim.ssim import _fspecial_gauss_1d, gaussian_filter
from torch import Tensor

from subremover.options import LossName

WINDOW_PX = 11
WINDOW_SIGMA_PX = 1.5
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang, Simoncelli and Bovik 2003
MIX_SHARE = 0.84  # of MS-SSIM in the mix; the rest is L1 (Zhao et al. 2017)
C1, C2 = 0.01**2, 0.03**2
LEAST_SIMILARITY = 1e-4  # a negative similarity has no fractional power, and zero no slope


@dataclass(frozen=True, slots=True, eq=False)
class _Scale:
    """One scale of a target, and what of its windows does not change from step to step."""

    known: Tensor
    """(B, 1, h, w) weight of each pixel."""
    target: Tensor
    """(B, 3, h, w)"""
    window: Tensor
    """(1, 1, 1, taps) Gaussian."""
    share: Tensor
    """(B, 1, h', w') share of each window's weight in its row's mean; a row adds up to 1, or to 0
    where nothing is known."""
    inverse: Tensor
    """(B, 1, h', w') 1 / the known weight inside each window, 0 where there is none."""
    mean: Tensor
    """(B, 3, h', w') of the target in each window."""
    variance: Tensor
    """(B, 3, h', w')"""


def prepare_loss(name: LossName, target: Tensor, known: Tensor) -> Callable[[Tensor], Tensor]:
    """The loss against one target, to be asked in every step; what depends on it alone is computed here.

    Args:
        target: (B, 3, h, w) in [0, 1]; anything finite in the hole.
        known: (B, 1, h, w) weight of each pixel, 0 in the hole.

    Returns:
        A function of pictures (B, 3, h, w) in [0, 1] that gives (B,), each row's own loss.
    """
    weight = known / (3 * known.sum((1, 2, 3), keepdim=True)).clamp_min(1e-12)  # (B, 1, h, w)
    if name == "l1":
        return lambda output: ((output - target).abs() * weight).sum((1, 2, 3))
    if name == "mse":
        return lambda output: ((output - target).square() * weight).sum((1, 2, 3))
    if name == "ssim":
        scales = _prepare_scales(target, known, 1)
        return lambda output: 1 - _multiscale_similarity(output, scales)
    scales = _prepare_scales(target, known, count_scales(target.shape[2], target.shape[3]))
    if name == "ms-ssim":
        return lambda output: 1 - _multiscale_similarity(output, scales)

    def mix(output: Tensor) -> Tensor:
        absolute = ((output - target).abs() * weight).sum((1, 2, 3))
        return MIX_SHARE * (1 - _multiscale_similarity(output, scales)) + (1 - MIX_SHARE) * absolute

    return mix


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
        output: (B, 3, h, w) in [0, 1].
        target: (B, 3, h, w) in [0, 1].
        known: (B, 1, h, w) weight of each pixel, 0 in the hole.
    """
    scales = _prepare_scales(target, known, count_scales(target.shape[2], target.shape[3]))
    return _multiscale_similarity(output, scales)


def count_scales(height: int, width: int) -> int:
    """How many scales a picture of this size holds a window at, 1 to 5."""
    count = 1
    side = min(height, width)
    while count < len(SCALE_WEIGHTS) and (side := (side + 1) // 2) >= WINDOW_PX:
        count += 1
    return count


def _prepare_scales(target: Tensor, known: Tensor, count: int) -> list[_Scale]:
    side = min(target.shape[2:])
    taps = min(WINDOW_PX, side - (side + 1) % 2)  # odd
    window = _fspecial_gauss_1d(taps, WINDOW_SIGMA_PX).unsqueeze(0).to(target)
    scales = []
    for index in range(count):
        if index:
            target, known = _halve(target, known)
        weight = gaussian_filter(known, window)
        inverse = torch.where(weight > 1e-6, 1 / weight.clamp_min(1e-6), 0)
        share = torch.where(weight > 1e-6, weight, 0)
        share = share / share.sum((2, 3), keepdim=True).clamp_min(1e-12)
        sums = _filter(torch.cat([target, target.square()], 1) * known, window)
        mean, power = (sums * inverse).chunk(2, 1)
        scales.append(_Scale(known, target, window, share, inverse, mean, power - mean.square()))
    return scales


def _multiscale_similarity(output: Tensor, scales: list[_Scale]) -> Tensor:
    """(B, 3, h, w) against the prepared target -> (B,)"""
    total = sum(SCALE_WEIGHTS[: len(scales)])
    similarity = output.new_ones(())
    for index, scale in enumerate(scales):
        if index:
            output, _ = _halve(output, scales[index - 1].known)
        is_last = index == len(scales) - 1
        value = _similarity(output, scale, with_luminance=is_last)  # (B, 3)
        similarity = similarity * value.clamp_min(LEAST_SIMILARITY) ** (SCALE_WEIGHTS[index] / total)
    return similarity.mean(1)


def _similarity(output: Tensor, scale: _Scale, with_luminance: bool) -> Tensor:
    """SSIM, or without luminance its contrast-structure part, of each row and channel: (B, 3)."""
    weighted = output * scale.known
    sums = _filter(torch.cat([weighted, weighted * output, weighted * scale.target], 1), scale.window)
    mean, power, product = (sums * scale.inverse).chunk(3, 1)
    variance = power - mean.square()
    covariance = product - mean * scale.mean
    value = (2 * covariance + C2) / (variance + scale.variance + C2)
    if with_luminance:
        value = value * (2 * mean * scale.mean + C1) / (mean.square() + scale.mean.square() + C1)
    return (value * scale.share).sum((2, 3))


def _filter(values: Tensor, window: Tensor) -> Tensor:
    """Gaussian over each channel, windows wholly inside the picture only."""
    filtered: Tensor = gaussian_filter(values, window.expand(values.shape[1], -1, -1, -1))
    return filtered


def _halve(values: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Means of the known pixels of each 2x2 block, and their weights."""
    padding = (values.shape[2] % 2, values.shape[3] % 2)
    weight = F.avg_pool2d(known, 2, padding=padding)
    sums = F.avg_pool2d(values * known, 2, padding=padding)
    return sums / weight.clamp_min(1e-6), weight

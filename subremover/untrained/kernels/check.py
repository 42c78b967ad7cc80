"""Checks on a device that the kernels compute what their plain twins, written here for clarity, do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from subremover.options import ActivationName
from subremover.untrained.gaussian import C1, C2
from subremover.untrained.kernels.last_level import paint_last_level
from subremover.untrained.kernels.similarity import PreparedScale, compare
from subremover.untrained.level import NORM_EPSILON

TOLERANCE = 1e-3
"""Greatest deviation from plain torch in float64, as a share of the greatest value.
See docs/measurements.md, "untrained/kernels/check: tolerance"."""

ACTIVATIONS: dict[ActivationName, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "relu6": F.relu6,
    "leaky-relu": lambda values: F.leaky_relu(values, 0.1),
    "sigmoid": lambda values: values.sigmoid() - 0.5,
}


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """A `similarity.PreparedScale`, prepared by `prepare_scale`."""

    known: Tensor
    target: Tensor
    window: Tensor
    share: Tensor
    inverse: Tensor
    mean: Tensor
    variance: Tensor


@torch.inference_mode(False)
@torch.enable_grad()
def check_kernels(device: torch.device) -> None:
    """Compare the kernels on this device with plain torch in float64, forward and gradients.

    Whether the caller has gradients switched off makes no difference.

    Raises:
        RuntimeError: They differ by more than `TOLERANCE`.
    """
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator).to(device)

    size = (5, 19)
    decoder = [draw(2, 95, 20) * 4 - 1, draw(2, 3, 20) - 0.5, draw(2, 20) + 0.5, draw(2, 20)]
    compare_with_plain(
        lambda *tensors: [paint_last_level(*tensors, size=size, activation="relu")],
        lambda *tensors: [paint_plainly(*tensors, size=size, activation="relu")],
        decoder,
    )
    target, known = draw(2, 3, 14, 21), (draw(2, 1, 14, 21) > 0.2).float()
    scale = prepare_scale(target, known)
    compare_with_plain(
        lambda picture: compare(picture, scale, True),
        lambda picture: compare_plainly(picture, scale, True),
        [(target + 0.3 * draw(2, 3, 14, 21) - 0.15).clamp(0, 1)],
    )


def compare_with_plain(
    kernel: Callable[..., Sequence[Tensor]], plain: Callable[..., Sequence[Tensor]], inputs: Sequence[Tensor]
) -> None:
    """Compare the results of both for the same inputs, and the gradients to these; the plain one in float64.

    Args:
        kernel: Takes float32 tensors on the device to be checked.
        plain: Takes the same in float64.
        inputs: float32.

    Raises:
        RuntimeError: They differ by more than `TOLERANCE`.
    """
    single = [tensor.clone().requires_grad_(True) for tensor in inputs]
    double = [tensor.double().requires_grad_(True) for tensor in inputs]
    found, expected = kernel(*single), plain(*double)
    generator = torch.Generator().manual_seed(1)
    weights = [torch.rand(tensor.shape, generator=generator).to(tensor) - 0.3 for tensor in found]
    found = [*found, *torch.autograd.grad(found, single, weights)]
    expected = [*expected, *torch.autograd.grad(expected, double, [weight.double() for weight in weights])]
    for index, (one, other) in enumerate(zip(found, expected, strict=True)):
        error = (one.double() - other).abs().max() / other.abs().max()
        if not error <= TOLERANCE:  # nor if it is no number
            raise RuntimeError(f"expected what plain torch gives, got result {index} off by {error:.2g}")


def paint_plainly(
    values: Tensor,
    head: Tensor,
    scale: Tensor,
    shift: Tensor,
    *,
    size: tuple[int, int],
    activation: ActivationName,
) -> Tensor:
    """The plain twin of `last_level.paint_last_level`, step by step as the paper has it; see there."""
    B, _, K = values.shape
    grid = values.transpose(1, 2).reshape(B, K, *size)
    grid = F.interpolate(grid, scale_factor=2, mode="bilinear", align_corners=False)
    grid = ACTIVATIONS[activation](grid)
    variance, mean = torch.var_mean(grid, (2, 3), correction=0, keepdim=True)
    grid = (grid - mean) / (variance + NORM_EPSILON).sqrt() * scale[:, :, None, None] + shift[
        :, :, None, None
    ]
    return torch.einsum("bjk,bkhw->bjhw", head, grid).sigmoid()


def prepare_scale(target: Tensor, known: Tensor) -> Scale:
    """Prepare a scale, with the widest window that fits.

    Args:
        target: (B, 3, h, w) float32 in [0, 1].
        known: (B, 1, h, w) float32, weight of each pixel.
    """
    side = min(target.shape[2:])
    taps = min(11, side - (side + 1) % 2)
    window = torch.exp(-torch.arange(-(taps // 2), taps // 2 + 1, device=target.device).square() / 4.5)
    window = (window / window.sum()).view(1, 1, 1, taps)
    weight = _filter(known, window)
    inverse = torch.where(weight > 1e-6, 1 / weight.clamp_min(1e-6), 0)
    share = weight / weight.sum((2, 3), keepdim=True).clamp_min(1e-12)
    mean = _filter(target * known, window) * inverse
    power = _filter(target.square() * known, window) * inverse
    return Scale(known, target, window, share, inverse, mean, (power - mean.square()).clamp_min(0))


def compare_plainly(picture: Tensor, scale: PreparedScale, with_luminance: bool) -> tuple[Tensor, Tensor]:
    """The plain twin of `similarity.compare`, as Wang, Simoncelli and Bovik (2003) have it; see there."""
    weighted = picture * scale.known
    mean = _filter(weighted, scale.window) * scale.inverse
    variance = _filter(weighted * picture, scale.window) * scale.inverse - mean.square()
    covariance = _filter(weighted * scale.target, scale.window) * scale.inverse - mean * scale.mean
    value = (2 * covariance + C2) / (variance + scale.variance + C2)
    if with_luminance:
        value = value * (2 * mean * scale.mean + C1) / (mean.square() + scale.mean.square() + C1)
    absolute = ((picture - scale.target).abs() * scale.known).sum((2, 3))
    return (value * scale.share).sum((2, 3)), absolute


def _filter(values: Tensor, window: Tensor) -> Tensor:
    """Windows wholly inside the picture: (B, C, h, w) -> (B, C, h', w')"""
    C = values.shape[1]
    taps = window.to(values).expand(C, 1, 1, -1)
    return F.conv2d(F.conv2d(values, taps, groups=C), taps.transpose(2, 3), groups=C)

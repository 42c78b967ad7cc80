"""Checks on a device that the kernels compute what their plain twins, written here for clarity, do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

from subremover.options import ActivationName, FitOptions
from subremover.runtime.precision import float32_products
from subremover.untrained.adam import AdamState, Advance, advance
from subremover.untrained.gaussian import C1, C2, LEAST_SIMILARITY, LEAST_WEIGHT
from subremover.untrained.kernels import adam, levels
from subremover.untrained.kernels.last_level import paint_last_level
from subremover.untrained.kernels.level import mix_level
from subremover.untrained.kernels.similarity import PreparedScale, compare
from subremover.untrained.level import NORM_EPSILON, PaintLevels, paint_levels

TOLERANCE = 1e-3
"""Greatest deviation from plain torch in float64, as a share of the greatest value.
See docs/measurements.md, "untrained/kernels/check: tolerance"."""
LEAST_VALUE = 1e-3
"""Greatest values below it count as this: a gradient that should be nothing is what rounding leaves."""

ACTIVATIONS: dict[ActivationName, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "relu6": F.relu6,
    "leaky-relu": lambda values: F.leaky_relu(values, 0.1),
    "sigmoid": lambda values: values.sigmoid() - 0.5,
}


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """A `similarity.PreparedScale`, prepared by `prepare_scales`."""

    known: Tensor
    target: Tensor
    window: Tensor
    share: Tensor
    inverse: Tensor
    mean: Tensor
    variance: Tensor


@torch.inference_mode(False)
@torch.enable_grad()
@float32_products(tf32=False)  # as the check is of the kernels, not of the products between them
def check_kernels(device: torch.device) -> None:
    """Compare the kernels on this device with plain torch in float64, forward and gradients.

    Whether the caller has gradients switched off makes no difference.

    Raises:
        RuntimeError: They differ by more than `TOLERANCE`.
    """
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator).to(device)

    # as many channels as by default and wide enough for the blocks of real crops, so that next to nothing is
    # compiled for the check alone
    check_level(draw, (2, 5, 19, FitOptions().channels), FitOptions().activation)
    check_adam(draw)
    target, known = draw(2, 3, 14, 70), (draw(2, 1, 14, 70) > 0.2).float()
    constants = prepare_scales(target, known, 2), draw(2), draw(2) / 100, 0.8
    compare_with_plain(
        lambda picture: [compare(picture, *constants)],
        lambda picture: [compare_plainly(picture, *constants)],
        [(target + 0.3 * draw(2, 3, 14, 70) - 0.15).clamp(0, 1)],
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
    hold_against(found, expected)


def check_level(draw: Callable[..., Tensor], shape: Sequence[int], activation: ActivationName) -> None:
    """Compare a middle level, a last one, and three levels on end with plain torch's in float64.

    Args:
        draw: Gives float32 tensors in [0, 1] of a shape, on the device to be checked.
        shape: B, h, w and K, of what is up-sampled.
        activation: Of all.

    Raises:
        RuntimeError: They differ by more than `TOLERANCE`.
    """
    B, _, _, K = shape
    inputs = [draw(*shape) * 4 - 1, draw(B, K) - 0.5]
    norm = [draw(B, K) + 0.5, draw(B, K)]

    def mix(*tensors: Tensor) -> Sequence[Tensor]:
        mixed, bias = mix_level(*tensors, activation=activation)
        return [mixed + bias[:, None, None]]

    compare_with_plain(
        mix,
        lambda *tensors: [mix_plainly(*tensors, activation=activation)],
        [*inputs, draw(B, K, K) - 0.5, *norm],
    )
    compare_with_plain(
        lambda *tensors: [paint_last_level(*tensors, activation=activation)],
        lambda *tensors: [mix_plainly(*tensors, activation=activation).permute(0, 3, 1, 2).sigmoid()],
        [*inputs, draw(B, 3, K) - 0.5, *norm],
    )
    mixes, norms = (draw(2, B, K, K) - 0.5).unbind(), [*(draw(3, B, K) + 0.5), *draw(3, B, K)]

    def paint(way: PaintLevels) -> Callable[..., Sequence[Tensor]]:
        def paint_so(values: Tensor, head: Tensor, *own: Tensor) -> Sequence[Tensor]:
            return [way(values, own[:2], own[2:5], own[5:], head, activation=activation)]

        return paint_so

    compare_with_plain(
        paint(levels.paint_levels), paint(paint_levels), [inputs[0], draw(B, 3, K) - 0.5, *mixes, *norms]
    )


def check_adam(draw: Callable[..., Tensor]) -> None:
    """Compare a step of Adam with plain torch's in float64: rows midway, in their tail, done, and empty.

    Args:
        draw: Gives float32 tensors in [0, 1] of a shape, on the device to be checked.

    Raises:
        RuntimeError: They differ by more than `TOLERANCE`.
    """
    weights, pictures = draw(4, 5, 1030), draw(3, 5, 3, 2, 7)
    counts = torch.tensor([[0, 2000, 9, 30, 0], [8, 4000, 10, 30, 0]])
    taken, steps = counts.to(weights).unsqueeze(2)
    tensors = (*weights[:3], taken, steps, draw(5, 1), *pictures[:2], draw(5))
    given = weights[3] - 0.5, pictures[2], draw(5)

    def step(advance: Advance, dtype: torch.dtype) -> list[Tensor]:
        state = AdamState(*(tensor.to(dtype, copy=True) for tensor in tensors))
        advance(state, *(tensor.to(dtype) for tensor in given))
        return [getattr(state, field.name) for field in fields(state)]

    hold_against(step(adam.advance, torch.float32), step(advance, torch.float64))


def hold_against(found: Sequence[Tensor], expected: Sequence[Tensor]) -> None:
    """Compare results with those expected, in float64.

    Raises:
        RuntimeError: They differ by more than `TOLERANCE`.
    """
    for index, (one, other) in enumerate(zip(found, expected, strict=True)):
        error = (one.double() - other).abs().max() / other.abs().max().clamp_min(LEAST_VALUE)
        if not error <= TOLERANCE:  # nor if it is no number
            raise RuntimeError(f"expected what plain torch gives, got result {index} off by {error:.2g}")


def mix_plainly(
    values: Tensor, bias: Tensor, mix: Tensor, scale: Tensor, shift: Tensor, *, activation: ActivationName
) -> Tensor:
    """The plain twin of `level.mix_level`, step by step as the paper has it; see there."""
    grid = (values + bias[:, None, None]).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, scale_factor=2, mode="bilinear", align_corners=False)
    grid = ACTIVATIONS[activation](grid)
    variance, mean = torch.var_mean(grid, (2, 3), correction=0, keepdim=True)
    factor, addend = scale[:, :, None, None], shift[:, :, None, None]
    grid = (grid - mean) / (variance + NORM_EPSILON).sqrt() * factor + addend
    return torch.einsum("bjk,bkhw->bhwj", mix, grid)


def prepare_scales(target: Tensor, known: Tensor, count: int) -> list[Scale]:
    """Prepare so many scales, each with the widest window that fits, in float64.

    Args:
        target: (B, 3, h, w) float32 in [0, 1].
        known: (B, 1, h, w) float32, weight of each pixel.
        count: Number of scales.

    Returns:
        The scales from the finest, float32.
    """
    target, known, scales = target.double(), known.double(), []
    for index in range(count):
        if index:
            target, known = _halve(target, known), _average_blocks(known)
        side = min(target.shape[2:])
        taps = min(11, side - (side + 1) % 2)
        window = torch.exp(-torch.arange(-(taps // 2), taps // 2 + 1).square() / 4.5)
        window = F.pad(window / window.sum(), (0, 11 - taps)).to(target)
        weight = _filter(known, window, taps)
        inverse = torch.where(weight > LEAST_WEIGHT, 1 / weight.clamp_min(LEAST_WEIGHT), 0)
        share = weight / weight.sum((2, 3), keepdim=True).clamp_min(1e-12)
        mean = _filter(target * known, window, taps) * inverse
        variance = _filter(target.square() * known, window, taps) * inverse - mean.square()
        tensors = known, target, window, share, inverse, mean, variance.clamp_min(0)
        scales.append(Scale(*(tensor.float() for tensor in tensors)))
    return scales


def compare_plainly(
    picture: Tensor, scales: Sequence[PreparedScale], exponents: Tensor, share: Tensor, structure: float
) -> Tensor:
    """The plain twin of `similarity.compare`, as Wang, Simoncelli and Bovik (2003) have it; see there."""
    absolute = ((picture - scales[0].target).abs() * scales[0].known).sum((1, 2, 3))
    similarity = torch.ones_like(picture[:, :, 0, 0])
    for index, scale in enumerate(scales):
        if index:
            picture = _halve(picture, scales[index - 1].known)
        value = _compare_scale(picture, scale, index == len(scales) - 1)
        similarity = similarity * value.clamp_min(LEAST_SIMILARITY) ** exponents[index]
    return structure * (1 - similarity.mean(1)) + (1 - structure) * absolute * share


def _compare_scale(picture: Tensor, scale: PreparedScale, with_luminance: bool) -> Tensor:
    """(B, 3) similarities at one scale."""
    taps = scale.known.shape[2] - scale.share.shape[2] + 1
    weighted = picture * scale.known
    mean = _filter(weighted, scale.window, taps) * scale.inverse
    variance = _filter(weighted * picture, scale.window, taps) * scale.inverse - mean.square()
    covariance = _filter(weighted * scale.target, scale.window, taps) * scale.inverse - mean * scale.mean
    value = (2 * covariance + C2) / (variance + scale.variance + C2)
    if with_luminance:
        value = value * (2 * mean * scale.mean + C1) / (mean.square() + scale.mean.square() + C1)
    return (value * scale.share).sum((2, 3))


def _halve(picture: Tensor, known: Tensor) -> Tensor:
    """Means of the known pixels of each 2x2 block."""
    return _average_blocks(picture * known) / _average_blocks(known).clamp_min(LEAST_WEIGHT)


def _average_blocks(values: Tensor) -> Tensor:
    """Means of 2x2 blocks; odd sides have a zero before their first."""
    return F.avg_pool2d(values, 2, padding=(values.shape[2] % 2, values.shape[3] % 2))


def _filter(values: Tensor, window: Tensor, taps: int) -> Tensor:
    """Windows wholly inside the picture: (B, C, h, w) -> (B, C, h', w')"""
    C = values.shape[1]
    line = window[:taps].to(values).expand(C, 1, 1, -1)
    return F.conv2d(F.conv2d(values, line, groups=C), line.transpose(2, 3), groups=C)

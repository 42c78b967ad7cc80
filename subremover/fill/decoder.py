"""The deep decoder: B small untrained networks side by side, each with its own weights.

Only the network and its weights; what it is fitted to and how is in `losses` and `fit`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from subremover.options import ActivationName

NORM_EPSILON = 1e-5

LastLevel = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""(B, h, w, K) values, (B, 3, K) head, (B, K) scale and shift -> (B, 3, 2h, 2w) picture in [0, 1]."""


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The weights and the input of B decoders of L levels; row i belongs to decoder i alone."""

    code: Tensor
    """(B, C0, h0, w0) float32, the network input; the picture has h0 * 2^L by w0 * 2^L pixels."""
    mixes: tuple[Tensor, ...]
    """L tensors (B, K, C0 or K): the 1x1 convolutions. They have no bias: a bias commutes with the
    up-sampling, and the shift of the norm before them does the same."""
    scales: tuple[Tensor, ...]
    """L tensors (B, K): the norms' factors."""
    shifts: tuple[Tensor, ...]
    """L tensors (B, K): the norms' offsets."""
    head: Tensor
    """(B, 3, K): the 1x1 convolution to RGB."""

    def __post_init__(self) -> None:
        if not len(self.mixes) == len(self.scales) == len(self.shifts) >= 1:
            raise ValueError(
                f"expected as many scales and shifts as mixes, at least one, "
                f"got {len(self.mixes)}, {len(self.scales)} and {len(self.shifts)}"
            )
        rows = {len(tensor) for tensor in (self.code, *self.parameters)}
        if len(rows) != 1:
            raise ValueError(f"expected the same number of rows in all tensors, got {sorted(rows)}")

    def __len__(self) -> int:
        return len(self.code)

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        """All that is fitted: everything but the code."""
        return (*self.mixes, *self.scales, *self.shifts, self.head)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture, in px."""
        height, width = self.code.shape[2:]
        return height << len(self.mixes), width << len(self.mixes)

    def select(self, rows: Sequence[int]) -> Weights:
        """Copies of these rows, in this order; a row may be taken several times."""
        index = torch.as_tensor(rows, device=self.code.device)
        return self.map(lambda tensor: tensor.detach()[index])

    def detach(self) -> Weights:
        """Copies that no later fit changes."""
        return self.map(lambda tensor: tensor.detach().clone())

    def with_code(self, code: Tensor) -> Weights:
        """The same networks with another input."""
        return self._rebuild([code, *self.parameters])

    def flatten(self) -> Tensor:
        """(B, P) copy of all that is fitted, row by row."""
        return torch.cat([tensor.flatten(1) for tensor in self.parameters], 1)

    def with_parameters(self, flat: Tensor) -> Weights:
        """The same inputs with what `flatten` gave of other networks, as views of it."""
        parts = flat.split([tensor[0].numel() for tensor in self.parameters], 1)
        shapes = [tensor.shape[1:] for tensor in self.parameters]
        return self._rebuild(
            [self.code, *(part.unflatten(1, shape) for part, shape in zip(parts, shapes, strict=True))]
        )

    def map(self, function: Callable[[Tensor], Tensor]) -> Weights:
        """The same function applied to each tensor."""
        return self._rebuild([function(tensor) for tensor in (self.code, *self.parameters)])

    def _rebuild(self, tensors: Sequence[Tensor]) -> Weights:
        levels = len(self.mixes)
        code, rest = tensors[0], tensors[1:]
        mixes, scales, shifts = (tuple(rest[i * levels : (i + 1) * levels]) for i in range(3))
        return Weights(code, mixes, scales, shifts, rest[-1])


def concatenate_weights(parts: Sequence[Weights]) -> Weights:
    """The rows of all parts, one after the other."""
    columns = zip(*((part.code, *part.parameters) for part in parts), strict=True)
    return parts[0]._rebuild([torch.cat(column) for column in columns])


def draw_weights(codes: Sequence[Tensor], channels: int, levels: int, seeds: Sequence[int]) -> Weights:
    """Fresh weights, on the CPU. A row depends on its own seed and shapes only.

    Convolutions are drawn as torch draws its own, uniform within 1 / sqrt(inputs); norms start neutral.

    Args:
        codes: B times (C0, h0, w0), the network inputs.
        channels: K.
        levels: L.
        seeds: B seeds.
    """
    inputs = [codes[0].shape[0]] + [channels] * levels
    outputs = [channels] * levels + [3]
    rows = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(2 * seed + 1)  # odd: never the stream of a code
        rows.append(
            [
                (torch.rand(out, fan_in, generator=generator) * 2 - 1) / math.sqrt(fan_in)
                for fan_in, out in zip(inputs, outputs, strict=True)
            ]
        )
    *mixes, head = (torch.stack(column) for column in zip(*rows, strict=True))
    ones = torch.ones(len(seeds), channels)
    return Weights(
        torch.stack(list(codes)),
        tuple(mixes),
        tuple(ones.clone() for _ in range(levels)),
        tuple(torch.zeros_like(ones) for _ in range(levels)),
        head,
    )


def decode(
    weights: Weights, activation: ActivationName, code: Tensor | None = None, last_level: LastLevel | None = None
) -> Tensor:
    """The pictures of B decoders, with gradients to the weights' parameters.

    Each level: 1x1 convolution, bilinear 2x up-sampling, activation, norm over each row's own channel;
    after the last a 1x1 convolution to RGB and a sigmoid (section 4.1 of the paper). Values run pixel
    by pixel, all channels of one together: on the CPU that made the up-sampling three times as fast.

    Args:
        weights: Of B rows.
        activation: Of the hidden levels.
        code: Takes the place of the weights' own code.
        last_level: Takes the place of all that follows the last level's 1x1 convolution.

    Returns:
        (B, 3, h, w) in [0, 1].
    """
    code = weights.code if code is None else code
    B, _, height, width = code.shape
    pixels = code.permute(0, 2, 3, 1).reshape(B, height * width, -1)  # (B, h0 w0, C0)
    values = torch.bmm(pixels, weights.mixes[0].transpose(1, 2)).view(B, height, width, -1)
    for mix, scale, shift in zip(weights.mixes[1:], weights.scales, weights.shifts, strict=False):
        values = _Level.apply(values, mix, scale, shift, activation)  # type: ignore[no-untyped-call]
    ends = weights.head, weights.scales[-1], weights.shifts[-1]
    if last_level is not None:
        return last_level(values, *ends)
    painted: Tensor = _Level.apply(values, *ends, activation)  # type: ignore[no-untyped-call]
    return painted.permute(0, 3, 1, 2).sigmoid()


class _Level(torch.autograd.Function):
    """Bilinear 2x up-sampling, activation, norm of each row's channels, and the next 1x1 convolution.

    A step is bound by memory traffic. So the norm is folded into the convolution's weights, forward and
    backward, and the normalised values, as many as a picture of K channels has, are never written; what is
    worked out in place is. Working by bands of lines that stay in the L2 cache gained nothing on the CPU.
    """

    @staticmethod
    def forward(
        ctx: Any, values: Tensor, mix: Tensor, scale: Tensor, shift: Tensor, activation: ActivationName
    ) -> Tensor:
        """(B, h, w, K) values, (B, J, K) mix, (B, K) scale and shift -> (B, 2h, 2w, J)."""
        _, height, width, K = values.shape
        grid = values.permute(0, 3, 1, 2)  # (B, K, h, w), channels last
        fine = F.interpolate(grid, scale_factor=2, mode="bilinear", align_corners=False)
        pixels = _activate(fine, activation).permute(0, 2, 3, 1).flatten(1, 2)  # (B, N, K)
        mean = pixels.mean(1)  # (B, K)
        power = pixels.square().mean(1)
        spread = (power - mean.square()).clamp_min(0).add(NORM_EPSILON).sqrt()
        gain = scale / spread
        gained = mix * gain.unsqueeze(1)
        offset = torch.bmm(mix, (shift - mean * gain).unsqueeze(2))  # (B, J, 1)
        if mix.shape[1] < K:  # the head: by planes it is twice as fast
            mixed = torch.baddbmm(offset, gained, pixels.transpose(1, 2)).transpose(1, 2)
        else:
            mixed = torch.baddbmm(offset.transpose(1, 2), pixels, gained.transpose(1, 2))
        ctx.save_for_backward(pixels, mix, scale, shift, mean, spread)
        ctx.activation = activation
        return mixed.unflatten(1, (2 * height, 2 * width))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        pixels, mix, scale, shift, mean, spread = ctx.saved_tensors
        _, count, K = pixels.shape
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
        grid = grad_pixels.unflatten(1, gradients[0].shape[1:3]).permute(0, 3, 1, 2)
        return _upsample_backward_(grid).permute(0, 2, 3, 1), grad_mix, grad_scale, grad_shift, None


def _upsample_backward_(gradient: Tensor) -> Tensor:
    """The gradient of a bilinear 2x up-sampling, (B, K, 2h, 2w) -> (B, K, h, w), as one strided convolution.

    On the CPU that is 4 to 10 times as fast as torch's own backward pass, and on CUDA, where torch's
    adds atomically, it makes the fit repeatable. The gradient's border is overwritten.
    """
    height, width = gradient.shape[2:]
    for border in (gradient[:, :, :: height - 1], gradient[:, :, :, :: width - 1]):
        border.mul_(4 / 3)  # its pixels are taken once more, by a quarter, in the forward pass
    kernel = _taps(gradient.dtype, gradient.device).expand(gradient.shape[1], 1, 4, 4)
    return F.conv2d(gradient, kernel, stride=2, padding=1, groups=gradient.shape[1])


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

"""The deep decoder: B small untrained networks side by side, each with its own weights.

Only the network and its weights; what it is fitted to and how is in `losses` and `fit`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from subremover.options import ActivationName

NORM_EPSILON = 1e-5


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


def decode(weights: Weights, activation: ActivationName, code: Tensor | None = None) -> Tensor:
    """The pictures of B decoders, with gradients to the weights' parameters.

    Each level: 1x1 convolution, bilinear 2x up-sampling, activation, norm over each row's own channel;
    after the last a 1x1 convolution to RGB and a sigmoid (section 4.1 of the paper). Values run pixel
    by pixel, all channels of one together: on the CPU that made the up-sampling three times as fast.

    Args:
        weights: Of B rows.
        activation: Of the hidden levels.
        code: Takes the place of the weights' own code.

    Returns:
        (B, 3, h, w) in [0, 1].
    """
    code = weights.code if code is None else code
    B, _, height, width = code.shape
    pixels = code.permute(0, 2, 3, 1).reshape(B, height * width, -1)  # (B, h0 w0, C0)
    values = torch.bmm(pixels, weights.mixes[0].transpose(1, 2))  # (B, h0 w0, K)
    following = (*weights.mixes[1:], weights.head)
    for mix, scale, shift in zip(following, weights.scales, weights.shifts, strict=True):
        grid = values.view(B, height, width, -1).permute(0, 3, 1, 2)  # (B, K, h, w), channels last
        height, width = 2 * height, 2 * width
        grid = _activate(_Upsample.apply(grid), activation)  # type: ignore[no-untyped-call]
        values = grid.permute(0, 2, 3, 1).reshape(B, height * width, -1)
        values = _NormMix.apply(values, mix, scale, shift)  # type: ignore[no-untyped-call]
    return values.transpose(1, 2).reshape(B, 3, height, width).sigmoid()


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


class _Upsample(torch.autograd.Function):
    """Bilinear 2x up-sampling whose backward pass is one strided convolution.

    On the CPU that is 4 to 10 times as fast as torch's own backward pass, and on CUDA, where torch's
    adds atomically, it makes the fit repeatable.
    """

    @staticmethod
    def forward(_ctx: Any, values: Tensor) -> Tensor:  # (B, K, h, w) -> (B, K, 2h, 2w)
        return F.interpolate(values, scale_factor=2, mode="bilinear", align_corners=False)

    @staticmethod
    def backward(_ctx: Any, *gradients: Tensor) -> Tensor:
        (gradient,) = gradients
        channels = gradient.shape[1]
        taps = gradient.new_tensor([0.25, 0.75, 0.75, 0.25])
        kernel = torch.outer(taps, taps).expand(channels, 1, 4, 4)
        # The border pixels are taken twice in the forward pass: replicating the gradient adds them up.
        padded = F.pad(gradient, (1, 1, 1, 1), mode="replicate")
        return F.conv2d(padded, kernel, stride=2, groups=channels)


class _NormMix(torch.autograd.Function):
    """Norm of each row and channel over all pixels, followed by the next 1x1 convolution.

    The norm is folded into the convolution's weights, forward and backward, so that the normalised
    (B, N, K) tensor, the largest there is, is never written: a step is bound by memory traffic.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, mix: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """(B, N, K) values, (B, J, K) mix, (B, K) scale and shift -> (B, N, J)."""
        mean = values.mean(1)  # (B, K)
        power = values.square().mean(1)
        spread = (power - mean.square()).clamp_min(0).add(NORM_EPSILON).sqrt()
        gain = scale / spread
        offset = torch.bmm(mix, (shift - mean * gain).unsqueeze(2)).transpose(1, 2)  # (B, 1, J)
        ctx.save_for_backward(values, mix, scale, shift, mean, spread)
        return torch.baddbmm(offset, values, (mix * gain.unsqueeze(1)).transpose(1, 2))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        (gradient,) = gradients  # (B, N, J)
        values, mix, scale, shift, mean, spread = ctx.saved_tensors
        count = values.shape[1]
        total = gradient.sum(1)  # (B, J)
        # correlation[j, k] = sum over pixels of gradient_j * normalised value_k
        raw = torch.bmm(gradient.transpose(1, 2), values)  # (B, J, K)
        correlation = (raw - total.unsqueeze(2) * mean.unsqueeze(1)) / spread.unsqueeze(1)
        grad_scale = (mix * correlation).sum(1)
        grad_shift = (mix * total.unsqueeze(2)).sum(1)
        grad_mix = correlation * scale.unsqueeze(1) + total.unsqueeze(2) * shift.unsqueeze(1)
        # d values = gain * mix^T gradient, less its mean and its part along the normalised values
        gain = scale / spread
        slope = -gain * grad_scale / (count * spread)  # (B, K)
        offset = -gain * grad_shift / count - slope * mean
        grad_values = torch.addcmul(offset.unsqueeze(1), values, slope.unsqueeze(1))
        grad_values = grad_values.baddbmm_(gradient, mix * gain.unsqueeze(1))
        return grad_values, grad_mix, grad_scale, grad_shift

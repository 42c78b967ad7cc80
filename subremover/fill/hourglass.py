"""The hourglass of the deep image prior: what the deep decoder is to be held against.

Down by strided convolutions and up again, with thin connections between equal sizes: D. Ulyanov, A. Vedaldi
and V. Lempitsky, *Deep Image Prior* (arXiv:1711.10925). It has more weights than a picture has samples,
so that it learns noise as well, given the steps. Films are not restored by it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from subremover.fill.weights import Weights

NORM_EPSILON = 1e-5
SLOPE = 0.2
"""Of the leaky ReLUs."""
TENSORS = 14
"""Of `channels` planes of the picture's size that a step keeps; counted, not measured."""


@dataclass(frozen=True, slots=True)
class Hourglass:
    """Hourglasses of one shape and picture size; a `weights.Network`. The defaults are the authors'."""

    size: tuple[int, int]
    """Height and width of the picture in px, multiples of 2^levels."""
    levels: int = 5
    channels: int = 128
    skips: int = 4
    """Channels that pass from the way down to the way up."""
    inputs: int = 32
    """Channels of the input, which is as large as the picture."""
    outputs: int = 3
    """Channels of the picture."""

    def __post_init__(self) -> None:
        if any(side % 2**self.levels or side < 2 ** (self.levels + 1) for side in self.size):
            height, width = self.size
            raise ValueError(
                f"{self.levels} levels want sides that are multiples of {2**self.levels} px, "
                f"two at least, got {width}x{height}"
            )

    @classmethod
    def covering(
        cls, size: tuple[int, int], levels: int = 5, channels: int = 128, outputs: int = 3
    ) -> Hourglass:
        """One whose picture has at least this height and width."""
        height, width = (max(2, math.ceil(side / 2**levels)) * 2**levels for side in size)
        return cls((height, width), levels, channels, outputs=outputs)

    def start(self, targets: Tensor, known: Tensor, seeds: Sequence[int]) -> Weights:  # noqa: ARG002
        """Drawn as torch draws its own; the input is uniform in [0, 0.1]."""
        rows = [self._draw(torch.Generator().manual_seed(seed)) for seed in seeds]
        code, *parameters = (torch.stack(column).to(targets.device) for column in zip(*rows, strict=True))
        return Weights(code, tuple(parameters))

    def paint(self, weights: Weights, code: Tensor) -> Tensor:
        parameters = iter(weights.parameters)

        def block(values: Tensor, stride: int = 1) -> Tensor:
            """Convolution, norm, leaky ReLU."""
            mix, scale, shift = (next(parameters) for _ in range(3))
            values = _normalise(_convolve(values, mix, stride), scale, shift)
            return F.leaky_relu(values, SLOPE)

        values, passed = code, []
        for _ in range(self.levels):
            passed.append(block(values))
            values = block(block(values, stride=2))
        for skip in reversed(passed):
            values = F.interpolate(values, scale_factor=2, mode="bilinear", align_corners=False)
            values = _normalise(torch.cat([skip, values], 1), next(parameters), next(parameters))
            values = block(block(values))
        return _convolve(values, next(parameters)).sigmoid()

    def count_bytes(self) -> int:
        height, width = self.size
        return 4 * height * width * TENSORS * self.channels

    def _draw(self, generator: torch.Generator) -> list[Tensor]:
        """The input and all weights of one row, in the order in which `paint` takes them."""
        drawn = [0.1 * torch.rand(self.inputs, *self.size, generator=generator)]

        def norm(channels: int) -> list[Tensor]:
            return [torch.ones(channels), torch.zeros(channels)]

        def mix(fan_in: int, out: int, side: int) -> Tensor:
            bound = 1 / math.sqrt(fan_in * side * side)
            return (torch.rand(out, fan_in, side, side, generator=generator) * 2 - 1) * bound

        width = self.inputs
        for _ in range(self.levels):
            drawn += [mix(width, self.skips, 1), *norm(self.skips)]
            drawn += [mix(width, self.channels, 3), *norm(self.channels)]
            drawn += [mix(self.channels, self.channels, 3), *norm(self.channels)]
            width = self.channels
        for _ in range(self.levels):
            joined = self.skips + self.channels
            drawn += [*norm(joined), mix(joined, self.channels, 3), *norm(self.channels)]
            drawn += [mix(self.channels, self.channels, 1), *norm(self.channels)]
        return [*drawn, mix(self.channels, self.outputs, 1)]


def _convolve(values: Tensor, mix: Tensor, stride: int = 1) -> Tensor:
    """Each row by its own weights: (B, C, h, w), (B, K, C, side, side) -> (B, K, h / stride, w / stride)."""
    B, _, height, width = values.shape
    margin = mix.shape[-1] // 2
    if margin:
        values = F.pad(values, (margin,) * 4, mode="reflect")
    together = values.flatten(0, 1).unsqueeze(0)
    mixed = F.conv2d(together, mix.flatten(0, 1), stride=stride, groups=B)
    return mixed.view(B, -1, height // stride, width // stride)


def _normalise(values: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Each channel of each row by its own mean and variance; scale and shift are (B, C)."""
    together = values.flatten(0, 1).unsqueeze(0)
    normal = F.instance_norm(together, weight=scale.flatten(), bias=shift.flatten(), eps=NORM_EPSILON)
    return normal.view_as(values)

"""The hourglass of the deep image prior, for comparison with the deep decoder; films are not restored by it.

Down by strided convolutions and up again, with thin connections between equal sizes: D. Ulyanov, A. Vedaldi
and V. Lempitsky, *Deep Image Prior* (arXiv:1711.10925). It has more weights than a picture has samples,
so that it learns noise as well, given the steps.

This is the network of their denoising. Layers and their order, reflected borders, the norm over each picture,
leaky ReLUs and the input are theirs. What differs:

- Convolutions before norms have no bias: the norm would take it away again.
- Norms start at one, as torch has it since 1.2. In their time it drew that scale from [0, 1].
- Their inpainting up-samples by the nearest pixel, with other widths for each picture; here all is bilinear.
- They also give a running mean of the pictures (0.99); `restore` gives that of the last quarter of the steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from subremover.untrained.network import Weights

NORM_EPSILON = 1e-5
"""Added to each variance before it is divided by."""
SLOPE = 0.2
"""Of the leaky ReLUs, below 0."""
TENSORS = 14
"""Number of tensors that a step keeps, of `channels` planes of the picture's size; counted, not measured."""


@dataclass(frozen=True, slots=True)
class Hourglass:
    """Hourglasses of one shape and picture size; a `Network`. The defaults are the authors'."""

    size: tuple[int, int]
    """Height and width of the picture in px, multiples of 2^levels."""
    levels: int = 5
    """Number of times that the picture is halved and doubled."""
    channels: int = 128
    """Width of the hidden levels."""
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
        """An hourglass whose picture is at least of this size.

        Args:
            size: Height and width in px.
            levels: Number of times that the picture is halved and doubled.
            channels: Width of the hidden levels.
            outputs: Channels of the picture.
        """
        height, width = (max(2, math.ceil(side / 2**levels)) * 2**levels for side in size)
        return cls((height, width), levels, channels, outputs=outputs)

    def start(self, targets: Tensor, known: Tensor, seeds: Sequence[int]) -> Weights:  # noqa: ARG002
        """Fresh weights of B rows, on the targets' device; see `Network.start`.

        Drawn as torch draws its own, uniform within 1 / sqrt(inputs); the input is uniform in [0, 0.1].
        """
        rows = [self._draw(torch.Generator().manual_seed(seed)) for seed in seeds]
        code, *parameters = (torch.stack(column).to(targets.device) for column in zip(*rows, strict=True))
        return Weights(code, tuple(parameters))

    def paint(self, weights: Weights, code: Tensor) -> Tensor:
        """(B, C, h, w) pictures in [0, 1]; see `Network.paint`."""
        # Row by row, so that values run pixel by pixel, all channels of one together.
        # See docs/measurements.md, "untrained/hourglass: layout".
        rows = zip(code.unsqueeze(1), *weights.parameters, strict=True)
        return torch.cat([self._paint_row(values, iter(parameters)) for values, *parameters in rows])

    def _paint_row(self, values: Tensor, parameters: Iterator[Tensor]) -> Tensor:
        """One row's (1, C0, h, w) -> (1, C, h, w), by its parameters in the order in which they are drawn."""

        def block(values: Tensor, stride: int = 1) -> Tensor:
            """Convolution, norm, leaky ReLU."""
            values = _convolve(values, next(parameters), stride=stride)
            return F.leaky_relu_(_normalise(values, next(parameters), next(parameters)), SLOPE)

        values = values.contiguous(memory_format=torch.channels_last)
        passed = []
        for _ in range(self.levels):
            passed.append(block(values))
            values = block(block(values, stride=2))
        for skip in reversed(passed):
            values = F.interpolate(values, scale_factor=2, mode="bilinear", align_corners=False)
            values = _normalise(torch.cat([skip, values], 1), next(parameters), next(parameters))
            values = block(block(values))
        return _convolve(values, next(parameters), next(parameters)).sigmoid()

    def count_bytes(self) -> int:
        """Memory that the fit of one row takes, roughly."""
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
        head, shift = mix(self.channels, self.outputs, 1), mix(self.channels, self.outputs, 1)[:, 0, 0, 0]
        return [*drawn, head, shift]


def _convolve(values: Tensor, mix: Tensor, shift: Tensor | None = None, stride: int = 1) -> Tensor:
    """(1, C, h, w), (K, C, side, side), (K,) -> (1, K, h / stride, w / stride)."""
    if margin := mix.shape[-1] // 2:
        values = F.pad(values, (margin,) * 4, mode="reflect")
    return F.conv2d(values, mix, shift, stride)


def _normalise(values: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Each channel of (1, C, h, w) by its own mean and variance; scale and shift are (C,)."""
    return F.batch_norm(values, None, None, scale, shift, training=True, eps=NORM_EPSILON)

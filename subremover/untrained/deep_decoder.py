"""The deep decoder: its weights, what it starts from, how it paints, and how deep it should be.

What a level computes is in `level`; what the network is fitted to, and how, in `losses` and `batched_adam`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from subremover.options import ActivationName, FitOptions, InputName
from subremover.runtime.transfer import send
from subremover.untrained.codes import draw_code, shrink
from subremover.untrained.device_memory import count_row_bytes
from subremover.untrained.kernels import are_usable
from subremover.untrained.level import PaintLevels, paint_levels
from subremover.untrained.network import Weights

DEFAULT_LEVELS = 5
"""Least number of levels that `choose_levels` gives for large crops."""
RGB = 3
"""Number of channels that the kernels paint."""


@dataclass(frozen=True, slots=True, eq=False)
class DecoderWeights(Weights):
    """The weights and the input of B decoders of L levels.

    The parameters are L times `mixes`, L times `scales`, L times `shifts`, and `head`.
    """

    def __post_init__(self) -> None:
        Weights.__post_init__(self)
        if len(self.parameters) < 4 or len(self.parameters) % 3 != 1:
            raise ValueError(
                f"expected L mixes, scales and shifts, and a head, got {len(self.parameters)} tensors"
            )

    @property
    def levels(self) -> int:
        """L, the number of levels."""
        return len(self.parameters) // 3

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture, in px."""
        height, width = self.code.shape[2:]
        return height << self.levels, width << self.levels

    @property
    def mixes(self) -> tuple[Tensor, ...]:
        """L tensors (B, K, C0 or K): the 1x1 convolutions.

        They have no bias: it would commute with the up-sampling, and do what the norm's shift does before it.
        """
        return self.parameters[: self.levels]

    @property
    def scales(self) -> tuple[Tensor, ...]:
        """L tensors (B, K): the norms' factors."""
        return self.parameters[self.levels : 2 * self.levels]

    @property
    def shifts(self) -> tuple[Tensor, ...]:
        """L tensors (B, K): the norms' offsets."""
        return self.parameters[2 * self.levels : -1]

    @property
    def head(self) -> Tensor:
        """(B, C, K): the 1x1 convolution to the picture's channels."""
        return self.parameters[-1]


@dataclass(frozen=True, slots=True)
class DeepDecoder:
    """Decoders of one shape and picture size (R. Heckel and P. Hand 2018, arXiv:1810.03982); a `Network`."""

    size: tuple[int, int]
    """Height and width of the picture in px, multiples of 2^levels."""
    levels: int
    """L, number of 2x up-samplings."""
    channels: int
    """K, width of the hidden levels."""
    outputs: int = 3
    """Channels of the picture."""
    activation: ActivationName = "relu"
    """Of the hidden levels."""
    input: InputName = "noise"
    """What it is fed with: noise, or its target scaled down."""

    def __post_init__(self) -> None:
        if any(side < 1 or side % 2**self.levels for side in self.size):
            height, width = self.size
            raise ValueError(
                f"{self.levels} levels paint pictures whose sides are multiples of {2**self.levels} px, "
                f"got {width}x{height}"
            )

    @classmethod
    def of(cls, options: FitOptions, size: tuple[int, int], levels: int, outputs: int = 3) -> DeepDecoder:
        """The decoder that the options ask for.

        Args:
            options: Width, activation and input.
            size: Height and width of the picture in px, multiples of 2^levels.
            levels: L, whatever the options say.
            outputs: Channels of the picture.
        """
        return cls(size, levels, options.channels, outputs, options.activation, options.input)

    def start(self, targets: Tensor, known: Tensor, seeds: Sequence[int]) -> DecoderWeights:
        """Fresh weights of B rows, on the targets' device; see `Network.start` and `draw_weights`."""
        shrunk = None if self.input == "noise" else self._shrink(targets, known)
        if shrunk is None:
            codes = [draw_code(self.channels, self.size, self.levels, seed) for seed in seeds]
        else:
            codes = [torch.zeros(shrunk.shape[1:]) for _ in seeds]
        weights = draw_weights(codes, self.channels, self.levels, seeds, self.outputs)
        weights = weights.map(lambda tensor: send(tensor.numpy(), targets.device))
        return weights if shrunk is None else weights.with_code(shrunk)

    def restart(self, targets: Tensor, known: Tensor, weights: DecoderWeights) -> DecoderWeights:
        """Weights for a warm start: an earlier fit's, with the targets' own input if that is "downsampled".

        Args:
            targets: (B, C, h, w) float32 in [0, 1], 0 where nothing is known.
            known: (B, 1, h, w) float32, weight of each pixel.
            weights: Of B rows, fitted to other targets of this size.

        Raises:
            ValueError: The weights are of another picture size.
        """
        if weights.size != self.size:
            raise ValueError(
                f"expected start weights of {self.size[0]}x{self.size[1]} px, got {weights.size}"
            )
        return weights.with_code(self._shrink(targets, known)) if self.input == "downsampled" else weights

    def paint(self, weights: DecoderWeights, code: Tensor) -> Tensor:
        """(B, C, h, w) pictures in [0, 1]; see `Network.paint` and `decode`."""
        return decode(weights, self.activation, code, _choose_paint_levels(code.device, self.outputs))

    def count_bytes(self) -> int:
        """Memory that the fit of one row takes, roughly."""
        return count_row_bytes(self.channels, *self.size)

    def _shrink(self, targets: Tensor, known: Tensor) -> Tensor:
        if targets.shape[2:] != self.size:
            height, width = self.size
            raise ValueError(
                f"the input 'downsampled' wants targets of the picture's {width}x{height} px, "
                f"got {targets.shape[3]}x{targets.shape[2]}"
            )
        return shrink(targets, known, self.levels)


def _choose_paint_levels(device: torch.device, outputs: int) -> PaintLevels:
    """The kernels where they can be used."""
    if outputs != RGB or not are_usable(device):
        return paint_levels
    from subremover.untrained.kernels import levels

    return levels.paint_levels


def decode(
    weights: DecoderWeights,
    activation: ActivationName,
    code: Tensor | None = None,
    paint_levels: PaintLevels = paint_levels,
) -> Tensor:
    """The pictures of B decoders, with gradients to the weights' parameters.

    Each level: 1x1 convolution, bilinear 2x up-sampling, activation, norm over each row's own channel;
    after the last a 1x1 convolution to the picture's channels and a sigmoid (section 4.1 of the paper).
    In memory the values run pixel by pixel, all channels of one together.
    See docs/measurements.md, "untrained/deep_decoder: layout".

    Args:
        weights: Of B rows.
        activation: Of the hidden levels.
        code: (B, C0, h0, w0) float32, takes the place of the weights' own code.
        paint_levels: Takes the place of all that follows the first 1x1 convolution.

    Returns:
        (B, C, h, w) in [0, 1].
    """
    code = weights.code if code is None else code
    B, _, height, width = code.shape
    pixels = code.permute(0, 2, 3, 1).reshape(B, height * width, -1)  # (B, h0 w0, C0)
    values = torch.bmm(pixels, weights.mixes[0].transpose(1, 2)).view(B, height, width, -1)
    ends = weights.mixes[1:], weights.scales, weights.shifts, weights.head
    return paint_levels(values, *ends, activation=activation)


def draw_weights(
    codes: Sequence[Tensor], channels: int, levels: int, seeds: Sequence[int], outputs: int = 3
) -> DecoderWeights:
    """Fresh weights of B decoders. A row depends on its own seed and shapes only.

    Convolutions are drawn as torch draws its own, uniform within 1 / sqrt(inputs); norms start neutral.

    Args:
        codes: B times (C0, h0, w0) float32, the network inputs.
        channels: K.
        levels: L.
        seeds: B seeds.
        outputs: Channels of the picture.

    Returns:
        Weights of B rows, on the CPU.
    """
    sizes_in = [codes[0].shape[0]] + [channels] * levels
    sizes_out = [channels] * levels + [outputs]
    rows = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(2 * seed + 1)  # odd: never the stream of a code
        rows.append(
            [
                (torch.rand(out, fan_in, generator=generator) * 2 - 1) / math.sqrt(fan_in)
                for fan_in, out in zip(sizes_in, sizes_out, strict=True)
            ]
        )
    *mixes, head = (torch.stack(column) for column in zip(*rows, strict=True))
    ones = torch.ones(len(seeds), channels)
    scales = [ones.clone() for _ in range(levels)]
    shifts = [torch.zeros_like(ones) for _ in range(levels)]
    return DecoderWeights(torch.stack(list(codes)), (*mixes, *scales, *shifts, head))


def cover(size: tuple[int, int], levels: int) -> tuple[int, int]:
    """The smallest picture of whole cells that covers a size.

    Args:
        size: Height and width in px.
        levels: L; a cell has 2^L px a side.

    Returns:
        Height and width in px, multiples of 2^L.
    """
    height, width = (side + -side % 2**levels for side in size)
    return height, width


def choose_levels(hole: np.ndarray, size: tuple[int, int]) -> int:
    """How many levels a decoder needs to see across a hole.

    A coarse cell of 2^L px that lies wholly in the hole is painted as its random input has it, so half
    a cell must reach well over the hole's greatest inner radius; deeper than that does harm as well.
    See docs/measurements.md, "untrained/deep_decoder: levels".

    Args:
        hole: (h, w) bool, True where nothing is known.
        size: Height and width of the crop, in px.

    Returns:
        L, 1 to 9; never so deep that one cell is more than the canvas around the crop.
    """
    padded = np.pad(hole.astype(np.uint8), 1, mode="edge")  # what lies beyond the crop is not known
    radius_px = float(cv2.distanceTransform(padded, cv2.DIST_L2, 5).max()) if hole.any() else 0.0
    if hole.all():
        radius_px = min(size) / 2
    levels = DEFAULT_LEVELS
    while 2 ** (levels - 1) <= 1.25 * radius_px:
        levels += 1
    return max(1, min(levels, (min(size) - 1).bit_length(), 9))

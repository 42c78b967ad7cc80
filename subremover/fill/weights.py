"""The weights of B decoders: drawn, copied, cut, joined. What is done with them is the decoder's business."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


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
        parts = torch.split(flat, [tensor[0].numel() for tensor in self.parameters], 1)
        shapes = [tensor.shape[1:] for tensor in self.parameters]
        return self._rebuild(
            [self.code, *(part.view(len(flat), *shape) for part, shape in zip(parts, shapes, strict=True))]
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

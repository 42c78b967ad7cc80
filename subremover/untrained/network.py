"""What all untrained networks have in common: weights of B of them side by side, and what they can do.

The networks themselves are in `deep_decoder` and `hourglass`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

import numpy as np
import torch
from torch import Tensor

from subremover.runtime.transfer import send


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The weights and the input of B networks; row i belongs to network i alone."""

    code: Tensor
    """(B, C0, h0, w0) float32, the network input."""
    parameters: tuple[Tensor, ...]
    """(B, ...) float32 each: all that is fitted, which is everything but the code."""

    def __post_init__(self) -> None:
        rows = {len(tensor) for tensor in (self.code, *self.parameters)}
        if len(rows) != 1:
            raise ValueError(f"expected the same number of rows in all tensors, got {sorted(rows)}")

    def __len__(self) -> int:
        return len(self.code)

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """The rows of all parts, one after the other.

        Args:
            parts: At least one, of one shape.
        """
        columns = zip(*((part.code, *part.parameters) for part in parts), strict=True)
        code, *parameters = (torch.cat(column) for column in columns)
        return cls(code, tuple(parameters))

    @classmethod
    def gather(cls, rows: Sequence[tuple[Self, int]]) -> Self:
        """Copies of rows out of several weights; on CUDA this waits for nothing.

        Args:
            rows: At least one: weights of one shape, and the number of a row of theirs.
        """
        firsts: dict[int, int] = {}
        parts: list[Self] = []
        count = 0
        for part, _ in rows:
            if id(part) not in firsts:
                firsts[id(part)] = count
                count += len(part)
                parts.append(part)
        every = cls.concatenate(parts)
        index = send(np.array([firsts[id(part)] + row for part, row in rows], np.int64), every.code.device)
        return every.map(lambda tensor: tensor.detach().index_select(0, index))

    def select(self, rows: Sequence[int]) -> Self:
        """Copies of some rows.

        Args:
            rows: Their numbers, in the order wanted; a row may be taken several times.
        """
        return self.gather([(self, row) for row in rows])

    def with_code(self, code: Tensor) -> Self:
        """The same networks with another input, (B, C0, h0, w0)."""
        return type(self)(code, self.parameters)

    def flatten(self) -> Tensor:
        """A copy of all that is fitted, (B, P) float32, row by row."""
        return torch.cat([tensor.flatten(1) for tensor in self.parameters], 1)

    def with_parameters(self, flat: Tensor, code: Tensor | None = None) -> Self:
        """Networks of this shape with other parameters.

        Args:
            flat: (B, P), as `flatten` gives them; the new parameters are views of it.
            code: (B, C0, h0, w0), their inputs; None: the same.
        """
        parts = torch.split(flat, [tensor[0].numel() for tensor in self.parameters], 1)
        shapes = [tensor.shape[1:] for tensor in self.parameters]
        views = (part.view(len(flat), *shape) for part, shape in zip(parts, shapes, strict=True))
        return type(self)(self.code if code is None else code, tuple(views))

    def map(self, function: Callable[[Tensor], Tensor]) -> Self:
        """The weights with a function applied to each tensor, the code included."""
        return type(self)(function(self.code), tuple(function(tensor) for tensor in self.parameters))


W = TypeVar("W", bound=Weights)


class Network(Protocol[W]):
    """An untrained network: what its weights are before the first step, and what it paints with them."""

    def start(self, targets: Tensor, known: Tensor, seeds: Sequence[int]) -> W:
        """Fresh weights of B rows, on the targets' device. A row depends on its own seed and target only.

        Args:
            targets: (B, C, h, w) float32 in [0, 1], what is to be restored, 0 where nothing is known.
            known: (B, 1, h, w) float32, weight of each pixel.
            seeds: B seeds.
        """
        ...

    def paint(self, weights: W, code: Tensor) -> Tensor:
        """Paint B pictures, with gradients to the weights' parameters.

        Args:
            weights: Of B rows.
            code: (B, C0, h0, w0) float32, takes the place of the weights' own code.

        Returns:
            (B, C, h, w) in [0, 1].
        """
        ...

    def count_bytes(self) -> int:
        """Memory that the fit of one row takes, roughly."""
        ...

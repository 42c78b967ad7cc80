"""Adam on a batch of untrained networks, each with its own steps, rate and noise, that come and go.

One step is one step of Adam for all of them. Which row comes into which place is up to the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic

import numpy as np
import torch
from torch import Tensor

from subremover.options import LossName
from subremover.runtime.transfer import send
from subremover.untrained.adam import AdamState, Advance, advance
from subremover.untrained.codes import InputNoise
from subremover.untrained.cuda_graph import capture
from subremover.untrained.kernels import are_usable
from subremover.untrained.losses import prepare_loss
from subremover.untrained.network import Network, W

ForwardModel = Callable[[Tensor], Tensor]
"""How pictures were changed before they were seen: (B, C, h, w) -> (B, C', h', w'), by torch."""


@dataclass(frozen=True, slots=True)
class ItemSettings:
    """How one row is fitted."""

    seed: int
    """Of the input noise."""
    steps: int
    """Number of steps."""
    rate: float
    """Adam's learning rate."""
    noise: float = 0.0
    """Standard deviation of what is added to the input in each step."""


class BatchedAdam(Generic[W]):
    """B networks fitted at once, in tensors that stay where they are: `put` rows, `step`, `take` them.

    Rows never interact, and one that has had its steps is frozen. So what becomes of a row does not depend,
    beyond rounding, on B or its place, on what stands in the other places, or on when it is taken out; on the
    CPU it is the same bit for bit (see docs/measurements.md, "untrained/batched_adam: rounding"). A step asks
    the device for nothing, so that on CUDA it is captured once and replayed (not yet run on a GPU). For what
    bounds its time see docs/measurements.md, "untrained/batched_adam: time of a step".
    """

    def __init__(
        self,
        network: Network[W],
        like: W,
        targets: tuple[int, int, int, int],
        *,
        loss: LossName,
        forward: ForwardModel | None = None,
        keeps_last: bool = False,
    ) -> None:
        """Make B empty places.

        Args:
            network: What is fitted.
            like: Weights of this network, of any number of rows, on the device to fit on.
            targets: B, C', h' and w', the shape of what is to be restored.
            loss: Between what the forward model makes of the pictures, and the targets.
            forward: How pictures were changed before they were seen; None: not at all.
            keeps_last: Whether `latest` will be asked for.
        """
        device, count = like.code.device, targets[0]
        self._network, self._forward, self._loss_name = network, forward, loss
        self._weights = like.map(lambda tensor: tensor.new_zeros(count, *tensor.shape[1:]))
        self._input = self._weights.code.clone()  # the code with its noise
        self._noise, self._deviations = InputNoise(count, device), torch.zeros(count, 1, device=device)
        with torch.no_grad():
            pictures = network.paint(self._weights, self._input)
        self._state = AdamState.start(self._weights.flatten(), pictures, keeps_last=keeps_last)
        blank = torch.zeros(targets, device=device)
        self._loss = prepare_loss(loss, blank, blank[:, :1].clone())
        self._left, self._is_noisy = np.zeros(count, np.int64), np.zeros(count, np.bool_)
        self._advance, self._ones = _choose_advance(device), torch.ones(count, device=device)
        self._step = capture(self._step_all, device)

    @property
    def steps_left(self) -> list[int]:
        """For each place the steps that its row has left; 0: the place is free, or its row may be taken."""
        return [int(left) for left in self._left]

    def put(
        self,
        places: Sequence[int],
        targets: Tensor,
        known: Tensor,
        starts: W,
        settings: Sequence[ItemSettings],
    ) -> None:
        """Begin n rows in these places; on CUDA this waits for nothing.

        Args:
            places: n numbers of places, 0 to B - 1.
            targets: (n, C', h', w') float32 in [0, 1], 0 where nothing is known.
            known: (n, 1, h', w') float32, weight of each pixel in the loss.
            starts: Weights of n rows to start from.
            settings: How each of the n rows is fitted.
        """
        index = self._index(places)
        chosen = send(
            np.array([(own.steps, own.rate, own.noise) for own in settings], np.float32), targets.device
        )
        state = self._state
        with torch.no_grad():
            prepared = prepare_loss(self._loss_name, targets, known)
            for mine, new in (
                (state.parameters, starts.flatten()),
                (self._weights.code, starts.code),
                (self._input, starts.code),
                (state.steps, chosen[:, :1]),
                (state.rates, chosen[:, 1:2]),
                (self._deviations, chosen[:, 2:]),
                *zip(self._loss.tensors, prepared.tensors, strict=True),
            ):
                mine.index_copy_(0, index, new)
            for tensor in (state.mean, state.power, state.pictures, state.taken):
                tensor.index_fill_(0, index, 0)
        for place, own in zip(places, settings, strict=True):
            self._noise.begin(place, own.seed)
            self._left[place], self._is_noisy[place] = own.steps, own.noise > 0

    def step(self, count: int = 1) -> None:
        """Take some steps with all rows that have some left.

        Args:
            count: How many.
        """
        for _ in range(count):
            if self._is_noisy.any():
                code = self._weights.code
                deviations = self._deviations.view(-1, *[1] * (code.dim() - 1))
                self._input.copy_(code + deviations * self._noise.draw(code.shape[1:]))
            self._step()
        np.maximum(self._left - count, 0, out=self._left)

    def latest(self) -> tuple[Tensor, Tensor]:
        """What the rows painted in the last step; the next step overwrites it.

        Returns:
            The pictures, (B, C, h, w), and their losses, (B,).

        Raises:
            ValueError: They are not kept.
        """
        if self._state.last is None:
            raise ValueError("the last pictures are not kept; ask for them when the batch is made")
        return self._state.last, self._state.losses

    def take(self, places: Sequence[int]) -> tuple[Tensor, W]:
        """Take out what became of rows; on CUDA this waits for nothing.

        Args:
            places: n numbers of places.

        Returns:
            Copies of the pictures, (n, C, h, w) in [0, 1], means over the last quarter of the steps, and of
            the rows' weights.
        """
        index = self._index(places)
        code, parameters = (
            tensor.index_select(0, index) for tensor in (self._weights.code, self._state.parameters.detach())
        )
        pictures = self._state.pictures.index_select(0, index).clamp_(0, 1)
        return pictures, self._weights.with_parameters(parameters, code)

    def _index(self, places: Sequence[int]) -> Tensor:
        return send(np.array(places, np.int64), self._state.pictures.device)

    def _step_all(self) -> None:
        """One step on the device; rows without steps left keep their weights and pictures."""
        weights = self._weights.with_parameters(self._state.parameters)
        output = self._network.paint(weights, self._input)
        losses = self._loss(output if self._forward is None else self._forward(output))
        (gradient,) = torch.autograd.grad(losses, self._state.parameters, self._ones)
        self._advance(self._state, gradient, output, losses)


def _choose_advance(device: torch.device) -> Advance:
    """The kernels where they can be used."""
    if not are_usable(device):
        return advance
    from subremover.untrained.kernels import adam

    return adam.advance

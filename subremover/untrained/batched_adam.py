"""Adam on a batch of untrained networks, each with its own steps, rate and noise, that come and go.

One step takes all of them on by one step of Adam. Which one comes into which slot is not its business.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic

import torch
from torch import Tensor

from subremover.options import LossName
from subremover.untrained.codes import draw_noise
from subremover.untrained.cuda_graph import capture
from subremover.untrained.losses import prepare_loss
from subremover.untrained.network import Network, W

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
"""Adam's own (Kingma and Ba 2015)."""
TAIL = 4
"""The picture is the mean of those of the last quarter of the steps: it flickers less than the last one."""


ForwardModel = Callable[[Tensor], Tensor]
"""How pictures were changed before they were seen: (B, C, h, w) -> (B, C', h', w'), by torch."""


@dataclass(frozen=True, slots=True)
class ItemSettings:
    """How one row is fitted."""

    seed: int
    """Of the input noise."""
    steps: int
    rate: float
    """Adam's learning rate."""
    noise: float = 0.0
    """Standard deviation of what is added to the input in each step."""


class BatchedAdam(Generic[W]):
    """B networks fitted at once, in tensors that stay where they are.

    Rows never interact, and one that has had its steps is frozen. So what becomes of a row depends, beyond
    rounding, on neither B nor its place, nor on what stands in the others or when it is taken out. On the
    CPU not even its bits do: Adam makes much of little, and where single rows were rounded otherwise than
    several, pictures differed by 2 levels after 60 steps. A step asks the device for nothing, so that on
    CUDA it is captured once and replayed (not yet run on a GPU).

    What bounds a step on the CPU, for 96x288 px, K = 64 and L = 5: 0.26 GFLOP a row, 2.7 ms at the 98 GFLOP/s
    at which one core multiplies such matrices; and 160 MB to and from the K-channel tensors, of which the
    finest, 7 MB, is passed over 17 times, 10 to 14 ms at the 11 to 17 GB/s at which it copies them. Measured
    in one thread beside other programs: 28 ms with 4 rows, 7 of them for the loss; the loop of nn.Conv2d,
    pytorch-msssim and torch.optim.Adam took 85 then.
    """

    def __init__(
        self,
        network: Network[W],
        like: W,
        targets: tuple[int, int, int, int],
        *,
        loss: LossName,
        forward: ForwardModel | None = None,
    ) -> None:
        """Make B empty places.

        Args:
            network: What is fitted.
            like: Its weights of any number of rows, on the device to fit on.
            targets: B, C', h' and w', the shape of what is to be restored.
            loss: Between what the forward model makes of the pictures, and the targets.
            forward: None: the targets are pictures as they are.
        """
        device, count = like.code.device, targets[0]
        if device.type == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = True  # of the network; no other part multiplies matrices
        self._network, self._forward, self._loss_name = network, forward, loss
        self._weights = like.map(lambda tensor: tensor.new_zeros(count, *tensor.shape[1:]))
        self._parameters = self._weights.flatten().requires_grad_(True)  # (B, P)
        self._input = self._weights.code.clone()  # the code with its noise
        self._generators = [torch.Generator() for _ in range(count)]
        self._mean, self._power = torch.zeros_like(self._parameters), torch.zeros_like(self._parameters)
        with torch.no_grad():
            self._pictures = torch.zeros_like(network.paint(self._weights, self._input))
        self._last = torch.zeros_like(self._pictures)
        blank = torch.zeros(targets, device=device)
        self._loss = prepare_loss(loss, blank, blank[:, :1].clone())
        self._losses = torch.zeros(count, device=device)
        self._taken = torch.zeros(count, 1, device=device)
        self._steps, self._rates = torch.zeros_like(self._taken), torch.zeros_like(self._taken)
        self._left, self._noises = [0] * count, [0.0] * count
        self._step = capture(self._step_all, device)

    @property
    def steps_left(self) -> list[int]:
        """Of each slot; 0: it is free, or its row may be taken."""
        return list(self._left)

    def put(
        self,
        places: Sequence[int],
        targets: Tensor,
        known: Tensor,
        starts: W,
        settings: Sequence[ItemSettings],
    ) -> None:
        """Begin n rows in these places.

        Args:
            places: n of them.
            targets: (n, C', h', w') in [0, 1], 0 where nothing is known.
            known: (n, 1, h', w') weight of each pixel.
            starts: Of n rows.
            settings: n.
        """
        index = self._index(places)
        with torch.no_grad():
            self._parameters[index] = starts.flatten()
            self._weights.code[index] = starts.code
            self._input[index] = starts.code
            for tensor in (self._mean, self._power, self._pictures, self._taken):
                tensor[index] = 0
            self._steps[index] = targets.new_tensor([own.steps for own in settings]).unsqueeze(1)
            self._rates[index] = targets.new_tensor([own.rate for own in settings]).unsqueeze(1)
            prepared = prepare_loss(self._loss_name, targets, known)
            for mine, new in zip(self._loss.tensors, prepared.tensors, strict=True):
                mine[index] = new
        for slot, own in zip(places, settings, strict=True):
            self._generators[slot].manual_seed(own.seed)
            self._left[slot], self._noises[slot] = own.steps, own.noise

    def step(self) -> None:
        """One step of all rows that have some left."""
        if any(self._noises):
            code = self._weights.code
            deviations = torch.tensor(self._noises).view(-1, *[1] * (code.dim() - 1))
            noise = deviations * draw_noise(code.shape[1:], self._generators)
            self._input.copy_(code + noise.to(code.device))
        self._step()
        self._left = [max(left - 1, 0) for left in self._left]

    def latest(self) -> tuple[Tensor, Tensor]:
        """What all rows painted in the last step, (B, C, h, w), and their losses, (B,).

        The next step overwrites both.
        """
        return self._last, self._losses

    def take(self, places: Sequence[int]) -> tuple[Tensor, W]:
        """Copies of the pictures (n, C, h, w), in [0, 1], and the weights of the rows in these places."""
        index = self._index(places)
        weights = self._weights.with_parameters(self._parameters.detach())
        return self._pictures[index].clamp_(0, 1), weights.map(lambda tensor: tensor[index])

    def _index(self, places: Sequence[int]) -> Tensor:
        return torch.tensor(places, device=self._pictures.device)

    def _step_all(self) -> None:
        weights = self._weights.with_parameters(self._parameters)
        output = self._network.paint(weights, self._input)
        losses = self._loss(output if self._forward is None else self._forward(output))
        (gradient,) = torch.autograd.grad(losses.sum(), self._parameters)
        with torch.no_grad():
            is_active = (self._taken < self._steps).to(output.dtype)  # (B, 1)
            self._taken += is_active
            # Adam, each row with its own count of steps; the first of an empty slot is never divided by 0
            taken = self._taken.clamp_min(1)
            self._mean.lerp_(gradient, 1 - BETA1)
            self._power.mul_(BETA2).addcmul_(gradient, gradient, value=1 - BETA2)
            correction1, correction2 = (-torch.expm1(taken * math.log(beta)) for beta in (BETA1, BETA2))
            spread = (self._power / correction2).sqrt_().add_(EPSILON)
            self._parameters -= is_active * self._rates / correction1 * self._mean / spread
            tail = (self._steps / TAIL).floor().clamp_min(1)
            share = is_active * (self._taken > self._steps - tail) / tail
            self._pictures.addcmul_(output, share[:, :, None, None])
            self._last.copy_(output)
            self._losses.copy_(losses)

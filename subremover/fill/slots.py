"""Slots in which decoders of one canvas and depth are fitted side by side, each at its own pace.

One step takes all of them on by one step of Adam. Which decoder comes into which slot is not its business.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from subremover.fill.codes import draw_noise
from subremover.fill.decoder import LastLevel, decode, paint_last_level
from subremover.fill.graphs import capture
from subremover.fill.kernels import are_usable
from subremover.fill.losses import Compare, compare, prepare_loss
from subremover.fill.weights import Weights
from subremover.options import FitOptions

WARM_RATE = 0.25
"""Of the learning rate, for warm starts. Adam starts anew there, and its first steps, all of full length,
undo what the anchor has learnt: 8 steps at the full rate cost 4.7 dB in a wide hole, at twice the flicker."""
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
"""Adam's own (Kingma and Ba 2015)."""
TAIL = 4
"""The picture is the mean of those of the last quarter of the steps: it flickers less than the last one."""


class Slots:
    """B decoders fitted at once, in tensors that stay where they are.

    Rows never interact, and one that has had its steps is frozen. So what becomes of a row depends, beyond
    rounding, neither on B nor on its slot, nor on what stands in the others or when it is taken out. On the
    CPU not even its bits do: Adam makes much of little, and where single rows were rounded otherwise than
    several, pictures differed by 2 levels after 60 steps. A step asks the device for nothing, so that on
    CUDA it is captured once and replayed (not yet run on a GPU).

    What bounds a step on the CPU, for 96x288 px, K = 64 and L = 5: 0.26 GFLOP a row, 2.7 ms at the 98 GFLOP/s
    at which one core multiplies such matrices; and 160 MB to and from the K-channel tensors, of which the
    finest, 7 MB, is passed over 17 times, 10 to 14 ms at the 11 to 17 GB/s at which it copies them. Measured
    in one thread beside other programs: 28 ms with 4 rows, 7 of them for the loss; the loop of nn.Conv2d,
    pytorch-msssim and torch.optim.Adam took 85 then.
    """

    def __init__(self, count: int, like: Weights, options: FitOptions) -> None:
        """Empty slots.

        Args:
            count: B.
            like: Weights of any rows of the same canvas and depth, on the device to fit on.
            options: Widths, loss, activation, learning rate, input noise.
        """
        device, (height, width) = like.code.device, like.size
        if device.type == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = True  # of the network; no other part multiplies matrices
        self._options = options
        self._last_level, self._compare = _choose_parts(device)
        self._weights = like.map(lambda tensor: tensor.new_zeros(count, *tensor.shape[1:]))
        self._parameters = self._weights.flatten().requires_grad_(True)  # (B, P)
        self._input = self._weights.code.clone()  # the code with its noise
        self._generators = [torch.Generator() for _ in range(count)]
        self._mean, self._power = torch.zeros_like(self._parameters), torch.zeros_like(self._parameters)
        self._pictures = torch.zeros(count, 3, height, width, device=device)
        blank = torch.zeros_like(self._pictures)
        self._loss = prepare_loss(options.loss, blank, blank[:, :1].clone(), self._compare)
        self._taken = torch.zeros(count, 1, device=device)
        self._steps, self._rates = torch.zeros_like(self._taken), torch.zeros_like(self._taken)
        self._left = [0] * count
        self._step = capture(self._step_all, device)

    @property
    def steps_left(self) -> list[int]:
        """Of each slot; 0: it is free, or its row may be taken."""
        return list(self._left)

    def put(
        self,
        slots: Sequence[int],
        crops: Tensor,
        known: Tensor,
        starts: Weights,
        *,
        seeds: Sequence[int],
        steps: Sequence[int],
        is_warm: bool,
    ) -> None:
        """Begin n rows in these slots.

        Args:
            slots: n of them.
            crops: (n, 3, h, w) in [0, 1], 0 where nothing is known.
            known: (n, 1, h, w) weight of each pixel.
            starts: Of n rows.
            seeds: n, of the input noise.
            steps: How many each row is to have.
            is_warm: Whether they start from what an earlier fit has learnt.
        """
        place = self._index(slots)
        counts = crops.new_tensor(steps).unsqueeze(1)  # (n, 1)
        with torch.no_grad():
            self._parameters[place] = starts.flatten()
            self._weights.code[place] = starts.code
            self._input[place] = starts.code
            for tensor in (self._mean, self._power, self._pictures, self._taken):
                tensor[place] = 0
            self._steps[place] = counts
            self._rates[place] = self._options.learning_rate * (WARM_RATE if is_warm else 1)
            prepared = prepare_loss(self._options.loss, crops, known, self._compare)
            for mine, new in zip(self._loss.tensors, prepared.tensors, strict=True):
                mine[place] = new
        for slot, seed, count in zip(slots, seeds, steps, strict=True):
            self._generators[slot].manual_seed(seed)
            self._left[slot] = count

    def step(self) -> None:
        """One step of all rows that have some left."""
        if deviation := self._options.input_noise:
            code = self._weights.code
            self._input.copy_(code + deviation * draw_noise(code.shape[1:], self._generators).to(code.device))
        self._step()
        self._left = [max(left - 1, 0) for left in self._left]

    def take(self, slots: Sequence[int]) -> tuple[Tensor, Weights]:
        """Copies of the pictures (n, 3, h, w), in [0, 1], and the weights of the rows in these slots."""
        place = self._index(slots)
        weights = self._weights.with_parameters(self._parameters.detach())
        return self._pictures[place].clamp_(0, 1), weights.map(lambda tensor: tensor[place])

    def _index(self, slots: Sequence[int]) -> Tensor:
        return torch.tensor(slots, device=self._pictures.device)

    def _step_all(self) -> None:
        weights = self._weights.with_parameters(self._parameters)
        output = decode(weights, self._options.activation, self._input, self._last_level)
        (gradient,) = torch.autograd.grad(self._loss(output).sum(), self._parameters)
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


def _choose_parts(device: torch.device) -> tuple[LastLevel, Compare]:
    """The fused kernels where they can be used."""
    if not are_usable(device):
        return paint_last_level, compare
    from subremover.fill.kernels import last_level, similarity

    return last_level.paint_last_level, similarity.compare

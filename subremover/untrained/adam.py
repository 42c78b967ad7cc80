"""A step of Adam for rows that each have their own count of steps and rate, and what it leaves of pictures.

What a step fits, and which rows there are, is in `batched_adam`; the same by kernels for CUDA in
`kernels.adam`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
"""Adam's constants, as its authors have them (Kingma and Ba 2015)."""
TAIL = 4
"""A row's picture is the mean over the last 1 / TAIL of its steps, which flickers less than the last one."""


@dataclass(frozen=True, slots=True, eq=False)
class AdamState:
    """All that B rows carry from step to step, float32 on one device; a step changes it in place."""

    parameters: Tensor
    """(B, P), what is fitted."""
    mean: Tensor
    """(B, P), moving mean of the gradients."""
    power: Tensor
    """(B, P), moving mean of their squares."""
    taken: Tensor
    """(B, 1), number of steps that each row has had; never more than `steps`."""
    steps: Tensor
    """(B, 1), number of steps that it should have."""
    rates: Tensor
    """(B, 1), learning rates."""
    pictures: Tensor
    """(B, C, h, w), means of the pictures of the last steps, as far as they were taken."""
    last: Tensor | None
    """(B, C, h, w), the pictures of the last step; None: nobody looks at them."""
    losses: Tensor
    """(B,), their losses."""

    @classmethod
    def start(cls, parameters: Tensor, pictures: Tensor, *, keeps_last: bool) -> AdamState:
        """The state of rows that have no steps to take.

        Args:
            parameters: (B, P), kept; from now on with gradients.
            pictures: (B, C, h, w), of the shape and layout of those that are painted.
            keeps_last: Whether the pictures of the last step are kept.
        """
        mean, power = torch.zeros_like(parameters), torch.zeros_like(parameters)
        taken, steps, rates = parameters.new_zeros(3, len(parameters), 1)
        means, last = torch.zeros_like(pictures), torch.zeros_like(pictures) if keeps_last else None
        losses = parameters.new_zeros(len(parameters))
        parameters.requires_grad_(True)
        return cls(parameters, mean, power, taken, steps, rates, means, last, losses)


Advance = Callable[[AdamState, Tensor, Tensor, Tensor], None]
"""What `advance` does, perhaps in another way."""


@torch.no_grad()
def advance(state: AdamState, gradient: Tensor, output: Tensor, losses: Tensor) -> None:
    """Take a step; rows that have had all theirs keep their weights and pictures.

    Args:
        state: Of B rows.
        gradient: (B, P), of the losses by the parameters.
        output: (B, C, h, w), what was painted with the parameters.
        losses: (B,), of that.
    """
    is_active = (state.taken < state.steps).to(output.dtype)  # (B, 1)
    state.taken.add_(is_active)
    # each row with its own count of steps; the first of an empty place is never divided by 0
    taken = state.taken.clamp_min(1)
    state.mean.lerp_(gradient, 1 - BETA1)
    state.power.mul_(BETA2).addcmul_(gradient, gradient, value=1 - BETA2)
    correction1, correction2 = (-torch.expm1(taken * math.log(beta)) for beta in (BETA1, BETA2))
    spread = (state.power / correction2).sqrt_().add_(EPSILON)
    state.parameters.sub_(is_active * state.rates / correction1 * state.mean / spread)
    tail = (state.steps / TAIL).floor().clamp_min(1)
    share = is_active * (state.taken > state.steps - tail) / tail
    state.pictures.addcmul_(output, share[:, :, None, None])
    if state.last is not None:
        state.last.copy_(output)
    state.losses.copy_(losses)

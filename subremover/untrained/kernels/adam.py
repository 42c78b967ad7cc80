"""A step of Adam in two launches: one over the parameters, one over the pictures.

In plain torch it is some thirty, most of them on tensors of (B, 1). The kernels themselves are in `adam_jit`,
the plain twin is `adam.advance`. Not yet run on a GPU.
See docs/measurements.md, "untrained/kernels: launches, traffic and registers".
"""

from __future__ import annotations

import math

import torch
import triton
from torch import Tensor

from subremover.untrained.adam import BETA1, BETA2, EPSILON, TAIL, AdamState
from subremover.untrained.kernels.adam_jit import advance_parameters, advance_pictures
from subremover.untrained.kernels.launch import OPTIONS

BLOCK = 1024
"""Number of parameters or samples that a program takes."""


def advance(state: AdamState, gradient: Tensor, output: Tensor, losses: Tensor) -> None:
    """Take a step; rows that have had all theirs keep their weights and pictures.

    Args:
        state: Of B rows.
        gradient: (B, P), of the losses by the parameters.
        output: (B, C, h, w), what was painted with the parameters.
        losses: (B,), of that.
    """
    B, P = state.parameters.shape
    N = output[0].numel()
    output = output.detach()
    if output.stride() != state.pictures.stride():
        output = torch.empty_like(state.pictures).copy_(output)
    shares = torch.empty_like(state.taken)
    with torch.cuda.device_of(output):
        advance_parameters[triton.cdiv(P, BLOCK), B](
            state.parameters.detach(), state.mean, state.power, gradient.contiguous(),
            state.taken, state.steps, state.rates, shares, P,
            BETA1, BETA2, math.log(BETA1), math.log(BETA2), EPSILON, TAIL, BLOCK, **OPTIONS,
        )  # fmt: skip
        advance_pictures[triton.cdiv(N, BLOCK), B](
            state.pictures, state.last, output, shares, state.taken, state.steps,
            state.losses, losses.detach().contiguous(), N, BLOCK, **OPTIONS,
        )  # fmt: skip

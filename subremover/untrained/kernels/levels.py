"""The decoder's levels by kernels: what `level.paint_levels` does.

See docs/measurements.md, "untrained/kernels: launches, traffic and registers".
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from subremover.options import ActivationName
from subremover.untrained.kernels.last_level import paint_last_level
from subremover.untrained.kernels.level import mix_level


def paint_levels(
    values: Tensor,
    mixes: Sequence[Tensor],
    scales: Sequence[Tensor],
    shifts: Sequence[Tensor],
    head: Tensor,
    *,
    activation: ActivationName,
) -> Tensor:
    """The picture of what the first 1x1 convolution gave, with gradients to all tensors.

    Args:
        values: (B, h, w, K) float32.
        mixes: L - 1 times (B, K, K) float32, the 1x1 convolutions between the levels.
        scales: L times (B, K) float32, the norms' factors.
        shifts: L times (B, K) float32, the norms' offsets.
        head: (B, 3, K) float32, the convolution to the picture's channels.
        activation: Of all levels.

    Returns:
        (B, 3, 2^L h, 2^L w) float32 in [0, 1].
    """
    bias = None
    for mix, scale, shift in zip(mixes, scales, shifts, strict=False):
        values, bias = mix_level(values, bias, mix, scale, shift, activation=activation)
    return paint_last_level(values, bias, head, scales[-1], shifts[-1], activation=activation)

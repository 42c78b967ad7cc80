"""What a decoder is fed with: noise, or the crop scaled down; and the noise added from step to step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def draw_code(channels: int, size: tuple[int, int], levels: int, seed: int) -> Tensor:
    """(channels, h0, w0) uniform noise in [0, 0.1], the range of the authors' runs, on the CPU.

    Args:
        channels: C0.
        size: Height and width of the picture in px, multiples of 2^levels.
        levels: L.
        seed: Of this decoder alone.
    """
    generator = torch.Generator().manual_seed(2 * seed)
    return 0.1 * torch.rand(channels, size[0] >> levels, size[1] >> levels, generator=generator)


def shrink(crops: Tensor, known: Tensor, levels: int) -> Tensor:
    """(B, 3, h0, w0): crops scaled down by 2^levels, each cell the mean of its known pixels.

    The paper scales the damaged picture itself down; here cells that lie wholly in the hole are filled
    from coarser ones, so that the input never shows what is to be removed.

    Args:
        crops: (B, 3, h, w), anything finite in the hole.
        known: (B, 1, h, w), 0 in the hole.
        levels: L.
    """
    for _ in range(levels):
        weight = F.avg_pool2d(known, 2, ceil_mode=True)
        crops = F.avg_pool2d(crops * known, 2, ceil_mode=True) / weight.clamp_min(1e-6)
        known = weight
    if max(crops.shape[2:]) == 1:
        return crops
    coarse = shrink(crops, known, 1)
    wide = F.interpolate(coarse, size=crops.shape[2:], mode="bilinear", align_corners=False)
    return torch.where(known > 0, crops, wide)


def draw_noise(shape: Sequence[int], generators: Sequence[torch.Generator]) -> Tensor:
    """(B, *shape) normal noise on the CPU, each row's own, to be added to the codes in each step.

    The same generator gives other noise each time.
    """
    return torch.stack([torch.randn(*shape, generator=generator) for generator in generators])

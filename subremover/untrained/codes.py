"""What a network is fed with: noise, or the crop scaled down; and the noise added to that in each step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def draw_code(channels: int, size: tuple[int, int], levels: int, seed: int) -> Tensor:
    """Uniform noise in [0, 0.1], the range of the authors' runs, for the input of one decoder.

    Args:
        channels: C0.
        size: Height and width of the picture in px, multiples of 2^levels.
        levels: L.
        seed: Of this decoder alone.

    Returns:
        (C0, h0, w0) float32 on the CPU; h0 and w0 are the picture's over 2^L.
    """
    generator = torch.Generator().manual_seed(2 * seed)
    return 0.1 * torch.rand(channels, size[0] >> levels, size[1] >> levels, generator=generator)


def shrink(crops: Tensor, known: Tensor, levels: int) -> Tensor:
    """Crops scaled down by 2^levels, each cell the mean of its known pixels.

    The paper scales the damaged picture itself down; here cells that lie wholly in the hole are filled
    from coarser ones, so that the input never shows what is to be removed.

    Args:
        crops: (B, C, h, w) float32, anything finite in the hole.
        known: (B, 1, h, w) float32, weight of each pixel, 0 in the hole.
        levels: L.

    Returns:
        (B, C, h0, w0) float32; h0 and w0 are h and w over 2^L, rounded up.
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


class InputNoise:
    """Normal noise of standard deviation 1 that is added to the codes of B rows in each step.

    On the CPU each row draws its own, whatever rows stand beside it. A GPU draws for all rows at once: there
    a row's noise depends on its place, and on what was drawn before.
    """

    def __init__(self, rows: int, device: torch.device) -> None:
        """Noise for B rows on a device."""
        self._rows, self._device = rows, device
        self._generators = [torch.Generator() for _ in range(rows)] if device.type == "cpu" else []
        self._of_all: torch.Generator | None = None

    def begin(self, place: int, seed: int) -> None:
        """Begin a row's noise anew.

        Args:
            place: Of the row, 0 to B - 1.
            seed: Its own.
        """
        if self._generators:
            self._generators[place].manual_seed(seed)

    def draw(self, shape: Sequence[int]) -> Tensor:
        """The noise of the next step.

        Args:
            shape: Of one row.

        Returns:
            (B, *shape) float32 on the device.
        """
        if self._generators:
            return torch.stack([torch.randn(*shape, generator=generator) for generator in self._generators])
        if self._of_all is None:
            self._of_all = torch.Generator(self._device).manual_seed(0)
        return torch.randn(self._rows, *shape, generator=self._of_all, device=self._device)

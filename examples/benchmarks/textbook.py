"""The textbook loop: a deep decoder fitted to one frame after the other, as the paper's authors ran it.

What bench_speed.py holds our fit against: nn.Conv2d, nn.Upsample, nn.BatchNorm2d, torch.optim.Adam and
pytorch-msssim on the masked picture, eager, with torch's own defaults. Sources: section 4 of T. Sellmayer and
S. Naqvi, Untrained Image Restoration using Deep Decoder; R. Heckel and P. Hand, Deep Decoder.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from pytorch_msssim import ms_ssim
from pytorch_msssim.ssim import _fspecial_gauss_1d, _ssim
from torch import Tensor, nn

from subremover.untrained.gaussian import SIGMA_PX, WINDOW_PX
from subremover.untrained.losses import MIX_SHARE, SCALE_WEIGHTS, count_scales

LEARNING_RATE = 0.01


def make_decoder(channels: int, levels: int) -> nn.Sequential:
    """The network of section 4.1; like ours without biases, which the norms make useless."""
    layers: list[nn.Module] = []
    for _ in range(levels):
        layers += [
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            nn.ReLU(),
            nn.BatchNorm2d(channels),
        ]
    return nn.Sequential(*layers, nn.Conv2d(channels, 3, 1, bias=False), nn.Sigmoid())


def prepare_loss(crop: Tensor, known: Tensor) -> Callable[[Tensor], Tensor]:
    """MS-SSIM and L1 of the masked picture, 84 to 16.

    Args:
        crop: (1, 3, h, w) in [0, 1].
        known: (1, 1, h, w), 1 or 0.
    """
    target = crop * known

    def loss(output: Tensor) -> Tensor:
        masked = output * known
        return MIX_SHARE * (1 - _similarity(masked, target)) + (1 - MIX_SHARE) * F.l1_loss(masked, target)

    return loss


def fit_frame(crop: Tensor, known: Tensor, channels: int, levels: int, steps: int) -> Tensor:
    """Fit one decoder to one frame; what it paints, (1, 3, h, w).

    Args:
        crop: (1, 3, h, w) in [0, 1]; sides are multiples of 2^levels.
        known: (1, 1, h, w), 1 or 0.
        channels: K.
        levels: L.
        steps: Of Adam.
    """
    height, width = crop.shape[2:]
    code = torch.rand(1, channels, height >> levels, width >> levels, device=crop.device)
    decoder = make_decoder(channels, levels).to(crop.device)
    optimizer = torch.optim.Adam(decoder.parameters(), lr=LEARNING_RATE)
    loss = prepare_loss(crop, known)
    output = torch.empty_like(crop)
    for _ in range(steps):
        optimizer.zero_grad()
        output = decoder(code)
        loss(output).backward()
        optimizer.step()
    return output.detach()


def _similarity(output: Tensor, target: Tensor) -> Tensor:
    """pytorch-msssim's; put together from its parts where it refuses the picture, which is below 161 px."""
    if min(output.shape[2:]) > 16 * (WINDOW_PX - 1):
        similarity: Tensor = ms_ssim(output, target, data_range=1)
        return similarity
    count = count_scales(output.shape[2], output.shape[3])
    window = _fspecial_gauss_1d(WINDOW_PX, SIGMA_PX).repeat(3, 1, 1, 1)
    parts = []
    for scale in range(count):
        similarity, contrast = _ssim(output, target, data_range=1, win=window)
        if scale < count - 1:
            parts.append(torch.relu(contrast))
            padding = [side % 2 for side in output.shape[2:]]
            output, target = (F.avg_pool2d(picture, 2, padding=padding) for picture in (output, target))
    parts.append(torch.relu(similarity))
    weights = output.new_tensor(SCALE_WEIGHTS[:count])
    return (torch.stack(parts) ** (weights / weights.sum()).view(-1, 1, 1)).prod(0).mean()

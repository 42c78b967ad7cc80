"""The constants of the structural similarity, and its Gaussian window at every place of a picture.

The similarity itself is in `losses`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import torch
import torch.nn.functional as F
from pytorch_msssim.ssim import _fspecial_gauss_1d
from torch import Tensor

from subremover.runtime.precision import float32_products

WINDOW_PX, SIGMA_PX = 11, 1.5
"""Side of the window, and standard deviation of its Gaussian (Wang et al. 2004)."""
C1, C2 = 0.01**2, 0.03**2
"""What keeps the similarity's fractions from 0 / 0 (Wang et al. 2004), for values in [0, 1]."""
LEAST_WEIGHT = 1e-6
"""Least known weight of a window or a block; what holds less counts for nothing."""
LEAST_SIMILARITY = 1e-4
"""Similarities below it count as this: a negative one has no fractional power, and zero no slope."""
BLOCK = 48
"""Number of columns of a banded matrix that are multiplied at a time.
See docs/measurements.md, "untrained/gaussian: products"."""


def blur(values: Tensor, taps: int) -> Tensor:
    """Gaussian mean of each channel in every window that lies wholly inside the picture.

    On the CPU by products with banded matrices, elsewhere by convolution; never rounded to TF32, which no
    variance survives. See docs/measurements.md, "untrained/gaussian: products" and ": TF32".

    Args:
        values: (B, C, h, w) float.
        taps: Side of the window, odd.

    Returns:
        (B, C, h - taps + 1, w - taps + 1).
    """
    if values.device.type != "cpu":
        return _convolve(values, taps, 0)
    height, width = values.shape[2:]
    down = _band_matrix(taps, height, values.dtype)  # (h, h')
    right = _band_matrix(taps, width, values.dtype)  # (w, w')
    return _multiply_right(_multiply_down(values, down, 0, taps), right, 0, taps)


def blur_back(values: Tensor, taps: int) -> Tensor:
    """`blur` transposed: what each window holds, spread over the pixels that it was made of.

    Args:
        values: (B, C, h', w') float, one a window.
        taps: Side of the window, odd.

    Returns:
        (B, C, h' + taps - 1, w' + taps - 1).
    """
    if values.device.type != "cpu":
        return _convolve(values, taps, taps - 1)
    height, width = values.shape[2] + taps - 1, values.shape[3] + taps - 1
    up = _band_matrix(taps, height, values.dtype).T
    left = _band_matrix(taps, width, values.dtype).T
    return _multiply_down(_multiply_right(values, left, taps - 1, taps), up, taps - 1, taps)


def _convolve(values: Tensor, taps: int, padding: int) -> Tensor:
    """The window over (B, C, h, w), by two convolutions."""
    channels = values.shape[1]
    window = gaussian(taps, values.dtype, values.device).expand(channels, 1, 1, -1)
    with float32_products(tf32=False):
        values = F.conv2d(values, window, padding=(0, padding), groups=channels)
        return F.conv2d(values, window.transpose(2, 3), padding=(padding, 0), groups=channels)


def _multiply_right(values: Tensor, matrix: Tensor, before: int, taps: int) -> Tensor:
    """(B, C, h, n) times an (n, m) matrix whose column i is 0 but for `taps` rows from i - before on."""
    lines = values.reshape(-1, len(matrix))  # (B C h, n)
    result = values.new_empty(len(lines), matrix.shape[1])
    for first, last, low, high in _blocks(matrix, before, taps):
        torch.mm(lines[:, low:high], matrix[low:high, first:last], out=result[:, first:last])
    return result.view(*values.shape[:3], -1)


def _multiply_down(values: Tensor, matrix: Tensor, before: int, taps: int) -> Tensor:
    """The same (n, m) matrix's transpose times each of (B, C, n, w)."""
    planes = values.flatten(0, 1)  # (B C, n, w)
    result = values.new_empty(len(planes), matrix.shape[1], values.shape[3])
    for first, last, low, high in _blocks(matrix, before, taps):
        part = matrix[low:high, first:last].T.expand(len(planes), -1, -1)
        torch.bmm(part, planes[:, low:high], out=result[:, first:last])
    return result.view(*values.shape[:2], *result.shape[1:])


def _blocks(matrix: Tensor, before: int, taps: int) -> Iterator[tuple[int, int, int, int]]:
    """Blocks of columns of a banded matrix, and the rows in which they are not all 0."""
    rows, columns = matrix.shape
    for first in range(0, columns, BLOCK):
        last = min(first + BLOCK, columns)
        yield first, last, max(first - before, 0), min(last - 1 - before + taps, rows)


@lru_cache(maxsize=64)
def _band_matrix(taps: int, length: int, dtype: torch.dtype) -> Tensor:
    """(length, length - taps + 1), on the CPU: column i is the window that begins at i."""
    window = gaussian(taps, dtype, torch.device("cpu"))
    return torch.stack([F.pad(window, (i, length - taps - i)) for i in range(length - taps + 1)], 1)


@lru_cache(maxsize=64)
def gaussian(taps: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(taps,) weights of a Gaussian window along one axis; they add up to 1."""
    window: Tensor = _fspecial_gauss_1d(taps, SIGMA_PX)
    return window.flatten().to(device, dtype)

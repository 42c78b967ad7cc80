"""The torch twin of `normalised_convolution.NormalisedConvolution`: many grids at once, on any device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import cv2
import numpy as np
import torch
from torch import Tensor

from subremover.motion.normalised_convolution import PRIOR, choose_levels
from subremover.runtime.precision import float32_products

_PRIOR = float(PRIOR)
_LEAST_WEIGHT = 1e-12
"""Of a place, so that there is a mean, though of nothing, where no place is known."""


class DeviceNormalisedConvolution:
    """Means over the known places, for grids of one size and certain scales.

    Shrinking, blurring and growing are linear and separable, so each is a matrix for the rows and one for the
    columns. OpenCV itself makes these out of the identity, so that sizes and borders are the twin's; and a
    Gaussian over all grids is two matrix products, however wide it is. What is to be multiplied by several
    matrices is multiplied by them side by side, and what products are to be added up comes of one.
    """

    def __init__(
        self,
        size: tuple[int, int],
        px: int,
        sigmas_px: Sequence[float],
        upload: Callable[[np.ndarray], Tensor],
    ) -> None:
        """Work out the matrices.

        Args:
            size: Rows and columns of the grids.
            px: Between neighbouring places.
            sigmas_px: Standard deviations of the Gaussians, ascending.
            upload: Copies a matrix, (n, m) float32, to the device.
        """
        levels = choose_levels(size, px, sigmas_px)[::-1]  # from the coarsest
        rows, columns = (_Axis(side, levels) for side in size)
        self._width = size[1]
        self._widths = [len(blur) for blur in columns.blurs]
        self._blur_columns = upload(_transpose(columns.blurs))
        self._blur_rows = [upload(blur) for blur in rows.blurs]
        self._grow_columns = [
            upload(_transpose(pair)) for pair in zip(columns.steps, columns.to_grid, strict=False)
        ]
        if self._widths[-1] < size[1]:
            self._grow_columns.append(upload(_transpose(columns.to_grid[-1:])))
        self._grow_rows = [upload(step) for step in rows.steps]
        self._sum_rows = upload(np.concatenate(rows.to_grid, axis=1) / np.float32(len(levels)))
        matrices = [
            self._blur_columns,
            *self._blur_rows,
            *self._grow_columns,
            *self._grow_rows,
            self._sum_rows,
        ]
        self.byte_count = sum(4 * matrix.numel() for matrix in matrices)

    def mean(self, total: Tensor, weight: Tensor) -> Tensor:
        """What the known values around each place average to, see `NormalisedConvolution.mean`.

        Args:
            total: (B, C, rows, columns) float32, values times weights.
            weight: (B, 1, rows, columns) float32 in [0, 1], how much is known of each place.

        Returns:
            Like `total`, everywhere.
        """
        with float32_products(tf32=False):
            both = torch.cat([total, weight.clamp_min(_LEAST_WEIGHT)], 1)
            levels = torch.split(both @ self._blur_columns, self._widths, 3)
            coarser: Tensor | None = None
            means: list[Tensor] = []
            for number, rows in enumerate(self._blur_rows):
                level = rows @ levels[number]
                if coarser is None:
                    whole = level.mean((2, 3), keepdim=True)
                    coarser = whole / whole[:, -1:]
                level = torch.add(level, coarser, alpha=_PRIOR)
                mean = level / level[:, -1:]  # so that the weight's, which is grown along with it, is 1
                grown = mean @ self._grow_columns[number] if number < len(self._grow_columns) else mean
                means.append(grown[:, :-1, :, -self._width :])
                if number < len(self._grow_rows):
                    coarser = self._grow_rows[number] @ grown[..., : -self._width]
            return self._sum_rows @ torch.cat(means, 2)


class _Axis:
    """What happens along an axis; all levels from the coarsest, all matrices float32."""

    def __init__(self, side: int, levels: Sequence[tuple[int, float]]) -> None:
        self.blurs = _blurs(side, levels[::-1])[::-1]
        """For each level (places there, side): shrinking and blurring."""
        places = [len(blur) for blur in self.blurs]
        self.steps = [_growth(*sides) for sides in pairwise(places)]
        """For each level but the finest (places of the next, places there): interpolation."""
        self.to_grid = [_growth(places[-1], side)]
        """For each level (side, places there): interpolation, level by level, to the grid."""
        for step in self.steps[::-1]:
            self.to_grid.insert(0, self.to_grid[0] @ step)


def _transpose(matrices: Sequence[np.ndarray]) -> np.ndarray:
    """Matrices of equal width, one below the other, transposed."""
    return np.ascontiguousarray(np.concatenate(matrices).T)


def _blurs(side: int, levels: Sequence[tuple[int, float]]) -> list[np.ndarray]:
    """For each level, from the finest, (places there, side): what shrinking and blurring do along an axis."""
    matrix: np.ndarray = np.eye(side, dtype=np.float32)
    blurs, factor = [], 1
    for coarser, sigma in levels:
        while factor < coarser:
            factor *= 2
            matrix = cv2.resize(matrix, (side, -(-side // factor)), interpolation=cv2.INTER_AREA)
        blurs.append(cv2.GaussianBlur(matrix, (1, 0), sigmaX=sigma, sigmaY=sigma))
    return blurs


def _growth(coarse: int, fine: int) -> np.ndarray:
    """(fine, coarse): what linear interpolation does along an axis."""
    identity = np.eye(coarse, dtype=np.float32)
    if coarse == fine:
        return identity
    growth: np.ndarray = cv2.resize(identity, (coarse, fine), interpolation=cv2.INTER_LINEAR)
    return growth

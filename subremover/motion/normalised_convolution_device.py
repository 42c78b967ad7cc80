"""The torch twin of `normalised_convolution.NormalisedConvolution`: many grids at once, on any device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import cv2
import numpy as np
import torch
from torch import Tensor

from subremover.motion.normalised_convolution import PRIOR, choose_levels

_PRIOR = float(PRIOR)
_Pair = tuple[Tensor, Tensor]


class DeviceNormalisedConvolution:
    """Means over the known places, for grids of one size.

    Shrinking, blurring and growing are linear and separable, so each is a matrix for the rows and one for the
    columns. OpenCV itself makes these out of the identity, so that sizes and borders are the twin's; and a
    Gaussian over all grids is two matrix products, however wide it is.
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
            sigmas_px: All standard deviations that are going to be asked for, ascending.
            upload: Copies a matrix, (n, m) float32, to the device.
        """

        def pair(rows: np.ndarray, columns: np.ndarray) -> _Pair:
            return upload(rows), upload(np.ascontiguousarray(columns.T))

        levels = choose_levels(size, px, sigmas_px)
        blurs = zip(*(_blurs(side, levels) for side in size), strict=True)
        self._blurs = {sigma: pair(*both) for sigma, both in zip(sigmas_px, blurs, strict=True)}
        sizes = [
            tuple(-(-side // factor) for side in size) for factor in sorted({1, *(f for f, _ in levels)})
        ]
        self._growths = {
            (coarse, fine): pair(*(_growth(*sides) for sides in zip(coarse, fine, strict=True)))
            for fine, coarse in combinations(sizes, 2)
        }
        pairs = [*self._blurs.values(), *self._growths.values()]
        self.byte_count = sum(4 * matrix.numel() for both in pairs for matrix in both)

    def mean(self, total: Tensor, weight: Tensor, sigmas_px: Sequence[float]) -> Tensor:
        """What the known values around each place average to, see `NormalisedConvolution.mean`.

        Args:
            total: (B, C, rows, columns) float32, values times weights.
            weight: (B, 1, rows, columns) float32 in [0, 1], how much is known of each place.
            sigmas_px: Some of the standard deviations given before, ascending.

        Returns:
            Like `total`, everywhere.
        """
        both = torch.cat([total, weight], 1)
        mean = sum_of = None
        for sigma_px in reversed(sigmas_px):
            level = _apply(self._blurs[sigma_px], both)
            near, seen = level[:, :-1], level[:, -1:]
            if mean is None or sum_of is None:
                mean = near.mean((2, 3), keepdim=True) / seen.mean((2, 3), keepdim=True).clamp_min(1e-6)
                mean = sum_of = torch.add(near, mean, alpha=_PRIOR) / (seen + _PRIOR)
                continue
            mean, sum_of = self._grow(mean, near), self._grow(sum_of, near)
            mean = torch.add(near, mean, alpha=_PRIOR) / (seen + _PRIOR)
            sum_of = sum_of + mean
        assert sum_of is not None
        return self._grow(sum_of / len(sigmas_px), total)

    def _grow(self, level: Tensor, like: Tensor) -> Tensor:
        coarse, fine = tuple(level.shape[2:]), tuple(like.shape[2:])
        return level if coarse == fine else _apply(self._growths[coarse, fine], level)


def _apply(pair: _Pair, level: Tensor) -> Tensor:
    rows, columns = pair
    return rows @ (level @ columns)


def _blurs(side: int, levels: Sequence[tuple[int, float]]) -> list[np.ndarray]:
    """For each level (places there, side) float32: what shrinking and blurring do along an axis."""
    matrix: np.ndarray = np.eye(side, dtype=np.float32)
    blurs, factor = [], 1
    for coarser, sigma in levels:
        while factor < coarser:
            factor *= 2
            matrix = cv2.resize(matrix, (side, -(-side // factor)), interpolation=cv2.INTER_AREA)
        blurs.append(cv2.GaussianBlur(matrix, (1, 0), sigmaX=sigma, sigmaY=sigma))
    return blurs


def _growth(coarse: int, fine: int) -> np.ndarray:
    """(fine, coarse) float32: what linear interpolation does along an axis."""
    identity = np.eye(coarse, dtype=np.float32)
    growth: np.ndarray = cv2.resize(identity, (coarse, fine), interpolation=cv2.INTER_LINEAR)
    return growth

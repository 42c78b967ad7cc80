"""Continues values smoothly into places where none are known; for tracking, not for the picture itself."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np


def fill_smoothly(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Values with their unknown places interpolated from all around, the nearer the more.

    Push-pull over a pyramid of halves (Gortler et al. 1996): cost linear in the pixels, whatever the hole.

    Args:
        values: (h, w) or (h, w, K) float32; anything finite where unknown.
        known: (h, w) bool.

    Returns:
        Like `values`, unchanged where known; zero where nothing is known at all.
    """
    weight = known.astype(np.float32)
    total = values * (weight if values.ndim == 2 else weight[..., None])
    smooth = _pull(total, weight)
    return np.where(known if values.ndim == 2 else known[..., None], values, smooth)


def shrink_known(
    planes: Sequence[np.ndarray], known: np.ndarray, size: tuple[int, int]
) -> tuple[list[np.ndarray], np.ndarray]:
    """Planes at a smaller size, by the means of what is known of them.

    Args:
        planes: (h, w) float32 each.
        known: (h, w) bool.
        size: Width and height.

    Returns:
        The planes, 0 where nothing is known, and the share of what is, in [0, 1]; float32 of that size.
    """
    weight = known.astype(np.float32)
    share = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    parts = (cv2.resize(cv2.multiply(p, weight), size, interpolation=cv2.INTER_AREA) for p in planes)
    least = np.maximum(share, np.float32(1e-6))
    return [part / least for part in parts], share


def _pull(total: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted means, from the next coarser level where the weight falls short of 1."""
    height, width = weight.shape
    share = np.minimum(weight, 1) / np.maximum(weight, 1e-6)
    if max(height, width) == 1:
        mean: np.ndarray = total / max(float(weight[0, 0]), 1e-6)
        return mean
    own: np.ndarray = total * (share if total.ndim == 2 else share[..., None])
    if weight.min() >= 1:
        return own
    half = ((width + 1) // 2, (height + 1) // 2)
    # Up to four known pixels make a whole one: what lies nearer to the hole counts in full.
    coarse = _pull(*(cv2.resize(level, half, interpolation=cv2.INTER_AREA) * 4 for level in (total, weight)))
    rest = 1 - np.minimum(weight, 1)
    grown = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    filled: np.ndarray = own + grown * (rest if total.ndim == 2 else rest[..., None])
    return filled

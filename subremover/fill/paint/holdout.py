"""The fake subtitle: known pixels beside a hole are hidden too, and what is painted over them is scored.

How far each decoder is trusted in this very place, and how far off it is to be expected. Plain arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from subremover.fill.composite import join_seamlessly

RING_PX, BAND_PX = 5, 32
"""The ring around the hole that is hidden, in every other upright band. Letters are so near each other that
it closes most gaps between them. Of three fakes on nine clips it told best how much of the decoders' detail
to keep (29.5 dB, by the truth 29.7, by agreement alone 29.3): the same letters moved up or down lie over a
sky or a table that has nothing of what the subtitle hides (28.1 to 29.1)."""
LEAST_RING_PX = 64
"""Fewer hidden pixels tell nothing."""
PRIOR, PRIOR_PX = 0.3, 1000
"""Weight of the decoders' own agreement against the trial's. In units of the detail in the hole: a ring on
a plain wall says little about what they paint across an edge. And in hidden pixels, which are much alike."""
RING_BIAS = 1.3
"""RMS in the hole over that in the ring, median of nine clips and two pairs of decoders: a hole is deeper."""
LEAST_WEIGHT = 0.03
"""Decoders trusted with less are left out, and not fitted to the other frames."""
PRESUMED_ERROR = 12 / 255
"""Of a fit without a trial: the median of nine clips."""
LEAST_ERROR = 1 / 255


@dataclass(frozen=True, slots=True, eq=False)
class Trust:
    """How far the decoders of a group are trusted."""

    weights: np.ndarray
    """(S,) of each decoder's detail; at most 1 together, the rest goes to the smooth continuation."""
    error: float
    """RMS in [0, 1] that is expected of the mix of them."""


def choose_ring(unknown: np.ndarray) -> np.ndarray | None:
    """The known pixels that a trial hides.

    Args:
        unknown: (h, w) float32 in [0, 1], how little is known of each pixel.

    Returns:
        (h, w) bool; None where there are too few for a trial.
    """
    kernel = np.ones((2 * RING_PX + 1, 2 * RING_PX + 1), np.uint8)
    near = cv2.dilate((unknown > 0.5).astype(np.uint8), kernel) > 0
    is_band = np.arange(unknown.shape[1]) // BAND_PX % 2 == 0
    ring: np.ndarray = near & (unknown < 0.25) & is_band
    return ring if ring.sum() >= LEAST_RING_PX else None


def trust_smooth(image: np.ndarray, hole: np.ndarray) -> Trust:
    """Trust in no decoder at all, only in the smooth continuation; its error is the RMS over the ring.

    Cheap, and seldom much farther off than a decoder: it tells which borrowed pixels are worth one.

    Args:
        image: (h, w, 3) float32 in [0, 1]; anything in the hole.
        hole: (h, w) bool.
    """
    ring = choose_ring(hole.astype(np.float32))
    if ring is None:
        return Trust(np.zeros(0), PRESUMED_ERROR)
    smooth = join_seamlessly(np.zeros_like(image), image, hole | ring)
    error = float(np.sqrt(np.square(smooth - image)[ring].mean()))
    return Trust(np.zeros(0), max(error, LEAST_ERROR))


def measure_agreement(details: np.ndarray) -> float:
    """Share of the mean detail of several decoders that they have in common; the rest is chance.

    Args:
        details: (S, ...) what each adds to the smooth continuation of the surroundings.

    Returns:
        0 to 1; 1 for a single decoder, which tells nothing.
    """
    count = len(details)
    if count == 1:
        return 1.0
    power = float(np.square(details.mean(0, dtype=np.float64)).sum())
    own = float(np.square(details, dtype=np.float64).sum()) / count
    agreed = (count * power - own) / (count - 1)
    return min(max(agreed / power, 0.0), 1.0) if power > 0 else 0.0


def trust_untried(details: np.ndarray) -> Trust:
    """Trust by agreement alone.

    Args:
        details: (S, pixels, 3) float32 in the hole.
    """
    return Trust(np.full(len(details), measure_agreement(details) / len(details)), PRESUMED_ERROR)


def trust_tried(details: np.ndarray, tried: np.ndarray, truth: np.ndarray) -> Trust:
    """Trust by a trial: the mix of the decoders that restores the hidden pixels best.

    Stacked regression with factors not below 0 (Breiman 1996), drawn towards what the decoders agree on.

    Args:
        details: (S, pixels, 3) float32 in the hole.
        tried: (S, hidden, 3) float32 of the same decoders in the trial, over the hidden pixels.
        truth: (hidden, 3) float32: what the smooth continuation of the trial misses there.
    """
    count = len(details)
    rows, target = tried.reshape(count, -1).astype(np.float64), truth.ravel().astype(np.float64)
    prior = PRIOR * float(np.square(details, dtype=np.float64).mean()) * target.size
    prior += PRIOR_PX * float(np.square(target).mean()) * truth.shape[1]
    products = rows @ rows.T + (prior + 1e-9) * np.eye(count)
    wanted = rows @ target + prior * measure_agreement(details) / count
    weights = np.zeros(count)
    for _ in range(100):  # coordinate descent
        for i in range(count):
            rest = wanted[i] - products[i] @ weights + products[i, i] * weights[i]
            weights[i] = max(rest / products[i, i], 0)
    weights /= max(float(weights.sum()), 1)
    weights[weights < LEAST_WEIGHT] = 0
    error = float(np.sqrt(np.square(weights @ rows - target).mean()))
    return Trust(weights, max(RING_BIAS * error, LEAST_ERROR))

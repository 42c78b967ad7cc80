"""Weighs decoders by a trial: known pixels beside a hole are hidden, too, and how they come back is scored.

Tells how far each decoder is trusted at this very place, and how far off it is to be expected. Works on plain
arrays; the decoders are fitted in `batches`, by order of `schedule`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from subremover.fill.composite import join_seamlessly

RING_PX, BAND_PX = 5, 32
"""Width of the ring around the hole that is hidden, and of the upright bands of which every other one is.
Letters are so near each other that the ring closes most gaps between them.
See docs/measurements.md, "fill/paint/holdout: ring"."""
LEAST_RING_PX = 64
"""Least number of hidden pixels for a trial; fewer tell nothing."""
PRIOR, PRIOR_PX = 0.3, 1000
"""Weight of the decoders' agreement with each other, against that of the trial. The first is in units of the
detail in the hole, as a ring on a plain wall says little about what they paint across an edge; the second is
a number of hidden pixels, which are much alike."""
RING_BIAS = 1.3
"""Factor from the error in the ring to that expected in the hole, which is deeper.
See docs/measurements.md, "fill/paint/holdout: errors"."""
LEAST_WEIGHT = 0.03
"""Weight below which a decoder is left out, and not fitted to the other frames."""
PRESUMED_ERROR = 12 / 255
"""Error, in [0, 1], that a fit without a trial is expected to have.
See docs/measurements.md, "fill/paint/holdout: errors"."""
LEAST_ERROR = 1 / 255
"""Least error, in [0, 1], that is expected of any fit."""


@dataclass(frozen=True, slots=True, eq=False)
class Trust:
    """How far the decoders of a group are trusted."""

    weights: np.ndarray
    """(S,) weights of the decoders' details; together 1 at most, the rest goes to the smooth continuation."""
    error: float
    """RMS error, in [0, 1], that is expected of their mix."""


def choose_ring(unknown: np.ndarray) -> np.ndarray | None:
    """Choose the known pixels that a trial hides.

    Args:
        unknown: (h, w) float32 in [0, 1], how little is known of each pixel.

    Returns:
        (h, w) bool, True on the pixels to hide; None where there are too few for a trial.
    """
    kernel = np.ones((2 * RING_PX + 1, 2 * RING_PX + 1), np.uint8)
    near = cv2.dilate((unknown > 0.5).astype(np.uint8), kernel) > 0
    is_band = np.arange(unknown.shape[1]) // BAND_PX % 2 == 0
    ring: np.ndarray = near & (unknown < 0.25) & is_band
    return ring if ring.sum() >= LEAST_RING_PX else None


def trust_smooth(image: np.ndarray, hole: np.ndarray) -> Trust:
    """The trust in no decoder at all, only in the smooth continuation of what surrounds the hole.

    Cheap to know, and its error is seldom much greater than a decoder's: it tells which borrowed pixels are
    worth fitting one for.

    Args:
        image: (h, w, 3) float32, RGB in [0, 1]; anything in the hole.
        hole: (h, w) bool, True in the hole.

    Returns:
        A trust without weights; its error is the RMS over the ring.
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
        details: (S, ...) float, what each adds to the smooth continuation of the surroundings.

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
    """Trust by the decoders' agreement alone.

    Args:
        details: (S, pixels, 3) float32, what each adds in the hole.

    Returns:
        The same weight for each decoder, the smaller the less they agree.
    """
    return Trust(np.full(len(details), measure_agreement(details) / len(details)), PRESUMED_ERROR)


def trust_tried(details: np.ndarray, tried: np.ndarray, truth: np.ndarray) -> Trust:
    """Trust by a trial: the mix of the decoders that restores the hidden pixels best.

    Stacked regression with factors not below 0 (Breiman 1996), drawn towards what the decoders agree on.

    Args:
        details: (S, pixels, 3) float32, what each adds to the smooth continuation in the hole.
        tried: (S, hidden, 3) float32, the same of these decoders in the trial, over the hidden pixels.
        truth: (hidden, 3) float32, what the smooth continuation of the trial misses there.

    Returns:
        Weights of the decoders, and the error expected of their mix in the hole.
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

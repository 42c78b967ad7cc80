"""What lies behind a hole: other frames' pixels, each warped several ways, judged, the best averaged.

Serves the strokes (what differs from the background is subtitle) and the borrowing (the background is
what belongs into the hole). Never reads a pixel out of a hole, the target's or a source's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from subremover.motion.align import View, Warped, find_points, warp_flow, warp_plane, warp_still

SIGMAS_PX = (5.0, 12.0, 28.0)
"""Scales at which known pixels tell how good a candidate is."""
BEST_COUNT = 6
"""Candidates averaged; 3 cost 0.3 dB on 16 lines, 10 as good as 6."""
STILL_ERROR = 4.0
"""Levels. A source that nowhere is further off as it stands needs no warp: tripods cost a third."""


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """What lies behind a crop's hole; outside the hole, too, only what the sources say."""

    picture: np.ndarray
    """(h, w, 3) float32, RGB in [0, 255]."""
    error: np.ndarray
    """(h, w) float32, levels: how far off the greatest of the three colours is to be expected; inf where
    nothing is covered."""
    covered: np.ndarray
    """(h, w) bool, True where at least one source shows the place."""


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    picture: np.ndarray
    """(h, w, 3) float32, at the target's brightness."""
    known: np.ndarray
    """(h, w) bool."""
    error: np.ndarray
    """Float32 on a coarser grid, squared levels, as expected from the known pixels around."""


def find_background(target: View, sources: Sequence[View]) -> Background:
    """What the sources show at the target's place and time.

    Args:
        target: The crop with the hole.
        sources: Crops of the same place in other frames of the same shot.
    """
    height, width = target.known.shape
    candidates = list(_candidates(target, sources))
    total, weight = np.zeros((height, width, 3), np.float32), np.full((height, width), 1e-30, np.float32)
    square = np.zeros((height, width), np.float32)
    for candidate, share in zip(candidates, _shares([c.error for c in candidates]), strict=True):
        part = cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR) * candidate.known
        total += cv2.multiply(candidate.picture, cv2.merge([part] * 3))
        green = cv2.extractChannel(candidate.picture, 1)
        square += green * green * part
        weight += part
    covered = weight > 1e-20
    picture = total / weight[..., None]
    # How far the best candidates are from each other adds to how far they are from what is known.
    spread = np.maximum(square / weight - picture[..., 1] ** 2, 0)
    off = mean_around(greatest(np.abs(target.picture - picture)) ** 2, target.known & covered)
    error = np.where(covered, np.sqrt(off + spread), np.inf).astype(np.float32)
    return Background(picture, error, covered)


def greatest(colours: np.ndarray) -> np.ndarray:
    """(h, w): the greatest of (h, w, 3); ten times as fast as max(axis=2)."""
    greatest_of: np.ndarray = cv2.max(cv2.max(colours[..., 0], colours[..., 1]), colours[..., 2])
    return greatest_of


def _candidates(target: View, sources: Sequence[View]) -> Iterator[_Candidate]:
    points = None
    for source in sources:
        still = _judge(target, warp_still(source))
        yield still
        if still.error.max() < STILL_ERROR**2:
            continue
        points = find_points(target) if points is None else points
        if (moved := warp_plane(target, source, points)) is not None:
            yield _judge(target, moved)
        yield _judge(target, warp_flow(target, source))


def _judge(target: View, warped: Warped) -> _Candidate:
    size = target.known.shape[::-1]
    step = slice(None, None, 2 if min(size) >= 48 else 1)  # a quarter of the pixels judges as well
    both = np.ascontiguousarray((target.known & warped.known)[step, step])
    difference = cv2.subtract(
        np.ascontiguousarray(target.picture[step, step]), warped.picture[step, step], dtype=cv2.CV_32F
    )
    offset = mean_around(difference, both, (12.0, 28.0), step.step)
    difference -= offset
    square = cv2.transform(cv2.multiply(difference, difference), np.full((1, 3), 1 / 3, np.float32))
    error = mean_around(square, both, SIGMAS_PX, step.step)
    lit = cv2.add(warped.picture, cv2.resize(offset, size, interpolation=cv2.INTER_LINEAR))
    return _Candidate(lit, warped.known, error)


def _shares(errors: list[np.ndarray]) -> Iterator[np.ndarray]:
    """How much of each candidate to take, on the grid of the errors."""
    if not errors:
        return
    stack = np.stack(errors)
    best = stack.min(axis=0)
    rank = np.partition(stack, min(BEST_COUNT, len(stack)) - 1, axis=0)[min(BEST_COUNT, len(stack)) - 1]
    good = (stack <= rank) & (stack < 4 * (best + 25))
    # The rest serve where none of the best shows anything.
    yield from np.where(good, 1.0, 1e-6).astype(np.float32) / (stack + 25) ** 2


def mean_around(
    values: np.ndarray, known: np.ndarray, sigmas_px: tuple[float, ...] = SIGMAS_PX, px: int = 1
) -> np.ndarray:
    """What the known values around each place average to, over several scales.

    A scale at which nothing is known counts as the next larger one, and beyond all as the whole crop.

    Args:
        values: (h, w) or (h, w, 3) float32.
        known: (h, w) bool.
        sigmas_px: Standard deviations of the Gaussians.
        px: What a step of the grid stands for.

    Returns:
        Like `values`, everywhere.
    """
    height, width = known.shape
    factor = 4 // px if min(height, width) * px >= 32 else 1  # wide means need no fine grid
    size = (max(1, width // factor), max(1, height // factor))
    weight = known.astype(np.float32)
    wide = weight if values.ndim == 2 else cv2.merge([weight] * 3)
    total = cv2.resize(cv2.multiply(values, wide), size, interpolation=cv2.INTER_AREA)
    wide = cv2.resize(wide, size, interpolation=cv2.INTER_AREA)
    mean: np.ndarray = total.mean(axis=(0, 1)) / np.maximum(wide.mean(axis=(0, 1)), 1e-6)
    means = []
    for sigma_px in sigmas_px[::-1]:
        near = [cv2.GaussianBlur(level, (0, 0), sigma_px / factor / px) for level in (total, wide)]
        mean = (near[0] + 0.02 * mean) / (near[1] + 0.02)
        means.append(mean)
    return cv2.resize(np.mean(means, axis=0), (width, height), interpolation=cv2.INTER_LINEAR)

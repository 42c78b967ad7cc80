"""What lies behind a hole: other frames' pixels, each warped several ways, judged, the best averaged.

Serves the strokes (what differs from the background is subtitle) and the borrowing (the background is
what belongs into the hole). Never reads a pixel out of a hole, the target's or a source's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from subremover.motion.align import View, Warp, find_points, warp_flow, warp_plane, warp_still

SIGMAS_PX = (5.0, 12.0, 28.0)
"""Scales at which known pixels tell how good a candidate is."""
BEST_COUNT = 6
"""Candidates averaged; 3 cost 0.3 dB on 16 lines, 10 as good as 6."""
LEAST_SHARE = 0.04
"""Of the whole crop; a candidate that would have less is not worth its rendering."""
ENOUGH, ENOUGH_ERROR = 2, 2.5
"""Sources, and levels: if so many are so little off in the mean, the rest are not asked."""
PLANE_ERROR = 4.0
"""Levels in the mean. A plane that is less far off needs no flow beside it; saves a fifth of the time."""
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
    warp: Warp
    known: np.ndarray
    """(rows, columns) bool, on the target's grid."""
    offset: np.ndarray
    """(rows, columns, 3) float32, levels to the target's brightness."""
    error: np.ndarray
    """(rows, columns) float32, squared levels, as expected from the known pixels around."""


def find_background(target: View, sources: Sequence[View]) -> Background:
    """What the sources show at the target's place and time.

    Args:
        target: The crop with the hole.
        sources: Crops of the same place in other frames of the same shot.
    """
    size = target.known.shape[::-1]
    candidates = list(_candidates(target, sources))
    total, weight = np.zeros((*size[::-1], 3), np.float32), np.full(size[::-1], 1e-30, np.float32)
    square = np.zeros(size[::-1], np.float32)
    for candidate, share in _worthwhile(candidates):
        warped = candidate.warp.render()
        part = cv2.resize(share, size, interpolation=cv2.INTER_LINEAR) * warped.known
        offset = cv2.resize(candidate.offset, size, interpolation=cv2.INTER_LINEAR)
        picture = cv2.add(warped.picture, offset, dtype=cv2.CV_32F)
        green = cv2.extractChannel(picture, 1)
        total += cv2.multiply(picture, cv2.merge([part] * 3))
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
    """The sources' warps, the dear ones only where the cheap ones will not do."""
    points, best = None, np.float32(np.inf)
    for number, source in enumerate(sources):
        if number >= ENOUGH and float(np.mean(best)) < ENOUGH_ERROR**2:
            return
        ways = [_judge(target, warp_still(source))]
        if ways[0].error.max() >= STILL_ERROR**2:
            points = find_points(target) if points is None else points
            if (moved := warp_plane(target, source, points)) is not None:
                ways.append(_judge(target, moved))
            if len(ways) == 1 or ways[1].error.mean() >= PLANE_ERROR**2:
                ways.append(_judge(target, warp_flow(target, source)))
        for way in ways:
            best = np.minimum(best, way.error)
            yield way


def _judge(target: View, warp: Warp) -> _Candidate:
    step = slice(None, None, target.step_px)
    seen = warp.glimpse()
    both = target.known[step, step] & seen.known
    difference = cv2.subtract(
        np.ascontiguousarray(target.picture[step, step]), seen.picture, dtype=cv2.CV_32F
    )
    offset = mean_around(difference, both, (12.0, 28.0), target.step_px)
    difference -= offset
    square = cv2.transform(cv2.multiply(difference, difference), np.full((1, 3), 1 / 3, np.float32))
    return _Candidate(warp, seen.known, offset, mean_around(square, both, SIGMAS_PX, target.step_px))


def _worthwhile(candidates: list[_Candidate]) -> Iterator[tuple[_Candidate, np.ndarray]]:
    """How much of each candidate to take, on the target's grid, where it is anything to speak of."""
    if not candidates:
        return
    stack = np.stack([c.error for c in candidates])
    best = stack.min(axis=0)
    rank = np.partition(stack, min(BEST_COUNT, len(stack)) - 1, axis=0)[min(BEST_COUNT, len(stack)) - 1]
    good = (stack <= rank) & (stack < 4 * (best + 25))
    # The rest serve where none of the best shows anything.
    shares = np.where(good, 1.0, 1e-6).astype(np.float32) / (stack + 25) ** 2
    shown = np.stack([c.known for c in candidates])
    parts = shares * shown
    parts /= np.maximum(parts.sum(axis=0), 1e-30)
    is_kept = parts.mean(axis=(1, 2)) >= LEAST_SHARE
    is_kept |= (shown & ~shown[is_kept].any(axis=0)).any(axis=(1, 2))
    yield from ((c, s) for c, s, kept in zip(candidates, shares, is_kept, strict=True) if kept)


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
    weight: np.ndarray = known.astype(np.float32)
    total = cv2.multiply(values, weight if values.ndim == 2 else cv2.merge([weight] * 3))
    if factor > 1:
        total, weight = (cv2.resize(level, size, interpolation=cv2.INTER_AREA) for level in (total, weight))
    mean: np.ndarray = total.mean(axis=(0, 1)) / max(float(weight.mean()), 1e-6)
    means = []
    for sigma_px in sigmas_px[::-1]:
        near, seen = (_blur(level, sigma_px / factor / px) for level in (total, weight))
        seen = seen + 0.02
        mean = (near + 0.02 * mean) / (seen if values.ndim == 2 else seen[..., None])
        means.append(mean)
    return cv2.resize(sum(means[1:], means[0]) / len(means), (width, height), interpolation=cv2.INTER_LINEAR)


def _blur(level: np.ndarray, sigma: float) -> np.ndarray:
    """A Gaussian, a wide one on every other place."""
    height, width = level.shape[:2]
    if sigma < 4 or min(height, width) < 8:
        return cv2.GaussianBlur(level, (0, 0), sigma)
    coarse = cv2.resize(level, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
    return cv2.resize(
        cv2.GaussianBlur(coarse, (0, 0), sigma / 2), (width, height), interpolation=cv2.INTER_LINEAR
    )

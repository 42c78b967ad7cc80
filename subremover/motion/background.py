"""What lies behind a hole: other frames' pixels, each warped several ways; the best are averaged.

Serves the strokes (what differs from the background is subtitle) and the borrowing (the background is
what belongs into the hole).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from subremover.motion.align import View, Warp, find_points, warp_by, warp_flow, warp_plane, warp_still
from subremover.motion.judge import BEST_COUNT, Candidate, Mean, are_worthwhile, blend, greatest, judge, share_out
from subremover.motion.means import mean_around

LEAST_SHARE = 0.04
"""Of the whole crop; a candidate that would have less is not worth its rendering."""
ENOUGH, ENOUGH_ERROR = 2, 2.5
"""Sources, and levels: if so many are so little off in the mean, the rest are not asked."""
PLANE_ERROR = 4.0
"""Levels in the mean. A plane that is less far off needs no flow beside it; saves a fifth of the time."""
STILL_ERROR = 4.0
"""Levels. A source that nowhere is further off as it stands needs no warp: tripods cost a third."""
FLOW_SOURCES = 12
STILL_PX = 0.3
"""A camera that seems to have moved less has not."""


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


def find_background(target: View, sources: Sequence[View]) -> Background:
    """What the sources show at the target's place and time, all over the crop.

    Args:
        target: The crop with the hole.
        sources: Crops of the same place in other frames of the same shot; no more are asked than it takes.
    """
    height, width = target.known.shape
    mean = Mean((height, width))
    if candidates := list(_ask(target, sources)):
        shares = share_out(candidates)
        known = np.stack([c.known.ravel() for c in candidates])
        for number in np.flatnonzero(are_worthwhile(known, shares.reshape(known.shape), LEAST_SHARE)):
            share, offset = (
                cv2.resize(level, (width, height), interpolation=cv2.INTER_LINEAR)
                for level in (shares[number], candidates[number].offset)
            )
            mean.add(candidates[number].warp.render(), share, offset)
    picture, spread, covered = mean.result()
    off = mean_around(greatest(np.abs(target.picture - picture)) ** 2, target.known & covered)
    error = np.where(covered, np.sqrt(off + spread), np.inf).astype(np.float32)
    return Background(picture, error, covered)


def find_behind(
    target: View, sources: Sequence[View], guesses: Sequence[np.ndarray], hole: np.ndarray
) -> tuple[Background, np.ndarray]:
    """What the sources show behind a hole, and there alone.

    Args:
        target: The crop with the hole.
        sources: Crops of other frames of the same shot.
        guesses: For each source a (3, 3) matrix, see `warp_by`: how the camera moved.
        hole: (h, w) bool.

    Returns:
        The background, of which only the hole counts; and (h, w) int16: which source most of each place
        was taken from, -1 where there is none.
    """
    if not sources or not hole.any():
        nothing = Background(
            np.zeros((*hole.shape, 3), np.float32), np.full(hole.shape, np.inf, np.float32), np.zeros(hole.shape, bool)
        )
        return nothing, np.full(hole.shape, -1, np.int16)
    cheap = [(n, w) for n, pair in enumerate(zip(sources, guesses, strict=True)) for w in _follow_camera(target, *pair)]
    numbers = [n for n, _ in cheap]
    candidates = judge(target, [w for _, w in cheap])
    best = [min((c for n, c in zip(numbers, candidates) if n == number), key=_mean_error) for number in range(len(sources))]
    asked = _find_promising(best, hole[:: target.step_px, :: target.step_px])
    candidates += judge(target, [warp_flow(target, sources[n], best[n].warp) for n in asked])
    numbers += asked
    picture, error, whose = blend(target, candidates, hole)
    origin = np.array([*numbers, -1], np.int16)[whose]
    return Background(picture, error, np.isfinite(error)), origin


def _ask(target: View, sources: Sequence[View]) -> Iterator[Candidate]:
    """The sources' warps, the dear ones only where the cheap ones will not do."""
    points, best = None, np.float32(np.inf)
    for number, source in enumerate(sources):
        if number >= ENOUGH and float(np.mean(best)) < ENOUGH_ERROR**2:
            return
        ways = judge(target, [warp_still(source)])
        if ways[0].error.max() >= STILL_ERROR**2:
            points = find_points(target) if points is None else points
            plane = warp_plane(target, source, points)
            ways += judge(target, [plane] if plane else [])
            if len(ways) == 1 or ways[1].error.mean() >= PLANE_ERROR**2:
                ways += judge(target, [warp_flow(target, source)])
        for way in ways:
            best = np.minimum(best, way.error)
        yield from ways


def _follow_camera(target: View, source: View, guesses: Sequence[np.ndarray]) -> list[Warp]:
    """The source as the camera's motion has it, as it stands where that is none to speak of."""
    height, width = target.known.shape
    corners = np.array([[[0, 0], [width, 0], [0, height], [width, height]]], np.float64)
    ends: list[np.ndarray] = []
    warps = []
    for guess in guesses:
        end = cv2.perspectiveTransform(corners, guess)
        if all(np.abs(end - other).max() >= STILL_PX for other in ends):
            ends.append(end)
            is_still = np.abs(end - corners).max() < STILL_PX
            warps.append(warp_still(source) if is_still else warp_by(source, guess))
    return warps


def _find_promising(candidates: Sequence[Candidate], hole: np.ndarray) -> list[int]:
    """Numbers of the sources that are worth the flow: most often among the best as the camera has them.

    Args:
        candidates: One of each source.
        hole: (rows, columns) bool.
    """
    numbers = [n for n, c in enumerate(candidates) if c.error.max() >= STILL_ERROR**2]
    if len(numbers) <= FLOW_SOURCES or not hole.any():
        return numbers[:FLOW_SOURCES]
    known = np.stack([candidates[n].known[hole] for n in numbers])
    errors = np.where(known, np.stack([candidates[n].error[hole] for n in numbers]), np.float32(np.inf))
    rank = np.partition(errors, BEST_COUNT - 1, axis=0)[BEST_COUNT - 1]
    often = (known & (errors <= rank)).sum(axis=1)
    return sorted(numbers[i] for i in np.argsort(-often, kind="stable")[:FLOW_SOURCES])


def _mean_error(candidate: Candidate) -> float:
    return float(candidate.error.mean())

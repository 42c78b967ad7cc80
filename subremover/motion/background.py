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
from subremover.motion.judge import (
    Backend,
    C,
    Candidate,
    Judged,
    Mean,
    are_worthwhile,
    greatest,
    judge,
    share_out,
)
from subremover.motion.means import mean_around

LEAST_SHARE = 0.04
"""Of the whole crop; a candidate that would have less is not worth its rendering."""
ENOUGH, ENOUGH_ERROR = 2, 2.5
"""Sources, and levels: if so many are so little off in the mean, the rest are not asked."""
PLANE_ERROR = 4.0
"""Levels in the mean. A plane that is less far off needs no flow beside it; saves a fifth of the time."""
STILL_ERROR = 4.0
"""Levels. A source that nowhere is further off as it stands needs no warp: tripods cost a third."""
DEAR_SOURCES = 8
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
    target: View,
    sources: Sequence[View],
    guesses: Sequence[np.ndarray],
    hole: np.ndarray,
    backend: Backend[C],
) -> tuple[Background, np.ndarray]:
    """What the sources show behind a hole, and there alone.

    Args:
        target: The crop with the hole.
        sources: Crops of other frames of the same shot.
        guesses: For each source a (3, 3) matrix, see `warp_by`: how the camera moved.
        hole: (h, w) bool.
        backend: What judges the warps, all of a kind at once.

    Returns:
        The background, of which only the hole counts; and (h, w) int16: which source most of each place
        was taken from, -1 where there is none.
    """
    if not sources or not hole.any():
        nothing = Background(
            np.zeros((*hole.shape, 3), np.float32),
            np.full(hole.shape, np.inf, np.float32),
            np.zeros(hole.shape, bool),
        )
        return nothing, np.full(hole.shape, -1, np.int16)
    still = [_follow_camera(target, *pair) for pair in zip(sources, guesses, strict=True)]
    candidates = backend.judge(target, still)
    numbers = list(range(len(sources)))
    asked = _find_promising(candidates, hole[:: target.step_px, :: target.step_px])
    points = find_points(target) if asked else np.zeros((0, 2), np.float32)
    planes = [warp_plane(target, sources[number], points, guesses[number]) for number in asked]
    judged = iter(backend.judge(target, [plane for plane in planes if plane]))
    ways = [
        [candidates[n], *([next(judged)] if plane else [])] for n, plane in zip(asked, planes, strict=True)
    ]
    flows = [
        warp_flow(target, sources[number], min(way, key=_mean_error).warp)
        for number, way in zip(asked, ways, strict=True)
    ]
    for number, way, flow in zip(asked, ways, backend.judge(target, flows), strict=True):
        dear = [*way[1:], flow]
        candidates += dear
        numbers += [number] * len(dear)
    picture, error, whose = backend.blend(target, candidates, hole)
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


def _follow_camera(target: View, source: View, guess: np.ndarray) -> Warp:
    """The source as the camera's motion has it, as it stands where that is none to speak of."""
    height, width = target.known.shape
    corners = np.array([[[0, 0], [width, 0], [0, height], [width, height]]], np.float64)
    is_still = np.abs(cv2.perspectiveTransform(corners, guess) - corners).max() < STILL_PX
    return warp_still(source) if is_still else warp_by(source, guess)


def _find_promising(candidates: Sequence[Judged], hole: np.ndarray) -> list[int]:
    """Numbers of the sources that are worth dearer warps, by the camera's."""
    numbers = np.array([n for n, c in enumerate(candidates) if c.error.max() >= STILL_ERROR**2], int)
    if len(numbers) > DEAR_SOURCES:
        near = hole if hole.any() else np.ones_like(hole)
        known = np.stack([candidates[n].known[near] for n in numbers])
        shares = known / np.square(np.stack([candidates[n].error[near] for n in numbers]) + 25)
        shares /= np.maximum(shares.sum(axis=0), 1e-30)
        numbers = numbers[np.sort(np.argsort(-shares.mean(axis=1), kind="stable")[:DEAR_SOURCES])]
    return [int(n) for n in numbers]


def _mean_error(candidate: Judged) -> float:
    return float(candidate.error.mean())

"""Finds what lies behind a hole: other frames' pixels, each warped several ways; the best are averaged.

Serves both the marking of strokes (`find_background`: what differs from the background is subtitle) and the
borrowing (`find_behind` and `carry`: the background is what belongs into the hole). The warps themselves are
made in `align`, scored and averaged in `scoring`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from subremover.motion.align import View, Warp, find_points, warp_by, warp_flow, warp_plane, warp_still
from subremover.motion.normalised_convolution import mean_around
from subremover.motion.scoring import (
    BEST_COUNT,
    Backend,
    C,
    Candidate,
    Mean,
    Scored,
    are_worthwhile,
    greatest,
    score,
    share_out,
)

LEAST_SHARE = 0.04
"""Least share of a whole crop that a candidate must have in the mean to be worth rendering."""
ENOUGH, ENOUGH_ERROR = 2, 2.5
"""Once so many sources have been tried and the best of them are off by less than so many levels in the mean,
the others are not tried."""
PLANE_ERROR = 4.0
"""Mean error, in levels, below which a plane needs no flow beside it.
See docs/measurements.md, "motion/background: time"."""
STILL_ERROR = 4.0
"""Greatest error, in levels, up to which a source that stands as it is needs no other warp.
See docs/measurements.md, "motion/background: time"."""
FLOW_SOURCES = 12
"""Most sources, of about 20, that get a plane and a flow of their own.
See docs/measurements.md, "motion/background: sources with a flow"."""
STILL_PX = 0.3
"""A camera that seems to have moved less than this, in px at the crop's corners, counts as not moved."""

LEAST_STANDING, STANDING_ERROR = 3, 8.0
"""What at least so many sources show, with a spread of less than so many levels, stands."""


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """What lies behind a crop's hole; outside the hole, too, only what the sources say."""

    picture: np.ndarray
    """(h, w, 3) float32, RGB in [0, 255]; anything where nothing is covered."""
    error: np.ndarray
    """(h, w) float32, in levels: how far off the worst of the three colours is to be expected; inf where
    nothing is covered."""
    covered: np.ndarray
    """(h, w) bool, True where at least one source shows the place."""


@dataclass(frozen=True, slots=True, eq=False)
class Neighbour:
    """Another frame's crop, and how the camera may have moved to there."""

    view: View
    """The crop, of the target's size."""
    guesses: Sequence[np.ndarray]
    """At least one (3, 3) matrix, see `warp_by`; the last is the best one for what is around the hole."""


def find_background(target: View, sources: Sequence[View]) -> Background:
    """What the sources show at the target's place and time, all over the crop.

    Args:
        target: The crop with the hole.
        sources: Crops of the same place in other frames of the same shot, the most promising first; no more
            are tried than it takes.

    Returns:
        The background, inside and outside of the hole.
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
    neighbours: Sequence[Neighbour],
    place: np.ndarray,
    backend: Backend[C],
    before: Callable[[], Neighbour | None] = lambda: None,
) -> tuple[Background, np.ndarray]:
    """What other frames show behind a hole and near it, and there alone.

    All of them are scored moved by their guesses; then the most promising ones also by a plane of their own,
    and by a flow that starts from the best of these.

    Args:
        target: The crop with the hole.
        neighbours: Crops of other frames of the same shot.
        place: (h, w) bool: where the background is wanted, in the hole and around it.
        backend: What scores and blends the warps: the module `scoring`, or a `DeviceScorer`.
        before: Gives a frame whose hole has been filled, if there is one; asked last, so that it may still
            be in the making. Of its warps, which are all much alike, the best alone counts.

    Returns:
        The background, of which only the place counts; and (h, w) int16: which neighbour most of each pixel
        was taken from, the one before as the last of them; -1 where there is none.
    """
    numbers, warps = _follow_camera(target, neighbours)
    candidates = backend.score(target, warps)
    best = _find_best(numbers, candidates)
    promising = _find_promising(best, (place & ~target.known)[:: target.step_px, :: target.step_px])
    points = find_points(target) if promising else np.empty((0, 2), np.float32)
    planes = {n: warp_plane(target, neighbours[n].view, points, neighbours[n].guesses[-1]) for n in promising}
    own = {n: plane for n, plane in planes.items() if plane}
    numbers += own
    candidates += backend.score(target, list(own.values()))
    best = _find_best(numbers, candidates)
    flows = [warp_flow(target, neighbours[n].view, best[n].warp) for n in promising]
    numbers += promising
    candidates += backend.score(target, flows)
    if filled := before():
        _, ways = _score_few(target, [filled], backend)
        numbers.append(len(neighbours))
        candidates.append(_find_best([0] * len(ways), ways)[0])
    return _blend(target, numbers, candidates, place, backend)


def carry(
    target: View,
    filled: Sequence[Neighbour],
    shown: Sequence[Neighbour],
    place: np.ndarray,
    backend: Backend[C],
) -> tuple[Background, np.ndarray]:
    """What filled frames nearby show behind a hole, and frames that these were filled from: few warps.

    Args:
        target: The crop with the hole.
        filled: Crops of frames nearby, known where they have been filled.
        shown: Crops of frames that show what those were filled with.
        place: (h, w) bool: where the background is wanted, in the hole and around it.
        backend: What scores and blends the warps, see `find_behind`.

    Returns:
        See `find_behind`.
    """
    numbers, candidates = _score_few(target, filled, backend)
    further, warps = _follow_camera(target, shown)
    numbers += [len(filled) + n for n in further]
    candidates += backend.score(target, warps)
    return _blend(target, numbers, candidates, place, backend)


def _score_few(
    target: View, neighbours: Sequence[Neighbour], backend: Backend[C]
) -> tuple[list[int], list[C]]:
    """Neighbours moved by their guesses and by a flow, scored; for each warp the number of its neighbour."""
    numbers, warps = _follow_camera(target, neighbours)
    candidates = backend.score(target, warps)
    best = _find_best(numbers, candidates)
    moving = [n for n, candidate in best.items() if candidate.error.max() >= STILL_ERROR**2]
    flows = [warp_flow(target, neighbours[n].view, best[n].warp) for n in moving]
    return numbers + moving, candidates + backend.score(target, flows)


def _blend(
    target: View, numbers: list[int], candidates: list[C], place: np.ndarray, backend: Backend[C]
) -> tuple[Background, np.ndarray]:
    """The mean of the best candidates, and which neighbour, by its number, most of each pixel is from."""
    if not candidates or not place.any():
        shape = place.shape
        nothing = Background(
            np.zeros((*shape, 3), np.float32), np.full(shape, np.inf, np.float32), np.zeros(shape, bool)
        )
        return nothing, np.full(shape, -1, np.int16)
    picture, error, whose = backend.blend(target, candidates, place)
    return Background(picture, error, np.isfinite(error)), np.array([*numbers, -1], np.int16)[whose]


def find_standing(target: View, sources: Sequence[View], place: np.ndarray) -> tuple[Background, np.ndarray]:
    """What the sources show alike as they stand, whatever moves around it: lettering laid over a film.

    Args:
        target: The crop with the hole.
        sources: Crops of the same place in other frames.
        place: (h, w) bool, True where that lettering may be, and near it.

    Returns:
        The mean of what enough sources show and hardly differ in, its error told by what of it the target
        shows near each place; and (h, w) int16: the first source to show it, -1 where there is none.
    """
    mean, count = Mean(target.known.shape), np.zeros(target.known.shape, np.int16)
    origin = np.full(target.known.shape, -1, np.int16)
    alike, as_is = np.ones(target.known.shape, np.float32), np.zeros(target.picture.shape, np.float32)
    for number, source in enumerate(sources):
        mean.add(warp_still(source).render(), alike, as_is)
        count += source.known
        origin[source.known & (origin < 0)] = number
    picture, spread, _ = mean.result()
    stands = place & (count >= LEAST_STANDING) & (spread < STANDING_ERROR**2)
    off = mean_around(greatest(np.abs(target.picture - picture)) ** 2, target.known & stands)
    error = np.where(stands, np.sqrt(off + spread), np.inf).astype(np.float32)
    return Background(picture, error, stands), origin


def _ask(target: View, sources: Sequence[View]) -> Iterator[Candidate]:
    """The scored warps of the sources, the dear kinds only where the cheap ones will not do."""
    points, best = None, np.float32(np.inf)
    for number, source in enumerate(sources):
        if number >= ENOUGH and float(np.mean(best)) < ENOUGH_ERROR**2:
            return
        ways = score(target, [warp_still(source)])
        if ways[0].error.max() >= STILL_ERROR**2:
            points = find_points(target) if points is None else points
            plane = warp_plane(target, source, points)
            ways += score(target, [plane] if plane else [])
            if len(ways) == 1 or ways[1].error.mean() >= PLANE_ERROR**2:
                ways += score(target, [warp_flow(target, source)])
        for way in ways:
            best = np.minimum(best, way.error)
        yield from ways


def _follow_camera(target: View, neighbours: Sequence[Neighbour]) -> tuple[list[int], list[Warp]]:
    """Neighbours warped by those guesses that differ; for each warp the number of its neighbour, first."""
    height, width = target.known.shape
    corners = np.array([[[0, 0], [width, 0], [0, height], [width, height]]], np.float64)
    numbers, warps = [], []
    for number, neighbour in enumerate(neighbours):
        known: list[np.ndarray] = []
        for matrix in neighbour.guesses:
            ends = cv2.perspectiveTransform(corners, matrix)
            if all(np.abs(ends - others).max() >= STILL_PX for others in known):
                known.append(ends)
                is_still = np.abs(ends - corners).max() < STILL_PX
                numbers.append(number)
                view = neighbour.view
                warps.append(warp_still(view) if is_still else warp_by(view, matrix))
    return numbers, warps


def _find_best(numbers: Sequence[int], candidates: Sequence[C]) -> dict[int, C]:
    """For each source, by its number, the candidate with the least mean error."""
    best: dict[int, C] = {}
    least: dict[int, float] = {}
    for number, candidate in zip(numbers, candidates, strict=True):
        error = float(candidate.error.mean())
        if number not in best or error < least[number]:
            best[number], least[number] = candidate, error
    return best


def _find_promising(best: Mapping[int, Scored], hole: np.ndarray) -> list[int]:
    """The sources that are worth the flow: those most often among the best as they are.

    Args:
        best: For each source its best candidate yet.
        hole: (rows, columns) bool, on the target's grid.
    """
    numbers = [n for n, candidate in best.items() if candidate.error.max() >= STILL_ERROR**2]
    if len(numbers) <= FLOW_SOURCES:
        return numbers
    near = hole if hole.any() else np.ones_like(hole)
    known = np.stack([best[n].known[near] for n in numbers])
    errors = np.where(known, np.stack([best[n].error[near] for n in numbers]), np.float32(np.inf))
    rank = np.partition(errors, BEST_COUNT - 1, axis=0)[BEST_COUNT - 1]
    often = (known & (errors <= rank)).sum(axis=1)
    return sorted(numbers[i] for i in np.argsort(-often, kind="stable")[:FLOW_SOURCES])

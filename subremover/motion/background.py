"""What lies behind a hole: other frames' pixels, each warped several ways, judged, the best averaged.

Serves the strokes (what differs from the background is subtitle) and the borrowing (the background is
what belongs into the hole). Never reads a pixel out of a hole, the target's or a source's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from subremover.motion.align import (
    View,
    Warp,
    Warped,
    find_points,
    warp_by,
    warp_flow,
    warp_plane,
    warp_still,
)

SIGMAS_PX = (5.0, 12.0, 28.0)
"""Scales at which known pixels tell how good a candidate is."""
BEST_COUNT = 6
"""Candidates averaged; 3 cost 0.3 dB on 16 lines, 10 as good as 6."""
LEAST_SHARE = 0.04
"""Of the whole crop; a candidate that would have less is not worth its rendering."""
LEAST_SHARE_BEHIND = 0.002
"""The same of a hole: 0.04 cost 0.3 to 0.9 dB on four clips."""
ENOUGH, ENOUGH_ERROR = 2, 2.5
"""Sources, and levels: if so many are so little off in the mean, the rest are not asked."""
PLANE_ERROR = 4.0
"""Levels in the mean. A plane that is less far off needs no flow beside it; saves a fifth of the time."""
STILL_ERROR = 4.0
"""Levels. A source that nowhere is further off as it stands needs no warp: tripods cost a third."""
PLACES_WIDTH = 256
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


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    source: int
    """Its number."""
    warp: Warp
    seen: Warped
    """What it shows on the target's grid, (rows, columns)."""
    offset: np.ndarray
    """(rows, columns, 3) float32, levels to the target's brightness."""
    error: np.ndarray
    """(rows, columns) float32, squared levels, as expected from the known pixels around."""


def find_background(target: View, sources: Sequence[View]) -> Background:
    """What the sources show at the target's place and time, all over the crop.

    Args:
        target: The crop with the hole.
        sources: Crops of the same place in other frames of the same shot; no more are asked than it takes.
    """
    height, width = target.known.shape
    candidates = list(_candidates(target, sources))
    shares = _share_out(candidates)
    mean = _Mean((height, width))
    for number in np.flatnonzero(_are_worthwhile(candidates, shares, LEAST_SHARE)):
        warped = candidates[number].warp.render()
        share, offset = (
            cv2.resize(level, (width, height), interpolation=cv2.INTER_LINEAR)
            for level in (shares[number], candidates[number].offset)
        )
        mean.add(warped, share, offset)
    picture, spread, covered = mean.result()
    off = mean_around(greatest(np.abs(target.picture - picture)) ** 2, target.known & covered)
    error = np.where(covered, np.sqrt(off + spread), np.inf).astype(np.float32)
    return Background(picture, error, covered)


def find_behind(
    target: View, sources: Sequence[View], guesses: Sequence[np.ndarray], hole: np.ndarray
) -> tuple[Background, np.ndarray]:
    """What the sources show behind a hole, and there alone; all of them are asked, in every way.

    Args:
        target: The crop with the hole.
        sources: Crops of other frames of the same shot.
        guesses: For each source a (3, 3) matrix, see `warp_by`: how the camera moved.
        hole: (h, w) bool.

    Returns:
        The background, of which only the hole counts; and (h, w) int16: which source most of each place
        was taken from, -1 where there is none.
    """
    picture = np.zeros((*hole.shape, 3), np.float32)
    error = np.full(hole.shape, np.inf, np.float32)
    covered, origin = np.zeros(hole.shape, bool), np.full(hole.shape, -1, np.int16)
    candidates = list(_candidates(target, sources, guesses))
    if not candidates or not hole.any():
        return Background(picture, error, covered), origin
    step = target.step_px
    shares = _share_out(candidates, is_strict=True)
    # The hole's pixels as rows of a picture of their own, which is what remap takes.
    flat = np.flatnonzero(hole)
    places = np.pad(flat, (0, -len(flat) % PLACES_WIDTH), mode="edge").reshape(-1, PLACES_WIDTH)
    rows, columns = np.divmod(places, hole.shape[1])
    x, y = columns.astype(np.float32), rows.astype(np.float32)
    mean, most = _Mean(places.shape), np.zeros(places.shape, np.float32)
    from_source = np.full(places.shape, -1, np.int16)
    near = _on_grid(hole, step)
    on_grid = _Mean(near.shape)
    for number in np.flatnonzero(_are_worthwhile(candidates, shares, LEAST_SHARE_BEHIND, near)):
        candidate = candidates[number]
        share, offset = (
            cv2.remap(level, x / step, y / step, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for level in (shares[number], candidate.offset)
        )
        part = mean.add(candidate.warp.look(x, y), share, offset)
        from_source[part > most] = candidate.source
        np.maximum(most, part, out=most)
        on_grid.add(candidate.seen, shares[number], candidate.offset)
    picture.reshape(-1, 3)[places], spread, covered.reshape(-1)[places] = mean.result()
    origin.reshape(-1)[places] = np.where(covered.reshape(-1)[places], from_source, -1)
    there, _, is_seen = on_grid.result()
    known = target.known[::step, ::step] & is_seen
    off = mean_around(greatest(np.abs(target.picture[::step, ::step] - there)) ** 2, known, px=step)
    off = cv2.remap(off, x / step, y / step, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    error.reshape(-1)[places] = np.where(covered.reshape(-1)[places], np.sqrt(off + spread), np.inf)
    return Background(picture, error, covered), origin


class _Mean:
    """The weighted mean of what candidates show, and how far they are from each other."""

    def __init__(self, size: tuple[int, ...]) -> None:
        self._total = np.zeros((*size, 3), np.float32)
        self._square = np.zeros(size, np.float32)
        self._weight = np.full(size, 1e-30, np.float32)

    def add(self, warped: Warped, share: np.ndarray, offset: np.ndarray) -> np.ndarray:
        """Take one more, (h, w) and (h, w, 3); (h, w), its weight."""
        part: np.ndarray = share * warped.known
        picture = cv2.add(warped.picture, offset, dtype=cv2.CV_32F)
        green = cv2.extractChannel(picture, 1)
        self._total += cv2.multiply(picture, cv2.merge([part] * 3))
        self._square += green * green * part
        self._weight += part
        return part

    def result(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The mean, (h, w, 3); the spread around it, squared levels; where there is one, bool."""
        mean: np.ndarray = self._total / self._weight[..., None]
        spread = np.maximum(self._square / self._weight - mean[..., 1] ** 2, 0)
        return mean, spread, self._weight > 1e-20


def greatest(colours: np.ndarray) -> np.ndarray:
    """(h, w): the greatest of (h, w, 3); ten times as fast as max(axis=2)."""
    greatest_of: np.ndarray = cv2.max(cv2.max(colours[..., 0], colours[..., 1]), colours[..., 2])
    return greatest_of


def _candidates(
    target: View, sources: Sequence[View], guesses: Sequence[np.ndarray] | None = None
) -> Iterator[_Candidate]:
    """The sources' warps, the dear ones only where the cheap ones will not do."""
    points, best = None, np.float32(np.inf)
    for number, source in enumerate(sources):
        if guesses is None and number >= ENOUGH and float(np.mean(best)) < ENOUGH_ERROR**2:
            return
        guess = None if guesses is None or _is_still(guesses[number], target) else guesses[number]
        ways = [_judge(target, warp_still(source) if guess is None else warp_by(source, guess), number)]
        if ways[0].error.max() >= STILL_ERROR**2:
            points = find_points(target) if points is None else points
            if (moved := warp_plane(target, source, points, guess)) is not None:
                ways.append(_judge(target, moved, number))
            if guesses is not None or len(ways) == 1 or ways[1].error.mean() >= PLANE_ERROR**2:
                start = None if guesses is None else min(ways, key=_mean_error).warp
                ways.append(_judge(target, warp_flow(target, source, start), number))
        for way in ways:
            best = np.minimum(best, way.error)
            yield way


def _is_still(guess: np.ndarray, target: View) -> bool:
    """Whether a motion is so small that none is the better guess."""
    height, width = target.known.shape
    corners = np.array([[[0, 0], [width, 0], [0, height], [width, height]]], np.float64)
    return bool(np.abs(cv2.perspectiveTransform(corners, guess) - corners).max() < STILL_PX)


def _mean_error(candidate: _Candidate) -> float:
    return float(candidate.error.mean())


def _judge(target: View, warp: Warp, source: int) -> _Candidate:
    step = slice(None, None, target.step_px)
    seen = warp.glimpse()
    both = target.known[step, step] & seen.known
    difference = cv2.subtract(
        np.ascontiguousarray(target.picture[step, step]), seen.picture, dtype=cv2.CV_32F
    )
    offset = mean_around(difference, both, (12.0, 28.0), target.step_px)
    difference -= offset
    square = cv2.transform(cv2.multiply(difference, difference), np.full((1, 3), 1 / 3, np.float32))
    return _Candidate(source, warp, seen, offset, mean_around(square, both, SIGMAS_PX, target.step_px))


def _share_out(candidates: list[_Candidate], is_strict: bool = False) -> np.ndarray:
    """(n, rows, columns) float32: how much of each candidate to take, on the target's grid.

    Args:
        candidates: All that there are.
        is_strict: Whether only those count as best that show the place themselves.
    """
    if not candidates:
        return np.zeros((0, 1, 1), np.float32)
    errors = np.stack([c.error for c in candidates])
    ranked = np.where([c.seen.known for c in candidates], errors, np.float32(1e6)) if is_strict else errors
    worst = min(BEST_COUNT, len(errors)) - 1
    rank = np.partition(ranked, worst, axis=0)[worst]
    good = (ranked <= rank) & (ranked < 4 * (ranked.min(axis=0) + 25))
    # The rest serve where none of the best shows anything.
    shares: np.ndarray = np.where(good, 1.0, 1e-6).astype(np.float32) / (errors + 25) ** 2
    return shares


def _are_worthwhile(
    candidates: list[_Candidate], shares: np.ndarray, least: float, where: np.ndarray | None = None
) -> np.ndarray:
    """(n,) bool: which candidates have a share to speak of, or show what no other does.

    Args:
        candidates: All that there are.
        shares: See `_share_out`.
        least: Share of the whole crop.
        where: (rows, columns) bool: what of the crop counts; None: all.
    """
    if not candidates:
        return np.zeros(0, bool)
    shown = np.stack([c.seen.known for c in candidates]).reshape(len(shares), -1)
    parts = shares.reshape(len(shares), -1) * shown
    if where is not None:
        shown, parts = shown[:, where.ravel()], parts[:, where.ravel()]
    parts /= np.maximum(parts.sum(axis=0), 1e-30)
    is_kept: np.ndarray = parts.mean(axis=1) >= least
    is_kept |= (shown & ~shown[is_kept].any(axis=0)).any(axis=1)
    return is_kept


def _on_grid(plane: np.ndarray, step_px: int) -> np.ndarray:
    """(rows, columns) bool: the places of the grid at and around which a (h, w) bool is True."""
    grown = cv2.dilate(plane.astype(np.uint8), np.ones((2 * step_px - 1, 2 * step_px - 1), np.uint8))
    return grown[::step_px, ::step_px] > 0


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

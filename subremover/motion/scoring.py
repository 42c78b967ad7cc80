"""Scores warps by the known pixels around each place, and averages the best of them.

Pure arithmetic on the arrays of one target; which warps there are to score is up to `background`. Never reads
a pixel out of a hole, the target's or a source's. The torch twin is `scoring_device`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import cv2
import numpy as np

from subremover.motion.align import View, Warp, Warped
from subremover.motion.normalised_convolution import SIGMAS_PX, NormalisedConvolution

OFFSET_SIGMAS_PX = (12.0, 28.0)
"""Scales, as standard deviations in px, over which known pixels tell by how much the light has changed."""
BEST_COUNT = 6
"""How many of the best candidates are averaged at each place.
See docs/measurements.md, "motion/scoring: candidates averaged"."""
LEAST_SHARE = 0.002
"""Least share of a hole that a candidate must have in the mean to be worth sampling.
See docs/measurements.md, "motion/scoring: least share"."""
PLACES_WIDTH = 256
"""Columns of the picture that chosen pixels are laid out in; see `Places`."""


class Scored(Protocol):
    """A warp, scored on the target's grid, wherever that was done; see `Candidate`."""

    @property
    def warp(self) -> Warp:
        """The warp itself."""
        ...

    @property
    def known(self) -> np.ndarray:
        """(rows, columns) bool, True where it shows something."""
        ...

    @property
    def error(self) -> np.ndarray:
        """(rows, columns) float32, squared levels, as expected from the known pixels around."""
        ...


C = TypeVar("C", bound=Scored)


class Backend(Protocol[C]):
    """What scores and blends: this module, or `DeviceScorer` of scoring_device.py."""

    def score(self, target: View, warps: Sequence[Warp]) -> list[C]:
        """See the function `score`."""
        ...

    def blend(
        self, target: View, candidates: Sequence[C], place: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """See the function `blend`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A warp, scored on the target's grid."""

    warp: Warp
    known: np.ndarray
    """(rows, columns) bool, True where it shows something."""
    residual: np.ndarray
    """(rows, columns, 3) float32, target less warp, in levels, once the light is evened out; 0 where one of
    the two is unknown."""
    offset: np.ndarray
    """(rows, columns, 3) float32, levels to be added for the target's brightness."""
    error: np.ndarray
    """(rows, columns) float32, squared levels, as expected from the known pixels around."""


def score(target: View, warps: Sequence[Warp]) -> list[Candidate]:
    """How far off each warp is to be expected, everywhere.

    Args:
        target: The crop with the hole.
        warps: From sources to this target.

    Returns:
        A candidate for each warp.
    """
    step = slice(None, None, target.step_px)
    shown, known = np.ascontiguousarray(target.picture[step, step]), target.known[step, step]
    candidates = []
    for warp in warps:
        seen = warp.glimpse()
        weight = (known & seen.known).astype(np.float32)
        weights = cv2.merge([weight] * 3)
        around = NormalisedConvolution(weight, target.step_px)
        residual = cv2.multiply(cv2.subtract(shown, seen.picture, dtype=cv2.CV_32F), weights)
        offset = around.mean(residual, OFFSET_SIGMAS_PX)
        residual = cv2.subtract(residual, cv2.multiply(offset, weights))
        square = cv2.transform(cv2.multiply(residual, residual), np.full((1, 3), 1 / 3, np.float32))
        candidates.append(Candidate(warp, seen.known, residual, offset, around.mean(square, SIGMAS_PX)))
    return candidates


def share_out(candidates: Sequence[Candidate], is_strict: bool = False) -> np.ndarray:
    """How much of each candidate to take at each place.

    Args:
        candidates: N, at least one.
        is_strict: Whether only those count as best that show the place themselves.

    Returns:
        (N, rows, columns) float32, relative weights; tiny ones for those that serve only where none of the
        best shows anything.
    """
    errors = np.stack([c.error for c in candidates])
    ranked = np.where([c.known for c in candidates], errors, np.float32(1e6)) if is_strict else errors
    worst = min(BEST_COUNT, len(errors)) - 1
    rank = np.partition(ranked, worst, axis=0)[worst]
    good = (ranked <= rank) & (ranked < 4 * (ranked.min(axis=0) + 25))
    # The rest serve where none of the best shows anything.
    shares: np.ndarray = np.where(good, np.float32(1), np.float32(1e-6)) / np.square(errors + 25)
    return shares


def are_worthwhile(known: np.ndarray, shares: np.ndarray, least: float = LEAST_SHARE) -> np.ndarray:
    """Which candidates have a share to speak of, or show what no other does.

    Args:
        known: (N, n) bool, the places that each shows.
        shares: (N, n) float32, how much of each is taken where it is known.
        least: Least mean share that a candidate is worth rendering for, in [0, 1].

    Returns:
        (N,) bool.
    """
    parts = shares * known
    parts /= np.maximum(parts.sum(axis=0), 1e-30)
    is_kept: np.ndarray = parts.mean(axis=1) >= least
    is_kept |= (known & ~known[is_kept].any(axis=0)).any(axis=1)
    return is_kept


def blend(
    target: View, candidates: Sequence[Candidate], place: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The mean of the best candidates, in and near a hole.

    Args:
        target: The crop with the hole.
        candidates: At least one.
        place: (h, w) bool, True somewhere: where the mean is wanted. How far off it is, is told by those
            candidates that show what the target does not know of it, not by those that only fit around that.

    Returns:
        The picture, (h, w, 3) float32, levels; how far off it is to be expected, (h, w) float32, levels, inf
        where no candidate shows the place; and which candidate has the most of each place, (h, w) int16, -1
        where there is none. Elsewhere all three mean nothing.
    """
    step = target.step_px
    shares = share_out(candidates, is_strict=True)
    inside, near = find_places(target, place)
    known = np.stack([c.known for c in candidates])
    fill, kept = (are_worthwhile(known[:, places], shares[:, places]) for places in (inside, near))
    places = Places(place, step)
    mean, most = Mean(places.x.shape), np.zeros(places.x.shape, np.float32)
    origin = np.full(places.x.shape, -1, np.int16)
    missed, weight = np.zeros((*near.shape, 3), np.float32), np.full(near.shape, 1e-30, np.float32)
    for number in np.flatnonzero(fill | kept).tolist():
        candidate = candidates[number]
        offset, share = (places.on_grid(level) for level in (candidate.offset, shares[number]))
        part = mean.add(candidate.warp.sample(places.x, places.y), share, offset)
        origin[part > most] = number
        np.maximum(most, part, out=most)
        if not fill[number]:
            continue
        own = shares[number] * candidate.known
        missed += cv2.multiply(candidate.residual, cv2.merge([own] * 3))
        weight += own
    told = target.known[::step, ::step] & (weight > 1e-20)
    square = np.square(greatest(np.abs(missed)) / weight) * told
    off = places.on_grid(NormalisedConvolution(told.astype(np.float32), step).mean(square, SIGMAS_PX))
    averaged, spread, covered = mean.result()
    shape = place.shape
    error = np.where(covered, np.sqrt(off + spread), np.float32(np.inf))
    return (
        places.put(np.zeros((*shape, 3), np.float32), averaged),
        places.put(np.full(shape, np.inf, np.float32), error),
        places.put(np.full(shape, -1, np.int16), np.where(covered, origin, -1)),
    )


class Places:
    """Some pixels of a crop, as rows of a picture of their own, which is what remap takes."""

    def __init__(self, chosen: np.ndarray, step_px: int) -> None:
        """Choose the pixels.

        Args:
            chosen: (h, w) bool of the crop, True somewhere.
            step_px: Between the places of the crop's grid.
        """
        flat = np.flatnonzero(chosen)
        self._flat = np.pad(flat, (0, -len(flat) % PLACES_WIDTH), mode="edge").reshape(-1, PLACES_WIDTH)
        self.y, self.x = (axis.astype(np.float32) for axis in np.divmod(self._flat, chosen.shape[1]))
        self._there = self.x / step_px, self.y / step_px

    def take(self, levels: np.ndarray) -> np.ndarray:
        """The chosen pixels of the crop's levels, (h, w) or (h, w, K), as (n, `PLACES_WIDTH`) or with K."""
        return levels.reshape(-1, *levels.shape[2:])[self._flat]

    def put(self, levels: np.ndarray, values: np.ndarray) -> np.ndarray:
        """A copy of the crop's levels, (h, w) or (h, w, K), with these values at the chosen pixels."""
        changed = levels.copy()
        changed.reshape(-1, *levels.shape[2:])[self._flat] = values
        return changed

    def on_grid(self, levels: np.ndarray) -> np.ndarray:
        """The chosen pixels of float32 levels on the crop's grid, (rows, columns) or with K, interpolated."""
        found: np.ndarray = cv2.remap(levels, *self._there, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return found


class Mean:
    """The weighted mean of what candidates show, and how far they are from each other."""

    def __init__(self, size: tuple[int, ...]) -> None:
        """Begin with nothing, for pictures of this height and width."""
        self._total = np.zeros((*size, 3), np.float32)
        self._square = np.zeros(size, np.float32)
        self._weight = np.full(size, 1e-30, np.float32)

    def add(self, warped: Warped, share: np.ndarray, offset: np.ndarray) -> np.ndarray:
        """Take one more candidate into the mean.

        Args:
            warped: What it shows, (h, w).
            share: (h, w) float32, how much of it to take.
            offset: (h, w, 3) float32, levels to be added to it.

        Returns:
            (h, w) float32, the weight it got: its share where it shows something, else 0.
        """
        part: np.ndarray = share * warped.known
        picture = cv2.add(warped.picture, offset, dtype=cv2.CV_32F)
        green = cv2.extractChannel(picture, 1)
        self._total += cv2.multiply(picture, cv2.merge([part] * 3))
        self._square += green * green * part
        self._weight += part
        return part

    def result(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The mean of what was added.

        Returns:
            The mean, (h, w, 3) float32, levels; the spread around it (of green), (h, w) float32, squared
            levels; and where there is a mean, (h, w) bool.
        """
        mean: np.ndarray = self._total / self._weight[..., None]
        spread = np.maximum(self._square / self._weight - mean[..., 1] ** 2, 0)
        return mean, spread, self._weight > 1e-20


def greatest(colours: np.ndarray) -> np.ndarray:
    """The greatest of the three colours: (h, w, 3) -> (h, w). By OpenCV, much faster than `max(axis=2)`.

    See docs/measurements.md, "motion/scoring: greatest".
    """
    greatest_of: np.ndarray = cv2.max(cv2.max(colours[..., 0], colours[..., 1]), colours[..., 2])
    return greatest_of


def find_places(target: View, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of a crop's grid by which candidates are chosen.

    Args:
        target: The crop.
        place: (h, w) bool, what is wanted of it.

    Returns:
        (rows, columns) bool each: what the target does not know, or all that is wanted where it knows that;
        and all that is wanted, with the places around it.
    """
    step = slice(None, None, target.step_px)
    inside, near = (place & ~target.known)[step, step], on_grid(place, target.step_px)
    return (inside if inside.any() else near), near


def on_grid(plane: np.ndarray, step_px: int) -> np.ndarray:
    """(rows, columns) bool: places of a grid, `step_px` apart, at or near which an (h, w) bool is True."""
    grown = cv2.dilate(plane.astype(np.uint8), np.ones((2 * step_px - 1, 2 * step_px - 1), np.uint8))
    return grown[::step_px, ::step_px] > 0

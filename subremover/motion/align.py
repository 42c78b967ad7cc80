"""Warps: where the target frame's camera would have seen what a source frame's crop shows.

There are three kinds, as each is best somewhere: no motion (tripods), a plane's homography (pans), dense flow
(everything else). How good a warp is, is told by `scoring`; which to try, by `background`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np

from subremover.motion.points import find_corners, fit_plane, follow
from subremover.motion.smooth import fill_smoothly

FLOW_MARGIN_PX = 3
"""Flow nearer than this to a hole, in px, is replaced by that from further off: a patch of it that touches
the filled hole is led astray."""
PATCH_PX = 8
"""Side of the patches that the flow is searched by."""
FLOW_REFINEMENTS = 2
"""Variational refinement passes of the flow; OpenCV's preset has 5.
See docs/measurements.md, "motion/align: flow"."""
POINT_COUNT = 80
"""Most corners that are followed from one crop to another."""
GRIDS = (160, 4, 2), (96, 3, 1), (48, 2, 1)
"""How coarsely crops are worked on, by the least shorter side of a crop in px: the px between the places that
a warp is worked out for and scored at, and the px of the picture to a px that motion is tracked in.
See docs/measurements.md, "motion/align: grids"."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class View:
    """The crop of one frame, which of its pixels are known, and what tracking needs of it."""

    picture: np.ndarray
    """(h, w, 3) uint8, RGB."""
    known: np.ndarray
    """(h, w) bool, False in the hole."""
    step_px: int = field(init=False)
    """Px between the places of its grid, at which warps are scored."""
    coarse_px: int = field(init=False)
    """Px of the picture to a px of `luma`."""
    luma: np.ndarray = field(init=False)
    """(h / coarse_px, w / coarse_px) uint8, both rounded up, the hole filled smoothly: what points and flow
    are tracked in."""
    solid: np.ndarray = field(init=False)
    """(h, w) uint8: 255 where all 4 by 4 pixels that a place is interpolated from are known, else 0."""

    def __post_init__(self) -> None:
        if self.picture.ndim != 3 or self.picture.shape[2] != 3 or self.picture.dtype != np.uint8:
            raise ValueError(f"expected (h, w, 3) uint8, got {self.picture.shape} {self.picture.dtype}")
        if self.known.shape != self.picture.shape[:2] or self.known.dtype != bool:
            size = self.picture.shape[:2]
            raise ValueError(f"expected {size} bool, got {self.known.shape} {self.known.dtype}")
        grids = ((step, coarse) for side, step, coarse in GRIDS if min(self.known.shape) >= side)
        step_px, coarse_px = next(grids, (1, 1))
        luma = cv2.cvtColor(np.ascontiguousarray(self.picture), cv2.COLOR_RGB2GRAY)
        known = self.known
        if coarse_px > 1:
            luma, known = _shrink(luma, coarse_px), _shrink(known.astype(np.uint8) * 255, coarse_px) == 255
        if not known.all():
            luma = fill_smoothly(luma.astype(np.float32), known).round().astype(np.uint8)
        solid = cv2.erode(self.known.astype(np.uint8) * 255, _square(1))
        for name, value in (
            ("step_px", step_px), ("coarse_px", coarse_px), ("luma", luma), ("solid", solid)
        ):  # fmt: skip
            object.__setattr__(self, name, value)


@dataclass(frozen=True, slots=True, eq=False)
class Warped:
    """A source as the target would have shown it."""

    picture: np.ndarray
    """(h, w, 3) uint8, RGB."""
    known: np.ndarray
    """(h, w) bool, False where the source shows a hole or nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Warp:
    """Where in a source the places of a target are."""

    source: View
    """Where from."""
    motion: np.ndarray | None
    """(rows, columns, 2) float32, px, x and y, from the target's grid to the source; None: nothing moves."""

    def glimpse(self) -> Warped:
        """What the source shows at the places of the target's grid, (rows, columns)."""
        step = slice(None, None, self.source.step_px)
        if self.motion is None:
            return Warped(
                np.ascontiguousarray(self.source.picture[step, step]), self.source.known[step, step]
            )
        return _sample(self.source, self.motion, self.source.step_px)

    def sample(self, x: np.ndarray, y: np.ndarray) -> Warped:
        """What the source shows at some of the target's pixels.

        Args:
            x: (rows, columns) float32, columns of the target's pixels, in px.
            y: Like x, their rows.

        Returns:
            The same (rows, columns), as if they were a picture.
        """
        if self.motion is None:
            columns, rows = x.astype(int), y.astype(int)
            return Warped(self.source.picture[rows, columns], self.source.known[rows, columns])
        return _sample_at(self.source, *self._find(x, y))

    def carry(self, levels: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Other values of the source, taken to some of the target's pixels.

        Args:
            levels: (h, w) or (h, w, K) float32, of the source's crop.
            x: (rows, columns) float32, columns of the target's pixels, in px.
            y: Like x, their rows.

        Returns:
            (rows, columns) or (rows, columns, K) float32.
        """
        carried: np.ndarray = cv2.remap(
            levels, *self._find(x, y), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        return carried

    def _find(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where in the source some of the target's pixels are: x and y, (rows, columns) float32, px."""
        if self.motion is None:
            return x, y
        step = self.source.step_px
        if step == 1:
            dx, dy = cv2.split(self.motion[y.astype(int), x.astype(int)])
        else:  # one by one: of two channels at once, some CPUs' remap rounds the places to 1/32
            there = x / step, y / step
            dx, dy = (
                cv2.remap(axis, *there, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
                for axis in cv2.split(self.motion)
            )
        return x + dx, y + dy

    def render(self) -> Warped:
        """What the source shows at all of the target's pixels, (h, w)."""
        if self.motion is None:
            return Warped(self.source.picture, self.source.known)
        return _sample(self.source, _spread(self.motion, self.source.known.shape, self.source.step_px), 1)


def warp_still(source: View) -> Warp:
    """A warp that leaves the source as it is: for a camera that stands."""
    return Warp(source, None)


def warp_by(source: View, matrix: np.ndarray) -> Warp:
    """A warp that moves the source as a plane.

    Args:
        source: Where from.
        matrix: (3, 3), from places of the target, (x, y, 1) in px of the crop, to those of the source.
    """
    places = _grid(source.known.shape, source.step_px)
    return Warp(source, cv2.perspectiveTransform(places, matrix).astype(np.float32) - places)


def find_plane(
    target: View, source: View, points: np.ndarray, guess: np.ndarray | None = None
) -> np.ndarray | None:
    """The motion of a plane, by points followed outside the holes; None where too few could be.

    Args:
        target: Where to.
        source: Where from.
        points: (n, 2) float32, `find_points` of the target.
        guess: (3, 3), see `warp_by`: where to look for the points; None: where they are in the target.

    Returns:
        (3, 3), see `warp_by`; None where too few points could be followed.
    """
    if len(points) < 3:
        return None
    px = target.coarse_px
    guesses = None
    if guess is not None:
        places = ((points + 0.5) * px - 0.5)[:, None].astype(np.float64)
        guesses = ((cv2.perspectiveTransform(places, guess)[:, 0] + 0.5) / px - 0.5).astype(np.float32)
    starts, ends = follow(target.luma, source.luma, points, _shrink_known(source), guesses)
    return fit_plane((starts + 0.5) * px - 0.5, (ends + 0.5) * px - 0.5, 1.5)


def warp_plane(
    target: View, source: View, points: np.ndarray, guess: np.ndarray | None = None
) -> Warp | None:
    """A warp that moves the source as a plane; see `find_plane` for the arguments, and for None."""
    matrix = find_plane(target, source, points, guess)
    return None if matrix is None else warp_by(source, matrix)


def warp_flow(target: View, source: View, start: Warp | None = None) -> Warp:
    """A warp that moves the source by dense flow, which holes take from around them.

    Dense inverse search (Kroeger et al. 2016, arXiv:1603.03590) on crops whose holes are filled.

    Args:
        target: Where to.
        source: Where from.
        start: A warp that the flow begins from; None: no motion.

    Returns:
        The warp; of crops less than two patches wide or high, `start` itself.
    """
    height, width = target.luma.shape
    if min(height, width) < 2 * PATCH_PX:
        return start or warp_still(source)
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    # Of a picture that is smaller than a patch at the finest scale OpenCV reads beyond the end, and crashes.
    search.setFinestScale(2 if target.coarse_px == 1 and min(height, width) >= 4 * PATCH_PX else 1)
    search.setVariationalRefinementIterations(FLOW_REFINEMENTS)
    stride = target.step_px / target.coarse_px
    guess: np.ndarray = np.zeros((height, width, 2), np.float32)
    if start is not None and start.motion is not None:
        guess = _spread(start.motion, (height, width), stride) / target.coarse_px
    flow = search.calc(target.luma, source.luma, guess)
    step = slice(None, None, target.step_px)
    places = _grid(target.known.shape, target.step_px)
    motion = _spread(flow, places.shape, 1 / stride) * target.coarse_px
    x, y = cv2.split(motion + places)
    seen = cv2.remap(source.known.astype(np.uint8), x, y, cv2.INTER_NEAREST)
    both = np.where(target.known[step, step], seen, 0).astype(np.uint8)  # outside the source: 0
    trusted = cv2.erode(both, _square(-(-FLOW_MARGIN_PX // target.step_px))).astype(bool)
    return Warp(source, fill_smoothly(motion, trusted) if trusted.any() and not trusted.all() else motion)


def find_points(target: View) -> np.ndarray:
    """Corners outside the hole, to follow into other frames: (n, 2) float32, x and y in px of `View.luma`."""
    calm = cv2.erode(target.known.astype(np.uint8), _square(4))
    if target.coarse_px > 1:
        calm = (_shrink(calm * 255, target.coarse_px) == 255).astype(np.uint8)
    return find_corners(target.luma, calm, POINT_COUNT, 0.01, 6)


def _spread(motion: np.ndarray, size: tuple[int, ...], step: float) -> np.ndarray:
    """Motion on a grid `step` apart, interpolated for every place of a (height, width) size."""
    if step == 1:
        return motion
    share = 1 / step
    spread: np.ndarray = cv2.warpAffine(
        motion, np.array([[share, 0, 0], [0, share, 0]]), (size[1], size[0]),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return spread


def _shrink_known(view: View) -> np.ndarray:
    """(h, w) bool of the size of the view's luma: True where all pixels of the picture are known."""
    px = view.coarse_px
    return _shrink(view.known.astype(np.uint8) * 255, px) == 255 if px > 1 else view.known


def _sample(source: View, motion: np.ndarray, step_px: int) -> Warped:
    """The source at the places that (rows, columns, 2) motion leads to from a grid."""
    return _sample_at(source, *cv2.split(motion + _grid(source.known.shape, step_px)))


def _sample_at(source: View, x: np.ndarray, y: np.ndarray) -> Warped:
    """The source at places of its own, x and y in px."""
    picture = cv2.remap(source.picture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    known = cv2.remap(source.solid, x, y, cv2.INTER_LINEAR, borderValue=0)
    return Warped(picture, known == 255)


@lru_cache(maxsize=4)
def _grid(size: tuple[int, ...], step_px: int) -> np.ndarray:
    """(rows, columns, 2) float32, x and y of every so many pixels; read-only, because it is kept."""
    x, y = (np.arange(0, side, step_px, dtype=np.float32) for side in (size[1], size[0]))
    places = np.dstack(np.meshgrid(x, y))
    places.flags.writeable = False
    return places


def _shrink(plane: np.ndarray, factor: int) -> np.ndarray:
    """An (h, w) plane at 1 / factor of its size, rounded up: every place of the grid has its pixel."""
    height, width = plane.shape
    padded = cv2.copyMakeBorder(plane, 0, -height % factor, 0, -width % factor, cv2.BORDER_REPLICATE)
    return cv2.resize(padded, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)


def _square(radius_px: int) -> np.ndarray:
    """Structuring element for growing or shrinking by a radius."""
    return np.ones((2 * radius_px + 1, 2 * radius_px + 1), np.uint8)

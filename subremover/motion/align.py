"""Warps: where the target frame's camera would have seen what a source frame's crop shows.

Three of them, because each wins somewhere: none at all (tripods), a plane's homography (pans), dense flow
(everything else). Whether a warp is any good is not its business but background.py's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from subremover.motion.points import find_corners, fit_plane, follow

FLOW_MARGIN_PX = 3
"""Flow so near to a hole is taken from further off: a patch that touches the filled hole is led astray."""
POINT_COUNT = 80
"""Corners followed at the most."""
GRIDS = (96, 4), (48, 2)
"""Least side of a crop in px, and the px between its places that a warp is worked out for and judged at: a
quarter of the pixels, in large crops a sixteenth, do as well."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class View:
    """The crop of one frame, and which of its pixels are picture rather than hole."""

    picture: np.ndarray
    """(h, w, 3) uint8, RGB."""
    known: np.ndarray
    """(h, w) bool."""
    step_px: int = field(init=False)
    """Px between the places of its grid."""
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
        step_px = next((step for side, step in GRIDS if min(self.known.shape) >= side), 1)
        coarse_px = max(1, step_px // 2)
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
    """Where a source shows what the target shows."""

    source: View
    motion: np.ndarray | None
    """(rows, columns, 2) float32, px, x and y, from the target's grid to the source; None: nothing moves."""

    def glimpse(self) -> Warped:
        """What the source shows at the places of the target's grid."""
        step = slice(None, None, self.source.step_px)
        if self.motion is None:
            return Warped(
                np.ascontiguousarray(self.source.picture[step, step]), self.source.known[step, step]
            )
        return _sample(self.source, self.motion, self.source.step_px)

    def look(self, x: np.ndarray, y: np.ndarray) -> Warped:
        """What the source shows at some of the target's pixels.

        Args:
            x: (rows, columns) float32, px.
            y: Like x.
        """
        if self.motion is None:
            columns, rows = x.astype(int), y.astype(int)
            return Warped(self.source.picture[rows, columns], self.source.known[rows, columns])
        step = self.source.step_px
        motion = cv2.remap(
            self.motion, x / step, y / step, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        ) if step > 1 else self.motion[y.astype(int), x.astype(int)]  # fmt: skip
        return _look(self.source, x + motion[..., 0], y + motion[..., 1])

    def carry(self, levels: np.ndarray) -> np.ndarray:
        """Other float32 levels of the source, (h, w) or (h, w, K), where the target would see them."""
        if self.motion is None:
            return levels
        size = self.source.known.shape
        x, y = cv2.split(_spread(self.motion, size, self.source.step_px) + _grid(size, 1))
        carried: np.ndarray = cv2.remap(levels, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        return carried

    def render(self) -> Warped:
        """What the source shows at all of the target's pixels."""
        if self.motion is None:
            return Warped(self.source.picture, self.source.known)
        return _sample(self.source, _spread(self.motion, self.source.known.shape, self.source.step_px), 1)


def warp_still(source: View) -> Warp:
    """The source as it is: for a camera that stands."""
    return Warp(source, None)


def warp_by(source: View, matrix: np.ndarray) -> Warp:
    """The source moved as a plane.

    Args:
        source: Where from.
        matrix: (3, 3), from places of the target, (x, y, 1) in px of the crop, to those of the source.
    """
    places = _grid(source.known.shape, source.step_px)
    return Warp(source, cv2.perspectiveTransform(places, matrix).astype(np.float32) - places)


def warp_plane(
    target: View, source: View, points: np.ndarray, guess: np.ndarray | None = None
) -> Warp | None:
    """The source moved as a plane, by points tracked outside the holes; None where too few could be.

    Args:
        target: Where to.
        source: Where from.
        points: `find_points` of the target.
        guess: (3, 3), see `warp_by`: where to look for the points.
    """
    if len(points) < 3:
        return None
    px = target.coarse_px
    guesses = None
    if guess is not None:
        places = ((points + 0.5) * px - 0.5)[:, None].astype(np.float64)
        guesses = ((cv2.perspectiveTransform(places, guess)[:, 0] + 0.5) / px - 0.5).astype(np.float32)
    starts, ends = follow(target.luma, source.luma, points, _shrink_known(source), guesses)
    matrix = fit_plane((starts + 0.5) * px - 0.5, (ends + 0.5) * px - 0.5, 1.5)
    return None if matrix is None else warp_by(source, matrix)


def warp_flow(target: View, source: View, start: Warp | None = None) -> Warp:
    """The source moved by dense flow, which holes take from around them.

    Dense inverse search (Kroeger et al. 2016, arXiv:1603.03590) on crops whose holes are filled.

    Args:
        target: Where to.
        source: Where from.
        start: What the flow is to be near; None: no motion.
    """
    height, width = target.luma.shape
    if min(height, width) < 16:  # less than two of its patches
        return start or warp_still(source)
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    search.setFinestScale(2 if target.coarse_px == 1 else 1)
    stride = target.step_px // target.coarse_px
    guess: np.ndarray = np.zeros((height, width, 2), np.float32)
    if start is not None and start.motion is not None:
        guess = _spread(start.motion, (height, width), stride) / target.coarse_px
    flow = search.calc(target.luma, source.luma, guess)
    motion = np.ascontiguousarray(flow[::stride, ::stride]) * target.coarse_px
    step = slice(None, None, target.step_px)
    x, y = cv2.split(motion + _grid(target.known.shape, target.step_px))
    seen = cv2.remap(source.known.astype(np.uint8), x, y, cv2.INTER_NEAREST)
    both = np.where(target.known[step, step], seen, 0).astype(np.uint8)  # outside the source: 0
    trusted = cv2.erode(both, _square(-(-FLOW_MARGIN_PX // target.step_px))).astype(bool)
    return Warp(source, fill_smoothly(motion, trusted) if trusted.any() and not trusted.all() else motion)


def find_points(target: View) -> np.ndarray:
    """(n, 2) float32, x and y in `luma` of corners outside the hole, to follow into other frames."""
    calm = cv2.erode(target.known.astype(np.uint8), _square(4))
    if target.coarse_px > 1:
        calm = (_shrink(calm * 255, target.coarse_px) == 255).astype(np.uint8)
    return find_corners(target.luma, calm, POINT_COUNT, 0.01, 6)


def fill_smoothly(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Values with their unknown places interpolated from all around, the nearer the more.

    Push-pull over a pyramid of halves (Gortler et al. 1996): cost linear in the pixels, whatever the hole.

    Args:
        values: (h, w) or (h, w, K) float32.
        known: (h, w) bool.

    Returns:
        Like `values`, unchanged where known; zero where nothing is known at all.
    """
    weight = known.astype(np.float32)
    total = values * (weight if values.ndim == 2 else weight[..., None])
    smooth = _pull(total, weight)
    return np.where(known if values.ndim == 2 else known[..., None], values, smooth)


def _pull(total: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted means, from the next coarser level where the weight falls short of 1."""
    height, width = weight.shape
    share = np.minimum(weight, 1) / np.maximum(weight, 1e-6)
    if max(height, width) == 1:
        mean: np.ndarray = total / max(float(weight[0, 0]), 1e-6)
        return mean
    own: np.ndarray = total * (share if total.ndim == 2 else share[..., None])
    if weight.min() >= 1:
        return own
    half = ((width + 1) // 2, (height + 1) // 2)
    # Up to four known pixels make a whole one: what lies nearer to the hole counts in full.
    coarse = _pull(*(cv2.resize(level, half, interpolation=cv2.INTER_AREA) * 4 for level in (total, weight)))
    rest = 1 - np.minimum(weight, 1)
    grown = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    filled: np.ndarray = own + grown * (rest if total.ndim == 2 else rest[..., None])
    return filled


def _spread(motion: np.ndarray, size: tuple[int, ...], step: int) -> np.ndarray:
    """Motion on a grid of every so many places, at all of them."""
    if step == 1:
        return motion
    share = 1 / step
    spread: np.ndarray = cv2.warpAffine(
        motion, np.array([[share, 0, 0], [0, share, 0]]), (size[1], size[0]),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return spread


def _shrink_known(view: View) -> np.ndarray:
    """(h, w) bool of the size of its luma."""
    px = view.coarse_px
    return _shrink(view.known.astype(np.uint8) * 255, px) == 255 if px > 1 else view.known


def _sample(source: View, motion: np.ndarray, step_px: int) -> Warped:
    """The source at the places that motion leads to from a grid."""
    return _look(source, *cv2.split(motion + _grid(source.known.shape, step_px)))


def _look(source: View, x: np.ndarray, y: np.ndarray) -> Warped:
    picture = cv2.remap(source.picture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    known = cv2.remap(source.solid, x, y, cv2.INTER_LINEAR, borderValue=0)
    return Warped(picture, known == 255)


def _grid(size: tuple[int, ...], step_px: int) -> np.ndarray:
    """(rows, columns, 2) float32, x and y of every so many pixels."""
    x, y = (np.arange(0, side, step_px, dtype=np.float32) for side in (size[1], size[0]))
    return np.dstack(np.meshgrid(x, y))


def _shrink(plane: np.ndarray, factor: int) -> np.ndarray:
    """Rounded up, so that every place of the grid has its pixel."""
    height, width = plane.shape
    padded = cv2.copyMakeBorder(plane, 0, -height % factor, 0, -width % factor, cv2.BORDER_REPLICATE)
    return cv2.resize(padded, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)


def _square(radius_px: int) -> np.ndarray:
    return np.ones((2 * radius_px + 1, 2 * radius_px + 1), np.uint8)

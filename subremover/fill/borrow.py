"""Borrows real pixels for a hole: what other frames of the shot show where a subtitle stands.

Works on plain arrays. Where frames come from is up to the caller (render/footage.py); warping and scoring are
done in motion/.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any, Protocol

import cv2
import numpy as np

from subremover.fill.holes import Hole
from subremover.fill.temporal_smoothing import Filled, smooth_over_time
from subremover.geometry import Box
from subremover.motion import scoring
from subremover.motion.align import View, find_plane, find_points
from subremover.motion.background import Background, find_behind
from subremover.motion.camera import Camera
from subremover.motion.points import is_sane
from subremover.motion.scoring import Backend
from subremover.options import BorrowOptions
from subremover.runtime.cpu import count_cores, one_opencv_thread
from subremover.runtime.lru_cache import LruCache

log = logging.getLogger(__name__)

RIM_PX = 1
"""Width of the rim around a hole, in px, where coding has smeared the subtitle: nothing is borrowed from
it or scored by it. See docs/measurements.md, "fill/borrow: rim"."""
SHIFT_PX = 8
"""Crops of a source are moved by multiples of this, so that targets share them; the warp does the rest."""
NEAR = 2
"""Sources up to so many frames away are always asked, even if they seem to show nothing, for the sake of what
moves by itself behind the subtitle."""
LATTICE_SOURCES, MOST_SOURCES = 14, 20
"""Up to how many sources are chosen from the lattice of `_step` alone, and how many in all."""
PLANE_FRAMES = 16
"""Number of neighbouring frames that share one tracking of the plane around a hole, that of their middle one.
See docs/measurements.md, "fill/borrow: planes"."""
SAMPLE_COUNT = 200
"""Most places of a hole by which sources are chosen."""
LEAST_GAIN = 1e-4
"""Least gain for which one more source is chosen; see `_choose`."""
Motions = dict[int, np.ndarray]
"""For each frame a (3, 3) matrix from (x, y, 1) in px of one common frame to that frame's."""
VIEW_BYTES, VIEWS_BYTES = 6, 96 << 20
"""Memory of a view, a pixel; and most memory for the views that are kept."""


def count_view_bytes(sources: int, crop: int, share: float) -> float:
    """What the views of so many frames take, of crops of so many pixels, with a share of what they may."""
    return min(share * VIEWS_BYTES, sources * VIEW_BYTES * crop)


class Footage(Protocol):
    """The frames of one shot that are at hand, in the coded picture; see render/footage.py."""

    @property
    def frames(self) -> Sequence[int]:
        """Indices, ascending."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in px."""

    def luma(self, frame: int) -> np.ndarray:
        """(H, W) uint8, the whole picture."""

    def crop(self, frame: int, box: Box) -> np.ndarray:
        """(h, w, 3) float32, RGB, nominally in [0, 1]."""

    def mask(self, frame: int) -> np.ndarray | None:
        """(H, W) bool, True in the holes; None where there is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Borrowed:
    """What other frames show of a hole."""

    picture: np.ndarray
    """(h, w, 3) float32, RGB in [0, 1], of the hole's box; anything where nothing is borrowed."""
    error: np.ndarray
    """(h, w) float32, in [0, 1]: how far off the picture is to be expected; inf where nothing is borrowed."""
    distance: np.ndarray
    """(h, w) float32: from how many frames away most of a pixel was borrowed; 0 where nothing is."""


class Borrower:
    """Fills the holes of a film from other frames; the holes must come in order."""

    def __init__(
        self, options: BorrowOptions, device: str | None = None, *, memory_share: float = 1.0
    ) -> None:
        """Prepare.

        Args:
            options: How far to borrow.
            device: Name of a torch device to score warps on; None: by OpenCV, which is faster on a CPU.
            memory_share: Of what crops may take by default; with less of it others may be chosen.
        """
        self._options, self._views_bytes = options, int(VIEWS_BYTES * memory_share)
        self._camera = Camera()
        self._device_scorer: Backend[Any] | None = None
        self._has_warned = False
        if device is not None:
            from subremover.motion.scoring_device import DeviceScorer

            self._device_scorer = DeviceScorer(device)

    def borrow(self, holes: Sequence[Hole], footage: Footage) -> list[Borrowed]:
        """Borrow for these holes, and smooth what was found over time.

        Args:
            holes: Of one group, so of one box; in the order of their frames.
            footage: The frames of their shot, their own among them.

        Returns:
            For each hole what was borrowed.
        """
        camera = self._camera.locate(footage.frames, lambda f: (footage.luma(f), footage.mask(f)))
        views = _Views(footage, self._views_bytes)
        with one_opencv_thread(), ThreadPoolExecutor(min(len(holes), count_cores())) as threads:
            found: list[tuple[Filled, np.ndarray]] = []
            for _, some in groupby(holes, key=lambda hole: hole.frame // PLANE_FRAMES):
                part = list(some)
                motions = camera, self._follow_plane(part, camera, views, threads.map)
                found += threads.map(partial(self._find, motions=motions, views=views), part)
            smoothed = smooth_over_time([fill for fill, _ in found], threads.map)
        return [
            Borrowed(fill.picture / 255, fill.error / 255, distance)
            for fill, (_, distance) in zip(smoothed, found, strict=True)
        ]

    def _follow_plane(
        self,
        holes: Sequence[Hole],
        camera: Motions,
        views: _Views,
        run: Callable[..., Iterator[np.ndarray]],
    ) -> Motions:
        """How the picture around some holes moves, as a plane; the camera's motion where tracking fails."""
        middle = holes[len(holes) // 2]
        target = views.at(middle.frame, middle.box)
        points, back = find_points(target), np.linalg.inv(camera[middle.frame])
        most = self._options.max_distance
        frames = [f for f in camera if holes[0].frame - most <= f <= holes[-1].frame + most]

        def follow(frame: int) -> np.ndarray:
            motion = camera[frame] @ back
            if frame == middle.frame or not is_sane(motion, _corners(middle.box)):
                return motion
            box = _follow(middle.box, motion, views.size)
            guess = _translate(-box.x, -box.y) @ motion @ _translate(middle.box.x, middle.box.y)
            plane = find_plane(target, views.at(frame, box), points, guess)
            if plane is None:
                return motion
            whole: np.ndarray = _translate(box.x, box.y) @ plane @ _translate(-middle.box.x, -middle.box.y)
            return whole

        return dict(zip(frames, run(follow, frames), strict=True))

    def _find(self, hole: Hole, motions: tuple[Motions, ...], views: _Views) -> tuple[Filled, np.ndarray]:
        """What other frames show of a hole, and from how many frames away, (h, w) float32."""
        target = views.at(hole.frame, hole.box)
        backs = [np.linalg.inv(matrices[hole.frame]) for matrices in motions]
        sources = []
        for frame in _by_distance(hole.frame, motions[-1], self._options.max_distance):
            ways = [matrices[frame] @ back for matrices, back in zip(motions, backs, strict=True)]
            if ways := [way for way in ways if is_sane(way, _corners(hole.box))]:
                sources.append(_Source(frame, _follow(hole.box, ways[0], views.size), ways))
        chosen = _choose(hole, sources, views) if sources else []
        here = _translate(hole.box.x, hole.box.y)
        guesses = [[_translate(-s.box.x, -s.box.y) @ way @ here for way in s.motions] for s in chosen]
        found, origin = self._find_behind(
            target, [views.at(s.frame, s.box) for s in chosen], guesses, hole.mask
        )
        away = np.array([*(abs(s.frame - hole.frame) for s in chosen), 0], np.float32)
        is_found = hole.mask & found.covered
        picture = np.where(is_found[..., None], found.picture, target.picture).astype(np.float32)
        return Filled(hole.frame, picture, hole.mask, target.known, found.error), away[origin]

    def _find_behind(
        self, target: View, sources: list[View], guesses: list[list[np.ndarray]], hole: np.ndarray
    ) -> tuple[Background, np.ndarray]:
        """`find_behind` on the device, if there is one and it does not fail, else by OpenCV."""
        if self._device_scorer is not None:
            try:
                return find_behind(target, sources, guesses, hole, self._device_scorer)
            except RuntimeError as error:  # the next target may fit again
                if not self._has_warned:
                    self._has_warned = True
                    log.warning("borrowing goes on without the device where that fails: %s", error)
        return find_behind(target, sources, guesses, hole, scoring)


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """A frame that may be borrowed from."""

    frame: int
    box: Box
    """Where the camera has taken the hole's box, as far as the picture goes."""
    motions: list[np.ndarray]
    """(3, 3) each, from places of the hole's frame to those of this one; the camera's comes first."""


class _Views:
    """Crops of the footage as views; the latest are kept, for the targets that follow."""

    def __init__(self, footage: Footage, most_bytes: int) -> None:
        self.size = footage.size
        self._footage = footage
        self._unknown: dict[int, np.ndarray | None] = {}
        self._views: LruCache[View] = LruCache(most_bytes, lambda view: VIEW_BYTES * view.known.size)

    def at(self, frame: int, box: Box) -> View:
        """A frame's crop; what is in or near holes is unknown."""
        return self._views.get((frame, box), lambda: self._make(frame, box))

    def _make(self, frame: int, box: Box) -> View:
        unknown = self.unknown(frame)
        known = np.ones((box.height, box.width), bool) if unknown is None else ~unknown[box.slices]
        return View(cv2.convertScaleAbs(self._footage.crop(frame, box), alpha=255), known)

    def unknown(self, frame: int) -> np.ndarray | None:
        """(H, W) bool, True in and near holes; None where there is none."""
        if frame not in self._unknown:
            mask = self._footage.mask(frame)
            kernel = np.ones((2 * RIM_PX + 1, 2 * RIM_PX + 1), np.uint8)
            self._unknown[frame] = None if mask is None else cv2.dilate(mask.astype(np.uint8), kernel) > 0
        return self._unknown[frame]


def _by_distance(frame: int, frames: Iterable[int], most: int) -> list[int]:
    """The other frames up to so many frames away, the nearest first."""
    return sorted((f for f in frames if 0 < abs(f - frame) <= most), key=lambda f: abs(f - frame))


def _follow(box: Box, motion: np.ndarray, size: tuple[int, int]) -> Box:
    """A box moved with its centre by multiples of `SHIFT_PX`, and kept inside a picture of this size."""
    x, y = box.x + box.width / 2, box.y + box.height / 2
    moved_x, moved_y, depth = (motion @ (x, y, 1)).tolist()
    dx, dy = (round(d / SHIFT_PX) * SHIFT_PX for d in (moved_x / depth - x, moved_y / depth - y))
    return box.shift(min(max(dx, -box.x), size[0] - box.right), min(max(dy, -box.y), size[1] - box.bottom))


def _corners(box: Box) -> np.ndarray:
    """(2, 2), x and y of two opposite corners."""
    return np.array([[box.x, box.y], [box.right, box.bottom]], np.float64)


def _translate(dx: float, dy: float) -> np.ndarray:
    return np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1.0]])


def _choose(hole: Hole, sources: list[_Source], views: _Views) -> list[_Source]:
    """The sources that together show the hole best: often everywhere, from near, and from many times.

    Those on the lattice of `_step` come first: they are spread over time, and neighbouring targets share
    them, so that the fill changes little from frame to frame; where too few are on it, others are added.
    Each is chosen for what it adds where the sources before it show little.
    See docs/measurements.md, "fill/borrow: lattice".
    """
    y, x = np.nonzero(hole.mask)
    some = np.linspace(0, len(x) - 1, min(len(x), SAMPLE_COUNT)).round().astype(int)
    places = np.stack([x[some] + hole.box.x, y[some] + hole.box.y, np.ones(len(some))])  # (3, n)
    away = np.array([abs(s.frame - hole.frame) for s in sources])
    shows = np.stack([_shows(s, places, views.unknown(s.frame)) for s in sources])
    gain = shows.astype(np.float32) / np.sqrt(away + 4, dtype=np.float32)[:, None]
    on_lattice = np.array([s.frame % _step(int(d)) == 0 for s, d in zip(sources, away, strict=True)])
    chosen = [int(i) for i in np.flatnonzero(away <= NEAR)]
    count = 0.5 + (gain[chosen] > 0).sum(axis=0)
    for allowed, most in ((on_lattice, LATTICE_SOURCES), (True, MOST_SOURCES)):
        while len(chosen) < most:
            gains = np.where(allowed, (gain / count**2).mean(axis=1), 0)
            gains[chosen] = 0
            best = int(gains.argmax())
            if gains[best] <= LEAST_GAIN:
                break
            chosen.append(best)
            count += gain[best] > 0
    return [sources[i] for i in sorted(chosen)]


def _step(away: int) -> int:
    """Frames between the sources of the lattice: 1, from 8 frames away on 2, from 16 on 4, and so on."""
    return 1 << max(0, (away // 4).bit_length() - 1)


def _shows(source: _Source, places: np.ndarray, unknown: np.ndarray | None) -> np.ndarray:
    """(n,) bool: which of the target's places, (3, n), a source shows, outside of its own holes."""
    x, y, depth = source.motions[0] @ places
    x, y = np.rint(x / depth).astype(int), np.rint(y / depth).astype(int)
    box = source.box
    shows: np.ndarray = (x >= box.x) & (y >= box.y) & (x < box.right) & (y < box.bottom)
    if unknown is not None:
        shows[shows] = ~unknown[y[shows], x[shows]]
    return shows

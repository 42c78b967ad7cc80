"""Borrows real pixels for a hole: what other frames of the shot show where a subtitle stands.

Works on plain arrays. Where frames come from is up to the caller (render/footage.py); warping and scoring are
done in motion/.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import groupby
from typing import Any

import cv2
import numpy as np

from subremover.fill.holes import Hole
from subremover.fill.membrane import REACH_PX, join
from subremover.fill.sources import Source, by_distance, choose, follow_box, shift_px
from subremover.fill.temporal_smoothing import Filled, smooth_over_time
from subremover.fill.views import VIEWS_BYTES, Footage, Views
from subremover.geometry import Box
from subremover.motion import scoring
from subremover.motion.align import View, find_plane, find_points
from subremover.motion.background import Background, Neighbour, carry, find_behind, find_standing
from subremover.motion.camera import Camera
from subremover.motion.points import is_sane
from subremover.motion.scoring import Backend
from subremover.options import BorrowOptions
from subremover.runtime.cpu import count_cores, one_opencv_thread
from subremover.runtime.device_errors import explain_failure, is_out_of_memory
from subremover.runtime.profile import note

log = logging.getLogger(__name__)

PLANE_FRAMES = 16
"""Number of neighbouring frames that share one tracking of the plane around a hole, that of their middle one.
See docs/measurements.md, "fill/borrow: planes"."""
KEY_FRAMES = 4
"""One frame of so many is searched for; the others take what is found there, carried along.
See docs/measurements.md, "fill/borrow: searches"."""
MOST_LOST, MOST_ADDED_ERROR = 0.005, 1.0
"""What is carried to a frame must show all of the hole but this share, and be expected to be off by no
more than so many levels more; else that frame is searched for as well."""
MOVING_SHARE = 0.02
"""The film counts as moving from this share of the picture's shorter side on. Lettering that stays on a film
that does is laid over it; on one that does not, it may as well be a sign.
See docs/measurements.md, "fill/borrow: lettering that stays"."""
_REACH = np.ones((2 * REACH_PX + 1, 2 * REACH_PX + 1), np.uint8)
Motions = dict[int, np.ndarray]
"""For each frame a (3, 3) matrix from (x, y, 1) in px of one common frame to that frame's."""


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
        self._place = device or "CPU"
        self._camera = Camera()
        self._device_scorer: Backend[Any] | None = None
        self._is_short = False  # of memory, on the device
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
        note("borrow", self._place)
        camera = self._camera.locate(footage.frames, lambda f: (footage.luma(f), footage.mask(f)))
        samples = [(hole.frame, hole.box) for hole in (holes[0], holes[len(holes) // 2], holes[-1])]
        views = Views(footage, self._views_bytes, samples)
        with one_opencv_thread(), ThreadPoolExecutor(min(len(holes), count_cores())) as threads:
            found: list[tuple[Filled, np.ndarray]] = []
            last: Future[_Film] | None = None
            for _, some in groupby(holes, key=lambda hole: hole.frame // PLANE_FRAMES):
                part = list(some)
                scene = _Scene(views, camera, _follow_plane(part, camera, views))
                keys = [
                    part[min(n + KEY_FRAMES // 2, len(part) - 1)] for n in range(0, len(part), KEY_FRAMES)
                ]
                films: dict[int, Future[_Film]] = {}
                for hole in keys:
                    films[hole.frame] = last = threads.submit(self._search, hole, scene, last)
                done = {frame: film.result() for frame, film in films.items()}
                found += threads.map(partial(self._find, scene=scene, keys=done), part)
            smoothed = smooth_over_time([fill for fill, _ in found], threads.map)
        if self._is_short:
            note("borrow", f"CPU, where {self._place} has too little memory", logging.WARNING)
        return [
            Borrowed(fill.picture / 255, fill.error / 255, distance)
            for fill, (_, distance) in zip(smoothed, found, strict=True)
        ]

    def _find(self, hole: Hole, scene: _Scene, keys: dict[int, _Film]) -> tuple[Filled, np.ndarray]:
        """What other frames show of a hole, and from how many frames away, (h, w) float32.

        The film is taken from the film alone, and lettering that stays, which the hole may cut into, from the
        same lettering. See docs/measurements.md, "fill/borrow: searches".

        Args:
            hole: To be filled.
            scene: What is around it.
            keys: By frame index the film behind those neighbouring holes that have been searched.
        """
        views = scene.views
        film = keys.get(hole.frame) or self._carry(hole, scene, keys) or self._search(hole, scene)
        found, distance = film.background, film.distance
        target = views.at(hole.frame, hole.box)
        frames = by_distance(hole.frame, scene.camera, self._options.max_distance)
        lettering = views.lettering(hole.frame, hole.box, hole.frame)
        hidden = hole.mask & np.logical_or.reduce(
            [lettering, *(views.lettering(frame, hole.box, hole.frame) for frame in frames)]
        )
        if hidden.any():
            sources = self._follow_camera(hole, frames, scene)
            laid, away = self._find_lettering(replace(hole, mask=hidden), frames, sources, scene)
            found, distance = _lay(laid, found), np.where(laid.covered, away, distance)
            lettering |= laid.covered
        is_found = hole.mask & found.covered
        picture = np.where(is_found[..., None], found.picture, target.picture).astype(np.float32)
        distance = np.where(is_found, distance, np.float32(0))
        return Filled(hole.frame, picture, hole.mask, target.known, found.error, lettering), distance

    def _search(self, hole: Hole, scene: _Scene, last: Future[_Film] | None = None) -> _Film:
        """The film behind a hole, from all frames around it, and from the one that was last searched for."""
        target = scene.views.at(hole.frame, hole.box)
        frames = by_distance(hole.frame, scene.camera, self._options.max_distance)

        def before() -> _Film | None:
            return last.result() if last else None

        found, distance = self._find_among(
            hole,
            self._follow_camera(hole, frames, scene),
            scene,
            (scene.views.at, scene.views.unknown),
            before,
        )
        return _Film(hole, *_join(found, target), distance)

    def _carry(self, hole: Hole, scene: _Scene, keys: dict[int, _Film]) -> _Film | None:
        """The film behind a hole, carried there from behind the holes nearby.

        Args:
            hole: To be filled.
            scene: What is around it.
            keys: See `_find`.

        Returns:
            The film; None where it fits worse than behind those, or shows less.
        """
        near = sorted(keys.values(), key=lambda film: abs(film.hole.frame - hole.frame))[:2]
        near = [film for film in near if abs(film.hole.frame - hole.frame) < KEY_FRAMES]
        if not near:
            return None
        target, place = scene.views.at(hole.frame, hole.box), _reach(hole)
        filled = [scene.neighbour(hole, film.hole.frame, film.view) for film in near]
        found, _ = self._on_device(partial(carry, target, filled, place))
        error = np.max([film.background.error for film in near], axis=0)
        shown, was_shown = hole.mask & found.covered, hole.mask & np.isfinite(error)
        if np.count_nonzero(was_shown) - np.count_nonzero(shown) > MOST_LOST * np.count_nonzero(hole.mask):
            return None
        if was_shown.any() and _rms(found.error[shown]) > _rms(error[was_shown]) + MOST_ADDED_ERROR:
            return None
        error = np.where(found.covered & np.isfinite(error), np.maximum(found.error, error), found.error)
        away = near[0].distance + abs(near[0].hole.frame - hole.frame)
        return _Film(hole, *_join(replace(found, error=error), target), away)

    def _follow_camera(self, hole: Hole, frames: list[int], scene: _Scene) -> list[Source]:
        """Where the camera has taken a hole's box in some frames, as far as that can be."""
        back, corners = np.linalg.inv(scene.camera[hole.frame]), _corners(hole.box)
        moved = ((frame, scene.camera[frame] @ back) for frame in frames)
        return [
            Source(frame, follow_box(hole.box, motion, scene.views.size), motion)
            for frame, motion in moved
            if is_sane(motion, corners)
        ]

    def _find_lettering(
        self, hole: Hole, frames: list[int], sources: list[Source], scene: _Scene
    ) -> tuple[Background, np.ndarray]:
        """What other frames show of lettering that stays; like `_find_among`, but covers the hole alone.

        It is taken as it stands. What of it does not stand is film that shows between the letters, if the
        film moves; otherwise it may be a sign that sways with a hand, or that the light changes on.
        """
        views = scene.views
        at = partial(views.at, target=hole.frame)
        unknown = partial(views.unknown, target=hole.frame)
        place = hole.mask | views.lettering(hole.frame, hole.box, hole.frame)
        chosen = choose(hole, [Source(frame, hole.box, np.eye(3)) for frame in frames], unknown)
        found, origin = find_standing(
            at(hole.frame, hole.box), [at(source.frame, hole.box) for source in chosen], place
        )
        distance = np.array([*(abs(s.frame - hole.frame) for s in chosen), 0], np.float32)[origin]
        shift = np.median([shift_px(hole.box, s.motion) for s in sources] or [np.inf])
        if shift <= MOVING_SHARE * min(views.size) and not found.covered[hole.mask].all():
            moved, away = self._find_among(hole, sources, scene, (at, unknown))
            found, distance = _lay(found, moved), np.where(found.covered, distance, away)
        return replace(found, covered=found.covered & hole.mask), distance

    def _find_among(
        self,
        hole: Hole,
        sources: list[Source],
        scene: _Scene,
        shown: tuple[Callable[[int, Box], View], Callable[[int], np.ndarray | None]],
        before: Callable[[], _Film | None] = lambda: None,
    ) -> tuple[Background, np.ndarray]:
        """What some frames show in and near a hole, and from how many frames away, (h, w) float32.

        Args:
            hole: To be filled.
            sources: These frames, the nearest first.
            scene: How they move.
            shown: What gives views of them, and of the hole's own frame; and what gives (H, W) bool, True on
                what these do not know, or None where they know all.
            before: Gives the film behind an earlier hole, if there is any, when all else has been scored.
        """
        at, unknown = shown
        chosen = choose(hole, sources, unknown)
        neighbours = [scene.neighbour(hole, s.frame, at(s.frame, s.box), s.box) for s in chosen]
        distances = np.array([*(abs(s.frame - hole.frame) for s in chosen), 0, 0], np.float32)

        def filled() -> Neighbour | None:
            film = before()
            if film is None:
                return None
            distances[len(chosen)] = abs(film.hole.frame - hole.frame)
            return scene.neighbour(hole, film.hole.frame, film.view)

        target, place = at(hole.frame, hole.box), _reach(hole)
        found, origin = self._on_device(partial(find_behind, target, neighbours, place, before=filled))
        return found, distances[origin]

    def _on_device(self, find: Callable[..., tuple[Background, np.ndarray]]) -> tuple[Background, np.ndarray]:
        """`find_behind` or `carry` on the device, if there is one and its memory suffices, else by OpenCV."""
        if self._device_scorer is not None:
            try:
                return find(backend=self._device_scorer)
            except RuntimeError as error:  # the next target may fit again
                if not is_out_of_memory(error):
                    raise explain_failure(error, self._place, "borrowing") from None
                if not self._is_short:
                    log.info("borrowing on the CPU: %s", str(error).partition("\n")[0])
                self._is_short = True
        return find(backend=scoring)


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """The footage around some neighbouring holes, and how it moves."""

    views: Views
    camera: Motions
    """Of the whole picture."""
    plane: Callable[[int], np.ndarray]
    """The same by frame index for the plane around the holes; followed when first asked for."""

    def neighbour(self, hole: Hole, frame: int, view: View, box: Box | None = None) -> Neighbour:
        """A frame's view with how the camera, and the plane, may have moved there from a hole's.

        Args:
            hole: The target's.
            frame: Index of the neighbour.
            view: What it shows.
            box: Where its crop lies; None: where the hole's does.
        """
        corners, box = _corners(hole.box), box or hole.box
        camera, plane = (
            motion(frame) @ np.linalg.inv(motion(hole.frame))
            for motion in (self.camera.__getitem__, self.plane)
        )
        here, there = _translate(hole.box.x, hole.box.y), _translate(-box.x, -box.y)
        motions = camera, plane if is_sane(plane, corners) else camera
        return Neighbour(view, [there @ motion @ here for motion in motions])


@dataclass(frozen=True, slots=True, eq=False)
class _Film:
    """The film behind one hole, without lettering that stays."""

    hole: Hole
    background: Background
    view: View
    """The crop, filled: what the background covers is known."""
    distance: np.ndarray
    """(h, w) float32: from how many frames away most of a pixel was borrowed."""


def _follow_plane(holes: Sequence[Hole], camera: Motions, views: Views) -> Callable[[int], np.ndarray]:
    """How the picture around some holes moves, as a plane; the camera's motion where tracking fails.

    Args:
        holes: Neighbours, whose middle one is followed.
        camera: How the whole picture moves.
        views: Of the footage.

    Returns:
        A function from a frame's index to a (3, 3) matrix, from places of the middle hole's frame.
    """
    middle = holes[len(holes) // 2]
    target = views.at(middle.frame, middle.box)
    points, back = find_points(target), np.linalg.inv(camera[middle.frame])

    @cache
    def follow(frame: int) -> np.ndarray:
        motion = camera[frame] @ back
        if frame == middle.frame or not is_sane(motion, _corners(middle.box)):
            return motion
        box = follow_box(middle.box, motion, views.size)
        guess = _translate(-box.x, -box.y) @ motion @ _translate(middle.box.x, middle.box.y)
        plane = find_plane(target, views.at(frame, box), points, guess)
        if plane is None:
            return motion
        whole: np.ndarray = _translate(box.x, box.y) @ plane @ _translate(-middle.box.x, -middle.box.y)
        return whole

    return follow


def _lay(one: Background, other: Background) -> Background:
    """One background laid over another, where it covers anything."""
    covers = one.covered
    return Background(
        np.where(covers[..., None], one.picture, other.picture),
        np.where(covers, one.error, other.error),
        covers | other.covered,
    )


def _join(found: Background, target: View) -> tuple[Background, View]:
    """A background joined to its surroundings, and the target's view with its unknown pixels filled by it."""
    found = replace(found, picture=join(found.picture, target.picture, found.covered, target.known))
    laid = found.covered & ~target.known
    filled = np.where(laid[..., None], found.picture, target.picture)
    return found, View(cv2.convertScaleAbs(filled), target.known | laid)


def _reach(hole: Hole) -> np.ndarray:
    """(h, w) bool: a hole, and what around it is held against the target."""
    return cv2.dilate(hole.mask.astype(np.uint8), _REACH) > 0


def _rms(values: np.ndarray) -> float:
    """The root of the mean square; 0 of no values."""
    return float(np.sqrt(np.square(values).sum() / max(1, values.size)))


def _corners(box: Box) -> np.ndarray:
    """(2, 2), x and y of two opposite corners."""
    return np.array([[box.x, box.y], [box.right, box.bottom]], np.float64)


def _translate(dx: float, dy: float) -> np.ndarray:
    return np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1.0]])

"""Borrows real pixels for a hole: what other frames of the shot show where a subtitle stands.

Works on plain arrays. Where frames come from is up to the caller (render/footage.py); warping and scoring are
done in motion/.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import groupby
from typing import Any

import cv2
import numpy as np

from subremover.fill.holes import Hole
from subremover.fill.membrane import REACH_PX, join
from subremover.fill.sources import (
    Source,
    by_distance,
    choose,
    follow_box,
    shift_px,
)
from subremover.fill.temporal_smoothing import Filled, smooth_over_time
from subremover.fill.views import VIEWS_BYTES, Footage, Views
from subremover.geometry import Box
from subremover.motion import scoring
from subremover.motion.align import View, find_plane, find_points
from subremover.motion.background import Background, find_behind, find_standing
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
        views = Views(footage, self._views_bytes)
        with one_opencv_thread(), ThreadPoolExecutor(min(len(holes), count_cores())) as threads:
            found: list[tuple[Filled, np.ndarray]] = []
            for _, some in groupby(holes, key=lambda hole: hole.frame // PLANE_FRAMES):
                part = list(some)
                scene = _Scene(views, camera, _follow_plane(part, camera, views))
                found += threads.map(partial(self._find, scene=scene), part)
            smoothed = smooth_over_time([fill for fill, _ in found], threads.map)
        if self._is_short:
            note("borrow", f"CPU, where {self._place} has too little memory", logging.WARNING)
        return [
            Borrowed(fill.picture / 255, fill.error / 255, distance)
            for fill, (_, distance) in zip(smoothed, found, strict=True)
        ]

    def _list_sources(self, hole: Hole, scene: _Scene) -> list[Source]:
        """Where the camera has taken a hole's box in the other frames, the nearest first."""
        back, corners = np.linalg.inv(scene.camera[hole.frame]), _corners(hole.box)
        frames = by_distance(hole.frame, scene.camera, self._options.max_distance)
        moved = ((frame, scene.camera[frame] @ back) for frame in frames)
        return [
            Source(frame, follow_box(hole.box, motion, scene.views.size), motion)
            for frame, motion in moved
            if is_sane(motion, corners)
        ]

    def _find(self, hole: Hole, scene: _Scene) -> tuple[Filled, np.ndarray]:
        """What other frames show of a hole, and from how many frames away, (h, w) float32.

        The film is taken from the film alone, and lettering that stays, which the hole may cut into, from the
        same lettering. See docs/measurements.md, "fill/borrow: searches".
        """
        views = scene.views
        target = views.at(hole.frame, hole.box)
        sources = self._list_sources(hole, scene)
        found, distance = self._find_among(hole, sources, scene, (views.at, views.unknown))
        found = replace(found, picture=join(found.picture, target.picture, found.covered, target.known))
        frames = by_distance(hole.frame, scene.camera, self._options.max_distance)
        lettering = views.lettering(hole.frame, hole.box, hole.frame)
        hidden = hole.mask & np.logical_or.reduce(
            [lettering, *(views.lettering(frame, hole.box, hole.frame) for frame in frames)]
        )
        if hidden.any():
            laid, away = self._find_lettering(replace(hole, mask=hidden), frames, sources, scene)
            found, distance = _lay(laid, found), np.where(laid.covered, away, distance)
            lettering |= laid.covered
        is_found = hole.mask & found.covered
        picture = np.where(is_found[..., None], found.picture, target.picture).astype(np.float32)
        distance = np.where(is_found, distance, np.float32(0))
        return Filled(hole.frame, picture, hole.mask, target.known, found.error, lettering), distance

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
        distance = _distances(hole, chosen)[origin]
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
    ) -> tuple[Background, np.ndarray]:
        """What some frames show in and near a hole, and from how many frames away, (h, w) float32.

        Args:
            hole: To be filled.
            sources: These frames, the nearest first.
            scene: How they move.
            shown: What gives views of them, and of the hole's own frame; and what gives (H, W) bool, True on
                what these do not know, or None where they know all.
        """
        at, unknown = shown
        chosen = choose(hole, sources, unknown)
        here = _translate(hole.box.x, hole.box.y)
        back = np.linalg.inv(scene.plane(hole.frame))
        guesses = []
        for s in chosen:
            motion = scene.plane(s.frame) @ back
            motions = s.motion, motion if is_sane(motion, _corners(hole.box)) else s.motion
            guesses.append([_translate(-s.box.x, -s.box.y) @ motion @ here for motion in motions])
        reach = cv2.dilate(hole.mask.astype(np.uint8), _REACH) > 0
        views = at(hole.frame, hole.box), [at(s.frame, s.box) for s in chosen]
        found, origin = self._find_behind(*views, guesses, reach)
        return found, _distances(hole, chosen)[origin]

    def _find_behind(
        self,
        target: View,
        sources: list[View],
        guesses: list[list[np.ndarray]],
        hole: np.ndarray,
    ) -> tuple[Background, np.ndarray]:
        """`find_behind` on the device, if there is one and its memory suffices, else by OpenCV."""
        if self._device_scorer is not None:
            try:
                return find_behind(target, sources, guesses, hole, self._device_scorer)
            except RuntimeError as error:  # the next target may fit again
                if not is_out_of_memory(error):
                    raise explain_failure(error, self._place, "borrowing") from None
                if not self._is_short:
                    log.info("borrowing on the CPU: %s", str(error).partition("\n")[0])
                self._is_short = True
        return find_behind(target, sources, guesses, hole, scoring)


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """The footage around some neighbouring holes, and how it moves."""

    views: Views
    camera: Motions
    """Of the whole picture."""
    plane: Callable[[int], np.ndarray]
    """The same by frame index for the plane around the holes; followed when first asked for."""


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


def _distances(hole: Hole, sources: list[Source]) -> np.ndarray:
    """(n + 1,) float32: how many frames away each source is; the last is 0, for none of them."""
    return np.array([*(abs(s.frame - hole.frame) for s in sources), 0], np.float32)


def _corners(box: Box) -> np.ndarray:
    """(2, 2), x and y of two opposite corners."""
    return np.array([[box.x, box.y], [box.right, box.bottom]], np.float64)


def _translate(dx: float, dy: float) -> np.ndarray:
    return np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1.0]])

"""Finds the film behind a hole: by a search among many frames, or carried from holes that have been searched.

What frames show, and how they move, is told by `scene`; the warps are made, scored and averaged in motion/.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import cv2
import numpy as np

from subremover.fill.holes import Hole
from subremover.fill.membrane import REACH_PX, join
from subremover.fill.scene import Scene
from subremover.fill.sources import Source, by_distance, choose
from subremover.geometry import Box
from subremover.motion import scoring
from subremover.motion.align import View
from subremover.motion.background import Background, Neighbour, carry, find_behind
from subremover.motion.scoring import Backend
from subremover.runtime.device_errors import explain_failure, is_out_of_memory

log = logging.getLogger(__name__)

KEY_FRAMES = 4
"""One frame of so many is searched for; the others take what is found there, carried along.
See docs/measurements.md, "fill/search: searches"."""
CARRIED_SOURCES = 8
"""Most frames asked, besides the carried fills, for what these were borrowed from: warped but once, it is
sharper. See docs/measurements.md, "fill/search: searches"."""
MOST_LOST, MOST_ADDED_ERROR = 0.005, 1.0
"""What is carried to a frame must show all of the hole but this share, and be expected to be off by no
more than so many levels more; else that frame is searched for as well."""
_REACH = np.ones((2 * REACH_PX + 1, 2 * REACH_PX + 1), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class HiddenFilm:
    """The film behind one hole, without lettering that stays."""

    hole: Hole
    background: Background
    view: View
    """The crop, filled: what the background covers is known."""
    origin: np.ndarray
    """(h, w) int32: index of the frame that most of a pixel was borrowed from; the hole's own where nothing
    was."""


class Searcher:
    """Finds the film behind holes, on a device if there is one."""

    def __init__(self, max_distance: int, device: str | None) -> None:
        """Prepare.

        Args:
            max_distance: How many frames away sources may be.
            device: Name of a torch device to score warps on; None: by OpenCV, which is faster on a CPU.
        """
        self._max_distance, self.place, self.is_short = max_distance, device or "CPU", False
        self._device_scorer: Backend[Any] | None = None
        if device is not None:
            from subremover.motion.scoring_device import DeviceScorer

            self._device_scorer = DeviceScorer(device)

    def search(self, hole: Hole, scene: Scene, last: Future[HiddenFilm] | None = None) -> HiddenFilm:
        """The film behind a hole, from all frames around it, and from the one that was last searched for."""
        target = scene.views.at(hole.frame, hole.box)
        sources = scene.sources(hole, by_distance(hole.frame, scene.camera, self._max_distance))
        shown = scene.views.at, scene.views.unknown
        found, origin = self.find_among(hole, sources, scene, shown, last)
        return HiddenFilm(hole, *_join(found, target), origin)

    def carry(self, hole: Hole, scene: Scene, keys: Mapping[int, HiddenFilm]) -> HiddenFilm | None:
        """The film behind a hole, carried there from behind the holes nearby.

        Args:
            hole: To be filled.
            scene: What is around it.
            keys: By frame index the film behind those neighbouring holes that have been searched.

        Returns:
            The film; None where it fits worse than behind those, or shows less.
        """
        near = sorted(keys.values(), key=lambda film: abs(film.hole.frame - hole.frame))[:2]
        near = [film for film in near if abs(film.hole.frame - hole.frame) < KEY_FRAMES]
        if not near:
            return None
        target, place = scene.views.at(hole.frame, hole.box), _reach(hole)
        filled = [scene.neighbour(hole, film.hole.frame, film.view) for film in near]
        used = by_distance(hole.frame, scene.camera.keys() & _most_used(near), self._max_distance)
        shown = [
            scene.neighbour(hole, source.frame, scene.views.at(source.frame, source.box), source.box)
            for source in scene.sources(hole, used)
        ]
        found, _ = self._on_device(partial(carry, target, filled, shown, place))
        error = np.max([film.background.error for film in near], axis=0)
        covered, was_covered = hole.mask & found.covered, hole.mask & np.isfinite(error)
        lost = np.count_nonzero(was_covered) - np.count_nonzero(covered)
        if lost > MOST_LOST * np.count_nonzero(hole.mask):
            return None
        if was_covered.any() and _rms(found.error[covered]) > _rms(error[was_covered]) + MOST_ADDED_ERROR:
            return None
        error = np.where(found.covered & np.isfinite(error), np.maximum(found.error, error), found.error)
        return HiddenFilm(hole, *_join(replace(found, error=error), target), near[0].origin)

    def find_among(
        self,
        hole: Hole,
        sources: list[Source],
        scene: Scene,
        shown: tuple[Callable[[int, Box], View], Callable[[int], np.ndarray | None]],
        last: Future[HiddenFilm] | None = None,
    ) -> tuple[Background, np.ndarray]:
        """What some frames show in and near a hole, and which of them most of a pixel is from.

        Args:
            hole: To be filled.
            sources: These frames, the nearest first.
            scene: How they move.
            shown: What gives views of them, and of the hole's own frame; and what gives (H, W) bool, True on
                what these do not know, or None where they know all.
            last: The film behind an earlier hole, if there is any; awaited when all else has been scored.

        Returns:
            The background, and the origin of its pixels, see `HiddenFilm`.
        """
        at, unknown = shown
        chosen = choose(hole, sources, unknown)
        neighbours = [scene.neighbour(hole, s.frame, at(s.frame, s.box), s.box) for s in chosen]
        frames = np.array([*(s.frame for s in chosen), hole.frame, hole.frame], np.int32)

        def before() -> Neighbour | None:
            if last is None:
                return None
            film = last.result()
            frames[len(chosen)] = film.hole.frame
            return scene.neighbour(hole, film.hole.frame, film.view)

        target, place = at(hole.frame, hole.box), _reach(hole)
        found, number = self._on_device(partial(find_behind, target, neighbours, place, before=before))
        return found, frames[number]

    def _on_device(self, find: Callable[..., tuple[Background, np.ndarray]]) -> tuple[Background, np.ndarray]:
        """`find_behind` or `carry` on the device, if there is one and its memory suffices, else by OpenCV."""
        if self._device_scorer is not None:
            try:
                return find(backend=self._device_scorer)
            except RuntimeError as error:  # the next target may fit again
                if not is_out_of_memory(error):
                    raise explain_failure(error, self.place, "borrowing") from None
                if not self.is_short:
                    log.info("borrowing on the CPU: %s", str(error).partition("\n")[0])
                self.is_short = True
        return find(backend=scoring)


def _join(found: Background, target: View) -> tuple[Background, View]:
    """A background joined to its surroundings, and the target's view with its unknown pixels filled by it."""
    found = replace(found, picture=join(found.picture, target.picture, found.covered, target.known))
    laid = found.covered & ~target.known
    filled = np.where(laid[..., None], found.picture, target.picture)
    return found, View(cv2.convertScaleAbs(filled), target.known | laid)


def _most_used(films: Sequence[HiddenFilm]) -> set[int]:
    """The frames that most of some holes was borrowed from."""
    origins = [film.origin[film.hole.mask & (film.origin != film.hole.frame)] for film in films]
    frames, counts = np.unique(np.concatenate(origins), return_counts=True)
    return set(frames[np.argsort(-counts, kind="stable")[:CARRIED_SOURCES]].tolist())


def _reach(hole: Hole) -> np.ndarray:
    """(h, w) bool: a hole, and what around it is held against the target."""
    return cv2.dilate(hole.mask.astype(np.uint8), _REACH) > 0


def _rms(values: np.ndarray) -> float:
    """The root of the mean square; 0 of no values."""
    return float(np.sqrt(np.square(values).sum() / max(1, values.size)))

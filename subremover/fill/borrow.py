"""Borrows real pixels for a hole: what other frames of the shot show where a subtitle stands.

Works on plain arrays. Where frames come from is up to the caller (render/footage.py); warping and scoring are
done in motion/.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

import numpy as np

from subremover.fill.holes import Hole
from subremover.fill.scene import Scene, follow_plane
from subremover.fill.search import KEY_FRAMES, HiddenFilm, Searcher
from subremover.fill.sources import Source, by_distance, choose, shift_px
from subremover.fill.temporal_smoothing import Filled, smooth_over_time
from subremover.fill.views import VIEWS_BYTES, Footage, Views
from subremover.motion.background import Background, find_standing
from subremover.motion.camera import Camera
from subremover.options import BorrowOptions
from subremover.runtime.cpu import count_cores, one_opencv_thread
from subremover.runtime.profile import note

PLANE_FRAMES = 16
"""Number of neighbouring frames that share one tracking of the plane around a hole, that of their middle one.
See docs/measurements.md, "fill/borrow: planes"."""
MOVING_SHARE = 0.02
"""The film counts as moving from this share of the picture's shorter side on. Lettering that stays on a film
that does is laid over it; on one that does not, it may as well be a sign.
See docs/measurements.md, "fill/borrow: lettering that stays"."""


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
        self._searcher = Searcher(options.max_distance, device)
        self._camera = Camera()

    def borrow(self, holes: Sequence[Hole], footage: Footage) -> list[Borrowed]:
        """Borrow for these holes, and smooth what was found over time.

        Args:
            holes: Of one group, so of one box; in the order of their frames.
            footage: The frames of their shot, their own among them.

        Returns:
            For each hole what was borrowed.
        """
        note("borrow", self._searcher.place)
        camera = self._camera.locate(footage.frames, lambda f: (footage.luma(f), footage.mask(f)))
        samples = [(hole.frame, hole.box) for hole in (holes[0], holes[len(holes) // 2], holes[-1])]
        views = Views(footage, self._views_bytes, samples)
        with one_opencv_thread(), ThreadPoolExecutor(min(len(holes), count_cores())) as threads:
            found: list[tuple[Filled, np.ndarray]] = []
            last: Future[HiddenFilm] | None = None
            for _, some in groupby(holes, key=lambda hole: hole.frame // PLANE_FRAMES):
                part = list(some)
                scene = Scene(views, camera, follow_plane(part, camera, views))
                middles = (n + KEY_FRAMES // 2 for n in range(0, len(part), KEY_FRAMES))
                keys = [part[min(n, len(part) - 1)] for n in middles]
                films: dict[int, Future[HiddenFilm]] = {}
                for hole in keys:
                    films[hole.frame] = last = threads.submit(self._searcher.search, hole, scene, last)
                done = {frame: film.result() for frame, film in films.items()}
                found += threads.map(partial(self._find, scene=scene, keys=done), part)
            smoothed = smooth_over_time([fill for fill, _ in found], threads.map)
        if self._searcher.is_short:
            note("borrow", f"CPU, where {self._searcher.place} has too little memory", logging.WARNING)
        return [
            Borrowed(fill.picture / 255, fill.error / 255, distance)
            for fill, (_, distance) in zip(smoothed, found, strict=True)
        ]

    def _find(self, hole: Hole, scene: Scene, keys: dict[int, HiddenFilm]) -> tuple[Filled, np.ndarray]:
        """What other frames show of a hole, and from how many frames away, (h, w) float32.

        The film is taken from the film alone, and lettering that stays, which the hole may cut into, from the
        same lettering. See docs/measurements.md, "fill/search: searches".

        Args:
            hole: To be filled.
            scene: What is around it.
            keys: By frame index the film behind those neighbouring holes that have been searched.
        """
        views = scene.views
        film = (
            keys.get(hole.frame)
            or self._searcher.carry(hole, scene, keys)
            or self._searcher.search(hole, scene)
        )
        found, origin = film.background, film.origin
        target = views.at(hole.frame, hole.box)
        frames = by_distance(hole.frame, scene.camera, self._options.max_distance)
        lettering = views.lettering(hole.frame, hole.box, hole.frame)
        hidden = hole.mask & np.logical_or.reduce(
            [lettering, *(views.lettering(frame, hole.box, hole.frame) for frame in frames)]
        )
        if hidden.any():
            sources = scene.sources(hole, frames)
            laid, its_origin = self._find_lettering(replace(hole, mask=hidden), frames, sources, scene)
            found, origin = _lay(laid, found), np.where(laid.covered, its_origin, origin)
            lettering |= laid.covered
        is_found = hole.mask & found.covered
        picture = np.where(is_found[..., None], found.picture, target.picture).astype(np.float32)
        distance = np.where(is_found, np.abs(origin - hole.frame), 0).astype(np.float32)
        return Filled(hole.frame, picture, hole.mask, target.known, found.error, lettering), distance

    def _find_lettering(
        self, hole: Hole, frames: list[int], sources: list[Source], scene: Scene
    ) -> tuple[Background, np.ndarray]:
        """What other frames show of lettering that stays; like `find_among`, but covers the hole alone.

        It is taken as it stands. What of it does not stand is film that shows between the letters, if the
        film moves; otherwise it may be a sign that sways with a hand, or that the light changes on.
        """
        views = scene.views
        at = partial(views.at, target=hole.frame)
        unknown = partial(views.unknown, target=hole.frame)
        place = hole.mask | views.lettering(hole.frame, hole.box, hole.frame)
        chosen = choose(hole, [Source(frame, hole.box, np.eye(3)) for frame in frames], unknown)
        found, number = find_standing(
            at(hole.frame, hole.box), [at(source.frame, hole.box) for source in chosen], place
        )
        origin = np.array([*(s.frame for s in chosen), hole.frame], np.int32)[number]
        shift = np.median([shift_px(hole.box, s.motion) for s in sources] or [np.inf])
        if shift <= MOVING_SHARE * min(views.size) and not found.covered[hole.mask].all():
            moved, others = self._searcher.find_among(hole, sources, scene, (at, unknown))
            found, origin = _lay(found, moved), np.where(found.covered, origin, others)
        return replace(found, covered=found.covered & hole.mask), origin


def _lay(one: Background, other: Background) -> Background:
    """One background laid over another, where it covers anything."""
    covers = one.covered
    return Background(
        np.where(covers[..., None], one.picture, other.picture),
        np.where(covers, one.error, other.error),
        covers | other.covered,
    )

"""What other frames of the shot show where a subtitle stands: real pixels for the hole.

Plain arrays; where frames come from is the caller's business, how far to trust a warp motion/'s.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np

from subremover.cores import count_cores
from subremover.fill.holes import Hole
from subremover.fill.steady import Filled, steady
from subremover.geometry import Box
from subremover.motion import judge
from subremover.motion.align import View
from subremover.motion.background import Background, find_behind
from subremover.motion.camera import Camera
from subremover.motion.judge import Backend
from subremover.motion.points import is_sane
from subremover.options import BorrowOptions
from subremover.recent import Recent

log = logging.getLogger(__name__)

RIM_PX = 1
"""Around a hole, coding has smeared the subtitle: nothing is taken from there, nor judged by it. 3 px cost
0.3 to 1.8 dB on four clips, with the true mask as with our own: what lies between letters is worth more."""
SHIFT_PX = 8
"""Crops of a source lie this far apart, so that targets share them; the rest of the way is warped."""
NEAR = 2
"""Frames away: asked even if they seem to show nothing, for what moves behind the subtitle by itself."""
LATTICE_SOURCES, MOST_SOURCES = 14, 20
SAMPLE_COUNT = 400
"""Places of a hole that tell which sources to ask."""
LEAST_GAIN = 1e-4
VIEW_BYTES, VIEWS_BYTES = 6, 96 << 20
"""Of a pixel of a view, and of all that are kept."""


class Footage(Protocol):
    """The frames of one shot that are at hand, in the coded picture."""

    @property
    def frames(self) -> Sequence[int]:
        """Indices, ascending."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in px."""

    def luma(self, frame: int) -> np.ndarray:
        """(H, W) uint8 of the whole picture."""

    def crop(self, frame: int, box: Box) -> np.ndarray:
        """(h, w, 3) float32, RGB, nominally in [0, 1]."""

    def mask(self, frame: int) -> np.ndarray | None:
        """(H, W) bool, True in the holes; None where there is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Borrowed:
    """What other frames show of a hole."""

    picture: np.ndarray
    """(h, w, 3) float32, RGB in [0, 1]; of the hole's box, anything where nothing is borrowed."""
    error: np.ndarray
    """(h, w) float32, in [0, 1]: how far off the picture is to be expected; inf where nothing is borrowed."""
    distance: np.ndarray
    """(h, w) float32: from how many frames away most of it was borrowed; 0 where nothing is."""


class Borrower:
    """Borrows for the holes of a film, which come to it in order."""

    def __init__(self, options: BorrowOptions, device: str | None = None) -> None:
        """Be ready.

        Args:
            options: How far to borrow.
            device: Of torch, to judge warps on; None: by OpenCV, which is faster on a CPU.
        """
        self._options = options
        self._camera = Camera()
        self._device_judge: Backend[Any] | None = None
        self._has_warned = False
        if device is not None:
            from subremover.motion.judge_device import DeviceJudge

            self._device_judge = DeviceJudge(device)

    def borrow(self, holes: Sequence[Hole], footage: Footage) -> list[Borrowed]:
        """What fills these holes.

        Args:
            holes: Of one group: one box, in the order of their frames.
            footage: Of their shot; their own frames are in it.
        """
        matrices = self._camera.locate(footage.frames, lambda f: (footage.luma(f), footage.mask(f)))
        views = _Views(footage)
        with ThreadPoolExecutor(min(len(holes), count_cores())) as threads:
            found = list(threads.map(lambda hole: self._find(hole, matrices, views), holes))
            settled = steady([fill for fill, _ in found], threads.map)
        return [
            Borrowed(fill.picture / 255, fill.error / 255, distance)
            for fill, (_, distance) in zip(settled, found, strict=True)
        ]

    def _find(self, hole: Hole, matrices: dict[int, np.ndarray], views: _Views) -> tuple[Filled, np.ndarray]:
        target = views.at(hole.frame, hole.box)
        sources = []
        for frame in _by_distance(hole.frame, matrices, self._options.max_distance):
            motion = matrices[frame] @ np.linalg.inv(matrices[hole.frame])
            if is_sane(motion, _corners(hole.box)):
                sources.append(_Source(frame, *_follow_camera(hole.box, motion, views.size)))
        chosen = _choose(hole, sources, views) if sources else []
        found, origin = self._find_behind(
            target, [views.at(s.frame, s.box) for s in chosen], [s.guess for s in chosen], hole.mask
        )
        away = np.array([*(abs(s.frame - hole.frame) for s in chosen), 0], np.float32)
        is_found = hole.mask & found.covered
        picture = np.where(is_found[..., None], found.picture, target.picture).astype(np.float32)
        return Filled(hole.frame, picture, hole.mask, target.known, found.error), away[origin]

    def _find_behind(
        self, target: View, sources: list[View], guesses: list[np.ndarray], hole: np.ndarray
    ) -> tuple[Background, np.ndarray]:
        if self._device_judge is not None:
            try:
                return find_behind(target, sources, guesses, hole, self._device_judge)
            except RuntimeError as error:  # the next target may fit again
                if not self._has_warned:
                    self._has_warned = True
                    log.warning("borrowing goes on without the device where that fails: %s", error)
        return find_behind(target, sources, guesses, hole, judge)


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    frame: int
    box: Box
    """Where the camera has taken the hole's box, as far as the picture goes."""
    guess: np.ndarray
    """(3, 3) from places of the hole's box to those of this one."""


class _Views:
    """Crops of the footage as views; the latest are kept, for the targets that follow."""

    def __init__(self, footage: Footage) -> None:
        self.size = footage.size
        self._footage = footage
        self._unknown: dict[int, np.ndarray | None] = {}
        self._views: Recent[View] = Recent(VIEWS_BYTES, lambda view: VIEW_BYTES * view.known.size)

    def at(self, frame: int, box: Box) -> View:
        """A frame's crop; holes are unknown, and what is near them."""
        return self._views.get((frame, box), lambda: self._make(frame, box))

    def _make(self, frame: int, box: Box) -> View:
        return View(cv2.convertScaleAbs(self._footage.crop(frame, box), alpha=255), self.known(frame, box))

    def known(self, frame: int, box: Box) -> np.ndarray:
        """(h, w) bool."""
        if frame not in self._unknown:
            mask = self._footage.mask(frame)
            kernel = np.ones((2 * RIM_PX + 1, 2 * RIM_PX + 1), np.uint8)
            self._unknown[frame] = None if mask is None else cv2.dilate(mask.astype(np.uint8), kernel) > 0
        unknown = self._unknown[frame]
        return np.ones((box.height, box.width), bool) if unknown is None else ~unknown[box.slices]


def _by_distance(frame: int, frames: dict[int, np.ndarray], most: int) -> list[int]:
    return sorted((f for f in frames if 0 < abs(f - frame) <= most), key=lambda f: abs(f - frame))


def _follow_camera(box: Box, matrix: np.ndarray, size: tuple[int, int]) -> tuple[Box, np.ndarray]:
    """Where a box went, and the motion that is left from it to there."""
    centre = np.array([[[box.x + box.width / 2, box.y + box.height / 2]]])
    moved = cv2.perspectiveTransform(centre, matrix) - centre
    dx, dy = (round(float(d) / SHIFT_PX) * SHIFT_PX for d in moved[0, 0])
    dx = min(max(dx, -box.x), size[0] - box.right)
    dy = min(max(dy, -box.y), size[1] - box.bottom)
    there = box.shift(dx, dy)
    return there, _translate(-there.x, -there.y) @ matrix @ _translate(box.x, box.y)


def _corners(box: Box) -> np.ndarray:
    return np.array([[box.x, box.y], [box.right, box.bottom]], np.float64)


def _translate(dx: float, dy: float) -> np.ndarray:
    return np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1.0]])


def _choose(hole: Hole, sources: list[_Source], views: _Views) -> list[_Source]:
    """The sources that together show the hole best: often everywhere, from near, and from many times.

    Those on the lattice of `_step` come first: they are spread over time, and neighbouring targets share
    them, so that the fill changes little from frame to frame. On five clips that was worth 0.3 dB and a
    tenth of the flicker over the nearest ones alone; where only few are on it, others help.
    """
    y, x = np.nonzero(hole.mask)
    some = np.linspace(0, len(x) - 1, min(len(x), SAMPLE_COUNT)).round().astype(int)
    places = np.stack([x[some], y[some]], axis=-1)[:, None].astype(np.float64)
    away = np.array([abs(s.frame - hole.frame) for s in sources])
    gain = np.stack([_shows(s, places, views) for s in sources]) / np.sqrt(away + 4)[:, None]
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
    """Frames between the places of the lattice: 1, from 8 frames away on 2, from 16 on 4, and so on."""
    return 1 << max(0, (away // 4).bit_length() - 1)


def _shows(source: _Source, places: np.ndarray, views: _Views) -> np.ndarray:
    """(n,) bool: whether a source knows what is at the target's (n, 1, 2) places."""
    x, y = np.rint(cv2.perspectiveTransform(places, source.guess)[:, 0]).astype(int).T
    known = views.known(source.frame, source.box)
    height, width = known.shape
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    shows: np.ndarray = inside & known[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    return shows

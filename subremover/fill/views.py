"""A hole's footage as views: crops of frames, and which of their pixels are known.

What is laid over a film, removed or not, moves with no camera, so it is no source for the film. Where frames
come from is up to the caller (render/footage.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np

from subremover.fill.tint import clear_tint, is_tinted
from subremover.geometry import Box
from subremover.motion.align import View
from subremover.runtime.lru_cache import LruCache

RIM_PX = 1
"""Width of the rim around a hole, in px, where coding has smeared the subtitle: nothing is borrowed from
it or scored by it. See docs/measurements.md, "fill/views: rim"."""
VIEW_BYTES, VIEWS_BYTES = 6, 96 << 20
"""Memory of a view, a pixel; and most memory for the views that are kept."""


def count_view_bytes(sources: int, crop: int, share: float) -> float:
    """What the views of so many frames take, of crops of so many pixels, with a share of what they may."""
    return min(share * VIEWS_BYTES, sources * VIEW_BYTES * crop)


class Footage(Protocol):
    """The frames of one shot that are at hand, without black bars; see render/footage.py."""

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
        """(H, W) bool, True in the holes and on lettering that stays; None where there is neither."""

    def lettering(self, frame: int, target: int) -> np.ndarray | None:
        """(H, W) bool, True where a frame shows lettering that stays on it and on the target; None: nowhere.

        Frames that show the same lettering share one array.
        """


class Views:
    """Crops of the footage as views; the latest are kept, for the targets that follow."""

    def __init__(self, footage: Footage, most_bytes: int, holes: Sequence[tuple[int, Box]]) -> None:
        """Keep views of up to so many bytes.

        Args:
            footage: The frames.
            most_bytes: What views may take.
            holes: Frame index and box of some holes: whether their subtitle tints what is around it is told
                by these.
        """
        self.size = footage.size
        self._footage = footage
        self._unknown: dict[int, np.ndarray | None] = {}
        self._unknown_beside: dict[int, tuple[np.ndarray, np.ndarray]] = {}  # by id of the first, kept alive
        self._is_tinted = any(self._tints(frame, box) for frame, box in holes)
        self._views: LruCache[View] = LruCache(most_bytes, lambda view: VIEW_BYTES * view.known.size)

    def at(self, frame: int, box: Box, target: int | None = None) -> View:
        """A frame's crop; see `unknown`."""
        unknown = self.unknown(frame, target)
        is_film = unknown is self.unknown(frame)
        return self._views.get((frame, box, id(unknown)), lambda: self._make(frame, box, unknown, is_film))

    def unknown(self, frame: int, target: int | None = None) -> np.ndarray | None:
        """What a frame does not show of the film.

        Args:
            frame: Its index.
            target: Index of a frame; what lettering both show counts as well. None: none does.

        Returns:
            (H, W) bool, True in and near holes and lettering; None where there is none.
        """
        if frame not in self._unknown:
            mask = self._footage.mask(frame)
            self._unknown[frame] = None if mask is None else _grow(mask)
        mask, lettering = self._footage.mask(frame), None
        if target is not None:
            lettering = self._footage.lettering(frame, target)
        if mask is None or lettering is None:
            return self._unknown[frame]
        if id(lettering) not in self._unknown_beside:
            self._unknown_beside[id(lettering)] = lettering, _grow(mask & ~lettering)
        return self._unknown_beside[id(lettering)][1]

    def lettering(self, frame: int, box: Box, target: int) -> np.ndarray:
        """(h, w) bool of the box's size, True on and near lettering that a frame and the target both show."""
        all_unknown, unknown = self.unknown(frame), self.unknown(frame, target)
        if all_unknown is None or unknown is None or unknown is all_unknown:
            return np.zeros((box.height, box.width), bool)
        shown: np.ndarray = all_unknown[box.slices] & ~unknown[box.slices]
        return shown

    def _tints(self, frame: int, box: Box) -> bool:
        unknown = self.unknown(frame)
        return unknown is not None and is_tinted(self._footage.crop(frame, box), unknown[box.slices])

    def _make(self, frame: int, box: Box, unknown: np.ndarray | None, is_film: bool) -> View:
        known = np.ones((box.height, box.width), bool) if unknown is None else ~unknown[box.slices]
        crop = self._footage.crop(frame, box)
        if is_film and self._is_tinted:  # lettering beside a hole has a colour of its own
            crop = clear_tint(crop, ~known)
        return View(cv2.convertScaleAbs(crop, alpha=255), known)


def _grow(mask: np.ndarray) -> np.ndarray:
    """An (H, W) bool with the rim of `RIM_PX` around it."""
    kernel = np.ones((2 * RIM_PX + 1, 2 * RIM_PX + 1), np.uint8)
    return cv2.dilate(mask.astype(np.uint8), kernel) > 0

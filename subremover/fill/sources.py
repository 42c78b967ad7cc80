"""Chooses which frames a hole borrows from, and where in them.

What they show there is found out in motion/.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from subremover.fill.holes import Hole
from subremover.geometry import Box

SHIFT_PX = 8
"""Crops of a source are moved by multiples of this, so that targets share them; the warp does the rest."""
NEAR = 2
"""Sources up to so many frames away are always asked, even if they seem to show nothing, for the sake of what
moves by itself behind the subtitle."""
LATTICE_SOURCES, MOST_SOURCES = 14, 20
"""Up to how many sources are chosen from the lattice of `_step` alone, and how many in all."""
SAMPLE_COUNT = 200
"""Most places of a hole by which sources are chosen."""
LEAST_GAIN = 1e-4
"""Least gain for which one more source is chosen; see `_choose`."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A frame that may be borrowed from."""

    frame: int
    box: Box
    """Where the camera has taken the hole's box, as far as the picture goes."""
    motion: np.ndarray
    """(3, 3), the camera's, from places of the hole's frame to those of this one."""


def by_distance(frame: int, frames: Iterable[int], most: int) -> list[int]:
    """The other frames up to so many frames away, the nearest first."""
    return sorted((f for f in frames if 0 < abs(f - frame) <= most), key=lambda f: abs(f - frame))


def follow_box(box: Box, motion: np.ndarray, size: tuple[int, int]) -> Box:
    """A box moved with its centre by multiples of `SHIFT_PX`, and kept inside a picture of this size."""
    x, y = box.x + box.width / 2, box.y + box.height / 2
    moved_x, moved_y, depth = (motion @ (x, y, 1)).tolist()
    dx, dy = (round(d / SHIFT_PX) * SHIFT_PX for d in (moved_x / depth - x, moved_y / depth - y))
    return box.shift(min(max(dx, -box.x), size[0] - box.right), min(max(dy, -box.y), size[1] - box.bottom))


def shift_px(box: Box, motion: np.ndarray) -> float:
    """How far a motion takes a box's centre."""
    x, y = box.x + box.width / 2, box.y + box.height / 2
    moved_x, moved_y, depth = (motion @ (x, y, 1)).tolist()
    return float(np.hypot(moved_x / depth - x, moved_y / depth - y))


def choose(hole: Hole, sources: list[Source], unknown: Callable[[int], np.ndarray | None]) -> list[Source]:
    """The sources that together show the hole best: often everywhere, from near, and from many times.

    Those on the lattice of `_step` come first: they are spread over time, and neighbouring targets share
    them, so that the fill changes little from frame to frame; where too few are on it, others are added.
    Each is chosen for what it adds where the sources before it show little.
    See docs/measurements.md, "fill/sources: lattice".

    Args:
        hole: To be filled.
        sources: The nearest first.
        unknown: Gives (H, W) bool of a frame, True where it shows nothing that counts; None: all of it does.

    Returns:
        Those chosen, the nearest first.
    """
    if not sources:
        return []
    y, x = np.nonzero(hole.mask)
    some = np.linspace(0, len(x) - 1, min(len(x), SAMPLE_COUNT)).round().astype(int)
    places = np.stack([x[some] + hole.box.x, y[some] + hole.box.y, np.ones(len(some))])  # (3, n)
    away = np.array([abs(s.frame - hole.frame) for s in sources])
    shows = np.stack([_shows(s, places, unknown(s.frame)) for s in sources])
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


def _shows(source: Source, places: np.ndarray, unknown: np.ndarray | None) -> np.ndarray:
    """(n,) bool: which of the target's places, (3, n), a source shows, outside of its own holes."""
    x, y, depth = source.motion @ places
    x, y = np.rint(x / depth).astype(int), np.rint(y / depth).astype(int)
    box = source.box
    shows: np.ndarray = (x >= box.x) & (y >= box.y) & (x < box.right) & (y < box.bottom)
    if unknown is not None:
        shows[shows] = ~unknown[y[shows], x[shows]]
    return shows

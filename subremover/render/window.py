"""A window: a run of frames that are filled together, and how the fills are written into them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from av.video.frame import VideoFrame

from subremover.fill.composite import fill_weight
from subremover.fill.holes import Hole
from subremover.fill.overlays import Unmixed
from subremover.fill.paint.jobs import Fill, FitJob
from subremover.provenance import Origins
from subremover.runtime.profile import stage
from subremover.video.pixels.planes import write_rgb

FEATHER_PX = 0.0
"""The fills meet their rims by themselves: 1 px made no difference on nine clips, 2 px cost 0.4 dB."""

Frames = list[tuple[int, VideoFrame]]


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """An unmixed picture and its weight over what lies below it."""

    part: Unmixed
    weight: np.ndarray
    """(h, w) float32."""
    distance: np.ndarray
    """(h, w) float32, of what was borrowed below it; 0 where nothing was."""


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A run of frames, filled together and independently of all others."""

    frames: Frames
    holes: list[Hole]
    jobs: list[FitJob]
    distances: list[np.ndarray]
    """(h, w) float32 for each hole: from how many frames away it borrows."""
    known: dict[int, list[Layer]]
    """By frame: what was written before the holes were filled."""
    mixed: dict[int, list[Layer]]
    """By frame: to be mixed with the fills."""

    def finish(self, fills: list[Fill]) -> Iterator[tuple[int, VideoFrame, Origins | None]]:
        """Write the fills; each frame, ready."""
        filled: dict[int, list[tuple[Hole, Fill, np.ndarray]]] = {}
        for hole, fill, distance in zip(self.holes, fills, self.distances, strict=True):
            filled.setdefault(hole.frame, []).append((hole, fill, distance))
        for index, frame in self.frames:
            holes, mixed = filled.get(index, []), self.mixed.get(index, [])
            with stage("render: fill", frames=bool(holes or mixed)):
                for hole, fill, _ in holes:
                    write_rgb(frame, hole.box, fill.picture, fill_weight(hole.mask, FEATHER_PX))
                for laid in mixed:
                    write_rgb(frame, laid.part.box, laid.part.picture, laid.weight)
                origins = _trace(self.known.get(index, []), holes, mixed)
            yield index, frame, origins


def _trace(
    known: list[Layer], holes: list[tuple[Hole, Fill, np.ndarray]], mixed: list[Layer]
) -> Origins | None:
    boxes = [*(hole.box for hole, _, _ in holes), *(laid.part.box for laid in (*known, *mixed))]
    if not boxes:
        return None
    origins = Origins(boxes)
    for laid in known:
        origins.fill(laid.part.box, laid.part.weight > 0, np.zeros_like(laid.weight), laid.distance)
        origins.blend(laid.part.box, laid.weight)
    for hole, fill, distance in holes:
        origins.fill(hole.box, hole.mask, fill.fitted, distance)
    for laid in mixed:
        origins.blend(laid.part.box, laid.weight)
    return origins

"""How the film around some neighbouring holes moves, and what its frames show there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from subremover.fill.holes import Hole
from subremover.fill.sources import Source, follow_box
from subremover.fill.views import Views
from subremover.geometry import Box
from subremover.motion.align import View, find_plane, find_points
from subremover.motion.background import Neighbour
from subremover.motion.points import is_sane

Motions = dict[int, np.ndarray]
"""For each frame a (3, 3) matrix from (x, y, 1) in px of one common frame to that frame's."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
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

    def sources(self, hole: Hole, frames: Sequence[int]) -> list[Source]:
        """Where the camera has taken a hole's box in some frames, as far as that can be told.

        Args:
            hole: The target's.
            frames: Indices of frames, in the order of the sources.
        """
        back, corners = np.linalg.inv(self.camera[hole.frame]), _corners(hole.box)
        moved = ((frame, self.camera[frame] @ back) for frame in frames)
        return [
            Source(frame, follow_box(hole.box, motion, self.views.size), motion)
            for frame, motion in moved
            if is_sane(motion, corners)
        ]


def follow_plane(holes: Sequence[Hole], camera: Motions, views: Views) -> Callable[[int], np.ndarray]:
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


def _corners(box: Box) -> np.ndarray:
    """(2, 2), x and y of two opposite corners."""
    return np.array([[box.x, box.y], [box.right, box.bottom]], np.float64)


def _translate(dx: float, dy: float) -> np.ndarray:
    return np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1.0]])

"""Tells whether lettering that shakes is laid over the film: it does not move with the picture around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from subremover.detect.captions.states import State
from subremover.detect.captions.stretch import Stretch
from subremover.geometry import Box, draw_boxes

SEARCH_PX = 10
"""How far lettering moves from one frame to the next at the most, in px each way, to be told."""
LIKENESS = 0.6
"""Least correlation of lettering with itself on the next frame."""
BETTER = 0.75
"""How much better the surroundings must fit where they stand, or where the lettering goes, to tell a step."""
LEAST_STEPS, MAJORITY = 5, 4
"""Least number of steps that lettering makes by itself, and how many of these there are to each that it makes
with the picture."""
LEAST_STEP_PX = 2.0
"""Least mean length of these steps, across plus down; a sign before an unsteady camera seems to make some of
one px."""


@dataclass(frozen=True, slots=True)
class _Step:
    """How lettering moves from one frame to the next."""

    dx: int
    dy: int
    is_alone: bool
    """Whether the picture around it does not."""


def moves_by_itself(stretch: Stretch, states: Sequence[State], has_stood: bool) -> bool:
    """Whether lettering moves otherwise than what it stands on.

    Args:
        stretch: Frames with the lettering.
        states: Its states.
        has_stood: Whether it stood for a while; what never did must move to and fro, as a ticker does not.
    """
    steps = _steps(stretch, states)
    alone = np.array([(s.dx, s.dy) for s in steps if s.is_alone]).reshape(-1, 2)
    along = sum(not s.is_alone for s in steps)
    # A ticker goes on and on.
    shakes = has_stood or np.abs(alone.sum(axis=0)).sum() < 0.5 * np.abs(alone).sum()
    is_far = np.abs(alone).sum() >= LEAST_STEP_PX * len(alone)
    return bool(len(alone) >= max(LEAST_STEPS, MAJORITY * along) and shakes and is_far)


def moves_with_picture(stretch: Stretch, states: Sequence[State]) -> bool:
    """Whether lettering moves with what it stands on, as a sign does before a camera in the hand.

    Args:
        stretch: Frames with the lettering.
        states: Its states.
    """
    steps = _steps(stretch, states)
    along = sum(not s.is_alone for s in steps)
    return along >= LEAST_STEPS and 2 * along > len(steps)


def _steps(stretch: Stretch, states: Sequence[State]) -> list[_Step]:
    """The steps of lettering from state to state that tell something."""
    follow = [(one, other) for one in states for other in states if _follows(one, other)]
    return [step for one, other in follow if (step := _step(stretch, one, other))]


def _follows(one: State, other: State) -> bool:
    """Whether one state follows the other at its place; what each holds is not asked."""
    common = one.box.intersect(other.box)
    smaller = min(one.box.area, other.box.area)
    return other.first == one.last + 1 and common is not None and common.area > 0.5 * smaller


def _step(stretch: Stretch, one: State, other: State) -> _Step | None:
    """How the lettering moves from one state to the next; None where nothing tells."""
    first, second = (
        cv2.cvtColor(stretch.pictures[n], cv2.COLOR_RGB2GRAY).astype(np.float32)
        for n in (one.last, other.first)
    )
    height, width = first.shape
    room = one.box.grow(SEARCH_PX, SEARCH_PX).clip(width, height)
    fits = cv2.matchTemplate(second[room.slices], first[one.box.slices], cv2.TM_CCOEFF_NORMED)
    _, best, _, (x, y) = cv2.minMaxLoc(fits)
    dx, dy = x + room.x - one.box.x, y + room.y - one.box.y
    if best < LIKENESS or not (dx or dy):
        return None
    pad_px = 2 * one.box.height
    around = one.box.grow(pad_px, pad_px).clip(width, height)
    rows = (*stretch.rows[one.last], *stretch.rows[other.first])
    outside = ~draw_boxes([row.grow(SEARCH_PX, SEARCH_PX) for row in rows], Box(0, 0, width, height))
    moved = cv2.warpAffine(first, np.array([[1, 0, dx], [0, 1, dy]], np.float32), (width, height))
    where = outside[around.slices]
    if not where.any():
        return None
    stays, goes = (float(np.abs(second - before)[around.slices][where].mean()) for before in (first, moved))
    if min(stays, goes) > BETTER * max(stays, goes):
        return None
    return _Step(dx, dy, stays < goes)

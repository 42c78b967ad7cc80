"""Cuts the masks of a run of frames into holes: where crops lie, and which of them form a group."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

import numpy as np

from subremover.fill.composite import crop_boxes
from subremover.geometry import Box


@dataclass(frozen=True, slots=True, eq=False)
class Hole:
    """What is to be filled in one crop of one frame."""

    frame: int
    """Index of the frame."""
    box: Box
    """The crop, in the active picture: the hole and its surroundings."""
    mask: np.ndarray
    """(h, w) bool of the box's size, True in the hole."""
    group: int
    """Number that holes at the same place, under the same subtitle, in the same shot share; see
    `FitJob.group`."""


def find_holes(masks: list[tuple[int, np.ndarray]], cuts: Set[int]) -> Iterator[Hole]:
    """Cut masks into crops.

    Args:
        masks: Frame index and (H, W) bool, in order; frames without a mask left out. Frames with the
            same mask share the array.
        cuts: First frames of shots.

    Yields:
        The holes, group by group; those of a group share their box and come in the order of their frames.
    """
    group = 0
    for run in _runs(masks, cuts):
        distinct = {id(mask): mask for _, mask in run}.values()
        for box in crop_boxes(np.logical_or.reduce(list(distinct))):
            for frame, mask in run:
                hole = mask[box.slices]
                if hole.any():
                    yield Hole(frame, box, hole, group)
            group += 1


def _runs(masks: list[tuple[int, np.ndarray]], cuts: Set[int]) -> Iterator[list[tuple[int, np.ndarray]]]:
    """Consecutive frames of a shot whose masks are much the same."""
    run: list[tuple[int, np.ndarray]] = []
    for frame, mask in masks:
        if run:
            previous_frame, previous = run[-1]
            if frame != previous_frame + 1 or frame in cuts or not _is_alike(mask, previous):
                yield run
                run = []
        run.append((frame, mask))
    if run:
        yield run


def _is_alike(mask: np.ndarray, other: np.ndarray) -> bool:
    """Whether two masks share more than 0.7 of what they cover together."""
    return mask is other or int((mask & other).sum()) > 0.7 * int((mask | other).sum())

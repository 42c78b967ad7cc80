"""Reads the masks that a user has drawn (`--mask`): one picture for all frames, or a video of masks.

How masks become events is in `mask_events`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from subremover.errors import InputError, PlanError
from subremover.geometry import Box, tighten
from subremover.plan.mask_picture import MASK_LEVEL, SUFFIXES, read_mask
from subremover.plan.model import MOST_STROKE_PIXELS, Event
from subremover.video.film import Film
from subremover.video.pixels.planes import upright_rgb
from subremover.video.read.probe import probe
from subremover.video.read.reader import read_frames


def read_mask_events(film: Film, path: Path) -> Iterator[Event]:
    """The events of a drawn mask.

    Args:
        film: The film to be cleaned.
        path: A picture, which stands for all frames, or a video with a mask for each frame.

    Yields:
        One event for each run of frames with the same mask; none where the mask is empty.

    Raises:
        PlanError: The mask cannot be read, does not fit the film in size or length, or has more different
            pictures than memory holds.
    """
    size = film.upright_size
    remedy = f"the film {size[0]}x{size[1]}; scale it to the film's size"
    if path.suffix.lower() in SUFFIXES:
        mask = read_mask(path, size, remedy)
        if mask.any():
            yield event_of(0, film.frame_count - 1, mask)
        return
    try:
        masks = probe(path)
    except InputError as error:
        raise PlanError(f"cannot use the mask '{path}': {error}") from error
    if masks.upright_size != size:
        width, height = masks.upright_size
        raise PlanError(f"the mask '{path}' is {width}x{height} px, {remedy}")
    if masks.frame_count != film.frame_count:
        raise PlanError(
            f"the mask '{path}' has {masks.frame_count} frames, the film {film.frame_count}; give one a frame"
        )
    pixels = 0
    for event in events_from_masks(_read_masks(masks)):
        pixels += event.box.area
        if pixels > MOST_STROKE_PIXELS:
            raise PlanError(
                f"the masks of '{path}' are too many for the memory: on {event.first} frames there are "
                f"{pixels:,} px; code them without loss, so that masks of neighbouring frames are the same"
            )
        yield event


def _read_masks(film: Film) -> Iterator[tuple[int, np.ndarray]]:
    """Frame index and (H, W) bool, upright, of each frame of a video of masks."""
    for index, frame in read_frames(film):
        yield index, upright_rgb(frame, film.rotation).max(axis=2) >= MASK_LEVEL


def events_from_masks(masks: Iterable[tuple[int, np.ndarray]]) -> Iterator[Event]:
    """One event for each run of frames with the same mask.

    Args:
        masks: Frame index and (H, W) bool, in order.
    """
    first = last = -1
    current: np.ndarray | None = None
    for index, mask in masks:
        if current is not None and index == last + 1 and np.array_equal(mask, current):
            last = index
            continue
        if current is not None and current.any():
            yield event_of(first, last, current)
        first, last, current = index, index, mask
    if current is not None and current.any():
        yield event_of(first, last, current)


def event_of(first: int, last: int, mask: np.ndarray) -> Event:
    """The event of a whole picture's mask, (H, W) bool with at least one pixel."""
    height, width = mask.shape
    return Event(first, last, *tighten(mask, Box(0, 0, width, height)))

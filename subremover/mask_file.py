"""Reads what a user has drawn to be removed: a mask for all frames, or a video of masks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from subremover.errors import InputError, PlanError
from subremover.plan import Event
from subremover.plan_file import MASK_LEVEL, read_mask
from subremover.segment.masks import event_of, events_from_masks
from subremover.video.planes import upright_rgb
from subremover.video.probe import Film, probe
from subremover.video.reader import read_frames


def read_mask_events(film: Film, path: Path) -> Iterator[Event]:
    """The events of a mask: a picture for all frames, or a video with one for each.

    Raises:
        PlanError: It cannot be read, or does not fit the film.
    """
    size = film.upright_size
    if path.suffix.lower() in {".png", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg", ".webp"}:
        mask = read_mask(path)
        _check_mask_size(path, (mask.shape[1], mask.shape[0]), size)
        if mask.any():
            yield event_of(0, film.frame_count - 1, mask)
        return
    try:
        masks = probe(path)
    except InputError as error:
        raise PlanError(f"cannot use the mask '{path}': {error}") from error
    _check_mask_size(path, masks.upright_size, size)
    if masks.frame_count != film.frame_count:
        raise PlanError(
            f"the mask '{path}' has {masks.frame_count} frames, the film {film.frame_count}; give one a frame"
        )
    yield from events_from_masks(_read_masks(masks))


def _read_masks(film: Film) -> Iterator[tuple[int, np.ndarray]]:
    for index, frame in read_frames(film):
        yield index, upright_rgb(frame, film.rotation).max(axis=2) >= MASK_LEVEL


def _check_mask_size(path: Path, size: tuple[int, int], expected: tuple[int, int]) -> None:
    if size != expected:
        raise PlanError(
            f"the mask '{path}' is {size[0]}x{size[1]} px, the film {expected[0]}x{expected[1]}; "
            "scale it to the film's size"
        )

"""Events out of whole-picture masks, wherever these come from; reading them is `drawn_mask`'s part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from subremover.geometry import Box, tighten
from subremover.plan.model import Event


def events_from_masks(masks: Iterable[tuple[int, np.ndarray]]) -> Iterator[Event]:
    """One event for each run of frames with the same mask.

    Args:
        masks: Frame index and (H, W) bool, True where the subtitle is, in order.

    Yields:
        The events, in order; none for frames with an empty mask.
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
    """The event of a mask that stands on a run of frames.

    Args:
        first: Index of the first frame.
        last: Index of the last frame.
        mask: (H, W) bool of the whole picture, True somewhere.

    Returns:
        The event, its mask cut to the smallest box that holds it.
    """
    height, width = mask.shape
    return Event(first, last, *tighten(mask, Box(0, 0, width, height)))

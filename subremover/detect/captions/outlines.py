"""Gives captions of one style the outline that some of them show: a dark one is not seen on a dark picture.

All captions of a zone are set alike, so that the width of the outline is learnt where it differs from what is
behind it, and drawn around the fill where it does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

import cv2
import numpy as np

from subremover.detect.captions.looks import find_core, has_colour
from subremover.detect.masking.gradient import disc
from subremover.geometry import Box, tighten
from subremover.plan.model import Event

WIDEST = 1 / 6
"""Greatest width of an outline, as a share of the height of the lettering."""
SEEN_SHARE = 0.7
"""Quantile of the rim's distances from the fill, and of those of all captions, that is the outline's width:
the rest may be unseen."""


def find_fill(picture: np.ndarray, strokes: np.ndarray) -> np.ndarray:
    """Mark the fill of lettering: what has the colour of the middle of its strokes.

    Args:
        picture: (h, w, 3) uint8, RGB.
        strokes: (h, w) bool, True on fill, outline and shadow.

    Returns:
        (h, w) bool.
    """
    fill: np.ndarray = strokes & has_colour(picture, find_core(picture, strokes))
    return fill


def add_outlines(captions: Sequence[tuple[Event, np.ndarray]], zone: Box) -> list[Event]:
    """Draw the outline that captions of one style have around all of them.

    Args:
        captions: Events, and the fill of each: (h, w) bool of its box.
        zone: Box that outlines stay inside.

    Returns:
        The events with no less strokes.
    """
    widths: list[float] = [_outline_px(event.strokes, fill) for event, fill in captions]
    width_px = ceil(np.quantile(widths, SEEN_SHARE)) if widths else 0
    if not width_px:
        return [event for event, _ in captions]
    return [_add_outline(event, fill, width_px, zone) for event, fill in captions]


def _outline_px(strokes: np.ndarray, fill: np.ndarray) -> float:
    """Width of the outline of one caption in px, as far as it is seen."""
    inner = cv2.erode(np.pad(strokes, 1).astype(np.uint8), disc(1))[1:-1, 1:-1].astype(bool)
    distance = cv2.distanceTransform((~fill).astype(np.uint8), cv2.DIST_L2, 5)
    rim = np.quantile(distance[strokes & ~inner], SEEN_SHARE)
    return float(min(rim, WIDEST * strokes.shape[0]))


def _add_outline(event: Event, fill: np.ndarray, width_px: int, zone: Box) -> Event:
    grown = cv2.dilate(np.pad(fill, width_px).astype(np.uint8), disc(width_px)).astype(bool)
    whole = event.box.grow(width_px, width_px)
    box = whole.intersect(zone) or event.box
    strokes = (np.pad(event.strokes, width_px) | grown)[box.shift(-whole.x, -whole.y).slices]
    tight_box, tight = tighten(strokes, box)
    return replace(event, box=tight_box, strokes=tight)

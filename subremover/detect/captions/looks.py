"""The colours of captions: of their fill, and of fill and outline together."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from subremover.detect.classify.line import colours_of

LIKE_FILL_LEVELS = 64
"""Greatest difference, in levels, of colours that may be of one fill."""
LIKE_COLOURS, SAME_COLOURS = 0.3, 0.5
"""Least common part of the colours of two captions that are set alike, of which one may be highlighted, and
of any two."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """The colours of a caption."""

    fill: np.ndarray
    """(3,) RGB in [0, 255]."""
    colours: np.ndarray
    """(4, 4, 4) float32, shares of its pixels by red, green and blue."""

    @classmethod
    def of(cls, picture: np.ndarray, strokes: np.ndarray) -> Look:
        """The look of lettering.

        Args:
            picture: (h, w, 3) uint8, RGB.
            strokes: (h, w) bool, True on fill, outline and shadow, on at least one pixel.
        """
        return cls(find_core(picture, strokes), colours_of(picture, strokes))

    def is_like(self, other: Look, is_set_alike: bool) -> bool:
        """Whether two captions may be of one style.

        Args:
            other: The other one's look.
            is_set_alike: Whether they stand on one axis, or have a common left edge.
        """
        common = float(np.minimum(self.colours, other.colours).sum())
        is_same_fill = float(np.abs(self.fill - other.fill).max()) < LIKE_FILL_LEVELS
        return common > LIKE_COLOURS if is_set_alike else is_same_fill and common > SAME_COLOURS


def find_core(picture: np.ndarray, strokes: np.ndarray) -> np.ndarray:
    """(3,) the colour in the middle of the strokes of an (h, w, 3) uint8 picture."""
    depth = cv2.distanceTransform(np.pad(strokes, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    inner = strokes & (depth >= float(np.quantile(depth[strokes], 0.75)))
    colour: np.ndarray = np.median(picture[inner], axis=0)
    return colour


def has_colour(picture: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """(h, w) bool, where an (h, w, 3) uint8 picture has about this colour."""
    alike: np.ndarray = np.abs(picture.astype(np.float32) - colour).max(axis=2) < LIKE_FILL_LEVELS
    return alike

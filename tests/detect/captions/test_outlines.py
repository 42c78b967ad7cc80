"""An outline that is not seen is as wide as those that are."""

import cv2
import numpy as np

from subremover.detect.captions.outlines import add_outlines, find_fill
from subremover.geometry import Box
from subremover.plan.model import Event

ZONE = Box(0, 0, 200, 60)


def draw(word, thickness):
    mask = np.zeros((60, 200), np.uint8)
    cv2.putText(mask, word, (20, 42), cv2.FONT_HERSHEY_SIMPLEX, 1.1, 255, thickness)
    return mask > 0


def make_caption(word, seen):
    """An event whose outline was found where `seen`, a mask of the whole, has it."""
    fill, whole = draw(word, 3), draw(word, 9)
    picture = np.full((60, 200, 3), 10, np.uint8)
    picture[fill] = 250
    strokes = fill | (whole & seen)
    event = Event(0, 4, ZONE, strokes, np.ones(5, np.float32), word, "subtitle", True)
    return (event, find_fill(picture, strokes)), whole


def test_a_word_in_the_dark_gets_the_outline_of_the_others():
    everywhere, below = np.ones((60, 200), bool), np.zeros((60, 200), bool)
    below[36:] = True
    shown, _ = zip(*(make_caption(word, everywhere) for word in ("one", "two")), strict=True)
    hidden, whole = make_caption("three", below)
    *_, event = add_outlines([*shown, hidden], ZONE)
    covered = np.zeros_like(whole)
    covered[event.box.slices] = event.strokes
    assert (covered & whole).sum() > 0.98 * whole.sum()
    assert covered.sum() < 1.3 * whole.sum()


def test_the_outline_stays_inside_the_zone():
    caption, _ = make_caption("edge", np.ones((60, 200), bool))
    event = caption[0]
    zone = Box(event.box.x, event.box.y, event.box.width, event.box.height)
    for found in add_outlines([caption], zone):
        assert found.box.intersect(zone) == found.box
    assert add_outlines([], zone) == []

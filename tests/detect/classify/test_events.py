"""Lines that come and go together are one event, whatever order they come in."""

import itertools

import numpy as np

from subremover.detect.classify.classifier import Line
from subremover.detect.classify.events import make_events
from subremover.geometry import Box


def make_line(box: Box, text: str) -> Line:
    strokes, opacities = np.ones((box.height, box.width), bool), np.ones(10, np.float32)
    return Line(0, 9, box, box, strokes, opacities, text, True, False, np.zeros((4, 4, 4), np.float32))


def test_of_a_line_found_twice_the_same_text_wins_in_any_order() -> None:
    """Boxes of one size, so that nothing but their place can tell which is read."""
    lines = [
        make_line(Box(20, 50, 60, 12), "Hello ther"),
        make_line(Box(24, 50, 60, 12), "ello there"),
        make_line(Box(20, 66, 60, 12), "below"),
    ]
    texts = {
        make_events(order, ["subtitle"] * 3, {"subtitle"})[0].text for order in itertools.permutations(lines)
    }
    assert texts == {"Hello ther\nbelow"}


def test_of_two_boxes_of_one_line_the_larger_is_read() -> None:
    lines = [make_line(Box(24, 50, 40, 12), "part"), make_line(Box(20, 50, 60, 12), "the whole")]
    (event,) = make_events(lines, ["subtitle"] * 2, {"subtitle"})
    assert event.text == "the whole"

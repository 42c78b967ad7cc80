"""Lines that come and go together are one event, whatever order they come in."""

import itertools

import drawn_lines as drawn

from subremover.detect.classify.classifier import Verdict
from subremover.detect.classify.events import make_events
from subremover.detect.classify.line import Line
from subremover.geometry import Box

SUBTITLE = Verdict(0.9, "subtitle", ("reads as words",))


def make_line(box: Box, text: str) -> Line:
    middle = (box.x + box.width // 2, box.y + box.height // 2)
    return drawn.make_line(middle, (box.width, box.height), (0, 9), text=text)


def test_of_a_line_found_twice_the_same_text_wins_in_any_order() -> None:
    """Boxes of one size, so that nothing but their place can tell which is read."""
    lines = [
        make_line(Box(20, 50, 60, 12), "Hello ther"),
        make_line(Box(24, 50, 60, 12), "ello there"),
        make_line(Box(20, 66, 60, 12), "below"),
    ]
    texts = {
        make_events(order, [SUBTITLE] * 3, {"subtitle"})[0].text for order in itertools.permutations(lines)
    }
    assert texts == {"Hello ther\nbelow"}


def test_of_two_boxes_of_one_line_the_larger_is_read() -> None:
    lines = [make_line(Box(24, 50, 40, 12), "part"), make_line(Box(20, 50, 60, 12), "the whole")]
    (event,) = make_events(lines, [SUBTITLE] * 2, {"subtitle"})
    assert event.text == "the whole"
    assert (event.kind, event.remove, event.probability) == ("subtitle", True, 0.9)
    assert event.reasons == ("reads as words",)


def test_cues_of_two_frames_that_follow_each_other_stay_two() -> None:
    lines = [drawn.make_line((100, 50), span=span) for span in ((0, 1), (2, 3))]
    assert len(make_events(lines, [SUBTITLE] * 2, {"subtitle"})) == 2

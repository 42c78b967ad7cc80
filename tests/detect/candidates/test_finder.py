"""What the finder takes for a line."""

import pytest
from media import DrawnPicture, draw_subtitle, draw_texture

from subremover.detect.candidates.finder import CandidateFinder
from subremover.detect.frame import Frame
from subremover.geometry import Box

SIZE = (320, 180)
RATE = 25.0


def find(box):
    """What is found where the detector sees a box on every part that holds it."""
    pictures = [draw_texture(SIZE) for _ in range(10)]
    pictures[4:] = [draw_subtitle(picture, "Good morning")[0] for picture in pictures[4:]]
    frames = [Frame(index, DrawnPicture(picture)) for index, picture in enumerate(pictures)]
    parts = []

    def see(part):
        parts.append(part.shape[:2])
        return [Box(2, 2, box[0], box[1])] if part.shape[0] > box[1] and part.shape[1] > box[0] else []

    finder = CandidateFinder(see, frames[0], RATE, [Box(0, 0, *SIZE)])
    found = []
    for frame in frames:
        finder.feed(frame)
        if frame.index % finder.period == finder.period - 1:
            found += finder.find(frames[: frame.index + 1], lambda _: [])
    return found, parts


@pytest.mark.parametrize(
    ("box", "is_line"),
    [
        ((120, 20), True),
        ((60, 58), True),
        ((50, 50), True),
        ((24, 24), False),
        ((8, 8), False),
        ((110, 70), False),
    ],
)
def test_large_words_and_squares_are_lines_and_small_blots_are_not(box, is_line):
    found, parts = find(box)
    assert parts
    assert bool(found) is is_line

"""What the finder takes for a line."""

from itertools import pairwise

import numpy as np
import pytest
from media import DrawnPicture, draw_subtitle, draw_texture

from subremover.detect.candidates.finder import ZOOM, CandidateFinder
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
        is_enlarged = tuple(int(part_side / ZOOM) for part_side in part.shape[:2]) in parts
        parts.append(part.shape[:2])
        holds = part.shape[0] > box[1] and part.shape[1] > box[0]
        return [Box(2, 2, box[0], box[1])] if holds and not is_enlarged else []

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


def look(see, lettered):
    """What is found in a film where lettering stands from the fifth frame on, by such a detector."""
    pictures = [draw_texture(SIZE) for _ in range(10)]
    pictures[4:] = [lettered] * 6
    frames = [Frame(index, DrawnPicture(picture)) for index, picture in enumerate(pictures)]
    finder = CandidateFinder(see, frames[0], RATE, [Box(0, 0, *SIZE)])
    found: list[Box] = []

    def followed(_):
        return found

    for frame in frames:
        finder.feed(frame)
        if frame.index % finder.period == finder.period - 1:
            found += [line for _, line in finder.find(frames[: frame.index + 1], followed)]
    return found


def box_of(part):
    """The box of what is painted in pure white in a picture."""
    rows, columns = np.nonzero(part.min(axis=2) == 255)
    if not len(rows):
        return []
    return [Box(int(columns[0]), int(rows.min()), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)]


def striped(box):
    """A picture with white stripes in a box, which are new as lettering is."""
    picture = np.minimum(draw_texture(SIZE), 200)
    picture[box.y : box.bottom, box.x : box.right : 4] = 255
    picture[[box.y, box.bottom - 1], box.x : box.right] = 255
    return picture


def test_what_the_detector_overlooks_is_looked_at_once_more_at_another_size():
    sizes = []

    def see(part):
        sizes.append(part.shape[:2])
        is_enlarged = len(sizes) > 1 and part.shape[0] > 0.9 * ZOOM * sizes[-2][0]
        return [Box(60, 60, 150, 30)] if is_enlarged else []

    found = look(see, striped(Box(80, 60, 160, 40)))
    assert found
    assert any(after == tuple(int(ZOOM * side) for side in size) for size, after in pairwise(sizes))


def test_what_is_found_is_no_reason_to_look_at_another_size():
    sizes = []

    def see(part):
        sizes.append(part.shape[:2])
        return box_of(part)

    assert look(see, striped(Box(80, 60, 160, 40)))
    assert not {tuple(int(ZOOM * side) for side in size) for size in sizes} & set(sizes)


def test_a_line_is_followed_to_its_end_out_of_what_is_looked_at():
    line = Box(20, 80, 280, 24)
    picture = striped(line)
    finder = CandidateFinder(box_of, Frame(0, DrawnPicture(picture)), RATE, [])
    (found,) = finder.look(Frame(0, DrawnPicture(picture)), Box(100, 70, 60, 50), [])
    assert found == line

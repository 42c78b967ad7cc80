import cv2
import numpy as np
import pytest

from subremover.detect.masking.extent import complete_line
from subremover.geometry import Box

SIZE = (240, 640)


def _picture(text="- A line that goes on", at=(120, 200), seed=2):
    """A texture with a line of white letters with black rims, and the box around them."""
    noise = np.random.default_rng(seed).uniform(-1, 1, (*SIZE, 3)).astype(np.float32)
    picture = 110 + 50 * np.tanh(8 * cv2.GaussianBlur(noise, (0, 0), 6))
    letters = cv2.putText(np.zeros(SIZE, np.uint8), text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.9, 1, 2)
    picture[cv2.dilate(letters, np.ones((5, 5), np.uint8)) > 0] = 0
    picture[letters > 0] = 245
    x, y, width, height = cv2.boundingRect(letters)
    return np.clip(cv2.GaussianBlur(picture, (0, 0), 0.6), 0, 255).astype(np.uint8), Box(x, y, width, height)


@pytest.mark.parametrize(("left", "right"), [(0, 0), (45, 0), (0, 70), (28, 60)])
def test_a_line_is_completed_to_both_sides(left, right):
    picture, whole = _picture()
    line = Box(whole.x + left, whole.y - 3, whole.width - left - right, whole.height + 6)
    box = complete_line(picture, line)
    assert (box.y, box.height) == (line.y, line.height)
    assert box.x <= whole.x + 1
    assert box.x + box.width >= whole.x + whole.width - 1
    assert box.x > whole.x - 12
    assert box.x + box.width < whole.x + whole.width + 12


def test_what_stands_further_off_is_another_line():
    picture, first = _picture("One speaker", (40, 200))
    other, second = _picture("Another one", (330, 200))
    picture[:, 320:] = other[:, 320:]
    assert second.x > first.x + first.width + 2 * first.height
    assert complete_line(picture, first).intersect(second) is None


def test_what_has_the_colour_of_letters_but_not_their_shape_is_left_out():
    picture, whole = _picture()
    end = whole.x + whole.width
    picture[:, end + 8 : end + 14] = 245  # a white post
    picture[150:230, whole.x - 60 : whole.x - 8] = 245  # a white wall
    box = complete_line(picture, whole)
    assert box.x > whole.x - 20
    assert box.x + box.width < end + 8


def test_columns_and_specks_are_left_as_they_are():
    picture, _ = _picture()
    for line in (Box(100, 40, 30, 120), Box(100, 40, 9, 5), Box(10, 10, 200, 20)):
        assert complete_line(picture, line) == line
    assert complete_line(np.full((*SIZE, 3), 90, np.uint8), Box(10, 10, 200, 20)) == Box(10, 10, 200, 20)

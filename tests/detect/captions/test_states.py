"""States of lettering in flux, from rows whose boxes are given."""

import cv2
import pytest
from media import draw_texture

from subremover.detect.captions.states import find_states, have_same_edges, have_same_fill, join_rows
from subremover.geometry import Box

SIZE = (320, 60)


def draw(words, pan_px=0.0):
    """Luma of frames with these words, and the boxes of their rows; an empty word is no word."""
    lumas, boxes = [], []
    for index, word in enumerate(words):
        luma = cv2.cvtColor(draw_texture(SIZE, (pan_px * index, 0)), cv2.COLOR_RGB2GRAY)
        (width, height), _ = cv2.getTextSize(word, cv2.FONT_HERSHEY_SIMPLEX, 0.9, 2)
        for shade, thickness in ((0, 6), (255, 2)):
            cv2.putText(luma, word, (40, 40), cv2.FONT_HERSHEY_SIMPLEX, 0.9, shade, thickness)
        lumas.append(luma)
        boxes.append([Box(37, 37 - height, width + 6, height + 10)] if word else [])
    return lumas, boxes


def find(words, pan_px=0.0):
    return ends(*draw(words, pan_px))


def ends(lumas, boxes):
    def is_same(one, other, box, _):
        return have_same_edges(lumas[one][box.slices], lumas[other][box.slices])

    return [(s.first, s.last) for s in find_states(boxes, is_same)]


@pytest.mark.parametrize("pan_px", [0, 0.4, 3])
def test_each_word_is_a_state_with_its_very_frames(pan_px):
    words = [""] * 3 + ["Good"] * 4 + ["day to"] * 2 + [""] + ["you"] * 5
    assert find(words, pan_px) == [(3, 6), (7, 8), (10, 14)]


@pytest.mark.parametrize("pan_px", [0, 1])
def test_one_more_letter_makes_another_state(pan_px):
    text = "typed in"
    words = [text[:count] for count in (1, 2, 3, 4, 5, 7, 8) for _ in range(2)]
    assert find(words, pan_px) == [(i, i + 1) for i in range(0, 14, 2)]


def test_frames_that_the_detector_missed_are_part_of_a_state_but_not_beyond_its_ends():
    lumas, boxes = draw(["Good day"] * 8 + [""] * 4)
    boxes[3] = []
    assert ends(lumas, boxes) == [(0, 7)]


def test_what_stands_to_the_end_ends_there():
    assert find([""] * 2 + ["Good day"] * 4) == [(2, 5)]


def test_pieces_of_a_row_are_joined_and_rows_are_not():
    words, below = [Box(10, 10, 40, 20), Box(60, 12, 30, 18)], Box(10, 34, 50, 20)
    assert join_rows([*words, below]) == [Box(10, 10, 80, 20), below]
    assert len(find_states([[words[0], below]] * 2, lambda *_: True)) == 2


def test_fills_are_compared_chunk_by_chunk():
    words = [draw([text])[0][0] > 250 for text in ("Good day", "Good day t", "Gold day")]
    assert have_same_fill(words[0], words[0].copy())
    assert not any(have_same_fill(words[0], other) for other in (*words[1:], words[0] & False))

import cv2
import numpy as np
import pytest
from media import draw_picture, draw_subtitle

from subremover.segment.strokes import Jump, find_strokes

SIZE = (320, 120)


def _line_of(mask):
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    line = np.zeros_like(mask)
    line[max(0, y - 3) : y + height + 3, max(0, x - 3) : x + width + 3] = True
    return line


def _noise(seed, level=1.5):
    return np.random.default_rng(seed).normal(0, level, (SIZE[1], SIZE[0], 3))


def _calm(seed):
    return 120 + 40 * np.sin(np.arange(SIZE[0]) / 40)[None, :, None] + _noise(seed)


def _measure(strokes, truth):
    return (strokes & truth).sum() / truth.sum(), strokes.sum() / truth.sum()


def test_a_jump_shows_lettering_of_any_colour():
    _, truth = draw_subtitle(np.zeros((SIZE[1], SIZE[0], 3), np.uint8), "Any colour")
    with_line = _calm(1)
    with_line[truth] -= 45  # barely darker than the picture
    jump = Jump(_calm(0).astype(np.float32), with_line.astype(np.float32))
    line = _line_of(truth)
    recall, area = _measure(find_strokes(with_line.astype(np.float32), line, line, [jump]), truth)
    assert recall > 0.99
    assert area < 1.6


@pytest.mark.parametrize("lines", [1, 2])
def test_a_jump_shows_the_whole_of_a_see_through_box(lines):
    clear = _calm(0)
    boxed, box, letters = clear + _noise(1), np.zeros(clear.shape[:2], bool), np.zeros(clear.shape[:2], bool)
    for number in range(lines):
        top, left = 40 + 26 * number, 60 + 30 * number
        box[top : top + 26, left : 260 - left // 3] = True
        drawn = letters.astype(np.uint8)
        cv2.putText(drawn, "See through", (left + 10, top + 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1, 1)
        letters |= drawn.astype(bool)
    boxed[box] *= 0.5
    boxed[letters] = 255
    line = np.zeros_like(box)
    line[46:61, 68:180] = True
    lettering = line.copy()
    lettering[72:87, 95:200] = lines == 2
    jump = Jump(clear.astype(np.float32), boxed.astype(np.float32))
    recall, area = _measure(find_strokes(boxed.astype(np.float32), line, lettering, [jump]), box)
    assert recall > 0.99
    assert area < 1.15


def test_without_a_jump_contrast_finds_the_strokes():
    picture, truth = draw_subtitle(np.ascontiguousarray(draw_picture(0, SIZE)), "Contrast")
    line = _line_of(truth)
    recall, area = _measure(find_strokes(picture.astype(np.float32), line, line, []), truth)
    assert recall > 0.98
    assert area < 2  # thin letters, grown by a px on each side


def test_what_moves_behind_the_line_is_not_taken_for_it():
    rng = np.random.default_rng(5)
    texture = cv2.GaussianBlur(rng.uniform(0, 255, (SIZE[1], SIZE[0] + 40, 3)).astype(np.float32), (0, 0), 3)
    texture = (texture - 127) * 3 + 127
    clear = texture[:, : SIZE[0]].clip(0, 255)
    moved = texture[:, 20 : SIZE[0] + 20].clip(0, 255).astype(np.uint8)
    with_line, truth = draw_subtitle(moved, "Moving")
    line = _line_of(truth)
    jump = Jump(clear.astype(np.float32), with_line.astype(np.float32))
    recall, area = _measure(find_strokes(with_line.astype(np.float32), line, line, [jump]), truth)
    assert recall > 0.98
    assert area < 2.2

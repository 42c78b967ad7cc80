"""What is measured on crops whose look and motion are known."""

import cv2
import numpy as np
import pytest
from media import draw_subtitle, draw_texture

from subremover.detect.classify.line import colours_of
from subremover.detect.classify.traits import is_on_board, measure

WHITE, YELLOW = (3, 3, 3), (3, 3, 0)


def _shift(image, px):
    turn = np.float32([[1, 0, px], [0, 1, px / 2]])
    return cv2.warpAffine(image, turn, (400, 140), borderMode=cv2.BORDER_REPLICATE)


def _crops(move_text=0.0, move_picture=0.0, blur=0.0, count=9):
    """Crops with a line over a picture, both moving by px a frame, to and fro."""
    texture = draw_texture((400, 140))
    blank = np.zeros_like(texture)
    drawn, strokes = draw_subtitle(blank, "Good morning")
    crops = []
    for i in range(count):
        text_px, picture_px = move_text * np.sin(i), move_picture * np.sin(i)
        alpha = _shift(strokes.astype(np.float32), text_px)[..., None]
        picture = _shift(texture, picture_px) * (1 - alpha) + _shift(drawn, text_px) * alpha
        crops.append(cv2.GaussianBlur(picture, (0, 0), blur) if blur else picture)
    line = np.zeros_like(strokes)
    x, y, width, height = cv2.boundingRect(strokes.astype(np.uint8))
    line[y : y + height, x : x + width] = True
    return np.stack(crops).clip(0, 255).astype(np.uint8), strokes, line


def test_what_stands_while_the_picture_moves():
    laid_over, scene = measure(*_crops(0, 3), 60), measure(*_crops(3, 3), 60)
    assert laid_over.stillness > 1
    assert scene.stillness < 0.5
    assert laid_over.unrest < np.log(0.1)
    assert scene.unrest > np.log(0.3)


def test_lettering_that_sways_by_half_a_px_is_found_to_move():
    assert measure(*_crops(0.5, 0.5), 60).unrest > measure(*_crops(0, 0.5), 60).unrest + 1


def test_what_is_drawn_is_sharper_than_what_a_camera_saw():
    assert measure(*_crops(), 60).sharpness > measure(*_crops(blur=1.5), 60).sharpness + 0.5


def test_one_crop_is_enough():
    crops, strokes, line = _crops(count=1)
    traits = measure(crops, strokes, line, 60)
    assert all(np.isfinite(getattr(traits, name)) for name in type(traits).__slots__)


def test_a_crop_full_of_strokes_has_traits():
    crops, strokes, line = _crops()
    traits = measure(crops, np.ones_like(strokes), np.ones_like(line), 60)
    assert all(np.isfinite(getattr(traits, name)) for name in type(traits).__slots__)


def test_colours_are_shares_of_the_strokes():
    picture = np.full((20, 40, 3), 10, np.uint8)
    strokes = np.zeros((20, 40), bool)
    strokes[5:15, 5:25] = True
    picture[5:15, 5:20], picture[5:15, 20:25] = (250, 250, 250), (250, 250, 5)
    colours = colours_of(picture, strokes)
    assert colours.shape == (4, 4, 4)
    assert colours[WHITE] == pytest.approx(0.75)
    assert colours[YELLOW] == pytest.approx(0.25)
    assert colours_of(picture, np.zeros_like(strokes)).sum() == 0


@pytest.mark.parametrize(
    ("board", "ground", "is_sign"),
    [
        pytest.param((30, 90, 200), "street", True, id="blue board in a street"),
        pytest.param((240, 240, 240), "street", True, id="white board in a street"),
        pytest.param((0, 0, 0), "street", False, id="black box"),
        pytest.param(None, "street", False, id="outlined"),
        pytest.param(None, "wall", False, id="plain wall"),
    ],
)
def test_a_board_is_plain_and_ends_near_the_line(board, ground, is_sign):
    picture = draw_texture((320, 120)) if ground == "street" else np.full((120, 320, 3), 120, np.uint8)
    _, strokes = draw_subtitle(picture, "Exit 12")
    x, y, width, height = cv2.boundingRect(strokes.astype(np.uint8))
    if board is not None:
        cv2.rectangle(picture, (x - 8, y - 8), (x + width + 8, y + height + 8), board, -1)
    picture, strokes = draw_subtitle(picture, "Exit 12")
    line = np.zeros_like(strokes)
    line[y - 4 : y + height + 4, x - 4 : x + width + 4] = True
    crop = np.s_[max(0, y - 40) : y + height + 40, max(0, x - 40) : x + width + 40]
    assert is_on_board(picture[crop], strokes[crop], line[crop]) == is_sign

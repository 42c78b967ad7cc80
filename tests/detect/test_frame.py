import numpy as np
import pytest
from media import DrawnPicture, draw_texture

from subremover.detect.frame import SMALL_SIDE_PX, Frame, halvings


@pytest.mark.parametrize(
    ("size", "count"),
    [
        *(((320, 180), 0), ((640, 360), 0), ((360, 640), 0), ((641, 360), 1), ((1280, 720), 1)),
        *(((1920, 1080), 2), ((1080, 1920), 2), ((3840, 2160), 3), ((7680, 4320), 4)),
    ],
)
def test_a_picture_is_halved_until_it_is_small(size, count):
    width, height = size
    assert halvings(height, width) == count
    assert max(size) >> count <= SMALL_SIDE_PX


@pytest.mark.parametrize("size", [(64, 48), (1281, 721), (721, 1283), (1283, 33)])
def test_the_small_picture_is_that_often_halved_in_size(size):
    width, height = size
    frame = Frame(0, DrawnPicture(draw_texture(size)))
    count = halvings(height, width)
    assert frame.small.shape == (height >> count, width >> count)
    assert frame.small.dtype == np.uint8
    step = 1 << count
    whole = frame.luma[: height // step * step, : width // step * step].astype(float)
    means = whole.reshape(height // step, step, width // step, step).mean((1, 3))
    assert np.abs(frame.small - means).max() <= 1.5


def test_the_colours_are_converted_by_nobody_who_looks_at_luma():
    class Picture(DrawnPicture):
        def rgb(self):
            raise AssertionError

    frame = Frame(5, Picture(draw_texture((700, 400))))
    assert frame.small is frame.small
    assert frame.luma is frame.picture.luma

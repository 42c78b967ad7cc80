"""Lettering that shakes over a picture, with it, and runs across it."""

import cv2
import numpy as np
import pytest
from media import draw_texture

from subremover.detect.captions.laid_over import moves_by_itself, moves_with_picture
from subremover.detect.captions.states import State
from subremover.detect.captions.stretch import Stretch
from subremover.geometry import Box

SHAKE = np.random.default_rng(2).integers(-3, 4, (16, 2))
RUN = np.array([(-2 * i, 0) for i in range(16)])
STILL = np.zeros((16, 2), int)


@pytest.mark.parametrize(
    ("lettering", "picture", "is_alone"),
    [(SHAKE, STILL, True), (SHAKE, SHAKE, False), (RUN, STILL, False), (STILL, SHAKE, False)],
)
def test_only_what_shakes_by_itself_is_laid_over(lettering, picture, is_alone):
    pictures, rows = [], []
    for (dx, dy), shift in zip(lettering.tolist(), picture.tolist(), strict=True):
        frame = draw_texture((320, 100), shift)
        for shade, thickness in (((0, 0, 0), 6), ((255, 255, 255), 2)):
            cv2.putText(frame, "what was that", (50 + dx, 60 + dy), 0, 0.8, shade, thickness)
        pictures.append(frame)
        rows.append([Box(46 + dx, 38 + dy, 192, 32)])
    states = [State(number, number, row) for number, (row,) in enumerate(rows)]
    stretch = Stretch(0, pictures, rows, [], False, [])
    assert moves_by_itself(stretch, states, has_stood=False) is is_alone
    assert moves_by_itself(stretch, states, has_stood=True) is (lettering is RUN or is_alone)
    assert moves_with_picture(stretch, states) is (lettering is picture)

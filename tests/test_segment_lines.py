import cv2
import numpy as np
import pytest
from media import draw_picture, draw_subtitle

from subremover.segment.lines import LineDetector


@pytest.fixture(scope="module")
def detector():
    return LineDetector()


def test_lettering_is_found(detector):
    picture, truth = draw_subtitle(draw_picture(0, (480, 270)), "Where have you been?")
    (line,) = detector.find_lines(picture)
    inside = np.zeros_like(truth)
    inside[line.grow(3, 3).clip(480, 270).slices] = True
    assert (truth & inside).sum() >= 0.99 * truth.sum()


def test_a_picture_without_lettering_has_no_lines(detector):
    assert detector.find_lines(np.zeros((96, 160, 3), np.uint8)) == []
    assert detector.find_lines(np.full((270, 480, 3), 200, np.uint8)) == []


def test_lettering_on_a_slope_belongs_to_the_scene(detector):
    picture, _ = draw_subtitle(np.full((270, 480, 3), 90, np.uint8), "Where have you been?")
    turn = cv2.getRotationMatrix2D((240, 220), 30, 0.6)
    assert detector.find_lines(cv2.warpAffine(picture, turn, (480, 270), borderValue=(90, 90, 90))) == []

import os
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
from media import draw_picture, draw_subtitle, draw_texture

from subremover.detect.candidates.line_detector import LineDetector
from subremover.geometry import Box


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


@pytest.mark.parametrize("size", [(960, 540), (1920, 1080), (1080, 1920), (3840, 2160)])
def test_lettering_is_found_in_pictures_of_any_size(size, detector):
    width, height = size
    ground = cv2.resize(draw_picture(0, (480, 270)), size)
    text = "Where have you been?" if width > height else "Been?"
    picture, truth = draw_subtitle(ground, text)
    (line,) = detector.find_lines(picture)
    pad_px = height // 90
    inside = np.zeros_like(truth)
    inside[line.grow(pad_px, pad_px).clip(width, height).slices] = True
    assert (truth & inside).sum() >= 0.99 * truth.sum()
    assert line.area < 1.7 * Box(*cv2.boundingRect(truth.astype(np.uint8))).area


@pytest.mark.parametrize("pad_px", [2, 12])
def test_a_line_is_found_in_a_crop_of_hardly_more_than_itself(pad_px, detector):
    picture, truth = draw_subtitle(draw_texture((480, 270)), "Where have you been?")
    box = Box(*cv2.boundingRect(truth.astype(np.uint8))).grow(pad_px, pad_px).clip(480, 270)
    (line,) = detector.find_lines(np.ascontiguousarray(picture[box.slices]))
    assert line.area > 0.6 * (box.width - 2 * pad_px) * (box.height - 2 * pad_px)
    assert line.clip(box.width, box.height) == line


@pytest.mark.parametrize("size", [(2, 1), (3, 200), (400, 2), (31, 63), (900, 8), (16, 900)])
def test_a_crop_of_any_shape_can_be_looked_at(size, detector):
    width, height = size
    for line in detector.find_lines(draw_texture(size)):
        assert line.clip(width, height) == line


def test_a_strip_takes_no_longer_than_a_picture_of_as_many_px(detector):
    def least_seconds(size):
        picture, seconds = draw_texture(size), []
        for _ in range(2):
            start = time.process_time()
            detector.find_lines(picture)
            seconds.append(time.process_time() - start)
        return min(seconds)

    assert least_seconds((1024, 64)) < 2 * least_seconds((256, 256))


_FIND = """
import sys, cv2
from media import draw_subtitle, draw_texture
from subremover.detect.candidates.line_detector import LineDetector
cv2.setNumThreads(int(sys.argv[1]))
picture, _ = draw_subtitle(draw_texture((960, 540)), "Where have you been?")
print(LineDetector().find_lines(picture))
"""


def test_the_number_of_threads_makes_no_difference(detector):
    picture, _ = draw_subtitle(draw_texture((960, 540)), "Where have you been?")
    here = detector.find_lines(picture)
    assert here
    count = cv2.getNumThreads()
    try:
        for threads in (1, 4):
            cv2.setNumThreads(threads)
            assert detector.find_lines(picture) == here
    finally:
        cv2.setNumThreads(count)
    environment = os.environ | {"OMP_NUM_THREADS": "3", "PYTHONPATH": os.pathsep.join(sys.path)}
    other = subprocess.run(
        [sys.executable, "-c", _FIND, "3"], env=environment, capture_output=True, text=True, check=True
    )
    assert other.stdout.strip() == str(here)


def test_lines_are_found_on_the_cpu_whatever_there_is(gpu_build):
    LineDetector().find_lines(draw_texture((64, 64)))
    assert gpu_build
    assert all(providers == ["CPUExecutionProvider"] for providers in gpu_build)

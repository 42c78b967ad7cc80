import itertools
from dataclasses import replace

import cv2
import numpy as np

from subremover.fill.temporal_smoothing import Filled, smooth_over_time

SIZE = (64, 160)
HOLE = np.zeros(SIZE, bool)
HOLE[24:40, 40:120:8] = HOLE[24:40, 41:120:8] = HOLE[24:40, 42:120:8] = True


def _scene(shift=0):
    noise = np.random.default_rng(5).uniform(-1, 1, (SIZE[0], 400, 3)).astype(np.float32)
    scene = 127 + 90 * np.tanh(6 * cv2.GaussianBlur(noise, (0, 0), 3))
    return scene[:, 50 + shift : 50 + shift + SIZE[1]].astype(np.float32)


def _fill(frame, shift, error, seed=None, noise=12.0):
    picture = _scene(shift)
    if seed is not None:
        picture = picture + HOLE[..., None] * np.random.default_rng(seed).normal(0, noise, 3).astype(
            np.float32
        )
    known = cv2.dilate(HOLE.astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
    errors = np.where(HOLE, np.float32(error), np.float32(0))
    return Filled(frame, picture, HOLE, known, errors, np.zeros(SIZE, bool))


def _miss(fill, shift):
    return float(np.sqrt(np.square(fill.picture - _scene(shift))[HOLE].mean()))


def test_errors_of_single_frames_are_averaged_along_a_pan():
    fills = [_fill(i, 2 * i, 12, seed=i) for i in range(6)]
    smoothed = smooth_over_time(fills)
    before, after = ([_miss(f, 2 * i) for i, f in enumerate(some)] for some in (fills, smoothed))
    assert np.mean(after) < 0.8 * np.mean(before)
    change = [np.abs(b.picture - a.picture - _scene(2 * i + 2) + _scene(2 * i))[HOLE].mean()
              for i, (a, b) in enumerate(itertools.pairwise(smoothed))]  # fmt: skip
    change_before = [np.abs(b.picture - a.picture - _scene(2 * i + 2) + _scene(2 * i))[HOLE].mean()
                     for i, (a, b) in enumerate(itertools.pairwise(fills))]  # fmt: skip
    assert np.mean(change) < 0.7 * np.mean(change_before)


def test_a_sure_fill_is_left_alone():
    fills = [_fill(0, 0, 60, seed=1, noise=60), _fill(1, 0, 1), _fill(2, 0, 60, seed=2, noise=60)]
    smoothed = smooth_over_time(fills)
    assert _miss(smoothed[1], 0) < 1
    assert _miss(smoothed[0], 0) < 0.3 * _miss(fills[0], 0)


def test_nothing_outside_the_hole_is_touched():
    fills = [_fill(i, 2 * i, 12, seed=i) for i in range(3)]
    for before, after in zip(fills, smooth_over_time(fills), strict=True):
        assert (after.picture == before.picture)[~HOLE].all()


def test_frames_that_are_no_neighbours_have_no_say():
    fills = [_fill(i, 0, 12, seed=i) for i in (0, 2, 9)]
    for before, after in zip(fills, smooth_over_time(fills), strict=True):
        assert np.allclose(after.picture, before.picture, atol=1e-3)


def test_another_picture_has_little_say():
    other = _fill(1, 100, 3)
    (smoothed, _) = smooth_over_time([_fill(0, 0, 3), other])
    assert _miss(smoothed, 0) < 3


def test_what_is_open_stays_open():
    fill = _fill(0, 0, np.inf)
    (smoothed, _) = smooth_over_time([fill, _fill(1, 0, 5)])
    assert np.isinf(smoothed.error[HOLE]).all()
    assert (smoothed.picture == fill.picture).all()


def test_lettering_that_stays_is_neither_averaged_nor_averaged_from():
    letters = np.zeros(SIZE, bool)
    letters[20:44, 46:60] = True  # reaches into the hole

    def write_letters(fill):
        picture = np.where(letters[..., None], np.float32(255), fill.picture)
        return replace(fill, picture=picture, known=fill.known & ~letters, lettering=letters)

    fills = [_fill(i, 8 * i, 12, seed=i) for i in range(3)]
    for i, (plain, fill) in enumerate(
        zip(smooth_over_time(fills), smooth_over_time([write_letters(f) for f in fills]), strict=True)
    ):
        assert (fill.picture[letters] == 255).all()
        film = HOLE & ~letters
        worst, usual = (np.abs(f.picture - _scene(8 * i))[film].max() for f in (fill, plain))
        assert worst < usual + 8

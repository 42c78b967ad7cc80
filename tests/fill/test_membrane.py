import cv2
import numpy as np
import pytest

from subremover.fill.membrane import REACH_PX, join

SIZE = (80, 200)
HOLE = np.zeros(SIZE, bool)
HOLE[30:46, 30:170:12] = HOLE[30:46, 31:170:12] = HOLE[30:46, 32:170:12] = HOLE[30:46, 33:170:12] = True
NEAR = cv2.dilate(HOLE.astype(np.uint8), np.ones((2 * REACH_PX + 1,) * 2, np.uint8)) > 0
KNOWN = cv2.dilate(HOLE.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0


def _texture(seed: int, scale: float = 2.0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1, (*SIZE, 1)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), scale)
    return np.repeat((120 + 25 * smooth / smooth.std())[..., None], 3, axis=2)


def _hide(truth: np.ndarray) -> np.ndarray:
    target = np.rint(np.clip(truth, 0, 255)).astype(np.uint8)
    target[HOLE] = 255
    return target


def _join(picture: np.ndarray, target: np.ndarray) -> np.ndarray:
    shown = np.where(NEAR[..., None], picture, 0).astype(np.float32)
    joined = join(shown, target, NEAR, KNOWN)
    np.testing.assert_array_equal(joined[~NEAR], shown[~NEAR])
    return joined


def _off(picture: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(np.square(picture - truth)[HOLE].mean()))


def test_light_that_falls_otherwise_is_evened_out():
    truth = _texture(1)
    ramp = np.linspace(-20, 20, SIZE[1], dtype=np.float32)[None, :, None] * np.array([1, 0.5, -0.5])
    assert _off(truth + ramp, truth) > 5
    assert _off(_join(truth + ramp, _hide(truth)), truth) < 0.5 * _off(truth + ramp, truth)


def test_what_is_right_but_for_noise_stays():
    truth = _texture(1)
    noisy = truth + np.random.default_rng(2).normal(0, 2, truth.shape).astype(np.float32)
    assert _off(_join(noisy, _hide(truth)), truth) < 1.1 * _off(noisy, truth)


def test_contrast_that_tells_nothing_is_damped():
    truth, other = np.full((*SIZE, 3), 120, np.float32), _texture(3)
    joined = _join(other, _hide(truth))
    assert joined[HOLE].std() < 0.4 * other[HOLE].std()
    assert _off(joined, truth) < 0.4 * _off(other, truth)


def test_the_subtitles_colour_around_the_hole_is_not_carried_on():
    truth = np.full((*SIZE, 3), 120, np.float32)
    target = _hide(truth)
    smeared = (cv2.dilate(HOLE.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0) & ~HOLE
    target[smeared] = (104, 126, 130)  # cyan, as bright
    assert _off(_join(truth, target), truth) < 1


def test_nothing_changes_where_nothing_is_known():
    picture = _texture(1)
    joined = join(picture, _hide(picture), NEAR, np.zeros(SIZE, bool))
    np.testing.assert_array_equal(joined, picture)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 2), (5, 7), (17, 33)])
def test_odd_crops_pass(size):
    picture = np.full((*size, 3), 100, np.float32)
    known = np.zeros(size, bool)
    known[0, 0] = True
    joined = join(picture, np.full((*size, 3), 110, np.uint8), np.ones(size, bool), known)
    assert joined.shape == picture.shape
    assert np.isfinite(joined).all()
    assert (joined >= 99).all()
    assert (joined <= 111).all()

import cv2
import numpy as np
import pytest

from subremover.motion.align import View, warp_by, warp_still
from subremover.motion.scoring import Places, blend, score

SIZES = [(40, 90), (60, 150), (100, 200), (170, 260)]  # a place of the grid every 1, 2, 3 and 4 px


def _scene(size, shift=0, light=0):
    noise = np.random.default_rng(3).uniform(-1, 1, (size[0], size[1] + 40, 3)).astype(np.float32)
    scene = 120 + 80 * np.tanh(6 * cv2.GaussianBlur(noise, (0, 0), 2.5)) + light
    return np.clip(scene[:, 20 + shift : 20 + shift + size[1]], 0, 255).astype(np.uint8)


def _hole(size):
    hole = np.zeros(size, bool)
    hole[size[0] // 3 : size[0] // 2, size[1] // 4 : size[1] // 2] = True
    return hole


def _target(size):
    picture = _scene(size)
    picture[_hole(size)] = 255
    return View(picture, ~_hole(size))


def _whole(picture):
    return View(picture, np.ones(picture.shape[:2], bool))


def _move(dx):
    return np.array([[1, 0, dx], [0, 1, 0], [0, 0, 1.0]])


@pytest.mark.parametrize("size", SIZES)
def test_the_warp_that_undoes_the_motion_wins(size):
    target, source = _target(size), _whole(_scene(size, shift=-6))
    warps = [warp_still(source), warp_by(source, _move(6)), warp_by(source, _move(-6))]
    candidates = score(target, warps)
    errors = [candidate.error.mean() for candidate in candidates]
    assert errors[1] < 0.1 * min(errors[0], errors[2])
    picture, error, whose = blend(target, candidates, _hole(size))
    truth = _scene(size).astype(np.float32)
    assert np.abs(picture - truth)[_hole(size)].mean() < 2
    assert (whose[_hole(size)] == 1).all()
    assert error[_hole(size)].mean() < 6


@pytest.mark.parametrize("size", SIZES)
def test_light_that_changed_is_no_error(size):
    (candidate,) = score(_target(size), [warp_still(_whole(_scene(size, light=20)))])
    assert candidate.error.mean() < 4
    assert np.abs(candidate.offset + 20).mean() < 2


@pytest.mark.parametrize("size", SIZES)
def test_a_source_gives_nothing_out_of_its_hole(size):
    spoilt = _scene(size)
    spoilt[_hole(size)] = (255, 0, 255)
    clear = cv2.erode(_hole(size).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    picture, error, whose = blend(
        _target(size), score(_target(size), [warp_still(View(spoilt, ~_hole(size)))]), _hole(size)
    )
    assert np.isinf(error[clear]).all()
    assert (whose[clear] == -1).all()
    both = [warp_still(View(spoilt, ~_hole(size))), warp_still(_whole(_scene(size)))]
    picture, error, whose = blend(_target(size), score(_target(size), both), _hole(size))
    assert (whose[_hole(size)] == 1).all()
    assert np.abs(picture - _scene(size).astype(np.float32))[_hole(size)].max() < 3


def test_the_error_grows_with_the_disagreement():
    size, errors = SIZES[1], []
    for noise in (1, 12):
        grain = np.random.default_rng(1).normal(0, noise, (4, *size, 3))
        sources = [_whole(np.clip(_scene(size) + part, 0, 255).astype(np.uint8)) for part in grain]
        candidates = score(_target(size), [warp_still(source) for source in sources])
        errors.append(blend(_target(size), candidates, _hole(size))[1][_hole(size)].mean())
    assert errors[1] > 4 * errors[0]


def test_places_take_and_put_what_is_theirs():
    chosen = np.zeros((9, 14), bool)
    chosen[2:5, 3:11] = True
    levels = np.random.default_rng(0).uniform(0, 9, (9, 14, 3)).astype(np.float32)
    places = Places(chosen, 1)
    assert (places.put(np.zeros_like(levels), places.take(levels)) == levels * chosen[..., None]).all()
    assert np.allclose(places.on_grid(levels), places.take(levels), atol=1e-4)

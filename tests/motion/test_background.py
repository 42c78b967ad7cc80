import cv2
import numpy as np
import pytest

from subremover.motion.align import View
from subremover.motion.background import find_background

SIZE = (96, 240)
HOLE = np.zeros(SIZE, bool)
HOLE[36:60, 40:200] = True


def _scene(shift, seed=0, noise=0.0, light=0.0):
    """A texture that moves by a shift, with grain of its own in each frame."""
    rng = np.random.default_rng(3)
    texture = cv2.GaussianBlur(rng.uniform(-1, 1, (140, 400, 3)).astype(np.float32), (0, 0), 2.5)
    moved = 120 + 80 * np.tanh(6 * texture)[20 : 20 + SIZE[0], 60 + shift : 60 + shift + SIZE[1]] + light
    return np.clip(moved + np.random.default_rng(seed).normal(0, noise, moved.shape), 0, 255).astype(np.uint8)


def _target(**scene):
    picture = _scene(0, **scene)
    picture[HOLE] = 255
    return View(picture, ~HOLE)


def _whole(picture):
    return View(picture, np.ones(SIZE, bool))


def _off(background, truth):
    return np.abs(background.picture - truth.astype(np.float32)).max(axis=2)


@pytest.mark.parametrize("shift", [0, 1, 9])
def test_the_background_is_what_the_sources_show(shift):
    background = find_background(_target(), [_whole(_scene(shift * (i + 1))) for i in range(3)])
    assert background.covered[HOLE].all()
    assert _off(background, _scene(0))[HOLE].mean() < 6


def test_other_light_is_evened_out():
    background = find_background(_target(), [_whole(_scene(0, light=18))])
    assert _off(background, _scene(0))[HOLE].mean() < 5


def test_the_best_sources_win():
    other = np.random.default_rng(1).integers(0, 255, (*SIZE, 3)).astype(np.uint8)
    background = find_background(_target(), [_whole(other), _whole(_scene(0)), _whole(other[::-1].copy())])
    assert _off(background, _scene(0))[HOLE].mean() < 3


@pytest.mark.parametrize("noise", [2.0, 10.0])
def test_the_error_is_what_it_says(noise):
    sources = [_whole(_scene(0, seed=i + 1, noise=noise)) for i in range(4)]
    background = find_background(_target(seed=9, noise=noise), sources)
    off = _off(background, _scene(0, seed=9, noise=noise))[HOLE]
    expected = background.error[HOLE]
    assert 0.7 < np.sqrt((expected**2).mean()) / np.sqrt((off**2).mean()) < 1.6


def test_the_error_is_great_where_something_else_moved():
    source = _scene(0)
    source[:, 130:] = np.random.default_rng(2).integers(0, 255, source[:, 130:].shape)
    error = find_background(_target(), [_whole(source)]).error
    assert error[40:56, 160:190].mean() > 5 * error[40:56, 50:80].mean()


def test_no_pixel_comes_out_of_a_sources_hole():
    spoilt = _scene(0)
    spoilt[HOLE] = (255, 0, 255)
    hidden = find_background(_target(), [View(spoilt, ~HOLE), View(spoilt, ~HOLE)])
    assert not hidden.covered[40:56, 60:180].any()
    assert np.isinf(hidden.error[~hidden.covered]).all()
    shown = find_background(_target(), [View(spoilt, ~HOLE), _whole(_scene(0))])
    assert shown.covered[HOLE].all()
    assert _off(shown, _scene(0))[HOLE].mean() < 3


def test_the_targets_hole_does_not_matter():
    black, white = _scene(0), _scene(0)
    black[HOLE], white[HOLE] = 0, 255
    sources = [_whole(_scene(4)), _whole(_scene(-5))]
    first, second = (find_background(View(p, ~HOLE), sources) for p in (black, white))
    assert (first.picture == second.picture).all()
    assert (first.error == second.error).all()


def test_without_sources_nothing_is_covered():
    background = find_background(_target(), [])
    assert not background.covered.any()
    assert np.isinf(background.error).all()


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (17, 16), (40, 7), (64, 64)])
@pytest.mark.parametrize("hole", ["none", "dot", "all"])
@pytest.mark.parametrize("level", [None, 128])
def test_odd_crops_pass(size, hole, level):
    known = np.full(size, hole != "all")
    known[size[0] // 2, size[1] // 2] &= hole != "dot"
    picture = _scene(0)[: size[0], : size[1]] if level is None else np.full((*size, 3), level, np.uint8)
    background = find_background(View(picture, known), [View(picture, np.ones(size, bool))] * 2)
    assert background.covered.all()
    assert np.abs(background.picture - picture).max() < 1.5

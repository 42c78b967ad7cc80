import cv2
import numpy as np
import pytest

from subremover.detect.masking.gradient import disc
from subremover.detect.masking.rim import complete_rim, find_fill, grow_soft_rim

SIZE = (60, 300)


def _letters():
    drawn = np.zeros(SIZE, np.uint8)
    cv2.putText(drawn, "Rims are alike", (14, 40), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 1, 3)
    return drawn.astype(bool)


def _grow(mask, px):
    return cv2.dilate(mask.astype(np.uint8), disc(px)).astype(bool)


def _scene(shift_px=0):
    """White letters with a black rim, and a shadow moved right and down, over grey and then over black."""
    fill = _letters()
    rim = _grow(fill, 3)
    rim |= np.roll(rim, (shift_px, shift_px), (0, 1))
    steady = np.full((*SIZE, 3), 120, np.float32)
    steady[:, 120:] = 4
    steady[rim] = 0
    steady[fill] = 240
    return fill, rim, steady


@pytest.mark.parametrize("shift_px", [0, 3])
def test_a_rim_that_nothing_shows_is_as_wide_as_elsewhere(shift_px):
    fill, rim, steady = _scene(shift_px)
    seen = fill | (rim & (np.arange(SIZE[1]) < 120))
    whole = complete_rim(seen, steady, np.ones(SIZE, bool), 9)
    assert (seen & rim).sum() < 0.8 * rim.sum()
    assert (whole & rim).sum() > 0.9 * rim.sum()
    assert (whole & ~rim).sum() < 0.06 * rim.sum()


def test_letters_without_a_rim_get_none():
    fill = _letters()
    steady = np.full((*SIZE, 3), 120, np.float32)
    steady[fill] = 240
    specks = fill.copy()
    specks[::9, ::7] = True
    assert (complete_rim(fill, steady, np.ones(SIZE, bool), 9) == fill).all()
    assert complete_rim(specks, steady, np.ones(SIZE, bool), 9).sum() < 1.05 * specks.sum()


def test_the_inside_of_letters_is_told_from_a_rim_of_more_pixels():
    fill, rim, steady = _scene()
    assert rim.sum() > 2 * fill.sum()
    assert (find_fill(rim, steady) == fill).all()
    assert not find_fill(np.zeros(SIZE, bool), steady).any()


def test_a_glow_is_followed_to_its_end():
    fill = _letters()
    glow = cv2.GaussianBlur(_grow(fill, 3).astype(np.float32), (0, 0), 2.5)[..., None]
    noise = np.random.default_rng(3).uniform(-1, 1, (*SIZE, 3)).astype(np.float32)
    plain = 120 + 60 * np.tanh(5 * cv2.GaussianBlur(noise, (0, 0), 2))
    steady = (1 - glow) * plain
    steady[fill] = 240
    grown = grow_soft_rim(_grow(fill, 2), steady, 9)
    assert grown[glow[..., 0] > 0.3].mean() > 0.99
    assert not (grown & ~_grow(fill, 9)).any()
    sharp = np.where(_grow(fill, 3)[..., None], 0, plain)
    assert (grow_soft_rim(_grow(fill, 3), sharp, 9) == _grow(fill, 3)).all()

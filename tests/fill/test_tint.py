import cv2
import numpy as np

from subremover.fill.tint import TINT_PX, TO_YCC, clear_tint

SIZE = 48, 96
HOLE = np.zeros(SIZE, bool)
HOLE[20:28, 20:70] = True


def _near(reach_px):
    return cv2.dilate(HOLE.astype(np.uint8), np.ones((2 * reach_px + 1,) * 2, np.uint8)) > 0


def _draw_film():
    """A picture whose chroma changes slowly and whose luma does not."""
    x = np.linspace(0, 1, SIZE[1], dtype=np.float32)
    grain = np.random.default_rng(1).uniform(0.3, 0.5, SIZE).astype(np.float32)
    return np.dstack([grain + 0.1 * x, grain, grain + 0.1 * (1 - x)]).astype(np.float32)


def test_a_tint_around_the_hole_goes_and_luma_stays():
    film = _draw_film()
    tinted, tint = film.copy(), cv2.transform(np.float32([[[0, 0.3, -0.3]]]), np.linalg.inv(TO_YCC))[0, 0]
    tinted[HOLE] += tint
    tinted[_near(TINT_PX) & ~HOLE] += 0.3 * tint
    ring = _near(TINT_PX) & ~HOLE
    cleared = clear_tint(tinted, HOLE)
    before, after = (np.abs(cv2.transform(p - film, TO_YCC))[ring].mean(axis=0) for p in (tinted, cleared))
    assert after[0] < 1e-5
    assert (after[1:] < 0.05 * before[1:]).all()
    assert (cleared[~_near(TINT_PX)] == film[~_near(TINT_PX)]).all()


def test_without_a_hole_or_surroundings_nothing_changes():
    film = _draw_film()
    for hole in (np.zeros(SIZE, bool), np.ones(SIZE, bool)):
        assert (clear_tint(film, hole) == film).all()


def test_a_colour_that_is_not_the_subtitles_stays():
    film = _draw_film()
    film[HOLE] = (1, 1, 0)
    film[_near(TINT_PX) & ~HOLE] -= (0.1, 0.1, 0)  # the other way
    assert np.abs(clear_tint(film, HOLE) - film).max() < 1e-6

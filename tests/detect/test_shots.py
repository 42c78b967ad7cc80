import numpy as np
import pytest
from media import DrawnPicture, add_grain, draw_picture, draw_texture, known_to_fail

from subremover.detect.shots import CutDetector, shots_from_cuts
from subremover.plan.model import Shot

SIZE = (320, 180)


def _find_cuts(pictures):
    detector = CutDetector()
    lumas = (DrawnPicture(np.asarray(picture)).luma for picture in pictures)
    for index, luma in enumerate(lumas):
        detector.feed(index, luma)
    return detector.cuts


def _swing(count, speeds_px, seed=0, grain=0.0):
    """A camera with a speed for each frame; the last one stays."""
    places = np.cumsum([speeds_px[min(i, len(speeds_px) - 1)] for i in range(count)])
    pictures = [draw_texture(SIZE, (float(place), 0), seed) for place in places]
    return [add_grain(p, grain, i) for i, p in enumerate(pictures)] if grain else pictures


def test_a_cut_is_found_on_the_very_frame():
    pictures = [draw_picture(i, (320, 180)) for i in range(20)]
    pictures += [np.ascontiguousarray(255 - draw_picture(i, (320, 180))[::-1]) for i in range(20, 30)]
    assert _find_cuts(pictures) == [20]


def test_a_flash_and_a_fade_are_no_cuts():
    pictures = [draw_picture(i, (320, 180)).astype(float) for i in range(30)]
    pictures[10] = pictures[10] * 0.5 + 127
    fading = [p * max(0.0, 1 - (i - 15) / 12) if i > 15 else p for i, p in enumerate(pictures)]
    assert _find_cuts([p.astype(np.uint8) for p in fading]) == []


WILD = pytest.param(6, marks=known_to_fail("a wild pan over fine texture changes as much as a cut"))


@pytest.mark.parametrize("grain", [0, 6])
@pytest.mark.parametrize("speed_px", [0, 2, 3, WILD])
def test_a_cut_between_two_shots_in_motion_is_found(speed_px, grain):
    pictures = _swing(12, [speed_px], 0, grain) + _swing(12, [speed_px], 1, grain)
    assert _find_cuts(pictures) == [12]


@pytest.mark.parametrize("speed_px", [3, 6])
def test_a_film_may_begin_with_a_pan(speed_px):
    assert _find_cuts(_swing(12, [speed_px])) == []


@pytest.mark.parametrize(("frames", "fastest_px"), [(4, 8), (4, 16), (8, 16), (8, 30)])
def test_a_camera_that_begins_to_swing_is_no_cut(frames, fastest_px):
    speeds = [0] * 10 + [fastest_px * (i + 1) / frames for i in range(frames)]
    for seed in range(3):
        assert _find_cuts(_swing(24, speeds, seed)) == []


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("strength", [0.3, 0.6, 0.8])
def test_a_white_flash_is_no_cut(strength, count):
    pictures = _swing(30, [2])
    for index in range(12, 12 + count):
        flashed = pictures[index] * (1 - strength) + 255 * strength
        pictures[index] = np.rint(flashed).astype(np.uint8)
    assert _find_cuts(pictures) == []


def test_a_flash_of_pure_white_is_no_cut():
    pictures = _swing(30, [2])
    pictures[12] = np.full_like(pictures[12], 255)
    assert _find_cuts(pictures) == []


def test_short_shots_are_all_found():
    pictures = [p for seed in range(5) for p in _swing(3, [2], seed)]
    assert _find_cuts(pictures) == [3, 6, 9, 12]


def test_the_scale_of_the_picture_makes_no_difference():
    pictures = _swing(8, [3], 0) + _swing(8, [3], 1)
    assert _find_cuts([p[::2, ::2] for p in pictures]) == _find_cuts(pictures) == [8]


def test_shots_cover_the_film():
    assert shots_from_cuts([4, 9], 12) == (Shot(0, 3), Shot(4, 8), Shot(9, 11))
    assert shots_from_cuts([], 5) == (Shot(0, 4),)

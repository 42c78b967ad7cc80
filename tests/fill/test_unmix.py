import cv2
import numpy as np
import pytest
from overlays import SIZE, draw_background, draw_frame, draw_letters, draw_pane, psnr

from subremover.fill.unmix import learn_overlay, learn_pane, measure_mix, measure_underlay, trust, unmix


def draw_shown() -> np.ndarray:
    return np.stack([draw_frame(draw_background(40 + 4 * i), 1.0) for i in range(8)])


@pytest.fixture(scope="module")
def strokes() -> np.ndarray:
    return cv2.dilate((draw_letters()[0][..., 0] > 0).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0


def test_the_opacity_is_found_whatever_is_behind_the_letters(strokes):
    overlay = learn_overlay(draw_shown(), strokes)
    for opacity in (0.0, 0.1, 0.3, 0.6, 0.9):
        mix = measure_mix(draw_frame(draw_background(20), opacity), overlay)
        assert mix.opacity == pytest.approx(opacity, abs=0.02)


def test_a_faint_subtitle_comes_off_and_leaves_the_picture(strokes):
    overlay = learn_overlay(draw_shown(), strokes)
    for opacity in (0.1, 0.25):
        background = draw_background(20)
        frame = draw_frame(background, opacity)
        clean = unmix(frame, overlay, measure_mix(frame, overlay).opacity)
        assert psnr(clean, background, strokes) > psnr(frame, background, strokes) + 6
        assert psnr(clean, background, strokes) > 33
        assert np.array_equal(clean[~strokes], frame[~strokes])


def test_rims_are_known_to_cover_less_where_the_background_moves(strokes):
    cover = draw_letters()[0][..., 0]
    overlay = learn_overlay(draw_shown(), strokes)
    assert overlay.cover[cover == 1].mean() > 0.9
    assert overlay.cover[strokes & (cover < 0.1)].mean() < 0.4


@pytest.mark.parametrize("shadow", [0.0, 0.6])
def test_a_shadow_that_comes_through_the_letters_is_found(strokes, shadow):
    overlay = learn_overlay(draw_shown(), strokes)
    opacities = np.arange(1, 8) / 10
    frames = [draw_frame(draw_background(30 - 4 * i), o, shadow) for i, o in enumerate(opacities)]
    assert measure_underlay([measure_mix(f, overlay) for f in frames]) == pytest.approx(shadow, abs=0.2)


def test_too_few_frames_tell_nothing_of_a_shadow(strokes):
    overlay = learn_overlay(draw_shown(), strokes)
    assert measure_underlay([measure_mix(draw_frame(draw_background(0), 0.4, 0.6), overlay)]) == 0


def test_trust_falls_with_the_opacity():
    assert trust(0.2) == 1
    assert 0 < trust(0.4) < 1
    assert trust(0.2) > trust(0.2, underlay=0.6)
    assert trust(0.7) == 0


@pytest.mark.parametrize(("rest", "colour"), [(0.4, 0.0), (0.6, 0.3)])
def test_a_see_through_box_comes_off_but_for_its_letters(rest, colour):
    clear = draw_background(20)
    shown, plate = draw_pane(draw_background(21), rest, colour)
    pane = learn_pane(shown, clear, plate)
    assert pane is not None
    letters = (draw_letters()[1] > 0.2).any(-1)
    assert not (pane.strokes & letters).any()
    assert pane.strokes.sum() > 0.25 * plate.sum()
    later = draw_background(60)
    assert psnr(unmix(draw_pane(later, rest, colour)[0], pane), later, pane.strokes) > 30


def test_no_box_is_seen_where_nothing_shows_through(strokes):
    clear = draw_background(20)
    assert learn_pane(draw_pane(clear, 0.0, 0.2)[0], clear, draw_pane(clear, 0.0)[1]) is None
    assert learn_pane(draw_frame(clear, 1.0), clear, strokes) is None
    assert learn_pane(clear, clear, draw_pane(clear, 0.0)[1]) is None


def test_no_box_is_seen_where_the_whole_picture_grew_darker():
    clear, (_, plate) = draw_background(20), draw_pane(draw_background(20), 0.5)
    assert learn_pane(0.6 * clear, clear, plate) is None


def test_an_opaque_plate_on_a_plain_wall_is_no_see_through_box():
    clear = np.full((*SIZE, 3), 0.6, np.float32)
    clear += np.random.default_rng(0).normal(0, 1 / 255, clear.shape).astype(np.float32)
    shown, plate = draw_pane(clear, 0.0, 0.3)
    assert learn_pane(shown, clear, plate) is None

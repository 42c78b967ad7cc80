import cv2
import numpy as np
import pytest

from subremover.fill.unmix import (
    learn_overlay,
    learn_pane,
    measure_mix,
    measure_underlay,
    trust,
    unmix,
)

SIZE = 60, 200


def draw_background(shift: int) -> np.ndarray:
    """(h, w, 3) float32, blots in all colours; the camera pans."""
    rng = np.random.default_rng(3)
    noise = rng.random((SIZE[0], SIZE[1] + 200, 3)).astype(np.float32)
    blots = cv2.GaussianBlur(noise, (0, 0), 4)
    return np.clip(0.5 + 4 * (blots - 0.5), 0.05, 0.95)[:, shift : shift + SIZE[1]]


def draw_letters() -> tuple[np.ndarray, np.ndarray]:
    """Coverage (h, w, 1) of the letters with a dark outline, and their colour (h, w, 3)."""
    fill, edge = np.zeros((2, *SIZE), np.uint8)
    for canvas, thickness in ((edge, 8), (fill, 3)):
        cv2.putText(canvas, "Wind?", (25, 42), cv2.FONT_HERSHEY_SIMPLEX, 1.5, 255, thickness, cv2.LINE_AA)
    colour = np.repeat(fill[..., None].astype(np.float32) / 255, 3, 2)
    return edge[..., None].astype(np.float32) / 255, colour


def draw_frame(background: np.ndarray, opacity: float, shadow: float = 0.0) -> np.ndarray:
    """A background under letters, over a black layer of the same shape; coding noise on top."""
    cover, colour = draw_letters()
    mixed = background * (1 - shadow * opacity * cover)
    mixed = mixed + opacity * cover * (colour - mixed)
    noise = np.random.default_rng(int(opacity * 100)).normal(0, 1 / 255, mixed.shape)
    return (mixed + noise).astype(np.float32)


def draw_shown() -> np.ndarray:
    return np.stack([draw_frame(draw_background(40 + 4 * i), 1.0) for i in range(8)])


@pytest.fixture(scope="module")
def strokes() -> np.ndarray:
    return cv2.dilate((draw_letters()[0][..., 0] > 0).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0


def psnr(one: np.ndarray, other: np.ndarray, where: np.ndarray) -> float:
    return float(-10 * np.log10(np.square(one - other)[where].mean()))


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


def draw_pane(background: np.ndarray, rest: float, colour: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """A plate with letters on a background, and its (h, w) bool."""
    plate = np.zeros(SIZE, bool)
    plate[8:52, 10:190] = True
    cover, letters = draw_letters()
    cover = cover * letters
    tinted = np.where(plate[..., None], rest * background + (1 - rest) * colour, background)
    return (tinted + cover * (1 - tinted)).astype(np.float32), plate


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

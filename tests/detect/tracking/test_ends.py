import cv2
import numpy as np
import pytest
from media import draw_picture, draw_subtitle, draw_texture
from tracking import SIZE, TEXT, draw_pan, fade, line_box, paint_on, show, watch

from subremover.detect.tracking.ends import CLEAR_FRAMES, SHOWN_FRAMES

COUNT = 80


def _crops(pictures, life, indices):
    return [pictures[index][life.track.line_crop.crop.slices] for index in indices]


@pytest.mark.parametrize(("speed_px", "grain"), [(0, 4), (0.5, 0), (2, 4), (6, 0)])
def test_a_hard_line_has_its_very_first_and_last_frame(speed_px, grain):
    pictures = show(draw_pan(COUNT, speed_px, grain), fade(20, 49))
    for found in (20, 31):
        life = watch(pictures, found)
        assert life.span == (20, 49)
        assert [life.start.opacity(i) for i in (20, 21)] == [1, 1]
        assert [life.end.opacity(i) for i in (48, 49)] == [1, 1]


@pytest.mark.parametrize(("speed_px", "grain"), [(0, 0), (0.5, 4), (2, 4)])
@pytest.mark.parametrize("fade_frames", [2, 6, 12])
def test_a_fade_is_found_to_the_frame_and_so_are_its_opacities(fade_frames, speed_px, grain):
    truth = fade(24, 50, fade_frames)
    pictures = show(draw_pan(COUNT, speed_px, grain), truth)
    life = watch(pictures, 24 - fade_frames // 3)
    assert abs(life.start.frame - min(truth)) <= 1
    assert abs(life.end.frame - max(truth)) <= 1
    for index, opacity in truth.items():
        drawn = min(life.start.opacity(index), life.end.opacity(index))
        assert drawn == pytest.approx(opacity, abs=0.12 + 0.5 / (fade_frames + 1))


@pytest.mark.parametrize("frames", [2, 3, 4])
def test_a_line_of_few_frames_has_its_ends(frames):
    pictures = show(draw_pan(40, 2), fade(20, 19 + frames))
    for found in (20, 19 + frames):
        life = watch(pictures, found)
        assert life.span == (20, 19 + frames)
        assert life.track.sure_count == frames
        assert not life.has_passed


def test_a_line_that_fills_the_film_has_no_clear_frames():
    life = watch(show(draw_pan(30, 2), fade(0, 29)), 4)
    assert life.span == (0, 29)
    assert len(life.start.clear) == len(life.end.clear) == 0
    assert not life.start.is_alone
    assert not life.end.is_alone


@pytest.mark.parametrize("fade_frames", [0, 6])
def test_clear_crops_never_show_the_line_and_shown_crops_show_all_of_it(fade_frames):
    clean = draw_pan(COUNT, 2)
    pictures = show(clean, fade(26, 50, fade_frames))
    life = watch(pictures, 28)
    (first, last), steps = life.span, range(CLEAR_FRAMES)
    assert np.array_equal(life.start.clear, _crops(clean, life, [first - 1 - i for i in steps]))
    assert np.array_equal(life.end.clear, _crops(clean, life, [last + 1 + i for i in steps]))
    for end, indices in ((life.start, range(26, 30)), (life.end, range(47, 51))):
        full = _crops(pictures, life, indices)
        assert len(end.shown) == SHOWN_FRAMES
        assert all(any(np.array_equal(crop, other) for other in full) for crop in end.shown)


@pytest.mark.parametrize(("before", "after"), [(0, 0), (1, 3), (2, 0), (9, 9)])
def test_clear_crops_never_come_from_across_a_cut(before, after):
    here, elsewhere = draw_pan(COUNT, 2), draw_pan(COUNT, 2, seed=1)
    cuts = [20 - before, 50 + after]
    clean = [here[i] if cuts[0] <= i < cuts[1] else elsewhere[i] for i in range(COUNT)]
    life = watch(show(clean, fade(20, 49)), 24, cuts=cuts)
    assert life.span == (20, 49)
    kept = [min(count, CLEAR_FRAMES) for count in (before, after)]
    assert [len(life.start.clear), len(life.end.clear)] == kept
    expected = _crops(here, life, range(19, 19 - kept[0], -1))
    assert all(np.array_equal(*pair) for pair in zip(life.start.clear, expected, strict=True))
    assert [life.start.is_alone, life.end.is_alone] == [before > 0, after > 0]


@pytest.mark.parametrize(
    "speeds_px",
    [
        *([0.2], [0.75], [1], [2], [3]),
        [0.35, 0.4, 0.45, 0.5],
    ],
)
def test_lettering_that_moves_with_the_scene_passes(speeds_px):
    for speed_px in speeds_px:
        for dx, dy in ((speed_px, 0), (-speed_px, -speed_px / 2)):
            pictures = paint_on([draw_texture(SIZE, (dx * i, dy * i)) for i in range(50)], (dx, dy))
            line = line_box().shift(round(26 * dx), round(26 * dy)).clip(*SIZE)
            assert watch(pictures, 26, line).has_passed


@pytest.mark.parametrize(("speed_px", "grain"), [(0, 0), (0.5, 4), (1, 0), (6, 4)])
def test_a_line_that_is_laid_over_came_and_went_alone(speed_px, grain):
    life = watch(show(draw_pan(COUNT, speed_px, grain), fade(24, 49)), 27)
    assert life.start.is_alone
    assert life.end.is_alone
    assert not life.has_passed


@pytest.mark.parametrize(
    ("fade_frames", "speed_px"),
    [
        *((6, 0), (6, 2), (12, 0), (12, 6)),
        # Fewer frames with all of the line are at hand than the fade has, so that the pan looks slower there.
        (6, 0.5),
        (12, 0.5),
        (12, 1),
    ],
)
def test_a_line_that_fades_came_and_went_alone(fade_frames, speed_px):
    life = watch(show(draw_pan(COUNT, speed_px), fade(26, 49, fade_frames)), 27)
    assert [life.start.is_alone, life.end.is_alone] == [True, True]


@pytest.mark.parametrize("fade_frames", [4, 8, 16])
def test_lettering_of_a_scene_that_dissolves_did_not_come_alone(fade_frames):
    here = draw_subtitle(draw_texture(SIZE), TEXT)[0].astype(float)
    elsewhere = draw_texture(SIZE, seed=1).astype(float)
    opacities = fade(30, 49, fade_frames)
    shares = [opacities.get(index, 0.0) for index in range(COUNT)]
    life = watch([np.rint(here * s + elsewhere * (1 - s)).astype(np.uint8) for s in shares], 30)
    assert not life.start.is_alone
    assert not life.end.is_alone


def test_another_overlay_that_comes_over_part_of_a_line_is_no_fade():
    pictures = show(draw_pan(COUNT), fade(20, 49))
    box = line_box()
    for picture in pictures[22:48]:
        left = box.x + box.width // 3
        picture[box.y : box.bottom, left : left + box.width // 3] = 0
        cv2.putText(picture, "No", (left + 4, box.bottom - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.5, [255] * 3, 1)
    life = watch(pictures, 24)
    assert life.span == (20, 49)
    assert life.start.opacity(20) == life.end.opacity(49) == 1


@pytest.mark.parametrize(("occluder_px", "speed_px"), [(12, 0), (20, 2), (40, 0)])
def test_lettering_that_something_passes_over_did_not_come_alone(occluder_px, speed_px):
    pictures = []
    for index, ground in enumerate(draw_pan(100, speed_px)):
        picture = draw_subtitle(ground, TEXT)[0]
        occluder = draw_texture(SIZE, (occluder_px * index, 0), seed=1)
        left, right = max(0, (index - 20) * occluder_px), max(0, (index - 60) * occluder_px)
        picture[:, left:] = occluder[:, left:]
        picture[:, :right] = occluder[:, :right]
        pictures.append(picture)
    life = watch(pictures, 20 + 240 // occluder_px)
    assert not life.start.is_alone
    assert not life.end.is_alone


def test_a_line_on_moving_gradients_came_and_went_alone():
    pictures = [draw_picture(index, SIZE) for index in range(COUNT)]
    life = watch(show(pictures, fade(24, 49)), 27)
    assert [life.start.is_alone, life.end.is_alone] == [True, True]

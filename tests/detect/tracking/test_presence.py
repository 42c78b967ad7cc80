import cv2
import numpy as np
import pytest
from media import DrawnPicture, draw_picture, draw_texture, fade_subtitle
from tracking import SIZE, TEXT, line_box

from subremover.detect.tracking.presence import Rise, Template, edge_vectors, find_rise

NOISES = [0.01, 0.03, 0.05]


def _rises(fade_frames, noise, phase=0.0, floor=0.0, count=80):
    """Fits, by how much each is late, and the true opacities from the first visible frame on."""
    fits, errors = [], []
    ramp = (np.arange(fade_frames) + 1 - phase) / (fade_frames + 1 - phase)
    for seed in range(count):
        rng = np.random.default_rng(seed)
        before, after = int(rng.integers(2, 14)), int(rng.integers(4, 12))
        truth = np.concatenate([np.zeros(before), ramp, np.ones(after)])
        opacities = floor + (1 - floor) * truth + rng.normal(0, noise, len(truth))
        fits.append(find_rise(opacities))
        errors.append(fits[-1].first - before)
    return fits, np.array(errors), np.append(ramp, 1.0)


@pytest.mark.parametrize("floor", [0.0, 0.25])
@pytest.mark.parametrize("noise", NOISES)
def test_a_hard_end_is_found_exactly(noise, floor):
    fits, errors, _ = _rises(0, noise, floor=floor)
    assert not errors.any()
    assert all(rise.frames == 0 for rise in fits)
    assert np.allclose([rise.floor for rise in fits], floor, atol=4 * noise)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("phase", [0.0, 0.5])
@pytest.mark.parametrize("fade_frames", [1, 4, 10, 16])
def test_a_linear_fade_is_found_within_a_frame(fade_frames, phase, noise):
    fits, errors, truth = _rises(fade_frames, noise, phase)
    # From 10 frames on, one step of the fade is no more than the noise at its worst.
    least = 0.95 if fade_frames * noise < 0.5 else 0.85
    assert (np.abs(errors) <= 1).mean() >= least
    assert errors.max() <= 1, "a frame with visible lettering would be left"
    assert errors.min() >= -3
    assert abs(np.median([rise.frames for rise in fits]) - fade_frames - 1) <= 1
    off = [
        np.abs([rise.opacity(rise.first - error + i) - truth[i] for i in range(len(truth))]).mean()
        for rise, error in zip(fits, errors, strict=True)
    ]
    assert np.median(off) < 0.6 / (fade_frames + 1) + noise


@pytest.mark.parametrize("noise", NOISES)
def test_a_line_that_was_always_there_has_no_rise(noise):
    opacities = 1 + np.random.default_rng(0).normal(0, noise, 12)
    assert find_rise(opacities) == Rise(0, 0.0, 0.0)
    assert find_rise(opacities[:1]) == Rise(0, 0.0, 0.0)


@pytest.mark.parametrize("opacities", [[0.0], [0.0, 1.0], [0.3, 0.4], [1.0, 0.0], [0.0] * 9])
def test_odd_series_end_on_one_of_their_frames(opacities):
    assert 0 <= find_rise(np.array(opacities)).first < len(opacities)


@pytest.mark.parametrize("frames", [0.0, 1.5, 4.0, 13.0])
def test_the_opacity_rises_from_nothing_to_all(frames):
    rise = Rise(7, frames, 0.0)
    opacities = [rise.opacity(index) for index in range(40)]
    assert opacities[6] == 0 < opacities[7]
    assert opacities[-1] == 1
    assert all(0 <= step <= 1 for step in np.diff(opacities))


def _line(ground, opacity):
    box = line_box()
    return DrawnPicture(fade_subtitle(ground, TEXT, opacity)).luma[box.slices]


GROUNDS = {
    "plain": lambda _: np.full((SIZE[1], SIZE[0], 3), 90, np.uint8),
    "still": lambda _: draw_texture(SIZE),
    "moving": lambda index: draw_texture(SIZE, (2 * index, index)),
    "gradients": lambda index: draw_picture(index, SIZE),
}


@pytest.mark.parametrize("ground", GROUNDS)
def test_the_opacity_is_that_of_the_blended_line(ground):
    draw = GROUNDS[ground]
    template = Template.of([_line(draw(i), 1.0) for i in range(8)])
    for index, truth in enumerate([0, 0.1, 0.25, 0.5, 0.75, 0.9, 1]):
        vectors = edge_vectors(_line(draw(20 + 3 * index), truth))
        assert template.opacity(vectors) == pytest.approx(truth, abs=0.12)
        assert template.spread(vectors) < 0.1


def test_a_brighter_picture_makes_no_line_more_present():
    template = Template.of([_line(GROUNDS["plain"](0), 0.5)])
    assert template.opacity(edge_vectors(_line(GROUNDS["plain"](0), 1.0))) == pytest.approx(1.0)


def test_the_line_is_found_where_it_is_looked_for_and_by_few_of_its_edges():
    box = line_box()
    picture = DrawnPicture(fade_subtitle(draw_texture(SIZE), TEXT, 0.6)).luma
    template = Template.of([_line(GROUNDS["still"](0), 1.0)])
    vectors = edge_vectors(picture)
    assert template.opacity(vectors, box.x, box.y) == pytest.approx(0.6, abs=0.05)
    assert template.opacity(vectors, box.x + 3, box.y - 3) < 0.3
    few = template.thin(300)
    assert len(few.rows) < 600 < len(template.rows)
    assert few.opacity(vectors, box.x, box.y) == pytest.approx(0.6, abs=0.05)


@pytest.mark.parametrize("is_vertical", [False, True])
@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_what_wipes_over_a_line_spreads_its_opacity(share, is_vertical):
    without, with_line = _line(GROUNDS["still"](0), 0.0), _line(GROUNDS["still"](0), 1.0)
    wiped = with_line.copy()
    wiped[:, : int(share * wiped.shape[1])] = without[:, : int(share * wiped.shape[1])]
    faded = cv2.addWeighted(without, share, with_line, 1 - share, 0)
    if is_vertical:
        with_line, wiped, faded = (np.ascontiguousarray(p.T) for p in (with_line, wiped, faded))
    template = Template.of([with_line])
    assert template.spread(edge_vectors(wiped)) > 0.3
    assert template.spread(edge_vectors(faded)) < 0.05
    assert template.opacity(edge_vectors(wiped)) == pytest.approx(1 - share, abs=0.1)


def test_nothing_shows_nothing():
    template = Template.of([np.full((20, 60), 90, np.uint8)])
    vectors = edge_vectors(_line(GROUNDS["still"](0), 1.0)[:20, :60])
    assert template.opacity(vectors) == template.spread(vectors) == 0.0

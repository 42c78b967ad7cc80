import itertools

import cv2
import numpy as np
import pytest
from footage_film import BOX, LETTERS, SIZE, Film, draw_footage, draw_texture, hole_psnr

from subremover.fill import borrow
from subremover.fill.borrow import Borrower
from subremover.fill.holes import Hole
from subremover.motion import background
from subremover.motion.camera import Camera
from subremover.options import BorrowOptions


def _borrow(film, frames, **options):
    holes = [Hole(i, BOX, film.masks[i][BOX.slices], 0) for i in frames]
    return Borrower(BorrowOptions(**options)).borrow(holes, film)


@pytest.mark.parametrize("motion", [(3.0, 0.0), (0.8, 0.3), (25.0, 2.0)])
def test_a_subtitle_that_never_goes_is_undone_by_a_moving_camera(motion):
    film = draw_footage(motion[0], 24, motion[1])
    for frame, borrowed in zip((11, 12), _borrow(film, (11, 12)), strict=True):
        assert np.isfinite(borrowed.error[LETTERS[BOX.slices]]).mean() > 0.95
        assert hole_psnr(film, frame, borrowed) > 30


def test_the_plane_around_the_hole_helps_where_the_camera_was_misread(monkeypatch):
    film = draw_footage(4, 24)
    monkeypatch.setattr(Camera, "locate", lambda _self, frames, _read: {f: np.eye(3) for f in frames})
    monkeypatch.setattr(background, "warp_flow", lambda _target, _source, start: start)
    for frame, borrowed in zip((11, 12), _borrow(film, (11, 12)), strict=True):
        assert hole_psnr(film, frame, borrowed) > 30


def test_only_some_sources_are_worth_the_flow(monkeypatch):
    asked = []

    def warp_flow(_target, source, start):
        asked.append(source)
        return start

    monkeypatch.setattr(background, "warp_flow", warp_flow)
    film = draw_footage(2.5, 60)
    for i, picture in film._shown.items():  # no still or plane warp explains all of it
        picture[:40] = np.random.default_rng(i).integers(0, 255, picture[:40].shape)
        picture[80:] = np.random.default_rng(i).integers(0, 255, picture[80:].shape)
    _borrow(film, [30])
    assert len(asked) == background.FLOW_SOURCES


def test_on_a_tripod_the_clean_frames_before_and_after_tell():
    film = draw_footage(0, 40, masked=range(10, 30))
    (borrowed,) = _borrow(film, [14])
    hole = LETTERS[BOX.slices]
    assert hole_psnr(film, 14, borrowed) > 45
    assert set(np.unique(borrowed.distance[hole])) <= {float(14 - i) for i in range(10)} | {
        16.0 + i for i in range(10)
    }
    assert np.median(borrowed.distance[hole]) <= 16


def test_nothing_is_taken_from_further_away_than_allowed():
    film = draw_footage(0, 40, masked=range(10, 30))
    (borrowed,) = _borrow(film, [14], max_distance=4)
    assert np.isinf(borrowed.error[LETTERS[BOX.slices]]).all()
    assert film.asked <= set(range(10, 19))
    (borrowed,) = _borrow(film, [14], max_distance=5)
    assert np.isfinite(borrowed.error[LETTERS[BOX.slices]]).all()


def test_where_no_frame_shows_anything_the_hole_stays_open():
    film = draw_footage(0, 12)
    (borrowed,) = _borrow(film, [5])
    assert np.isinf(borrowed.error[LETTERS[BOX.slices]]).all()
    assert not borrowed.distance.any()


def test_a_single_frame_has_nobody_to_borrow_from():
    (borrowed,) = _borrow(draw_footage(0, 1), [0])
    assert np.isinf(borrowed.error[LETTERS[BOX.slices]]).all()


def test_what_a_hole_holds_never_matters():
    plain = draw_footage(2, 16)
    other = draw_footage(2, 16)
    for picture in other._shown.values():
        picture[LETTERS] = np.random.default_rng(1).integers(0, 255, picture[LETTERS].shape)
    (one,), (two,) = _borrow(plain, [8]), _borrow(other, [8])
    hole = LETTERS[BOX.slices] & np.isfinite(one.error)
    # Not to the bit: the filled holes take part in tracking.
    assert np.abs(one.picture - two.picture)[hole].max() < 0.02


def test_changes_of_light_are_followed():
    film = draw_footage(0, 20, masked=range(8, 12))
    for i in range(12, 20):
        film._shown[i] = np.clip(film._shown[i].astype(int) + 25, 0, 255).astype(np.uint8)
    for i in range(8):
        film._shown[i] = np.clip(film._shown[i].astype(int) + 25, 0, 255).astype(np.uint8)
    (borrowed,) = _borrow(film, [9])
    assert hole_psnr(film, 9, borrowed) > 33


def test_somebody_in_front_of_the_background_is_not_pasted_over_it():
    film = draw_footage(0, 30, masked=range(10, 20))
    other = draw_texture(8)
    for i in [*range(8, 10), *range(20, 22)]:  # stands right in front of it before and after
        film._shown[i][30:100, 40:200] = other[30:100, 40:200]
    (borrowed,) = _borrow(film, [14])
    assert hole_psnr(film, 14, borrowed) > 33


def test_the_error_says_where_sources_disagree():
    calm, wild = draw_footage(0, 30, masked=range(10, 20)), draw_footage(0, 30, masked=range(10, 20))
    for i in wild.frames:
        if i not in range(10, 20):
            wild._shown[i] = np.roll(draw_texture(40 + i)[: SIZE[0], : SIZE[1]], i, axis=1)
    hole = LETTERS[BOX.slices]
    sure, unsure = (float(np.median(_borrow(film, [14])[0].error[hole])) for film in (calm, wild))
    assert sure < 4 / 255
    assert unsure > 25 / 255


def test_a_static_background_gets_a_static_fill():
    film = draw_footage(0, 40, masked=range(10, 30))
    for i, picture in film._shown.items():
        noise = np.random.default_rng(i).normal(0, 4, picture.shape)
        film._shown[i] = np.clip(picture + noise, 0, 255).astype(np.uint8)
    hole = LETTERS[BOX.slices]
    fills = _borrow(film, range(14, 22))
    change = [np.abs(b.picture - a.picture)[hole].mean() * 255 for a, b in itertools.pairwise(fills)]
    assert np.mean(change) < 2  # of the frames' own noise: 4.5


STAYS = np.zeros(SIZE, bool)
for _x in range(50, 190, 20):  # its feet stand in the subtitle
    STAYS[44:66, _x : _x + 6] = True


def draw_laid_over(dx, count=40, masked=range(10, 30), sway=0):
    """A film with lettering in green that stays in place, or sways with the picture."""
    film = draw_footage(dx, count, masked=masked)
    clean = {}
    for i, picture in film.clean.items():
        turn = np.float32([[1, 0, sway * np.sin(2.1 * i)], [0, 1, sway * np.cos(1.7 * i)]])
        letters = np.where(STAYS[..., None], np.uint8((20, 230, 60)), picture)
        clean[i] = cv2.warpAffine(letters, turn, SIZE[::-1], borderMode=cv2.BORDER_REPLICATE)
    return Film(clean, film.masks, STAYS)


@pytest.mark.parametrize("dx", [3.0, 0.8])
def test_letters_laid_over_a_moving_film_are_restored_in_place_and_borrowed_nowhere_else(dx):
    film = draw_laid_over(dx)
    hole, stays = LETTERS[BOX.slices], STAYS[BOX.slices]
    near = cv2.dilate(STAYS.astype(np.uint8), np.ones((3, 3)))[BOX.slices] > 0
    for frame, borrowed in zip((14, 15, 16), _borrow(film, (14, 15, 16)), strict=True):
        off = np.abs(borrowed.picture * 255 - film.clean[frame][BOX.slices]).max(axis=2)
        assert off[hole & stays].max() < 4
        assert borrowed.error[hole & stays].max() < 4 / 255
        assert np.percentile(off[hole & ~near], 99) < 25


@pytest.mark.parametrize("sway", [0, 1.0])
def test_a_sign_is_restored_where_a_subtitle_hides_it_for_a_while(sway):
    film = draw_laid_over(0, sway=sway)
    plain = Film(film.clean, film.masks)  # where the sign is picture like any other
    for frame, borrowed, other in zip(
        (14, 15), _borrow(film, (14, 15)), _borrow(plain, (14, 15)), strict=True
    ):
        assert hole_psnr(film, frame, borrowed) > max(28, hole_psnr(film, frame, other) - 1)


def test_where_nothing_shows_lettering_that_stays_the_film_does():
    film = draw_laid_over(3.0, masked=range(40))
    (borrowed,) = _borrow(film, [20])
    hole = LETTERS[BOX.slices]
    assert np.isfinite(borrowed.error[hole]).mean() > 0.95
    green = borrowed.picture[..., 1] - borrowed.picture[..., 0] > 0.4
    assert not green[hole].any()


def test_the_same_holes_give_the_same_bytes_on_any_number_of_cores(monkeypatch):
    found = []
    for cores in (1, 3):
        monkeypatch.setattr(borrow, "count_cores", lambda cores=cores: cores)
        found.append(_borrow(draw_footage(2, 16), range(4, 12)))
    one, two = found
    for a, b in zip(one, two, strict=True):
        assert (a.picture == b.picture).all()
        assert (a.error == b.error).all()

from functools import cache

import numpy as np
import pytest
from media import DrawnPicture, add_grain, draw_picture, draw_subtitle, draw_texture

from subremover.detect.candidates.novelty import Novelty
from subremover.geometry import Box

SIZE = (320, 180)
TAKE = 5
"""Frames between two takes."""


def _watch(pictures, novelty=None):
    """All that is reported, as (frame of the take, place)."""
    height, width = pictures[0].shape[:2]
    novelty = novelty or Novelty(height, width)
    found = []
    for index, picture in enumerate(pictures):
        novelty.feed(index, DrawnPicture(picture).luma)
        if index % TAKE == TAKE - 1:
            found += [(index, place) for place in novelty.take()]
    return found


@cache
def _draw_pan(count, speed_px, seed=0):
    return tuple(draw_texture(SIZE, (speed_px * i, -0.4 * speed_px * i), seed) for i in range(count))


def _grainy(pictures, level):
    return [add_grain(p, level, i) for i, p in enumerate(pictures)] if level else pictures


def _show(pictures, frames, text="Good morning"):
    """The pictures with a line, and its (H, W) bool mask."""
    pictures = list(pictures)
    for index in frames:
        pictures[index], mask = draw_subtitle(pictures[index], text)
    return pictures, mask


def _share(place, mask):
    return mask[place.box.slices].sum() / mask.sum()


@pytest.mark.parametrize(("speed_px", "grain"), [(0, 0), (0, 8), (0.5, 3), (2, 0), (2, 10), (6, 3)])
def test_what_stood_for_three_frames_is_reported_though_it_is_gone_by_then(speed_px, grain):
    for start in range(15, 15 + TAKE):
        pictures, mask = _show(_draw_pan(25, speed_px), range(start, start + 3))
        found = [(taken, place) for taken, place in _watch(_grainy(pictures, grain)) if taken >= start]
        assert [taken // TAKE for taken, _ in found] == [(start + 2) // TAKE]
        place = found[0][1]
        assert start <= place.index < start + 3
        assert _share(place, mask) == 1
        assert place.box.area < 4 * np.ptp(np.nonzero(mask), axis=1).prod()


def test_two_frames_are_not_enough():
    pictures, _ = _show(_draw_pan(25, 6), range(15, 17))
    assert _watch(pictures) == []


@pytest.mark.parametrize(("speed_px", "grain", "most"), [(2, 0, 3), (2, 4, 0), (3, 0, 1), (9, 0, 1)])
def test_what_moves_is_hardly_ever_reported(speed_px, grain, most):
    """Of 21 looks, without the first, at which all is new."""
    reports = [_watch(_grainy(_draw_pan(40, speed_px, seed), grain)) for seed in range(3)]
    assert sum(taken >= TAKE for found in reports for taken, _ in found) <= most


@pytest.mark.parametrize(("speed_px", "grain"), [(0, 8), (0.5, 0), (3, 3)])
def test_what_has_been_reported_is_not_reported_again(speed_px, grain):
    pictures, mask = _show(_draw_pan(110, speed_px), range(15, 110))
    ((taken, place),) = [(t, p) for t, p in _watch(_grainy(pictures, grain)) if t >= 15]
    assert taken == 19
    assert _share(place, mask) == 1


@pytest.mark.parametrize("grain", [0, 8])
def test_a_still_picture_is_reported_once(grain):
    found = _watch(_grainy(_draw_pan(1, 0) * 60, grain))
    assert {taken for taken, _ in found} == {TAKE - 1}


def test_grain_alone_is_nothing():
    assert _watch(_grainy([np.full((180, 320, 3), 110, np.uint8)] * 40, 10)) == []


@pytest.mark.parametrize("is_partial", [True, False])
def test_what_is_forgotten_is_new_again(is_partial):
    pictures, mask = _show(_draw_pan(40, 0), range(40))
    novelty = Novelty(180, 320)
    _watch(pictures[:20], novelty)
    assert _watch(pictures[20:30], novelty) == []
    novelty.forget(Box(90, 130, 150, 40) if is_partial else None)
    ((_, place),) = _watch(pictures[30:], novelty)
    assert _share(place, mask) == 1
    assert (place.box == Box(0, 0, *SIZE)) != is_partial


def test_the_next_line_at_the_same_place_is_seen_once_the_place_is_forgotten():
    first, _ = _show(_draw_pan(25, 2), range(25))
    second, mask = _show(_draw_pan(25, 2), range(25), "See you soon")
    novelty = Novelty(180, 320)
    _watch(first, novelty)
    novelty.forget(Box(80, 130, 160, 40))
    ((taken, place),) = _watch(second, novelty)
    assert taken == TAKE - 1
    assert _share(place, mask) == 1


def test_two_lines_far_apart_are_two_places():
    pictures, _ = _show(_draw_pan(25, 3), range(15, 25))
    upside_down, _ = _show([p[::-1] for p in pictures], range(15, 25), "See you soon")
    found = _watch([p[::-1] for p in upside_down])
    above, below = sorted((place.box for _, place in found), key=lambda box: box.y)
    assert above.bottom < 90 < below.y


def test_a_picture_full_of_sharp_edges_is_crowded():
    gravel = np.random.default_rng(0).integers(60, 190, (90, 160), np.uint8).repeat(2, 0).repeat(2, 1)
    for picture, is_crowded in ((np.dstack([gravel] * 3), True), (draw_picture(0, SIZE), False)):
        novelty = Novelty(180, 320)
        _watch([picture] * 10, novelty)
        assert novelty.is_crowded == is_crowded


@pytest.mark.parametrize("size", [(317, 175), (175, 317), (40, 24), (9, 7)])
def test_places_lie_inside_a_picture_of_any_size(size):
    width, height = size
    pictures = [draw_texture(size)] * 10
    for _, place in _watch(pictures):
        assert place.box.clip(width, height) == place.box

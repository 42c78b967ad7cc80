"""Where captions are in flux; plain cues are not."""

import numpy as np
import pytest

from subremover.detect.captions.zones import find_zones
from subremover.geometry import Box
from subremover.plan.model import Event

SIZE, LAST, RATE = (640, 360), 299, 25.0
LINE = Box(240, 300, 160, 24)


def make_event(first, last, box=LINE, kind="subtitle", remove=True):
    strokes, opacities = np.zeros((box.height, box.width), bool), np.ones(last - first + 1, np.float32)
    strokes[:, ::2] = True
    return Event(first, last, box, strokes, opacities, "", kind, remove)


def find(events, sights=(), grown=()):
    return find_zones(events, sights, grown, size=SIZE, last=LAST, frame_rate=RATE)


def test_plain_cues_make_no_zone_even_without_a_gap_between_them():
    cues = [
        make_event(first, first + 39, LINE.shift(0, 26 * (first // 40 % 2))) for first in range(0, 280, 40)
    ]
    assert find(cues) == []


def test_two_lines_of_one_cue_make_no_zone():
    assert find([make_event(10, 60), make_event(11, 60, LINE.shift(0, 26))]) == []


def test_short_cues_make_a_zone_that_reaches_beyond_them():
    (zone,) = find([make_event(100, 107), make_event(112, 118), make_event(150, 157)])
    assert zone.first <= 75
    assert zone.last >= 182
    assert zone.box.intersect(LINE) == LINE
    assert zone.box.x < LINE.x - 100
    assert len(zone.events) == 3


def test_short_cues_far_from_each_other_make_no_zone():
    assert find([make_event(10, 17), make_event(200, 207)]) == []
    assert find([make_event(10, 17), make_event(20, 27, Box(40, 20, 120, 24))]) == []


def test_lettering_that_is_kept_makes_no_zone_by_itself():
    assert find([make_event(i, i + 5, kind="scene", remove=False) for i in range(0, 60, 10)]) == []


def test_what_is_short_and_at_the_place_of_captions_is_no_sign_for_certain():
    sign, doubtful = (make_event(120, last, kind="scene", remove=False) for last in (180, 126))
    (zone,) = find([make_event(100, 107), make_event(112, 118), sign, doubtful])
    assert zone.doubtful == (doubtful,)


def test_a_line_beside_a_longer_one_of_its_row_contradicts_it():
    half = make_event(30, 80, Box(380, 300, 120, 24), "scene", remove=False)
    (zone,) = find([make_event(10, 80), half])
    assert zone.doubtful == (half,)


def test_a_line_that_grows_and_one_that_slides_in_make_a_zone():
    assert len(find([make_event(10, 80)], grown=[(20, Box(240, 300, 220, 24))])) == 1
    slides = [(4, LINE.shift(60, 0)), (8, LINE.shift(20, 0))]
    assert find([make_event(10, 80)], slides[:1]) == []
    assert len(find([make_event(10, 80)], slides)) == 1


@pytest.mark.parametrize(("step_px", "count"), [(0, 1), (2, 1), (90, 0)])
def test_what_is_seen_at_one_place_again_and_again_may_shake(step_px, count):
    sights = [(10 * i, LINE.shift(step_px * i, i % 2)) for i in range(5)]
    assert len(find([], sights)) == count
    sign = make_event(5, 90, LINE, "scene", remove=False)
    assert find([sign], sights) == []

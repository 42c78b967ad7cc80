import gc
import weakref

import numpy as np
import pytest
from media import DrawnPicture, add_grain, draw_texture, fade_subtitle
from tracking import REACH, SIZE, TEXT, draw_pan, fade, line_box, show, watch

from subremover.detect.frame import Frame
from subremover.detect.tracking.ends import Scene
from subremover.detect.tracking.line_track import MOST_CROPS, PASSING_FRAMES, LineTrack
from subremover.geometry import Box


def _start(pictures, found, line=None, text=TEXT):
    frames = [Frame(index, DrawnPicture(picture)) for index, picture in enumerate(pictures[: found + 1])]
    return LineTrack(frames[-1], line or line_box(text), REACH, frames[:-1])


def _follow(track, pictures, since):
    """The frame on which the track gives up."""
    scene = Scene([], [])
    for index, picture in enumerate(pictures[since:], since):
        track.follow(Frame(index, DrawnPicture(picture)), scene)
        if track.is_gone:
            return index
    return None


def test_it_knows_where_it_stood_from_before_it_was_found():
    pictures = show(draw_pan(40, 2), fade(5, 24))
    track = _start(pictures, 10)
    assert track.sees_its_start
    assert track.is_present
    _follow(track, pictures, 11)
    assert [index for index in range(40) if track.shows(index)] == list(range(5, 25))
    assert track.last_sure == 24
    assert not track.is_present


def test_a_start_out_of_sight_is_told():
    assert not _start(show(draw_pan(12, 2), fade(0, 11)), 10).sees_its_start


@pytest.mark.parametrize(("stands", "patience"), [(1, PASSING_FRAMES), (2, REACH), (8, REACH)])
def test_a_line_that_is_gone_is_given_up(stands, patience):
    pictures = show(draw_pan(60, 2), fade(10, 9 + stands))
    track = _start(pictures, 10)
    assert _follow(track, pictures, 11) == 9 + stands + patience


def test_a_line_that_stays_is_never_given_up():
    pictures = show(draw_pan(90, 2, grain=4), fade(10, 89))
    track = _start(pictures, 12)
    assert _follow(track, pictures, 13) is None
    assert track.sure_count == 80


@pytest.mark.parametrize(
    ("gaps", "runs"),
    [
        ([], [(10, 69)]),
        ([45], [(10, 44), (46, 69)]),
        ([45, 46], [(10, 44), (47, 69)]),
        ([35, 50], [(10, 34), (36, 49), (51, 69)]),
        (list(range(40, 52)), [(10, 39), (52, 69)]),
    ],
)
def test_a_gap_splits_a_life(gaps, runs):
    opacities = {index: opacity for index, opacity in fade(10, 69).items() if index not in gaps}
    life = watch(show(draw_pan(95, 2), opacities), 14)
    assert life.span == (10, 69)
    assert life.track.runs(*life.span) == runs


@pytest.mark.parametrize("gap", [18, 24, 66])
def test_a_gap_near_an_end_takes_nothing_from_the_life(gap):
    opacities = {index: opacity for index, opacity in fade(10, 69).items() if index != gap}
    life = watch(show(draw_pan(95, 2), opacities), 14)
    assert life.span == (10, 69)
    assert life.track.runs(*life.span) == [(10, gap - 1), (gap + 1, 69)]


def test_a_line_that_drowns_by_and_by_is_not_split():
    opacities = fade(10, 69)
    for index, opacity in enumerate((0.8, 0.55, 0.3, 0.1, 0.0, 0.1, 0.3, 0.55, 0.8)):
        opacities[40 + index] = opacity
    life = watch(show(draw_pan(95, 2), opacities), 14)
    assert life.track.runs(*life.span) == [(10, 69)]


@pytest.mark.parametrize("frames", [60, 240])
def test_memory_does_not_grow_with_the_life(frames):
    alive = weakref.WeakSet()
    track, most = None, 0
    scene = Scene([], [])
    for index in range(frames):
        frame = Frame(index, DrawnPicture(fade_subtitle(draw_texture(SIZE, (index, 0)), TEXT, 1.0)))
        alive.add(frame)
        if track is None:
            track = LineTrack(frame, line_box(), REACH, [])
        else:
            track.follow(frame, scene)
        most = max(most, len(alive))
    gc.collect()
    assert most <= REACH + 3
    assert len(alive) <= 2  # the latest
    start, end = track.close([frame], scene)
    shown = track.shown(start, end)
    assert len(shown) <= MOST_CROPS + len(start.shown) + len(end.shown)
    assert len(shown) >= min(MOST_CROPS // 2, frames // 3)


def test_the_crops_are_spread_over_the_life():
    pictures = [np.full((SIZE[1], SIZE[0], 3), 20 + index // 5, np.uint8) for index in range(300)]
    life = watch(show(pictures, fade(0, 299)), 4)
    corners = sorted({int(crop[0, 0, 0]) for crop in life.track.shown(life.start, life.end)})
    assert corners[0] <= 24
    assert corners[-1] >= 76
    assert max(np.diff(corners)) <= 5


def test_all_crops_show_the_line_and_are_of_one_shape():
    pictures = show(draw_pan(90, 2), fade(20, 69))
    life = watch(pictures, 24)
    shown = life.track.shown(life.start, life.end)
    crops = [pictures[index][life.track.line_crop.crop.slices] for index in range(20, 70)]
    assert all(any(np.array_equal(crop, other) for other in crops) for crop in shown)


def test_two_boxes_of_a_line_are_the_same_line():
    pictures = show(draw_pan(40, 2), fade(5, 24))
    whole, line = _start(pictures, 10), line_box()
    part = _start(pictures, 12, Box(line.x, line.y, line.width // 2, line.height))
    _follow(whole, pictures[:30], 11)
    _follow(part, pictures[:30], 13)
    assert whole.is_same(part)
    assert part.is_same(whole)


def test_lines_that_follow_each_other_or_stand_elsewhere_are_others():
    pictures = show(show(draw_pan(50, 2), fade(5, 19)), fade(20, 40), "See you soon")
    pictures = [np.ascontiguousarray(np.maximum(p, show([p[::-1]], {0: 1.0})[0][::-1])) for p in pictures]
    first, second = _start(pictures, 10), _start(pictures, 24, line_box("See you soon"))
    line = line_box()
    above = _start(pictures, 10, Box(line.x, SIZE[1] - line.bottom, line.width, line.height))
    _follow(first, pictures[:30], 11)
    _follow(second, pictures[:30], 25)
    _follow(above, pictures[:30], 11)
    assert not first.is_same(second)
    assert not first.is_same(above)


@pytest.mark.parametrize("grain", [0, 4])
def test_the_picture_that_moves_on_under_a_line_is_noticed(grain):
    assert watch(show(draw_pan(60, 3, grain), fade(0, 59)), 4).track.float_count >= 3
    assert watch(show(draw_pan(60, 0, grain), fade(0, 59)), 4).track.float_count == 0


@pytest.mark.parametrize("grain", [0, 1, 3])
def test_a_plain_wall_is_no_picture_that_moves_on(grain):
    wall = np.full((SIZE[1], SIZE[0], 3), 100, np.uint8)
    pictures = [add_grain(p, grain, i) for i, p in enumerate(show([wall] * 60, fade(0, 59)))]
    assert watch(pictures, 4).track.float_count == 0

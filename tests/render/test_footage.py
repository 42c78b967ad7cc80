import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from av.video.frame import VideoFrame
from media import draw_film

from subremover.geometry import Box
from subremover.plan.model import Event, FilmKey, Plan, Shot
from subremover.render import footage
from subremover.render.footage import FootageReader, ShotFootage, find_stretches
from subremover.video.film import Film
from subremover.video.pixels.planes import read_rgb
from subremover.video.read.probe import probe
from subremover.video.read.reader import read_frames

BOX = Box(40, 70, 60, 10)


def make_event(first: int, last: int, **how: object) -> Event:
    return replace(Event(first, last, BOX, np.ones((10, 60), bool)), **how)


def make_plan(film: Film, *events: Event, cuts: Sequence[int] = ()) -> Plan:
    bounds = [0, *cuts, film.frame_count]
    shots = tuple(Shot(first, stop - 1) for first, stop in itertools.pairwise(bounds))
    return Plan(FilmKey.of(film.upright_size, film.pts), shots, events)


def read_own(film: Film, first: int, stop: int) -> dict[int, VideoFrame]:
    return dict(read_frames(film, first, stop))


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Film:
    path = tmp_path_factory.mktemp("footage") / "a.mkv"
    return probe(
        draw_film(path, frames=420, size=(112, 96), audio=False, options={"preset": "ultrafast"}).path
    )


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Film:
    return probe(draw_film(tmp_path_factory.mktemp("footage") / "a.mkv", frames=150, audio=False).path)


def test_what_a_frame_shows(short: Film) -> None:
    reader = FootageReader(short, make_plan(short, make_event(50, 79)), 250)
    found = reader.of_window(read_own(short, 50, 60), 50, 59)
    assert list(found.frames) == sorted(found.frames)
    assert found.size == (160, 96)
    for index in (49, 55, 80):
        _, frame = next(read_frames(short, index, index + 1))
        assert np.array_equal(found.crop(index, BOX), read_rgb(frame, BOX))
        assert found.crop(index, BOX) is found.crop(index, BOX)
        assert found.luma(index).shape == (96, 160)
        assert found.luma(index).dtype == np.uint8
    assert found.mask(49) is None
    mask = found.mask(50)
    assert mask is not None
    assert mask[BOX.slices].all()
    assert mask.sum() == BOX.area


def test_the_clean_frames_on_both_sides_are_there_at_growing_distance(short: Film) -> None:
    reader = FootageReader(short, make_plan(short, make_event(50, 99)), 250)
    for first, stop in ((48, 64), (64, 96), (96, 128)):
        frames = reader.of_window(read_own(short, first, stop), max(50, first), min(99, stop - 1)).frames
        assert {49, 48, 46, 42, 34, 18, 100, 101, 103, 107, 115, 131} <= set(frames)
        assert set(range(first, stop)) <= set(frames)
        assert len(frames) <= footage.WINDOW_SOURCES


def test_never_from_another_shot_or_from_too_far(short: Film) -> None:
    plan = make_plan(short, make_event(50, 99), cuts=[45, 110])
    frames = FootageReader(short, plan, 250).of_window(read_own(short, 64, 96), 64, 95).frames
    assert min(frames) >= 45
    assert max(frames) < 110
    frames = FootageReader(short, plan, 3).of_window(read_own(short, 64, 80), 64, 79).frames
    assert set(frames) - set(range(64, 80)) <= {61, 62, 63, 80, 81, 82}


def test_what_was_left_alone_hides_too(short: Film) -> None:
    events = [
        make_event(50, 59),
        make_event(60, 69, remove=False),
        make_event(70, 79, remove=False, kind="logo"),
        make_event(80, 89, remove=False, kind="scene"),
    ]
    reader = FootageReader(short, make_plan(short, *events), 250)
    found = reader.of_window(read_own(short, 32, 96), 50, 59)
    hidden = [index for index in found.frames if found.mask(index) is not None]
    assert hidden == list(range(50, 90))


def test_the_lettering_that_two_frames_have_in_common(short: Film) -> None:
    """As far as nothing else stands over it on the first of them."""
    low, high = Box(40, 74, 60, 4), Box(40, 70, 60, 4)
    events = [
        make_event(30, 79, remove=False),
        make_event(50, 59, box=low, strokes=np.ones((4, 60), bool)),
        make_event(55, 84, remove=False, box=high, strokes=np.ones((4, 60), bool)),
    ]
    found = FootageReader(short, make_plan(short, *events), 250).of_window(read_own(short, 32, 96), 50, 59)

    def rows(frame: int, target: int) -> list[int]:
        lettering = found.lettering(frame, target)
        return [] if lettering is None else np.flatnonzero(lettering.any(axis=1)).tolist()

    assert rows(40, 45) == list(range(70, 80))
    assert rows(52, 45) == [70, 71, 72, 73, 78, 79]
    assert rows(62, 52) == list(range(74, 80))
    assert rows(62, 56) == list(range(70, 80))
    assert rows(82, 45) == rows(90, 45) == []
    assert found.lettering(40, 45) is found.lettering(41, 52)


def test_memory_is_bounded_however_long_a_subtitle_stays(film: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    frame_bytes = footage.frame_bytes(film)
    budget = 20 * frame_bytes
    monkeypatch.setattr(footage, "FOOTAGE_BYTES", budget)
    reader = FootageReader(film, make_plan(film, make_event(10, 400)), 250)
    for first in range(0, 420, 32):
        stop = min(first + 32, 420)
        own = read_own(film, first, stop)
        frames = reader.of_window(own, max(first, 10), min(stop - 1, 400)).frames
        # a decoder's lines are longer than the picture's
        slack = sum(plane.buffer_size for plane in own[first].planes) / frame_bytes
        kept_bytes = sum(plane.buffer_size for frame in reader._kept.values() for plane in frame.planes)
        assert 0 < kept_bytes <= budget * slack
        beside = [index for index in frames if not first <= index < stop]
        assert len(beside) >= 4
        assert np.abs(np.array(beside) - np.clip(beside, first, stop - 1)).max() > 16


def test_each_frame_is_read_about_once(film: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not again for every window."""
    read: list[int] = []

    def read_and_note(*arguments: object) -> object:
        for index, frame in read_frames(*arguments):  # type: ignore[arg-type]
            read.append(index)
            yield index, frame

    monkeypatch.setattr(footage, "read_frames", read_and_note)
    reader = FootageReader(film, make_plan(film, make_event(40, 139), make_event(300, 340)), 250)
    assert not read
    for first in range(32, 352, 32):
        if first in (32, 64, 96, 128, 288, 320):
            bounds = (40, 139) if first < 200 else (300, 340)
            own = read_own(film, first, first + 32)
            reader.of_window(own, max(first, bounds[0]), min(first + 31, bounds[1]))
    assert len(read) == len(set(read)) <= 2 * 64 + 141 + 64
    assert not set(range(180, 260)) & set(read)


def test_stretches(film: Film) -> None:
    plan = make_plan(film, make_event(5, 20), make_event(40, 60), make_event(140, 410), cuts=[50])
    assert [(s.first, s.last, s.shot) for s in find_stretches(plan)] == [
        (5, 49, Shot(0, 49)),
        (50, 60, Shot(50, 419)),
        (140, 395, Shot(50, 419)),
        (396, 410, Shot(50, 419)),
    ]
    assert find_stretches(make_plan(film)) == []


def test_a_footage_satisfies_its_protocol(short: Film) -> None:
    from subremover.fill.views import Footage

    found: Footage = FootageReader(short, make_plan(short, make_event(5, 6)), 9).of_window(
        read_own(short, 0, 9), 5, 6
    )
    assert isinstance(found, ShotFootage)

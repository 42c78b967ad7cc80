import random
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from av.video.frame import VideoFrame
from media import add_grain, draw_film, draw_texture, luma

from subremover.errors import InputError
from subremover.runtime.prefetch import prefetch
from subremover.video.read import reader
from subremover.video.read.probe import probe
from subremover.video.read.reader import FrameWalk, read_frames
from subremover.video.read.source import open_input


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("closed.mp4", {}),
        ("varying.mkv", {"vfr": True, "first_pts": 7}),
        ("open.mp4", {"options": {"g": "9", "x264-params": "open-gop=1:bframes=4"}}),
        ("hevc.mkv", {"codec": "libx265", "options": {"g": "9", "x265-params": "open-gop=1:log-level=none"}}),
        ("stream.ts", {}),
        ("open.ts", {"options": {"g": "9", "x264-params": "open-gop=1:bframes=4"}}),
        ("dvd.mpg", {"codec": "mpeg2video", "rate": Fraction(25), "audio": False}),
        ("old.avi", {"codec": "mpeg4", "audio": False, "options": {"g": "9", "bf": "2"}}),
        ("late.avi", {"audio": False, "options": {"g": "9", "bf": "3"}}),
        ("web.webm", {"codec": "libvpx-vp9"}),
    ],
)
def test_any_range_is_what_a_whole_decode_gives(tmp_path: Path, name: str, settings: dict) -> None:
    film = probe(draw_film(tmp_path / name, frames=40, **settings).path)
    whole = [(index, frame.pts, luma(frame)) for index, frame in read_frames(film)]
    assert [index for index, _, _ in whole] == list(range(40))
    assert [pts for _, pts, _ in whole] == list(film.pts)
    for start in (1, 8, 9, 13, 26, 39):
        part = [(index, luma(frame)) for index, frame in read_frames(film, start, start + 3)]
        assert [index for index, _ in part] == list(range(start, min(start + 3, 40)))
        assert all(np.array_equal(picture, whole[index][2]) for index, picture in part)


REFRESH = "intra-refresh=1:scenecut=0"
X265 = "log-level=none:keyint=12:min-keyint=12:open-gop=1:bframes=4:b-adapt=0"


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("refresh.mp4", {"options": {"g": "12", "x264-params": f"{REFRESH}:bframes=0:ref=3"}}),
        ("refresh.ts", {"options": {"g": "12", "x264-params": f"{REFRESH}:bframes=2"}}),
        ("refresh.mkv", {"options": {"g": "10", "x264-params": f"{REFRESH}:bframes=5:ref=6:slices=3"}}),
        ("open.mkv", {"options": {"g": "12", "x264-params": "open-gop=1:bframes=5:b-adapt=0:ref=6"}}),
        ("hevc.mp4", {"codec": "libx265", "options": {"x265-params": X265}}),
        ("hevc.ts", {"codec": "libx265", "options": {"x265-params": X265}}),
        ("mpeg2.ts", {"codec": "mpeg2video", "rate": Fraction(25), "options": {"g": "9", "bf": "2"}}),
        ("mpeg2.mpg", {"codec": "mpeg2video", "rate": Fraction(25), "options": {"g": "9", "bf": "2"}}),
        ("vp9.webm", {"codec": "libvpx-vp9", "options": {"g": "20", "lag-in-frames": "12", "cpu-used": "8"}}),
        ("av1.mkv", {"codec": "libsvtav1", "options": {"g": "20", "preset": "12"}}),
    ],
)
def test_every_picture_is_right_wherever_reading_begins(tmp_path: Path, name: str, settings: dict) -> None:
    """Of pictures that move much and change at a cut, so that what was referred to in vain shows."""
    moves = [(3.3 * index, 1.7 * index) for index in range(80)]
    drawn = [draw_texture((160, 96), move, index // 31) for index, move in enumerate(moves)]
    pictures = [add_grain(picture, 6, index) for index, picture in enumerate(drawn)]
    film = probe(draw_film(tmp_path / name, 80, audio=False, pictures=pictures, **settings).path)
    whole = {index: luma(frame) for index, frame in read_frames(film)}
    chance = random.Random(1)
    for start in [*chance.sample(range(80), 12), *film.key_frames[1:3], *film.refreshes[:2].flat, 31, 32, 56]:
        part = {index: luma(frame) for index, frame in read_frames(film, start, start + 3)}
        assert list(part) == [index for index in range(start, start + 3) if index in whole]
        assert all(np.array_equal(picture, whole[index]) for index, picture in part.items())


def test_an_intra_refresh_is_begun_two_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"g": "12", "x264-params": f"{REFRESH}:bframes=0"}
    film = probe(draw_film(tmp_path / "a.mp4", frames=100, audio=False, options=options).path)
    assert film.key_frames.tolist() == [0]  # the others are no more than recovery points
    # the next refresh that finds 16 pictures to refer to begins 24 frames later, and takes 8
    assert film.refreshes.tolist() == [[first, first + 32] for first in (12, 24, 36, 48, 60)]
    assert [film.find_entries(at)[0] for at in (11, 43, 44, 99)] == [0, 0, 12, 60]
    monkeypatch.setattr(reader, "open_input", lambda _: pytest.fail("decoded from the start"))
    with open_input(film.path) as container:
        assert next(reader._decode_from(container, film, 70))[0] == 70


@pytest.mark.parametrize("x264", ["open-gop=0", "open-gop=1:bframes=4"])
def test_a_range_costs_no_decoding_from_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, x264: str
) -> None:
    """MPEG-TS seeks by guess; a film read in ranges would be decoded as often as it has any."""
    options = {"g": "12", "x264-params": x264}
    film = probe(draw_film(tmp_path / "a.ts", frames=120, options=options).path)
    decoded, decode = [], reader._decode

    def count(*args: Any, **named: Any) -> Iterator[tuple[int, VideoFrame]]:
        for index, frame in decode(*args, **named):
            decoded.append(index)
            yield index, frame

    monkeypatch.setattr(reader, "_decode", count)
    assert [index for index, _ in read_frames(film, 100, 110)] == list(range(100, 110))
    assert min(decoded) >= 80


def test_a_walk_goes_on_where_it_was_left(tmp_path: Path) -> None:
    moves = [draw_texture((160, 96), (3.3 * index, 1.7 * index)) for index in range(60)]
    options = {"g": "60", "x264-params": "bframes=5:b-adapt=0:ref=4"}
    film = probe(draw_film(tmp_path / "a.mp4", 60, audio=False, pictures=moves, options=options).path)
    whole = {index: luma(frame) for index, frame in read_frames(film)}
    walk = FrameWalk(film, 10)
    for start, stop in ((10, 12), (12, 13), (30, 33), (59, 60)):
        part = {index: luma(frame) for index, frame in walk.read(start, stop)}
        assert [*part] == [*range(start, stop)]
        assert all(np.array_equal(picture, whole[index]) for index, picture in part.items())
        assert walk.next == stop
    assert not [*walk.read(60, 61)]
    walk.close()


def test_a_walk_does_not_read_a_whole_film_for_a_frame_that_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = draw_film(tmp_path / "a.mp4", 60, audio=False, options={"g": "10", "bf": "0"}).path
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 600] = bytes(600)
    path.write_bytes(data)
    film = probe(path)
    lost = sorted({*range(60)} - {index for index, _ in read_frames(film)})
    assert lost
    opened, open_once = [], open_input
    monkeypatch.setattr(reader, "open_input", lambda path: opened.append(path) or open_once(path))
    assert not [*FrameWalk(film, lost[0]).read(lost[0], lost[0] + 1)]
    assert opened == [path]


def test_an_empty_range(tmp_path: Path) -> None:
    film = probe(draw_film(tmp_path / "a.mp4", frames=4).path)
    assert list(read_frames(film, 4)) == []
    assert list(read_frames(film, 2, 2)) == []


@pytest.mark.parametrize("name", ["a.mkv", "a.ts"])
def test_damage_costs_frames_but_not_their_numbers(tmp_path: Path, name: str) -> None:
    drawn = draw_film(tmp_path / name, frames=60, audio=False, options={"g": "10"})
    whole = {index: luma(frame) for index, frame in read_frames(probe(drawn.path))}
    data = bytearray(drawn.path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = bytes(400)
    drawn.path.write_bytes(data)
    film = probe(drawn.path)
    read = {index: luma(frame) for index, frame in read_frames(film)}
    assert 40 <= len(read) <= 60
    assert list(read) == sorted(read)
    assert film.frame_count - max(read) <= 10
    assert all(np.array_equal(read[index], whole[index]) for index in range(10))  # before the damage


def test_nothing_left_to_decode(tmp_path: Path) -> None:
    drawn = draw_film(tmp_path / "a.mkv", frames=4, audio=False)
    film = probe(drawn.path)
    drawn.path.write_bytes(drawn.path.read_bytes()[:700])
    with pytest.raises(InputError, match="check that"):
        list(read_frames(film))


def test_a_picture_that_changes_its_size(tmp_path: Path) -> None:
    small = draw_film(tmp_path / "a.ts", frames=8, size=(160, 96), audio=False)
    large = draw_film(tmp_path / "b.ts", frames=8, size=(192, 96), audio=False, first_pts=8)
    joined = tmp_path / "c.ts"
    joined.write_bytes(small.path.read_bytes() + large.path.read_bytes())
    with pytest.raises(InputError, match=r"changes from 160x96 to 192x96 px .*; scale it to one size"):
        list(read_frames(probe(joined)))


def test_prefetch_keeps_order_and_hands_over_the_exception() -> None:
    def items() -> Iterator[int]:
        yield from range(5)
        raise KeyError("lost")

    stream = prefetch(items(), 2)
    assert [next(stream) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(KeyError, match="lost"):
        next(stream)


def test_prefetch_runs_ahead_no_further_than_its_depth() -> None:
    made = []
    ahead = threading.Event()

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            if number == 4:
                ahead.set()
            yield number

    stream = prefetch(items(), 3)
    assert next(stream) == 0
    assert ahead.wait(5)  # 1 taken, 3 waiting, 1 in hand
    assert len(made) <= 5
    stream.close()


def test_closing_prefetch_closes_its_source_and_ends_the_thread() -> None:
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    stream = prefetch(items(), 1)
    next(stream)
    stream.close()
    assert closed.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_prefetch_of_a_film(tmp_path: Path) -> None:
    film = probe(draw_film(tmp_path / "a.mp4", frames=10).path)
    assert [index for index, _ in prefetch(read_frames(film), 4)] == list(range(10))

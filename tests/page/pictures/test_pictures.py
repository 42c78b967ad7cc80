"""Pictures by frame index: each is the frame that reading the film gives, in any order."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from media import add_grain, draw_film, draw_texture

from subremover.errors import InputError
from subremover.page.pictures import pictures as module
from subremover.page.pictures.pictures import Brief, Pictures, encode_picture, read_brief
from subremover.video.film import Film
from subremover.video.pixels.planes import upright_rgb
from subremover.video.read.probe import probe
from subremover.video.read.reader import read_frames

X265 = "log-level=none:keyint=30:min-keyint=30:bframes=4"
FILMS = [
    ("pyramid.mp4", {"options": {"g": "30", "x264-params": "bframes=5:b-adapt=0:b-pyramid=normal:ref=4"}}),
    ("strict.mkv", {"options": {"g": "30", "x264-params": "bframes=3:b-adapt=0:b-pyramid=strict"}}),
    ("open.mp4", {"options": {"g": "12", "x264-params": "open-gop=1:bframes=5:b-adapt=0:ref=6"}}),
    ("stream.ts", {"options": {"g": "30", "x264-params": "bframes=3:b-adapt=0"}}),
    ("refresh.ts", {"options": {"g": "12", "x264-params": "intra-refresh=1:scenecut=0:bframes=2"}}),
    ("hevc.mp4", {"codec": "libx265", "options": {"x265-params": f"{X265}:open-gop=1"}}),
    ("hevc.ts", {"codec": "libx265", "options": {"x265-params": f"{X265}:temporal-layers=3"}}),
    ("ten.mkv", {"codec": "libx265", "pix_fmt": "yuv420p10le", "options": {"x265-params": X265}}),
    ("web.webm", {"codec": "libvpx-vp9", "options": {"g": "30", "lag-in-frames": "12", "cpu-used": "8"}}),
    ("av1.mkv", {"codec": "libsvtav1", "options": {"g": "30", "preset": "12"}}),
    ("mpeg2.ts", {"codec": "mpeg2video", "rate": Fraction(25), "options": {"g": "15", "bf": "2"}}),
    ("dvd.mpg", {"codec": "mpeg2video", "rate": Fraction(25), "options": {"g": "15", "bf": "2"}}),
    ("old.avi", {"codec": "mpeg4", "options": {"g": "15", "bf": "2"}}),
    ("late.avi", {"options": {"g": "15", "bf": "3"}}),
    ("varying.mkv", {"vfr": True, "first_pts": 7, "options": {"g": "30"}}),
    ("turned.mp4", {"rotation": 90, "options": {"g": "30"}}),
]


def draw_moving(path: Path, frames: int = 64, **settings: object) -> Path:
    """A film of which no two frames look alike, with a cut."""
    size = (160, 96)
    drawn = [draw_texture(size, (3.3 * index, 1.7 * index), index // 41) for index in range(frames)]
    grainy = [add_grain(picture, 6, index) for index, picture in enumerate(drawn)]
    return draw_film(path, frames, size, audio=False, pictures=grainy, **settings).path  # type: ignore[arg-type]


def read_all(film: Film, width: int | None = None) -> dict[int, bytes]:
    return {
        index: encode_picture(upright_rgb(frame, film.rotation), width) for index, frame in read_frames(film)
    }


@pytest.fixture
def moving(tmp_path: Path) -> Path:
    return draw_moving(tmp_path / "a.mp4", options={"g": "30", "bf": "3"})


@pytest.mark.parametrize(("name", "settings"), FILMS)
def test_any_order_gives_the_frames_of_the_film(tmp_path: Path, name: str, settings: dict) -> None:
    path = draw_moving(tmp_path / name, **settings)
    truth = read_all(probe(path))
    assert len(truth) == 64
    chance = random.Random(3)
    walks = {
        "random": [chance.randrange(64) for _ in range(40)],
        "back": [*range(63, -1, -1)],
        "in strides": [*range(2, 64, 5), *range(61, 0, -7)],
        "forward": [*range(20, 64)],
    }
    for way, order in walks.items():
        with Pictures() as pictures:
            wrong = [index for index in order if pictures.jpeg(path, index) != truth[index]]
        assert not wrong, way


def test_a_cold_frame_is_the_frame(tmp_path: Path) -> None:
    """Each sought by a decoder that has seen nothing else."""
    path = draw_moving(tmp_path / "a.mkv", options={"g": "64", "x264-params": "bframes=5:b-adapt=0:ref=4"})
    truth = read_all(probe(path))
    for index in range(0, 64, 3):
        with Pictures() as pictures:
            assert pictures.jpeg(path, index) == truth[index]


def test_a_picture_is_upright_and_as_wide_as_asked_for(tmp_path: Path) -> None:
    path = draw_moving(tmp_path / "a.mp4", frames=4, rotation=90)
    with Pictures() as pictures:
        shapes = {
            width: cv2.imdecode(np.frombuffer(pictures.jpeg(path, 2, width), np.uint8), 1).shape
            for width in (None, 48, 96, 4000)
        }
    assert shapes == {None: (160, 96, 3), 48: (80, 48, 3), 96: (160, 96, 3), 4000: (160, 96, 3)}


def test_a_frame_that_is_not_there(moving: Path) -> None:
    with Pictures() as pictures:
        for index in (-1, 64):
            with pytest.raises(IndexError, match="64 frames"):
                pictures.jpeg(moving, index)


def test_lost_frames_are_told_and_the_others_come(tmp_path: Path) -> None:
    path = draw_moving(tmp_path / "a.mp4", options={"g": "16", "bf": "2"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 6000] = bytes(6000)
    path.write_bytes(data)
    film = probe(path)
    read = {index for index, _ in read_frames(film)}
    assert len(read) < film.frame_count
    order = [*range(film.frame_count)]
    random.Random(1).shuffle(order)
    with Pictures() as pictures:
        for index in (*order, *reversed(range(film.frame_count))):
            if index in read:
                assert pictures.jpeg(path, index)
            else:
                with pytest.raises(InputError, match=f"frame {index} of .* cannot be decoded"):
                    pictures.jpeg(path, index)


def test_a_film_that_is_replaced_is_looked_at_anew(tmp_path: Path, moving: Path) -> None:
    with Pictures() as pictures:
        before = pictures.jpeg(moving, 3)
        draw_film(tmp_path / "b.mp4", 12, (96, 96)).path.replace(moving)
        assert pictures.film(moving).frame_count == 12
        assert pictures.jpeg(moving, 3) == read_all(probe(moving))[3] != before
        moving.write_bytes(b"no film any more")
        with pytest.raises(InputError, match="cannot read"):
            pictures.jpeg(moving, 3)
        assert pictures._walks.open_count == 0


def test_a_film_is_probed_once(moving: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    probed = []

    def count(path: Path) -> Film:
        probed.append(path)
        return probe(path)

    monkeypatch.setattr(module, "probe", count)
    with Pictures() as pictures, ThreadPoolExecutor(8) as pool:
        films = {id(film) for film in pool.map(pictures.film, [moving] * 16)}
        pictures.jpeg(moving, 5)
    assert len(films) == 1
    assert probed == [moving]


def test_threads_at_once(tmp_path: Path, moving: Path) -> None:
    other = draw_moving(tmp_path / "b.ts", options={"g": "12"})
    truth = {path: read_all(probe(path), 80) for path in (moving, other)}
    chance = random.Random(5)
    asked = [(chance.choice((moving, other)), chance.randrange(64)) for _ in range(150)]
    asked += [(moving, index) for index in range(60, 20, -1)]
    with Pictures(most_open=2) as pictures, ThreadPoolExecutor(6) as pool:
        found = [*pool.map(lambda one: pictures.jpeg(*one, 80), asked)]
        assert pictures._walks.open_count <= 2
    assert all(jpeg == truth[path][index] for jpeg, (path, index) in zip(found, asked, strict=True))


def test_bounds_hold(tmp_path: Path) -> None:
    paths = [draw_moving(tmp_path / f"{name}.mp4", frames=24, options={"g": "24"}) for name in "abc"]
    with Pictures(most_open=1, most_bytes=20_000) as pictures:
        for index in (20, 19, 18, 3, 15, 14):
            for path in paths:
                pictures.jpeg(path, index)
                assert pictures._walks.open_count <= 1
                assert pictures._jpegs.held_bytes <= 20_000


def test_one_decoder_is_enough_to_go_back(moving: Path) -> None:
    truth = read_all(probe(moving))
    with Pictures(most_open=1, most_bytes=1) as pictures:
        assert all(pictures.jpeg(moving, index) == truth[index] for index in range(50, -1, -1))


def test_going_on_does_not_seek(moving: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Pictures() as pictures:
        pictures.jpeg(moving, 20)
        monkeypatch.setattr("subremover.page.pictures.walks.FrameWalk", lambda *_: pytest.fail("begun anew"))
        for index in (21, 22, 27, 29):
            pictures.jpeg(moving, index)


def test_seeking_does_not_open_a_film_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = draw_moving(tmp_path / "a.mp4", frames=48, options={"g": "8", "bf": "3", "sc_threshold": "0"})
    truth = read_all(probe(film))
    with Pictures(most_open=1) as pictures:
        pictures.jpeg(film, 40)
        monkeypatch.setattr("subremover.page.pictures.walks.FrameWalk", lambda *_: pytest.fail("opened anew"))
        for index in (12, 0, 33, 4, 47, 7):
            assert pictures.jpeg(film, index) == truth[index]


def test_who_drags_is_shown_a_key_frame_unless_the_very_frame_is_near(
    moving: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SOON_FRAMES", 4)
    with Pictures() as pictures:
        keys = pictures.film(moving).key_frames.tolist()
        assert keys[:2] == [0, 30]
        assert [pictures.find_near(moving, index) for index in (2, 25, 30, 32, 39)] == [2, 0, 30, 32, 30]
        pictures.jpeg(moving, 20)
        assert [pictures.find_near(moving, index) for index in (22, 28)] == [22, 0]  # a decoder stands there


def test_closing_closes_everything(moving: Path) -> None:
    pictures = Pictures()
    for index in (60, 59, 58, 57, 20, 3):
        pictures.jpeg(moving, index)
    pictures.close()
    assert pictures._walks.open_count == 0
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("pictures")]
    with pytest.raises(InputError, match="not looked at"):
        pictures.jpeg(moving, 1)


@pytest.mark.parametrize("name", ["a.mp4", "a.ts", "a.mkv", "a.avi"])
def test_a_brief_and_a_thumbnail_cost_no_probe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = draw_film(tmp_path / name, 120, (640, 360), audio=False, options={"g": "24"}).path
    monkeypatch.setattr(module, "probe", lambda _: pytest.fail("probed"))
    brief = read_brief(path)
    assert (brief.width, brief.height) == (640, 360)
    assert brief.seconds == pytest.approx(5, abs=0.2)
    with Pictures() as pictures:
        jpeg = pictures.thumbnail(path)
        assert pictures.thumbnail(path) is jpeg
    assert cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1).shape == (180, 320, 3)


def test_a_brief_is_upright(tmp_path: Path) -> None:
    path = draw_film(tmp_path / "a.mp4", 12, (160, 96), rotation=-90).path
    assert read_brief(path) == Brief(pytest.approx(0.5, abs=0.1), 96, 160)
    with Pictures() as pictures:
        assert cv2.imdecode(np.frombuffer(pictures.thumbnail(path), np.uint8), 1).shape == (160, 96, 3)


@pytest.mark.parametrize("kind", ["text", "empty", "truncated", "folder", "absent", "sound"])
def test_what_is_no_film(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.mp4"
    if kind == "text":
        path.write_text("WEBVTT\n\nno film at all\n" * 40)
    elif kind == "empty":
        path.touch()
    elif kind == "truncated":
        whole = draw_film(tmp_path / "whole.mp4", 24).path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "folder":
        path.mkdir()
    elif kind == "sound":
        path.write_bytes(b"RIFF" + bytes(4000))
    with Pictures() as pictures:
        for look in (read_brief, pictures.thumbnail, pictures.film, lambda p: pictures.jpeg(p, 0)):
            with pytest.raises(InputError):
                look(path)

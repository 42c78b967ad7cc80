from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from fake_run import FakePool
from media import draw_film, luma, open_film, read_luma, read_pts

from subremover.detect.drawn_mask import event_of
from subremover.errors import OutputError, UsageError
from subremover.options import Options
from subremover.parsing import Position
from subremover.pipeline import Run
from subremover.plan.model import FilmKey, Plan, Shot
from subremover.progress import Progress, ignore
from subremover.report import preview_films
from subremover.report.preview_films import NAMES, check_preview_films, find_stretch, write_preview_films
from subremover.video.film import Film
from subremover.video.pixels.planes import upright_rgb
from subremover.video.read.probe import probe
from subremover.video.read.reader import read_frames

BEFORE, AFTER, ORIGINS = NAMES


@pytest.fixture
def lossless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview_films, "_OPTIONS", {"qp": "0", "preset": "ultrafast", "g": "12"})


def make_plan(film: Film, first: int, last: int) -> Plan:
    mask = np.zeros(film.upright_size[::-1], bool)
    mask[40:60, 30:70] = True
    event = event_of(first, last, mask)
    return Plan(FilmKey.of(film.upright_size, film.pts), (Shot(0, film.frame_count - 1),), (event,))


def preview(
    film: Film,
    plan: Plan,
    folder: Path,
    stretch: range,
    progress: Callable[[Progress], None] = ignore,
) -> list[Path]:
    with Run(film.path, Options(), plan=plan, paints=True, painter=FakePool()) as run:
        return write_preview_films(run, run.scan(), folder, stretch, progress)


def read_rgb(path: Path) -> list[np.ndarray]:
    """(H, W, 3) uint8 each, as a viewer sees them."""
    film = probe(path)
    return [upright_rgb(frame, film.rotation) for _, frame in read_frames(film)]


@pytest.mark.usefixtures("lossless")
def test_after_is_what_a_run_makes_and_before_is_the_source(tmp_path: Path) -> None:
    film = probe(draw_film(tmp_path / "a.mp4", 60, audio=False).path)
    plan, stretch, told = make_plan(film, 20, 38), range(26, 44), []
    written = preview(film, plan, tmp_path / "look", stretch, told.append)
    assert [path.name for path in written] == [*NAMES]
    assert sorted(tmp_path.rglob("*.mp4")) == sorted([film.path, *written])
    assert told == [Progress("preview", done, 18) for done in range(1, 19)]
    with Run(film.path, Options(), plan=plan, paints=True, painter=FakePool()) as run:
        whole = [luma(frame) for _, frame, _ in run.fill_frames(run.scan(), range(60))]
    source = read_luma(film.path)
    assert np.array_equal(read_luma(tmp_path / "look" / BEFORE), source[26:44])
    assert np.array_equal(read_luma(tmp_path / "look" / AFTER), whole[26:44])
    assert not np.array_equal(whole[38], source[38])


def test_the_film_of_origins_has_colours_where_something_was_removed(tmp_path: Path) -> None:
    film = probe(draw_film(tmp_path / "a.mp4", 30, audio=False).path)
    preview(film, make_plan(film, 10, 19), tmp_path / "look", range(5, 25))
    is_coloured = [
        (np.ptp(picture[44:56, 34:66], axis=2) > 40).mean() > 0.9
        for picture in read_rgb(tmp_path / "look" / ORIGINS)
    ]
    assert is_coloured == [10 <= index <= 19 for index in range(5, 25)]


def test_where_nothing_is_removed_after_is_as_before(tmp_path: Path) -> None:
    film = probe(draw_film(tmp_path / "a.mp4", 30, audio=False).path)
    for plan in (make_plan(film, 2, 4), make_plan(film, 2, 4).clip(20, 30)):
        before, after, _ = preview(film, plan, tmp_path / "look", range(12, 20))
        assert before.read_bytes() == after.read_bytes()


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("late.mp4", {"first_pts": 5}),
        ("vary.mkv", {"vfr": True}),
        ("deep.mkv", {"codec": "libx265", "pix_fmt": "yuv420p10le", "options": {"log-level": "error"}}),
        ("hdr.mkv", {"codec": "ffv1", "pix_fmt": "yuv420p10le", "color": (1, 9, 16, 9)}),
        ("odd.mkv", {"codec": "ffv1", "pix_fmt": "yuv444p", "size": (161, 97)}),
        ("turned.mp4", {"rotation": 90}),
        ("wide.mp4", {"sample_aspect_ratio": Fraction(4, 3)}),
        ("full.mkv", {"codec": "mjpeg", "pix_fmt": "yuvj420p", "color": (2, 1, 1, 1)}),
        ("rgb.mkv", {"codec": "libx264rgb", "pix_fmt": "rgb24"}),
        ("gray.mkv", {"codec": "ffv1", "pix_fmt": "gray"}),
    ],
)
def test_films_of_all_kinds_look_as_they_do(tmp_path: Path, name: str, settings: dict[str, Any]) -> None:
    film = probe(draw_film(tmp_path / name, 40, audio=False, **settings).path)
    folder, stretch = tmp_path / "look", range(7, 38)
    before, after, origins = preview(film, make_plan(film, 10, 30), folder, stretch)
    start = read_pts(film.path)[7]
    for path in (before, after, origins):
        made = probe(path)
        assert read_pts(path) == [seconds - start for seconds in read_pts(film.path)[7:38]]
        assert (made.upright_size, made.rotation) == (film.upright_size, film.rotation)
        assert (made.sample_aspect_ratio or 1) == (film.sample_aspect_ratio or 1)
        assert made.pix_fmt == ("yuv444p" if path == origins or film.width % 2 else "yuv420p")
        assert np.diff([*made.key_frames, len(stretch)]).max() <= 12
        with open_film(path) as container:
            packets = [packet for packet in container.demux() if packet.size]
            assert len(packets) == len(stretch)
            assert len(container.streams) == 1
            assert container.streams[0].codec_context.color_range in (0, 1)  # untold or limited
    for shown, made in zip(read_rgb(film.path)[7:38], read_rgb(before), strict=True):
        assert np.abs(shown.astype(int) - made).mean() < 4  # chroma of half the size, and the encoder
    for shown, made in zip(read_rgb(before), read_rgb(after), strict=True):
        assert np.abs(shown.astype(int) - made)[70:].mean() < 3


@pytest.mark.parametrize("lost", [range(8, 11), range(4, 7), range(13, 16)])
@pytest.mark.usefixtures("lossless")
def test_a_frame_that_is_lost_shows_the_one_before(tmp_path: Path, lost: range) -> None:
    """So that each of them has its place in the films: in the midst, at the start, at the end."""
    source = draw_film(tmp_path / "a.mkv", 20, codec="mjpeg", pix_fmt="yuvj420p", audio=False).path
    data = bytearray(source.read_bytes())
    with av.open(str(source)) as container:
        found = [bytes(packet) for packet in container.demux() if packet.size]
    for number in lost:
        at = data.find(found[number])
        data[at + 4 : at + len(found[number])] = bytes(len(found[number]) - 4)
    source.write_bytes(data)
    film = probe(source)
    before, *others = preview(film, make_plan(film, 0, 19), tmp_path / "look", range(6, 15))
    pictures = read_luma(before)
    assert [len(read_luma(path)) for path in (before, *others)] == [9, 9, 9]
    is_same = [np.array_equal(one, other) for one, other in pairwise(pictures)]
    assert is_same == [index in lost or (index == 7 and 6 in lost) for index in range(7, 15)]


def test_nothing_can_be_decoded_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = probe(draw_film(tmp_path / "a.mp4", audio=False).path)
    monkeypatch.setattr(Run, "fill_frames", lambda *_: (each for each in ()))
    with pytest.raises(OutputError, match=r"no frame from 2 to 8 of .* choose another moment"):
        preview(film, make_plan(film, 2, 4), tmp_path / "look", range(2, 9))
    assert not [*(tmp_path / "look").iterdir()]


def test_films_of_an_earlier_preview_go_when_the_new_ones_are_whole(tmp_path: Path) -> None:
    film = probe(draw_film(tmp_path / "a.mp4", audio=False).path)
    plan, folder = make_plan(film, 4, 9), tmp_path / "look"
    old = [path.read_bytes() for path in preview(film, plan, folder, range(2, 9))]
    (folder / "frame_000004_after.png").touch()

    def stop(progress: Progress) -> None:
        if progress.done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        preview(film, plan, folder, range(8, 16), stop)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*NAMES, "frame_000004_after.png"])
    assert [(folder / name).read_bytes() for name in NAMES] == old
    preview(film, plan, folder, range(8, 16))
    assert len(read_pts(folder / AFTER)) == 8
    assert sorted(path.name for path in folder.iterdir()) == sorted([*NAMES, "frame_000004_after.png"])


def test_places_that_do_not_do(tmp_path: Path) -> None:
    (tmp_path / "look").mkdir()
    film = probe(draw_film(tmp_path / "look" / AFTER, audio=False).path)
    with pytest.raises(OutputError, match="is the film itself; give another name"):
        check_preview_films(film, tmp_path / "look")
    (tmp_path / "other" / BEFORE).mkdir(parents=True)
    with pytest.raises(OutputError, match="is a directory"):
        check_preview_films(film, tmp_path / "other")
    with pytest.raises(OutputError, match="choose another folder"):
        check_preview_films(film, film.path / "look")
    check_preview_films(film, tmp_path / "new" / "look")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("moment", "first", "last"),
    [
        (Position(frame=60), 25, 95),
        (Position(seconds=2.5), 25, 95),
        (Position(frame=0), 0, 35),
        (Position(frame=99), 64, 99),
    ],
)
def test_three_seconds_as_far_as_the_film_goes(
    tmp_path: Path, moment: Position, first: int, last: int
) -> None:
    film = probe(draw_film(tmp_path / "a.mp4", 100, (64, 64), first_pts=7, audio=False).path)
    assert find_stretch(film, moment) == range(first, last + 1)


def test_time_tells_what_is_near_and_not_the_count(tmp_path: Path) -> None:
    slow = probe(draw_film(tmp_path / "a.mp4", 9, (64, 64), rate=Fraction(1, 2), audio=False).path)
    assert find_stretch(slow, Position(seconds=3)) == range(2, 3)
    vary = probe(draw_film(tmp_path / "b.mkv", 90, (64, 64), vfr=True, audio=False).path)
    stretch = find_stretch(vary, Position(frame=45))
    seconds = vary.times[stretch.start : stretch.stop] - vary.times[45]
    assert -1.5 <= seconds[0] < -1.4 < 1.4 < seconds[-1] < 1.5


def test_a_moment_behind_the_end(tmp_path: Path) -> None:
    film = probe(draw_film(tmp_path / "a.mp4", audio=False).path)
    with pytest.raises(UsageError, match=r"--around lies behind the end .*24 frames.*; give a time in the"):
        find_stretch(film, Position(seconds=60))

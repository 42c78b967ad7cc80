from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media import NTSC_FILM, draw_film, draw_picture, read_pts

from subremover.errors import InputError
from subremover.parsing import Position
from subremover.video.pixels.planes import upright_rgb
from subremover.video.read import limits
from subremover.video.read import source as source_module
from subremover.video.read.picture_info import read_picture_info
from subremover.video.read.probe import probe
from subremover.video.read.reader import read_frames


def test_what_a_film_is(tmp_path: Path) -> None:
    drawn = draw_film(tmp_path / "a.mp4", frames=24, size=(160, 96), first_pts=12)
    film = probe(drawn.path)
    assert (film.width, film.height, film.rotation, film.upright_size) == (160, 96, 0, (160, 96))
    assert (film.codec, film.pix_fmt, film.frame_rate) == ("h264", "yuv420p", NTSC_FILM)
    assert film.frame_count == 24
    times = [int(pts) * film.time_base for pts in film.pts]
    assert [time - times[0] for time in times] == [Fraction(index) / NTSC_FILM for index in range(24)]
    assert float(times[0]) == pytest.approx(12 / NTSC_FILM, abs=0.001)  # mp4 keeps a start to the millisecond
    assert list(film.key_frames) == [0, 12]
    assert film.duration_seconds == pytest.approx(1.001)
    assert film.warnings == ()


def test_times_of_a_film_with_varying_rate(tmp_path: Path) -> None:
    drawn = draw_film(tmp_path / "a.mkv", vfr=True)
    film = probe(drawn.path)
    expected = [float(Fraction(t, 1000) / NTSC_FILM) for t in drawn.pts]
    assert np.allclose((film.pts * film.time_base).astype(float), expected, atol=0.0006)


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
def test_rotation_turns_the_decoded_frame_upright(tmp_path: Path, rotation: int) -> None:
    drawn = draw_film(tmp_path / "a.mp4", frames=2, rotation=rotation, audio=False, options={"crf": "1"})
    film = probe(drawn.path)
    assert film.rotation % 360 == rotation % 360
    assert film.upright_size == ((96, 160) if rotation % 180 else (160, 96))
    _, frame = next(read_frames(film))
    # counter-clockwise, as a player shows it
    expected = np.rot90(draw_picture(0, (160, 96)), rotation // 90)
    assert np.abs(upright_rgb(frame, film.rotation).astype(int) - expected).mean() < 4


def test_positions(tmp_path: Path) -> None:
    film = probe(draw_film(tmp_path / "a.mp4", first_pts=30, audio=False).path)
    assert film.index_of(Position(frame=7)) == 7
    assert film.index_of(Position(frame=700)) == 24
    assert film.index_of(Position(seconds=0)) == 0
    assert film.index_of(Position(seconds=0.042)) == 1  # frame 1 is at 0.041708 s
    assert film.index_of(Position(seconds=0.05)) == 2
    assert film.index_of(Position(seconds=12.0)) == 24


def test_cut_off_film_is_read_with_a_warning(tmp_path: Path) -> None:
    drawn = draw_film(tmp_path / "a.mkv", frames=60)
    data = drawn.path.read_bytes()
    drawn.path.write_bytes(data[: len(data) // 2])
    film = probe(drawn.path)
    assert 0 < film.frame_count < 60
    assert "may be cut off" in " ".join(film.warnings)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist; check the name"):
        probe(tmp_path / "a.mp4")


def test_directory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a directory; give a film file"):
        probe(tmp_path)


def test_empty(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    with pytest.raises(InputError, match="is empty; download or copy it again"):
        probe(tmp_path / "a.mp4")


def test_text(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("this is no film\n" * 50)
    with pytest.raises(InputError, match="check that it is whole"):
        probe(tmp_path / "a.mp4")


def test_sound_only(tmp_path: Path) -> None:
    path = tmp_path / "talk.m4a"
    with av.open(str(path), "w") as out:
        tone = out.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
        frame.sample_rate = 48000
        out.mux(tone.encode(frame))
        out.mux(tone.encode(None))
    with pytest.raises(InputError, match=r"no video stream in .*talk.m4a' \(found: audio\); give a film"):
        probe(path)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp"])
def test_still_picture(tmp_path: Path, name: str) -> None:
    import cv2

    cv2.imwrite(str(tmp_path / name), draw_picture(0, (64, 48)))
    with pytest.raises(InputError, match=r"is no film .* give a film"):
        probe(tmp_path / name)


def test_gif(tmp_path: Path) -> None:
    draw_film(tmp_path / "a.gif", frames=3, codec="gif", pix_fmt="rgb8", audio=False, options={"g": "1"})
    with pytest.raises(InputError, match=r"is no film \(gif\)"):
        probe(tmp_path / "a.gif")


def test_no_frame_can_be_decoded(tmp_path: Path) -> None:
    drawn = draw_film(tmp_path / "a.mkv", frames=3, audio=False)
    data = bytearray(drawn.path.read_bytes())
    with av.open(str(drawn.path)) as container:
        for packet in container.demux(video=0):
            if packet.size:
                at = data.find(bytes(packet))
                data[at : at + packet.size] = b"\0" * packet.size
    drawn.path.write_bytes(data)
    with pytest.raises(InputError, match=r"can be decoded .*; check that the file is whole"):
        probe(drawn.path)


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = draw_film(tmp_path / "a.mp4", frames=2).path
    monkeypatch.setattr(source_module.os, "access", lambda *_: False)
    with pytest.raises(InputError, match=r"no permission .*; change its mode"):
        probe(path)


def test_ffmpeg_refuses_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = draw_film(tmp_path / "a.mp4", frames=2).path

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise av.error.PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(source_module.av, "open", refuse)
    with pytest.raises(InputError, match=r"no permission .*; change its mode"):
        probe(path)


def test_a_name_with_a_colon_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_film(tmp_path / "a.mp4", frames=2).path.rename(tmp_path / "part 1: dawn.mp4")
    monkeypatch.chdir(tmp_path)
    assert probe(Path("part 1: dawn.mp4")).frame_count == 2


def test_cover_art_is_not_the_film(tmp_path: Path) -> None:
    drawn = draw_film(tmp_path / "a.mp4", frames=3)
    with av.open(str(drawn.path)) as source, av.open(str(tmp_path / "b.mp4"), "w") as out:
        cover = out.add_stream("mjpeg", rate=1, options={"strict": "-1"})
        cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        video = out.add_stream_from_template(source.streams.video[0], opaque=True)
        out.mux(cover.encode(av.VideoFrame(32, 32, "yuvj420p")))
        out.mux(cover.encode(None))
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = video
                out.mux(packet)
    film = probe(tmp_path / "b.mp4")
    assert (film.width, film.height, film.frame_count) == (160, 96, 3)


@pytest.mark.parametrize(
    ("name", "settings", "start"),
    [
        ("a.mp4", {}, 0.0),
        ("a.mkv", {"vfr": True}, 0.0),
        ("late.mkv", {"first_pts": 24}, 0.0),  # the sound is there from the beginning
        ("late.mkv", {"first_pts": 24, "audio": False}, 1.001),
        ("a.ts", {"audio": False}, None),  # the muxer's choice
    ],
)
def test_times_and_where_players_start_to_count(
    tmp_path: Path, name: str, settings: dict, start: float | None
) -> None:
    drawn = draw_film(tmp_path / name, **settings)
    film, pts = probe(drawn.path), read_pts(drawn.path)
    assert film.times[:-1] == pytest.approx([float(at) for at in pts])
    assert film.times[-1] - film.times[-2] == pytest.approx(1001 / 24000)
    assert film.start_seconds == pytest.approx(float(pts[0]) if start is None else start, abs=0.002)


@pytest.mark.parametrize("settings", [{}, {"codec": "libvpx-vp9", "pix_fmt": "yuva420p"}])
def test_frames_of_any_size_are_refused_by_every_decoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict
) -> None:
    film = probe(draw_film(tmp_path / "a.mkv", 3, audio=False, **settings).path)
    assert len(list(read_frames(film))) == 3
    monkeypatch.setattr(limits, "_DECODER_OPTIONS", {"max_pixels": str(160 * 96 - 1)})
    for refused in (
        lambda: probe(film.path),
        lambda: read_picture_info(film),
        lambda: list(read_frames(film)),
    ):
        with pytest.raises(InputError, match=r"no frame of .* can be decoded"):
            refused()

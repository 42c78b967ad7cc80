import contextlib
from pathlib import Path

import av
import pytest
from media import (
    all_packets,
    check_dress,
    draw_film,
    dress_film,
    open_film,
    read_packets,
    read_pts,
    read_texts,
)
from segmented import foresee, write_film

from subremover.errors import OutputError, UsageError
from subremover.options import EncodeOptions
from subremover.plan.cues import Cue
from subremover.video.container.copies import can_copy
from subremover.video.container.mux import remux
from subremover.video.read.probe import probe
from subremover.video.text.text_track import TextTrack

PLAIN = EncodeOptions()
CUES = (
    Cue(0.1, 0.25, "Grüße,\n1 < 2 & 字幕"),
    Cue(0.4, 0.75, "below"),
    Cue(0.5, 0.6, "above"),
    Cue(0.75, 1.0, "last"),
)
STACKED = [
    (0.1, 0.25, CUES[0].text),
    (0.4, 0.5, "below"),
    (0.5, 0.6, "below\nabove"),
    (0.6, 0.75, "below"),
    (0.75, 1.0, "last"),
]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("a.mp4", {"first_pts": 12}),
        ("vary.mp4", {"vfr": True}),
        ("vary.mkv", {"vfr": True, "first_pts": 3}),
        ("hevc.mkv", {"codec": "libx265", "options": {"x265-params": "log-level=none"}}),
        ("web.webm", {"codec": "libvpx-vp9"}),
        ("pro.mov", {"codec": "prores_ks", "pix_fmt": "yuv422p10le"}),
    ],
)
def test_every_packet_is_the_same(tmp_path: Path, name: str, settings: dict) -> None:
    drawn = draw_film(tmp_path / name, **settings)
    target = tmp_path / f"out_{name}"
    assert remux(probe(drawn.path), target, PLAIN) == ()
    assert all_packets(target) == all_packets(drawn.path)
    assert read_pts(target) == read_pts(drawn.path)


def test_all_that_matroska_holds_is_kept(tmp_path: Path) -> None:
    draw_film(tmp_path / "plain.mkv")
    dress_film(tmp_path / "plain.mkv", tmp_path / "a.mkv")
    target = tmp_path / "b.mkv"
    assert remux(probe(tmp_path / "a.mkv"), target, PLAIN) == ()
    check_dress(tmp_path / "a.mkv", target)
    assert read_packets(tmp_path / "a.mkv", "video") == read_packets(target, "video")


def test_what_mp4_cannot_hold_is_told(tmp_path: Path) -> None:
    draw_film(tmp_path / "plain.mkv")
    dress_film(tmp_path / "plain.mkv", tmp_path / "a.mkv")
    warnings = remux(probe(tmp_path / "a.mkv"), tmp_path / "b.mp4", PLAIN)
    assert "mp4 cannot keep cover art and these tags: DIRECTOR" in warnings
    assert any("font.ttf" in warning for warning in warnings)
    assert not any("subtitle stream" in warning for warning in warnings)  # their words become mov_text
    assert (
        read_packets(tmp_path / "a.mkv", "audio", 1)[0][1]
        == read_packets(tmp_path / "b.mp4", "audio", 1)[0][1]
    )
    with open_film(tmp_path / "b.mp4") as container:
        assert len(container.streams.video) == 2  # the picture and its cover
        assert len(container.chapters()) == 2


def test_mp4_tags_and_language(tmp_path: Path) -> None:
    drawn = draw_film(tmp_path / "a.mp4", metadata={"title": "A film", "camera": "own"})
    remux(probe(drawn.path), tmp_path / "b.mp4", PLAIN)
    with open_film(tmp_path / "b.mp4") as container:
        assert container.metadata["title"] == "A film"
        assert container.metadata["camera"] == "own"


def test_a_container_that_cannot_hold_the_picture(tmp_path: Path) -> None:
    drawn = draw_film(tmp_path / "a.mp4")
    with pytest.raises(OutputError, match=r"try another .*container"):
        remux(probe(drawn.path), tmp_path / "b.webm", PLAIN)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4"]


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("a.mp4", {}, STACKED),
        ("a.m4v", {"audio": False}, STACKED),
        ("a.mov", {"vfr": True}, STACKED),
        ("a.mkv", {}, [(cue.start_seconds, cue.end_seconds, cue.text) for cue in CUES]),
        ("a.webm", {"codec": "libvpx-vp9"}, [(cue.start_seconds, cue.end_seconds, cue.text) for cue in CUES]),
    ],
)
@pytest.mark.parametrize("is_encoded", [False, True])
def test_cues_become_a_text_track(
    tmp_path: Path, name: str, settings: dict, expected: list, is_encoded: bool
) -> None:
    drawn = draw_film(tmp_path / name, **settings)
    target = tmp_path / f"out_{name}"
    film, options = probe(drawn.path), EncodeOptions(subtitle_track=True)
    text = TextTrack(CUES, film.upright_size, "fra")
    foresee(film, target, options)
    if is_encoded:
        assert write_film(film, target, options, text) == []
    else:
        assert remux(film, target, options, text) == ()
        assert read_packets(target, "video") == read_packets(drawn.path, "video")
    shown = read_texts(target, 0)
    assert [text for *_, text in shown] == [text for *_, text in expected]
    for was, now in zip(expected, shown, strict=True):
        assert now[:2] == pytest.approx(was[:2], abs=0.0015)
    with open_film(target) as container:
        assert container.streams.subtitles[0].language == "fra"
    assert read_pts(target) == read_pts(drawn.path)
    if settings.get("audio", True):
        assert read_packets(target, "audio") == read_packets(drawn.path, "audio")


def test_a_text_track_comes_behind_those_there_are(tmp_path: Path) -> None:
    draw_film(tmp_path / "plain.mkv")
    dress_film(tmp_path / "plain.mkv", tmp_path / "a.mkv")
    film = probe(tmp_path / "a.mkv")
    assert remux(film, tmp_path / "b.mkv", PLAIN, TextTrack(CUES, film.upright_size)) == ()
    for number in (0, 1):
        old, new = (read_packets(tmp_path / name, "subtitles", number) for name in ("a.mkv", "b.mkv"))
        assert old == new
    assert [text for *_, text in read_texts(tmp_path / "b.mkv", 2)][1:] == ["below", "above", "last"]
    with open_film(tmp_path / "b.mkv") as container:
        languages = [stream.language for stream in container.streams.subtitles]
        assert (languages[1], languages[2]) == ("deu", None)  # und is what Matroska's readers leave out
        assert not container.streams.subtitles[2].disposition
        assert len(container.streams.attachments) == 1


def test_a_late_start_moves_the_text_along(tmp_path: Path) -> None:
    """Cues are in the film's own seconds: the picture starts at 12 frames, and so does its text."""
    drawn = draw_film(tmp_path / "a.mp4", first_pts=12)
    film = probe(drawn.path)
    start = float(film.times[0])
    assert start == pytest.approx(0.5, abs=0.001)
    text = TextTrack((Cue(start, float(film.times[3]), "first"),), film.upright_size)
    remux(film, tmp_path / "b.mp4", PLAIN, text)
    assert read_texts(tmp_path / "b.mp4", 0)[0] == (
        pytest.approx(start, abs=0.001),
        pytest.approx(0.6255, abs=0.001),
        "first",
    )
    assert read_pts(tmp_path / "b.mp4")[0] == read_pts(drawn.path)[0]


def test_a_text_track_that_the_container_cannot_hold(tmp_path: Path) -> None:
    film = probe(draw_film(tmp_path / "a.avi", codec="mpeg4", audio=False).path)
    foresee(film, tmp_path / "b.avi", PLAIN)
    with pytest.raises(
        UsageError, match=r"'b.avi' cannot hold a subtitle track; use .mp4, .mov, .mkv"
    ) as caught:
        foresee(film, tmp_path / "b.avi", EncodeOptions(subtitle_track=True))
    assert caught.value.exit_code == 2


def test_an_existing_target_stays(tmp_path: Path) -> None:
    drawn = draw_film(tmp_path / "a.mp4")
    (tmp_path / "b.mp4").write_text("precious")
    with pytest.raises(OutputError, match="exists; add --overwrite"):
        remux(probe(drawn.path), tmp_path / "b.mp4", PLAIN)
    assert (tmp_path / "b.mp4").read_text() == "precious"
    remux(probe(drawn.path), tmp_path / "b.mp4", EncodeOptions(overwrite=True))
    assert all_packets(tmp_path / "b.mp4") == all_packets(drawn.path)


def test_chapters_cover_and_names_of_mp4(tmp_path: Path) -> None:
    draw_film(tmp_path / "plain.mkv")
    dress_film(tmp_path / "plain.mkv", tmp_path / "a.mkv")
    remux(probe(tmp_path / "a.mkv"), tmp_path / "b.mp4", PLAIN)
    for name in ("c.mp4", "c.mov"):
        warnings = remux(probe(tmp_path / "b.mp4"), tmp_path / name, PLAIN)
        with open_film(tmp_path / name) as container:
            assert [chapter["metadata"]["title"] for chapter in container.chapters()] == ["One", "Two"]
            assert container.metadata["title"] == "Dressed"
            if name == "c.mov":
                assert warnings == ("cover art cannot be kept in mov; mp4 can",)
            else:
                assert warnings == ()
                assert len(container.streams.video) == 2  # the picture and its cover
                assert container.streams.audio[1].metadata["name"] == "Sound jpn"


@pytest.mark.parametrize(
    ("name", "settings", "holding", "others"),
    [
        ("a.mov", {"codec": "prores_ks", "pix_fmt": "yuv422p10le"}, "mkv mov", "mp4 avi"),
        ("a.ts", {}, "mp4 mkv ts avi mxf", "webm"),
        ("a.webm", {"codec": "libvpx-vp9"}, "webm mkv mp4", "mov"),
        ("a.mp4", {}, "mp4 mkv ts", "avi webm"),  # whose muxer wants start codes, and adds none
    ],
)
def test_what_can_be_copied_is_known_before(
    tmp_path: Path, name: str, settings: dict, holding: str, others: str
) -> None:
    film = probe(draw_film(tmp_path / name, 4, audio=False, options={}, **settings).path)
    for suffix in f"{holding} {others}".split():
        target = tmp_path / f"b.{suffix}"
        assert can_copy(film, target) == (suffix in holding.split())
        with contextlib.nullcontext() if suffix in holding.split() else pytest.raises(OutputError):
            remux(film, target, PLAIN)
        assert target.exists() == (suffix in holding.split())


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "asked", "keeper"),
    [
        ("libx264", "yuv420p", None, "; mp4 can"),
        ("prores_ks", "yuv422p10le", None, "; mkv can"),
        ("prores_ks", "yuv422p10le", "libx264", "; mp4 can"),
        ("libx264", "yuv420p", "prores_ks", "; mkv can"),
        ("libx264", "yuv420p", "qtrle", ""),
    ],
)
def test_a_container_that_is_said_to_keep_cover_art_does(
    tmp_path: Path, codec: str, pix_fmt: str, asked: str | None, keeper: str
) -> None:
    draw_film(tmp_path / "plain.mkv", 4, codec=codec, pix_fmt=pix_fmt, options={})
    dress_film(tmp_path / "plain.mkv", tmp_path / "a.mkv")
    film = probe(tmp_path / "a.mkv")
    warning = f"cover art cannot be kept in mov{keeper}"
    assert warning in foresee(film, tmp_path / "b.mov", EncodeOptions(codec=asked))
    if asked is None:
        assert warning in remux(film, tmp_path / "b.mov", PLAIN)
    if keeper:
        target = tmp_path / f"b.{keeper.split()[1]}"
        warnings = foresee(film, target, EncodeOptions(codec=asked))
        assert not [text for text in warnings if text.startswith("cover art")]


@pytest.mark.parametrize(
    ("name", "settings", "target", "tag"),
    [
        ("a.avi", {"codec": "utvideo", "pix_fmt": "gbrp"}, "b.avi", "ULRG"),  # by which its format is known
        ("a.mov", {"codec": "mpeg2video"}, "b.mov", "m2v1"),
        ("a.mov", {"codec": "mpeg2video"}, "b.mp4", "mp4v"),  # which does not know the other
        ("a.mp4", {"codec": "libx265", "options": {"x265-params": "log-level=none"}}, "b.mp4", "hev1"),
        ("a.mkv", {"codec": "libx265", "options": {"x265-params": "log-level=none"}}, "b.mp4", "hvc1"),
    ],
)
def test_the_four_letters_of_a_codec(
    tmp_path: Path, name: str, settings: dict, target: str, tag: str
) -> None:
    drawn = draw_film(tmp_path / name, audio=False, frames=4, **settings)
    assert remux(probe(drawn.path), tmp_path / target, PLAIN) == ()
    with open_film(tmp_path / target) as container:
        assert container.streams.video[0].codec_context.codec_tag == tag
        assert len(list(container.decode(video=0))) == 4


@pytest.mark.parametrize("tag", [b"\xff\xfe4v", b"\xc3\xa94v", b"4v\0\x01"])
@pytest.mark.parametrize("name", ["b.mp4", "b.mkv", "b.avi"])
def test_four_letters_that_are_none(tmp_path: Path, tag: bytes, name: str) -> None:
    path = draw_film(tmp_path / "a.mp4", codec="mpeg4", audio=False, frames=4).path
    data = path.read_bytes()
    assert data.count(b"mp4v\0") == 1
    path.write_bytes(data.replace(b"mp4v\0", tag + b"\0"))
    film = probe(path)
    assert remux(film, tmp_path / name, PLAIN) == ()
    assert len(read_pts(tmp_path / name)) == 4
    assert write_film(film, tmp_path / f"again_{name}", PLAIN) == []
    assert len(read_pts(tmp_path / f"again_{name}")) == 4


def test_sound_in_avi_keeps_its_times(tmp_path: Path) -> None:
    """AC-3 and MP3 have packets of a length there, not bytes of a rate."""
    with av.open(str(tmp_path / "a.avi"), "w") as out:
        picture = out.add_stream("mpeg4", rate=25)
        picture.width, picture.height, picture.pix_fmt = 64, 64, "yuv420p"
        sounds = [out.add_stream(codec, rate=48000) for codec in ("ac3", "libmp3lame")]
        for index in range(10):
            out.mux(picture.encode(av.VideoFrame(64, 64, "yuv420p")))
            for sound in sounds:
                frame = av.AudioFrame(sound.format.name, "stereo", 1536 if sound is sounds[0] else 1152)
                for plane in frame.planes:
                    plane.update(bytes(plane.buffer_size))
                frame.sample_rate, frame.pts = 48000, index * frame.samples
                out.mux(sound.encode(frame))
        for stream in (picture, *sounds):
            out.mux(stream.encode(None))
    assert remux(probe(tmp_path / "a.avi"), tmp_path / "b.avi", PLAIN) == ()
    for number in (0, 1):
        packets = read_packets(tmp_path / "a.avi", "audio", number)
        assert len(packets) >= 9
        assert read_packets(tmp_path / "b.avi", "audio", number) == packets


def test_packets_out_of_order_do_not_end_the_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A damaged transport stream decodes sound a second time: muxers refuse that."""
    drawn = draw_film(tmp_path / "a.ts", frames=12)
    with open_film(drawn.path) as source:
        sound, pid = source.streams.audio[0].index, source.streams.audio[0].id
    data = drawn.path.read_bytes()
    packets = [data[at : at + 188] for at in range(0, len(data), 188)]
    again = [packet for packet in packets if int.from_bytes(packet[1:3]) & 0x1FFF == pid]
    drawn.path.write_bytes(b"".join(packets + again))
    film = probe(drawn.path)
    remux(film, tmp_path / "b.mp4", PLAIN)
    with open_film(tmp_path / "b.mp4") as container:
        assert container.streams.audio
    assert any(f"stream {sound}" in line and "out of order" in line for line in caplog.messages)


def test_matroska_keeps_sound_that_begins_before_the_picture(tmp_path: Path) -> None:
    """As AAC does in mp4; Matroska's muxer would move all streams to begin at 0."""
    source, target = draw_film(tmp_path / "a.mp4").path, tmp_path / "b.mkv"
    assert remux(probe(source), target, PLAIN) == ()
    for kind in ("video", "audio"):
        old, new = read_packets(source, kind), read_packets(target, kind)
        assert [p[-1] for p in new] == [p[-1] for p in old]
    assert [float(at) for at in read_pts(target)] == pytest.approx(
        [float(at) for at in read_pts(source)], abs=0.001
    )
    with open_film(target) as container:
        first = next(p for p in container.demux(audio=0) if p.size)
        assert float(first.pts * first.time_base) < 0


@pytest.mark.parametrize(
    ("name", "settings", "target", "can"),
    [
        ("a.mp4", {}, "b.mkv", True),
        ("a.mp4", {"first_pts": -5}, "b.mov", True),  # frames that an edit list hides
        ("a.mp4", {"first_pts": -5}, "b.mkv", False),
        ("a.mp4", {"first_pts": -5}, "b.ts", False),
        ("a.avi", {"audio": False, "options": {"bf": "2"}}, "b.avi", True),
        ("a.avi", {"audio": False, "options": {"bf": "2"}}, "b.mp4", False),
        ("a.avi", {"audio": False, "codec": "mpeg4", "options": {"bf": "2"}}, "b.mp4", True),
    ],
)
def test_packets_are_copied_only_where_they_show_the_same(
    tmp_path: Path, name: str, settings: dict, target: str, can: bool
) -> None:
    film = probe(draw_film(tmp_path / name, **settings).path)
    assert can_copy(film, tmp_path / target) is can

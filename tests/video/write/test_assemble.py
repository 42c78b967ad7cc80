import errno
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media import check_dress, draw_film, dress_film, luma, open_film, read_luma, read_packets, read_pts
from segmented import PLAIN, cut_at, foresee, rewrite, write_film, write_spools

from subremover.errors import ContainerError, OutputError
from subremover.options import EncodeOptions
from subremover.video.container.mux import CarriedStreams
from subremover.video.encode.encoders import choose_encoding
from subremover.video.encode.spool import SpoolWriter
from subremover.video.read.picture_info import read_picture_info
from subremover.video.read.probe import probe
from subremover.video.read.reader import read_frames
from subremover.video.splice.splice import SpliceError
from subremover.video.write.assemble import assemble

DNXHR = {"profile": "dnxhr_hq"}


def psnr(source: Path, target: Path, bits: int = 8) -> float:
    """Of the luma, in dB, of the worst frame."""
    worst = max(
        np.mean((a.astype(float) - b) ** 2) for a, b in zip(read_luma(source), read_luma(target), strict=True)
    )
    return float(10 * np.log10((2**bits - 1) ** 2 / max(worst, 1e-9)))


@pytest.mark.parametrize(
    ("name", "settings", "bits"),
    [
        ("plain.mp4", {"first_pts": 12}, 8),
        ("vary.mp4", {"vfr": True}, 8),
        ("vary.mkv", {"vfr": True, "first_pts": 5}, 8),
        ("ntsc.mov", {"rate": Fraction(30000, 1001)}, 8),
        ("stream.ts", {}, 8),
        ("deep.mp4", {"pix_fmt": "yuv420p10le"}, 10),
        ("422.mkv", {"pix_fmt": "yuv422p10le"}, 10),
        ("444.mp4", {"pix_fmt": "yuv444p"}, 8),
        ("gray.mkv", {"pix_fmt": "gray"}, 8),
        ("full.mp4", {"pix_fmt": "yuvj420p"}, 8),
        ("rgb.mkv", {"codec": "libx264rgb", "pix_fmt": "rgb24"}, 8),
        ("odd.mkv", {"codec": "ffv1", "size": (161, 97)}, 8),
        ("odd444.mp4", {"size": (161, 97), "pix_fmt": "yuv444p"}, 8),
        ("hevc.mp4", {"codec": "libx265", "options": {"x265-params": "log-level=none"}}, 8),
        ("vp9.webm", {"codec": "libvpx-vp9"}, 8),
        ("vp8.webm", {"codec": "libvpx"}, 8),
        ("pro.mov", {"codec": "prores_ks", "pix_fmt": "yuv422p10le"}, 10),
        ("dvd.mpg", {"codec": "mpeg2video", "rate": Fraction(25), "audio": False}, 8),
        ("mpeg4.mp4", {"codec": "mpeg4", "options": {"bf": "2"}}, 8),
        ("packed.mov", {"codec": "qtrle", "pix_fmt": "argb"}, 8),
        ("ut.avi", {"codec": "utvideo", "audio": False}, 8),
        ("ut_rgb.avi", {"codec": "utvideo", "pix_fmt": "gbrp", "audio": False}, 8),
        ("dnxhr.mov", {"codec": "dnxhd", "pix_fmt": "yuv422p", "size": (256, 128), "options": DNXHR}, 8),
        ("b_frames.avi", {"codec": "mpeg4", "options": {"bf": "2"}, "audio": False}, 8),
        ("raw.avi", {"codec": "rawvideo", "pix_fmt": "bgr24", "audio": False}, 8),
    ],
)
def test_the_same_film_comes_out(tmp_path: Path, name: str, settings: dict, bits: int) -> None:
    source = draw_film(tmp_path / name, **settings).path
    target = tmp_path / f"out_{name}"
    assert rewrite(source, target) == []
    old, new = probe(source), probe(target)
    assert read_pts(source) == read_pts(target)
    assert (old.codec, old.pix_fmt, old.width, old.height) == (new.codec, new.pix_fmt, new.width, new.height)
    assert (old.time_base, old.frame_rate) == (new.time_base, new.frame_rate)
    assert psnr(source, target, bits) > 42
    if settings.get("audio", True):
        assert read_packets(source, "audio") == read_packets(target, "audio")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([name, f"out_{name}"])


@pytest.mark.parametrize("codec", [None, "libx265"])
def test_shape_and_colours_are_told_to_players(tmp_path: Path, codec: str | None) -> None:
    source = draw_film(
        tmp_path / "a.mp4",
        rotation=90,
        sample_aspect_ratio=Fraction(4, 3),
        color=(1, 9, 16, 9),
        metadata={"title": "A film", "camera": "own"},
    ).path
    rewrite(source, tmp_path / "b.mp4", EncodeOptions(codec=codec))
    with av.open(str(tmp_path / "b.mp4")) as container:
        video = container.streams.video[0]
        frame = next(container.decode(video))
        assert frame.rotation == 90
        assert video.sample_aspect_ratio == Fraction(4, 3)
        assert (frame.color_range, frame.color_primaries, frame.color_trc, frame.colorspace) == (1, 9, 16, 9)
        assert container.metadata["title"] == "A film"
        assert container.metadata["camera"] == "own"
        assert video.codec_context.codec_tag == ("hvc1" if codec else "avc1")


def test_hdr10_is_kept(tmp_path: Path) -> None:
    hdr = (
        "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400"
    )
    source = draw_film(
        tmp_path / "a.mp4",
        codec="libx265",
        pix_fmt="yuv420p10le",
        color=(1, 9, 16, 9),
        options={"x265-params": f"log-level=none:{hdr}"},
    ).path
    rewrite(source, tmp_path / "b.mp4")
    light = []
    for path in (source, tmp_path / "b.mp4"):
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0))
            light.append({d.type.name: bytes(d) for d in frame.side_data})
    for kind in ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"):
        assert light[0][kind] == light[1][kind]


def test_the_clock_in_the_bitstream_is_the_frame_rate(tmp_path: Path) -> None:
    """MPEG-TS has no lengths of frames of its own: readers go by what the encoder wrote."""
    source = draw_film(tmp_path / "a.ts", rate=Fraction(25), audio=False).path
    rewrite(source, tmp_path / "b.ts")
    with av.open(str(tmp_path / "b.ts")) as container:
        lengths = {frame.duration * frame.time_base for frame in container.decode(video=0)}
    assert lengths == {Fraction(1, 25)}


def test_losses_are_told_before(tmp_path: Path) -> None:
    """What only the frames say is looked at before the long run."""
    film = probe(draw_film(tmp_path / "a.mkv").path)
    info = read_picture_info(film)
    info.side_data.update({"A53_CC": b"", "DYNAMIC_HDR_PLUS": b"", "AFD": b""})
    told = " ".join(foresee(film, tmp_path / "b.mkv", PLAIN))
    assert "HDR10+ metadata cannot be kept" in told
    assert "active format description" in told
    assert "captions" not in told
    assert "captions in the frames cannot be kept: libsvtav1" in " ".join(
        foresee(film, tmp_path / "b.mkv", EncodeOptions(codec="libsvtav1"))
    )


def test_interlaced_film_stays_interlaced(tmp_path: Path) -> None:
    source = draw_film(
        tmp_path / "a.mkv", options={"x264-params": "tff=1:interlaced=1", "flags": "+ildct+ilme"}
    ).path
    rewrite(source, tmp_path / "b.mkv")
    with av.open(str(source)) as old, av.open(str(tmp_path / "b.mkv")) as new:
        assert [f.interlaced_frame for f in old.decode(video=0)] == [True] * 24
        assert [f.interlaced_frame for f in new.decode(video=0)] == [True] * 24


def test_key_frames_stay_where_they_were(tmp_path: Path) -> None:
    source = draw_film(tmp_path / "a.mp4", frames=30, options={"g": "7"}).path
    rewrite(source, tmp_path / "b.mp4")
    assert set(probe(source).key_frames) <= set(probe(tmp_path / "b.mp4").key_frames)


def test_all_that_matroska_holds_is_kept(tmp_path: Path) -> None:
    draw_film(tmp_path / "plain.mkv")
    dress_film(tmp_path / "plain.mkv", tmp_path / "a.mkv")
    assert rewrite(tmp_path / "a.mkv", tmp_path / "b.mkv") == []
    check_dress(tmp_path / "a.mkv", tmp_path / "b.mkv")
    assert read_pts(tmp_path / "a.mkv") == read_pts(tmp_path / "b.mkv")


def test_sound_is_interleaved_with_the_picture(tmp_path: Path) -> None:
    source = draw_film(tmp_path / "a.mkv", frames=400, size=(64, 48), options={"preset": "ultrafast"}).path
    rewrite(source, tmp_path / "b.mkv")
    latest: dict[str, float] = {}
    with av.open(str(tmp_path / "b.mkv")) as container:
        for packet in container.demux():
            if packet.size:
                latest[packet.stream.type] = float(
                    (packet.pts if packet.dts is None else packet.dts) * packet.time_base
                )
                assert len(latest) < 2 or abs(latest["video"] - latest["audio"]) < 0.5


def test_changed_frames_are_written_changed(tmp_path: Path) -> None:
    film = probe(draw_film(tmp_path / "a.mp4").path)

    def change(index: int, frame: av.VideoFrame) -> None:
        frame.make_writable()
        if index == 5:
            np.frombuffer(frame.planes[0], np.uint8)[:] = 200

    write_film(film, tmp_path / "b.mp4", PLAIN, change=change)
    means = [picture.mean() for picture in read_luma(tmp_path / "b.mp4")]
    assert [index for index, mean in enumerate(means) if abs(mean - 200) < 1] == [5]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("a.mp4", {"vfr": True, "first_pts": 12}),
        ("hevc.mp4", {"codec": "libx265", "options": {"x265-params": "log-level=none"}}),
        ("a.webm", {"codec": "libvpx-vp9"}),
        ("mpeg4.mp4", {"codec": "mpeg4"}),
    ],
)
def test_in_segments_or_as_a_whole_the_clock_is_the_same(tmp_path: Path, name: str, settings: dict) -> None:
    """What players and muxers are told of the packets does not show where an encoder began."""
    film = probe(draw_film(tmp_path / name, frames=40, **settings).path)
    clocks = []
    for starts in ((), (9, 10, 30)):
        target = tmp_path / f"{len(starts)}_{name}"
        write_film(film, target, PLAIN, starts=starts)
        with open_film(target) as container:
            packets = [p for p in container.demux(video=0) if p.size]
            length = container.duration
        assert all(p.dts <= p.pts for p in packets)
        assert np.all(np.diff([p.dts for p in packets]) > 0)
        clocks.append((sorted(p.pts for p in packets), [p.dts for p in packets], length))
        assert {0, *starts} <= set(probe(target).key_frames)
    assert clocks[0] == clocks[1]


def test_a_film_comes_out_the_same_every_time(tmp_path: Path) -> None:
    """Also where x264's AVX-512 code does not: in rows of 10 blocks, not a multiple of 8."""
    film = probe(draw_film(tmp_path / "a.mp4", frames=60).path)
    made = set()
    for number in range(6):
        junk = [bytes([number]) * size for size in (1 << 10, 1 << 14, 1 << 18) for _ in range(20)]
        del junk  # leaves other bytes behind in the memory that x264 is given
        write_film(film, tmp_path / "b.mp4", EncodeOptions(overwrite=True), starts=())
        made.add((tmp_path / "b.mp4").read_bytes())
    assert len(made) == 1


def test_another_codec_and_quality(tmp_path: Path) -> None:
    source = draw_film(tmp_path / "a.mp4").path
    rewrite(source, tmp_path / "fine.mkv", EncodeOptions(codec="libvpx-vp9", crf=10))
    rewrite(source, tmp_path / "coarse.mkv", EncodeOptions(codec="libvpx-vp9", crf=50))
    assert probe(tmp_path / "fine.mkv").codec == "vp9"
    assert psnr(source, tmp_path / "fine.mkv") > psnr(source, tmp_path / "coarse.mkv") + 3
    # though the sound's lead-in starts before 0
    moves = [float(b - a) for a, b in zip(read_pts(source), read_pts(tmp_path / "fine.mkv"), strict=True)]
    sound = [
        float(b[0] - a[0])
        for a, b in zip(
            read_packets(source, "audio"), read_packets(tmp_path / "fine.mkv", "audio"), strict=True
        )
    ]
    assert np.allclose(moves + sound, 0, atol=0.001)


def test_a_codec_without_encoder_becomes_h264(tmp_path: Path) -> None:
    source = draw_film(tmp_path / "a.mkv").path
    film = replace(probe(source), codec="vc1")
    warnings = write_film(film, tmp_path / "b.mkv", PLAIN)
    assert probe(tmp_path / "b.mkv").codec == "h264"
    assert "no encoder for vc1" in warnings[0]
    with pytest.raises(OutputError, match=r"cannot hold h264; use .mkv"):
        foresee(film, tmp_path / "b.webm", PLAIN)


@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyboardInterrupt(), SystemExit(143)])
@pytest.mark.parametrize("after", [0, 20])
def test_a_failure_leaves_nothing_but_whole_segments(
    tmp_path: Path, error: BaseException, after: int
) -> None:
    film = probe(draw_film(tmp_path / "a.mp4").path)

    def fail(index: int, _: av.VideoFrame) -> None:
        if index == after:
            raise error

    with pytest.raises(type(error)):
        write_spools(film, tmp_path, tmp_path / "b.mp4", PLAIN, cut_at(film, 9), change=fail)
    whole = ["0.picture"] if after else []
    assert sorted(p.name for p in tmp_path.iterdir()) == [*whole, "a.mp4"]


def test_a_failure_leaves_the_old_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = probe(draw_film(tmp_path / "a.mp4").path)
    (tmp_path / "b.mp4").write_text("precious")
    with pytest.raises(OutputError, match="exists; add --overwrite"):
        write_film(film, tmp_path / "b.mp4", PLAIN)
    monkeypatch.setattr(CarriedStreams, "mux_until", full)
    with pytest.raises(OutputError, match=r"no space left .*; free some"):
        write_film(film, tmp_path / "b.mp4", EncodeOptions(overwrite=True))
    assert (tmp_path / "b.mp4").read_text() == "precious"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]


def full(*_args: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_times_that_the_container_cannot_hold_are_an_error(tmp_path: Path) -> None:
    """FLV has 32 bits for milliseconds."""
    film = probe(draw_film(tmp_path / "a.mkv", first_pts=round(2**32 / 1001 * 24) - 9, audio=False).path)
    with pytest.raises(ContainerError, match=r"cannot hold the times of \d+ of its 24 frames; use .mkv"):
        write_film(film, tmp_path / "b.flv", PLAIN)
    write_film(film, tmp_path / "b.mkv", PLAIN)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mkv", "b.mkv"]


def test_no_frame_at_all(tmp_path: Path) -> None:
    film = probe(draw_film(tmp_path / "a.mp4").path)
    with pytest.raises(OutputError, match="no frame of the film could be decoded"):
        assemble(film, tmp_path / "b.mp4", choose_encoding(film, PLAIN), PLAIN, [])
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize("method", ["write", "commit"])
def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    film = probe(draw_film(tmp_path / "a.mp4").path)
    monkeypatch.setattr(SpoolWriter, method, full)
    with pytest.raises(OutputError, match=r"no space left .*; free some"):
        write_spools(film, tmp_path, tmp_path / "b.mp4", PLAIN, cut_at(film))
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_untouched_frames_look_the_same(tmp_path: Path) -> None:
    film = probe(draw_film(tmp_path / "a.mp4", size=(320, 180)).path)
    read = [(luma(frame), frame.pts, frame.duration) for _, frame in read_frames(film)]
    frames: list[av.VideoFrame] = []
    write_film(film, tmp_path / "b.mp4", PLAIN, change=lambda _, frame: frames.append(frame))
    for frame, (before, pts, length) in zip(frames, read, strict=True):
        assert np.array_equal(luma(frame), before)
        assert (frame.pts, frame.duration) == (pts, length)
    assert psnr(film.path, tmp_path / "b.mp4") > 45


def test_packets_that_never_can_be_copied_are_refused_before_the_scan(tmp_path: Path) -> None:
    source = draw_film(tmp_path / "a.ts").path
    with pytest.raises(SpliceError, match=r"the film's container is mpegts, .*; leave out --splice on"):
        foresee(probe(source), tmp_path / "b.mp4", EncodeOptions(splice="on"))
    assert foresee(probe(source), tmp_path / "b.mp4", EncodeOptions()) == ()

import itertools
from pathlib import Path

import av
import numpy as np
import pytest
from media import draw_film, read_packets, read_pts
from splice_check import SEEKS, is_right, join

from subremover.errors import InputError
from subremover.options import EncodeOptions
from subremover.video.bitstream.parameter_sets import parse_header
from subremover.video.bitstream.pictures import put_first
from subremover.video.container.output import find_format
from subremover.video.encode.encoders import choose_encoding
from subremover.video.encode.settings import add_options
from subremover.video.read.probe import probe
from subremover.video.read.reader import read_frames
from subremover.video.splice import packet_index
from subremover.video.splice.packet_index import PacketIndex, find_copied, read_packet_index
from subremover.video.splice.splice import Splice, SpliceError, plan_splice
from subremover.video.write.verify import find_fault

B_FRAMES = [0, 3, 1, 2, 6, 4, 5]
"""Frames of a group of pictures in the order of decoding."""


def index_of(*groups: list[int], hidden: int = 0, dts: np.ndarray | None = None) -> PacketIndex:
    """Of groups of pictures, each given as frames from its own first on."""
    frames, starts = [-1] * hidden, []
    for number, group in enumerate(groups):
        starts.append(len(frames) if number else 0)
        first = max([-1, *frames]) + 1
        frames += [first + frame for frame in group]
    order = np.array(frames)
    return PacketIndex(order, 10 * order, dts, np.array(starts))


def plan(source: Path, masked: slice, target: Path, least_share: float = 0.05) -> Splice:
    film = probe(source)
    is_masked = np.zeros(film.frame_count, bool)
    is_masked[masked] = True
    encoding = choose_encoding(film, EncodeOptions())
    return plan_splice(film, is_masked, encoding, find_format(target), least_share=least_share)


@pytest.mark.parametrize(
    ("masked", "copied"),
    [
        ([], [range(28)]),
        ([0], [range(7, 28)]),
        ([7], [range(7), range(14, 28)]),
        ([13], [range(11), range(14, 28)]),  # 11 and 12 refer to 13
        ([10], [range(8), range(14, 28)]),
        ([8], [range(8), range(14, 28)]),
        ([27], [range(25)]),
        ([0, 27], [range(7, 25)]),
        ([0, 21], []),  # less than 15 amid the film
        ([1, 27], [range(1), range(7, 25)]),
    ],
)
def test_whole_groups_and_beginnings_are_copied(
    monkeypatch: pytest.MonkeyPatch, masked: list[int], copied: list[range]
) -> None:
    monkeypatch.setattr(packet_index, "LEAST_RUN", 15)
    is_masked = np.isin(np.arange(28), masked)
    assert find_copied(index_of(*[B_FRAMES] * 4), is_masked, can_hide=True) == copied


def test_what_is_not_shown_is_copied_where_it_can_be_hidden() -> None:
    index, clear = index_of(B_FRAMES, B_FRAMES, hidden=2), np.zeros(14, bool)
    assert find_copied(index, clear, can_hide=True) == [range(14)]
    assert find_copied(index, clear, can_hide=False) == [range(7, 14)]
    assert (index.place_of(0), index.place_of(7), index.place_of(14)) == (0, 9, 16)
    index = index_of(B_FRAMES, B_FRAMES)
    for count, copied in ((12, 11), (11, 11), (8, 8)):  # 11 and 12 refer to 13
        assert find_copied(index, clear[:count], can_hide=True) == [range(copied)]


def test_packets_keep_the_sources_times_of_decoding_if_they_can(tmp_path: Path) -> None:
    film = probe(draw_film(tmp_path / "a.mp4", 7, audio=False).path)
    pts = 10 * np.array(B_FRAMES) + 100
    own = np.array([80, 90, 100, 110, 120, 130, 140])
    late = [90, 100, 110, 120, 130, 140, 150]
    for dts, order, expected in (
        (own, pts, own),
        (own + 30, pts, late),  # later than some are shown
        (None, pts, late),
        (None, np.sort(pts), np.sort(pts)),
        (own, pts[:6], late[:6]),
    ):
        splice = Splice(film, index_of(B_FRAMES, dts=dts), (), {})
        assert splice.decode_times(order, 0).tolist() == list(expected)
    index = index_of(B_FRAMES, hidden=2, dts=np.append([60, 70], own))
    assert Splice(film, index, (range(7),), {}).decode_times(np.append([70, 80], pts), 0)[0] == 60
    assert Splice(film, index, (), {}).decode_times(pts, 0)[0] == 80


def test_reorder_depth() -> None:
    depths = [index_of(g).reorder_depth for g in ([0, 1, 2], B_FRAMES, [0, 4, 2, 1, 3])]
    assert depths == [0, 1, 2]


def test_lists_of_parameters_are_joined() -> None:
    own = {"crf": "16", "x264-params": "ref=4", "bf": "2"}
    more = {"x264-params": "sps-id=1", "bf": "0", "profile": "high"}
    expected = {"crf": "16", "x264-params": "ref=4:sps-id=1", "bf": "0", "profile": "high"}
    assert add_options(own, more) == expected
    assert add_options({"crf": "16"}, more)["x264-params"] == "sps-id=1"


X265 = "log-level=none:keyint=16:min-keyint=16:open-gop=0"


@pytest.mark.parametrize(
    ("name", "settings", "copied"),
    [
        ("plain.mp4", {"options": {"g": "16", "preset": "veryfast"}}, 40),
        ("plain.mkv", {"options": {"g": "16", "preset": "veryfast"}, "first_pts": 5}, 40),
        ("vary.mov", {"options": {"g": "16", "bf": "0"}, "vfr": True}, 41),
        ("base.mp4", {"options": {"g": "16", "profile": "baseline"}, "first_pts": 12}, 41),
        ("deep.mp4", {"options": {"g": "16"}, "pix_fmt": "yuv420p10le"}, 40),
        ("hevc.mp4", {"codec": "libx265", "options": {"x265-params": X265}}, 40),
        ("vp9.webm", {"codec": "libvpx-vp9", "options": {"g": "16", "cpu-used": "8"}}, 41),
        ("av1.mkv", {"codec": "libsvtav1", "options": {"g": "16", "preset": "12"}}, 41),
    ],
)
def test_joined_films_are_the_source_but_for_what_was_changed(
    tmp_path: Path, name: str, settings: dict, copied: int
) -> None:
    source, target = draw_film(tmp_path / name, 48, audio=False, **settings).path, tmp_path / f"out_{name}"
    splice = plan(source, slice(25, 29), target)
    assert abs(sum(map(len, splice.copied)) - copied) <= 2  # x264's B-frames may fall otherwise
    assert splice.copied[-1] == range(32, 48)
    join(splice, target)
    assert read_pts(source) == read_pts(target)
    old, new = read_packets(source, "video"), read_packets(target, "video")
    assert old[-16:] == new[-16:]
    with av.open(str(source)) as a, av.open(str(target)) as b:
        contexts = [c.streams.video[0].codec_context for c in (a, b)]
        assert contexts[1].codec_tag == ("hvc1" if name == "hevc.mp4" else contexts[0].codec_tag)
        assert contexts[0].profile == contexts[1].profile
    made = probe(target)
    first = {index: frame.to_ndarray() for index, frame in read_frames(made)}
    for start in (2, 20, 27, 30, 33, 47):  # sought
        index, frame = next(iter(read_frames(made, start, start + 1)))
        assert index == start
        assert (frame.to_ndarray() == first[start]).all()


def test_a_film_whose_sets_change_brings_them_along(tmp_path: Path) -> None:
    """Two encodings one behind the other, the second one's parameter sets only in its first packet."""
    parts = [
        draw_film(tmp_path / f"{n}.mp4", 24, audio=False, options={"g": "12", "bf": "0", "refs": str(n)}).path
        for n in (1, 4)
    ]
    source, target = tmp_path / "both.mp4", tmp_path / "out.mp4"
    with av.open(str(parts[0])) as first, av.open(str(parts[1])) as second, av.open(str(source), "w") as out:
        videos = [container.streams.video[0] for container in (first, second)]
        stream = out.add_stream_from_template(videos[0], opaque=True)
        sets = parse_header("h264", videos[1].codec_context.extradata).nals
        for number, video in enumerate(videos):
            packets = (p for p in video.container.demux(video) if p.size)
            for place, packet in enumerate(packets):
                data = bytes(packet)
                if number and not place:
                    data = put_first("h264", data, sets)
                new = av.Packet(data)
                new.pts = new.dts = packet.pts + 24 * number * packet.duration
                new.duration, new.time_base, new.stream = packet.duration, packet.time_base, stream
                new.is_keyframe = packet.is_keyframe
                out.mux(new)
    splice = plan(source, slice(20, 30), target)
    assert splice.copied == (range(20), range(36, 48))
    assert [len(sets) for sets in splice.index.sets.values()] == [2] * 4
    join(splice, target)


def test_an_edit_list_amid_a_group_is_kept_in_mp4_and_left_out_in_mkv(tmp_path: Path) -> None:
    plain = draw_film(tmp_path / "plain.mp4", 60, audio=False, options={"g": "20"}).path
    source = tmp_path / "cut.mp4"
    with av.open(str(plain)) as old, av.open(str(source), "w") as out:
        video = old.streams.video[0]
        stream = out.add_stream_from_template(video, opaque=True)
        for packet in old.demux(video):
            if packet.size:
                packet.pts, packet.dts = packet.pts - 10 * packet.duration, packet.dts - 10 * packet.duration
                packet.stream = stream
                out.mux(packet)
    assert (read_packet_index(probe(source)).frames < 0).sum() == 10
    for target, copied in ((tmp_path / "o.mp4", range(30)), (tmp_path / "o.mkv", range(10, 30))):
        splice = plan(source, slice(33, 50), target)
        assert splice.copied[0].start == copied.start
        assert abs(splice.copied[0].stop - copied.stop) < 4
        join(splice, target)


def test_open_groups_are_no_place_to_begin(tmp_path: Path) -> None:
    for name, codec, options in (
        ("a.mp4", "libx264", {"g": "12", "x264-params": "open-gop=1:b-adapt=0"}),
        ("b.mkv", "libx265", {"x265-params": "log-level=none:keyint=12:min-keyint=12:open-gop=1:bframes=3"}),
    ):
        source = draw_film(tmp_path / name, 48, codec=codec, options=options, audio=False).path
        film = probe(source)
        assert len(film.key_frames) > 2
        assert read_packet_index(film).starts.tolist() == [0]
        with pytest.raises(SpliceError, match=r"only 0% .* all its pictures but the first refer to others"):
            plan(source, slice(2), tmp_path / f"out_{name}")
        assert plan(source, slice(40, 42), tmp_path / f"out_{name}").copied[0].stop > 30


def test_an_intra_refresh_is_no_place_to_begin(tmp_path: Path) -> None:
    options = {"g": "12", "x264-params": "intra-refresh=1:scenecut=0:bframes=0"}
    source = draw_film(tmp_path / "a.mp4", 60, options=options, audio=False).path
    with av.open(str(source)) as container:
        assert sum(p.is_keyframe for p in container.demux(video=0)) == 5
    assert read_packet_index(probe(source)).starts.tolist() == [0]
    splice = plan(source, slice(40, 42), tmp_path / "b.mp4")
    assert splice.copied == (range(40),)
    join(splice, tmp_path / "b.mp4")
    assert find_fault(splice.film, [range(40)], tmp_path / "b.mp4") is None


@pytest.mark.parametrize(
    ("name", "settings", "target", "reason"),
    [
        ("a.mkv", {"codec": "mpeg2video"}, "b.mkv", "packets of mpeg2video"),
        ("a.mp4", {"codec": "mpeg4"}, "b.mp4", "packets of mpeg4"),
        ("a.mp4", {}, "b.avi", "container to be written is avi"),
        ("a.ts", {}, "b.mp4", "container is mpegts"),
        ("a.mkv", {"codec": "libx264rgb", "pix_fmt": "rgb24"}, "b.mkv", "encoder"),
    ],
)
def test_what_cannot_be_joined_is_refused(
    tmp_path: Path, name: str, settings: dict, target: str, reason: str
) -> None:
    source = draw_film(tmp_path / name, audio=False, **settings).path
    with pytest.raises(SpliceError, match=reason) as caught:
        plan(source, slice(20, 22), tmp_path / target)
    assert caught.value.exit_code == 4
    assert "\n" not in str(caught.value)


def test_another_encoder_is_refused_and_so_is_little(tmp_path: Path) -> None:
    source = draw_film(tmp_path / "a.mp4", audio=False).path
    film, clear = probe(source), np.zeros(24, bool)
    for options, reason in ((EncodeOptions(codec="libx265"), "the encoder is libx265"),):
        with pytest.raises(SpliceError, match=reason):
            plan_splice(film, clear, choose_encoding(film, options), "mp4")
    with pytest.raises(SpliceError, match="only 50% of its frames"):
        plan(source, slice(5), tmp_path / "b.mp4", least_share=0.6)


def test_a_film_that_changes_while_it_is_read_is_told(tmp_path: Path) -> None:
    source = draw_film(tmp_path / "a.mp4", audio=False).path
    splice = plan(source, slice(14, 16), tmp_path / "b.mp4")
    draw_film(source, first_pts=3, audio=False)
    with pytest.raises(InputError, match="has changed while it was read"):
        list(splice.read_packets())


def test_faults_are_found(tmp_path: Path) -> None:
    source = draw_film(tmp_path / "a.mp4", audio=False).path
    target = tmp_path / "b.mp4"
    splice = plan(source, slice(14, 16), target)
    join(splice, target)
    film = splice.film
    assert find_fault(film, [range(24)], target) == "frame 13 is another picture"
    for name, settings, fault in (
        ("late.mp4", {"first_pts": 1}, "frame 0 is shown at another time, as are 23 others"),
        ("vary.mp4", {"vfr": True}, "frame 1 is shown at another time, as are 22 others"),
        ("short.mp4", {"frames": 23}, "its frame count is 23, not 24"),
        ("deep.mp4", {"pix_fmt": "yuv420p10le"}, "its pix fmt is yuv420p10le, not yuv420p"),
    ):
        other = draw_film(tmp_path / name, audio=False, **settings).path
        assert find_fault(film, [], other) == fault
    (tmp_path / "empty.mp4").touch()
    assert "is empty" in str(find_fault(film, [], tmp_path / "empty.mp4"))


def test_a_lost_packet_is_found(tmp_path: Path) -> None:
    source = draw_film(tmp_path / "a.mp4", audio=False, options={"g": "12", "bf": "0"}).path
    target = tmp_path / "b.mp4"
    with av.open(str(source)) as old, av.open(str(target), "w") as out:
        video = old.streams.video[0]
        stream = out.add_stream_from_template(video, opaque=True)
        packets = [packet for packet in old.demux(video) if packet.size]
        for this, following in itertools.pairwise(packets):
            data = bytes(following) if this is packets[5] else bytes(this)  # frame 5 becomes frame 6
            new = av.Packet(data)
            new.pts, new.dts, new.duration = this.pts, this.dts, this.duration
            new.time_base, new.is_keyframe, new.stream = this.time_base, this.is_keyframe, stream
            out.mux(new)
        packets[-1].stream = stream
        out.mux(packets[-1])
    assert "frame 5" in str(find_fault(probe(source), [range(24)], target))


def test_a_film_that_differs_is_told_by_splice_check() -> None:
    right = {"copied": "70%", "times and copied frames": "identical", "seeks": f"{SEEKS}/{SEEKS}"}
    assert is_right(right)
    assert is_right({"copied": "0 %", "why not": "open GOPs"})
    assert not is_right({**right, "seeks": f"{SEEKS - 1}/{SEEKS}"})
    assert not is_right({"copied": "70%", "times and copied frames": "frame 3 differs"})

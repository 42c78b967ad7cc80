import contextlib
import itertools
import random
from pathlib import Path

import av
import pytest
from media import draw_film

from subremover.video.bitstream.parameter_sets import (
    free_h264_id,
    free_hevc_ids,
    join_avcc,
    join_hvcc,
    parse_header,
    set_key,
)
from subremover.video.bitstream.pictures import (
    BitstreamError,
    is_start,
    join_nals,
    nal_type,
    put_first,
    split_nals,
    split_start_codes,
)
from subremover.video.bitstream.renumber import renumber_hevc

X265 = {"x265-params": "log-level=none:keyint=8:min-keyint=8:open-gop=0:info=0"}
ENCODERS = {
    "h264": ("libx264", {"g": "8"}),
    "hevc": ("libx265", X265),
    "vp9": ("libvpx-vp9", {"g": "8", "cpu-used": "8"}),
    "av1": ("libsvtav1", {"g": "8", "preset": "12"}),
}


@pytest.fixture(scope="module", params=list(ENCODERS))
def coded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """A codec, its stream's header and its packets, as mkv holds them, with their key flags."""
    encoder, options = ENCODERS[request.param]
    path = tmp_path_factory.mktemp(request.param) / "a.mkv"
    draw_film(path, 20, codec=encoder, options=options, audio=False)
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        packets = [(bytes(p), p.is_keyframe) for p in container.demux(video) if p.size]
        return request.param, video.codec_context.extradata, packets


def test_starts_are_the_key_frames_of_closed_gops(coded) -> None:
    codec, _, packets = coded
    assert sum(key for _, key in packets) >= 3
    assert [is_start(codec, packet) for packet, _ in packets] == [key for _, key in packets]


def test_broken_packets_and_headers_end_in_one_kind_of_error(coded) -> None:
    codec, extradata, packets = coded
    chance = random.Random(1)
    broken = [packet[:size] for packet, _ in packets[:2] for size in range(min(40, len(packet)))]
    for _ in range(400):
        data = bytearray(chance.choice(packets)[0][:200])
        for _ in range(chance.randrange(1, 9)):
            data[chance.randrange(min(len(data), 24))] = chance.randrange(256)
        broken.append(bytes(data))
    errors = 0
    for data in broken:
        try:
            is_start(codec, data)
        except BitstreamError:
            errors += 1
    assert errors > 20
    if codec in ("vp9", "av1"):
        return
    assert parse_header(codec, extradata).nals
    for data in [extradata[:size] for size in range(len(extradata))]:
        try:
            nals = parse_header(codec, data).nals
        except BitstreamError:
            continue
        assert nals == parse_header(codec, extradata).nals  # only what comes after the sets is missing
    for nal in parse_header(codec, extradata).nals:
        for size in range(1, len(nal)):
            with contextlib.suppress(BitstreamError):
                assert set_key(codec, nal[:size]) in (None, set_key(codec, nal))


@pytest.mark.parametrize(
    "data",
    [
        b"\0",
        b"\0\0\0",
        b"\0\0\0\0",
        b"\0\0\0\5abcd",
        b"\xff\xff\xff\xff\0",
        b"\0\0\0\1a\0\0",
        b"\0\0\0\1a" * 9999,
    ],
)
def test_lengths_that_cannot_be_are_refused(data: bytes) -> None:
    with pytest.raises(BitstreamError):
        split_nals(data)


def test_units_are_split_and_joined() -> None:
    nals = [b"\x67abc", b"\x68\0\0\3\1", b"\x65" + bytes(range(1, 99))]
    assert [bytes(nal) for nal in split_nals(join_nals(nals))] == nals
    assert list(split_start_codes(b"\0\0\0\1" + b"\0\0\1".join(nals))) == nals
    assert split_nals(b"") == list(split_start_codes(b"")) == []


def test_sets_go_behind_the_delimiter() -> None:
    packet, plain = join_nals([b"\x09\xf0", b"\x65abc"]), join_nals([b"\x65abc"])
    sets = [b"\x67x", b"\x68y"]
    assert [nal[0] for nal in split_nals(put_first("h264", packet, sets))] == [0x09, 0x67, 0x68, 0x65]
    assert [nal[0] for nal in split_nals(put_first("h264", plain, sets))] == [0x67, 0x68, 0x65]


def test_free_ids_are_no_ones_else() -> None:
    assert free_h264_id([(7, 0), (8, 0), (8, 1), (7, 2)]) == 3
    with pytest.raises(BitstreamError, match="no id free"):
        free_h264_id([(7, number) for number in range(32)])
    taken = [(kind, number) for kind in (32, 33) for number in range(15)] + [(34, 16), (34, 17)]
    ids = free_hevc_ids(taken)
    assert (ids.vps, ids.sps, ids.pps) == (15, 15, 18)


def test_a_second_layer_is_refused() -> None:
    for codec, nal in (("h264", b"\x6fabc"), ("hevc", b"\x42\x09abc"), ("hevc", b"\x7c\x01abc")):
        with pytest.raises(BitstreamError, match="layers"):
            set_key(codec, nal)


def test_joined_headers_hold_both_encoders_sets(tmp_path: Path) -> None:
    headers = {}
    for name, options in {
        "low": {"profile": "baseline", "level": "1.1"},
        "high": {"x264-params": "sps-id=3", "profile": "high", "level": "4.0"},
    }.items():
        path = draw_film(tmp_path / f"{name}.mp4", 3, options=options, audio=False).path
        with av.open(str(path)) as container:
            headers[name] = parse_header("h264", container.streams.video[0].codec_context.extradata)
    both = join_avcc(headers["high"], headers["low"])
    joined = parse_header("h264", both)
    assert {set_key("h264", nal) for nal in joined.nals} == {(7, 3), (8, 3), (7, 0), (8, 0)}
    assert (joined.head[1], joined.head[3]) == (100, 40)
    assert joined.tail == headers["high"].tail != b""
    turned = parse_header("h264", join_avcc(headers["low"], headers["high"]))
    assert (turned.head[1], turned.head[3], turned.tail) == (100, 40, joined.tail)


def test_hevc_gets_other_ids_and_stays_the_same_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    draw_film(
        path, 20, codec="libx265", options={"x265-params": X265["x265-params"] + ":slices=2"}, audio=False
    )
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        header = parse_header("hevc", video.codec_context.extradata)
        packets = [bytes(p) for p in container.demux(video) if p.size]
    ids = free_hevc_ids([set_key("hevc", nal) for nal in header.nals])

    def renumber(nals) -> list[bytes]:
        return renumber_hevc(b"".join(b"\0\0\1" + bytes(nal) for nal in nals), ids)

    own = renumber(header.nals)
    keys = {nal_type("hevc", nal): set_key("hevc", nal) for nal in own}
    assert [keys[kind] for kind in (32, 33, 34)] == [(32, ids.vps), (33, ids.sps), (34, ids.pps)]
    pictures = []
    for extradata, coded in (
        (join_hvcc(header, []), packets),
        (join_hvcc(header, own), [join_nals(renumber(split_nals(packet))) for packet in packets]),
    ):
        decoder = av.CodecContext.create("hevc", "r")
        decoder.extradata = extradata
        frames = itertools.chain.from_iterable(decoder.decode(av.Packet(p)) for p in coded)
        pictures.append([f.to_ndarray() for f in [*frames, *decoder.decode(None)]])
    assert len(pictures[0]) == 20
    assert all((a == b).all() for a, b in zip(*pictures, strict=True))
    with pytest.raises(BitstreamError, match="other ids than 0"):
        renumber(own[:3])
    with pytest.raises(BitstreamError, match="another PPS"):
        renumber(renumber(split_nals(packets[0])))

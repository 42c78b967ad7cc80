import re
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Stream
from media import draw_film, luma

from subremover.options import EncodeOptions
from subremover.video.container.mux import remux
from subremover.video.read.probe import probe
from subremover.video.read.reader import read_frames

PICTURE, B_PICTURE = b"\0\0\1\xb6", 2
EMPTY = PICTURE + b"\x50\x01\x3f"  # a P-VOP without content
NOTE = b"\0\0\1\xb2DivX503b1393p"


def pack_b_frames(plain: Path, packed: Path) -> None:
    """Write an AVI as DivX and XviD pack it: with each frame, the first of those that are shown before it.

    A packet that holds next to nothing stands at the end of these, so that there are as many as frames.
    """
    with av.open(str(plain)) as source, av.open(str(packed), "w") as out:
        stream = source.streams.video[0]
        copy = out.add_stream_from_template(stream, opaque=True)
        copy.codec_context.extradata = mark_packed(stream.codec_context.extradata)
        packets = [packet for packet in source.demux(stream) if packet.size]
        frames = [mark_packed(bytes(packet)) for packet in packets]
        is_key = [packet.is_keyframe for packet in packets]
        is_b = [frame.partition(PICTURE)[2][0] >> 6 == B_PICTURE for frame in frames]
        place = 0
        while place < len(frames):
            stop = place + 1
            while stop < len(frames) and is_b[stop]:
                stop += 1
            group = frames[place:stop]
            if len(group) > 1:
                group = [group[0] + group[1], *group[2:], EMPTY]
            for offset, data in enumerate(group):
                write(out, copy, data, place + offset, is_key[place] and data in (group[0], EMPTY))
            place = stop


def mark_packed(data: bytes) -> bytes:
    """A header as an encoder that packs writes it."""
    return re.sub(b"\0\0\1\xb2Lavc[0-9.]+", lambda _: NOTE, data)


def write(out: av.container.OutputContainer, stream: Stream, data: bytes, at: int, is_key: bool) -> None:
    packet = av.Packet(data)
    packet.pts = packet.dts = at
    packet.time_base, packet.stream, packet.is_keyframe = stream.time_base, stream, is_key
    out.mux(packet)


@pytest.mark.parametrize("b_frames", [1, 2, 3])
def test_packed_b_frames_all_come_out(tmp_path: Path, b_frames: int) -> None:
    options = {"g": "9", "bf": str(b_frames)}
    plain = draw_film(tmp_path / "plain.avi", 40, codec="mpeg4", audio=False, options=options)
    packed = tmp_path / "packed.avi"
    pack_b_frames(plain.path, packed)
    with av.open(str(packed)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    assert len(packets) == 40
    assert max(packet.count(PICTURE) for packet in packets) == 2
    expected = [luma(frame) for _, frame in read_frames(probe(plain.path))]
    film = probe(packed)
    assert film.warnings == ()
    copies = [tmp_path / f"copy{suffix}" for suffix in (".avi", ".mkv", ".mp4")]
    for copy in copies:
        assert remux(film, copy, EncodeOptions()) == ()
    for made in (film, *map(probe, copies)):
        assert made.times - made.times[0] == pytest.approx(film.times - film.times[0], abs=0.001)
        read = dict(read_frames(made))
        assert list(read) == list(range(40))
        assert all(np.array_equal(luma(read[index]), picture) for index, picture in enumerate(expected))
        for start in (1, 8, 9, 10, 17, 18, 26, 38):
            part = {index: luma(frame) for index, frame in read_frames(made, start, start + 3)}
            assert list(part) == list(range(start, min(start + 3, 40)))
            assert all(np.array_equal(picture, expected[index]) for index, picture in part.items())
    assert np.diff(film.times) == pytest.approx(np.full(40, 1001 / 24_000))

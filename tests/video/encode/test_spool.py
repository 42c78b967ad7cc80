import itertools
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media import draw_film
from segmented import KEY, cut_at, write_spools

from subremover.options import EncodeOptions
from subremover.video.encode.encoders import choose_encoding
from subremover.video.encode.spool import KEY_BYTES, MAGIC, Spool, SpoolError, SpoolWriter, decode_times
from subremover.video.film import Film
from subremover.video.read.probe import probe
from subremover.video.read.reader import read_frames
from subremover.video.write.assemble import join
from subremover.video.write.segment_writer import open_encoder

PLAIN = EncodeOptions()


@pytest.fixture
def film(tmp_path: Path) -> Film:
    return probe(draw_film(tmp_path / "a.mp4", vfr=True, first_pts=5, audio=False).path)


def encode(film: Film, target: Path) -> list[av.Packet]:
    """All of the film by one encoder."""
    frames = [frame for _, frame in read_frames(film)]
    encoder = open_encoder(film, target, choose_encoding(film, PLAIN))
    return [packet for frame in (*frames, None) for packet in encoder.encode(frame)]


def test_packets_come_back_as_they_were(film: Film, tmp_path: Path) -> None:
    (spool,) = write_spools(film, tmp_path, tmp_path / "b.mp4", PLAIN, cut_at(film))
    found, expected = list(spool.packets(film.time_base)), encode(film, tmp_path / "b.mp4")
    assert spool.extradata
    for one, other in zip(found, expected, strict=True):
        assert bytes(one) == bytes(other)
        assert (one.pts, one.duration, one.is_keyframe) == (other.pts, other.duration, other.is_keyframe)
        assert one.time_base == other.time_base


def test_an_alpha_channel_comes_back(tmp_path: Path) -> None:
    frames = {"codec": "libvpx-vp9", "pix_fmt": "yuva420p"}
    film = probe(draw_film(tmp_path / "a.webm", frames=4, audio=False, **frames).path)
    (spool,) = write_spools(film, tmp_path, tmp_path / "b.webm", PLAIN, cut_at(film))
    expected = encode(film, tmp_path / "b.webm")
    for one, other in zip(spool.packets(film.time_base), expected, strict=True):
        channel = bytes(other.get_sidedata("matroska_block_additional"))
        assert channel
        assert bytes(one.get_sidedata("matroska_block_additional")) == channel


def test_decode_times_are_those_of_one_encoder(film: Film, tmp_path: Path) -> None:
    expected = [packet.dts for packet in encode(film, tmp_path / "b.mp4")]
    for starts in ((), (9, 10)):
        spools = write_spools(film, tmp_path, tmp_path / "b.mp4", PLAIN, cut_at(film, *starts))
        assert [packet.dts for packet in join(spools, film.time_base)] == expected


@pytest.mark.parametrize(
    ("pts", "delay", "expected"),
    [
        ([], 2, []),
        ([7], 2, [7]),
        ([0, 1, 2], 0, [0, 1, 2]),
        ([0, 3, 1, 2], 0, [-1, 0, 1, 2]),
        ([0, 10, 20, 40], 2, [-20, -10, 0, 10]),
        ([5, 30, 20, 10], 0, [-10, -5, 5, 10]),
    ],
)
def test_decode_times(pts: list[int], delay: int, expected: list[int]) -> None:
    times = decode_times(np.array(pts, np.int64), delay)
    assert times.tolist() == expected
    assert (times <= np.array(pts)).all()


def test_nothing_is_left_without_a_commit(film: Film, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    with SpoolWriter(tmp_path / "own" / "a.picture", KEY) as writer:
        writer.write(encode(film, tmp_path / "b.mp4"))
        assert len(list((tmp_path / "own").iterdir())) == 1
    assert not list((tmp_path / "own").iterdir())


def test_wherever_a_signal_ends_it_no_half_is_left(film: Film, tmp_path: Path) -> None:
    """An exception at each line that is run, one after the other, as a signal's handler raises it."""
    packets, folder = encode(film, tmp_path / "b.mp4")[:2], tmp_path / "own"
    folder.mkdir()

    def write() -> None:
        with SpoolWriter(folder / "a.picture", KEY) as writer:
            writer.write(packets)
            writer.commit(b"", {})

    lines = 0
    for last in itertools.count(1):
        lines = 0

        def trace(_frame: object, event: str, _argument: object, last: int = last) -> object:
            nonlocal lines
            lines += event == "line"
            if lines == last:
                raise KeyboardInterrupt
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            write()
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        names = [path.name for path in folder.iterdir()]
        assert names in ([], ["a.picture"])
        if lines < last:
            break
        (folder / "a.picture").unlink(missing_ok=True)
    assert lines > 100


def test_damage_is_found(film: Film, tmp_path: Path) -> None:
    """Whatever byte is changed, and wherever the file ends."""
    (spool,) = write_spools(film, tmp_path, tmp_path / "b.mp4", PLAIN, cut_at(film))
    data = spool.path.read_bytes()
    places = np.linspace(0, len(data) - 1, 60).astype(int).tolist()
    damaged = [data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :] for at in places]
    for bad in (*damaged, *(data[:at] for at in places), data + b"\0", b""):
        spool.path.write_bytes(bad)
        with pytest.raises(SpoolError):
            Spool.read(spool.path, KEY)
    spool.path.write_bytes(data)
    with pytest.raises(SpoolError, match="of another run"):
        Spool.read(spool.path, bytes([1]) * KEY_BYTES)
    assert Spool.read(spool.path, KEY).notes == {}
    with pytest.raises(SpoolError, match="cannot be read"):
        Spool.read(tmp_path / "gone.picture", KEY)


@pytest.mark.parametrize(
    "index",
    [
        b"[]",
        b"{}",
        b'{"pts": [1e999]}',
        b'{"pts":[%d],"durations":[1],"sizes":[4],"alphas":[0],"keys":[1],"delay":0,"extradata":"","notes":{}}'
        % 2**70,
        b'{"pts":[1],"durations":[1],"sizes":[5],"alphas":[0],"keys":[1],"delay":0,"extradata":"","notes":{}}',
        b'{"pts":[1,1],"durations":[1,1],"sizes":[2,2],"alphas":[0,0],"keys":[1,1],"delay":0,"extradata":"","notes":{}}',
        b'{"pts":[1,2],"durations":[1,1],"sizes":[-2,6],"alphas":[0,0],"keys":[1,1],"delay":0,"extradata":"","notes":{}}',
        b'{"pts":[1],"durations":[],"sizes":[4],"alphas":[0],"keys":[1],"delay":0,"extradata":"","notes":{}}',
        b'{"pts":[1],"durations":[1],"sizes":[4],"alphas":[0],"keys":[1],"delay":null,"extradata":"","notes":{}}',
        b'{"pts":[1],"durations":[1],"sizes":[4],"alphas":[0],"keys":[1],"delay":0,"extradata":"x","notes":{}}',
        b'{"pts":[1],"durations":[1],"sizes":[4],"alphas":[0],"keys":[1],"delay":0,"extradata":"","notes":[]}',
        b"[" * 100_000,
    ],
)
def test_an_index_that_makes_no_sense(tmp_path: Path, index: bytes) -> None:
    """With the right checksum: somebody made it."""
    import hashlib

    data = MAGIC + KEY + b"1234" + index + len(index).to_bytes(8, "little")
    (tmp_path / "a.picture").write_bytes(data + hashlib.sha256(data).digest())
    with pytest.raises(SpoolError, match="is damaged"):
        Spool.read(tmp_path / "a.picture", KEY)


def test_a_file_that_shrinks_later(film: Film, tmp_path: Path) -> None:
    (spool,) = write_spools(film, tmp_path, tmp_path / "b.mp4", PLAIN, cut_at(film))
    spool.path.write_bytes(spool.path.read_bytes()[:100])
    with pytest.raises(SpoolError, match="has become shorter"):
        list(spool.packets(Fraction(1, 25)))

"""What FFmpeg reads of the tracks that are made of cues, in every kind of container."""

from collections.abc import Callable
from pathlib import Path

import av
import pytest
from media import draw_film

from subremover.geometry import Box
from subremover.options import EncodeOptions
from subremover.plan.cues import Cue
from subremover.video.container.mux import remux
from subremover.video.read.probe import probe
from subremover.video.text.mov_text import pack_cue
from subremover.video.text.text_track import TextTrack

LOW, HIGH = Box(50, 72, 60, 12), Box(50, 5, 60, 12)
CUES = (
    Cue(0.0, 0.2, "Say <i>it</i> 字\n{0} & <3", LOW, (255, 255, 255)),
    Cue(0.2, 0.4, "white", LOW, (250, 250, 250)),
    Cue(0.4, 0.6, "<i>an</i>other", LOW, (250, 240, 20)),
)
Read = Callable[..., tuple[str, list[tuple[int, str]]]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """The codec of a track that is made, and each cue's time in ms and what FFmpeg reads of it, as ASS."""

    def make(name: str, cues: tuple[Cue, ...] = CUES, **options: bool) -> tuple[str, list[tuple[int, str]]]:
        film = draw_film(tmp_path / name, codec="libvpx-vp9" if name.endswith("webm") else "libx264")
        probed = probe(film.path)
        text = TextTrack(cues, probed.upright_size, **options)
        assert remux(probed, tmp_path / f"new_{name}", EncodeOptions(overwrite=True), text) == ()
        found = []
        with av.open(str(tmp_path / f"new_{name}")) as container:
            stream = container.streams.subtitles[0]
            for packet in container.demux(stream):
                for part in packet.decode() if packet.size else ():
                    start = round(packet.pts * packet.time_base * 1000)
                    found.append((start, part.ass.decode().split(",", 8)[-1]))
            return stream.codec_context.name, found

    return make


def test_mp4(read: Read) -> None:
    codec, found = read("a.mp4")
    assert codec == "mov_text"
    assert found == [
        (0, "Say {\\i1}it{\\r} 字\\N{0} & <3"),
        (200, "white"),
        (400, "{\\i1}an{\\r}other"),
    ]
    _, found = read("a.mp4", speaker_colours=True)
    assert found[:2] == [(0, "Say {\\i1}it{\\r} 字\\N{0} & <3"), (200, "white")]
    assert found[2][1] == "{\\i1}{\\1c&H14F0FA&}an{\\r}{\\1c&H14F0FA&}other"


def test_webm(read: Read) -> None:
    codec, found = read("a.webm")
    assert codec == "webvtt"
    assert found == [
        (0, "Say {\\i1}it{\\i0} 字\\N\\{{}0} & <3"),
        (200, "white"),
        (400, "{\\i1}an{\\i0}other"),
    ]


def test_matroska(read: Read) -> None:
    codec, found = read("a.mkv")
    assert codec == "srt"
    assert found == [
        (0, "Say {\\i1}it{\\i0} 字\\N{0} & <3"),
        (200, "white"),
        (400, "{\\i1}an{\\i0}other"),
    ]
    _, found = read("a.mkv", speaker_colours=True)
    assert found[2] == (400, "{\\c&H14F0FA&}{\\i1}an{\\i0}other{\\c}")


def test_matroska_with_a_cue_at_the_top(read: Read) -> None:
    """SubRip could not say so."""
    codec, found = read("a.mkv", (*CUES, Cue(0.6, 0.8, "above", HIGH)))
    assert codec == "ssa"  # as FFmpeg calls what reads ASS
    assert [start for start, _ in found] == [0, 200, 400, 600]
    assert found[2][1] == "{\\c&H14F0FA&}{\\i1}an{\\i0}other"
    assert found[3][1] == "{\\an5\\pos(80,11)}above"


def test_a_text_that_does_not_fit_its_packet() -> None:
    data = pack_cue(Cue(0, 1, "字" * 30_000 + "<i>字</i>" * 70_000))
    assert int.from_bytes(data[:2], "big") == 0xFFFF
    assert data[2 : 2 + 0xFFFF].decode() == "字" * 21845

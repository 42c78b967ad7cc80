import re
from fractions import Fraction
from pathlib import Path

import av
import pytest
from media import draw_film, read_texts
from segmented import foresee

from subremover.options import EncodeOptions
from subremover.video.container.mux import remux
from subremover.video.read.probe import probe

HEADER = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Alignment
Style: Default,Arial,16,&Hffffff,2

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def add_text(plain: Path, path: Path, codec: str, cues: list[tuple[int, int, str]]) -> Path:
    """Copy a film and give it a text track: start, end (ms) and packet of each cue."""
    with av.open(str(plain)) as source, av.open(str(path), "w") as out:
        picture = out.add_stream_from_template(source.streams.video[0], opaque=True)
        text = out.add_stream(codec) if codec == "ass" else out.add_mux_stream(codec)
        if codec == "ass":
            text.codec_context.subtitle_header = HEADER
            text.codec_context.time_base = Fraction(1, 1000)
        text.metadata.update({"language": "deu", "title": "Deutsch"})
        text.disposition = av.stream.Disposition.forced
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = picture
                out.mux(packet)
        for start, end, data in cues:
            packet = av.Packet(data.encode())
            packet.pts = packet.dts = start
            packet.duration, packet.time_base, packet.stream = end - start, Fraction(1, 1000), text
            out.mux(packet)
    return path


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return draw_film(tmp_path / "plain.mkv", audio=False).path


def texts(path: Path) -> list[tuple[float, float, str]]:
    """Start and end to 1/100 s and words, without the marks of letters."""
    return [
        (round(start, 2), round(end, 2), re.sub(r"{.*?}", "", text))
        for start, end, text in read_texts(path, 0)
    ]


def dialogues(path: Path) -> list[str]:
    """With the marks of letters, as ASS writes them."""
    with av.open(str(path)) as container:
        parts = [p for packet in container.demux(subtitles=0) if packet.size for p in packet.decode()]
    return [part.ass.decode().split(",", 8)[-1] for part in parts]


def test_to_mp4_and_back(plain: Path, tmp_path: Path) -> None:
    cues = [(100, 300, "Plain <i>and</i> slanted"), (400, 900, "two\nlines & 字幕")]
    source = add_text(plain, tmp_path / "a.mkv", "subrip", cues)
    assert remux(probe(source), tmp_path / "b.mp4", EncodeOptions()) == ()
    assert remux(probe(tmp_path / "b.mp4"), tmp_path / "c.mkv", EncodeOptions()) == ()
    for name in ("b.mp4", "c.mkv"):
        assert [t[:2] for t in texts(tmp_path / name)] == [(0.1, 0.3), (0.4, 0.9)]
        first, second = dialogues(tmp_path / name)
        assert "{\\i1}and{" in first
        assert second.endswith("two\\Nlines & 字幕")
        with av.open(str(tmp_path / name)) as container:
            stream = container.streams.subtitles[0]
            assert stream.language == "deu"
            assert "Deutsch" in stream.metadata.values()
    with av.open(str(tmp_path / "c.mkv")) as container:
        assert bytes(next(container.demux(subtitles=0))) == b"Plain <i>and</i> slanted"


def test_cues_that_overlap_are_stacked_for_mp4(plain: Path, tmp_path: Path) -> None:
    cues = [(0, 600, "0,0,Default,,0,0,0,,below"), (200, 400, "1,0,Default,,0,0,0,,{\\b1}above{\\b0}")]
    source = add_text(plain, tmp_path / "a.mkv", "ass", cues)
    (warning,) = remux(probe(source), tmp_path / "b.mp4", EncodeOptions())
    assert "(ass) becomes mov_text: its words and times are kept" in warning
    assert foresee(probe(source), tmp_path / "b.mp4", EncodeOptions(overwrite=True)) == (warning,)
    assert texts(tmp_path / "b.mp4") == [
        (0.0, 0.2, "below"),
        (0.2, 0.4, "below\nabove"),
        (0.4, 0.6, "below"),
    ]


def test_a_placed_cue_is_told(plain: Path, tmp_path: Path) -> None:
    source = add_text(plain, tmp_path / "a.mkv", "subrip", [(0, 500, "{\\an8}on top")])
    (warning,) = remux(probe(source), tmp_path / "b.mp4", EncodeOptions())
    assert "where they stand and how they move is not" in warning
    assert [text for *_, text in texts(tmp_path / "b.mp4")] == ["on top"]


def test_a_track_without_a_cue(plain: Path, tmp_path: Path) -> None:
    source = add_text(plain, tmp_path / "a.mkv", "subrip", [])
    (warning,) = remux(probe(source), tmp_path / "b.mp4", EncodeOptions())
    assert "subtitle stream 1 (subrip) cannot be kept in mp4" in warning

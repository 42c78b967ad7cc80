"""Which packets may be left out on the way to a later frame."""

from fractions import Fraction
from pathlib import Path

import pytest
from media import draw_film, open_film

from subremover.video.bitstream.unreferenced import UnreferencedFinder

X265 = "log-level=none:keyint=30:bframes=4:b-adapt=0"


def find_unreferenced(path: Path) -> list[bool]:
    """Of all packets of a film, in the order of decoding."""
    with open_film(path) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        finder = UnreferencedFinder(context.codec.canonical_name, context.extradata or b"")
        return [finder.is_unreferenced(memoryview(p)) for p in container.demux(stream) if p.size]


@pytest.mark.parametrize(
    ("name", "settings", "least", "most"),
    [
        ("a.mp4", {"options": {"g": "30", "x264-params": "bframes=3:b-adapt=0:b-pyramid=none"}}, 20, 23),
        ("a.ts", {"options": {"g": "30", "x264-params": "bframes=3:b-adapt=0:b-pyramid=normal"}}, 13, 16),
        ("b.mp4", {"options": {"g": "30", "bf": "0"}}, 0, 0),
        ("c.mkv", {"codec": "libx265", "options": {"x265-params": X265}}, 12, 20),
        ("c.ts", {"codec": "libx265", "options": {"x265-params": X265}}, 12, 20),
        ("d.ts", {"codec": "mpeg2video", "rate": Fraction(25), "options": {"g": "15", "bf": "2"}}, 16, 20),
        ("e.avi", {"codec": "mpeg4", "options": {"g": "15", "bf": "2"}}, 16, 20),
        ("f.webm", {"codec": "libvpx-vp9"}, 0, 0),
    ],
)
def test_pictures_that_no_other_refers_to(
    tmp_path: Path, name: str, settings: dict, least: int, most: int
) -> None:
    found = find_unreferenced(draw_film(tmp_path / name, 30, audio=False, **settings).path)
    assert not found[0]
    assert least <= sum(found) <= most


@pytest.mark.parametrize("codec", ["h264", "hevc", "mpeg2video", "mpeg4"])
@pytest.mark.parametrize("packet", [b"", b"\0", b"\0\0\1", b"\0\0\1\0", b"\0\0\1\xb6", bytes(9), b"\xff" * 9])
def test_damage_is_left_to_the_decoder(codec: str, packet: bytes) -> None:
    for header in (b"", b"\1", b"\1" + bytes(30), b"\0\0\1\x42\1"):
        assert not UnreferencedFinder(codec, header).is_unreferenced(packet)

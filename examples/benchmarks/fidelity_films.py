"""How the films that fidelity.py runs are drawn; `fidelity_items` lists them.

Each is described by the arguments of FFmpeg's program that make it, a second of a test picture and a tone, or
by a function where that program alone cannot.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import av
from fidelity_words import ffmpeg

SIZE = (160, 96)
VIDEO = f"-f lavfi -i testsrc2=s={SIZE[0]}x{SIZE[1]}:r=25:d=0.8"
TONE = "-f lavfi -i sine=r=48000:d=0.8"
_QUIET265 = "-x265-params log-level=none"

Make = Callable[[Path, Path], None]
"""Draws a film to the first path, with the parts that lie in the second."""


@dataclass(frozen=True)
class Item:
    """One thing that a film can have."""

    name: str
    source: str
    """Extension."""
    make: str | Make
    """Arguments before the film's name: {v} is a picture, {a} a tone, {NAME.EXT} one of `draw_parts`."""
    target: str = ""
    """Extension, if another one."""
    codec: str | None = None
    """Encoder, if another one."""
    loses: tuple[str, ...] = ()
    """Kinds of `fidelity_words.Difference` that a warning explains ..."""
    warning: str = ""
    """... which this regular expression finds; without `loses` there must be none."""
    work: str = ""
    """What it takes beyond a copy."""
    is_quick: bool = field(default=False, kw_only=True)
    """Whether the tests run it too."""

    @property
    def containers(self) -> str:
        return f"{self.source} → {self.target}" if self.target else self.source

    def draw(self, path: Path, parts: Path) -> None:
        """Make the film."""
        if not isinstance(self.make, str):
            self.make(path, parts)
            return
        words = self.make.format_map(_Names(parts)).split()
        ffmpeg("-v", "error", *(word.replace("\x00", " ") for word in words), path)


class _Names(dict[str, str]):
    def __init__(self, parts: Path) -> None:
        super().__init__(v=VIDEO, a=TONE, x265=_QUIET265)
        self._parts = parts

    def __missing__(self, name: str) -> str:
        return str(self._parts / name.replace("__", ".")).replace(" ", "\x00")


def draw_parts(folder: Path) -> None:
    """What films are made of beside picture and sound."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "words.srt").write_text(
        "1\n00:00:00,100 --> 00:00:00,300\nPlain <i>and</i> slanted\n\n"
        "2\n00:00:00,400 --> 00:00:00,700\nTwo\nlines & <more>\n\n"
    )
    (folder / "more.srt").write_text("1\n00:00:00,200 --> 00:00:00,600\nÄndere Wörter\n\n", encoding="utf-8")
    (folder / "words.ass").write_text(
        "[Script Info]\nScriptType: v4.00+\nPlayResX: 160\nPlayResY: 96\n\n[V4+ Styles]\n"
        "Format: Name, Fontname, Fontsize, PrimaryColour, Alignment\nStyle: Default,Arial,16,&H00ffff,2\n\n"
        "[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        "Dialogue: 0,0:00:00.10,0:00:00.30,Default,,0,0,0,,{\\pos(10,10)}Placed\n"
        "Dialogue: 0,0:00:00.40,0:00:00.70,Default,,0,0,0,,Two\\Nlines\n"
    )
    (folder / "words.vtt").write_text(
        "WEBVTT\n\n00:00.100 --> 00:00.300\nOne\n\n00:00.400 --> 00:00.700\nTwo\n"
    )
    (folder / "tags.txt").write_text(
        ";FFMETADATA1\ntitle=A film; with = signs\nartist=Änne\ncomment=two\\\nlines\ndirector=Somebody\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=400\ntitle=One\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=400\nEND=800\ntitle=Zwei ä\n"
    )
    (folder / "font.ttf").write_bytes(b"\0\1\0\0 no real font" * 40)
    (folder / "data.bin").write_bytes(bytes(range(256)) * 3)
    (folder / "words.sup").write_bytes(_draw_pgs())
    for name in ("cover.jpg", "cover.png"):
        ffmpeg("-v", "error", "-f", "lavfi", "-i", "testsrc2=s=64x64", "-frames:v", "1", folder / name)


def _draw_pgs() -> bytes:
    """Two picture subtitles of Blu-ray (PGS): a box of 16x8 px, on from 0.1 s to 0.3 s and 0.4 s to 0.6 s."""

    def segment(seconds: float, kind: int, body: bytes) -> bytes:
        return b"PG" + struct.pack(">IIBH", round(seconds * 90000), 0, kind, len(body)) + body

    width, height = SIZE
    lines = b"".join(b"\0\x90\1\0\0" for _ in range(8))  # 16 pixels of colour 1, end of line
    data = b""
    for number, (start, end) in enumerate([(0.1, 0.3), (0.4, 0.6)]):
        shown = struct.pack(">HHBHBBBB", width, height, 0x10, 2 * number, 0x80, 0, 0, 1)
        data += segment(start, 0x16, shown + struct.pack(">HBBHH", 0, 0, 0, 70, 80))
        data += segment(start, 0x17, struct.pack(">BBHHHH", 1, 0, 70, 80, 16, 8))
        data += segment(start, 0x14, bytes([0, 0, 1, 235, 128, 128, 255]))
        size = (len(lines) + 4).to_bytes(3, "big")
        data += segment(
            start, 0x15, struct.pack(">HBB", 0, 0, 0xC0) + size + struct.pack(">HH", 16, 8) + lines
        )
        data += segment(start, 0x80, b"")
        data += segment(end, 0x16, struct.pack(">HHBHBBBB", width, height, 0x10, 2 * number + 1, 0, 0, 0, 0))
        data += segment(end, 0x17, struct.pack(">BBHHHH", 1, 0, 70, 80, 16, 8))
        data += segment(end, 0x80, b"")
    return data


def caption_film(path: Path, _: Path) -> None:
    """H.264 with A53 closed captions (608 pairs) in every frame."""

    def draw_message(number: int) -> bytes:
        return b"\xb5\x00\x31GA94\x03\x41\xff" + bytes([0xFC, 0x80 | number, 0x2C]) + b"\xff"

    _add_messages(path, "-c:v libx264 -bf 2", b"\x06", draw_message)


def hdr10_plus_film(path: Path, _: Path) -> None:
    """HEVC with HDR10+ (SMPTE ST 2094-40) in every frame: one window, and nothing but its brightness."""
    bits = "01" + f"{400:027b}" + "0" + 3 * f"{70000:017b}" + f"{30000:017b}" + "0000" + f"{700:010b}" + "000"
    values = int(bits.ljust(120, "0"), 2).to_bytes(15, "big")
    message = b"\xb5\x00\x3c\x00\x01\x04\x01" + values
    _add_messages(path, f"-pix_fmt yuv420p10le -c:v libx265 {_QUIET265}", b"\x4e\x01", lambda _: message)


def _add_messages(path: Path, encoder: str, header: bytes, draw_message: Callable[[int], bytes]) -> None:
    """A film in mp4 with a message of ITU-T T.35 before each frame; `header` is of the SEI's NAL unit."""
    plain = path.with_name("plain.mp4")
    ffmpeg("-v", "error", *VIDEO.split(), *encoder.split(), plain)
    with av.open(str(plain)) as source, av.open(str(path), "w") as out:
        copy = out.add_stream_from_template(source.streams.video[0], opaque=True)
        for number, packet in enumerate(p for p in source.demux() if p.size):
            message = draw_message(number)
            escaped = re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", message)
            unit = header + b"\x04" + bytes([len(message)]) + escaped + b"\x80"
            made = av.Packet(len(unit).to_bytes(4, "big") + unit + bytes(packet))
            made.pts, made.dts, made.time_base = packet.pts, packet.dts, packet.time_base
            made.duration, made.is_keyframe, made.stream = packet.duration, packet.is_keyframe, copy
            out.mux(made)
    plain.unlink()


def recode(arguments: str, make: Make, extension: str) -> Make:
    """What another film shows, encoded again."""

    def draw(path: Path, parts: Path) -> None:
        first = path.with_name(f"first.{extension}")
        make(first, parts)
        ffmpeg("-v", "error", "-i", first, *arguments.split(), path)
        first.unlink()

    return draw


def cut(arguments: str, extension: str) -> Make:
    """From the middle of a GOP on, without encoding: what an edit list is for."""

    def draw(path: Path, _: Path) -> None:
        first = path.with_name(f"first.{extension}")
        ffmpeg("-v", "error", *VIDEO.replace("d=0.8", "d=2").split(), *TONE.replace("d=0.8", "d=2").split(),
               *arguments.split(), first)  # fmt: skip
        ffmpeg("-v", "error", "-ss", "0.52", "-i", first, "-c", "copy", "-map", "0", path)
        first.unlink()

    return draw


def turn(degrees: int) -> Make:
    """A picture that players are told to turn."""

    def draw(path: Path, _: Path) -> None:
        first = path.with_name("first.mp4")
        ffmpeg("-v", "error", *VIDEO.split(), "-c:v", "libx264", first)
        ffmpeg("-v", "error", "-display_rotation:v", str(degrees), "-i", first, "-c", "copy", path)
        first.unlink()

    return draw

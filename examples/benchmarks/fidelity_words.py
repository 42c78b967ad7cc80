"""What FFmpeg's program says of a film's picture, container and frames, in words that can be compared."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

_WORD = r"([a-z\d-]+)"  # other threads' words may follow without a space, beginning with a capital
_FRAME_DATA = "(?:Mastering|Content|Ambient|Active|HDR|Dolby|ATSC|Stereo|S12M|Display)"


@dataclass(frozen=True)
class Difference:
    """Something that the target has not, or has otherwise."""

    kind: str
    """tags, chapters, streams, packets, times, text, language, title, disposition, attachment, cover, codec,
    pixels, picture, captions, ..."""
    text: str


def ffmpeg(*arguments: str | Path) -> str:
    """Run FFmpeg's program; what it says.

    Raises:
        RuntimeError: It fails.
    """
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-hide_banner",
        "-nostdin",
        "-nostats",
        "-y",
        *map(str, arguments),
    ]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
    return done.stderr


def describe(path: Path, is_relative: bool) -> dict[str, list[str]]:
    """What FFmpeg's program says of a film: of its container's picture, its start, and each of its frames.

    With `is_relative` without what another container has otherwise: its clock, its start, its codec tags.
    """
    # two calls: verbose, the words of other threads run into those about frames
    look = ("-copyts", "-i", path, "-map", "0:V:0", "-fps_mode", "passthrough", "-f", "null")
    head = ffmpeg("-v", "verbose", *look, "-t", "0", "-").split("Stream mapping:")[0]
    frames = ffmpeg(*look, "-vf", "showinfo=checksum=0", "-").split("Stream mapping:")[1]
    words: dict[str, list[str]] = {"start": re.findall(r"start: (\S+),", head)}
    part = next(p for p in re.split(r"\n +Stream #", head)[1:] if "Video:" in p and "attached pic" not in p)
    line, *details = part.split("\n")
    words["shape"] = [" ".join(r for r in re.findall(r"SAR \d+:\d+", line) if r != "SAR 1:1") or "square"]
    words["display size"] = [str(size) for size in _display_size(path)]
    words["rate"] = re.findall(r"([\d.k]+ fps)", line)
    words["colours of the container"] = re.findall(r", \w+\(([^()]*)\),? ?\d*x?\d*", line)[:1]
    words["tag of the codec"] = [t.replace("hev1", "hvc1") for t in re.findall(r"\((\w{4}) / 0x", line)]
    words["side data"] = sorted(
        d.strip()
        for d in details
        if re.match(
            r"\s+(displaymatrix|[Mm]astering|[Cc]ontent light|[Cc]PB|DOVI|Ambient|Stereo|Spherical)", d
        )
        and "CPB" not in d
    )
    words["programs"] = re.findall(r"Program (\d+)|service_(?:name|provider)\s*: ([^\n]+)", head)
    words["numbers of streams"] = (
        re.findall(r"Stream #\d:\d+\[(0x\w+)\]", head) if path.suffix == ".ts" else []
    )
    words["timecode"] = re.findall(r"timecode\s*: (\S+)", head)[:1]
    for name, pattern in {
        "times of frames": r"pts_time:([\d.-]+)",
        "lengths of frames": r"duration_time:([\d.-]+)",
        "pixel formats": r"fmt:(\w+)",
        "chroma location": r"cl:(\w+)",
        "shape of samples": r"sar:(\d+/\d+)",
        "fields": r" i:(\w)",
        "range": rf"color_range:{_WORD}",
        "matrix": rf"color_space:{_WORD}",
        "primaries": rf"color_primaries:{_WORD}",
        "transfer": rf"color_trc:{_WORD}",
        "frame side data": rf"side data - ({_FRAME_DATA}[^\n]*)",
    }.items():
        words[name] = re.findall(pattern, frames)
    # some encoders repeat what holds for all frames with each, some with key frames
    words["frame side data"] = sorted(set(words["frame side data"]))
    is_yuv = words["pixel formats"][0].startswith("yuv")
    words["range"] = ["tv" if is_yuv and word == "unknown" else word for word in words["range"]]
    if is_relative:
        first = float(words["times of frames"][0])
        words["times of frames"] = [f"{float(t) - first:.2f}" for t in words["times of frames"]]
        for name in ("start", "tag of the codec", "display size", "colours of the container", "programs",
                     "numbers of streams"):  # fmt: skip
            del words[name]
    words["shape of samples"] = ["1/1" if word == "0/1" else word for word in words["shape of samples"]]
    return words


_MASTERS = {0x18538067, 0x1654AE6B, 0xAE, 0xE0}  # Segment, Tracks, TrackEntry, Video


def _display_size(path: Path) -> list[int]:
    """DisplayWidth and DisplayHeight of a Matroska file, which some players go by alone."""
    is_matroska = path.suffix in {".mkv", ".webm"}
    return list(_read_display_size(path.read_bytes())) if is_matroska else []


def _read_display_size(data: bytes) -> Iterator[int]:
    """Walk through EBML's elements: an identifier, a size, and what it holds."""
    at = 0
    while at < len(data):
        end = at + 9 - data[at].bit_length()
        name, at = int.from_bytes(data[at:end], "big"), end
        end = at + 9 - data[at].bit_length()
        size, at = int.from_bytes(data[at:end], "big") & ((1 << 7 * (end - at)) - 1), end
        if name in _MASTERS:
            yield from _read_display_size(data[at : at + size])
        elif name in (0x54B0, 0x54BA):
            yield int.from_bytes(data[at : at + size], "big")
        at += size


def compare_words(old: dict[str, list[str]], new: dict[str, list[str]]) -> Iterator[Difference]:
    """What frames say in other words than they did, the most frequent ones beside each other."""
    for name, before in old.items():
        if before != new[name]:
            was, now = (Counter(words).most_common(3) for words in (before, new[name]))
            yield Difference(name, f"{was} became {now}")

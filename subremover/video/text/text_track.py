"""Makes a text track of a film from cues, and has FFmpeg parse the text of SRT files."""

from __future__ import annotations

import contextlib
import html
import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.subtitles.stream import SubtitleStream

from subremover.errors import UsageError
from subremover.plan.cues import Cue, stack_cues

TEXT_CODECS = {
    "mp4": "mov_text",
    "mov": "mov_text",
    "ipod": "mov_text",  # .m4v
    "matroska": "subrip",
    "webm": "webvtt",
}
"""The codec of text tracks by container, both by FFmpeg's names."""
TICK = Fraction(1, 1000)
"""Time base of text tracks, in seconds; Matroska and SRT know no finer one."""
# An ASS header, out of which FFmpeg makes the style that every text track of mp4 must state.
_STYLE = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Alignment
Style: Default,Arial,16,&Hffffff,2

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


@dataclass(frozen=True, slots=True)
class TextTrack:
    """A text track to be made; without cues none is."""

    cues: tuple[Cue, ...] = ()
    """By start, in the film's own seconds (its frames' `pts`), not counted from where players start."""
    language: str = "und"
    """ISO 639-2, three letters."""

    def add_to(self, out: OutputContainer) -> Iterator[Packet[Stream]]:
        """Add the track to a container, behind its other streams.

        Args:
            out: One of `TEXT_CODECS`, its header not written yet.

        Returns:
            The track's packets, by time; none without cues.
        """
        if not self.cues:
            return iter(())
        codec = TEXT_CODECS[out.format.name]
        if codec == "mov_text":
            stream: Stream = out.add_stream(codec)
            assert isinstance(stream, SubtitleStream)
            stream.codec_context.subtitle_header = _STYLE
            stream.codec_context.time_base = TICK
        else:
            stream = out.add_mux_stream(codec)
        stream.time_base = TICK
        stream.metadata["language"] = self.language
        return _make_packets(stack_cues(self.cues) if codec == "mov_text" else self.cues, stream, codec)


def check_text_track(format_name: str, target: Path) -> None:
    """Check that a container can hold a text track.

    Args:
        format_name: FFmpeg's name of the container.
        target: The film to be made, for the message.

    Raises:
        UsageError: It cannot, or this program does not know how.
    """
    if format_name not in TEXT_CODECS:
        raise UsageError(
            f"'{target.name}' cannot hold a subtitle track; "
            "use .mp4, .mov, .mkv or .webm, or write a file with --srt"
        )


def parse_srt(text: str) -> Iterator[tuple[float, float, str]]:
    """What FFmpeg takes for cues in the text of an SRT file.

    Args:
        text: All of the file; of any other kind no cue is found.

    Yields:
        Start and end in seconds, and the text with its tags, by start.
    """
    data = io.BytesIO(text.replace("\0", "").encode(errors="replace"))
    # FFmpeg finds nothing in what is no SRT, and says so in one way or another
    with contextlib.suppress(av.error.FFmpegError, ValueError), av.open(data, format="srt") as container:
        assert isinstance(container, InputContainer)
        for packet in container.demux(container.streams[0]):
            if packet.size and packet.pts is not None:
                start = packet.pts * packet.time_base
                end = start + (packet.duration or 0) * packet.time_base
                yield float(start), float(end), bytes(packet).decode(errors="replace")


def _make_packets(cues: tuple[Cue, ...], stream: Stream, codec: str) -> Iterator[Packet[Stream]]:
    """A packet for each cue, in the codec's own form."""
    for cue in cues:
        text = html.escape(cue.text, quote=False) if codec == "webvtt" else cue.text
        data = text.encode()[:0xFFFF]
        if codec == "mov_text":  # its length in two bytes comes first
            data = struct.pack(">H", len(data)) + data
        packet: Packet[Stream] = Packet(data)
        packet.pts = packet.dts = round(cue.start_seconds / TICK)
        packet.duration = round(cue.end_seconds / TICK) - packet.pts
        packet.time_base, packet.stream, packet.is_keyframe = TICK, stream, True
        yield packet

"""Text streams of films: which codec a container holds, and how streams and packets are made."""

from __future__ import annotations

from fractions import Fraction

from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.subtitles.stream import SubtitleStream

from subremover.plan.cues import Cue
from subremover.video.text.stamps import round_span

TEXT_CODECS = {
    "mp4": "mov_text",
    "mov": "mov_text",
    "ipod": "mov_text",  # .m4v
    "matroska": "subrip",
    "webm": "webvtt",
}
"""The codec of text tracks by container, both by FFmpeg's names."""
RATE = 1000
"""Ticks a second of text tracks; Matroska and SRT know no finer ones."""


def add_text_stream(out: OutputContainer, codec: str, header: bytes) -> Stream:
    """Add a stream for a text track to a container.

    Args:
        out: Its header not written yet.
        codec: By FFmpeg's name.
        header: Of an ASS file, with the styles; ASS and mp4 keep them.

    Returns:
        The new stream, whose times count `RATE` ticks a second.
    """
    tick = Fraction(1, RATE)
    if codec in ("mov_text", "ass"):
        stream: Stream = out.add_stream(codec)
        assert isinstance(stream, SubtitleStream)
        stream.codec_context.subtitle_header = header
        stream.codec_context.time_base = tick
    else:
        stream = out.add_mux_stream(codec)
    stream.time_base = tick
    return stream


def fill_packet(packet: Packet[Stream], cue: Cue, stream: Stream) -> Packet[Stream]:
    """A packet of a stream of `add_text_stream`, with the times of its cue."""
    start, end = round_span(cue, RATE)
    packet.pts = packet.dts = start
    packet.duration, packet.time_base = end - start, Fraction(1, RATE)
    packet.stream, packet.is_keyframe = stream, True
    return packet

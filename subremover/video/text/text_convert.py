"""Converts text tracks of one container for another: decoded and encoded again, cue by cue.

mov_text (mp4, mov), SubRip and WebVTT (Matroska, WebM) all know italic, bold and underlined letters. Where a
cue stands and how it moves can only be told by ASS, which only Matroska holds.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.subtitles.codeccontext import SubtitleCodecContext
from av.subtitles.subtitle import AssSubtitle, SubtitleSet

from subremover.plan.cues import Cue, stack_cues
from subremover.video.read.source import open_input
from subremover.video.text.stamps import round_span
from subremover.video.text.text_streams import RATE, TEXT_CODECS, add_text_stream, fill_packet

_SOURCES = {"subrip", "ass", "ssa", "webvtt", "mov_text", "text"}
"""Codecs that can be converted, by FFmpeg's names."""
_FIELDS = 8
"""Number of fields before the text in a cue of ASS as FFmpeg hands it on: number, layer, style, name, three
margins and effect."""
_PLAIN = b"0,0,Default,,0,0,0,,"
"""These fields for a cue in the default style."""
# Overrides that only ASS knows: place, alignment, movement, fade, clipping, karaoke, drawing.
_PLACED = re.compile(r"\\(an?\d|pos|move|org|fade?\(|i?clip|[kK]|p\d|t\(|fr|fs[cp])")


@dataclass(frozen=True, slots=True)
class ConvertedText:
    """A text track of a film, decoded, for a container that holds another kind."""

    header: bytes
    """The header of an ASS file, with the styles."""
    cues: tuple[Cue, ...]
    """By start, in the film's own seconds; their text may contain overrides of ASS, such as `{\\i1}`."""
    is_placed: bool
    """Whether a cue may say more than the new kind can: where it stands, how it moves."""

    def add_to(self, out: OutputContainer) -> tuple[Stream, Iterator[Packet[Stream]]]:
        """Add the track to a container.

        Args:
            out: One of `TEXT_CODECS`, its header not written yet.

        Returns:
            The new stream, and its packets by time, which are encoded as they are taken.
        """
        codec = TEXT_CODECS[out.format.name]
        stream = add_text_stream(out, codec, self.header)
        # one cue at a time is all that mp4 can show
        cues = stack_cues(self.cues) if codec == "mov_text" else self.cues
        return stream, _encode(cues, codec, self.header, stream)


def read_text(path: Path, stream: Stream, format_name: str) -> ConvertedText | None:
    """Decode a text track for a container that cannot hold it as it is.

    Args:
        path: The film.
        stream: One of the film's streams, of any kind.
        format_name: FFmpeg's name of the container to be written.

    Returns:
        The track; None where the stream is no text, the container holds none, or nothing can be decoded.

    Raises:
        InputError: The film cannot be read.
    """
    context = getattr(stream, "codec_context", None)
    if format_name not in TEXT_CODECS or context is None or context.codec.canonical_name not in _SOURCES:
        return None
    cues: list[Cue] = []
    with open_input(path) as container:
        decoder = container.streams[stream.index].codec_context
        assert isinstance(decoder, SubtitleCodecContext)
        for packet in container.demux(container.streams[stream.index]):
            if packet.size and packet.pts is not None:
                cues += _decode(packet, decoder)
        header = decoder.subtitle_header
    if header is None:  # nothing was decoded
        return None
    is_ass = context.codec.canonical_name in ("ass", "ssa")
    is_placed = is_ass or any(_PLACED.search(cue.text) for cue in cues)
    return ConvertedText(header, tuple(sorted(cues, key=lambda cue: cue.start_seconds)), is_placed)


def _decode(packet: Packet[Stream], decoder: SubtitleCodecContext) -> Iterator[Cue]:
    """The cues of a packet; none if it is damaged."""
    found: SubtitleSet | None = None
    with contextlib.suppress(av.error.FFmpegError):  # a damaged cue
        found = decoder.decode2(packet)
    assert packet.pts is not None
    start = packet.pts * packet.time_base
    end = start + (packet.duration or 0) * packet.time_base
    for part in found or ():
        if isinstance(part, AssSubtitle):
            text = part.ass.decode(errors="replace").split(",", _FIELDS)[-1]
            if text.strip() and end > start:
                yield Cue(float(start), float(end), text)


def _encode(cues: Iterable[Cue], codec: str, header: bytes, stream: Stream) -> Iterator[Packet[Stream]]:
    """A packet for each cue; FFmpeg's encoder wants the styles of ASS."""
    encoder = av.CodecContext.create(codec, "w")
    assert isinstance(encoder, SubtitleCodecContext)
    encoder.subtitle_header = header
    encoder.time_base = Fraction(1, RATE)
    for cue in cues:
        start, end = round_span(cue, RATE)
        text = _PLAIN + cue.text.replace("\n", "\\N").encode()
        yield fill_packet(encoder.encode_subtitle(SubtitleSet.create(text, 0, end - start)), cue, stream)

"""Makes a text track of a film from cues, and has FFmpeg parse the text of SRT files."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import av.error
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from subremover.errors import UsageError
from subremover.plan.cues import Cue, stack_cues
from subremover.video.text import ass, mov_text, srt, webvtt
from subremover.video.text.layout import Layout
from subremover.video.text.text_streams import TEXT_CODECS, add_text_stream, fill_packet


@dataclass(frozen=True, slots=True)
class TextTrack:
    """A text track to be made; without cues none is."""

    cues: tuple[Cue, ...] = ()
    """By start, in the film's own seconds (its frames' `pts`), not counted from where players start."""
    size: tuple[int, int] = (0, 0)
    """Width and height of the upright picture, in px."""
    language: str = "und"
    """ISO 639-2, three letters."""
    speaker_colours: bool = False
    """Whether to say the colour of cues that have another one than most; ASS always does."""

    def add_to(self, out: OutputContainer) -> Iterator[Packet[Stream]]:
        """Add the track to a container, behind its other streams.

        In Matroska it is ASS where a cue stands elsewhere than players put it by themselves, else SubRip.

        Args:
            out: One of `TEXT_CODECS`, its header not written yet.

        Returns:
            The track's packets, by time; none without cues.
        """
        if not self.cues:
            return iter(())
        layout = Layout.of(self.cues, self.size)
        codec = TEXT_CODECS[out.format.name]
        if codec == "subrip" and not all(map(layout.is_bottom_centre, self.cues)):
            codec = "ass"
        header = ass.write_header(layout).encode() if codec == "ass" else mov_text.HEADER
        stream = add_text_stream(out, codec, header)
        stream.metadata["language"] = self.language
        return self._make_packets(codec, layout, stream)

    def _make_packets(self, codec: str, layout: Layout, stream: Stream) -> Iterator[Packet[Stream]]:
        """A packet for each cue, in the codec's own form."""
        coloured = layout if self.speaker_colours else None
        # one cue at a time is all that mp4 can show
        for number, cue in enumerate(stack_cues(self.cues) if codec == "mov_text" else self.cues):
            match codec:
                case "ass":
                    data = ass.pack_cue(cue, layout, number)
                case "mov_text":
                    data = mov_text.pack_cue(cue, coloured)
                case "webvtt":
                    data = webvtt.mark_up(cue, coloured).encode()
                case _:
                    data = srt.mark_up(cue, coloured).encode()
            yield fill_packet(Packet(data), cue, stream)


NO_TRACK = TextTrack()


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

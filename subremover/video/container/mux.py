"""The streams of a film that are not decoded: their packets, attachments and cover art are copied."""

from __future__ import annotations

import heapq
import logging
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import AttachmentStream, Stream

from subremover.options import EncodeOptions
from subremover.runtime.atomic_file import PartFile, check_file
from subremover.video.container.carry import (
    MATROSKA,
    MOV,
    can_hold,
    carry,
    codec_name,
    is_cover,
    is_made_by_muxer,
)
from subremover.video.container.order import put_in_order
from subremover.video.container.output import (
    closing_output,
    find_format,
    find_programs,
    has_cover,
    mux_errors,
    open_output,
)
from subremover.video.container.shape import keep_shape
from subremover.video.container.tags import MP4_TAGS, keep_stream_tags, keep_tags
from subremover.video.film import Film, Join
from subremover.video.read.limits import check_memory
from subremover.video.read.packets import read_packets
from subremover.video.read.source import check_unchanged, open_input
from subremover.video.text.text_convert import read_text
from subremover.video.text.text_streams import TEXT_CODECS
from subremover.video.text.text_track import NO_TRACK, TextTrack

log = logging.getLogger(__name__)

_LEAD_SECONDS = 0.1
"""Seconds of hidden sound before 0 that are kept: no player lets it be heard, but the decoder begins with it.
Opus needs 0.08."""
_COVER_TYPES = {"png": "image/png", "mjpeg": "image/jpeg", "bmp": "image/bmp", "gif": "image/gif"}
"""MIME type of cover art by FFmpeg's name of its codec."""
_COVER_KEEPERS = {"mp4": "mp4", "mkv": "matroska"}
"""Containers that keep cover art, as they are named to the user and by FFmpeg."""


class CarriedStreams:
    """Streams of the source whose packets are copied to the output, and a new text track if one is asked for.

    It demuxes `source` by itself, so that container must not be used for anything else.
    """

    def __init__(
        self, source: InputContainer, out: OutputContainer, film: Film, with_picture: bool, text: TextTrack
    ) -> None:
        """Add the streams to `out`, all of them before its header is written.

        Args:
            source: The film, open for this object alone.
            out: The container to be written.
            film: The source.
            with_picture: Whether the picture's packets are copied as well.
            text: Added behind all other streams.

        Raises:
            ValueError: The container cannot hold the picture.
            InputError: A text track or cover art cannot be read.
        """
        self.warnings: list[str] = []
        """What cannot be kept, one line a thing."""
        self._source, self._out, self._joins = source, out, film.joins
        self._streams: dict[int, Stream] = {}
        self._texts: list[Iterator[Packet]] = []  # type: ignore[type-arg]
        self._held: Packet | None = None  # type: ignore[type-arg]
        self._damaged = Counter[int]()
        for stream in source.streams:
            if stream.index != film.stream_index:
                self._add(stream, film)
            elif with_picture:
                self._streams[stream.index] = carry(stream, out)
        self._packets = heapq.merge(self._read(), *self._texts, text.add_to(out), key=_seconds)
        if (count := len(find_programs(source))) > 1:
            self.warnings.append(
                f"the {count} programs of the transport stream become one; their streams are kept"
            )
        lost = sorted(keep_tags(source.metadata).keys() - MP4_TAGS)
        if lost and out.format.name in MOV and out.format.name != "mov" and has_cover(source):
            self.warnings.append(f"{out.format.name} cannot keep cover art and these tags: {', '.join(lost)}")

    def mux_until(self, seconds: Fraction | None) -> None:
        """Write the packets up to a time.

        Args:
            seconds: Decoding time of the last packets to be written; None: write all that are left.
        """
        while True:
            packet = self._held if self._held is not None else next(self._packets, None)
            self._held = None
            if packet is None:
                if seconds is None:
                    self._tell_damaged()
                return
            if seconds is not None and _seconds(packet) > seconds:
                self._held = packet
                return
            self._mux(packet)

    def _mux(self, packet: Packet) -> None:  # type: ignore[type-arg]
        """Write a packet; a damaged one that is not the picture's is counted and left out."""
        try:
            self._out.mux(packet)
        except av.error.InvalidDataError:  # what FFmpeg would have to rewrite for the container is damaged
            if packet.stream.type == "video":
                raise
            self._damaged[packet.stream.index] += 1

    def _tell_damaged(self) -> None:
        """Warn of the packets that were left out."""
        for index, count in self._damaged.items():
            log.warning("%d packets of stream %d are damaged and are left out", count, index)

    def _read(self) -> Iterator[Packet]:  # type: ignore[type-arg]
        """Write the header, then yield the packets to be copied, in an order that the muxer takes."""
        self._out.start_encoding()  # from here on streams have the clocks of the output
        carried = [self._source.streams[index] for index in self._streams]
        # some data streams have no clock
        clocks = {index: copy.time_base or Fraction(0) for index, copy in self._streams.items()}
        may_repeat = bool(self._out.format.flags & av.format.Flags.ts_nonstrict.value)  # type: ignore[operator]
        packets = _demux(self._source, carried, self._joins, hides=self._out.format.name in MOV)
        for packet in put_in_order(packets, clocks, may_repeat):
            packet.stream = self._streams[packet.stream.index]
            yield packet

    def _add(self, stream: Stream, film: Film) -> None:
        """Add a stream that is not the film's picture, as it is or converted, or warn that it is lost."""
        kind = f"{stream.type} stream {stream.index}"
        if isinstance(stream, AttachmentStream):
            if not can_hold(self._out.format.name, stream):
                self.warnings.append(f"attachment '{stream.name}' cannot be kept in {self._out.format.name}")
                return
            carry(stream, self._out)
        elif is_cover(stream) and self._out.format.name in MATROSKA:
            self._attach_cover(stream, film)
        elif is_cover(stream) and self._out.format.name == "mov":
            self.warnings.append(f"cover art cannot be kept in mov{self._name_cover_keeper(film)}")
        elif is_made_by_muxer(stream, self._out.format.name, bool(self._source.chapters())):
            return
        elif can_hold(self._out.format.name, stream):
            self._streams[stream.index] = carry(stream, self._out)
        elif text := read_text(film.path, stream, self._out.format.name):
            copy, packets = text.add_to(self._out)
            copy.metadata.update(keep_stream_tags(stream.metadata))
            copy.disposition = stream.disposition
            self._texts.append(packets)
            if text.is_placed:
                codec = TEXT_CODECS[self._out.format.name]
                self.warnings.append(
                    f"{kind} ({codec_name(stream)}) becomes {codec}: its words and times are kept, "
                    "where they stand and how they move is not"
                )
        else:
            self.warnings.append(f"{kind} ({codec_name(stream)}) cannot be kept in {self._out.format.name}")

    def _name_cover_keeper(self, film: Film) -> str:
        """The end of a warning: which container keeps cover art beside this picture; empty if none does."""
        # where it is encoded again its stream is there already
        picture = next(iter(self._out.streams.video), self._source.streams[film.stream_index])
        names = (name for name, form in _COVER_KEEPERS.items() if can_hold(form, picture))
        return next((f"; {name} can" for name in names), "")

    def _attach_cover(self, stream: Stream, film: Film) -> None:
        """Matroska keeps cover art as an attachment; as a stream it would become a second picture."""
        codec = codec_name(stream)
        extension = "jpg" if codec == "mjpeg" else codec
        name = stream.metadata.get("filename", f"cover.{extension}")
        mime = stream.metadata.get("mimetype", _COVER_TYPES.get(codec, "image/jpeg"))
        with open_input(film.path) as container:
            image = next((p for p in container.demux(container.streams[stream.index]) if p.size), None)
        if self._out.format.name == "webm" or image is None:
            self.warnings.append(f"cover art '{name}' cannot be kept in {self._out.format.name}")
            return
        self._out.add_attachment(name, mime, bytes(image))


def _demux(
    source: InputContainer, streams: list[Stream], joins: Sequence[Join], hides: bool
) -> Iterator[Packet]:  # type: ignore[type-arg]
    """All packets; without those that an edit list hides, unless the output can hide them (`hides`)."""
    # a damaged end is a warning of the probe; what comes before it is kept
    try:
        for packet in read_packets(source, streams, joins) if streams else ():
            is_heard = hides or not packet.is_discard or _seconds(packet) >= -_LEAD_SECONDS
            if packet.size and is_heard:
                yield packet
    except av.error.FFmpegError as error:
        check_memory(error)


def remux(
    film: Film,
    target: Path,
    options: EncodeOptions,
    text: TextTrack = NO_TRACK,
    *,
    folder: Path | None = None,
) -> tuple[str, ...]:
    """Write a film of the source's own packets, the picture's included.

    Args:
        film: The source.
        target: The film to be made; its extension names the container.
        options: Whether the target may be replaced.
        text: The text track that is added.
        folder: Where the new file lies until it is whole; None: beside the target.

    Returns:
        What cannot be kept, one line a thing.

    Raises:
        InputError: The source cannot be read, or was changed meanwhile.
        OutputError: The target cannot be written or its container cannot hold the picture.
    """
    check_file(film.path, target, options.overwrite)
    part = PartFile(target, folder)
    try:
        with open_input(film.path) as source, mux_errors(target):
            out = open_output(source, str(part.path), target)
            with closing_output(out):
                carried = CarriedStreams(source, out, film, with_picture=True, text=text)
                carried.mux_until(None)
            warnings = [*carried.warnings, *keep_shape(film, source, part.path, find_format(target))]
        check_unchanged(film)
        part.commit()
    finally:
        part.discard()
    return tuple(warnings)


def _seconds(packet: Packet) -> Fraction | float:  # type: ignore[type-arg]
    """When a packet is decoded, in seconds; one without a time comes first."""
    at = packet.dts if packet.dts is not None else packet.pts
    return at * packet.time_base if at is not None else -math.inf

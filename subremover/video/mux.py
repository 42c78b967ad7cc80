"""Everything of a film that is not decoded: packets, tags, chapters, attachments, cover art."""

from __future__ import annotations

import contextlib
import heapq
import io
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import AttachmentStream, Disposition, Stream
from av.video.stream import VideoStream

from subremover.cues import Cue
from subremover.errors import OutputError
from subremover.options import EncodeOptions
from subremover.video.probe import Film, check_unchanged, open_input
from subremover.video.strays import drop_strays
from subremover.video.target import PartFile, check_file, find_format, output_errors
from subremover.video.text_track import TextTrack

# Written anew by the muxer, or true of the old file alone.
_STALE_TAGS = {
    "encoder",
    "major_brand",
    "minor_version",
    "compatible_brands",
    "bps",
    "duration",
    "vendor_id",
    "alpha_mode",
}
_STALE_PREFIXES = ("number_of_", "_statistics_")
# The tags that mp4 has a place for; others need FFmpeg's use_metadata_tags, which drops cover art.
_MP4_TAGS = set(
    """title artist album album_artist composer date comment genre copyright grouping lyrics description
    synopsis show episode_id network keywords track disc media_type hd_video compilation creation_time rating
    location season_number episode_sort language sort_name sort_artist sort_album
    gapless_playback""".split()  # noqa: SIM905
)
MOV = ("mp4", "mov", "ipod")
MATROSKA = ("matroska", "webm")
_COVER_TYPES = {"png": "image/png", "mjpeg": "image/jpeg", "bmp": "image/bmp", "gif": "image/gif"}


def keep_tags(metadata: dict[str, str]) -> dict[str, str]:
    """The tags that still hold for a new file."""
    return {
        key: value
        for key, value in metadata.items()
        if key.lower().split("-")[0] not in _STALE_TAGS and not key.lower().startswith(_STALE_PREFIXES)
    }


def keep_stream_tags(metadata: dict[str, str]) -> dict[str, str]:
    """As `keep_tags`, for a stream; mp4 calls `name` on reading what it takes as `title` on writing."""
    tags = keep_tags(metadata)
    return tags | {"title": tags["name"]} if "name" in tags and "title" not in tags else tags


def open_output(source: InputContainer, file: str | io.BytesIO, target: Path) -> OutputContainer:
    """A container for the target's format with the source's tags and chapters."""
    name = find_format(target)
    tags = keep_tags(source.metadata)
    options = {}
    if name == "mov" or (name in MOV and not _has_cover(source) and tags.keys() - _MP4_TAGS):
        options["movflags"] = "use_metadata_tags"
    out = av.open(file, "w", format=name, options=options, metadata_errors="surrogateescape")
    out.metadata.update(tags)
    out.set_chapters(source.chapters())
    return out


class CarriedStreams:
    """Streams of the source whose packets go into the output as they are, and a text track that is new.

    Shares nothing with the container that the picture is decoded from: it demuxes `source` on its own.
    """

    def __init__(
        self, source: InputContainer, out: OutputContainer, film: Film, with_picture: bool, text: TextTrack
    ) -> None:
        """Add the streams to `out`, all of them before its header is written.

        Args:
            source: The film, open for this object alone.
            out: Where to.
            film: The source.
            with_picture: Whether the picture's packets are carried as well.
            text: Added behind all others.
        """
        self.warnings: list[str] = []
        self._source, self._out = source, out
        self._streams: dict[int, Stream] = {}
        self._held: Packet | None = None  # type: ignore[type-arg]
        for stream in source.streams:
            if stream.index != film.stream_index:
                self._add(stream, film)
            elif with_picture:
                self._streams[stream.index] = carry(stream, out)
        self._packets = heapq.merge(self._read(), text.add_to(out), key=_seconds)
        lost = sorted(keep_tags(source.metadata).keys() - _MP4_TAGS)
        if lost and out.format.name in MOV and out.format.name != "mov" and _has_cover(source):
            self.warnings.append(f"{out.format.name} cannot keep cover art and these tags: {', '.join(lost)}")

    def mux_until(self, seconds: Fraction | None) -> None:
        """Write the packets up to a time, or all that are left."""
        while True:
            packet = self._held if self._held is not None else next(self._packets, None)
            self._held = None
            if packet is None:
                return
            if seconds is not None and _seconds(packet) > seconds:
                self._held = packet
                return
            self._out.mux(packet)

    def _read(self) -> Iterator[Packet]:  # type: ignore[type-arg]
        carried = [self._source.streams[index] for index in self._streams]
        for packet in drop_strays(_demux(self._source, carried)):
            packet.stream = self._streams[packet.stream.index]
            yield packet

    def _add(self, stream: Stream, film: Film) -> None:
        kind = f"{stream.type} stream {stream.index}"
        if isinstance(stream, AttachmentStream):
            if not _can_hold(self._out.format.name, stream):
                self.warnings.append(f"attachment '{stream.name}' cannot be kept in {self._out.format.name}")
                return
            carry(stream, self._out)
        elif _is_cover(stream) and self._out.format.name in MATROSKA:
            self._attach_cover(stream, film)
        elif _is_cover(stream) and self._out.format.name == "mov":
            self.warnings.append("cover art cannot be kept in mov; mp4 can")
        elif _is_made_by_muxer(stream, self._out.format.name, bool(self._source.chapters())):
            return
        elif _can_hold(self._out.format.name, stream):
            self._streams[stream.index] = carry(stream, self._out)
        else:
            self.warnings.append(f"{kind} ({_codec_name(stream)}) cannot be kept in {self._out.format.name}")

    def _attach_cover(self, stream: Stream, film: Film) -> None:
        """Matroska keeps cover art as an attachment; as a stream it would become a second picture."""
        codec = _codec_name(stream)
        extension = "jpg" if codec == "mjpeg" else codec
        name = stream.metadata.get("filename", f"cover.{extension}")
        mime = stream.metadata.get("mimetype", _COVER_TYPES.get(codec, "image/jpeg"))
        with open_input(film.path) as container:
            image = next((p for p in container.demux(container.streams[stream.index]) if p.size), None)
        if self._out.format.name == "webm" or image is None:
            self.warnings.append(f"cover art '{name}' cannot be kept in {self._out.format.name}")
            return
        self._out.add_attachment(name, mime, bytes(image))


def _demux(source: InputContainer, streams: list[Stream]) -> Iterator[Packet]:  # type: ignore[type-arg]
    # a damaged end is a warning of the probe; what comes before it is kept
    with contextlib.suppress(av.error.FFmpegError):
        for packet in source.demux(streams) if streams else ():
            if packet.size:
                yield packet


def carry(stream: Stream, out: OutputContainer) -> Stream:
    """A stream of `out` that takes the packets of another one unchanged."""
    copy = out.add_stream_from_template(stream, opaque=True)
    copy.metadata.update(keep_stream_tags(stream.metadata))
    copy.disposition = stream.disposition
    if isinstance(stream, VideoStream) and isinstance(copy, VideoStream):
        fit_video(stream, copy)
    return copy


def fit_video(stream: VideoStream, copy: VideoStream) -> None:
    """What the template leaves out of a picture's stream."""
    source, context = stream.codec_context, copy.codec_context
    # the sample aspect ratio of VP9 and AV1 is the container's alone
    if stream.sample_aspect_ratio:
        context.sample_aspect_ratio = stream.sample_aspect_ratio
    if stream.average_rate:
        context.framerate = stream.average_rate  # else Matroska has no default duration
    if out_tag := _wanted_tag(source.codec.canonical_name, source.codec_tag, copy.container.format.name):
        context.codec_tag = out_tag


def remux(film: Film, target: Path, options: EncodeOptions, cues: tuple[Cue, ...] = ()) -> tuple[str, ...]:
    """Write the film's own packets under another name.

    Args:
        film: The source.
        target: The film to be made.
        options: Whether it may be replaced, and the language of the cues.
        cues: What is added as a text track, in the film's own seconds.

    Returns:
        What cannot be kept, one line a thing.

    Raises:
        OutputError: The target cannot be written or its container cannot hold the picture.
    """
    check_file(film.path, target, options.overwrite)
    part = PartFile(target)
    try:
        with open_input(film.path) as source, output_errors(target):
            out = open_output(source, str(part.path), target)
            try:
                text = TextTrack(cues, options.subtitle_language)
                carried = CarriedStreams(source, out, film, with_picture=True, text=text)
                carried.mux_until(None)
            finally:
                out.close()
        check_unchanged(film)
        part.commit()
    finally:
        part.discard()
    return tuple(carried.warnings)


def needs_picture(target: Path, codec: str) -> OutputError:
    """For a container that cannot hold a codec."""
    return OutputError(f"'{target.name}' cannot hold {codec}; use .mkv, or another codec with --codec")


def _seconds(packet: Packet) -> Fraction | float:  # type: ignore[type-arg]
    """When it is decoded; a packet without a time comes first."""
    at = packet.dts if packet.dts is not None else packet.pts
    return at * packet.time_base if at is not None else -math.inf


def _has_cover(source: InputContainer) -> bool:
    return any(_is_cover(stream) for stream in source.streams)


def _is_cover(stream: Stream) -> bool:
    return stream.type == "video" and bool(stream.disposition & Disposition.attached_pic)


def _is_made_by_muxer(stream: Stream, format_name: str, has_chapters: bool) -> bool:
    """Whether the mov muxer makes this track itself, from the timecode tag or from the chapters."""
    if stream.type != "data" or format_name not in MOV:
        return False
    return "timecode" in stream.metadata or (has_chapters and stream.name == "bin_data")


def _can_hold(format_name: str, stream: Stream) -> bool:
    """Whether a container takes a stream; many say no only when the header is written."""
    try:
        out = av.open(io.BytesIO(), "w", format=format_name)
        try:
            copy = out.add_stream_from_template(stream, opaque=True)
            copy.disposition = stream.disposition
            out.start_encoding()
        finally:
            out.close()
    except (ValueError, AttributeError, av.error.FFmpegError):
        return False
    return True


def _codec_name(stream: Stream) -> str:
    context = getattr(stream, "codec_context", None)
    return context.codec.canonical_name if context is not None else "unknown"


def _wanted_tag(codec: str, tag: str, format_name: str) -> str | None:
    if format_name not in MOV:
        return None
    if codec == "hevc":
        return "hvc1"  # the muxer's own hev1 is refused by Apple's players
    return tag if codec == "prores" else None  # else 4444 XQ becomes HQ

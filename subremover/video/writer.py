"""Writes a film's picture again, and everything else of the film as it was.

The picture keeps its codec, times, colour tags, shape and rotation; frames are encoded as they are handed
over, in their own pixel format. `mux` carries the rest.
"""

from __future__ import annotations

import contextlib
import io
import logging
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import cast

import av
import av.error
import numpy as np
from av.codec.context import Flags
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.sidedata.sidedata import SideData
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from subremover.cues import Cue
from subremover.errors import OutputError
from subremover.options import EncodeOptions
from subremover.profile import stage
from subremover.video.encoders import choose_encoding, set_quality
from subremover.video.formats import convert
from subremover.video.mux import (
    MATROSKA,
    MOV,
    CarriedStreams,
    fit_video,
    keep_stream_tags,
    needs_picture,
    open_output,
)
from subremover.video.probe import Film, open_input
from subremover.video.target import PartFile, check_file, find_format, output_errors
from subremover.video.text_track import TextTrack, check_text_track

log = logging.getLogger(__name__)

# Their frame types are worth taking over: 3 to 4 % smaller at the same quality from such sources.
_TYPED_CODECS = {"h264", "hevc", "mpeg2video", "mpeg4"}
# The sample aspect ratio is not in their bitstream.
_SHAPELESS = {"vp8", "vp9", "av1", "ffv1", "mjpeg", "prores"}
_DOLBY_VISION = ("DOVI_RPU_BUFFER", "DOVI_METADATA")
_HDR10_PLUS = "DYNAMIC_HDR_PLUS"


class MovieWriter(contextlib.AbstractContextManager["MovieWriter"]):
    """Takes all frames of a film, in order, and makes the target of them.

    The target appears when the `with` block ends without an exception, whole and on disk; otherwise
    nothing is left.
    """

    def __init__(self, film: Film, target: Path, options: EncodeOptions, cues: tuple[Cue, ...] = ()) -> None:
        """The cues, in the film's own seconds, become a text track."""
        self.warnings: list[str] = []
        """What of the film cannot be kept, one line a thing; complete when the block has ended."""
        self._film, self._target, self._options = film, target, options
        self._text = TextTrack(cues, options.subtitle_language)
        self._part = PartFile(target)
        self._stack = contextlib.ExitStack()
        self._out: OutputContainer | None = None

    def __enter__(self) -> MovieWriter:
        check_file(self._film.path, self._target, self._options.overwrite)
        self._stack.callback(self._part.discard)
        self._source = self._stack.enter_context(open_input(self._film.path))
        return self

    def write(self, frame: VideoFrame) -> None:
        """Encode the next frame, planar or not, with its `pts` as decoded.

        Raises:
            OutputError: The disk is full, the encoder fails, ...
        """
        with output_errors(self._target):
            if self._out is None:
                self._open(frame)
            self._mux(self._track.encode(frame))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._stack:  # whatever happens here, containers are closed and the part file goes
            if kind is not None:
                if self._out is not None:
                    with contextlib.suppress(OSError, ValueError, av.error.FFmpegError):
                        self._out.close()
                return
            if self._out is None:
                raise OutputError(f"no frame was written to '{self._target}'; check --start and --end")
            with output_errors(self._target), stage("render: encode"):
                try:
                    self._mux(self._track.encode(None))
                    self._carried.mux_until(None)
                finally:
                    self._out.close()
            self._part.commit()

    def _open(self, frame: VideoFrame) -> None:
        self._out = open_output(self._source, str(self._part.path), self._target)
        self._track = _Track(self._film, self._source, self._out, self._options, frame)
        self._carried = CarriedStreams(self._source, self._out, self._film, False, self._text)
        self.warnings += [*self._track.warnings, *self._carried.warnings]

    def _mux(self, packets: list[Packet[VideoStream]]) -> None:
        assert self._out is not None
        for packet in packets:
            # Other streams go as far as the picture has come, not ahead: the muxer would wait for the
            # encoder's held-back frames for 10 s only and then give up interleaving.
            at = packet.dts if packet.dts is not None else packet.pts
            if at is not None:
                self._carried.mux_until(at * packet.time_base)
            self._out.mux(packet)


def check_target(film: Film, target: Path, options: EncodeOptions) -> None:
    """Find out before the long run whether the film can be written there like that.

    Raises:
        OutputError: The target is the film, exists, cannot be created, has an unknown extension, or its
            container cannot hold the picture; or there is no such encoder.
        UsageError: Its container cannot hold the text track asked for.
    """
    if options.subtitle_track:
        check_text_track(find_format(target), target)
    with open_input(film.path) as source:
        out = open_output(source, io.BytesIO(), target)
        check_file(film.path, target, options.overwrite)
        try:
            track = _Track(film, source, out, options, None)
            out.start_encoding()
        except (ValueError, av.error.FFmpegError) as error:
            codec = choose_encoding(film, options).codec
            log.debug("trial of %s failed: %s", target, error)
            raise needs_picture(target, codec) from error
        finally:
            with contextlib.suppress(ValueError, av.error.FFmpegError):
                out.close()
        del track


class _Track:
    """The picture's encoder and its stream in the output."""

    def __init__(
        self,
        film: Film,
        source: InputContainer,
        out: OutputContainer,
        options: EncodeOptions,
        first: VideoFrame | None,
    ) -> None:
        """Open both; `first` is a look at the frames to come, None in a trial."""
        self._film = film
        stream = source.streams[film.stream_index]
        assert isinstance(stream, VideoStream)
        self._encoding = choose_encoding(film, options, stream.codec_context.codec_tag)
        self.warnings = [*self._encoding.warnings, *_find_losses(first)]
        # 16 bits are all that MPEG-4 has for it; the packets get the film's own times in any case
        self._tick = (1 / film.frame_rate).limit_denominator(65535)
        is_same = self._encoding.codec == film.codec and not _has_dolby_vision(first)
        if is_same:
            # The template brings the container's side data: rotation, mastering display, ...
            self._stream: VideoStream = out.add_stream_from_template(stream, opaque=True)
            context = av.CodecContext.create(self._encoding.encoder, "w")
            assert isinstance(context, VideoCodecContext)
            self._context = context
        else:
            added = out.add_stream(self._encoding.encoder, rate=film.frame_rate)
            assert isinstance(added, VideoStream)
            self._stream, self._context = added, added.codec_context
            if film.rotation:
                added.set_display_rotation(film.rotation)
        self._set_context(stream, out, first)
        self._context.open()
        if is_same:
            self._stream.codec_context.extradata = self._context.extradata
            fit_video(stream, self._stream)
        elif self._encoding.codec == "hevc" and out.format.name in MOV:
            self._context.codec_tag = "hvc1"
        self._stream.metadata.update(keep_stream_tags(stream.metadata))
        self._stream.disposition = stream.disposition
        ratio = stream.sample_aspect_ratio
        if ratio not in (None, 0, 1) and out.format.name in MATROSKA and self._encoding.codec in _SHAPELESS:
            # PyAV cannot set it on a stream, and ffmpeg's own remux loses more (cover art, dispositions)
            self.warnings.append(f"the shape of the samples ({ratio}) cannot be kept in {out.format.name}")
        self._keeps_types = film.codec in _TYPED_CODECS and self._encoding.codec in _TYPED_CODECS

    def _set_context(self, stream: VideoStream, out: OutputContainer, first: VideoFrame | None) -> None:
        film, context, encoding = self._film, self._context, self._encoding
        source = stream.codec_context
        context.width, context.height, context.pix_fmt = film.width, film.height, encoding.pix_fmt
        context.framerate = film.frame_rate
        context.time_base = self._tick if encoding.is_counting else film.time_base
        if stream.sample_aspect_ratio:
            context.sample_aspect_ratio = stream.sample_aspect_ratio
        tags = first if first is not None else source
        context.color_range = 2 if film.pix_fmt.startswith("yuvj") else tags.color_range
        context.color_primaries, context.color_trc = tags.color_primaries, tags.color_trc
        context.colorspace = tags.colorspace
        if out.format.flags & av.format.Flags.global_header.value:  # type: ignore[operator]
            context.flags |= Flags.global_header
        if not encoding.is_counting:
            context.flags |= Flags.frame_duration  # else the last frame's and every varying length is lost
        if first is not None and first.interlaced_frame:
            context.flags |= Flags.interlaced_dct | Flags.interlaced_me
            context.field_order = source.field_order
        if encoding.is_counting:
            context.max_b_frames = 0  # so that packets come in the order of their times
        options = dict(encoding.options)
        if encoding.encoder == "libx265" and first is not None:
            options["x265-params"] = ":".join([options["x265-params"], *_hdr10_params(first)])
        context.options = options
        set_quality(context, encoding)

    def encode(self, frame: VideoFrame | None) -> list[Packet[VideoStream]]:
        """Packets ready to be muxed; `None` for the last."""
        if frame is not None:
            frame = self._prepare(frame)
        packets = self._context.encode(frame)
        for packet in packets:
            if self._encoding.is_counting:
                self._restore_time(packet)
            packet.stream = self._stream
        return packets

    def _prepare(self, frame: VideoFrame) -> VideoFrame:
        frame = convert(frame, self._encoding.pix_fmt)
        if not self._keeps_types or (self._encoding.is_counting and frame.pict_type != PictureType.I):
            frame.pict_type = PictureType.NONE
        if self._encoding.is_counting:
            assert frame.pts is not None
            index = int(np.searchsorted(self._film.pts, frame.pts))
            frame.pts, frame.time_base = index, self._tick
        return frame

    def _restore_time(self, packet: Packet[VideoStream]) -> None:
        assert packet.pts is not None
        film, index = self._film, packet.pts
        is_last = index + 1 >= film.frame_count
        ticks = (
            round(1 / film.frame_rate / film.time_base) if is_last else film.pts[index + 1] - film.pts[index]
        )
        packet.pts = packet.dts = int(film.pts[index])
        packet.duration = int(ticks)
        packet.time_base = film.time_base


def _side_data(frame: VideoFrame) -> dict[str, bytes]:
    found = {}
    for data in cast("Iterator[SideData]", iter(frame.side_data)):  # typed as a mapping of names
        with contextlib.suppress(ValueError):  # a kind that this PyAV has no name for
            found[data.type.name] = bytes(data)
    return found


def _has_dolby_vision(frame: VideoFrame | None) -> bool:
    """Its container box would promise what the new packets do not hold."""
    return frame is not None and any(name in _side_data(frame) for name in _DOLBY_VISION)


def _find_losses(frame: VideoFrame | None) -> list[str]:
    losses = []
    if _has_dolby_vision(frame):
        losses.append("Dolby Vision metadata cannot be kept; the base picture is")
    if frame is not None and _HDR10_PLUS in _side_data(frame):
        losses.append("HDR10+ metadata cannot be kept; HDR10 is")
    return losses


def _hdr10_params(frame: VideoFrame) -> list[str]:
    """The mastering display and light level in x265's words; PyAV does not hand them to the encoder."""
    data, params = _side_data(frame), []
    if display := data.get("MASTERING_DISPLAY_METADATA"):
        numbers = struct.unpack("<20i2i", display[:88])
        values = [
            Fraction(n, d) if d else Fraction(0) for n, d in zip(*[iter(numbers[:20])] * 2, strict=True)
        ]
        if numbers[20] and numbers[21]:
            # red, green, blue, white, darkest, brightest; x265 wants green, blue, red, white, brightest
            points = [round(v * 50000) for v in values[:8]]
            dark, bright = (round(v * 10000) for v in values[8:])
            r, g, b, w = (f"({points[i]},{points[i + 1]})" for i in (0, 2, 4, 6))
            params.append(f"master-display=G{g}B{b}R{r}WP{w}L({bright},{dark})")
    if light := data.get("CONTENT_LIGHT_LEVEL"):
        most, average = struct.unpack("<2I", light[:8])
        params.append(f"max-cll={most},{average}")
    return params

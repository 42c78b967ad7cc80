"""The encoder of a picture and its stream in the output."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import cast

import av
import numpy as np
from av.codec.context import Flags
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.sidedata.sidedata import SideData
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from subremover.options import EncodeOptions
from subremover.video.encoders import choose_encoding
from subremover.video.formats import convert
from subremover.video.mux import MATROSKA, MOV, fit_video, keep_stream_tags
from subremover.video.probe import Film
from subremover.video.settings import set_quality

# Their frame types are worth taking over: 3 to 4 % smaller at the same quality from such sources.
_TYPED_CODECS = {"h264", "hevc", "mpeg2video", "mpeg4"}
# The sample aspect ratio is not in their bitstream.
_SHAPELESS = {"vp8", "vp9", "av1", "ffv1", "mjpeg", "prores"}
_DOLBY_VISION = ("DOVI_RPU_BUFFER", "DOVI_METADATA")
_HDR10_PLUS = "DYNAMIC_HDR_PLUS"


class Track:
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
        set_quality(context, encoding.encoder)

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

"""Encodes a picture: opens the encoder with all that the source says, and adds the stream to the output."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import Any, Protocol

import av
import numpy as np
from av.codec.context import Flags
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from subremover.video.container.carry import MATROSKA, MOV, fit_video, keep_id
from subremover.video.container.tags import keep_stream_tags
from subremover.video.encode.encoders import Encoding
from subremover.video.encode.priority import keeping_priority
from subremover.video.encode.settings import add_options, set_quality
from subremover.video.film import Film
from subremover.video.pixels.formats import convert
from subremover.video.read.decoders import read_fourcc
from subremover.video.read.picture_info import PictureInfo, read_picture_info

_TYPED_CODECS = {"h264", "hevc", "mpeg2video", "mpeg4"}
"""Codecs between which the source's frame types (I, P, B) are kept.
See docs/measurements.md, "video/encode/picture_encoder: frame types"."""
_TIMED_CODECS = {"libx264", "libx264rgb"}
"""Encoders that write a constant frame rate into the bitstream, which some players and MPEG-TS go by. They
are given frame numbers: with a container's ticks for a clock that rate would be 45,000 frames a second."""
_CAPTIONED = {"libx264", "libx264rgb", "libx265", "mpeg2video", "h264_nvenc", "hevc_nvenc"}
"""Encoders that write closed captions into their frames."""
_WHOLE_FRAMES = {"libx265", "libsvtav1", "libvpx", "libvpx-vp9"}
"""Encoders that cannot mark frames as interlaced."""
_HDR10 = ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL")
_DOLBY_VISION = ("DOVI_RPU_BUFFER", "DOVI_METADATA")
# What no encoder here writes, by the kind of side data, and the warning.
_LOST = {
    "DYNAMIC_HDR_PLUS": "HDR10+ metadata cannot be kept; HDR10 is",
    "DYNAMIC_HDR_VIVID": "HDR Vivid metadata cannot be kept",
    "AMBIENT_VIEWING_ENVIRONMENT": "the ambient viewing environment cannot be kept",
    "AFD": "the active format description in the frames cannot be kept",
}
_PARAMS = {"libx265": "x265-params", "libx264": "x264-params", "libsvtav1": "svtav1-params"}
"""By encoder, FFmpeg's option that takes the encoder's own options."""
_FIELDS = {False: 2, True: 3}
"""AVFieldOrder, by whether the bottom field comes first."""


class SharedStream(Protocol):
    """How packets of an encoder become one stream with those of the source: a `splice.splice.Splice`."""

    @property
    def encoder_options(self) -> dict[str, str]:
        """What the encoder must be given besides its other options, by FFmpeg's names."""
        ...

    def join_header(self, own: bytes) -> bytes | None:
        """The stream's extradata for both, out of the encoder's own; None if the source's holds for both.

        Raises:
            SpliceError: The two headers cannot be joined.
        """
        ...

    def to_packet(self, packet: Packet[Any]) -> Packet[Any]:
        """The packet that goes into the stream for one of the encoder.

        Raises:
            SpliceError: It cannot be one of this stream.
        """
        ...


class PictureEncoder:
    """The picture's encoder and its stream in the output.

    The source's frame rate, sample aspect ratio, rotation, colour tags, fields and HDR metadata go into the
    new stream as far as encoder and container know them; what is lost is in `warnings`.
    """

    def __init__(
        self,
        film: Film,
        source: InputContainer,
        out: OutputContainer,
        encoding: Encoding,
        *,
        splice: SharedStream | None = None,
    ) -> None:
        """Add the stream and open the encoder.

        Args:
            film: The source.
            source: The same, open.
            out: The container to be written; its header is not written yet.
            encoding: Which encoder, and its options.
            splice: How packets of the source go into the stream as well; None: they do not.

        Raises:
            InputError: No frame of the film can be decoded.
            SpliceError: The source's packets and this encoder's do not go together.
            ValueError: The container or the encoder refuses; some refuse with FFmpeg's own errors.
        """
        self._film, self._splice, info = film, splice, read_picture_info(film)
        stream = source.streams[film.stream_index]
        assert isinstance(stream, VideoStream)
        self._encoding = encoding
        # 16 bits are all that MPEG-4 has for it; the packets get the film's own times in any case
        self._tick = (1 / film.frame_rate).limit_denominator(65535)
        is_timed = self._encoding.encoder in _TIMED_CODECS and film.is_regular
        self._is_counting = self._encoding.is_counting or is_timed
        self._durations: dict[int, int] = {}
        is_same = self._encoding.codec == film.codec and not _has_dolby_vision(info)
        self.warnings = [*self._encoding.warnings, *_find_losses(info, self._encoding.encoder, is_same)]
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
        self._set_context(stream, out, info)
        with keeping_priority():
            self._context.open()
        if is_same:
            own = self._context.extradata
            header = own if splice is None else splice.join_header(own or b"")
            if header is not None:
                self._stream.codec_context.extradata = header
            fit_video(stream, self._stream)
        elif self._encoding.codec == "hevc" and out.format.name in MOV:
            self._context.codec_tag = "hvc1"
        if out.format.name not in MOV and (tag := read_fourcc(self._context)):
            self._stream.codec_context.codec_tag = tag  # tells Ut Video's pixel format
        self._stream.metadata.update(keep_stream_tags(stream.metadata))
        self._keep_alpha(out)
        self._stream.disposition = stream.disposition
        keep_id(stream, self._stream)
        self._keeps_types = film.codec in _TYPED_CODECS and self._encoding.codec in _TYPED_CODECS

    def _keep_alpha(self, out: OutputContainer) -> None:
        """VP8 and VP9 have their alpha channel beside the picture, where only Matroska has a place for it."""
        if self._encoding.codec in ("vp8", "vp9") and "yuva" in self._encoding.pix_fmt:
            if out.format.name in MATROSKA:
                self._stream.codec_context.pix_fmt = self._encoding.pix_fmt
            else:
                self.warnings.append(f"the picture's alpha channel cannot be kept in {out.format.name}")

    def _set_context(self, stream: VideoStream, out: OutputContainer, info: PictureInfo) -> None:
        film, context, encoding = self._film, self._context, self._encoding
        source = stream.codec_context
        context.width, context.height, context.pix_fmt = film.width, film.height, encoding.pix_fmt
        context.framerate = film.frame_rate
        context.time_base = self._tick if self._is_counting else film.time_base
        if stream.sample_aspect_ratio:
            context.sample_aspect_ratio = stream.sample_aspect_ratio
        tags = info.first
        context.color_range = 2 if film.pix_fmt.startswith("yuvj") else tags.color_range
        context.color_primaries, context.color_trc = tags.color_primaries, tags.color_trc
        context.colorspace = tags.colorspace
        if out.format.flags & av.format.Flags.global_header.value:  # type: ignore[operator]
            context.flags |= Flags.global_header
        if not self._is_counting:
            context.flags |= Flags.frame_duration  # else the last frame's and every varying length is lost
        if info.is_interlaced:
            context.flags |= Flags.interlaced_dct | Flags.interlaced_me
            context.field_order = source.field_order or _FIELDS[info.is_bottom_first]
        if encoding.is_counting:
            context.max_b_frames = 2 if source.has_b_frames else 0
        options = {**encoding.options, **_describe(info, encoding)}
        context.options = add_options(options, self._splice.encoder_options) if self._splice else options
        # by slices, PyAV's own choice, x264 makes more bytes.
        # See docs/measurements.md, "video/encode/picture_encoder: threads".
        context.thread_type = "AUTO"
        set_quality(context, encoding.encoder)

    @property
    def stream(self) -> VideoStream:
        """The new stream in the output, whose packets these are."""
        return self._stream

    @property
    def extradata(self) -> bytes | None:
        """The stream header for decoders, as the encoder made it; the same whatever the frames."""
        return self._context.extradata

    def encode(self, frame: VideoFrame | None) -> list[Packet[VideoStream]]:
        """Encode the next frame.

        Args:
            frame: In the order of showing, of any pixel format, its pts in ticks of the film; None after the
                last, for the packets still held back. Its picture type may be changed.

        Returns:
            The packets that are ready, in the order of decoding, their times in ticks of the film.

        Raises:
            SpliceError: A packet cannot be one stream with the source's.
        """
        if frame is None:
            packets = self._context.encode(None)
        else:
            pts, duration = frame.pts, frame.duration
            packets = self._context.encode(self._prepare(frame))
            if self._is_counting:  # others may look at the frame, too
                frame.pts, frame.time_base, frame.duration = pts, self._film.time_base, duration
        for packet in packets:
            if self._is_counting:
                self._restore_time(packet)
            packet.stream = self._stream
        return packets if self._splice is None else [*map(self._splice.to_packet, packets)]

    def _prepare(self, frame: VideoFrame) -> VideoFrame:
        """The frame as the encoder is to have it: pixel format, picture type, and its number for a time."""
        frame = convert(frame, self._encoding.pix_fmt)
        if not self._keeps_types or (self._encoding.is_counting and frame.pict_type != PictureType.I):
            frame.pict_type = PictureType.NONE
        if self._is_counting:
            assert frame.pts is not None
            index = int(np.searchsorted(self._film.pts, frame.pts))
            self._durations[index] = frame.duration
            frame.pts, frame.time_base, frame.duration = index, self._tick, 1
        return frame

    def _restore_time(self, packet: Packet[VideoStream]) -> None:
        """Give a packet, whose times are frame numbers, the film's own times."""
        assert packet.pts is not None
        assert packet.dts is not None
        packet.duration = self._durations.pop(packet.pts)
        packet.pts, packet.dts = self._time_of(packet.pts), self._time_of(packet.dts)
        packet.time_base = self._film.time_base

    def _time_of(self, index: int) -> int:
        """When a frame is shown, in ticks; numbers below 0, for decoding times, go on at the nominal rate."""
        film = self._film
        return int(film.pts[max(index, 0)]) + min(index, 0) * round(1 / film.frame_rate / film.time_base)


def _has_dolby_vision(info: PictureInfo) -> bool:
    """Whether there is Dolby Vision; the container's box for it would promise what new packets lack."""
    return any(name in info.side_data for name in _DOLBY_VISION)


def _find_losses(info: PictureInfo, encoder: str, is_same: bool) -> list[str]:
    """Warnings of what an encoder loses; `is_same`: what the container says of the picture is kept."""
    losses = [text for name, text in _LOST.items() if name in info.side_data]
    if _has_dolby_vision(info):
        losses.append("Dolby Vision metadata cannot be kept; the base picture is")
    if "A53_CC" in info.side_data and encoder not in _CAPTIONED:
        losses.append(f"the captions in the frames cannot be kept: {encoder} does not write them")
    if info.is_interlaced and encoder in _WHOLE_FRAMES:
        losses.append(f"the frames cannot be marked as interlaced: {encoder} does not know fields")
    if any(name in info.side_data for name in _HDR10) and encoder not in _PARAMS and not is_same:
        losses.append(f"the mastering display and light level cannot be kept: {encoder} does not write them")
    return losses


def _describe(info: PictureInfo, encoding: Encoding) -> dict[str, str]:
    """What the encoder must be told of the picture by options, as PyAV has no attribute for it."""
    words: dict[str, str] = {}
    if info.chroma_location not in ("unspecified", "left") and "420" in encoding.pix_fmt:
        words["chroma_sample_location"] = info.chroma_location
    if name := _PARAMS.get(encoding.encoder):
        params = _hdr10_params(info, encoding.encoder)
        if encoding.encoder == "libx264" and info.is_interlaced:
            params.append("bff=1" if info.is_bottom_first else "tff=1")
        if params:
            words[name] = ":".join([*filter(None, [encoding.options.get(name)]), *params])
    return words


def _hdr10_params(info: PictureInfo, encoder: str) -> list[str]:
    """The mastering display and light level in an encoder's words; PyAV does not hand them to it."""
    is_x265, is_av1 = encoder == "libx265", encoder == "libsvtav1"
    params = []
    if display := info.side_data.get("MASTERING_DISPLAY_METADATA"):
        numbers = struct.unpack("<20i2i", display[:88])
        values = [
            Fraction(n, d) if d else Fraction(0) for n, d in zip(*[iter(numbers[:20])] * 2, strict=True)
        ]
        if numbers[20] and numbers[21]:
            # red, green, blue, white, darkest, brightest; wanted are green, blue, red, white, brightest
            points = [f"{float(v):.5f}" if is_av1 else str(round(v * 50000)) for v in values[:8]]
            dark, bright = (f"{float(v):.4f}" if is_av1 else str(round(v * 10000)) for v in values[8:])
            r, g, b, w = (f"({points[i]},{points[i + 1]})" for i in (0, 2, 4, 6))
            name = "master-display" if is_x265 else "mastering-display"
            params.append(f"{name}=G{g}B{b}R{r}WP{w}L({bright},{dark})")
    if light := info.side_data.get("CONTENT_LIGHT_LEVEL"):
        most, average = struct.unpack("<2I", light[:8])
        name = "max-cll" if is_x265 else "content-light" if is_av1 else "cll"
        params.append(f"{name}={most},{average}")
    return params

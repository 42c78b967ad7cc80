"""Streams of a film in another container: whether it holds them, and the streams that take their packets."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import av.error
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from subremover.video.container.tags import keep_stream_tags
from subremover.video.read.decoders import has_alpha, read_fourcc
from subremover.video.read.packets import has_packed_frames, unpack_header

MOV = ("mp4", "mov", "ipod")
"""FFmpeg's names of the muxers of mp4, mov and m4v."""
MATROSKA = ("matroska", "webm")
"""FFmpeg's names of the muxers of Matroska and WebM."""
STRICT = {"strict": "experimental"}
"""Options of every muxer: what FFmpeg calls experimental in a container, such as TrueHD in mp4, is kept."""
# These muxers take any picture, also one that nobody can read again or that comes back with other times.
# For each, the codecs that come back as they were.
_READ_AGAIN = {
    "mpegts": {"mpeg1video", "mpeg2video", "mpeg4", "h264", "hevc", "vvc", "vc1", "dirac", "cavs"},
    "mpeg": {"mpeg1video", "mpeg2video"},
    "vob": {"mpeg1video", "mpeg2video"},
    "dvd": {"mpeg1video", "mpeg2video"},
    "flv": {"flv1", "vp6f", "h264", "hevc", "vp9", "av1"},
    "asf": {"wmv1", "wmv2", "wmv3", "vc1", "msmpeg4v1", "msmpeg4v2", "msmpeg4v3", "mpeg4", "h264", "mjpeg"},
}
# The block size that AVI's demuxer reports for these codecs makes its muxer count bytes instead of packets.
# PyAV can only leave it out where the stream is made for an encoder: by codec, that encoder's name.
_AVI_SOUND = {"ac3": "ac3", "mp3": "libmp3lame"}


def carry(stream: Stream, out: OutputContainer) -> Stream:
    """Add a stream to a container that takes the packets of another stream unchanged.

    Args:
        stream: Of the source.
        out: The container, its header not written yet.

    Returns:
        The new stream, with the tags, the disposition and the FourCC of the old one where they still hold.

    Raises:
        ValueError: The container does not know the stream's codec.
    """
    if out.format.name == "avi" and isinstance(stream, AudioStream) and codec_name(stream) in _AVI_SOUND:
        copy: Stream = _add_avi_sound(stream, out)
    else:
        copy = out.add_stream_from_template(stream, opaque=True)
    copy.metadata.update(keep_stream_tags(stream.metadata))
    copy.disposition = stream.disposition
    keep_id(stream, copy)
    if isinstance(stream, VideoStream) and isinstance(copy, VideoStream):
        fit_video(stream, copy)
        if has_packed_frames(stream):  # as `read_packets` gives none
            copy.codec_context.extradata = unpack_header(stream.codec_context.extradata or b"")
        tag = _own_fourcc(stream, out.format.name)
        if tag and can_hold(out.format.name, stream, tag):
            copy.codec_context.codec_tag = tag
    return copy


def keep_id(stream: Stream, copy: Stream) -> None:
    """Give a copy the number (PID) by which receivers know a stream, from one transport stream to another.

    Args:
        stream: Of the source.
        copy: Of the output; it stays as it is where one of the two containers is not MPEG-TS.
    """
    if stream.container.format.name == copy.container.format.name == "mpegts":
        copy.id = stream.id


def fit_video(stream: VideoStream, copy: VideoStream) -> None:
    """Set what PyAV's template leaves out of a picture's stream: sample shape, alpha, frame rate, FourCC.

    Args:
        stream: Of the source.
        copy: Of the output, its header not written yet.
    """
    source, context = stream.codec_context, copy.codec_context
    # the sample aspect ratio of VP9 and AV1 is the container's alone
    if stream.sample_aspect_ratio:
        context.sample_aspect_ratio = stream.sample_aspect_ratio
    if has_alpha(stream):
        context.pix_fmt = "yuva420p"  # by which Matroska's writer tells of it
    if stream.average_rate:
        context.framerate = stream.average_rate  # else Matroska has no default duration
    elif copy.container.format.name == "mxf":
        context.framerate = stream.guessed_rate or Fraction(25)  # by which its muxer divides, and all ends
    if copy.container.format.name in MOV:
        if source.codec.canonical_name == "hevc":
            context.codec_tag = "hvc1"  # the muxer's own hev1 is refused by Apple's players
        elif source.codec.canonical_name in ("prores", "dnxhd") and (tag := read_fourcc(source)):
            context.codec_tag = tag  # else 4444 XQ becomes HQ, and DNxHR DNxHD


def can_hold(format_name: str, stream: Stream, tag: str | None = None) -> bool:
    """Whether a container takes a stream; tried in memory, as many refuse only when the header is written.

    Args:
        format_name: FFmpeg's name of the container.
        stream: Of the source.
        tag: The FourCC that it must have there; None: whichever the muxer chooses.
    """
    try:
        out = av.open(io.BytesIO(), "w", format=format_name, container_options=STRICT)
        try:
            copy = out.add_stream_from_template(stream, opaque=True)
            copy.disposition = stream.disposition
            if tag is not None:
                copy.codec_context.codec_tag = tag
            out.start_encoding()
        finally:
            out.close()
    except (ValueError, AttributeError, av.error.FFmpegError):
        return False
    return True


def is_read_again(format_name: str, codec: str) -> bool:
    """Whether a picture comes back, with its times, out of a container whose muxer takes it.

    Args:
        format_name: FFmpeg's name of the container.
        codec: FFmpeg's name of the picture's codec.
    """
    return codec in _READ_AGAIN.get(format_name, {codec})


def codec_name(stream: Stream) -> str:
    """FFmpeg's name of a stream's codec; `unknown` where FFmpeg has no decoder for it."""
    context = getattr(stream, "codec_context", None)
    return context.codec.canonical_name if context is not None else "unknown"


def is_cover(stream: Stream) -> bool:
    """Whether a stream is cover art rather than a picture that moves."""
    return stream.type == "video" and bool(stream.disposition & Disposition.attached_pic)


def is_made_by_muxer(stream: Stream, format_name: str, has_chapters: bool) -> bool:
    """Whether the muxer makes this data track by itself, from the timecode tag or from the chapters.

    Args:
        stream: Of the source.
        format_name: FFmpeg's name of the container to be written; only mp4 and mov make such tracks.
        has_chapters: Whether the source has chapters.
    """
    if stream.type != "data" or format_name not in MOV:
        return False
    return "timecode" in stream.metadata or (has_chapters and stream.name == "bin_data")


def _add_avi_sound(stream: AudioStream, out: OutputContainer) -> Stream:
    """A stream made for an encoder, which is never run: it gets the source's packets."""
    context = stream.codec_context
    copy = out.add_stream(_AVI_SOUND[codec_name(stream)], rate=context.sample_rate)
    made = copy.codec_context
    assert isinstance(made, AudioCodecContext)
    made.layout, made.bit_rate = context.layout, context.bit_rate
    return copy


def _own_fourcc(stream: VideoStream, format_name: str) -> str:
    """A picture's FourCC where the container is of the same kind as the source's, else empty.

    It tells some codecs' pixel format or where their headers are, and PyAV drops it.
    """
    old = stream.container.format.name
    is_kin = format_name == old if format_name not in MOV else "mp4" in old
    return read_fourcc(stream.codec_context) if is_kin else ""

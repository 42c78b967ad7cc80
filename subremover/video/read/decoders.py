"""Finds the decoder of a picture, and tells what memory it takes."""

from __future__ import annotations

import av
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from subremover.runtime.cpu import count_cores
from subremover.video.film import Film
from subremover.video.pixels.formats import frame_bytes
from subremover.video.read.limits import limit_decoder

DECODER_FRAMES = 12
"""Number of frames that a decoder holds, besides one for each of its threads."""
_MOST_THREADS = 16
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""By codec, the decoder that knows of alpha channels."""


def count_decoder_bytes(film: Film, threads: int | None = None) -> int:
    """Memory that one decoder of a film takes, in bytes; with as many threads as cores, if not told."""
    return (DECODER_FRAMES + (threads or count_cores())) * frame_bytes(film)


def count_decoder_threads() -> int:
    """Number of threads that decode a picture: FFmpeg's own, but by the cores that this process may use."""
    cores = count_cores()
    return min(cores + 1, _MOST_THREADS) if cores > 1 else 1


def read_fourcc(context: CodecContext) -> str:
    """The FourCC by which the container calls a codec; empty where it is not four letters, as in MPEG-TS."""
    try:
        tag = context.codec_tag
    except UnicodeDecodeError:  # PyAV takes it for ASCII
        return ""
    return tag if tag.isprintable() else ""


def has_alpha(stream: VideoStream) -> bool:
    """Whether a VP8 or VP9 picture has an alpha channel, which Matroska keeps beside it."""
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    return tags.get("alpha_mode") == "1" and stream.codec_context.codec.canonical_name in _ALPHA_DECODERS


def find_decoder(stream: VideoStream) -> VideoCodecContext:
    """The decoder of a picture.

    For VP8 and VP9 with an alpha channel it is libvpx's, as FFmpeg's own leave the alpha channel out.

    Args:
        stream: Of a container that is open for reading, none of it decoded yet.

    Returns:
        A decoder, perhaps not open yet, that refuses frames of more than `limits.MOST_PIXELS`.
    """
    own = stream.codec_context
    limit_decoder(own)
    if not has_alpha(stream):
        return own
    decoder = av.CodecContext.create(_ALPHA_DECODERS[own.codec.canonical_name], "r")
    assert isinstance(decoder, VideoCodecContext)
    limit_decoder(decoder)
    # what only the container says
    decoder.color_range, decoder.color_primaries = own.color_range, own.color_primaries
    decoder.color_trc, decoder.colorspace = own.color_trc, own.colorspace
    return decoder

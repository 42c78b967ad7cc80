"""Which decoder reads a picture."""

from __future__ import annotations

import av
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from subremover.video.read.limits import limit_decoder

_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


def has_alpha(stream: VideoStream) -> bool:
    """Whether a VP8 or VP9 picture has an alpha channel, which Matroska keeps beside it."""
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    return tags.get("alpha_mode") == "1" and stream.codec_context.codec.canonical_name in _ALPHA_DECODERS


def find_decoder(stream: VideoStream) -> VideoCodecContext:
    """A picture's decoder; of VP8 and VP9 with an alpha channel libvpx's, for FFmpeg's own leave it out.

    It refuses frames of more than `limits.MOST_PIXELS`.
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

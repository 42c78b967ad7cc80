"""Keeps a film's file from having other files read, and from having frames of any size decoded."""

from __future__ import annotations

from functools import lru_cache

import av
from av.video.codeccontext import VideoCodecContext

MOST_PIXELS = 1 << 26
"""Number of pixels of the largest frame that is decoded; 8K has half as many.
See docs/measurements.md, "video/read/limits: memory"."""
_DECODER_OPTIONS = {"max_pixels": str(MOST_PIXELS)}
# Formats that are lists of other files or addresses, or scripts.
_LISTS = {"concat", "dash", "hls", "image2", "imf", "rtp", "rtsp", "sap", "sdp", "webm_dash_manifest"}
_LISTS |= {"avisynth", "lavfi", "tty", "vapoursynth"}


@lru_cache(maxsize=1)
def open_options() -> dict[str, str]:
    """Options for `av.open` to open a film with: local files alone, no lists or scripts, no huge frames."""
    formats = ",".join(sorted(av.formats_available - _LISTS))
    return {"protocol_whitelist": "file", "format_whitelist": formats, **_DECODER_OPTIONS}


def check_memory(error: Exception) -> None:
    """Raise if an error is for want of memory or threads; any other may be taken for damage to the film.

    Args:
        error: Caught while a film was read.

    Raises:
        MemoryError: Memory or threads do not suffice; no frame of the film may be left out for that.
    """
    if isinstance(error, (MemoryError, BlockingIOError)):  # PyAV's are FFmpeg's errors as well
        raise MemoryError("out of memory") from error


def limit_decoder(decoder: VideoCodecContext) -> None:
    """Have a decoder, which is not open yet, refuse frames of more than `MOST_PIXELS`."""
    decoder.options = _DECODER_OPTIONS

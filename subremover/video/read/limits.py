"""What a film's file is not allowed to say: which other files are read, and how much memory a frame takes."""

from __future__ import annotations

from functools import lru_cache

import av
from av.video.codeccontext import VideoCodecContext

MOST_PIXELS = 1 << 26
"""Of a frame; 8K has half as many. A run on 16 grey frames of 8192x8192 px peaked at 7.4 GiB."""
_DECODER_OPTIONS = {"max_pixels": str(MOST_PIXELS)}
# Lists of other files or addresses, and scripts.
_LISTS = {"concat", "dash", "hls", "image2", "imf", "rtp", "rtsp", "sap", "sdp", "webm_dash_manifest"}
_LISTS |= {"avisynth", "lavfi", "tty", "vapoursynth"}


@lru_cache(maxsize=1)
def open_options() -> dict[str, str]:
    """For opening a film with `av.open`."""
    formats = ",".join(sorted(av.formats_available - _LISTS))
    return {"protocol_whitelist": "file", "format_whitelist": formats, **_DECODER_OPTIONS}


def check_memory(error: Exception) -> None:
    """Raise where memory or threads are what fails: no frame of the film may be left out for that.

    Raises:
        MemoryError: It is.
    """
    if isinstance(error, (MemoryError, BlockingIOError)):  # PyAV's are FFmpeg's errors as well
        raise MemoryError("out of memory") from error


def limit_decoder(decoder: VideoCodecContext) -> None:
    """Have a decoder, which is not open yet, refuse frames that are too large."""
    decoder.options = _DECODER_OPTIONS

"""Has a quick look at a film: its header and a single frame. What a film is, exactly, `probe` finds out."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from subremover.errors import InputError
from subremover.video.read.decoders import find_decoder
from subremover.video.read.limits import check_memory
from subremover.video.read.probe import find_video
from subremover.video.read.source import open_input, read_stamp

_MOST_PACKETS = 1000
"""Packets of the picture among which there must be a frame to be had."""


@dataclass(frozen=True, slots=True, eq=False)
class Glimpse:
    """What is seen of a film at once."""

    seconds: float
    """How long it is by its header, or by FFmpeg's guess; 0: neither says."""
    frame: VideoFrame
    """As decoded, not turned upright."""


def read_glimpse(path: Path, share: float = 0) -> Glimpse:
    """Read a film's header and decode a frame.

    Args:
        path: Of the film.
        share: How far into the film the frame is to be, in [0, 1]; it is a key frame near there.

    Returns:
        What was found.

    Raises:
        InputError: There is no film there that can be decoded.
    """
    read_stamp(path)
    for place in dict.fromkeys((share, 0.0)):
        with open_input(path) as container:
            stream = find_video(container, path)
            stream.thread_type = "SLICE"  # several frames at once would only come later
            seconds = (container.duration or 0) / av.time_base
            if place and seconds:
                with contextlib.suppress(av.error.FFmpegError):
                    start = container.start_time or 0
                    container.seek(start + round(place * seconds * av.time_base))
            frame = _decode_first(container, stream, only_key=place > 0)
            if frame is not None:
                return Glimpse(max(0.0, seconds), frame)
    raise InputError(f"no frame of '{path}' can be decoded; check that the file plays elsewhere")


def _decode_first(container: InputContainer, stream: VideoStream, *, only_key: bool) -> VideoFrame | None:
    """The first frame that can be had: of a key frame alone, or whatever comes out first."""
    decoder = find_decoder(stream)
    for count, packet in enumerate(container.demux(stream)):
        if count >= _MOST_PACKETS:
            break
        if only_key and packet.size and not packet.is_keyframe:
            continue
        try:
            frames = decoder.decode(packet if packet.size else None)
            if only_key and packet.size and not frames:
                frames = decoder.decode(None)
                decoder.flush_buffers()
        except av.error.FFmpegError as error:
            check_memory(error)
            continue
        if frames:
            return frames[0]
    return None

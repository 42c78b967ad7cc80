"""Reads what the first frames of a film say of its picture, also where PyAV has no attribute for it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import cast

import av
import av.error
import av.logging
from av.filter import Graph
from av.sidedata.sidedata import SideData
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from subremover.errors import InputError
from subremover.video.film import Film
from subremover.video.read.decoders import find_decoder
from subremover.video.read.source import open_input

FIRST_FRAMES = 8
"""Number of frames that are decoded: captions and the like need not begin with the very first."""


@dataclass(frozen=True, slots=True, eq=False)
class PictureInfo:
    """What the first frames of a film say of its picture."""

    first: VideoFrame
    """The first frame, as decoded."""
    chroma_location: str
    """Where chroma samples lie, by FFmpeg's word: unspecified, left, center, topleft, ..."""
    is_interlaced: bool
    """Whether the first frame consists of two fields."""
    is_bottom_first: bool
    """Whether the bottom one of its fields is shown first."""
    side_data: dict[str, bytes]
    """Side data of the first frames, by PyAV's name: A53_CC, MASTERING_DISPLAY_METADATA, ..."""


@lru_cache(maxsize=4)
def read_picture_info(film: Film) -> PictureInfo:
    """Decode the first frames of a film; the answer is kept for the next call.

    Args:
        film: As it was probed.

    Returns:
        What they say. Where side data differs between them, the first of its kind counts.

    Raises:
        InputError: No frame can be decoded any more.
    """
    frames = list(_read_first(film))
    if not frames:
        raise InputError(f"no frame of '{film.path}' can be decoded; check that the file plays elsewhere")
    words = _describe(frames[0], film.time_base)
    found: dict[str, bytes] = {}
    for frame in reversed(frames):  # of what changes, the first counts
        found |= _side_data(frame)
    location = re.search(r" cl:(\w+)", words)
    return PictureInfo(
        first=frames[0],
        chroma_location=location[1] if location else "unspecified",
        is_interlaced=bool(frames[0].interlaced_frame),
        is_bottom_first=" i:B" in words,
        side_data=found,
    )


def _read_first(film: Film) -> Iterator[VideoFrame]:
    """Up to `FIRST_FRAMES` frames from the beginning, as decoded."""
    count = 0
    with open_input(film.path) as container:
        stream = container.streams[film.stream_index]
        assert isinstance(stream, VideoStream)
        decoder = find_decoder(stream)
        for packet in container.demux(stream):
            with contextlib.suppress(av.error.FFmpegError):  # a damaged beginning
                for frame in decoder.decode(packet if packet.size else None):
                    yield frame
                    count += 1
                    if count == FIRST_FRAMES:
                        return


def _describe(frame: VideoFrame, time_base: Fraction) -> str:
    """What FFmpeg's showinfo says of a frame; of some things PyAV 18 has no attribute."""
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=time_base
    )
    info = graph.add("showinfo", "checksum=0")
    graph.link_nodes(source, info, graph.add("buffersink")).configure()
    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        with av.logging.Capture() as lines:  # of this thread
            graph.push(frame)
            graph.pull()
    finally:
        av.logging.set_level(level)  # with logging on, FFmpeg's threads wait for the GIL, also at exit
    return "".join(text for _, _, text in lines)


def _side_data(frame: VideoFrame) -> dict[str, bytes]:
    """A frame's side data by PyAV's names, as far as it has any."""
    found = {}
    for data in cast("Iterator[SideData]", iter(frame.side_data)):  # typed as a mapping of names
        with contextlib.suppress(ValueError):  # a kind that this PyAV has no name for
            found[data.type.name] = bytes(data)
    return found

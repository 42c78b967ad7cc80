"""Opens a film of pictures alone, in H.264, to be looked at beside the source: of its shape, on its clock.

What the pictures show is up to the callers; the clean film itself is not written here.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import av
from av.codec.context import Flags
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from subremover.video.container.output import find_format
from subremover.video.encode.settings import reproducible_x264
from subremover.video.film import Film


@dataclass(frozen=True, slots=True)
class Coding:
    """The pixel format of a picture and its colour tags, by FFmpeg's numbers."""

    pix_fmt: str
    color_range: int
    color_primaries: int
    color_trc: int
    colorspace: int

    @classmethod
    def of(cls, frame: VideoFrame) -> Self:
        """That of a frame."""
        tags = (frame.color_range, frame.color_primaries, frame.color_trc, frame.colorspace)
        return cls(frame.format.name, *map(int, tags))


def open_silent_film(
    film: Film, file: str | io.BytesIO, target: Path, coding: Coding, options: Mapping[str, str]
) -> tuple[OutputContainer, VideoStream]:
    """A container with one stream, of the film's size, sample aspect ratio, rotation and clock.

    Args:
        film: The source.
        file: Name of the file to be written, or memory where only packets are wanted.
        target: The film to be made; its extension names the container.
        coding: Of the frames that are going to be encoded.
        options: Of x264: crf, preset and the like.

    Returns:
        The container, to be closed by the caller, and its stream; frames have their times in ticks of the
        film.

    Raises:
        OutputError: No container is known by that extension.
        OSError: The file cannot be opened, which FFmpeg's own errors may tell as well.
    """
    out = av.open(file, "w", format=find_format(target))
    stream = out.add_stream(
        "libx264", rate=film.frame_rate, options={**options, **reproducible_x264(film.width)}
    )
    assert isinstance(stream, VideoStream)
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = film.width, film.height, coding.pix_fmt
    context.time_base = film.time_base
    context.color_range, context.color_primaries = coding.color_range, coding.color_primaries
    context.color_trc, context.colorspace = coding.color_trc, coding.colorspace
    context.flags |= Flags.frame_duration  # else the last frame's and every varying length is lost
    if film.sample_aspect_ratio:
        context.sample_aspect_ratio = film.sample_aspect_ratio
    if film.rotation:
        stream.set_display_rotation(film.rotation)
    return out, stream

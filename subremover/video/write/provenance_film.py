"""Writes a film of where the pixels came from: the dimmed picture in grey, its former holes in colours.

H.264 in 4:4:4, in any container that holds H.264: mpv, VLC, ffplay and Chrome play it. FFV1 would be exact,
but fewer players know it, and mp4 does not; 4:2:0 smears colours over letters of a few pixels.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import av
import av.error
import numpy as np
from av.codec.context import Flags
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from subremover.errors import OutputError
from subremover.provenance import Origins
from subremover.runtime.atomic_file import PartFile, check_file, check_folder
from subremover.video.container.output import closing_output, find_format, mux_errors
from subremover.video.encode.settings import reproducible_x264
from subremover.video.encode.spool import Spool
from subremover.video.film import Film
from subremover.video.pixels.planes import Picture
from subremover.video.write.assemble import join

NEAR, FAR = (0, 170, 60), (255, 220, 0)
"""Borrowed: from green, from the next frame, over the logarithm of the distance to yellow."""
UNMIXED = (40, 120, 255)
FITTED = (255, 0, 150)
DIM = 0.5
_OPTIONS = {"crf": "8", "preset": "veryfast"}
_LUMA_WEIGHTS = np.array([0.2126, 0.7152, 0.0722], np.float32)  # BT.709


class ProvenanceEncoder:
    """The encoder of a film of origins and its stream."""

    def __init__(self, film: Film, file: str | io.BytesIO, target: Path) -> None:
        """Open a container in the target's format, with this one stream."""
        self.out, self.stream = _open(film, file, target)

    @property
    def extradata(self) -> bytes | None:
        return self.stream.codec_context.extradata

    def encode(self, frame: VideoFrame | None) -> list[Packet[VideoStream]]:
        """Packets of what `draw_frame` has drawn, their times in ticks of the film; `None` for the last."""
        return self.stream.encode(frame)


def open_provenance(film: Film, target: Path) -> ProvenanceEncoder:
    """An encoder for one segment, with its stream in a container that nobody will write."""
    with mux_errors(target):
        return ProvenanceEncoder(film, io.BytesIO(), target)


def assemble_provenance(
    film: Film, target: Path, overwrite: bool, spools: Sequence[Spool], *, folder: Path | None = None
) -> None:
    """Make the film of origins of its segments. Its folder is made if need be.

    Args:
        film: The source.
        target: The film of origins.
        overwrite: Whether it may be replaced.
        spools: Of all segments, in order.
        folder: Where it lies until it is whole, if that is on the same disk; None: beside its place.

    Raises:
        OutputError: It cannot be written.
    """
    with mux_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    check_file(film.path, target, overwrite)
    part = PartFile(target, folder)
    try:
        with mux_errors(target):
            encoder = ProvenanceEncoder(film, str(part.path), target)
            with closing_output(encoder.out):
                for packet in join(spools, film.time_base):
                    packet.stream = encoder.stream
                    encoder.out.mux(packet)
        part.commit()
    finally:
        part.discard()


def check_provenance(film: Film, target: Path, overwrite: bool) -> None:
    """Find out before the long run whether the film of origins can be written there.

    Raises:
        OutputError: The target is the film, exists, cannot be created, or is no container for it.
    """
    find_format(target)
    if check_folder(target.parent):
        check_file(film.path, target, overwrite)
    try:
        out, _ = _open(film, io.BytesIO(), target)
        try:
            out.start_encoding()
        finally:
            out.close()
    except (OSError, ValueError, av.error.FFmpegError) as error:
        raise OutputError(f"'{target.suffix}' cannot hold the film of origins; try .mp4 or .mkv") from error


def draw_frame(film: Film, frame: VideoFrame, origins: Origins | None, max_distance: int) -> VideoFrame:
    """The picture of one frame's origins, to be encoded; `max_distance` for the scale of colours."""
    drawn = VideoFrame.from_ndarray(draw_provenance(frame, origins, max_distance), "yuv444p")
    drawn.pts, drawn.time_base = frame.pts, film.time_base
    return drawn


def draw_provenance(frame: VideoFrame, origins: Origins | None, max_distance: int) -> np.ndarray:
    """The picture of one frame's origins: (3, H, W) uint8, YUV after BT.709 in its limited range."""
    drawn = np.full((3, frame.height, frame.width), 128, np.uint8)
    drawn[0] = np.rint(16 + DIM * (Picture(frame, 0).luma - 16.0).clip(0))
    if origins is not None:
        part = drawn[(slice(None), *origins.box.slices)]
        colour = _paint(origins, max_distance)
        part[:] = np.where(origins.borrowed + origins.unmixed + origins.fitted > 0.5, colour, part)
    return drawn


def _paint(origins: Origins, max_distance: int) -> np.ndarray:
    """(3, h, w) uint8: the colours of the shares, mixed."""
    far = np.log(origins.distance.clip(1, max_distance)) / np.log(max(2, max_distance))
    scale = np.array(NEAR) + far[..., None] * (np.array(FAR) - np.array(NEAR))
    rgb = origins.borrowed[..., None] * scale
    rgb += origins.unmixed[..., None] * np.array(UNMIXED) + origins.fitted[..., None] * np.array(FITTED)
    luma = rgb @ _LUMA_WEIGHTS
    red, blue = (rgb[..., 0] - luma) / 1.5748, (rgb[..., 2] - luma) / 1.8556
    yuv = np.stack([16 + luma * 219 / 255, 128 + blue * 224 / 255, 128 + red * 224 / 255])
    painted: np.ndarray = np.rint(yuv).clip(0, 255).astype(np.uint8)
    return painted


def _open(film: Film, file: str | io.BytesIO, target: Path) -> tuple[OutputContainer, VideoStream]:
    """The target with its one stream, of the film's size, shape, rotation and clock."""
    out = av.open(file, "w", format=find_format(target))
    stream = out.add_stream(
        "libx264", rate=film.frame_rate, options={**_OPTIONS, **reproducible_x264(film.width)}
    )
    assert isinstance(stream, VideoStream)
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = film.width, film.height, "yuv444p"
    context.time_base = film.time_base
    context.color_range, context.color_primaries, context.color_trc, context.colorspace = 1, 1, 1, 1
    context.flags |= Flags.frame_duration  # else the last frame's and every varying length is lost
    if film.sample_aspect_ratio:
        context.sample_aspect_ratio = film.sample_aspect_ratio
    if film.rotation:
        stream.set_display_rotation(film.rotation)
    return out, stream

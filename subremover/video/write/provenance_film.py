"""Writes the film of origins, which shows where pixels came from: dimmed and grey, the holes in colours.

H.264 in 4:4:4, in any container that holds H.264: mpv, VLC, ffplay and Chrome play it. FFV1 would be exact,
but fewer players know it, and mp4 does not hold it; 4:2:0 smears colours over letters of a few pixels.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import av
import av.error
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from subremover.errors import OutputError
from subremover.provenance import Origins
from subremover.runtime.atomic_file import PartFile, check_file, check_folder
from subremover.video.container.output import closing_output, find_format, mux_errors
from subremover.video.encode.spool import Spool
from subremover.video.film import Film
from subremover.video.pixels.planes import Picture
from subremover.video.write.assemble import join
from subremover.video.write.silent_film import Coding, open_silent_film

NEAR, FAR = (0, 170, 60), (255, 220, 0)
"""RGB of borrowed pixels: green from the next frame, yellow from the greatest distance, and mixed between by
the logarithm of the distance."""
UNMIXED = (40, 120, 255)
"""RGB of unmixed pixels: blue."""
FITTED = (255, 0, 150)
"""RGB of painted pixels: pink."""
DIM = 0.5
"""Factor of the picture's luma."""
_OPTIONS = {"crf": "8", "preset": "veryfast"}
"""Of x264."""
_CODING = Coding("yuv444p", 1, 1, 1, 1)  # BT.709 in limited range
_LUMA_WEIGHTS = np.array([0.2126, 0.7152, 0.0722], np.float32)  # BT.709


class ProvenanceEncoder:
    """The encoder of a film of origins, and its stream in a container."""

    def __init__(self, film: Film, file: str | io.BytesIO, target: Path) -> None:
        """Open a container in the target's format, with this one stream.

        Args:
            film: The source; size, sample aspect ratio, rotation and times are its own.
            file: Name of the file to be written, or memory where only packets are wanted.
            target: The film of origins; its extension names the container.

        Raises:
            OutputError: No container is known by that extension.
        """
        self.out, self.stream = _open(film, file, target)

    @property
    def extradata(self) -> bytes | None:
        """The stream header for decoders; the same whatever the frames."""
        return self.stream.codec_context.extradata

    def encode(self, frame: VideoFrame | None) -> list[Packet[VideoStream]]:
        """Encode the next frame.

        Args:
            frame: Of `draw_frame`; None after the last, for the packets still held back.

        Returns:
            The packets that are ready, in the order of decoding, their times in ticks of the film.
        """
        return self.stream.encode(frame)


def open_provenance(film: Film, target: Path) -> ProvenanceEncoder:
    """An encoder for one segment, with its stream in a container in memory that is never written.

    Args:
        film: The source.
        target: The film of origins.

    Raises:
        OutputError: The container or the encoder cannot be opened.
    """
    with mux_errors(target):
        return ProvenanceEncoder(film, io.BytesIO(), target)


def assemble_provenance(
    film: Film, target: Path, overwrite: bool, spools: Sequence[Spool], *, folder: Path | None = None
) -> None:
    """Make the film of origins of its segments. Its folder is made if need be.

    Args:
        film: The source.
        target: The film of origins; its extension names the container.
        overwrite: Whether the target may be replaced.
        spools: The origins of all segments, in order.
        folder: Where the new file lies until it is whole, if on the same disk; None: beside the target.

    Raises:
        OutputError: It cannot be written, or a spool cannot be read.
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
    """Find out before the long run whether the film of origins can be written.

    Args:
        film: The source.
        target: The film of origins.
        overwrite: Whether the target may be replaced.

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
    """The picture of one frame's origins, to be encoded.

    Args:
        film: The source.
        frame: A frame of it, planar; it stays as it is.
        origins: Of the frame's holes; None: it has none.
        max_distance: Frames; the distance of pixels whose colour is `FAR`.

    Returns:
        A frame in yuv444p with the same time, tagged as what it is.
    """
    drawn = VideoFrame.from_ndarray(draw_provenance(frame, origins, max_distance), "yuv444p")
    drawn.pts, drawn.time_base = frame.pts, film.time_base
    drawn.color_range, drawn.color_primaries = _CODING.color_range, _CODING.color_primaries
    drawn.color_trc, drawn.colorspace = _CODING.color_trc, _CODING.colorspace
    return drawn


def draw_provenance(frame: VideoFrame, origins: Origins | None, max_distance: int) -> np.ndarray:
    """The picture of one frame's origins, as an array.

    Args:
        frame: Of the source, planar.
        origins: Of the frame's holes; None: it has none.
        max_distance: Frames; the distance of pixels whose colour is `FAR`.

    Returns:
        (3, H, W) uint8, YUV by BT.709 in limited range.
    """
    drawn = np.full((3, frame.height, frame.width), 128, np.uint8)
    drawn[0] = np.rint(16 + DIM * (Picture(frame, 0).luma - 16.0).clip(0))
    if origins is not None:
        part = drawn[(slice(None), *origins.box.slices)]
        colour = _paint(origins, max_distance)
        part[:] = np.where(origins.borrowed + origins.unmixed + origins.fitted > 0.5, colour, part)
    return drawn


def _paint(origins: Origins, max_distance: int) -> np.ndarray:
    """(3, h, w) uint8, YUV by BT.709 in limited range: the colours of the origins, mixed by their shares."""
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
    return open_silent_film(film, file, target, _CODING, _OPTIONS)

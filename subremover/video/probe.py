"""What a film is: its picture's shape, its clock and the time of every frame.

Reads every packet once and decodes a single frame; `reader` does the decoding.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from subremover.errors import InputError
from subremover.parsing import Position
from subremover.video.limits import check_memory, open_options, prepare_decoder

_STILLS = {"image2", "gif", "apng", "ico", "tty"}
# A container states its length to about a frame; more than this missing at the end is a loss.
_MISSING_SECONDS = 0.5
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
# Half of what a time printed with three decimals may be off by.
_ROUNDING_SECONDS = 0.0005


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """A film file that can be decoded."""

    path: Path
    stream_index: int
    """Of the picture, among all streams of the container."""
    width: int
    """As coded, before any rotation."""
    height: int
    rotation: int
    """Degrees counter-clockwise, a multiple of 90 in (-180, 180], by which a decoded frame must be turned
    to stand upright; what PyAV's `frame.rotation` says."""
    pix_fmt: str
    """As decoded; the reader turns packed formats into planar ones (`formats.to_planar`)."""
    codec: str
    """Canonical name: h264, hevc, vp9, ..."""
    time_base: Fraction
    """Seconds of one tick of `pts`."""
    frame_rate: Fraction
    """Nominal; the time of a frame is in `pts`."""
    pts: np.ndarray
    """(frame_count,) int64, rising: a frame's place here is its index everywhere."""
    key_frames: np.ndarray
    """Indices of the frames that decoding can start at, int64, rising. Of some (open GOP) only the frames
    from there on can be decoded, not those sent after it but shown before."""
    start_seconds: float = 0.0
    """Where players start to count, in seconds of `pts`: the first moment of any stream."""
    warnings: tuple[str, ...] = ()
    """What is wrong with the film although it can be read."""
    packets: str = ""
    """Digest of the times and sizes of all packets of all streams."""
    stamp: tuple[int, int] = (0, 0)
    """Bytes of its file, and when it was last written in ns: what tells that it has changed since."""
    lost: set[int] = field(default_factory=set)
    """Indices of frames that could not be decoded so far; the reader adds to them."""

    def __post_init__(self) -> None:
        if self.pts.dtype != np.int64 or self.pts.ndim != 1 or not len(self.pts):
            raise ValueError(f"pts must be a row of int64, got {self.pts.dtype} of {self.pts.shape}")
        if self.rotation % 90:
            raise ValueError(f"rotation must be a multiple of 90 degrees, got {self.rotation}")

    @property
    def frame_count(self) -> int:
        return len(self.pts)

    @property
    def duration_seconds(self) -> float:
        """From the first frame to the end of the last, at the nominal rate."""
        return float((int(self.pts[-1]) - int(self.pts[0])) * self.time_base + 1 / self.frame_rate)

    @property
    def is_regular(self) -> bool:
        """Whether every frame comes at the nominal rate, within the container's clock or a millisecond."""
        seconds = (self.pts - self.pts[0]) * float(self.time_base)
        expected = np.arange(self.frame_count) / float(self.frame_rate)
        return bool(np.abs(seconds - expected).max() <= max(float(self.time_base), 0.001))

    @property
    def times(self) -> np.ndarray:
        """(frame_count + 1,) float64, seconds (of `pts`) of each frame and of the end of the last."""
        tick = float(self.time_base)
        return np.append(self.pts * tick, int(self.pts[-1]) * tick + float(1 / self.frame_rate))

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height as shown."""
        return (self.height, self.width) if self.rotation % 180 else (self.width, self.height)

    def index_of(self, position: Position) -> int:
        """The first frame at or after a position; `frame_count` for one behind the end."""
        if position.frame is not None:
            return min(position.frame, self.frame_count)
        assert position.seconds is not None  # Position holds one or the other
        ticks = (position.seconds - _ROUNDING_SECONDS) / float(self.time_base)
        return int(np.searchsorted(self.pts - self.pts[0], ticks, side="left"))


def probe(path: Path) -> Film:
    """Look at a film, from its first packet to its last.

    Raises:
        InputError: There is no film there that can be decoded.
    """
    stamp = _check_file(path)
    with open_input(path) as container:
        stream = _find_video(container, path)
        pass_ = _Pass(container, stream)
        if _check_file(path) != stamp:
            raise InputError(f"'{path}' is being written; wait until it is whole")
        if pass_.first is None:
            raise InputError(
                f"no frame of '{path}' can be decoded (codec {stream.codec_context.name}); "
                "check that the file is whole and plays elsewhere"
            )
        first, pts = pass_.first, np.unique(np.array(pass_.pts, np.int64))
        if not len(pts):
            raise InputError(
                f"the pictures of '{path}' carry no times; wrap them first: ffmpeg -i in -c copy out.mkv"
            )
        assert stream.time_base is not None
        rotation = 90 * round(first.rotation / 90)
        return Film(
            path=path,
            stream_index=stream.index,
            width=first.width,
            height=first.height,
            rotation=180 if rotation == -180 else rotation,
            pix_fmt=first.format.name,
            codec=stream.codec_context.codec.canonical_name,
            time_base=stream.time_base,
            frame_rate=_frame_rate(stream, pts),
            pts=pts,
            key_frames=np.unique(np.searchsorted(pts, np.array(pass_.key_pts, np.int64))),
            # sound may start some samples early for its decoder's sake: no player shows that
            start_seconds=max(0, container.start_time or 0) / av.time_base,
            warnings=tuple(_find_faults(container, pass_, len(pts))),
            packets=pass_.digest.hexdigest(),
            stamp=stamp,
        )


def check_unchanged(film: Film) -> None:
    """Find out whether what was read since it was probed can be of one film; one that is gone may be.

    Raises:
        InputError: The file was written to.
    """
    with contextlib.suppress(FileNotFoundError):
        found = film.path.stat()
        if (found.st_size, found.st_mtime_ns) != film.stamp:
            raise InputError(f"'{film.path}' was changed while it was read; start again when it is whole")


@contextlib.contextmanager
def open_input(path: Path) -> Iterator[InputContainer]:
    """The container for reading, closed at the end.

    Raises:
        InputError: FFmpeg fails, here or in the body.
    """
    try:
        # absolute: FFmpeg reads what comes before a colon in a relative name as a protocol;
        # surrogateescape: old files carry tags in other encodings than UTF-8
        name, options = str(path.absolute()), open_options()
        with av.open(name, options=options, metadata_errors="surrogateescape") as container:
            yield container
    except PermissionError as error:
        raise InputError(f"no permission to read '{path}'; change its mode or owner") from error
    except FileNotFoundError as error:
        raise InputError(f"'{path}' does not exist; check the name") from error
    except av.error.FFmpegError as error:
        raise InputError(
            f"cannot read '{path}' as a film ({error.strerror}); check that it is whole and plays elsewhere"
        ) from error


def has_alpha(stream: VideoStream) -> bool:
    """Whether a VP8 or VP9 picture has an alpha channel, which Matroska keeps beside it."""
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    return tags.get("alpha_mode") == "1" and stream.codec_context.codec.canonical_name in _ALPHA_DECODERS


def find_decoder(stream: VideoStream) -> VideoCodecContext:
    """A picture's decoder; of VP8 and VP9 with an alpha channel libvpx's, for FFmpeg's own leave it out."""
    own = stream.codec_context
    if not has_alpha(stream):
        return own
    decoder = av.CodecContext.create(_ALPHA_DECODERS[own.codec.canonical_name], "r")
    assert isinstance(decoder, VideoCodecContext)
    # what only the container says
    decoder.color_range, decoder.color_primaries = own.color_range, own.color_primaries
    decoder.color_trc, decoder.colorspace = own.color_trc, own.colorspace
    return decoder


def _check_file(path: Path) -> tuple[int, int]:
    """The stamp of a file that can be read."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"'{path}' does not exist; check the name") from error
    except OSError as error:
        raise InputError(f"cannot read '{path}' ({error.strerror}); check the name and its folder") from error
    if stat.S_ISDIR(found.st_mode):
        raise InputError(f"'{path}' is a directory; give a film file")
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"'{path}' is no regular file and cannot be read twice; save it to disk first")
    if found.st_size == 0:
        raise InputError(f"'{path}' is empty; download or copy it again")
    if not os.access(path, os.R_OK):
        raise InputError(f"no permission to read '{path}'; change its mode or owner")
    return found.st_size, found.st_mtime_ns


def _find_video(container: InputContainer, path: Path) -> VideoStream:
    name = container.format.name
    if name in _STILLS or name.endswith("_pipe"):
        raise InputError(f"'{path}' is no film ({name}); give a film, e.g. an mp4 or mkv file")
    films = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not films:
        found = sorted({"cover art" if s.type == "video" else s.type for s in container.streams})
        raise InputError(
            f"no video stream in '{path}' (found: {', '.join(found) or 'nothing'}); "
            "give a film with a picture"
        )
    # A stream that FFmpeg cannot decode has no context, whatever the type hints say.
    if getattr(films[0], "codec_context", None) is None:
        raise InputError(f"no decoder here for the picture of '{path}'; convert it first, e.g. to H.264")
    prepare_decoder(films[0])
    return films[0]


class _Pass:
    """One reading of all packets."""

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self.first: VideoFrame | None = None
        self._decoder = find_decoder(stream)
        self.pts: list[int] = []
        self.key_pts: list[int] = []
        self.corrupt = 0
        self.digest = hashlib.sha256()
        self.start_seconds, self.end_seconds = float("inf"), 0.0
        try:
            for packet in container.demux():
                if packet.stream.index == stream.index and self.first is None:
                    self._decode(packet)
                if packet.size:
                    self._note(packet, packet.stream.index == stream.index)
        except av.error.FFmpegError as error:
            check_memory(error)
            self.corrupt += 1  # what was read so far is a film

    def _decode(self, packet: av.Packet) -> None:  # type: ignore[type-arg]
        try:
            self.first = next(iter(self._decoder.decode(packet)), None)
        except av.error.FFmpegError as error:
            check_memory(error)
            self.corrupt += 1

    def _note(self, packet: av.Packet, is_picture: bool) -> None:  # type: ignore[type-arg]
        at = packet.pts if packet.pts is not None else packet.dts
        self.digest.update(b"%d %d %d;" % (packet.stream.index, packet.size, at or 0))
        if at is not None:
            seconds = float(at * packet.time_base)
            self.start_seconds = min(self.start_seconds, seconds)
            self.end_seconds = max(
                self.end_seconds, seconds + float((packet.duration or 0) * packet.time_base)
            )
        if not is_picture:
            return
        self.corrupt += packet.is_corrupt
        if at is not None and not packet.is_discard:
            self.pts.append(at)
            if packet.is_keyframe:
                self.key_pts.append(at)


def _frame_rate(stream: VideoStream, pts: np.ndarray) -> Fraction:
    if rate := stream.guessed_rate or stream.average_rate:
        return Fraction(rate)
    assert stream.time_base is not None
    ticks = int(np.median(np.diff(pts))) if len(pts) > 1 else 0
    return 1 / (ticks * stream.time_base) if ticks else Fraction(25)


def _find_faults(container: InputContainer, read: _Pass, count: int) -> Iterator[str]:
    if container.duration:
        stated = container.duration / av.time_base
        # Matroska and mp4 state the time of the end, others what lies between start and end
        found = read.end_seconds - min(0, read.start_seconds)
        if found < stated - _MISSING_SECONDS:
            yield f"the film ends after {found:.1f} s of {stated:.1f} s; the file may be cut off"
    if read.corrupt:
        yield f"{read.corrupt} packets of the picture are damaged; frames may be missing"
    if len(read.pts) > count:
        yield f"{len(read.pts) - count} frames have the time of another frame and are left out"

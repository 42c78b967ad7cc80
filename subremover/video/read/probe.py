"""Finds out what a film is: reads every packet once and decodes a single frame. `reader` decodes them all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from subremover.errors import InputError
from subremover.video.bitstream.recovery import RecoveryReader
from subremover.video.film import Film, Join
from subremover.video.read.decoders import count_decoder_threads, find_decoder, read_fourcc
from subremover.video.read.joins import FORMATS, JoinFinder
from subremover.video.read.limits import check_memory
from subremover.video.read.packets import read_packets
from subremover.video.read.source import open_input, read_stamp

_STILLS = {"image2", "gif", "apng", "ico", "tty"}
"""FFmpeg's formats of pictures and animations, which are refused."""
_LEAST_SHARE, _MOST_BYTES = 0.9, 1 << 16
"""Where the picture of a transport or program stream may end, as a share of the file, and how many bytes may
follow, without a warning: of files joined end to end, the second may have streams of its own."""
_MISSING_SECONDS = 0.5
"""Seconds that may be missing at the end before it is called a loss: a container states its length to about a
frame."""


def probe(path: Path) -> Film:
    """Find out what a film is, by reading all of its packets and decoding one frame.

    Args:
        path: Of the film.

    Returns:
        The film; what is wrong with it although it can be read is in its `warnings`.

    Raises:
        InputError: There is no film there that can be decoded, or it is still being written.
    """
    return _probe(path, ())


def _probe(path: Path, joins: tuple[Join, ...]) -> Film:
    """What a film is whose joins are known; where they are still to be found it is read a second time."""
    stamp = read_stamp(path)
    with open_input(path) as container:
        stream = find_video(container, path)
        pass_ = _Pass(container, stream, joins)
        if not joins and (found := pass_.joins.find()):
            return _probe(path, found)
        if read_stamp(path) != stamp:
            raise InputError(f"'{path}' is being written; wait until it is whole")
        if pass_.first is None:
            raise InputError(
                f"no frame of '{path}' can be decoded (codec {stream.codec_context.name}); "
                "check that the file is whole and plays elsewhere"
            )
        first = pass_.first
        pts, places, counts = np.unique(np.array(pass_.pts, np.int64), return_index=True, return_counts=True)
        if not len(pts):
            raise InputError(
                f"the pictures of '{path}' carry no times; wrap them first: ffmpeg -i in -c copy out.mkv"
            )
        assert stream.time_base is not None
        key_frames, refreshes = pass_.recovery.find_key_frames(pts)
        key_frames = _leave_doubtful(key_frames, np.flatnonzero(counts > 1))
        rotation = 90 * round(first.rotation / 90)
        return Film(
            path=path,
            stream_index=stream.index,
            width=first.width,
            height=first.height,
            rotation=180 if rotation == -180 else rotation,
            pix_fmt=first.format.name,
            codec=stream.codec_context.codec.canonical_name,
            codec_tag=read_fourcc(stream.codec_context),
            sample_aspect_ratio=stream.sample_aspect_ratio,
            time_base=stream.time_base,
            frame_rate=_frame_rate(stream, pts),
            pts=pts,
            key_frames=key_frames,
            refreshes=refreshes,
            # sound may start some samples early for its decoder's sake: no player shows that
            start_seconds=max(0, _find_start(container, pass_)),
            joins=joins,
            positions=np.array(pass_.positions, np.int64)[places] if joins else np.empty(0, np.int64),
            warnings=tuple(_find_faults(container, pass_, len(pts))),
            packets=pass_.digest.hexdigest(),
            stamp=stamp,
        )


def find_video(container: InputContainer, path: Path) -> VideoStream:
    """The first stream with a moving picture.

    Args:
        container: The film, open.
        path: Of the film, for messages.

    Raises:
        InputError: There is none, or none that can be decoded here.
    """
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
    films[0].thread_type, films[0].codec_context.thread_count = "AUTO", count_decoder_threads()
    return films[0]


class _Pass:
    """One reading of all packets: the first frame, all times of the picture, and what is damaged."""

    def __init__(self, container: InputContainer, stream: VideoStream, joins: tuple[Join, ...]) -> None:
        self.first: VideoFrame | None = None
        self._decoder = find_decoder(stream)
        self.known, self.joins = joins, JoinFinder(container, stream.index)
        self.pts: list[int] = []
        self.positions: list[int] = []
        """Bytes where the packets of `pts` begin."""
        self.picture_end = 0
        """Byte behind the beginning of its last packet."""
        self.untimed = 0
        self.recovery = RecoveryReader(
            stream.codec_context.codec.canonical_name, stream.codec_context.extradata or b""
        )
        self.corrupt = 0
        self.digest = hashlib.sha256()
        self.start_seconds, self.end_seconds = float("inf"), 0.0
        try:
            for packet in read_packets(container, [*container.streams], joins):
                if packet.stream.index == stream.index and self.first is None:
                    self._decode(packet)
                if packet.size:
                    if not joins:
                        self.joins.note(packet)
                    self._note(packet, packet.stream.index == stream.index)
        except av.error.FFmpegError as error:
            check_memory(error)
            self.corrupt += 1  # what was read so far is a film

    def _decode(self, packet: av.Packet) -> None:  # type: ignore[type-arg]
        """Decode a packet of the picture, as long as no frame has come out."""
        try:
            self.first = next(iter(self._decoder.decode(packet)), None)
        except av.error.FFmpegError as error:
            check_memory(error)
            self.corrupt += 1

    def _note(self, packet: av.Packet, is_picture: bool) -> None:  # type: ignore[type-arg]
        """Take up a packet's times, and of the picture's also what it says of decoding."""
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
        self.untimed += at is None
        self.picture_end = max(self.picture_end, (packet.pos or 0) + packet.size)
        if at is not None and not packet.is_discard:
            self.pts.append(at)
            before = self.positions[-1] if self.positions else 0  # they begin together
            self.positions.append(before if packet.pos is None or packet.pos < 0 else packet.pos)
            self.recovery.note(memoryview(packet), at, packet.is_keyframe)


def _frame_rate(stream: VideoStream, pts: np.ndarray) -> Fraction:
    """Frames a second: as FFmpeg guesses, else by the median distance of frames, else 25."""
    if rate := stream.guessed_rate or stream.average_rate:
        return Fraction(rate)
    assert stream.time_base is not None
    ticks = int(np.median(np.diff(pts))) if len(pts) > 1 else 0
    return 1 / (ticks * stream.time_base) if ticks else Fraction(25)


def _find_start(container: InputContainer, read: _Pass) -> float:
    """The first moment of any stream, in seconds."""
    if read.known or container.start_time is None:  # in a short film FFmpeg has seen the next part's as well
        return read.start_seconds if read.start_seconds < float("inf") else 0.0
    return container.start_time / av.time_base


def _leave_doubtful(key_frames: np.ndarray, repeated: np.ndarray) -> np.ndarray:
    """The key frames without those in whose GOPs two frames have the same time.

    Which of the two is shown depends on where decoding starts; in MPEG-PS, FFmpeg guesses most times.

    Args:
        key_frames: (k,) int64, rising.
        repeated: (n,) int64, indices of frames that share their time with another.
    """
    gops = np.searchsorted(key_frames, repeated, side="right") - 1
    return np.delete(key_frames, gops[gops > 0])


def _find_faults(container: InputContainer, read: _Pass, count: int) -> Iterator[str]:
    """What is wrong with a film of so many frames that was read, one line a thing."""
    parts = 1 + sum(join.position > 0 for join in read.known)
    if parts > 1:
        yield (
            f"it has {parts} parts with times of their own, as files joined end to end have; "
            "they are played one after the other"
        )
    elif not read.known and container.duration:  # which for those is guessed from their last time
        stated = container.duration / av.time_base
        # Matroska and mp4 state the time of the end, others what lies between start and end
        found = read.end_seconds - min(0, read.start_seconds)
        if found < stated - _MISSING_SECONDS:
            yield f"the film ends after {found:.1f} s of {stated:.1f} s; the file may be cut off"
    # where the next part begins, FFmpeg misses a transport packet and takes a whole one for damaged
    if (corrupt := read.corrupt - parts + 1) > 0:
        yield f"{corrupt} packets of the picture are damaged; frames may be missing"
    if len(read.pts) > count:
        yield f"{len(read.pts) - count} frames have the time of another frame and are left out"
    share, left = read.picture_end / max(1, container.size), container.size - read.picture_end
    if container.format.name in FORMATS and share < _LEAST_SHARE and left > _MOST_BYTES:
        yield f"its picture ends at {share:.0%} of the file; what follows is of another stream"
    if read.untimed:
        yield f"{read.untimed} packets of the picture carry no time and are left out"

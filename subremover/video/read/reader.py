"""Decodes the frames of a film; which frame one is, is told by its time and never by counting."""

from __future__ import annotations

import contextlib
import heapq
import logging
import math
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import chain
from weakref import WeakKeyDictionary

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from subremover.errors import InputError
from subremover.video.film import Film
from subremover.video.pixels.formats import to_planar
from subremover.video.read.decoders import count_decoder_threads, find_decoder
from subremover.video.read.limits import check_memory
from subremover.video.read.packets import read_packets
from subremover.video.read.source import input_errors, open_input

log = logging.getLogger(__name__)

_LOST: WeakKeyDictionary[Film, set[int]] = WeakKeyDictionary()
"""For every film in use, the indices of the frames that have turned out not to be decodable."""
_SEEK_TRIES = 4
"""Number of key frames that are tried as entries, going back, before a film is decoded from its start: in a
damaged film one may be lost, and MPEG-PS tells the times of few packets."""
WALK_THREADS = 6
"""Frames that a walk decodes at once: on two cores it came a quarter sooner to a frame than with three.
See docs/measurements.md, "page/pictures: frames by index"."""
_SKIPPABLE = frozenset({"h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4"})
"""Codecs whose decoders leave out what no other frame refers to, and give the same frames for the rest."""
_REORDERED_FRAMES = 16
"""Most frames that a decoder of any codec holds back. A key frame may be sent so many frames before it is
shown, and MPEG-TS is sought in by the time of sending."""


def read_frames(film: Film, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, VideoFrame]]:
    """Decode the frames of a film, or some of them.

    Args:
        film: As it was probed.
        start: Index of the first frame.
        stop: Index behind the last frame; None: to the end.

    Yields:
        Frame index and frame, in order. Frames are planar (`formats.to_planar`). One that cannot be decoded,
        as in a damaged film, is left out. The decoder may still refer to a frame: `make_writable()` before
        changing it.

    Raises:
        InputError: The film cannot be read, none of all its frames can be decoded, or the picture changes its
            size.
    """
    stop = film.frame_count if stop is None else min(stop, film.frame_count)
    if start < 0:
        raise ValueError(f"start must not be negative, got {start}")
    known = _LOST.get(film, ())
    while start < stop and start in known:  # and not worth a seek
        start += 1
    if start >= stop:
        return
    expected = start
    lost: list[int] = []
    try:
        with open_input(film.path) as container, closing(_decode_from(container, film, start)) as frames:
            for index, frame in frames:
                if index >= stop:
                    break
                if index < expected:  # a damaged film may show a time twice
                    continue
                _check_size(film, index, frame)
                lost += range(expected, index)
                expected = index + 1
                yield index, to_planar(frame)
        lost += range(expected, stop)
    finally:
        _note_lost(film, lost)
    if expected == start and (start, stop) == (0, film.frame_count):
        raise InputError(f"no frame of '{film.path}' can be decoded; check that the file plays elsewhere")


class FrameWalk:
    """Goes through a film forwards, and may be left for a while; for looking at single frames.

    On its way to a frame it does not decode those before that no other refers to. It is not for several
    threads at once.
    """

    def __init__(self, film: Film, start: int) -> None:
        """Prepare to read from a frame on; nothing is opened before the first is read.

        Args:
            film: As it was probed.
            start: Index of the frame that will be read first.
        """
        self.film = film
        self._opened = ExitStack()
        self._container: InputContainer | None = None
        self._frames: Generator[tuple[int, VideoFrame], None, None] | None = None
        self.go_to(start)

    def go_to(self, start: int) -> None:
        """Read from another frame on; the film stays open.

        Args:
            start: Index of the frame that will be read first.
        """
        if self._frames is not None:
            self._frames.close()
        self.next = start
        """Index of the next frame that can be read."""
        self._skip = _Skip(start)
        self._frames = self._walk(start)

    def close(self) -> None:
        """Close the film."""
        if self._frames is not None:
            self._frames.close()
        self._opened.close()
        self._container = self._frames = None

    def read(self, start: int, stop: int) -> Iterator[tuple[int, VideoFrame]]:
        """Decode some frames.

        Args:
            start: Index of the first, not before `next`.
            stop: Index behind the last.

        Yields:
            Frame index and frame, as `read_frames` does.

        Raises:
            InputError: The film cannot be read, or the picture changes its size.
        """
        self._skip.before = start
        while self.next < stop and self._frames is not None:
            index, frame = next(self._frames, (self.film.frame_count, None))
            if index < self.next:  # a damaged film may show a time twice
                continue
            self.next = index + 1
            if frame is not None and start <= index < stop:
                _check_size(self.film, index, frame)
                yield index, to_planar(frame)

    def _walk(self, start: int) -> Generator[tuple[int, VideoFrame], None, None]:
        if self._container is None:
            self._container = self._opened.enter_context(open_input(self.film.path))
            _find_stream(self._container, self.film).codec_context.thread_count = WALK_THREADS
        with input_errors(self.film.path):
            yield from _decode_from(self._container, self.film, start, self._skip)


@dataclass(slots=True)
class _Skip:
    """Which packets need not be decoded."""

    before: int
    """Index of the first frame that is wanted."""


def _check_size(film: Film, index: int, frame: VideoFrame) -> None:
    """Raise InputError if the frame's size is not the film's."""
    if (frame.width, frame.height) != (film.width, film.height):
        raise InputError(
            f"the picture of '{film.path}' changes from {film.width}x{film.height} to "
            f"{frame.width}x{frame.height} px at frame {index}; scale it to one size first"
        )


def _note_lost(film: Film, indices: list[int]) -> None:
    """Warn of frames that cannot be decoded, of each only once: a film is read several times."""
    known = _LOST.setdefault(film, set())
    new = np.array(sorted(set(indices) - known), np.int64)
    if len(new):
        known.update(new.tolist())
        runs = np.split(new, np.flatnonzero(np.diff(new) > 1) + 1)
        named = ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs[:8])
        more = ", ..." * (len(runs) > 8)
        log.warning("%d frames of '%s' cannot be decoded: %s%s", len(new), film.path, named, more)


def _decode_from(
    container: InputContainer, film: Film, start: int, skip: _Skip | None = None
) -> Generator[tuple[int, VideoFrame], None, None]:
    """Frames from `start` on, sought exactly where the film allows it, else decoded from its beginning."""
    stream = _find_stream(container, film)
    keys = film.find_entries(start)[:_SEEK_TRIES]
    tries: list[tuple[int, _Skip | None]] = [(int(key), None) for key in keys]
    if skip is not None and len(keys):  # what is skipped may hide from a decoder how far to reorder
        tries.insert(0, (int(keys[0]), skip))
    is_sought = False
    is_anywhere = start > 0 or skip is not None  # a walk may have left the container anywhere
    for key, its_skip in tries if is_anywhere else ():
        packets = seek_packets(container, film, stream, key)
        # leading pictures of an open GOP refer to frames before the seek and come out broken
        frames = ((i, f) for i, f in _decode(container, film, stream, packets, its_skip) if i >= key)
        # the frames from the key frame to `start` must come out one by one, or the seek came out wrong
        first = next(frames, None)
        is_sought |= first is not None and first[0] == key
        if first is not None and first[0] < start:
            first = next(((i, f) for i, f in frames if i >= start), None)
        if first is not None and first[0] == start:
            yield first
            yield from frames
            return
    if skip is not None and is_sought:  # the frame is lost; to look at one is not worth a whole film
        return
    if is_anywhere:
        if len(keys):
            log.debug("no exact seek to frame %d of '%s'; decoding from the start", start, film.path)
        with open_input(film.path) as fresh:  # seek(0) is a guess as well in MPEG-TS
            again = _find_stream(fresh, film)
            packets = read_packets(fresh, [again], film.joins)
            yield from ((i, f) for i, f in _decode(fresh, film, again, packets) if i >= start)
        return
    yield from _decode(container, film, stream, read_packets(container, [stream], film.joins), skip)


def _find_stream(container: InputContainer, film: Film) -> VideoStream:
    """The picture, to be decoded by several threads."""
    stream = container.streams[film.stream_index]
    assert isinstance(stream, VideoStream)
    if not stream.codec_context.is_open:
        stream.thread_type, stream.codec_context.thread_count = "AUTO", count_decoder_threads()
    return stream


def seek_packets(
    container: InputContainer, film: Film, stream: VideoStream, key: int
) -> Iterator[Packet[VideoStream]]:
    """The packets of the picture from a key frame's on.

    Args:
        container: The film, open.
        film: As it was probed.
        stream: The picture.
        key: Index of the frame.

    Returns:
        Packets in the order of decoding, with their times in the film; none if that of the key frame is not
        found.
    """
    key_pts, joins = int(film.pts[key]), film.joins
    lead = math.ceil(_REORDERED_FRAMES / film.frame_rate / film.time_base)
    for at in [int(film.positions[key])] if joins else [key_pts, key_pts - lead]:
        with contextlib.suppress(av.error.FFmpegError):
            if joins:  # a time may be in several parts
                container.seek(at, unsupported_byte_offset=True)
            else:
                container.seek(at, stream=stream, backward=True)
            packets = read_packets(container, [stream], joins, at)
            for packet in packets:
                if packet.is_keyframe and packet.pts == key_pts:
                    return chain([packet], packets)
                if packet.dts is not None and packet.dts > key_pts:
                    break
    return iter(())


def _decode(
    container: InputContainer,
    film: Film,
    stream: VideoStream,
    packets: Iterator[Packet[VideoStream]],
    skip: _Skip | None = None,
) -> Iterator[tuple[int, VideoFrame]]:
    """Every frame that can be decoded of packets, with its index; one with a time of no frame is left out."""
    decoder = find_decoder(stream)
    waiting: list[int] | None = [] if has_no_times(container, film) else None
    is_skippable = waiting is None and film.codec in _SKIPPABLE
    flushed = False
    while not flushed:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError as error:
            check_memory(error)
            log.debug("'%s' cannot be read to its end: %s", film.path, error.strerror)
            packet = None
        flushed = packet is None or not packet.size
        if waiting is not None and packet is not None and packet.pts is not None and packet.size:
            heapq.heappush(waiting, packet.pts)
        if skip is not None and is_skippable and packet is not None and packet.pts is not None:
            is_before = packet.pts < film.pts[min(skip.before, film.frame_count - 1)]
            decoder.skip_frame = "NONREF" if is_before else "DEFAULT"
        try:
            frames = decoder.decode(packet if packet is not None and packet.size else None)
        except av.error.FFmpegError as error:
            check_memory(error)
            log.debug("damaged packet in '%s': %s", film.path, error.strerror)
            continue
        for frame in frames:
            if waiting is not None:
                _take_time(frame, waiting)
            if frame.pts is None:
                continue
            index = int(np.searchsorted(film.pts, frame.pts))
            if index < film.frame_count and film.pts[index] == frame.pts:
                yield index, frame


def has_no_times(container: InputContainer, film: Film) -> bool:
    """Whether packets are only numbered in the order of decoding, so that frames come out with wrong times.

    AVI has no other times, and H.264 with B-frames is found in it all the same.
    See docs/measurements.md, "video/read/reader: AVI".

    Args:
        container: The film, open.
        film: As it was probed.
    """
    return container.format.name == "avi" and film.codec in ("h264", "hevc")


def _take_time(frame: VideoFrame, waiting: list[int]) -> None:
    """Give a frame the earliest of the times (a heap) that have gone into the decoder and not come out."""
    if frame.key_frame and frame.pts is not None:
        while waiting and waiting[0] < frame.pts:  # of damaged packets: all before a key frame has come out
            heapq.heappop(waiting)
    if waiting:
        frame.pts = heapq.heappop(waiting)

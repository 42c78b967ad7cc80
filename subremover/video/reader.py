"""Decoded frames of a film, each known by its time and never by counting."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from subremover.errors import InputError
from subremover.video.formats import to_planar
from subremover.video.probe import Film, find_decoder, open_input

log = logging.getLogger(__name__)

# Key frames to go back by, one after the other, before decoding from the film's start: MPEG-TS and PS
# seek by guess and may land too late.
_SEEK_TRIES = 4


def read_frames(film: Film, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, VideoFrame]]:
    """Frames start to stop (excluded) in order, each with its index in `film.pts`.

    The frames are planar (`formats.to_planar`). An index whose frame cannot be decoded is left out, as in a
    damaged film. The decoder may still refer to a frame: `make_writable()` before changing it.

    Raises:
        InputError: No frame can be decoded, or the picture changes its size.
    """
    stop = film.frame_count if stop is None else min(stop, film.frame_count)
    if start < 0:
        raise ValueError(f"start must not be negative, got {start}")
    if start >= stop:
        return
    expected = start
    with open_input(film.path) as container:
        for index, frame in _decode_from(container, film, start):
            if index >= stop:
                break
            if index < expected:  # a damaged film may show a time twice
                continue
            if (frame.width, frame.height) != (film.width, film.height):
                raise InputError(
                    f"the picture of '{film.path}' changes from {film.width}x{film.height} to "
                    f"{frame.width}x{frame.height} px at frame {index}; scale it to one size first"
                )
            if index > expected:
                log.warning("frames %d to %d of '%s' cannot be decoded", expected, index - 1, film.path)
            expected = index + 1
            yield index, to_planar(frame)
    if expected == start and (start, stop) == (0, film.frame_count):
        raise InputError(f"no frame of '{film.path}' can be decoded; check that the file plays elsewhere")


def _decode_from(container: InputContainer, film: Film, start: int) -> Iterator[tuple[int, VideoFrame]]:
    """Frames from `start` on, sought exactly where the film allows it, else decoded from its beginning."""
    stream = container.streams[film.stream_index]
    assert isinstance(stream, VideoStream)
    stream.thread_type = "AUTO"
    keys = film.key_frames[film.key_frames <= start][::-1][:_SEEK_TRIES]
    for key in keys if start else ():
        frames = _seek(container, film, stream, int(film.pts[key]))
        # the frames from the key frame to `start` must come out one by one, or the seek came out wrong
        first = next(((i, f) for i, f in frames if i >= start), None)
        if first is not None and first[0] == start:
            yield first
            yield from frames
            return
    if start:
        if len(keys):
            log.debug("no exact seek to frame %d of '%s'; decoding from the start", start, film.path)
        with open_input(film.path) as fresh:  # seek(0) is a guess as well in MPEG-TS
            again = fresh.streams[film.stream_index]
            assert isinstance(again, VideoStream)
            again.thread_type = "AUTO"
            yield from ((i, f) for i, f in _decode(fresh, film, again) if i >= start)
        return
    yield from _decode(container, film, stream)


def _seek(
    container: InputContainer, film: Film, stream: VideoStream, key_pts: int
) -> Iterator[tuple[int, VideoFrame]]:
    """Frames shown from a key frame on; nothing where the seek lands behind it."""
    try:
        container.seek(key_pts, stream=stream, backward=True)
    except av.error.FFmpegError:
        return
    key = int(np.searchsorted(film.pts, key_pts))
    # leading pictures of an open GOP refer to frames before the seek and come out broken
    yield from ((i, f) for i, f in _decode(container, film, stream, latest_pts=key_pts) if i >= key)


def _decode(
    container: InputContainer, film: Film, stream: VideoStream, latest_pts: int | None = None
) -> Iterator[tuple[int, VideoFrame]]:
    """Every frame that can be decoded from here; none if the first packet is later than `latest_pts`."""
    packets, decoder = container.demux(stream), find_decoder(stream)
    flushed = False
    while not flushed:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError as error:
            log.warning("'%s' cannot be read to its end: %s", film.path, error.strerror)
            packet = None
        if latest_pts is not None and packet is not None and packet.size:
            if packet.pts is not None and packet.pts > latest_pts:
                return
            latest_pts = None
        flushed = packet is None or not packet.size
        try:
            frames = decoder.decode(packet if packet is not None and packet.size else None)
        except av.error.FFmpegError as error:
            log.warning("damaged packet in '%s': %s", film.path, error.strerror)
            continue
        for frame in frames:
            if frame.pts is None:
                continue
            index = int(np.searchsorted(film.pts, frame.pts))
            if index < film.frame_count and film.pts[index] == frame.pts:
                yield index, frame

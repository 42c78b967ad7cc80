"""Checks whether a film that was written is what it should be.

`check_frames` reads its packets; `find_fault`, for a film joined of copied and encoded packets, decodes it
once beside its source.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from subremover.errors import ContainerError, InputError
from subremover.progress import Progress, ProgressCallback, ignore
from subremover.runtime.profile import stage, timed
from subremover.video.encode.spool import Spool
from subremover.video.film import Film
from subremover.video.pixels.formats import to_planar
from subremover.video.pixels.planes import views
from subremover.video.read.probe import probe
from subremover.video.read.reader import read_frames
from subremover.video.read.source import open_input


def check_frames(path: Path, target: Path, times: np.ndarray, slack: float) -> None:
    """Check that all frames that were written can be read again, before the film takes the target's place.

    Args:
        path: The film.
        target: Its name to be, for messages.
        times: (n,) float64, rising: seconds at which its frames are to be shown. All of them may be later or
            earlier by the same time, as in MPEG-TS and AVI.
        slack: Seconds by which a single frame may be off, for MPEG-PS tells the times of few.

    Raises:
        ContainerError: Frames are missing, or are shown at other times.
    """
    try:
        found = probe(path).times[:-1]
    except InputError as error:
        raise ContainerError(f"'{target}' cannot be read again; use .mkv, or another --codec") from error
    if len(found) != len(times):
        wrong = abs(len(times) - len(found))
    else:
        off = found - times
        wrong = int((abs(off - np.median(off)) > slack).sum())
    if wrong:
        count = f"{wrong} of its {len(times)} frames"
        raise ContainerError(f"the container of '{target}' cannot hold the times of {count}; use .mkv")


@stage("verify")
def find_fault(
    film: Film, pieces: Sequence[Spool | range], path: Path, progress: ProgressCallback = ignore
) -> str | None:
    """What is wrong with a film of copied and rendered frames.

    Every frame must have its time, as exactly as the container can tell it. Sample for sample, a copied frame
    must be what the source shows, and a rendered one what its segment shows by itself.
    See docs/measurements.md, "video/splice/splice: lossless H.264".

    Args:
        film: The source.
        pieces: Spools of rendered segments and frames of copied ones, in order.
        path: The film that was made of them.
        progress: Called for every frame of that film.

    Returns:
        The first fault found, as the end of a message; None if there is none.

    Raises:
        InputError: The source cannot be read.
        SpoolError: A rendered segment cannot be read.
    """
    try:
        made = probe(path)
    except InputError as error:
        return str(error)
    if fault := _find_false_shape(film, made):
        return fault
    source = read_frames(film)  # in one go: a film whose parameter sets change cannot be sought in
    with open_input(path) as container:
        stream = container.streams.video[0].codec_context
        codec, header = stream.name, stream.extradata
    expected = itertools.chain.from_iterable(
        _decode_spool(film, piece, codec, header) if isinstance(piece, Spool) else _take(source, piece)
        for piece in pieces
    )
    wanted = {i for piece in pieces if not isinstance(piece, Spool) for i in piece}
    following = next(expected, None)
    for index, frame in timed("verify", read_frames(made)):
        progress(Progress("verify", index + 1, made.frame_count))
        if following is None or following[0] > index:
            continue
        if following[0] < index:
            break
        if frame.is_corrupt and not following[1].is_corrupt:
            return f"frame {index} is damaged"
        if not _are_equal(following[1], frame):
            return f"frame {index} is another picture"
        wanted.discard(index)
        following = next(expected, None)
    if following is not None:
        return f"frame {following[0]} is missing"
    return f"frame {min(wanted)} is damaged in the film itself" if wanted else None


def _take(source: Iterator[tuple[int, VideoFrame]], frames: range) -> Iterator[tuple[int, VideoFrame]]:
    """Those of the source's frames; it is left behind the last of them."""
    for index, frame in source:
        if index in frames:
            yield index, frame
        if index >= frames.stop - 1:
            return


def _decode_spool(
    film: Film, spool: Spool, codec: str, header: bytes | None
) -> Iterator[tuple[int, VideoFrame]]:
    """A segment's frames, each with its index, decoded without those around it but with the film's header."""
    decoder = av.CodecContext.create(codec, "r")
    decoder.extradata = header
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = (
        1  # with more, to be given up amid a film hung: they free packets under Python's lock
    )
    packets: Iterator[Packet[Any] | None] = itertools.chain(spool.packets(film.time_base), [None])
    for packet in packets:
        for frame in decoder.decode(packet):
            assert frame.pts is not None  # its packet's
            yield int(np.searchsorted(film.pts, frame.pts)), to_planar(frame)


def _find_false_shape(film: Film, made: Film) -> str | None:
    """What is wrong with a film before its frames are compared: codec, size, frame count or times."""
    for what in ("codec", "width", "height", "rotation", "pix_fmt", "frame_count"):
        old, new = getattr(film, what), getattr(made, what)
        if old != new:
            return f"its {what.replace('_', ' ')} is {new}, not {old}"
    ratio = film.time_base / made.time_base
    # as Python's integers: the numbers of ticks multiply
    off = film.pts.astype(object) * ratio.numerator - made.pts.astype(object) * ratio.denominator
    wrong = np.flatnonzero(2 * abs(off) > (ratio.denominator if ratio.denominator > 1 else 0))
    if len(wrong):
        return f"frame {wrong[0]} is shown at another time, as are {len(wrong) - 1} others"
    return None


def _are_equal(old: VideoFrame, new: VideoFrame) -> bool:
    """Whether two frames have the same samples in all planes."""
    return all(np.array_equal(a, b) for a, b in zip(views(old), views(new), strict=True))

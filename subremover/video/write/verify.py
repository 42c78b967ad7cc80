"""Whether a film that was written is what it should be.

Found by reading its packets, and for one that was joined of copied and encoded packets by decoding it once,
beside its source.
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
    """Find out whether all frames that were written can be read again, before a film takes its place.

    Args:
        path: Of the film.
        target: What it is to be called.
        times: (n,) seconds of its frames, rising. MPEG-TS and AVI show all of them later or earlier.
        slack: Seconds by which a frame may be off: MPEG-PS tells the times of few.

    Raises:
        ContainerError: They cannot, or are shown at other times.
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
    """What is wrong with a film of copied and rendered frames; None if nothing is.

    Every frame must have its time, as exactly as the container can tell it, and be sample for sample what the
    source shows where it was copied, and what its segment alone shows where it was rendered. The latter is no
    matter of course: FFmpeg's H.264 decoder got lossless segments wrong behind lossy ones.

    Args:
        film: The source.
        pieces: Spools of rendered segments and frames of copied ones, in order.
        path: Of the film that was made of them.
        progress: Called for every frame of that.

    Raises:
        InputError: The source cannot be read.
        SpoolError: A segment cannot.
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
    for index, frame in source:
        if index in frames:
            yield index, frame
        if index >= frames.stop - 1:
            return


def _decode_spool(
    film: Film, spool: Spool, codec: str, header: bytes | None
) -> Iterator[tuple[int, VideoFrame]]:
    """A segment's frames by themselves, decoded as the film's are."""
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
    return all(np.array_equal(a, b) for a, b in zip(views(old), views(new), strict=True))

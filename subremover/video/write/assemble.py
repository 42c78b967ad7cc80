"""Makes the film of its rendered and copied segments, and of everything else in the source as it was.

The picture keeps its times, colour tags, sample aspect ratio and rotation, and its codec unless another one
is asked for. `container.mux` carries the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from av.packet import Packet

from subremover.errors import OutputError
from subremover.options import EncodeOptions
from subremover.progress import ProgressCallback, ignore
from subremover.runtime.atomic_file import PartFile, check_file
from subremover.video.container.mux import CarriedStreams
from subremover.video.container.output import closing_output, find_format, mux_errors, open_output
from subremover.video.container.shape import keep_shape
from subremover.video.encode.encoders import Encoding
from subremover.video.encode.picture_encoder import PictureEncoder
from subremover.video.encode.spool import Spool, SpoolError, decode_times
from subremover.video.film import Film
from subremover.video.read.source import check_unchanged, open_input
from subremover.video.splice.splice import Splice, SpliceError
from subremover.video.text.text_track import NO_TRACK, TextTrack
from subremover.video.write.verify import check_frames, find_fault


def assemble(
    film: Film,
    target: Path,
    encoding: Encoding,
    options: EncodeOptions,
    pieces: Sequence[Spool | range],
    *,
    text: TextTrack = NO_TRACK,
    folder: Path | None = None,
    splice: Splice | None = None,
    progress: ProgressCallback = ignore,
) -> tuple[str, ...]:
    """Make the film of its segments, and of everything else in the source as it was.

    The target is only replaced by a film that was read again and found whole.

    Args:
        film: The source.
        target: The film to be made; its extension names the container.
        encoding: Of the rendered segments.
        options: Whether the target may be replaced.
        pieces: The spools of all rendered segments and the frames of all copied ones, in order.
        text: The text track that is added.
        folder: Where the new file lies until it is whole; None: beside the target.
        splice: How copied segments and rendered ones are joined; None: none is copied. With one, the whole
            film is decoded and compared with its source.
        progress: Called for every frame decoded then.

    Returns:
        What of the film cannot be kept, one line a thing.

    Raises:
        InputError: The source cannot be read, or was changed meanwhile.
        OutputError: The target cannot be written, or no segment has a frame.
        ContainerError: The frames or their times cannot be read again out of this container.
        SpliceError: The copied packets and the encoded ones do not make the film that they should.
    """
    check_file(film.path, target, options.overwrite)
    part = PartFile(target, folder)
    try:
        with open_input(film.path) as source, mux_errors(target):
            out = open_output(source, str(part.path), target)
            with closing_output(out):
                encoder = PictureEncoder(film, source, out, encoding, splice=splice)
                spools = [piece for piece in pieces if isinstance(piece, Spool)]
                if any(spool.extradata != (encoder.extradata or b"") for spool in spools if len(spool.pts)):
                    raise OutputError(
                        "the encoder no longer makes the stream that it has begun; add --no-resume"
                    )
                carried = CarriedStreams(source, out, film, with_picture=False, text=text)
                for packet in join(pieces, film.time_base, splice):
                    # Other streams go as far as the picture has come, as players read them.
                    assert packet.dts is not None  # see `join`
                    carried.mux_until(packet.dts * packet.time_base)
                    packet.stream = encoder.stream
                    out.mux(packet)
                carried.mux_until(None)
            shape = keep_shape(film, source, part.path, find_format(target))
        check_unchanged(film)
        if splice is None:
            check_frames(part.path, target, _find_times(film, pieces), 1.5 / float(film.frame_rate))
        elif fault := _find_fault(film, pieces, part.path, progress):
            raise SpliceError(
                f"'{target}' does not come out right with packets copied: {fault}; use --splice off"
            )
        part.commit()
    finally:
        part.discard()
    return (*encoder.warnings, *carried.warnings, *shape)


def _find_fault(
    film: Film, pieces: Sequence[Spool | range], path: Path, progress: ProgressCallback
) -> str | None:
    try:
        return find_fault(film, pieces, path, progress)
    except SpoolError as error:
        raise OutputError(f"a segment is lost: {error}; start again") from error


def _find_times(film: Film, pieces: Sequence[Spool | range]) -> np.ndarray:
    """(n,) float64, rising: seconds at which the frames of all segments are shown."""
    ticks = [np.sort(p.pts) if isinstance(p, Spool) else film.pts[p.start : p.stop] for p in pieces]
    seconds: np.ndarray = np.concatenate(ticks) * float(film.time_base)
    return seconds


def join(
    pieces: Sequence[Spool | range], time_base: Fraction, splice: Splice | None = None
) -> Iterator[Packet[Any]]:
    """The packets of all segments, with the decoding times that they have as one stream.

    Args:
        pieces: Spools of rendered segments and frames of copied ones, in order.
        time_base: Seconds of a tick of the spools' times, the film's.
        splice: Gives the packets of the copied segments; None: none is copied.

    Yields:
        Packets in the order of decoding, each with a dts; their stream is still to be set.

    Raises:
        OutputError: There is no packet, or a spool cannot be read.
        InputError: A copied packet cannot be read, or the source was changed meanwhile.
    """
    copies: Iterator[Packet[Any]] = iter(()) if splice is None else splice.read_packets()
    pts = [piece.pts if isinstance(piece, Spool) else _copied_pts(piece, splice) for piece in pieces]
    row = np.concatenate([np.empty(0, np.int64), *pts])
    delay = max((piece.delay for piece in pieces if isinstance(piece, Spool)), default=0)
    times = iter((decode_times if splice is None else splice.decode_times)(row, delay))
    is_empty = True
    for piece, own in zip(pieces, pts, strict=True):
        try:
            for packet in piece.packets(time_base) if isinstance(piece, Spool) else islice(copies, len(own)):
                packet.dts = int(next(times))
                yield packet
                is_empty = False
        except (SpoolError, OSError) as error:
            raise OutputError(f"a segment is lost: {error}; start again") from error
    if is_empty:
        raise OutputError("no frame of the film could be decoded; check that it plays elsewhere")


def _copied_pts(frames: range, splice: Splice | None) -> np.ndarray:
    """(n,) int64, the pts of a copied segment's packets, in the order of decoding."""
    if splice is None:
        raise ValueError("a copied segment needs a splice")
    return splice.index.pts[splice.places(frames)]

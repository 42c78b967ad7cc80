"""Writes a film's picture again, segment by segment, and then the film with everything else as it was.

The picture keeps its codec, times, colour tags, shape and rotation; frames are encoded as they are handed
over, in their own pixel format. `mux` carries the rest.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from subremover.cues import Cue
from subremover.errors import OutputError, SubremoverError
from subremover.options import EncodeOptions
from subremover.progress import ProgressCallback, ignore
from subremover.video.encoders import choose_encoding, find_refusal
from subremover.video.limits import check_memory
from subremover.video.mux import CarriedStreams, open_output
from subremover.video.probe import Film, check_unchanged, open_input
from subremover.video.shape import foresee_shape, keep_shape
from subremover.video.splice import Splice, SpliceError, plan_splice
from subremover.video.spool import Spool, SpoolError, SpoolWriter, decode_times
from subremover.video.target import PartFile, check_file, closing_output, find_format, output_errors
from subremover.video.text_track import TextTrack, check_text_track
from subremover.video.track import Track
from subremover.video.verify import find_fault

log = logging.getLogger(__name__)

# What is proposed where something else does not go, if it does, in this order.
_SUFFIXES = (".mkv", ".mov", ".avi")
_CODECS = ("libx264", "libvpx-vp9", "ffv1")


class Encoder(Protocol):
    """What makes packets of frames."""

    @property
    def extradata(self) -> bytes | None:
        """Of the stream."""

    def encode(self, frame: VideoFrame | None) -> list[Packet[VideoStream]]:
        """Packets, in the order of decoding; `None` for the last."""


class SegmentWriter(contextlib.AbstractContextManager["SegmentWriter"]):
    """Takes the frames of a segment, in order, and makes a spool file of them, on `commit`."""

    def __init__(self, file: Path, key: bytes, encoder: Encoder, target: Path) -> None:
        """`key` is of the run; the target is named where something fails."""
        self._spool = SpoolWriter(file, key)
        self._encoder, self._target = encoder, target

    def write(self, frame: VideoFrame | None) -> None:
        """Encode the next frame, planar or not, with its `pts` as decoded; `None` behind the last.

        Raises:
            OutputError: The disk is full, the encoder fails, ...
        """
        with output_errors(self._target):
            self._spool.write(self._encoder.encode(frame))

    def commit(self, notes: dict[str, Any]) -> None:
        """Put the file in its place, with what else is to be known about the segment."""
        self.write(None)
        with output_errors(self._target):
            self._spool.commit(self._encoder.extradata, notes)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spool.__exit__(kind, error, trace)


def open_track(film: Film, target: Path, options: EncodeOptions, splice: Splice | None = None) -> Track:
    """An encoder for one segment, with its stream in a container that nobody will write.

    Args:
        film: The source.
        target: The film to be made.
        options: How to encode.
        splice: If its packets share their stream with the source's.

    Raises:
        OutputError: The encoder refuses.
    """
    with open_input(film.path) as source, output_errors(target):
        return Track(film, source, open_output(source, io.BytesIO(), target), options, splice=splice)


def assemble(
    film: Film,
    target: Path,
    options: EncodeOptions,
    pieces: Sequence[Spool | range],
    *,
    cues: tuple[Cue, ...] = (),
    folder: Path | None = None,
    splice: Splice | None = None,
    progress: ProgressCallback = ignore,
) -> tuple[str, ...]:
    """Make the film of its segments, and of everything else in the source as it was.

    Args:
        film: The source.
        target: The film to be made.
        options: As the segments were encoded.
        pieces: The spools of all rendered segments and the frames of all copied ones, in order.
        cues: What is added as a text track, in the film's own seconds.
        folder: Where it lies until it is whole; None: beside its place.
        splice: Where segments are copied; the whole is decoded then, to be sure.
        progress: Called for every frame decoded then.

    Returns:
        What of the film cannot be kept, one line a thing.

    Raises:
        OutputError: The target cannot be written, or no segment has a frame.
        SpliceError: The copied packets and the encoded ones do not make the film that they should.
    """
    check_file(film.path, target, options.overwrite)
    part = PartFile(target, folder)
    try:
        with open_input(film.path) as source, output_errors(target):
            out = open_output(source, str(part.path), target)
            with closing_output(out):
                track = Track(film, source, out, options, splice=splice)
                spools = [piece for piece in pieces if isinstance(piece, Spool)]
                if any(spool.extradata != (track.extradata or b"") for spool in spools if len(spool.pts)):
                    raise OutputError(
                        "the encoder no longer makes the stream that it has begun; add --no-resume"
                    )
                text = TextTrack(cues, options.subtitle_language)
                carried = CarriedStreams(source, out, film, with_picture=False, text=text)
                for packet in join(pieces, film.time_base, splice):
                    # Other streams go as far as the picture has come, as players read them.
                    assert packet.dts is not None  # see `join`
                    carried.mux_until(packet.dts * packet.time_base)
                    packet.stream = track.stream
                    out.mux(packet)
                carried.mux_until(None)
            shape = keep_shape(film, source, part.path, find_format(target))
        check_unchanged(film)
        if splice is not None and (fault := find_fault(film, pieces, part.path, progress)):
            raise SpliceError(
                f"'{target}' does not come out right with packets copied: {fault}; use --splice off"
            )
        part.commit()
    finally:
        part.discard()
    return (*track.warnings, *carried.warnings, *shape)


def join(
    pieces: Sequence[Spool | range], time_base: Fraction, splice: Splice | None = None
) -> Iterator[Packet[Any]]:
    """The packets of all segments, with the decoding times that they have as one stream.

    Raises:
        OutputError: There is none, or one cannot be read.
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
    if splice is None:
        raise ValueError("a copied segment needs a splice")
    return splice.index.pts[splice.places(frames)]


def check_target(film: Film, target: Path, options: EncodeOptions) -> tuple[str, ...]:
    """Find out before the long run whether the film can be written there like that.

    Returns:
        What cannot be kept, one line a thing.

    Raises:
        OutputError: The target is the film, exists, cannot be created, has an unknown extension, or its
            container cannot hold the picture; there is no such encoder; or packets must and cannot be copied.
        UsageError: Its container cannot hold the text track asked for.
    """
    if options.subtitle_track:
        check_text_track(find_format(target), target)
    format_name = find_format(target)
    check_file(film.path, target, options.overwrite)
    with open_input(film.path) as source:
        try:
            losses = _try_container(film, source, target, options)
        except (ValueError, av.error.FFmpegError) as error:
            check_memory(error)
            log.debug("trial of %s failed: %s", target, error)
            encoding = choose_encoding(film, options)
            refusal = find_refusal(encoding, film)
            what = f"'{target.name}' cannot hold {encoding.codec}"
            if refusal is not None:
                size = f"{film.width}x{film.height} px"
                what = f"{encoding.encoder} does not take {encoding.pix_fmt} of {size} ({refusal})"
            raise OutputError(f"{what}; {_find_way_out(film, source, target, options)}") from error
        losses = (*losses, *foresee_shape(film, source, format_name))
    if options.splice == "on":  # what cannot be copied even where nothing is masked never can
        nothing = np.zeros(film.frame_count, bool)
        splice = plan_splice(film, nothing, choose_encoding(film, options), format_name, 0)
        check_splice(splice, target, options)
    return losses


def _try_container(
    film: Film, source: InputContainer, target: Path, options: EncodeOptions
) -> tuple[str, ...]:
    """What cannot be kept there; a ValueError or one of FFmpeg's if it cannot hold the picture."""
    out = open_output(source, io.BytesIO(), target)
    try:
        track = Track(film, source, out, options)
        carried = CarriedStreams(source, out, film, False, TextTrack())
        out.start_encoding()
    finally:
        with contextlib.suppress(ValueError, av.error.FFmpegError):
            out.close()
    return (*track.warnings, *carried.warnings)


def _find_way_out(film: Film, source: InputContainer, target: Path, options: EncodeOptions) -> str:
    """What would do instead; it is tried before it is said."""

    def is_open(suffix: str, codec: str | None) -> bool:
        try:
            _try_container(film, source, target.with_suffix(suffix), replace(options, codec=codec))
        except (SubremoverError, ValueError, av.error.FFmpegError):
            return False
        return True

    suffixes = (suffix for suffix in _SUFFIXES if is_open(suffix, options.codec))
    codecs = (f"--codec {codec}" for codec in _CODECS if is_open(target.suffix, codec))
    ways = [way for way in (next(suffixes, None), next(codecs, None)) if way]
    return f"use {' or '.join(ways) or '.mkv with --codec ffv1'}"


def check_splice(splice: Splice, target: Path, options: EncodeOptions) -> None:
    """Find out before the long run whether the encoder can make packets that go with the source's.

    Raises:
        SpliceError: It cannot.
    """
    try:
        open_track(splice.film, target, options, splice)
    except SpliceError:
        raise
    except OutputError as error:
        raise SpliceError(f"the encoder cannot go on with the film's own packets: {error}") from error

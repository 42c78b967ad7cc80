"""Encodes the picture of one segment, as the frames are handed over, into a spool file."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from subremover.video.container.output import mux_errors, open_output
from subremover.video.encode.encoders import Encoding
from subremover.video.encode.picture_encoder import PictureEncoder, SharedStream
from subremover.video.encode.spool import SpoolWriter
from subremover.video.film import Film
from subremover.video.read.source import open_input


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
        with mux_errors(self._target):
            self._spool.write(self._encoder.encode(frame))

    def commit(self, notes: dict[str, Any]) -> None:
        """Put the file in its place, with what else is to be known about the segment."""
        self.write(None)
        with mux_errors(self._target):
            self._spool.commit(self._encoder.extradata, notes)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spool.__exit__(kind, error, trace)


def open_encoder(
    film: Film, target: Path, encoding: Encoding, splice: SharedStream | None = None
) -> PictureEncoder:
    """An encoder for one segment, with its stream in a container that nobody will write.

    Args:
        film: The source.
        target: The film to be made.
        encoding: Which encoder, and how.
        splice: If its packets share their stream with the source's.

    Raises:
        OutputError: The encoder refuses.
    """
    with open_input(film.path) as source, mux_errors(target):
        return PictureEncoder(
            film, source, open_output(source, io.BytesIO(), target), encoding, splice=splice
        )

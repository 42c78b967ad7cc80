"""Encodes the frames of one segment, as they are handed over, into a spool file."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from subremover.runtime.atomic_file import MemoryFile
from subremover.video.container.output import mux_errors, open_output
from subremover.video.encode.encoders import Encoding
from subremover.video.encode.picture_encoder import PictureEncoder, SharedStream
from subremover.video.encode.spool import SpoolWriter
from subremover.video.film import Film
from subremover.video.read.source import open_input


class Encoder(Protocol):
    """What makes packets of frames: a `PictureEncoder` or a `ProvenanceEncoder`."""

    @property
    def extradata(self) -> bytes | None:
        """The stream header for decoders; None if the codec needs none."""

    def encode(self, frame: VideoFrame | None) -> list[Packet[VideoStream]]:
        """Encode the next frame.

        Args:
            frame: With its pts; None after the last, for the packets still held back.

        Returns:
            The packets that are ready, in the order of decoding.
        """


class SegmentWriter(contextlib.AbstractContextManager["SegmentWriter"]):
    """Takes the frames of a segment, in order, and makes a spool file of them.

    A context manager: without `commit` it leaves no file.
    """

    def __init__(self, file: Path | MemoryFile, key: bytes, encoder: Encoder, target: Path) -> None:
        """Prepare; the file is made with the first packet.

        Args:
            file: Name of the spool once it is whole, or where it is kept in memory.
            key: Of the run, which alone may read the spool (`spool.KEY_BYTES` bytes).
            encoder: Open, for this segment alone.
            target: The film to be made, for messages.
        """
        self._spool = SpoolWriter(file, key)
        self._encoder, self._target = encoder, target

    def write(self, frame: VideoFrame | None) -> None:
        """Encode the next frame.

        Args:
            frame: Of any pixel format, with its pts as decoded; None after the last, which `commit` does.

        Raises:
            OutputError: The encoder fails, or the disk is full.
        """
        with mux_errors(self._target):
            self._spool.write(self._encoder.encode(frame))

    def commit(self, notes: dict[str, Any]) -> None:
        """Encode what the encoder holds back, and give the file its name.

        Args:
            notes: What else is to be known about the segment; anything that JSON can hold.

        Raises:
            OutputError: The encoder fails, or the file cannot be written.
        """
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
    """An encoder for one segment, with its stream in a container in memory that is never written.

    Args:
        film: The source.
        target: The film to be made.
        encoding: Which encoder, and its options.
        splice: How its packets share their stream with the source's; None: they do not.

    Raises:
        InputError: The film cannot be read.
        OutputError: The encoder refuses.
        SpliceError: Its packets do not go with the source's.
    """
    with open_input(film.path) as source, mux_errors(target):
        return PictureEncoder(
            film, source, open_output(source, io.BytesIO(), target), encoding, splice=splice
        )

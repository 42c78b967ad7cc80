"""Keeps the packets of a rendered segment in a file of their own, which is there whole or not at all.

The layout, numbers little-endian: `MAGIC`, 32 bytes that say of which run it is, the packets' bytes one after
the other, a JSON object about them (see `SpoolWriter.commit`), its length in 8 bytes, and the SHA-256 of all
before. No container would do: Matroska rounds times to milliseconds, NUT and Matroska lose decoding times.
Encoding is done before, in `picture_encoder`; how spools become a film is up to `write.assemble`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal

import numpy as np
from av.packet import Packet, PacketSideData, packet_sidedata_type_from_literal
from av.video.stream import VideoStream

from subremover.runtime.atomic_file import MemoryFile, PartFile
from subremover.runtime.paths import exists, is_file

MAGIC = b"subremover spool 1\n"
KEY_BYTES = 32
"""Length of the key that says of which run a file is."""
_LENGTH = struct.Struct("<Q")
_DIGEST_BYTES = 32
_MOST_INDEX_BYTES = 64 << 20
_CHUNK_BYTES = 1 << 20
_COLUMNS = {"pts": np.int64, "durations": np.int64, "sizes": np.int64, "alphas": np.int64, "keys": np.bool_}
_ALPHA: Literal["matroska_block_additional"] = "matroska_block_additional"
"""Where VP8 and VP9 have their alpha channel."""


class SpoolError(Exception):
    """A spool file is missing, damaged, or of another run."""


class SpoolWriter(contextlib.AbstractContextManager["SpoolWriter"]):
    """Writes the packets of one encoder; a context manager that leaves nothing of them without `commit`.

    Writing raises OSError where the disk fails.
    """

    def __init__(self, file: Path | MemoryFile, key: bytes) -> None:
        """Prepare; the file is made with the first packet.

        Args:
            file: Its name once it is whole, or where it is kept in memory.
            key: `KEY_BYTES` bytes of the run that alone may read it.
        """
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, got {len(key)}")
        self._part = PartFile(file) if isinstance(file, Path) else file
        self._key = key
        self._digest = hashlib.sha256()
        self._columns: dict[str, list[int]] = {name: [] for name in _COLUMNS}
        self._delay = 0
        self._file: BinaryIO | None = None

    def write(self, packets: Iterable[Packet[VideoStream]]) -> None:
        """Write packets.

        Args:
            packets: In the order of decoding, each with a pts, no two alike.

        Raises:
            ValueError: A packet has no pts.
        """
        for packet in packets:
            if packet.pts is None:
                raise ValueError("the encoder gives packets without a time")
            alpha = bytes(packet.get_sidedata(_ALPHA)) if packet.has_sidedata(_ALPHA) else b""
            self._put(bytes(packet) + alpha)
            values = packet.pts, packet.duration or 0, packet.size, len(alpha), packet.is_keyframe
            for column, value in zip(self._columns.values(), values, strict=True):
                column.append(int(value))
            # the first packet is the first that is shown: what is decoded before it says how far ahead
            self._delay += packet.dts is not None and packet.dts < self._columns["pts"][0]

    def commit(self, extradata: bytes | None, notes: dict[str, Any]) -> None:
        """End the file and give it its name.

        Args:
            extradata: The encoder's stream header, if it has one.
            notes: Anything that JSON can hold, for who reads the spool.

        Raises:
            OutputError: The file cannot be put in its place.
        """
        index = {**self._columns, "delay": self._delay, "extradata": (extradata or b"").hex(), "notes": notes}
        data = json.dumps(index, separators=(",", ":")).encode()
        self._put(data + _LENGTH.pack(len(data)))
        self._put(self._digest.digest()).close()
        self._part.commit()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # a full disk fails again when what is buffered is written
            if self._file is not None:
                self._file.close()
        with contextlib.suppress(OSError):
            self._part.discard()

    def _put(self, data: bytes) -> BinaryIO:
        """Write more bytes, and give the file.

        It is made here and not before: a signal may end the run at any moment, and only what is made inside
        of the `with` block is sure to be removed.
        """
        if self._file is None:
            self._file = self._part.open()
            self._put(MAGIC + self._key)
        self._digest.update(data)
        self._file.write(data)
        return self._file


@dataclass(frozen=True, slots=True, eq=False)
class Spool:
    """A whole spool file of n packets, all arrays in the order of decoding."""

    path: Path
    pts: np.ndarray
    """(n,) int64, in the encoder's time base; no two alike."""
    durations: np.ndarray
    """(n,) int64, in the same time base; 0 where unknown."""
    sizes: np.ndarray
    """(n,) int64, bytes."""
    alphas: np.ndarray
    """(n,) int64, bytes of the alpha channel, which lies behind a packet's own; mostly 0."""
    keys: np.ndarray
    """(n,) bool, True for key frames."""
    delay: int
    """Number of packets that are decoded before the first one is shown."""
    extradata: bytes
    """The encoder's stream header; may be empty."""
    notes: dict[str, Any]
    """What the writer added; who uses its fields must check them."""

    @classmethod
    def read(cls, path: Path, key: bytes) -> Spool:
        """Check a file from its first byte to its last, and read what it says of its packets.

        Args:
            path: Of the file.
            key: Of the run that wants to read it.

        Raises:
            SpoolError: It is not there, not whole, or not of this run.
        """
        try:
            if exists(path) and not is_file(path):  # a pipe would be waited for
                raise ValueError("it is no regular file")
            with path.open("rb") as file:
                return _read(path, file, key)
        except OSError as error:
            raise SpoolError(f"'{path}' cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise SpoolError(f"'{path}' is damaged: {error}") from error

    def packets(self, time_base: Fraction) -> Iterator[Packet[VideoStream]]:
        """The packets in the order of decoding.

        Args:
            time_base: That their times are in.

        Yields:
            Each packet with its pts and duration, without a decoding time.

        Raises:
            SpoolError: The file has changed since it was checked.
        """
        with self.path.open("rb") as file:
            file.seek(len(MAGIC) + KEY_BYTES)
            columns = self.pts, self.durations, self.sizes, self.alphas, self.keys
            for pts, duration, size, alpha, is_key in zip(*columns, strict=True):
                data, beside = file.read(int(size)), file.read(int(alpha))
                if len(data) + len(beside) != size + alpha:
                    raise SpoolError(f"'{self.path}' has become shorter")
                packet: Packet[VideoStream] = Packet(data)  # type: ignore[assignment]
                if beside:
                    channel = PacketSideData(  # type: ignore[call-arg]
                        packet_sidedata_type_from_literal(_ALPHA), len(beside)
                    )
                    channel.update(beside)
                    packet.set_sidedata(channel)
                packet.pts, packet.duration, packet.time_base = int(pts), int(duration), time_base
                packet.is_keyframe = bool(is_key)
                yield packet


def decode_times(pts: np.ndarray, delay: int) -> np.ndarray:
    """When packets are to be decoded: rising, and none after it is shown.

    As x264 does it, but for a whole film: the sorted pts, delayed by as many packets as any packet is decoded
    ahead; the first ones are moved ahead by the time that this takes.

    Args:
        pts: (n,) int64, in the order of decoding, no two alike.
        delay: Least number of packets to delay by.

    Returns:
        (n,) int64, the dts of the packets, in the same order and time base.
    """
    count, in_order = len(pts), np.sort(pts)
    if not count:
        return in_order
    ahead = int((np.arange(count) - np.searchsorted(in_order, pts)).max())
    delay = min(max(delay, ahead), count - 1)
    early = in_order[delay] - in_order[0]
    return np.concatenate([in_order[:delay] - early, in_order[: count - delay]])


def _read(path: Path, file: BinaryIO, key: bytes) -> Spool:
    """Check and read an open file; raises ValueError and the like where it is damaged."""
    start, end = len(MAGIC) + KEY_BYTES, _LENGTH.size + _DIGEST_BYTES
    size = os.fstat(file.fileno()).st_size
    head = file.read(start)
    if not head.startswith(MAGIC) or size < start + end:
        raise ValueError("it is none, or cut off")
    if head != MAGIC + key:
        raise SpoolError(f"'{path}' is of another run")
    file.seek(size - end)
    (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
    if length > min(_MOST_INDEX_BYTES, size - start - end):
        raise ValueError("the length of its index makes no sense")
    if _hash(file, size - _DIGEST_BYTES) != file.read(_DIGEST_BYTES):
        raise ValueError("its checksum is wrong")
    file.seek(size - end - length)
    index = json.loads(file.read(length))
    columns = {name: _read_column(index[name], kind) for name, kind in _COLUMNS.items()}
    pts, sizes = columns["pts"], columns["sizes"]
    if len({len(column) for column in columns.values()}) > 1 or len(np.unique(pts)) < len(pts):
        raise ValueError("its packets make no sense")
    alphas = columns["alphas"]
    if min(sizes.min(initial=0), alphas.min(initial=0)) < 0:
        raise ValueError("its packets make no sense")
    if sum(sizes.tolist()) + sum(alphas.tolist()) != size - start - end - length:
        raise ValueError("its packets do not fill it")
    if type(index["delay"]) is not int or not isinstance(index["notes"], dict):
        raise ValueError("its index makes no sense")
    return Spool(
        path,
        **columns,
        delay=index["delay"],
        extradata=bytes.fromhex(index["extradata"]),
        notes=index["notes"],
    )


def _read_column(values: Any, kind: type) -> np.ndarray:
    if not isinstance(values, list) or any(type(value) is not int for value in values):
        raise ValueError("its packets make no sense")
    return np.array(values, np.int64).astype(kind)


def _hash(file: BinaryIO, size: int) -> bytes:
    """SHA-256 of the first so many bytes; the file is left behind them."""
    digest, left = hashlib.sha256(), size
    file.seek(0)
    while left and (data := file.read(min(_CHUNK_BYTES, left))):
        digest.update(data)
        left -= len(data)
    return digest.digest()

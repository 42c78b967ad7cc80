"""The packets of a rendered segment in a file of their own, which is there whole or not at all.

The layout, numbers little-endian: `MAGIC`, 32 bytes that say of which run it is, the packets' bytes one after
the other, a JSON object about them (see `SpoolWriter.commit`), its length in 8 bytes, and the SHA-256 of all
before. No container would do: Matroska rounds times to milliseconds, NUT and Matroska lose decoding times.
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

from subremover.runtime.atomic_file import PartFile

MAGIC = b"subremover spool 1\n"
KEY_BYTES = 32
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
    """Takes the packets of one encoder; without `commit` nothing is left of them.

    Raises OSError where the disk fails.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        """`key` of 32 bytes: of the run that alone may read it."""
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, got {len(key)}")
        self._part, self._key = PartFile(path), key
        self._digest = hashlib.sha256()
        self._columns: dict[str, list[int]] = {name: [] for name in _COLUMNS}
        self._delay = 0
        self._file: BinaryIO | None = None

    def write(self, packets: Iterable[Packet[VideoStream]]) -> None:
        """Take packets in the order of decoding."""
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
            extradata: Of the encoder.
            notes: Anything that JSON can hold.
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
        """The file with more in it.

        It is made here and not before: a signal may end the run at any moment, and only what is made inside
        of the `with` block is sure to be removed.
        """
        if self._file is None:
            self._file = self._part.path.open("wb")
            self._put(MAGIC + self._key)
        self._digest.update(data)
        self._file.write(data)
        return self._file


@dataclass(frozen=True, slots=True, eq=False)
class Spool:
    """A whole spool file."""

    path: Path
    pts: np.ndarray
    """(n,) int64, in the order of decoding, no two alike, as are the next three rows."""
    durations: np.ndarray
    sizes: np.ndarray
    """Bytes."""
    alphas: np.ndarray
    """Bytes of the alpha channel, which lies behind a packet's own; mostly 0."""
    keys: np.ndarray
    """(n,) bool."""
    delay: int
    """Packets that the encoder had decoded before the first one is shown."""
    extradata: bytes
    notes: dict[str, Any]
    """What the writer said; its fields are to be checked by who uses them."""

    @classmethod
    def read(cls, path: Path, key: bytes) -> Spool:
        """Check a file from its first byte to its last, and take what is said of its packets.

        Raises:
            SpoolError: It is not there, not whole, or not of this run.
        """
        try:
            if path.exists() and not path.is_file():  # a pipe would be waited for
                raise ValueError("it is no regular file")
            with path.open("rb") as file:
                return _read(path, file, key)
        except OSError as error:
            raise SpoolError(f"'{path}' cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise SpoolError(f"'{path}' is damaged: {error}") from error

    def packets(self, time_base: Fraction) -> Iterator[Packet[VideoStream]]:
        """The packets in the order of decoding, without decoding times.

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

    As x264 does it, but for a whole film: the sorted times, late by as many packets as any is decoded ahead;
    the first ones by the time that this takes.

    Args:
        pts: (n,) int64, in the order of decoding, no two alike.
        delay: Packets, at the least.

    Returns:
        (n,) int64.
    """
    count, in_order = len(pts), np.sort(pts)
    if not count:
        return in_order
    ahead = int((np.arange(count) - np.searchsorted(in_order, pts)).max())
    delay = min(max(delay, ahead), count - 1)
    early = in_order[delay] - in_order[0]
    return np.concatenate([in_order[:delay] - early, in_order[: count - delay]])


def _read(path: Path, file: BinaryIO, key: bytes) -> Spool:
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
    digest, left = hashlib.sha256(), size
    file.seek(0)
    while left and (data := file.read(min(_CHUNK_BYTES, left))):
        digest.update(data)
        left -= len(data)
    return digest.digest()

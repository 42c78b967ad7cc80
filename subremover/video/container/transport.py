"""Reads the programs of an MPEG transport stream and their names, which PyAV does not tell.

They are in the tables PAT (ISO/IEC 13818-1) and SDT (ETSI EN 300 468) at a file's beginning; what is damaged
is passed over.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LOOK_BYTES = 1 << 20
"""Number of bytes that are read from a file's beginning. FFmpeg's muxer repeats both tables several times a
second, broadcasters every two seconds at the latest."""
_SIZES = (188, 192, 204)
"""Bytes of a packet: plain, Blu-ray (with a clock before each), with error correction."""
_SYNC = 0x47
_PAT_PID, _SDT_PID = 0x00, 0x11
_PAT_TABLE, _SDT_TABLE = 0x00, 0x42
_SERVICE_DESCRIPTOR = 0x48


@dataclass(frozen=True, slots=True)
class Program:
    """One program of a transport stream."""

    number: int
    """Program number, called service id in the SDT."""
    name: str = ""
    """Empty where there is none, or none that is readable."""
    provider: str = ""
    """The name of who broadcasts it; empty likewise."""


def read_programs(path: Path) -> list[Program]:
    """The programs of an MPEG transport stream.

    Args:
        path: The file.

    Returns:
        Programs by number; none where no table can be read.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(_LOOK_BYTES)
    numbers: set[int] = set()
    named: dict[int, Program] = {}
    for body in _read_sections(data, _PAT_PID, _PAT_TABLE):
        numbers |= {number for number, _ in struct.iter_unpack(">HH", body[: len(body) // 4 * 4])}
    for body in _read_sections(data, _SDT_PID, _SDT_TABLE):
        named |= {program.number: program for program in _read_services(body[3:])}
    return [named.get(number, Program(number)) for number in sorted(numbers - {0})]  # 0: the network


def _read_sections(data: bytes, pid: int, table: int) -> Iterator[bytes]:
    """The contents of all tables of one kind, without their common header of 8 bytes and the checksum."""
    section = b""
    for is_start, payload in _read_payloads(data, pid):
        section = payload[1 + payload[0] :] if is_start and payload else section + payload
        if len(section) < 8:
            continue
        length = 3 + (struct.unpack(">H", section[1:3])[0] & 0x0FFF)
        if section[0] == table and 12 <= length <= len(section):
            yield section[8 : length - 4]
            section = b""


def _read_payloads(data: bytes, pid: int) -> Iterator[tuple[bool, bytes]]:
    """For each packet of a stream (PID): whether a table begins in it, and its payload."""
    size, first = _find_packets(data)
    for at in range(first, len(data) - 187, size):
        sync, head, flags = struct.unpack(">BHB", data[at : at + 4])
        if sync != _SYNC or head & 0x1FFF != pid or not flags & 0x10:
            continue
        skipped = 5 + data[at + 4] if flags & 0x20 else 4
        yield bool(head & 0x4000), data[at + skipped : at + 188]


def _find_packets(data: bytes) -> tuple[int, int]:
    """Bytes of a packet, and where the first one begins; behind the end if there are no packets."""
    for size in _SIZES:
        for first in range(min(size, len(data))):
            places = data[first : first + 5 * size : size]
            if len(places) > 1 and set(places) == {_SYNC}:
                return size, first
    return _SIZES[0], len(data)


def _read_services(body: bytes) -> Iterator[Program]:
    """The named programs of an SDT."""
    while len(body) >= 5:
        number, _, length = struct.unpack(">HBH", body[:5])
        length &= 0x0FFF
        descriptors, body = body[5 : 5 + length], body[5 + length :]
        while len(descriptors) >= 2:
            tag, size = descriptors[:2]
            words, descriptors = descriptors[2 : 2 + size], descriptors[2 + size :]
            if tag == _SERVICE_DESCRIPTOR and len(words) >= 3:
                end = 2 + words[1]
                name = words[end + 1 : end + 1 + words[end]] if end < len(words) else b""
                yield Program(number, _decode(name), _decode(words[2:end]))


def _decode(text: bytes) -> str:
    """Text in ASCII, or in UTF-8 by its mark; empty in other character sets, which are not guessed at."""
    try:
        return text[1:].decode() if text[:1] == b"\x15" else text.decode("ascii")
    except UnicodeDecodeError:
        return ""

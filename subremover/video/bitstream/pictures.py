"""The few facts of a coded picture that cutting and joining packets needs.

These are its NAL units, and whether decoding can start anew at a packet.

Bitstreams are untrusted: a length is checked before anything is read by it, and whatever does not fit raises
a BitstreamError. Nothing here decodes. Layouts: ITU-T H.264 and H.265 sections 7.3, and the bitstream
specifications of VP9 and AV1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

Bytes = bytes | memoryview

LENGTH_SIZE = 4
"""Bytes of the length before each NAL unit in a packet; others are rare, and a stream has one size."""
# H.264 allows a slice a macroblock, encoders make some ten.
_MOST_NALS = 4096
_AUD = {"h264": 9, "hevc": 35}
_IDR = {"h264": (5,), "hevc": (19, 20)}


class BitstreamError(ValueError):
    """What was read cannot be what it says it is, or cannot be cut or joined."""


class Bits:
    """Reads bits, most significant first."""

    def __init__(self, data: Bytes) -> None:
        self._value = int.from_bytes(data)
        self.left = 8 * len(data)
        """How many have not been read."""

    def read(self, count: int) -> int:
        if count > self.left:
            raise BitstreamError("a header ends too early")
        self.left -= count
        return self._value >> self.left & (1 << count) - 1

    def read_ue(self) -> int:
        """An Exp-Golomb code (H.264 9.1)."""
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > 31:
                raise BitstreamError("an Exp-Golomb code has more than 31 leading zeros")
        return (1 << zeros) - 1 + self.read(zeros)


def split_nals(packet: Bytes, length_size: int = LENGTH_SIZE) -> list[memoryview]:
    """The NAL units of a length-prefixed packet, as mp4 and Matroska hold it.

    Raises:
        BitstreamError: A length leads out of the packet, a unit is empty, or there are thousands.
    """
    view, at, nals = memoryview(packet), 0, []
    while at < len(view):
        start = at + length_size
        at = start + int.from_bytes(view[at:start])
        if start >= at or at > len(view):
            raise BitstreamError("a NAL unit is empty or longer than its packet")
        nals.append(view[start:at])
        if len(nals) > _MOST_NALS:
            raise BitstreamError(f"a packet has more than {_MOST_NALS} NAL units")
    return nals


def join_nals(nals: Iterable[Bytes]) -> bytes:
    """A length-prefixed packet of NAL units."""
    return b"".join(part for nal in nals for part in (len(nal).to_bytes(LENGTH_SIZE), nal))


def split_start_codes(data: bytes) -> Iterator[bytes]:
    """The NAL units between start codes (annex B), as encoders give them."""
    for part in data.split(b"\0\0\1"):  # never within a unit: that is what emulation prevention is for
        if nal := part.rstrip(b"\0"):  # a unit ends with a one bit; what follows belongs to the next code
            yield nal


def nal_type(codec: str, nal: Bytes) -> int:
    """The `nal_unit_type` in the header of a NAL unit of H.264 or HEVC."""
    return nal[0] & 0x1F if codec == "h264" else nal[0] >> 1 & 0x3F


def put_first(codec: str, packet: Bytes, sets: Iterable[bytes]) -> bytes:
    """A packet with parameter sets in front, behind the access unit delimiter if there is one."""
    nals = split_nals(packet)
    at = int(bool(nals) and nal_type(codec, nals[0]) == _AUD[codec])
    return join_nals([*nals[:at], *sets, *nals[at:]])


def is_start(codec: str, packet: Bytes) -> bool:
    """Whether everything before a packet can be forgotten: none of the pictures that follow refers to it.

    Raises:
        BitstreamError: The packet is broken, or of another codec than H.264, HEVC, VP9 and AV1.
    """
    if codec in _IDR:
        return any(nal_type(codec, nal) in _IDR[codec] for nal in split_nals(packet))
    if codec == "vp9":
        return _starts_vp9(packet)
    if codec == "av1":
        return _starts_av1(packet)
    raise BitstreamError(f"packets of {codec} are not looked into")


def _starts_vp9(packet: Bytes) -> bool:
    """Whether the first frame is a key frame: it fills all reference slots."""
    bits = Bits(packet[:2])
    if bits.read(2) != 2:
        raise BitstreamError("a packet is no VP9 frame")
    profile = bits.read(1) + 2 * bits.read(1)
    if profile == 3:
        bits.read(1)
    return not bits.read(1) and not bits.read(1)  # neither an older frame shown again nor predicted


def _starts_av1(packet: Bytes) -> bool:
    """Whether it has a sequence header and then a key frame that is shown: that fills all reference slots."""
    has_header, at = False, 0
    while at < len(packet):
        kind, has_extension, has_size = packet[at] >> 3 & 15, packet[at] & 4, packet[at] & 2
        at += 2 if has_extension else 1
        size, at = _read_leb128(packet, at) if has_size else (len(packet) - at, at)
        if size < 0 or at + size > len(packet):
            raise BitstreamError("an OBU is longer than its packet")
        bits = Bits(packet[at : at + min(size, 1)])
        if kind == 1:  # sequence header: profile, still picture, reduced header
            has_header = True
            if bits.read(5) & 1:
                return False
        elif kind in (3, 6):  # frame header, frame: is an older one, type, is shown
            return has_header and bits.read(4) == 1
        at += size
    return False


def _read_leb128(data: Bytes, at: int) -> tuple[int, int]:
    """A number and where it ends (AV1 4.10.5)."""
    value = 0
    for count in range(8):
        if at >= len(data):
            break
        value |= (data[at] & 0x7F) << 7 * count
        at += 1
        if not data[at - 1] & 0x80:
            return value, at
    raise BitstreamError("a size ends too early")

"""The parameter sets of H.264 and HEVC: which there are, and both encoders' in one stream header.

Each picture names its sets by their id, so the sets of two encoders can lie side by side as long as no id is
taken twice. x264 takes an id as an option. x265 knows none but 0, so its packets are renumbered.
Layouts: ISO/IEC 14496-15 (avcC, hvcC), ITU-T H.264 and H.265 section 7.3.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from subremover.video.bitstream import LENGTH_SIZE, Bits, BitstreamError, Bytes, nal_type, split_start_codes

SetKey = tuple[int, int]
"""NAL unit type and id of a parameter set."""

_H264_SPS, _H264_PPS = 7, 8
_VPS, _SPS, _PPS = 32, 33, 34
_KINDS = {"h264": (_H264_SPS, _H264_PPS), "hevc": (_VPS, _SPS, _PPS)}
# Of a second layer or view, or Dolby Vision's: an encoder that knows one layer cannot go on with them.
_LAYERED = {"h264": (14, 15, 20, 21), "hevc": (62, 63)}
_HEAD_SIZE = {"h264": 5, "hevc": 22}
# What an avcC has room for, by the bits of its counts.
_MOST_H264 = {_H264_SPS: 31, _H264_PPS: 255}
_MOST_SET_BYTES = 65535
_CODED_SLICES, _KEY_SLICES = range(10), range(16, 24)  # in HEVC; the latter have a flag more
# Ids whose code is of nine bits and ends neither in 00 nor in 000: see `_renumber_slice`.
_PPS_IDS = [number for number in range(15, 31) if (number + 1) % 4]


@dataclass(frozen=True, slots=True)
class StreamHeader:
    """An avcC or hvcC."""

    nals: tuple[bytes, ...]
    """Its parameter sets, and perhaps SEI."""
    head: bytes
    """What is said of the stream, up to the sets."""
    tail: bytes = b""
    """Of an avcC, behind the sets."""


@dataclass(frozen=True, slots=True)
class HevcIds:
    """Free ids for the sets of an encoder that gives them all the id 0."""

    vps: int
    sps: int
    pps: int


def set_key(codec: str, nal: Bytes) -> SetKey | None:
    """What identifies a parameter set among those of its film; None for any other NAL unit.

    Raises:
        BitstreamError: It is broken, or of a second layer or view.
    """
    kind = nal_type(codec, nal)
    layer = 0 if codec == "h264" else int.from_bytes(nal[:2]) >> 3 & 0x3F
    if layer or kind in _LAYERED[codec]:
        raise BitstreamError("the picture has several layers or views")
    if kind not in _KINDS[codec]:
        return None
    if len(nal) > _MOST_SET_BYTES:
        raise BitstreamError(f"a parameter set has more than {_MOST_SET_BYTES} bytes")
    bits = Bits(_unescape(nal[: 1 + 256])[1 if codec == "h264" else 2 :])
    if kind == _H264_SPS:
        bits.read(24)  # profile, constraints, level
    elif kind == _VPS:
        return kind, bits.read(4)
    elif kind == _SPS:
        _skip_profile(bits)
    return kind, bits.read_ue()


def parse_header(codec: str, data: bytes) -> StreamHeader:
    """The parts of an avcC or hvcC.

    Raises:
        BitstreamError: It is neither, or broken, or its packets have lengths of other than four bytes.
    """
    at = _HEAD_SIZE[codec]
    if len(data) <= at or data[0] != 1:
        raise BitstreamError("the stream's header holds no parameter sets")
    if data[at - 1] & 3 != LENGTH_SIZE - 1:
        raise BitstreamError(f"NAL units have lengths of other than {LENGTH_SIZE} bytes")
    nals: list[bytes] = []

    def take(size: int) -> bytes:
        nonlocal at
        if at + size > len(data):
            raise BitstreamError("the stream's header ends too early")
        at += size
        return data[at - size : at]

    def take_nals(count: int) -> None:
        for _ in range(count):
            nal = take(int.from_bytes(take(2)))
            if not nal:
                raise BitstreamError("a parameter set is empty")
            nals.append(nal)

    if codec == "h264":
        take_nals(take(1)[0] & 0x1F)
        take_nals(take(1)[0])
    else:
        for _ in range(take(1)[0]):
            take(1)
            take_nals(int.from_bytes(take(2)))
    return StreamHeader(tuple(nals), data[: _HEAD_SIZE[codec]], data[at:])


def join_avcc(source: StreamHeader, own: StreamHeader) -> bytes:
    """An avcC for H.264 of two encoders; the source's gives what is neither set nor limit.

    Raises:
        BitstreamError: There are too many sets.
    """
    head = bytearray(source.head)
    head[2] &= own.head[2]  # constraints that all pictures keep
    head[3] = max(head[3], own.head[3])  # the level that none exceeds
    data = bytes(head)
    for kind, most in _MOST_H264.items():
        nals = [nal for nal in (*source.nals, *own.nals) if nal_type("h264", nal) == kind]
        if len(nals) > most:
            raise BitstreamError("there are more parameter sets than the stream's header can hold")
        count = len(nals) | (0xE0 if kind == _H264_SPS else 0)
        data += bytes([count]) + b"".join(len(nal).to_bytes(2) + nal for nal in nals)
    return data + source.tail


def join_hvcc(source: StreamHeader, own: Iterable[bytes]) -> bytes:
    """An hvcC for HEVC of two encoders, of which the second one's sets are given."""
    nals = [*source.nals, *own]
    head = bytearray(source.head)
    levels = [Bits(_unescape(nal)[2 + 12 :]).read(8) for nal in nals if nal_type("hevc", nal) == _SPS]
    head[12] = max(head[12], *levels)  # that none exceeds
    head[13:16] = b"\xf0\0\xfc"  # how slices can be decoded side by side: not known
    kinds = list(dict.fromkeys(sorted(nal_type("hevc", nal) for nal in nals)))
    data = bytes(head) + bytes([len(kinds)])
    for kind in kinds:
        those = [nal for nal in nals if nal_type("hevc", nal) == kind]
        data += bytes([0x80 | kind]) + len(those).to_bytes(2)
        data += b"".join(len(nal).to_bytes(2) + nal for nal in those)
    return data


def free_h264_id(taken: Collection[SetKey]) -> int:
    """For the SPS and the PPS of a second encoder.

    Raises:
        BitstreamError: There is none.
    """
    return _first_free(range(1, 32), (_H264_SPS, _H264_PPS), taken)


def free_hevc_ids(taken: Collection[SetKey]) -> HevcIds:
    """For the sets of a second encoder.

    Raises:
        BitstreamError: There is none.
    """
    return HevcIds(
        _first_free(range(1, 16), (_VPS,), taken),
        _first_free(range(1, 16), (_SPS,), taken),
        _first_free(_PPS_IDS, (_PPS,), taken),
    )


def renumber_hevc(data: bytes, ids: HevcIds) -> list[bytes]:
    """The NAL units of an HEVC encoder's packet or header with start codes, its sets' ids not 0 but others.

    Raises:
        BitstreamError: The ids are not 0.
    """
    nals = []
    for nal in split_start_codes(data):
        kind = nal_type("hevc", nal)
        if kind in _CODED_SLICES or kind in _KEY_SLICES:
            nals.append(_renumber_slice(nal, ids.pps))
        elif kind in _KINDS["hevc"]:
            nals.append(_renumber_set(nal, ids))
        else:
            nals.append(nal)
    return nals


def _renumber_slice(nal: bytes, pps: int) -> bytes:
    """Put the PPS's id 0, the bit 1, over to another one.

    Of an id from 15 to 30 the code is longer by exactly eight bits, so that all that follows stays as it
    is, byte by byte; and as the first two bytes cannot become 0, so does its emulation prevention.
    """
    flags = 2 if nal_type("hevc", nal) in _KEY_SLICES else 1
    first = nal[2] if len(nal) > 2 else 0
    if not first >> 7 - flags & 1:
        raise BitstreamError("the encoder's slices refer to another PPS than 0")
    left = 7 - flags  # bits behind the id in the first byte
    bits = (first >> 8 - flags) << 16 - flags | (pps + 1) << left | first & (1 << left) - 1
    return nal[:2] + bits.to_bytes(2) + nal[3:]


def _renumber_set(nal: bytes, ids: HevcIds) -> bytes:
    kind, bits, out = nal_type("hevc", nal), Bits(_unescape(nal)[2:]), _Writer()
    if kind == _PPS:
        old = bits.read_ue(), bits.read_ue()
        out.write_ue(ids.pps)
        out.write_ue(ids.sps)
    else:
        old = bits.read(4), 0
        out.write(ids.vps, 4)
    if kind == _SPS:
        profile = Bits(_unescape(nal)[2:])
        _skip_profile(profile)
        size = bits.left - profile.left
        out.write(bits.read(size), size)
        old = old[0], bits.read_ue()
        out.write_ue(ids.sps)
    if any(old):
        raise BitstreamError("the encoder's parameter sets have other ids than 0")
    count = bits.left
    out.write(bits.read(count), count)
    return nal[:2] + _escape(out.to_bytes())


class _Writer:
    """Writes bits, most significant first."""

    def __init__(self) -> None:
        self._value = self._count = 0

    def write(self, value: int, count: int) -> None:
        self._value, self._count = self._value << count | value, self._count + count

    def write_ue(self, value: int) -> None:
        self.write(value + 1, 2 * (value + 1).bit_length() - 1)

    def to_bytes(self) -> bytes:
        """What was written up to its last one bit, filled up with zeros."""
        missing = -self._count % 8
        return (self._value << missing).to_bytes((self._count + missing) // 8).rstrip(b"\0")


def _skip_profile(bits: Bits) -> None:
    """What stands in an SPS before its id (profile_tier_level, H.265 7.3.3)."""
    sub_layers = bits.read(8) >> 1 & 7
    bits.read(88 + 8)
    present = [(bits.read(1), bits.read(1)) for _ in range(sub_layers)]
    bits.read(2 * (8 - sub_layers) if sub_layers else 0)
    for has_profile, has_level in present:
        bits.read(88 * has_profile + 8 * has_level)


def _unescape(nal: Bytes) -> bytes:
    """A NAL unit without emulation prevention."""
    return bytes(nal).replace(b"\0\0\3", b"\0\0")


def _escape(payload: bytes) -> bytes:
    """With emulation prevention (H.265 7.4.2)."""
    out, zeros = bytearray(), 0
    for byte in payload:
        if zeros == 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = 0 if byte else zeros + 1
    return bytes(out)


def _first_free(ids: Iterable[int], kinds: Collection[int], taken: Collection[SetKey]) -> int:
    for number in ids:
        if not any((kind, number) in taken for kind in kinds):
            return number
    raise BitstreamError("the film's parameter sets leave no id free")

"""Parameter sets of H.264 and HEVC: finds their ids, and joins those of two encoders in one stream header.

Each picture names its sets by their id, so the sets of two encoders can lie side by side as long as no id is
taken twice. x264 takes an id as an option; x265 knows none but 0, so its packets are renumbered (`renumber`).
Layouts: ISO/IEC 14496-15 (avcC, hvcC), ITU-T H.264 and H.265 section 7.3.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from subremover.video.bitstream.pictures import LENGTH_SIZE, Bits, BitstreamError, Bytes, nal_type

SetKey = tuple[int, int]
"""NAL unit type and id of a parameter set."""

_H264_SPS, _H264_PPS = 7, 8
VPS, SPS, PPS = 32, 33, 34
"""NAL unit types of HEVC."""
_KINDS = {"h264": (_H264_SPS, _H264_PPS), "hevc": (VPS, SPS, PPS)}
# NAL unit types of a second layer or view, or Dolby Vision's: no encoder here writes them.
_LAYERED = {"h264": (14, 15, 20, 21), "hevc": (62, 63)}
# Bytes of an avcC or hvcC in front of its parameter sets.
_HEAD_SIZE = {"h264": 5, "hevc": 22}
# How many sets an avcC has room for, by the bits of its counts.
_MOST_H264 = {_H264_SPS: 31, _H264_PPS: 255}
_MOST_SET_BYTES = 65535
# Ids whose code is of nine bits and does not end in 00: see `renumber`.
_PPS_IDS = [number for number in range(15, 31) if (number + 1) % 4]


@dataclass(frozen=True, slots=True)
class StreamHeader:
    """The parts of an avcC or hvcC, which mp4 and Matroska keep as the stream's extradata."""

    nals: tuple[bytes, ...]
    """Its parameter sets, and perhaps SEI."""
    head: bytes
    """The bytes before the sets: profile, level and the like."""
    tail: bytes = b""
    """The bytes after the sets; of an avcC only."""


@dataclass(frozen=True, slots=True)
class HevcIds:
    """Free ids for the sets of an encoder that gives them all the id 0."""

    vps: int
    sps: int
    pps: int


def set_key(codec: str, nal: Bytes) -> SetKey | None:
    """What identifies a parameter set among those of its film.

    Args:
        codec: "h264" or "hevc".
        nal: A NAL unit without its length or start code.

    Returns:
        Its type and id; None for any other NAL unit.

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
    bits = Bits(unescape(nal[: 1 + 256])[1 if codec == "h264" else 2 :])
    if kind == _H264_SPS:
        bits.read(24)  # profile, constraints, level
    elif kind == VPS:
        return kind, bits.read(4)
    elif kind == SPS:
        skip_profile(bits)
    return kind, bits.read_ue()


def parse_header(codec: str, data: bytes) -> StreamHeader:
    """Take an avcC or hvcC apart.

    Args:
        codec: "h264" or "hevc".
        data: The stream's extradata.

    Raises:
        BitstreamError: It is none, or broken, or its packets have lengths of other than four bytes.
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
    """Make an avcC for a stream of pictures from two H.264 encoders.

    Args:
        source: The header of the source's stream.
        own: The header of our encoder's; no id of its sets is the source's.

    Returns:
        The bytes of the joint header.

    Raises:
        BitstreamError: There are more sets than it has room for.
    """
    head = bytearray(source.head)
    head[1] = max(head[1], own.head[1])  # the profile that takes in the other, of those that encoders make
    head[2] &= own.head[2]  # constraints that all pictures keep
    head[3] = max(head[3], own.head[3])  # the level that none exceeds
    data = bytes(head)
    for kind, most in _MOST_H264.items():
        nals = [nal for nal in (*source.nals, *own.nals) if nal_type("h264", nal) == kind]
        if len(nals) > most:
            raise BitstreamError("there are more parameter sets than the stream's header can hold")
        count = len(nals) | (0xE0 if kind == _H264_SPS else 0)
        data += bytes([count]) + b"".join(len(nal).to_bytes(2) + nal for nal in nals)
    return data + (source.tail or own.tail)


def join_hvcc(source: StreamHeader, own: Iterable[bytes]) -> bytes:
    """Make an hvcC for a stream of pictures from two HEVC encoders.

    Args:
        source: The header of the source's stream.
        own: The parameter sets of our encoder, renumbered so that no id is the source's.

    Returns:
        The bytes of the joint header.
    """
    nals = [*source.nals, *own]
    head = bytearray(source.head)
    levels = [Bits(unescape(nal)[2 + 12 :]).read(8) for nal in nals if nal_type("hevc", nal) == SPS]
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
    """An id that both the SPS and the PPS of a second encoder can have.

    Args:
        taken: The sets of the first one.

    Raises:
        BitstreamError: None is free.
    """
    return _first_free(range(1, 32), (_H264_SPS, _H264_PPS), taken)


def free_hevc_ids(taken: Collection[SetKey]) -> HevcIds:
    """Ids that the sets of a second encoder can have.

    Args:
        taken: The sets of the first one.

    Raises:
        BitstreamError: None is free.
    """
    return HevcIds(
        _first_free(range(1, 16), (VPS,), taken),
        _first_free(range(1, 16), (SPS,), taken),
        _first_free(_PPS_IDS, (PPS,), taken),
    )


def skip_profile(bits: Bits) -> None:
    """Read past what stands in an HEVC SPS before its id (profile_tier_level, H.265 7.3.3).

    Args:
        bits: Of the SPS, behind its NAL header.

    Raises:
        BitstreamError: It ends too early.
    """
    sub_layers = bits.read(8) >> 1 & 7
    bits.read(88 + 8)
    present = [(bits.read(1), bits.read(1)) for _ in range(sub_layers)]
    bits.read(2 * (8 - sub_layers) if sub_layers else 0)
    for has_profile, has_level in present:
        bits.read(88 * has_profile + 8 * has_level)


def unescape(nal: Bytes) -> bytes:
    """A NAL unit without its emulation prevention bytes."""
    return bytes(nal).replace(b"\0\0\3", b"\0\0")


def _first_free(ids: Iterable[int], kinds: Collection[int], taken: Collection[SetKey]) -> int:
    """The first of some ids that no set of these types has taken."""
    for number in ids:
        if not any((kind, number) in taken for kind in kinds):
            return number
    raise BitstreamError("the film's parameter sets leave no id free")

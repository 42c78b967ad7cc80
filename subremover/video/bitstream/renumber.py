"""Gives an HEVC encoder's parameter sets other ids: x265 knows none but 0, as do most sources."""

from __future__ import annotations

from subremover.video.bitstream.parameter_sets import PPS, SPS, VPS, HevcIds, skip_profile, unescape
from subremover.video.bitstream.pictures import Bits, BitstreamError, nal_type, split_start_codes

_CODED_SLICES, _KEY_SLICES = range(10), range(16, 24)  # the latter have a flag more


def renumber_hevc(data: bytes, ids: HevcIds) -> list[bytes]:
    """Give the parameter sets in an HEVC packet or header other ids, and its slices the same.

    Args:
        data: Of an encoder that gives all sets the id 0, with start codes.
        ids: The new ones.

    Returns:
        Its NAL units.

    Raises:
        BitstreamError: The ids were not 0.
    """
    nals = []
    for nal in split_start_codes(data):
        kind = nal_type("hevc", nal)
        if kind in _CODED_SLICES or kind in _KEY_SLICES:
            nals.append(_renumber_slice(nal, ids.pps))
        elif kind in (VPS, SPS, PPS):
            nals.append(_renumber_set(nal, ids))
        else:
            nals.append(nal)
    return nals


def _renumber_slice(nal: bytes, pps: int) -> bytes:
    """A slice with another PPS id in place of 0, whose code is the single bit 1.

    The code of an id from 15 to 30 is longer by exactly eight bits, so that all that follows stays as it is,
    byte by byte; and as neither of the two new bytes can be 0, its emulation prevention stays, too.
    """
    flags = 2 if nal_type("hevc", nal) in _KEY_SLICES else 1
    first = nal[2] if len(nal) > 2 else 0
    if not first >> 7 - flags & 1:
        raise BitstreamError("the encoder's slices refer to another PPS than 0")
    left = 7 - flags  # bits behind the id in the first byte
    bits = (first >> 8 - flags) << 16 - flags | (pps + 1) << left | first & (1 << left) - 1
    return nal[:2] + bits.to_bytes(2) + nal[3:]


def _renumber_set(nal: bytes, ids: HevcIds) -> bytes:
    """A VPS, SPS or PPS with other ids in place of 0."""
    kind, bits, out = nal_type("hevc", nal), Bits(unescape(nal)[2:]), _Writer()
    if kind == PPS:
        old = bits.read_ue(), bits.read_ue()
        out.write_ue(ids.pps)
        out.write_ue(ids.sps)
    else:
        old = bits.read(4), 0
        out.write(ids.vps, 4)
    if kind == SPS:
        profile = Bits(unescape(nal)[2:])
        skip_profile(profile)
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


def _escape(payload: bytes) -> bytes:
    """The payload of a NAL unit with emulation prevention bytes (H.265 7.4.2)."""
    out, zeros = bytearray(), 0
    for byte in payload:
        if zeros == 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = 0 if byte else zeros + 1
    return bytes(out)

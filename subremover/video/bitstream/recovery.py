"""Finds where decoding can begin amid a film: at most key frames, after others, and at some not at all.

An H.264 key frame need not be an IDR picture. One with a recovery point SEI that counts frames begins a
refresh (x264's intra-refresh), which moves over the picture as intra blocks. One without any promises
nothing: MPEG-TS has each intra picture for a key frame, and what follows may refer to what came before.
Layouts: ITU-T H.264 sections 7.3 and D.1.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import numpy as np

from subremover.video.bitstream.parameter_sets import unescape
from subremover.video.bitstream.pictures import (
    Bits,
    BitstreamError,
    Bytes,
    nal_type,
    split_nals,
    split_start_codes,
)

# Most pictures that a slice may refer to. As long as fewer have been decoded, FFmpeg may find none for a
# slice and lose it silently; it did so in the first picture of a refresh whose frame number was 0.
_MOST_REFERENCES = 16
# So much of an SEI is searched for a recovery point; captions and a time stamp are a hundredth of that.
_MOST_SEI_BYTES = 1 << 14
_NEVER = np.iinfo(np.int64).max - 1
_IDR, _SLICES, _SEI, _RECOVERY_POINT, _INTRA_SLICES = 5, (1, 2, 5), 6, 6, (2, 4, 7, 9)


@dataclass(frozen=True, slots=True)
class _Refresh:
    """A recovery point that counts frames."""

    time: int
    """Its pts, in the stream's time base."""
    references: int
    """Number of pictures before it, since the first refresh, that others may refer to."""
    length: int
    """Number of such pictures from it on until the picture is whole."""


class RecoveryReader:
    """Tells where decoding can begin; `note` it all packets of the video stream, in the order of decoding."""

    def __init__(self, codec: str, extradata: bytes) -> None:
        """Prepare.

        Args:
            codec: FFmpeg's name.
            extradata: The stream's header; empty where there is none.
        """
        self._is_h264 = codec == "h264"
        self._length_size = (extradata[4] & 3) + 1 if len(extradata) > 4 and extradata[0] == 1 else 0
        self._starts: list[int] = []
        self._refreshes: list[_Refresh] = []
        # of every picture from the first refresh on, and how many references there were before it
        self._times: list[int] = []
        self._counts: list[int] = []
        self._references = 0

    def note(self, packet: Bytes, time: int, is_key: bool) -> None:
        """Take in the next packet; of most films only key frames are looked into.

        Args:
            packet: Its bytes, as they are in the file.
            time: Its pts, in the stream's time base.
            is_key: Whether the container has it for a key frame.
        """
        if not self._is_h264:
            if is_key:
                self._starts.append(time)
        elif is_key or self._refreshes:
            with contextlib.suppress(BitstreamError):  # damaged: nowhere to begin
                self._note_h264(self._split(packet), time, is_key)

    def find_key_frames(self, pts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The frames at which decoding can begin, and the refreshes after which it is whole.

        Args:
            pts: (frame_count,) int64, rising, of the film's frames.

        Returns:
            (n,) indices of frames at which decoding can begin; and (m, 2) indices of the frames at which a
            refresh begins and from which on all is exact. See `Film.key_frames` and `Film.refreshes`.
        """
        starts = np.unique(np.searchsorted(pts, np.array(self._starts, np.int64)))
        begun = np.array([(r.time, r.references, r.length) for r in self._refreshes], np.int64)
        times, references, lengths = begun.reshape(-1, 3).T
        # Not its own end, but that of the first refresh that begins when this one is over.
        following = np.searchsorted(references, references + np.maximum(lengths, _MOST_REFERENCES))
        ends = np.append(references + lengths, _NEVER)[following]
        after = np.searchsorted(self._counts, ends + 1)  # what others may refer to comes right, then the rest
        is_over = after < len(self._counts)
        wholes = np.array(self._times, np.int64)[after[is_over] - 1]
        return starts, np.searchsorted(pts, np.stack([times[is_over], wholes], 1))

    def _split(self, packet: Bytes) -> list[Bytes]:
        if self._length_size:
            return [*split_nals(packet, self._length_size)]
        return [*split_start_codes(bytes(packet))]

    def _note_h264(self, nals: list[Bytes], time: int, is_key: bool) -> None:
        slices = [nal for nal in nals if nal_type("h264", nal) in _SLICES]
        if not slices:
            return
        if is_key:
            recovery = _read_recovery(nals)
            if nal_type("h264", slices[0]) == _IDR or (recovery == 0 and _is_intra(slices[0])):
                self._starts.append(time)
            elif recovery:
                self._refreshes.append(_Refresh(time, self._references, recovery))
        if self._refreshes:
            self._times.append(time)
            self._counts.append(self._references)
            self._references += slices[0][0] >> 5 & 3 > 0


def _read_recovery(nals: list[Bytes]) -> int | None:
    """Number of reference pictures until the picture is exactly right; None where that is not promised."""
    for nal in nals:
        bits = Bits(unescape(nal[:_MOST_SEI_BYTES])[1:] if nal_type("h264", nal) == _SEI else b"")
        while bits.left > 8:  # what ends the last message
            kind, size = _read_number(bits), _read_number(bits)
            if kind == _RECOVERY_POINT:
                count, is_exact = bits.read_ue(), bits.read(1)
                return count if is_exact else None
            bits.read(8 * size)
    return None


def _read_number(bits: Bits) -> int:
    """Type or size of an SEI message, the sum of its bytes, of which all but the last are 255."""
    number = 0
    while (byte := bits.read(8)) == 255:
        number += 255
    return number + byte


def _is_intra(piece: Bytes) -> bool:
    """Whether an H.264 slice refers to no other picture."""
    bits = Bits(unescape(piece[:16])[1:])
    bits.read_ue()  # the first macroblock
    return bits.read_ue() in _INTRA_SLICES

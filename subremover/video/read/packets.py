"""Reads the packets of a film with the times that they have in the whole of it.

Two kinds of film tell other ones: parts joined end to end, whose times start again, and MPEG-4 with packed
B-frames (DivX and XviD in AVI), where a packet holds a frame and the one that is shown before it.
"""

from __future__ import annotations

import contextlib
import heapq
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence

from av.bitstream import BitStreamFilterContext
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from subremover.video.film import Join

_PACKED = re.compile(rb"(DivX\d+(?:b|Build)\d+)p")
"""What encoders that pack write into the header; without the p, decoders take each packet for one frame."""
_PICTURE_START = b"\0\0\1\xb6"
_INTRA, _BIDIRECTIONAL = 0, 2
_MOST_EMPTY_BYTES = 19
"""Size of the largest packet that holds no frame but stands for one that was packed into an earlier one, as
FFmpeg's filter has it. Where reading begins with such a one, there is no frame to be put in its place."""


def read_packets(
    container: InputContainer, streams: Sequence[Stream], joins: Sequence[Join], position: int = 0
) -> Iterator[Packet]:  # type: ignore[type-arg]
    """The packets of a film, each with one frame and with its time in the whole film.

    Args:
        container: The film, open, at its beginning or sought in.
        streams: Those wanted.
        joins: Of the film (`Film.joins`).
        position: Byte that was sought; counts only where there are joins.

    Yields:
        Packets in the order of decoding; at the end of a stream an empty one.
    """
    unpackers = {stream.index: _Unpacker(stream) for stream in streams if has_packed_frames(stream)}
    positions: dict[int, int] = defaultdict(lambda: position)
    for packet in _demux(container, streams):
        index = packet.stream.index
        if joins:
            if packet.pos is not None and packet.pos >= 0:
                positions[index] = packet.pos  # else it began in the same place as the one before
            _shift(packet, joins, positions[index])
        if index in unpackers:
            yield from unpackers[index].unpack(packet)
        else:
            yield packet


def _demux(container: InputContainer, streams: Sequence[Stream]) -> Iterator[Packet]:  # type: ignore[type-arg]
    """The packets of these streams."""
    # where a stream comes up amid the film, as damage has it, PyAV looks in vain for it when all is read
    with contextlib.suppress(IndexError):
        yield from container.demux(streams)


def has_packed_frames(stream: Stream) -> bool:
    """Whether packets hold two frames, as DivX and XviD packed them for players without a reorder buffer."""
    context = getattr(stream, "codec_context", None)
    if not isinstance(stream, VideoStream) or context is None or context.codec.canonical_name != "mpeg4":
        return False
    return _PACKED.search(context.extradata or b"") is not None


def unpack_header(header: bytes) -> bytes:
    """The header of a stream with packed B-frames, as it is when they are unpacked."""
    return _PACKED.sub(rb"\1\0", header)


def _shift(packet: Packet, joins: Sequence[Join], position: int) -> None:  # type: ignore[type-arg]
    """Give a packet that begins at this byte its time in the whole film."""
    part = bisect_right(joins, position, key=lambda join: join.position) - 1
    if part < 0:
        return
    ticks = round(joins[part].shift_seconds / packet.time_base)
    if packet.pts is not None:
        packet.pts += ticks
    if packet.dts is not None:
        packet.dts += ticks


class _Unpacker:
    """Makes packets of one frame each, and tells the times of those anew.

    FFmpeg guesses them by the first frame of each packet. What is right is which there are: they belong to
    the frames in the order in which these are shown.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._filter = BitStreamFilterContext("mpeg4_unpack_bframes", stream)
        self._times: list[int] = []  # a heap
        self._held: list[Packet] = []  # type: ignore[type-arg]
        """A frame that others may refer to, and the B-frames behind it, which are shown before."""

    def unpack(self, packet: Packet) -> Iterator[Packet]:  # type: ignore[type-arg]
        """The packets that are whole with the next one of the stream; all that are left if it is empty."""
        is_end = not packet.size
        for frame in self._filter.filter(None if is_end else packet):  # which leaves nothing in the packet
            if frame.size <= _MOST_EMPTY_BYTES:
                continue
            frame.stream = self._stream
            kind = _read_kind(frame)
            frame.is_keyframe = kind == _INTRA  # that of the packet may be of either of its frames
            if kind != _BIDIRECTIONAL:
                yield from self._release()
            self._held.append(frame)
            at = frame.pts if frame.pts is not None else frame.dts
            if at is not None:
                heapq.heappush(self._times, at)
        if is_end:
            yield from self._release()
            yield packet

    def _release(self) -> Iterator[Packet]:  # type: ignore[type-arg]
        """The packets that are held back, with their times."""
        for frame in (*self._held[1:], *self._held[:1]):  # in the order in which they are shown
            frame.pts = heapq.heappop(self._times) if self._times else None
        yield from self._held
        self._held = []


def _read_kind(packet: Packet) -> int | None:  # type: ignore[type-arg]
    """Of the frame in an MPEG-4 packet (ISO/IEC 14496-2, vop_coding_type); None if there is none."""
    _, start, picture = bytes(packet).partition(_PICTURE_START)
    return picture[0] >> 6 if start and picture else None

"""Gives the packets of damaged films times that muxers take: in each stream, every packet after the last."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

from av.packet import Packet

log = logging.getLogger(__name__)


def put_in_order(
    packets: Iterable[Packet],  # type: ignore[type-arg]
    clocks: Mapping[int, Fraction],
    may_repeat: bool = False,
) -> Iterator[Packet]:  # type: ignore[type-arg]
    """The same packets with times that a muxer takes; sound that is out of order is left out.

    At another time sound would be out of step with the picture, so a packet of it that is astray is left
    out. That may be one far ahead of its neighbours or one behind them; to tell which, each is held back
    until the next of its stream has come. A packet of any other stream that comes too early gets the first
    time that a muxer takes after the packet before it. Both are counted and logged as warnings.

    Args:
        packets: As they are demuxed.
        clocks: Seconds of a tick in the output, by the index of a packet's stream; 0: it has no clock.
        may_repeat: Whether two packets of a stream may have the same decoding time.

    Yields:
        The packets in the order in which they came, but for sound, which comes a packet later.
    """
    held: dict[int, Packet] = {}  # type: ignore[type-arg]
    latest: dict[int, int] = {}
    dropped, moved = Counter[int](), Counter[int]()

    def to_ticks(packet: Packet) -> int:  # type: ignore[type-arg]
        # of the output's clock, in which two packets with different times may get the same one
        assert packet.dts is not None
        return math.floor(packet.dts * packet.time_base / clocks[packet.stream.index] + Fraction(1, 2))

    def place(packet: Packet) -> Packet:  # type: ignore[type-arg]
        index, tick = packet.stream.index, to_ticks(packet)
        earliest = latest.get(index, tick - 1) + (not may_repeat)
        if tick < earliest:
            moved[index] += 1
            tick = earliest
            packet.dts = math.ceil(tick * clocks[index] / packet.time_base)
            if packet.pts is not None:
                packet.pts = max(packet.pts, packet.dts)
        latest[index] = tick
        return packet

    for packet in packets:
        index = packet.stream.index
        if packet.dts is None or not clocks[index]:
            yield packet
        elif packet.stream.type != "audio":
            yield place(packet)
        else:
            before = held.get(index)
            if before is not None and before.dts is not None:
                if packet.dts >= before.dts:
                    yield place(before)
                else:
                    dropped[index] += 1
                    if to_ticks(packet) < latest.get(index, to_ticks(packet)):
                        continue  # not the one before, but this one is astray
            held[index] = packet
    yield from map(place, held.values())
    for index, count in dropped.items():
        log.warning(
            "%d packets of sound stream %d have times of other moments and are left out", count, index
        )
    for index, count in moved.items():
        log.warning("%d packets of stream %d are out of order; they get later times", count, index)

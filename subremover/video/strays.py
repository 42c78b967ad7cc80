"""Packets of sound whose times are damaged, which no container would take."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator

from av.packet import Packet

log = logging.getLogger(__name__)


def drop_strays(packets: Iterable[Packet]) -> Iterator[Packet]:  # type: ignore[type-arg]
    """The same packets without those of sound that stand out of the order of their track.

    One that is ahead of the next is dropped, not all that come after it, so that the rest stays in step; for
    that, each is held back until the next of its track has come.
    """
    held: dict[int, Packet] = {}  # type: ignore[type-arg]
    latest: dict[int, int] = {}
    dropped: Counter[int] = Counter()
    for packet in packets:
        index = packet.stream.index
        if packet.stream.type != "audio" or packet.dts is None:
            yield packet
            continue
        before = held.get(index)
        if before is not None and before.dts is not None:
            if packet.dts >= before.dts:
                yield before
                latest[index] = before.dts
            else:
                dropped[index] += 1
                if packet.dts < latest.get(index, packet.dts):
                    continue  # not the one before, but this one is astray
        held[index] = packet
    yield from held.values()
    for index, count in dropped.items():
        log.warning(
            "%d packets of sound stream %d have times of other moments and are left out", count, index
        )

"""Whether a film's own packets go into another container as they are, and show the same there."""

from __future__ import annotations

import contextlib
import io
import itertools
from pathlib import Path

import av.error
from av.container import InputContainer

from subremover.video.container.carry import MOV, carry, is_read_again
from subremover.video.container.output import find_format, open_output
from subremover.video.film import Film
from subremover.video.read.limits import check_memory
from subremover.video.read.packets import read_packets
from subremover.video.read.reader import has_no_times
from subremover.video.read.source import open_input

_TRIED_PACKETS = 8
"""Number of packets that a container must take before it is trusted with all."""


def can_copy(film: Film, target: Path) -> bool:
    """Whether the picture's packets can be copied to the target's container, and show the same there.

    They would not where an edit list hides some of them and the target's container has no edit lists. Those
    of an AVI that only numbers them in the order of decoding can be copied to another AVI alone.

    Args:
        film: The source.
        target: The film to be made; its extension names the container.

    Raises:
        InputError: The film cannot be read.
        OutputError: No container is known by the target's extension.
    """
    name = find_format(target)
    if not is_read_again(name, film.codec):
        return False
    with open_input(film.path) as source:
        if has_no_times(source, film):
            return name == source.format.name
        can_hide = name in MOV or "mov" not in source.format.name
        return _takes_packets(film, source, target, can_hide)


def _takes_packets(film: Film, source: InputContainer, target: Path, can_hide: bool) -> bool:
    """Whether the container takes the picture's packets, and none is hidden that it cannot hide.

    Tried in memory with the first few: many containers refuse only the header, AVI only the packets.
    """
    stream = source.streams[film.stream_index]
    out = open_output(source, io.BytesIO(), target)
    try:
        packets = (packet for packet in read_packets(source, [stream], film.joins) if packet.size)
        copy = carry(stream, out)
        out.start_encoding()
        for packet in itertools.islice(packets, _TRIED_PACKETS):
            if packet.is_discard and not can_hide:
                return False
            packet.stream = copy
            out.mux(packet)
    except (ValueError, AttributeError, av.error.FFmpegError):
        return False
    finally:
        with contextlib.suppress(ValueError, av.error.FFmpegError):
            out.close()
    try:
        return can_hide or not any(packet.is_discard for packet in packets)
    except av.error.FFmpegError as error:  # a damaged end is a warning of the probe
        check_memory(error)
        return True

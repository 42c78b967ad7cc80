"""Joins a film's own packets and newly encoded ones in one stream.

Says which packets can be copied as they are, and how those between them must be encoded.

A copied run begins where decoding can start anew, and nothing in it refers to what comes after it; a rendered
segment begins with a key frame of its own encoder. The parameter sets of H.264's and HEVC's encoder get ids
that the source does not use, and stand beside the source's in the stream's header. VP9's and AV1's key frames
bring along all they need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from av.packet import Packet

from subremover.errors import InputError, OutputError
from subremover.video.bitstream.parameter_sets import (
    HevcIds,
    free_h264_id,
    free_hevc_ids,
    join_avcc,
    join_hvcc,
    parse_header,
    set_key,
)
from subremover.video.bitstream.pictures import BitstreamError, join_nals, put_first
from subremover.video.bitstream.renumber import renumber_hevc
from subremover.video.container.carry import MATROSKA, MOV
from subremover.video.encode.encoders import Encoding
from subremover.video.encode.spool import decode_times
from subremover.video.film import Film
from subremover.video.read.source import open_input
from subremover.video.splice.packet_index import PacketIndex, find_copied, read_packet_index

LEAST_SHARE = 0.05
"""Least share of a film's frames that must be copied for it to be worth the check of the joined film.
See docs/measurements.md, "video/splice/splice: least share"."""
_ENCODERS = {"h264": "libx264", "hevc": "libx265", "vp9": "libvpx-vp9", "av1": "libsvtav1"}
"""By codec, the encoder whose packets are known to go with others of that codec."""
_PROFILES = {66: "baseline", 77: "main", 100: "high", 110: "high10", 122: "high422", 244: "high444"}
"""x264's names of H.264's profiles, by profile_idc."""


class SpliceError(OutputError):
    """This film's packets and newly encoded ones cannot be one stream."""


@dataclass(frozen=True, eq=False)
class Splice:
    """How a film is joined of its own packets and of newly encoded ones."""

    film: Film
    """The source."""
    index: PacketIndex
    """Of all packets of its picture."""
    copied: tuple[range, ...]
    """Frame indices whose packets are copied, in order; all other frames are rendered."""
    encoder_options: dict[str, str]
    """What the rendered frames' encoder must be given besides its other options, by FFmpeg's names."""
    hevc_ids: HevcIds | None = None
    """Where that encoder writes HEVC: the ids that its parameter sets get."""

    @property
    def copied_share(self) -> float:
        """Share of the film's frames whose packets are copied, in [0, 1]."""
        return sum(map(len, self.copied)) / self.film.frame_count

    def join_header(self, own: bytes) -> bytes | None:
        """The stream's extradata for both the copied packets and the encoded ones.

        Args:
            own: Extradata of the rendered frames' encoder, the same for all segments.

        Returns:
            What to set; None if the source's holds for both.

        Raises:
            SpliceError: The two headers cannot be joined.
        """
        codec, source, taken = self.film.codec, self.index.header, self.index.taken
        if source is None:
            return None
        try:
            if self.hevc_ids is not None:
                return join_hvcc(source, renumber_hevc(own, self.hevc_ids))
            header = parse_header(codec, own)
            if taken.intersection(set_key(codec, nal) for nal in header.nals):
                raise BitstreamError("the encoder's parameter sets have an id of the source's")
            return join_avcc(source, header)
        except BitstreamError as error:
            raise SpliceError(_explain(self.film, error)) from error

    def to_packet(self, packet: Packet[Any]) -> Packet[Any]:
        """The packet that goes into the stream for one of the rendered frames' encoder.

        Args:
            packet: As the encoder gives it; stays as it is.

        Returns:
            The same packet, or for HEVC one with other ids of parameter sets.

        Raises:
            SpliceError: It is not what this encoder is known to make.
        """
        if self.hevc_ids is None:
            return packet
        try:
            return _replace(packet, join_nals(renumber_hevc(bytes(packet), self.hevc_ids)))
        except BitstreamError as error:
            raise SpliceError(_explain(self.film, error)) from error

    def places(self, copied: range) -> slice:
        """Places of a copied run's packets in the index; more than its frames if an edit list hides some.

        Args:
            copied: One of `self.copied`.
        """
        return slice(self.index.place_of(copied.start), self.index.place_of(copied.stop))

    def read_packets(self) -> Iterator[Packet[Any]]:
        """The packets of all copied runs, in the order of decoding, with the source's times.

        Yields:
            Each packet, hidden ones included; at starts with the parameter sets in force, if these change.

        Raises:
            InputError: The film cannot be read, or is no longer what it was.
        """
        film, index = self.film, self.index
        is_wanted = np.zeros(len(index.frames), bool)
        for run in self.copied:
            is_wanted[self.places(run)] = True
        with open_input(film.path) as container:
            packets = (p for p in container.demux(container.streams[film.stream_index]) if p.size)
            for place in range(np.flatnonzero(is_wanted)[-1] + 1 if is_wanted.any() else 0):
                packet = next(packets, None)
                if packet is None or packet.pts != index.pts[place]:
                    raise InputError(f"'{film.path}' has changed while it was read; start again")
                if is_wanted[place]:
                    yield self._with_sets(packet, place)

    def _with_sets(self, packet: Packet[Any], place: int) -> Packet[Any]:
        """The packet; at a start with the sets in force if they change: what brought them may be left out."""
        sets = self.index.sets.get(place)
        return _replace(packet, put_first(self.film.codec, memoryview(packet), sets)) if sets else packet

    def decode_times(self, pts: np.ndarray, delay: int) -> np.ndarray:
        """The decoding times of the packets of the whole stream.

        These are the source's own where with them no packet is decoded after it is shown, else those of
        `spool.decode_times`.

        Args:
            pts: (n,) int64, in the order of decoding, in ticks of the film.
            delay: Least number of packets that are decoded before the first is shown.

        Returns:
            (n,) int64, in ticks of the film, rising.
        """
        frames = self.index.frames
        first = -1 if self.copied and self.copied[0].start == 0 else 0
        is_kept = (frames >= first) & (frames < self.film.frame_count)
        if self.index.dts is not None and is_kept.sum() == len(pts):
            slots = self.index.dts[is_kept]
            if (slots <= pts).all() and (np.diff(slots) > 0).all():
                return slots
        return decode_times(pts, delay)


def plan_splice(
    film: Film,
    is_masked: np.ndarray,
    encoding: Encoding,
    format_name: str,
    *,
    read_index: Callable[[Film], PacketIndex] = read_packet_index,
    least_share: float = LEAST_SHARE,
) -> Splice:
    """Find out what of a film can be copied.

    Args:
        film: The source.
        is_masked: (frame_count,) bool, True on frames that change.
        encoding: Of the frames that are not copied.
        format_name: FFmpeg's name of the container to be written.
        read_index: Reads all of the picture's packets; called only where codec and container suit.
        least_share: Least share of the frames, in [0, 1], that must be copied for it to be worth it.

    Returns:
        Which frames are copied, and how the others are to be encoded.

    Raises:
        InputError: The film cannot be read.
        SpliceError: Nothing, or too little, can be copied; the message says why.
    """
    try:
        if format_name not in (*MOV, *MATROSKA):
            raise BitstreamError(f"the container to be written is {format_name}, not mp4, mov, mkv or webm")
        if film.codec not in _ENCODERS:
            raise BitstreamError(f"packets of {film.codec} cannot be joined, only of {', '.join(_ENCODERS)}")
        if encoding.encoder != _ENCODERS[film.codec]:
            raise BitstreamError(f"the encoder is {encoding.encoder}, not {_ENCODERS[film.codec]}")
        if encoding.pix_fmt.replace("yuvj", "yuv") != film.pix_fmt.replace("yuvj", "yuv"):
            raise BitstreamError(f"the film is {film.pix_fmt} and the encoder takes {encoding.pix_fmt}")
        index = read_index(film)
        copied = tuple(find_copied(index, is_masked, can_hide=format_name in MOV))
        share = sum(map(len, copied)) / film.frame_count
        if not copied or share < least_share:
            is_closed = len(index.starts) > 1
            why = "" if is_closed else ", as all its pictures but the first refer to others"
            raise BitstreamError(f"only {share:.0%} of its frames could be copied{why}")
        ids = free_hevc_ids(index.taken) if film.codec == "hevc" else None
        return Splice(film, index, copied, _encoder_options(encoding, index), ids)
    except BitstreamError as error:
        raise SpliceError(_explain(film, error)) from error


def _encoder_options(encoding: Encoding, index: PacketIndex) -> dict[str, str]:
    """What makes an encoder's packets go with the source's: parameter sets, profile, depth of reordering."""
    depth = index.reorder_depth
    if encoding.codec == "h264":
        assert index.header is not None
        # stitchable: the sets must not depend on what the segment shows
        params = [f"sps-id={free_h264_id(index.taken)}", "stitchable=1", "annexb=0", "open-gop=0"]
        profile = _PROFILES.get(index.header.head[1])
        if profile != "high444" and float(encoding.options.get("crf", 1)) == 0:
            # decoders fail at the seam. See docs/measurements.md, "video/splice/splice: lossless H.264"
            raise BitstreamError("without loss its packets have another profile than the film's")
        options = {"profile": profile} if profile else {}
        if depth == 0:
            options["bf"] = "0"
        elif depth == 1:
            params.append("b-pyramid=none")
        return options | {"x264-params": ":".join(params)}
    if encoding.codec == "hevc":
        params = ["open-gop=0", "info=0", "repeat-headers=0"]
        params += {0: ["bframes=0"], 1: ["b-pyramid=0"]}.get(depth, [])
        return {"x265-params": ":".join(params)}
    return {}


def _replace(packet: Packet[Any], data: bytes) -> Packet[Any]:
    """A packet with other bytes and the same times."""
    new = av.Packet(data)
    new.pts, new.dts, new.duration = packet.pts, packet.dts, packet.duration
    new.time_base, new.is_keyframe = packet.time_base, packet.is_keyframe
    return new


def _explain(film: Film, error: BitstreamError) -> str:
    return f"the untouched packets of '{film.path}' cannot be kept: {error}; leave out --splice on"

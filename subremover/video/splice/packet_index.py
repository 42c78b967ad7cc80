"""Indexes the packets of a film's picture in the order of decoding, and finds those that can be copied.

For each packet: which frame it is, when it is shown and decoded, whether decoding can start anew there.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from av.packet import Packet
from av.video.stream import VideoStream

from subremover.video.bitstream.parameter_sets import SetKey, StreamHeader, parse_header, set_key
from subremover.video.bitstream.pictures import BitstreamError, is_start, split_nals
from subremover.video.container.carry import MATROSKA, MOV
from subremover.video.film import Film
from subremover.video.read.source import open_input

LEAST_RUN = 12
"""Least number of frames of a copied run amid the film: shorter ones do not make up for the key frame that
must follow. See docs/measurements.md, "video/splice/packet_index: least run"."""
_FORMATS = {*MOV, *MATROSKA}
"""FFmpeg's names of the containers that packets can be copied from."""


@dataclass(frozen=True, slots=True, eq=False)
class PacketIndex:
    """All n packets of a film's picture in the order of decoding, and the k where decoding can start anew."""

    frames: np.ndarray
    """(n,) int64, index of the frame that each packet holds. What an edit list hides has -1 before the first
    frame and the frame count or more behind the last one."""
    pts: np.ndarray
    """(n,) int64, when each is shown, in ticks of the film."""
    dts: np.ndarray | None
    """(n,) int64, when each is decoded, in ticks of the film; None if some do not say."""
    starts: np.ndarray
    """(k,) int64, rising: places in these arrays where decoding can start anew, and where all packets before
    are shown before all that follow."""
    header: StreamHeader | None = None
    """Of the stream; None for codecs without parameter sets."""
    sets: Mapping[int, tuple[bytes, ...]] = field(default_factory=dict)
    """By start, the parameter sets in force there; empty if the header's hold throughout the film."""
    taken: frozenset[SetKey] = frozenset()
    """Keys of all parameter sets in the film."""

    @property
    def reorder_depth(self) -> int:
        """By how many frames at most the order of decoding runs ahead of that of showing."""
        shown = self.frames[self.frames >= 0]
        return max(0, int((np.arange(len(shown)) - shown).max()))

    def place_of(self, frame: int) -> int:
        """Place where the packets of a frame, and of all behind it, begin.

        Args:
            frame: Index of the first frame of a copied run, or of the first one behind it; 0 stands for the
                first packet of all, shown or hidden.
        """
        return int((self.frames < frame).sum()) if frame else 0


def read_packet_index(film: Film) -> PacketIndex:
    """Read all packets of a film's picture.

    Args:
        film: As it was probed.

    Returns:
        The index of all packets.

    Raises:
        BitstreamError: They cannot be copied beside others: the container, an alpha channel, frames and
            packets that do not match one by one, or a damaged packet prevents it.
        InputError: The film cannot be read.
    """
    with open_input(film.path) as container:
        stream = container.streams[film.stream_index]
        assert isinstance(stream, VideoStream)
        if not _FORMATS & set(container.format.name.split(",")):
            raise BitstreamError(
                f"the film's container is {container.format.name}, not mp4, mov, mkv or webm"
            )
        if stream.metadata.get("alpha_mode") == "1":
            raise BitstreamError("the picture has an alpha channel of its own")
        sets = _SetReader(film.codec, stream.codec_context.extradata or b"")
        pts: list[int] = []
        is_hidden: list[bool] = []
        dts: list[int | None] = []
        starts: list[int] = []
        for packet in container.demux(stream):
            if not packet.size:
                continue
            if packet.pts is None or packet.is_corrupt:
                raise BitstreamError("a packet is damaged or has no time")
            sets.read(packet)
            if packet.is_keyframe and is_start(film.codec, memoryview(packet)):
                starts.append(len(pts))
                sets.note(len(pts))
            pts.append(packet.pts)
            is_hidden.append(packet.is_discard)
            dts.append(packet.dts)
    times = np.array(pts, np.int64)
    frames = _to_frames(film, times, np.array(is_hidden, bool))
    return PacketIndex(
        frames,
        times,
        None if None in dts else np.array(dts, np.int64),
        _closed_starts(frames, np.array(starts, np.int64)),
        sets.header,
        sets.at if sets.is_varied else {},
        frozenset(sets.current),
    )


def find_copied(index: PacketIndex, is_masked: np.ndarray, can_hide: bool) -> list[range]:
    """The runs of frames whose packets can be copied.

    These are the GOPs without a masked frame and the beginnings of all others. Such a beginning ends before
    the first masked frame, where no packet that comes later in the file is shown earlier.

    Args:
        index: Of the film.
        is_masked: (frame_count,) bool, True on frames that change.
        can_hide: Whether the output can hold packets that are not shown.

    Returns:
        Ranges of frame indices, in order; those amid the film have `LEAST_RUN` frames or more.
    """
    runs: list[range] = []
    frame_count = len(is_masked)
    # what is hidden behind the film's end must not be copied either
    is_masked = np.append(is_masked, [True] * (int(index.frames.max()) + 1 - frame_count))
    starts = index.starts if can_hide or index.frames.min() >= 0 else index.starts[index.starts > 0]
    for start, stop in itertools.pairwise([*starts, len(index.frames)]):
        frames = index.frames[start:stop]
        ends = _closed_ends(frames)
        first = max(0, int(frames.min()))
        masked = first + np.flatnonzero(is_masked[first : ends[-1]])[:1]
        last = int(ends[ends <= masked[0]].max(initial=first) if len(masked) else ends[-1])
        if runs and runs[-1].stop == first:
            first = runs.pop().start
        if first < last:
            runs.append(range(first, last))
    edges = (0, frame_count)
    return [run for run in runs if len(run) >= LEAST_RUN or run.start in edges or run.stop in edges]


class _SetReader:
    """Keeps track of the parameter sets in force while packet after packet is read."""

    def __init__(self, codec: str, extradata: bytes) -> None:
        self.header = parse_header(codec, extradata) if codec in ("h264", "hevc") else None
        self.current: dict[SetKey, bytes] = {}
        self.at: dict[int, tuple[bytes, ...]] = {}
        self.is_varied = False
        """Whether a packet brought a set that the header has not, or has otherwise."""
        self._codec = codec
        self._last: tuple[bytes, ...] = ()
        for nal in self.header.nals if self.header else ():
            if key := set_key(codec, nal):
                self.current[key] = nal

    def read(self, packet: Packet[VideoStream]) -> None:
        """Take up the sets that a packet brings."""
        if self.header is None:
            return
        for nal in split_nals(memoryview(packet)):
            if (key := set_key(self._codec, nal)) and self.current.get(key) != (content := bytes(nal)):
                self.current[key] = content
                self.is_varied = True

    def note(self, place: int) -> None:
        """Note which sets are in force at the packet just read, which is at this place."""
        current = tuple(self.current[key] for key in sorted(self.current))
        if current != self._last:  # most films have one tuple for all their starts
            self._last = current
        self.at[place] = self._last


def _to_frames(film: Film, pts: np.ndarray, is_hidden: np.ndarray) -> np.ndarray:
    """(n,) int64, the frame index of each packet, as `PacketIndex.frames` has it."""
    if not np.array_equal(np.sort(pts[~is_hidden]), film.pts):
        found = int((~is_hidden).sum())
        raise BitstreamError(f"{film.frame_count} frames are in {found} packets, not each in one")
    hidden = pts[is_hidden]
    if ((hidden > film.pts[0]) & (hidden < film.pts[-1])).any():
        raise BitstreamError("it has frames amid the others that are not shown")
    frames = np.where(is_hidden, -1, np.searchsorted(film.pts, pts))
    behind = pts > film.pts[-1]
    frames[behind] = film.frame_count + np.argsort(np.argsort(pts[behind]))
    return frames


def _closed_starts(frames: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """The starts before which, in the order of decoding, nothing is shown later than what follows."""
    latest = np.concatenate([[-2], np.maximum.accumulate(frames)[:-1]])
    earliest = np.minimum.accumulate(frames[::-1])[::-1]
    is_closed = latest < earliest
    return np.array([start for start in starts if is_closed[start]], np.int64)


def _closed_ends(frames: np.ndarray) -> np.ndarray:
    """Where a copy of a GOP may end: all frames, in order, that may be the first not to be copied.

    Args:
        frames: (n,) int64, of the group's packets in the order of decoding.
    """
    latest = np.maximum.accumulate(frames)
    earliest = np.minimum.accumulate(frames[::-1])[::-1]
    return np.append(earliest[1:][latest[:-1] < earliest[1:]], latest[-1] + 1)

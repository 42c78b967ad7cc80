"""Finds where the times of a film start again: transport streams joined end to end, recordings cut together.

FFmpeg's own program plays the parts one after the other, and so is it done here. What is told by times alone
goes wrong in such a film: `packets` gives its packets the times that they have in the whole.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator

from av.container import InputContainer
from av.packet import Packet

from subremover.video.film import Join

FORMATS = {"mpegts", "mpeg"}
"""FFmpeg's names of transport and program streams; elsewhere the times are those of the whole film."""
_BACK_SECONDS, _AHEAD_SECONDS = 0.1, 10.0
"""A stream's decoding times that go back or ahead by more have started again; the limits are those of
FFmpeg's program."""
_REORDERED_FRAMES = 16
"""Most packets by which the first or last frame shown may lie from the first or last packet of a part."""


class JoinFinder:
    """Finds the joins of a film; `note` it all packets, in the order in which they are demuxed."""

    def __init__(self, container: InputContainer, picture: int) -> None:
        """Prepare.

        Args:
            container: The film, open.
            picture: Index of the picture's stream.
        """
        streams = [s.index for s in container.streams if s.index == picture or s.type == "audio"]
        self._tracks = {index: _Track() for index in streams if container.format.name in FORMATS}
        self._picture = picture

    def note(self, packet: Packet) -> None:  # type: ignore[type-arg]
        """Take in the next packet, with its times and its position as they are in the file."""
        track = self._tracks.get(packet.stream.index)
        if track is None or packet.dts is None:
            return
        tick = float(packet.time_base)
        pts = packet.dts if packet.pts is None else packet.pts
        position = -1 if packet.pos is None else packet.pos
        is_key = packet.is_keyframe and packet.stream.index == self._picture
        track.note(_Note(position, packet.dts * tick, pts * tick, (packet.duration or 0) * tick, is_key))

    def find(self) -> tuple[Join, ...]:
        """The joins of all that was noted.

        Of the picture's it is asked where the other streams start again at the same place. All streams of a
        part are shifted alike, so far that none runs into what it has in the part before.
        """
        starts = [track.start for track in self._tracks.values()]
        # FFmpeg takes from the times of a clock that will run over
        joins = [Join(0, -min(starts))] if starts and min(starts) < 0 else []
        sounds = [track for index, track in self._tracks.items() if index != self._picture]
        for before, after in self._tracks[self._picture].pairs() if self._tracks else ():
            pairs, low, high = [(before, after)], before.last, after.first
            for ended, begun in itertools.chain.from_iterable(sound.pairs() for sound in sounds):
                if max(low, ended.last) < min(high, begun.first):
                    pairs.append((ended, begun))
                    low, high = max(low, ended.last), min(high, begun.first)
            is_gap = after.start > before.latest and any(sound.spans(low, high) for sound in sounds)
            if not is_gap:
                shift = max(ended.find_shift(begun) for ended, begun in pairs)
                joins.append(Join(high, shift + (joins[-1].shift_seconds if joins else 0)))
        return tuple(joins)


class _Note:
    """Place and times of a packet, in bytes and seconds."""

    __slots__ = ("dts", "duration", "is_key", "position", "pts")

    def __init__(self, position: int, dts: float, pts: float, duration: float, is_key: bool) -> None:
        self.position, self.dts, self.pts, self.duration = position, dts, pts, duration
        self.is_key = is_key  # of the picture


class _Part:
    """Packets of one stream whose times go on."""

    def __init__(self, note: _Note) -> None:
        self.first = self.last = note.position
        self.start = self.latest = self._before = note.dts
        self._step = note.duration
        self._heads: list[float] = []
        self._tails: deque[float] = deque(maxlen=_REORDERED_FRAMES)
        self.take(note)

    def take(self, note: _Note) -> None:
        """Take in the next packet."""
        self.last = note.position
        self._step = note.duration or max(0.0, note.dts - self.latest) or self._step
        self._before, self.latest = self.latest, note.dts
        if len(self._heads) < _REORDERED_FRAMES:
            self._heads.append(note.pts)
        self._tails.append(note.pts)

    def goes_on(self, dts: float) -> bool:
        """Whether a packet of that time follows."""
        least = min(self.latest - _BACK_SECONDS, self._before)  # the last one may have been too far ahead
        return least <= dts <= self.latest + _AHEAD_SECONDS

    def find_shift(self, following: _Part) -> float:
        """Seconds by which a part must come later so that it begins when this one has ended."""
        shown, decoded = max(self._tails) - min(following._heads), self.latest - following.start
        return max(shown, decoded) + self._step


class _Track:
    """The parts of one stream."""

    def __init__(self) -> None:
        self._parts: list[_Part] = []
        self._position = 0
        self._doubt: _Note | None = None
        """The last packet, if its time is one of another moment; damaged films have single ones."""

    def note(self, note: _Note) -> None:
        """Take in the next packet."""
        # of several frames in one place, only the first tells it
        note.position = self._position = max(self._position, note.position)
        doubt, part = self._doubt, self._parts[-1] if self._parts else None
        if part is None:
            self._parts.append(_Part(note))
            return
        if doubt is not None and self._follows_doubt(doubt, part, note):
            part = _Part(doubt)
            self._parts.append(part)
        elif not part.goes_on(note.dts):
            self._doubt = note
            return
        elif note.is_key and note.dts < part.latest:  # files that overlap by a frame or two
            self._parts.append(_Part(note))
            return
        self._doubt = None
        part.take(note)

    @property
    def start(self) -> float:
        """The first moment, in seconds; 0 if there is none."""
        return self._parts[0].start if self._parts else 0.0

    def pairs(self) -> Iterator[tuple[_Part, _Part]]:
        """Each part and the one that follows."""
        return itertools.pairwise(self._parts)

    def spans(self, low: int, high: int) -> bool:
        """Whether times go on from one place, in bytes, to another."""
        return any(part.first <= low and part.last >= high for part in self._parts)

    @staticmethod
    def _follows_doubt(doubt: _Note, part: _Part, note: _Note) -> bool:
        """Whether a packet goes on from the doubtful one rather than from those before it."""
        if not doubt.dts < note.dts <= doubt.dts + _AHEAD_SECONDS:
            return False
        return not (doubt.dts < part.latest < note.dts <= part.latest + _AHEAD_SECONDS)

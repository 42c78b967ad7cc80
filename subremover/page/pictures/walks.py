"""Keeps films open that are being looked at, each where it was left, within bounds of number and memory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from threading import Condition

from subremover.errors import InputError
from subremover.video.film import Film
from subremover.video.read.decoders import count_decoder_bytes
from subremover.video.read.reader import WALK_THREADS, FrameWalk

_SEEK_FRAMES = 8
"""Frames that could be decoded in the time that opening a film and seeking take."""


def find_entry(film: Film, index: int) -> int:
    """Index of the frame that decoding starts at for a frame: the first one, where there is no entry."""
    return int(film.find_entries(index)[:1].sum())


class Walks:
    """The open films; safe to share by threads."""

    def __init__(self, most_open: int, most_bytes: int) -> None:
        """Begin with none.

        Args:
            most_open: Decoders at once.
            most_bytes: Memory that they may take together by estimate; a single one may take more.
        """
        self._most_open, self._most_bytes = most_open, most_bytes
        self._parked: list[FrameWalk] = []
        """Those that nobody uses; the one used last is the last."""
        self._used: list[FrameWalk] = []
        self._change = Condition()
        self._is_closed = False

    @property
    def open_count(self) -> int:
        """Number of decoders that are open."""
        return len(self._parked) + len(self._used)

    @contextlib.contextmanager
    def at(self, film: Film, start: int, lead: int = 0, *, anew: bool = False) -> Iterator[FrameWalk]:
        """A walk through a film from which a frame can be read soonest; a context manager.

        Args:
            film: As it was probed.
            start: Index of the frame.
            lead: Frames before it that are read as well if a walk has to be begun, and there is an entry.
            anew: Seek in any case.

        Yields:
            The walk, whose `next` is not behind the frame.

        Raises:
            InputError: All is closed.
        """
        walk = self._take(film, start, lead, anew)
        is_whole = False
        try:
            yield walk
            is_whole = True
        finally:
            with self._change:
                self._used.remove(walk)
                is_kept = is_whole and not self._is_closed and walk.next < film.frame_count
                if is_kept:
                    self._parked.append(walk)
                self._change.notify_all()
            if not is_kept:
                walk.close()

    def count_frames(self, film: Film, start: int) -> int:
        """Number of frames to be decoded for one, from where a walk was left or the film can be entered."""
        with self._change:
            nearest = self._find_nearest(film, start)
        return start - max(nearest.next if nearest else 0, find_entry(film, start)) + 1

    def leave(self, film: Film) -> None:
        """Close a film; what is in use of it is closed later, as the next one needs its place."""
        self._close([walk for walk in self._parked if walk.film is film])

    def close(self) -> None:
        """Close all films, those in use as soon as they are left."""
        self._is_closed = True
        self._close(self._parked)

    def _close(self, walks: list[FrameWalk]) -> None:
        with self._change:
            gone = [walk for walk in walks if walk in self._parked]
            self._parked = [walk for walk in self._parked if walk not in gone]
            self._change.notify_all()
        for walk in gone:
            walk.close()

    def _take(self, film: Film, start: int, lead: int, anew: bool) -> FrameWalk:
        entry = find_entry(film, start)
        sought = start - entry + (_SEEK_FRAMES if entry else 0)
        with self._change:
            nearest = self._find_nearest(film, start)
            if nearest is not None and not anew and start - nearest.next <= sought:
                self._parked.remove(nearest)
                self._used.append(nearest)
                return nearest
            walk = None
            while walk is None and not self._has_room(film):
                if not self._parked:
                    self._change.wait()
                elif self._parked[0].film is film:  # opening the film again would take longer than the seek
                    walk = self._parked.pop(0)
                else:
                    self._parked.pop(0).close()
            first = max(entry, start - lead)
            if self._is_closed:
                if walk is not None:
                    walk.close()
                raise InputError(f"'{film.path}' is not looked at any more")
            if walk is None:
                walk = FrameWalk(film, first)
            else:
                walk.go_to(first)
            self._used.append(walk)
            return walk

    def _find_nearest(self, film: Film, start: int) -> FrameWalk | None:
        """The parked walk that comes to a frame soonest."""
        here = [walk for walk in self._parked if walk.film is film and walk.next <= start]
        return max(here, key=lambda walk: walk.next, default=None)

    def _has_room(self, film: Film) -> bool:
        """Whether one more decoder may be opened."""
        opened = [walk.film for walk in (*self._parked, *self._used)]
        held = sum(count_decoder_bytes(each, WALK_THREADS) for each in (*opened, film))
        return not opened or (len(opened) < self._most_open and held <= self._most_bytes)

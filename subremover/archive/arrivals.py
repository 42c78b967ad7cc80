"""Films that arrive in folders: each is told of once it has not changed for a while, and again if it changes.

The folders are looked at anew each time: not all network disks tell of what changes there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from subremover.archive.folders import FoundFilm
from subremover.archive.record import Stamp, find_stamp
from subremover.errors import InputError

log = logging.getLogger(__name__)

POLL_SECONDS, SETTLED_SECONDS = 5.0, 20.0
"""How often the folders are looked at, and for how long a film that is complete has not changed."""


@dataclass(slots=True)
class _Seen:
    stamp: Stamp
    since: float
    """By the monotonic clock of this machine: that of the disk may differ."""
    is_told: bool = False


class Arrivals:
    """Watches folders; not for several threads at once."""

    def __init__(self, find: Callable[[], Iterable[FoundFilm]]) -> None:
        """Be ready; nothing is looked at before `poll`.

        Args:
            find: What is in the folders now.
        """
        self._find = find
        self._seen: dict[Path, _Seen] = {}
        self._polled: float | None = None
        self._is_blind = False

    def poll(self) -> list[FoundFilm]:
        """The films that have settled since the last time; it looks at most every `POLL_SECONDS`."""
        if self._polled is not None and time.monotonic() - self._polled < POLL_SECONDS:
            return []
        self._polled = time.monotonic()
        there: dict[Path, _Seen] = {}
        settled = []
        for film in self._look():
            stamp = find_stamp(film.source)
            if stamp is None:
                continue
            seen = self._seen.get(film.source)
            now = time.monotonic()
            if seen is None or seen.stamp != stamp:
                seen = _Seen(stamp, now)
            there[film.source] = seen
            if not seen.is_told and stamp[0] != 0 and now - seen.since >= SETTLED_SECONDS:
                seen.is_told = True
                settled.append(film)
        if not self._is_blind:
            self._seen = there
        return settled

    def _look(self) -> list[FoundFilm]:
        """What is in the folders; a disk that is away is waited for."""
        try:
            found = list(self._find())
        except InputError as error:
            if not self._is_blind:
                log.warning("%s", error)
            self._is_blind = True
            return []
        self._is_blind = False
        return found

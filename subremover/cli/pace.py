"""How fast a stage goes, and how long it will yet take."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from subremover.progress import Progress

ESTIMATE_SECONDS, ESTIMATE_SHARE = 10.0, 0.05
"""How long a stage will yet take is told once its first frame is so many seconds ago, or this share of its
frames is done: before, the estimate may be off by far."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What may be said of a stage as far as it has come."""

    rate: float
    """Frames per second."""
    seconds_left: float | None
    """None: too early to say."""


class Pace:
    """Watches the stages of a run."""

    def __init__(self) -> None:
        self._stage = ""
        self._start = self._begun = self._latest = time.monotonic()
        self._first = 0
        """Frames done when the stage's first report came: those of a run that this one goes on with."""

    def rest(self) -> None:
        """Leave out the time until now: something else was done since the last report."""
        self._stage, self._latest = "", time.monotonic()

    def estimate(self, progress: Progress) -> Estimate:
        """How fast a stage has been, each time that it tells how far it has come."""
        now = time.monotonic()
        if progress.stage != self._stage:
            self._stage, self._first, self._start = progress.stage, progress.done - 1, self._latest
            self._begun = now
        self._latest = now
        done, left = progress.done - self._first, progress.total - progress.done
        rate = done / max(now - self._start, 1e-6)
        is_due = done >= ESTIMATE_SHARE * (done + left) or now - self._begun >= ESTIMATE_SECONDS
        return Estimate(rate, left / max(rate, 1e-6) if is_due else None)

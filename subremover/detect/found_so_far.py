"""Tells of a scan's events while it goes on; what the scan finds does not depend on it.

What is told is provisional: lines may yet join to other events, and what is certain of the film as a whole
tells what is a subtitle only at the end. Logos without letters and captions in flux are found then, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from subremover.detect.classify.classifier import classify
from subremover.detect.classify.events import join_lines
from subremover.detect.classify.features import Film
from subremover.detect.classify.line import Line
from subremover.detect.classify.merging import merge_broken
from subremover.detect.scope import Scope
from subremover.plan.model import Event

LEAST_SECONDS = 2.0
"""Between two tellings, by the clock: each judges all the lines that are kept here."""
SETTLED_SECONDS = 1.0
"""Of film since a line's last frame, after which it is not expected to grow any more."""
MOST_LINES = 64
"""Lines kept that were told of, to judge others beside them, and most that are told of at once: judging takes
time by their square, whatever the length of the film."""

FoundCallback = Callable[[Sequence[Event]], None]
"""Called now and then with events that a scan has found since, by first frame, in the caller's thread; an
exception that it raises ends the run."""


class FoundSoFar:
    """Tells of each event once, a little after its lines are gone."""

    def __init__(self, tell: FoundCallback, film: Film, scope: Scope) -> None:
        """Begin before the first frame.

        Args:
            tell: Told of the events.
            film: Of all that is going to be scanned.
            scope: What counts as text to be removed.
        """
        self._tell, self._film, self._scope = tell, film, scope
        self._seen = 0
        self._waiting: list[Line] = []
        self._told: list[Line] = []
        self._latest = -LEAST_SECONDS

    def update(self, index: int, lines: Sequence[Line]) -> None:
        """Tell of what there is to tell of.

        Args:
            index: Of the frame that was scanned.
            lines: All that are gone, in the order in which that was seen; they stay as they are.
        """
        now = time.monotonic()
        behind = index - SETTLED_SECONDS * self._film.rate
        if now - self._latest < LEAST_SECONDS:
            return
        if all(line.last > behind for line in (*self._waiting, *lines[self._seen :])):
            return
        self._latest = now
        self._waiting = merge_broken([*self._waiting, *lines[self._seen :]])[-MOST_LINES:]
        self._seen = len(lines)
        events, done, told = [], set[Line](), set(self._told)
        known = [*self._told, *self._waiting]
        has_region = self._scope.has_region(self._film.width, self._film.height)
        verdicts = classify(known, self._film, self._scope.least_probability, has_region=has_region)
        for group, event in join_lines(known, verdicts, self._scope.removed):
            if all(line in told or line.last <= behind for line in group):
                done.update(group)
                if told.isdisjoint(group):
                    events.append(event)
        self._told = [line for line in known if line in done or line in told][-MOST_LINES:]
        self._waiting = [line for line in self._waiting if line not in done]
        if events:
            self._tell(sorted(events, key=lambda event: event.first))

"""Progress for programs that run the command: one JSON object a line on stdout.

What the objects hold is documented in docs/usage.md, "For programs".
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from subremover.cli.pace import Pace
from subremover.cli.signals import raise_signal

if TYPE_CHECKING:
    from subremover.plan.model import Event
    from subremover.progress import Progress

_lock = threading.Lock()

LEAST_SECONDS = 0.25
"""Between two lines of one stage, whose last frame is told in any case."""


class ProgressLines:
    """Tells of one film, if asked to; once nobody reads it any more, the run goes on in silence."""

    def __init__(self, source: Path, is_asked: bool) -> None:
        self._film, self._is_asked, self._pace = str(source), is_asked, Pace()
        self._stage, self._written = "", time.monotonic()

    def update(self, progress: Progress) -> None:
        """Tell how far a stage has come; or end it, if a signal said so.

        Raises:
            KeyboardInterrupt, SystemExit: See `raise_signal`.
        """
        raise_signal()
        if not self._is_asked:
            return
        estimate, now = self._pace.estimate(progress), time.monotonic()
        is_new, is_last = progress.stage != self._stage, progress.done == progress.total
        if not (is_new or is_last) and now - self._written < LEAST_SECONDS:
            return
        self._stage, self._written = progress.stage, now
        left = estimate.seconds_left
        self.write(
            "progress",
            stage=progress.stage,
            done=progress.done,
            total=progress.total,
            frames_per_second=round(estimate.rate, 3),
            seconds_left=None if left is None else round(left, 1),
        )

    def tell_found(self, events: Sequence[Event]) -> None:
        """Tell of events that a scan has found so far, a line each."""
        for event in events:
            box = event.box
            probability = None if event.probability is None else round(float(event.probability), 3)
            self.write(
                "found",
                event={
                    "first": event.first,
                    "last": event.last,
                    "box": [box.x, box.y, box.width, box.height],
                    "text": event.text,
                    "kind": event.kind,
                    "remove": event.remove,
                    "probability": probability,
                    "reasons": event.reasons,
                },
            )

    def end_stage(self) -> None:
        """Leave what is done between two stages out of the next one's rate."""
        self._pace.rest()
        self._stage = ""

    def write(self, kind: str, **values: Any) -> None:
        """Write a line, if it was asked for.

        Args:
            kind: What it is: "progress", "found", "warning", "result" or "error".
            **values: What JSON can hold.
        """
        if self._is_asked:
            _print_line(json.dumps({"kind": kind, "film": self._film, **values}))


def tell_summary(summary: str) -> None:
    """Write the last line of a run over several films.

    Args:
        summary: As `Summary.describe` has it.
    """
    _print_line(f'{{"kind": "summary", {summary}')


def _print_line(line: str) -> None:
    try:
        with _lock:  # films that are made at once
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
    except OSError:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115, whatever else writes there

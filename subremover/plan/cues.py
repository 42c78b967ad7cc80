"""Cues: what a subtitle says, and from when to when; made of a plan's events, or read from an SRT file.

Disk and containers are not its role: see `video.text`.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from subremover.plan.model import Event

SLACK_SECONDS = 0.5
"""By how much an SRT file may be out of step with the picture."""


@dataclass(frozen=True, slots=True)
class Cue:
    """A text on screen for a time."""

    start_seconds: float
    end_seconds: float
    """When it is gone."""
    text: str
    """Lines separated by a line feed, none of them empty."""


def make_cues(events: Iterable[Event], times: np.ndarray) -> tuple[Cue, ...]:
    """The cues of all subtitles that are removed and were read, in order of time, then from top to bottom.

    Those on screen at once stay apart. One that follows another of the same text without a gap, as
    after a cut, is joined to it.

    Args:
        events: Of a plan.
        times: (frame_count + 1,) float64, seconds of each frame and of the end of the last.
    """
    joined: list[Event] = []
    latest: dict[str, int] = {}  # by text, the place in `joined`
    for event in sorted(events, key=lambda e: (e.first, e.box.y, e.box.x)):
        text = _clean(event.text)
        if event.kind != "subtitle" or not event.remove or not text:
            continue
        place = latest.get(text)
        if place is not None and joined[place].last + 1 == event.first:
            joined[place] = replace(joined[place], last=event.last, opacities=np.zeros(0, np.float32))
        else:
            latest[text] = len(joined)
            joined.append(event)
    return tuple(Cue(float(times[e.first]), float(times[e.last + 1]), _clean(e.text)) for e in joined)


def stack_cues(cues: Sequence[Cue]) -> tuple[Cue, ...]:
    """The same texts at the same times with never two cues at once: those that overlap are stacked.

    For containers whose text tracks show one thing at a time (mp4).
    """
    bounds = sorted({cue.start_seconds for cue in cues} | {cue.end_seconds for cue in cues})
    stacked: list[Cue] = []
    waiting, shown = list(reversed(cues)), list[Cue]()
    for start, end in itertools.pairwise(bounds):
        shown = [cue for cue in shown if cue.end_seconds > start]
        while waiting and waiting[-1].start_seconds <= start:
            shown.append(waiting.pop())
        if shown:
            stacked.append(Cue(start, end, "\n".join(cue.text for cue in shown)))
    return tuple(stacked)


def leave_untimed(events: Iterable[Event], times: np.ndarray, cues: Sequence[Cue]) -> tuple[Event, ...]:
    """All events, those that are on screen during none of the cues marked as not to be removed.

    Args:
        events: Of a plan.
        times: (frame_count + 1,) float64, seconds of each frame and of the end of the last.
        cues: In any order; each counts for `SLACK_SECONDS` longer on either side.
    """
    cues = sorted(cues, key=lambda cue: cue.start_seconds)
    starts = np.array([cue.start_seconds for cue in cues]) - SLACK_SECONDS
    # the latest end of all cues up to each: one number tells whether any of them lasts long enough
    ends = np.maximum.accumulate(np.array([cue.end_seconds for cue in cues])) + SLACK_SECONDS
    kept = []
    for event in events:
        begun = int(np.searchsorted(starts, times[event.last + 1], side="left"))
        is_timed = begun > 0 and ends[begun - 1] > times[event.first]
        kept.append(event if is_timed else replace(event, remove=False))
    return tuple(kept)


def _clean(text: str) -> str:
    """The text as a cue can hold it: without empty lines, control characters and what SRT takes for times."""
    lines = (
        "".join(c for c in line if unicodedata.category(c) not in ("Cc", "Cs")).replace("-->", "->").strip()
        for line in text.splitlines()
    )
    return "\n".join(line for line in lines if line)

"""Cues: what a subtitle says, and from when to when; made of a plan's events, or read from an SRT file.

How they are made: `make_cues`; disk and containers: `video.text`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from subremover.geometry import Box
from subremover.plan.model import Colour, Event

Alignment = Literal["left", "centre", "right"]
"""On which side the rows of a cue are flush."""

SLACK_SECONDS = 0.5
"""By how much an SRT file may be out of step with the picture."""


@dataclass(frozen=True, slots=True)
class Cue:
    """A text on screen for a time."""

    start_seconds: float
    end_seconds: float
    """When it is gone."""
    text: str
    """Rows separated by a line feed, none of them empty; `<i>` and `</i>` in pairs around slanted words."""
    box: Box | None = None
    """Around its strokes, in the upright picture; None where its place is not known."""
    colour: Colour | None = None
    """Of its letters; None where it is not known."""
    alignment: Alignment = "centre"


def stack_cues(cues: Sequence[Cue]) -> tuple[Cue, ...]:
    """The same texts at the same times with never two cues at once: those that overlap are stacked.

    For containers whose text tracks show one thing at a time (mp4), at one place.
    """
    bounds = sorted({cue.start_seconds for cue in cues} | {cue.end_seconds for cue in cues})
    stacked: list[Cue] = []
    waiting, shown = list(reversed(cues)), list[Cue]()
    for start, end in itertools.pairwise(bounds):
        shown = [cue for cue in shown if cue.end_seconds > start]
        while waiting and waiting[-1].start_seconds <= start:
            shown.append(waiting.pop())
        if shown:
            text = "\n".join(cue.text for cue in shown)
            colours = {cue.colour for cue in shown}
            colour = colours.pop() if len(colours) == 1 else None
            stacked.append(Cue(start, end, text, colour=colour))
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

"""Times of cues as files and tracks count them: rounded so that a player shows a cue on its very frames."""

from __future__ import annotations

import math

from subremover.plan.cues import Cue

_SLACK = 1e-3
"""Of a tick: as much may be lost to the binary point of a time that is meant to be on a tick."""


def round_span(cue: Cue, rate: int) -> tuple[int, int]:
    """First tick of a cue, and the first without it.

    A player shows a cue on a frame whose time is not before its start and before its end. So both are rounded
    down, to the last tick that is no later than the frame: it is still later than the frame before, unless
    frames follow each other faster than ticks.

    Args:
        cue: With its times.
        rate: Ticks a second.
    """
    start, end = (math.floor(seconds * rate + _SLACK) for seconds in (cue.start_seconds, cue.end_seconds))
    return start, max(end, start + 1)


def write_stamp(ticks: int, rate: int, point: str, hour_digits: int = 2) -> str:
    """A time as `00:01:02,345`.

    Args:
        ticks: What is before 0 is written as 0.
        rate: Ticks a second, a power of 10.
        point: Between seconds and their fraction.
        hour_digits: At least.
    """
    seconds, rest = divmod(max(0, ticks), rate)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    digits = len(str(rate)) - 1
    return f"{hours:0{hour_digits}d}:{minutes:02d}:{seconds:02d}{point}{rest:0{digits}d}"

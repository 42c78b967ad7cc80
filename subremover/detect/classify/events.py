"""From lines to events: lines that come and go together and stand next to each other are one.

Which kind a line is was told by `classifier`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import get_args

import numpy as np

from subremover.detect.classify.classifier import Verdict
from subremover.detect.classify.company import SLACK_FRAMES
from subremover.detect.classify.line import Line
from subremover.detect.reading.arrange import arrange
from subremover.geometry import bounding_box, draw_boxes, draw_mask, group_boxes
from subremover.plan.model import Event, EventKind


def make_events(
    lines: Sequence[Line], verdicts: Sequence[Verdict], removed: Collection[EventKind]
) -> tuple[Event, ...]:
    """Join the lines of a film into events: see `join_lines`.

    Returns:
        The events, by first frame.
    """
    events = (event for _, event in join_lines(lines, verdicts, removed))
    return tuple(sorted(events, key=lambda e: (e.first, e.box.y, e.box.x)))


def join_lines(
    lines: Sequence[Line], verdicts: Sequence[Verdict], removed: Collection[EventKind]
) -> Iterator[tuple[list[Line], Event]]:
    """Join lines into events.

    Where less than half of the subtitles could be read, the film's script is not known to the reader, and all
    texts are left empty.

    Args:
        lines: All lines that stood still.
        verdicts: What each line was taken for.
        removed: Kinds of which events are marked to be removed.

    Yields:
        The lines of each event, and the event, kind by kind.
    """
    judged = list(zip(lines, verdicts, strict=True))
    is_legible = _is_legible([n for n, verdict in judged if verdict.kind == "subtitle"])
    for kind in get_args(EventKind):
        verdict_of = {line: verdict for line, verdict in judged if verdict.kind == kind}
        for group in _simultaneous(list(verdict_of)):
            event = _to_event(group, [verdict_of[line] for line in group], kind in removed)
            yield group, event if is_legible else replace(event, text="")


def _simultaneous(lines: list[Line]) -> Iterator[list[Line]]:
    """Lines that come and go together and stand next to each other, group by group."""
    left = sorted(lines, key=lambda line: line.first)
    while left:
        seed = left[0]
        same_time = [n for n in left if _are_simultaneous(n, seed)]
        pad_px = min(seed.box.width, seed.box.height)
        for group in group_boxes([n.box for n in same_time], pad_px, pad_px):
            members = [same_time[i] for i in group]
            yield members
            left = [n for n in left if n not in members]


def _to_event(lines: list[Line], verdicts: list[Verdict], remove: bool) -> Event:
    """One event of lines of one kind that come and go together."""
    box = bounding_box(line.stroke_box for line in lines)
    first, last = min(n.first for n in lines), max(n.last for n in lines)
    strokes = np.zeros((box.height, box.width), bool)
    opacities = np.zeros(last - first + 1, np.float32)
    for line in lines:
        strokes |= draw_mask(line.strokes, line.stroke_box, box)
        span = slice(line.first - first, line.last - first + 1)
        opacities[span] = np.maximum(opacities[span], line.opacities)
    # A line found twice, whole and in part, is read once.
    ranked = sorted(lines, key=lambda n: (-n.box.area, n.box.y, n.box.x, n.text))
    read = [
        n
        for rank, n in enumerate(ranked)
        if not any(draw_boxes([o.box], n.box).mean() > 0.7 for o in ranked[:rank])
    ]
    text = arrange([(n.box, n.text) for n in read])
    # The widest line speaks for all.
    widest, verdict = max(zip(lines, verdicts, strict=True), key=lambda pair: pair[0].box.area)
    return Event(
        *(first, last, box, strokes, opacities, text, verdict.kind, remove),
        probability=verdict.probability,
        reasons=verdict.reasons,
        colour=widest.colour,
    )


def _is_legible(subtitles: Sequence[Line]) -> bool:
    """Whether the reader knows the film's script; of another script it would misread a few lines."""
    return 2 * sum(bool(line.text) for line in subtitles) >= len(subtitles)


def _are_simultaneous(one: Line, other: Line) -> bool:
    share_frames = one.first <= other.last and other.first <= one.last  # cues of two frames follow each other
    near = abs(one.first - other.first) <= SLACK_FRAMES and abs(one.last - other.last) <= SLACK_FRAMES
    return share_frames and near

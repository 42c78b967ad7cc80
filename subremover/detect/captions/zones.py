"""Tells where and when captions are in flux: where lines that are laid over the film are short, or grow.

A line that stands is followed by its own edges (`tracking`); one that is another on every few frames is not
followed well, and is looked at again by `captions`. Plain cues make no zone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from subremover.geometry import Box, bounding_box
from subremover.plan.model import Event

SHORT_SECONDS = 0.6
"""Seconds up to which an event is short: no whole cue is, so that more of its kind are near."""
REACH_SECONDS = 1.2
"""Seconds around what was found in which more of its kind is looked for."""
SLIDE_SECONDS = 0.5
"""Seconds that a line which slides in stands at least, and that a slide takes at the most."""
REACH_WIDTH, REACH_HEIGHT = 0.2, 1.2
"""How far a zone reaches beyond what was found: shares of the picture's width and of a line's height."""
ALIKE = 2.0
"""Least ratio of the heights of rows that are not of one style: words pop up by half, boxes hold a margin."""
MOST_ROWS = 5
"""Most rows that a caption and the space between them take."""
BOXED = 0.8
"""Share of an event's box that its strokes fill, above which it has a drawn box; letters fill half."""
LEAST_SIGNS, LEAST_SIGHTS = 2, 3
"""Least number of signs of flux that make a zone, and of lines seen at one place that never stood."""
SURE, DOUBTFUL = 0.8, 0.05
"""Probability from which events may contradict each other, and up to which what is kept is none of a row."""

Sight = tuple[int, Box]
"""Index of a frame, and a line that was seen there but could not be followed."""


@dataclass(frozen=True, slots=True)
class Slide:
    """A line that stood for a while, and came to its place or left it on the screen."""

    first: int
    """First frame on which it stood."""
    last: int
    """Last one."""
    box: Box
    """Where it stood."""
    middle: int
    """The frame on which it came to its place, or left it."""


@dataclass(frozen=True, slots=True)
class Zone:
    """Where captions come one after the other, and when."""

    box: Box
    """In the picture, with room for wider and higher lines."""
    first: int
    """First frame to look at."""
    last: int
    """Last one, included."""
    events: tuple[Event, ...]
    """What was found there and is to be removed: the zone's style; none where lettering never stood."""
    doubtful: tuple[Event, ...]
    """What was found there and is to be kept, though it is short or contradicts what is to be removed."""
    rows: tuple[int, int]
    """First row in px in which the middle of a line may stand, and the last one."""
    heights: tuple[int, int]
    """Least and usual height of a row, in px."""
    middle: int
    """Index of the frame around which lettering moves, where it never stood, or only for a while."""
    has_stood: bool = False
    """Whether the lettering stood for a while before or after it moved, as what runs on never does."""

    @property
    def probability(self) -> float | None:
        """How likely its captions are to be subtitles: the surest one's; None where none was followed."""
        return max((e.probability for e in self.events if e.probability is not None), default=None)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why."""
        return next((e.reasons for e in self.events if e.probability == self.probability), ())

    @property
    def is_boxed(self) -> bool:
        """Whether the lettering stands on a drawn box."""
        filled = [event.strokes.mean() for event in self.events]
        return bool(filled) and float(np.median(filled)) > BOXED


@dataclass(frozen=True, slots=True)
class _Item:
    """A sign of flux."""

    first: int
    last: int
    box: Box
    event: Event | None

    @property
    def row(self) -> int:
        """Height of a row, in px."""
        return row_height(self.event) if self.event else self.box.height


def find_zones(
    events: Sequence[Event],
    sights: Sequence[Sight],
    grown: Sequence[Sight],
    *,
    size: tuple[int, int],
    last: int,
    frame_rate: float,
) -> list[Zone]:
    """Find the zones of a film.

    Args:
        events: All that was found and followed.
        sights: Lines that were seen but could not be followed.
        grown: Lines that became longer while they stood.
        size: Width and height of the picture in px.
        last: Index of the film's last frame.
        frame_rate: Frames per second.

    Returns:
        The zones, by first frame; most films have none.
    """
    items = list(_find_items(events, sights, grown, SHORT_SECONDS * frame_rate))
    gap = REACH_SECONDS * frame_rate
    zones = []
    while items:
        group = [items.pop(0)]
        for one in group:  # grows as it is walked through
            near = [n for n in items if _is_near(one, n, 2 * gap)]
            items = [n for n in items if not any(n is other for other in near)]
            group += near
        known = sum(n.event is not None for n in group)
        longer = any((n.first, n.box) in grown for n in group)
        slides = known and len(group) - known >= LEAST_SIGNS
        if not known and _is_beside_kept(group, events):
            continue
        is_in_flux = known + longer >= LEAST_SIGNS or slides or (not known and len(group) >= LEAST_SIGHTS)
        if is_in_flux and _is_one_block(group):
            zones.append(_to_zone(group, events, size, last, round(gap)))
    return sorted(zones, key=lambda z: (z.first, z.box.y))


def find_slides(
    slides: Sequence[Slide], zones: Sequence[Zone], size: tuple[int, int], last: int, frame_rate: float
) -> list[Zone]:
    """Zones of lines that slid in or out, but for those that lie in others.

    Args:
        slides: Lines that stood, and left their place or came to it on the screen.
        zones: Those that are known.
        size: Width and height of the picture in px.
        last: Index of the film's last frame.
        frame_rate: Frames per second.
    """
    found: list[Zone] = []
    reach = round(SLIDE_SECONDS * frame_rate)
    for slide in slides:
        known = [z for z in (*zones, *found) if z.first <= slide.middle <= z.last]
        if slide.last - slide.first < reach or any(z.box.intersect(slide.box) for z in known):
            continue
        height = slide.box.height
        box = slide.box.grow(round(REACH_WIDTH * size[0]), round(3 * REACH_HEIGHT * height)).clip(*size)
        first, until = max(0, slide.first - reach), min(last, slide.last + reach)
        rows, heights = (box.y, box.bottom), (height, height)
        found.append(Zone(box, first, until, (), (), rows, heights, slide.middle, True))
    return found


def row_height(event: Event) -> int:
    """Height of one row of an event, in px, as far as its rows of strokes are apart."""
    rows = np.atleast_1d(event.strokes.any(axis=1))
    count, longest = 0, 1
    for is_row in rows:
        count = count + 1 if is_row else 0
        longest = max(longest, count)
    return longest


def _find_items(
    events: Sequence[Event], sights: Sequence[Sight], grown: Sequence[Sight], short: float
) -> Iterable[_Item]:
    """Short events that are removed, events that contradict these, and lines that did not stand."""
    removed = [e for e in events if e.remove and e.kind == "subtitle"]
    found = [e for e in removed if e.last - e.first < short]
    others = [e for e in events if e.kind != "logo" and _chance(e) > (SURE if e.remove else DOUBTFUL)]
    for one in (e for e in removed if _chance(e) > SURE):
        for other in others:
            if other is not one and _contradict(one, other):
                found += [e for e in (one, other) if not any(e is known for known in found)]
    for one in removed:  # a line that slides in, and stands then
        slides = [box for index, box in sights if one.first - short <= index < one.first]
        slides = [box for box in slides if _is_of_row(box, one)]
        if len(slides) >= LEAST_SIGNS and not any(one is known for known in found):
            found.append(one)
    for index, box in grown:
        found += [
            e
            for e in removed
            if e.first <= index <= e.last + 1
            and _is_of_row(box, e)
            and not any(e is known for known in found)
        ]
    items = [_Item(e.first, e.last, e.box, e) for e in found]
    return items + [_Item(index, index, box, None) for index, box in (*sights, *grown)]


def _chance(event: Event) -> float:
    """How likely an event is to be a subtitle."""
    return 1.0 if event.probability is None else event.probability


def _is_of_row(box: Box, event: Event) -> bool:
    """Whether a line that was seen has the height of an event's rows, and stands on them."""
    height = row_height(event)
    return _is_same_row(event.box, box) and 0.6 * height < box.height < 1.6 * height + 8


def _contradict(one: Event, other: Event) -> bool:
    """Whether two events are of one row, at one time, and yet do not come and go together."""
    if one.first > other.last or other.first > one.last:
        return False
    if abs(one.first - other.first) <= 2 and abs(one.last - other.last) <= 2:
        return False
    pad_px = min(one.box.height, other.box.height) // 2
    return _is_same_row(one.box, other.box) and bool(one.box.grow(pad_px, 0).intersect(other.box))


def _is_same_row(one: Box, other: Box) -> bool:
    """Whether two boxes could hold parts of one row, or rows of one block."""
    common = min(one.bottom, other.bottom) - max(one.y, other.y)
    low, high = sorted((one.height, other.height))
    return common > 0.5 * low and high < 3 * low


def _is_near(one: _Item, other: _Item, gap: float) -> bool:
    """Whether two signs are of one zone: at one place of the picture, and soon after each other."""
    if max(one.first, other.first) - min(one.last, other.last) > gap:
        return False
    common = one.box.intersect(other.box)
    if one.event is None and other.event is None:  # what is somewhere else each time does not shake, but runs
        return common is not None and common.area > 0.6 * min(one.box.area, other.box.area)
    low, high = sorted((one.row, other.row))
    return high < ALIKE * low and one.box.grow(2 * low, low).intersect(other.box) is not None


def _is_one_block(group: list[_Item]) -> bool:
    """Whether signs stand in no more rows than a caption has."""
    core = bounding_box(n.box for n in group)
    return core.height < MOST_ROWS * float(np.median([n.row for n in group]))


def _is_beside_kept(group: list[_Item], events: Sequence[Event]) -> bool:
    """Whether what was only seen at a place is part of lettering that stood there, and is kept: a sign."""
    core = bounding_box(n.box for n in group)
    first, last = min(n.first for n in group), max(n.last for n in group)
    return any(not e.remove and e.first <= last and e.last >= first and e.box.intersect(core) for e in events)


def _to_zone(
    group: list[_Item], events: Sequence[Event], size: tuple[int, int], last: int, reach: int
) -> Zone:
    since, until = min(n.first for n in group) - reach, max(n.last for n in group) + reach
    core = bounding_box(n.box for n in group)
    is_known = any(n.event for n in group)  # what never stood has to show by itself that it is laid over
    style = [
        e
        for e in events
        if is_known and e.remove and e.kind == "subtitle" and e.last >= since and e.first <= until
        and _overlap_rows(e.box, core)
    ]  # fmt: skip
    whole = bounding_box([core, *(e.box for e in style)])
    heights = [row_height(e) for e in style] or [n.box.height for n in group]
    height = round(float(np.median(heights)))
    box = whole.grow(round(REACH_WIDTH * size[0]), round(REACH_HEIGHT * height)).clip(*size)
    doubtful = [n.event for n in group if n.event and not n.event.remove]
    doubtful += [
        e
        for e in events
        if e.kind == "scene" and not e.remove and e.last - e.first < reach / 2 and _overlap_rows(e.box, core)
        and since <= e.first and e.last <= until and not any(e is d for d in doubtful)
    ]  # fmt: skip
    rows = core.y - height // 4, core.bottom + height // 4
    first, last = max(0, since), min(last, until)
    span, middle = (min(heights), height), (first + last) // 2
    return Zone(box, first, last, tuple(style), tuple(doubtful), rows, span, middle)


def _overlap_rows(one: Box, other: Box) -> bool:
    return min(one.bottom, other.bottom) > max(one.y, other.y)

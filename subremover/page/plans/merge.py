"""What a new scan and the plan that a person may have mended make together.

Works on the entries of `plan.json`, and says which PNG comes from where; files are `plans`' business.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from subremover.geometry import Box

Entry = dict[str, Any]
"""Of an event, as it stands in `plan.json`."""
Origin = Literal["found", "current"]
_NUMBERED = re.compile(r"event_(\d{4,12})\.png")
_LEAST_SHARE = 0.5
"""Of the smaller of two boxes that the other must share, or they are of different lettering."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The plan that comes of it."""

    document: dict[str, Any]
    scanned: list[Entry]
    """Its events as scans alone have left them: what differs from these is a person's."""
    pictures: dict[str, tuple[Origin, str]]
    """By the name of each PNG, the plan that it is taken from and its name there."""


def key_of(entry: object) -> str:
    """The same for two entries that say the same; 1.0 is 1, as browsers write it.

    Raises:
        ValueError: It holds what JSON cannot tell, or is too deep.
    """
    try:
        return json.dumps(_shorten(entry), sort_keys=True, allow_nan=False)
    except RecursionError as error:
        raise ValueError("lists in lists") from error


def _shorten(value: object) -> object:
    """The same with whole numbers as such."""
    if isinstance(value, dict):
        return {name: _shorten(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_shorten(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def replace_plan(found: dict[str, Any]) -> Merged:
    """A new scan's plan, and nothing of what was there."""
    names = _Names()
    events = [names.take(entry, "found") for entry in found["events"]]
    return Merged({**found, "events": events}, events, names.pictures)


def keep_mended(found: dict[str, Any], current: dict[str, Any], scanned: Sequence[Entry]) -> Merged:
    """A new scan's plan, with the events that a person has changed or added as they are.

    Args:
        found: What the new scan has made.
        current: The plan that was there.
        scanned: Its events as scans have left them.
    """
    before = {key_of(entry) for entry in scanned}
    kept = [entry for entry in current["events"] if key_of(entry) not in before]
    new = [entry for entry in found["events"] if not any(_is_same(entry, other) for other in kept)]
    names = _Names()
    new = [names.take(entry, "found") for entry in new]
    kept = [names.take(entry, "current") for entry in kept]
    return Merged({**found, "events": _sort([*new, *kept])}, new, names.pictures)


def add_found(found: dict[str, Any], current: dict[str, Any], scanned: Sequence[Entry]) -> Merged:
    """The plan that was there, and what the scan of a part has found besides.

    What is there already and removed covers what is found; what is there and left alone is turned over where
    it is found again as to be removed.

    Args:
        found: What the new scan has made.
        current: The plan that was there.
        scanned: Its events as scans have left them.
    """
    names = _Names()
    events = [names.take(entry, "current") for entry in current["events"]]
    said = {key_of(old): new for old, new in zip(current["events"], events, strict=True)}
    scans = [said.get(key_of(entry), entry) for entry in scanned]
    for entry in found["events"]:
        there = [number for number, other in enumerate(events) if _is_same(entry, other)]
        if not there:
            events.append(names.take(entry, "found"))
            scans.append(events[-1])
        elif entry.get("remove", True) and not any(events[n].get("remove", True) for n in there):
            for number in there:
                turned = {**events[number], "remove": True}
                scans = [turned if scan is events[number] else scan for scan in scans]
                events[number] = turned
    return Merged({**current, "events": _sort(events)}, scans, names.pictures)


class _Names:
    """Gives the PNGs of two plans names that do not clash; those that are painted have names of their own."""

    def __init__(self) -> None:
        self.pictures: dict[str, tuple[Origin, str]] = {}
        self._next = 1

    def take(self, entry: Entry, origin: Origin) -> Entry:
        """An entry of one of the plans, with the name that its PNG has from now on."""
        old = entry.get("strokes")
        if not isinstance(old, str):
            return entry
        new = old
        if self.pictures.get(old, (origin, old)) != (origin, old):
            while (new := f"event_{self._next:04d}.png") in self.pictures:
                self._next += 1
        if match := _NUMBERED.fullmatch(new):
            self._next = max(self._next, int(match[1]) + 1)
        self.pictures[new] = origin, old
        return {**entry, "strokes": new}


def _is_same(entry: Entry, other: Entry) -> bool:
    """Whether two entries cover the same lettering."""
    try:
        if entry["last"] < other["first"] or other["last"] < entry["first"]:
            return False
        one, two = Box(*entry["box"]), Box(*other["box"])
        common = one.intersect(two)
        return common is not None and common.area > _LEAST_SHARE * min(one.area, two.area)
    except (KeyError, TypeError, ValueError):  # not as they must be: whoever uses the plan will tell
        return False


def _sort(events: Iterable[Entry]) -> list[Entry]:
    return sorted(events, key=lambda entry: entry["first"] if type(entry.get("first")) is int else 0)

"""Says in words what of a film's lettering a plan leaves alone, and which option would have it removed.

It decides nothing: what is removed was decided by the scan, or by whoever made the plan.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from subremover.geometry import Box
from subremover.options import LEAST_PROBABILITY, ScanOptions
from subremover.plan.model import Event, Plan

MOST_QUOTED = 30
"""Characters of a text that are quoted."""

_Thing = Literal["subtitle", "perhaps", "logo", "sign"]
_NAMES: dict[_Thing, tuple[str, str]] = {
    "subtitle": ("a subtitle{}", "{} subtitles{}"),
    "perhaps": ("a line{} that may be a subtitle", "{} lines{} that may be subtitles"),
    "logo": ("a logo{}", "{} logos{}"),
    "sign": ("a sign{}", "{} signs{}"),
}
"""What one and what several are called, in the order in which they are told; {} are number and place."""


def describe_left_alone(
    plan: Plan, options: ScanOptions, frames: range, *, is_given: bool
) -> tuple[str, ...]:
    """What stays of the lettering that was seen, and how to have it removed.

    Args:
        plan: Of the film.
        options: Of the scan.
        frames: That may be touched; what shows on none of them was not asked for.
        is_given: Whether the plan was given, so that no option of the scan changes what it says.

    Returns:
        A phrase a thing, such as `a logo at the top right (--logos)`.
    """
    film = plan.film
    things: dict[tuple[_Thing, str], list[Event]] = {}
    for event in plan.events:
        if not event.remove and _is_shown(event.first, event.last, frames):
            thing, remedy = _sort(event, options)
            things.setdefault((thing, "as the plan says" if is_given else remedy), []).append(event)
    phrases = [
        f"{_describe(thing, events, film.width, film.height)} ({remedy})"
        for (thing, remedy), events in sorted(things.items(), key=lambda item: list(_NAMES).index(item[0][0]))
    ]
    passages = [passage.box for passage in plan.passages if _is_shown(passage.first, passage.last, frames)]
    if passages:
        where = _find_place(passages, film.width, film.height)
        phrases.append(f"lettering that moves {where or 'in several places'} (--mask)")
    return tuple(phrases)


def _is_shown(first: int, last: int, frames: range) -> bool:
    return first < frames.stop and last >= frames.start


def _sort(event: Event, options: ScanOptions) -> tuple[_Thing, str]:
    """What an event is called, and the option that would have it removed."""
    thing: _Thing = "sign" if event.kind == "scene" else event.kind
    is_wanted = thing == "subtitle" or options.everything or (thing == "logo" and options.logos)
    if is_wanted and options.times is not None:
        return thing, "outside the cues of --times"
    if thing == "logo":
        return thing, "--logos"
    if event.probability is not None:
        now = LEAST_PROBABILITY[options.sensitivity]
        for name, least in LEAST_PROBABILITY.items():  # from the least sensitive to the most
            if least <= event.probability < now:
                return "perhaps", f"--sensitivity {name}"
    return thing, "--everything; see --report"


def _describe(thing: _Thing, events: list[Event], width: int, height: int) -> str:
    """As `a sign "EXIT" at the left`, `2 logos at the top right`, `3 signs`."""
    one, several = _NAMES[thing]
    place = _find_place([event.box for event in events], width, height)
    pieces = _count_pieces(thing, events, width, height)
    if pieces > 1:
        return several.format(pieces, place and f" {place}")
    text = "" if thing == "logo" else _quote(events[0].text)
    return one.format("".join(f" {part}" for part in (text, place) if part))


def _count_pieces(thing: _Thing, events: list[Event], width: int, height: int) -> int:
    """How many events there are; logos in one place are one, and so is what says the same in one place."""
    known = {
        (_name_place(event.box, width, height), "" if thing == "logo" else event.text)
        for event in events
        if thing == "logo" or event.text
    }
    return len(known) + sum(thing != "logo" and not event.text for event in events)


def _quote(text: str) -> str:
    """A text's first words in quotes; nothing for none."""
    line = " ".join(text.split())
    shown = line if len(line) <= MOST_QUOTED else f"{line[: MOST_QUOTED - 3].rstrip()}..."
    return shown and f'"{shown}"'


def _find_place(boxes: Iterable[Box], width: int, height: int) -> str:
    """Where in the picture boxes lie; empty where they lie in different places."""
    places = {_name_place(box, width, height) for box in boxes}
    return places.pop() if len(places) == 1 else ""


def _name_place(box: Box, width: int, height: int) -> str:
    """Where in the picture a box's middle lies, in thirds."""
    column = min(2, (2 * box.x + box.width) * 3 // (2 * width))
    row = min(2, (2 * box.y + box.height) * 3 // (2 * height))
    words = [("top", "", "bottom")[row], ("left", "", "right")[column]]
    place = " ".join(word for word in words if word)
    return f"at the {place}" if place else "in the middle"

"""The plan of a film: its shots, its events and their strokes.

A plan is all that passes from the scan to the render. Coordinates are those of the upright picture.
`Plan.save` writes it and says how it looks on disk; `saved_plan` reads it back, and trusts nothing there.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from subremover.errors import OutputError, PlanError
from subremover.geometry import Box
from subremover.runtime.paths import is_file, tell, write_file

FORMAT = "subremover plan"
VERSION = 2
PLAN_NAME = "plan.json"
MOST_REASONS = 3
"""Of an event's probability."""
MOST_STROKE_PIXELS = 2**31
"""Of all events that others have made: a byte of memory each. A film of two hours has some 2**27."""
_STROKES = re.compile(r"event_([0-9]{4}|[1-9][0-9]{4,})\.png")
"""Names of the PNGs that `Plan.save` writes."""


@dataclass(frozen=True, slots=True)
class Shot:
    """The frames between two cuts, both ends included."""

    first: int
    last: int


EventKind = Literal["subtitle", "scene", "logo"]
Colour = tuple[int, int, int]
"""RGB, 0 to 255 each."""


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """One piece of lettering on screen: the same strokes from its first to its last frame."""

    first: int
    last: int
    """Last frame on which it is visible, included."""
    box: Box
    """Around the strokes, in the upright picture."""
    strokes: np.ndarray
    """(h, w) bool of the box's size, True where it covers the picture: fill, outline, shadow, box."""
    opacities: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    """(last - first + 1,) float32 in [0, 1], opacity on each frame; empty: 1 throughout."""
    text: str = ""
    """What it says, rows separated by a line feed; empty where it was not read. `<i>` and `</i>` stand around
    slanted words, in pairs within a row; no other mark-up is known."""
    kind: EventKind = "subtitle"
    """What it was taken for: `scene` is part of the picture, `logo` an overlay that never changes."""
    remove: bool = True
    """Whether the render removes it; what is left alone is listed all the same, so that a person can see it
    and decide otherwise."""
    probability: float | None = None
    """How likely it is to be a subtitle, in [0, 1], as the scan took it; None: drawn by a mask or by hand."""
    reasons: tuple[str, ...] = ()
    """Why, in plain English ("stands still while the picture moves"), the strongest reason first; at most
    `MOST_REASONS`."""
    colour: Colour | None = None
    """Of the letters' fill; None where it is not known."""

    def __post_init__(self) -> None:
        frames = self.last - self.first + 1
        if len(self.opacities) not in (0, frames):
            raise ValueError(f"{frames} frames need as many opacities or none, got {len(self.opacities)}")
        if not 0 <= self.first <= self.last:
            raise ValueError(f"an event needs 0 <= first <= last, got {self.first} and {self.last}")
        if self.strokes.shape != (self.box.height, self.box.width) or self.strokes.dtype != np.bool_:
            raise ValueError(
                f"strokes must be bool of {self.box.height}x{self.box.width}, "
                f"got {self.strokes.dtype} of {self.strokes.shape}"
            )
        if self.probability is not None and not 0 <= self.probability <= 1:
            raise ValueError(f"a probability is 0 to 1, got {self.probability}")
        if len(self.reasons) > MOST_REASONS:
            raise ValueError(f"an event has at most {MOST_REASONS} reasons, got {len(self.reasons)}")
        if self.colour is not None and (
            len(self.colour) != 3 or not all(0 <= level <= 255 for level in self.colour)
        ):
            raise ValueError(f"a colour is three numbers from 0 to 255, got {self.colour}")

    def clip(self, start: int, stop: int) -> Event:
        """The part within frames start to stop (excluded), of which it must have some."""
        first, last = max(self.first, start), min(self.last, stop - 1)
        opacities = self.opacities[first - self.first : last + 1 - self.first]
        return replace(self, first=first, last=last, opacities=opacities)

    def spare(self, start: int, stop: int) -> list[Event]:
        """Its parts before, within and after frames start to stop (excluded); removed only within."""
        ranges = ((0, start, False), (start, stop, self.remove), (stop, self.last + 1, False))
        return [
            replace(self.clip(first, end), remove=remove)
            for first, end, remove in ranges
            if self.first < end and self.last >= first
        ]


@dataclass(frozen=True, slots=True)
class Passage:
    """Lettering that moves or shakes, so that no event covers it: it is left alone."""

    first: int
    """First frame on which it was seen."""
    last: int
    box: Box
    """Around all places where it was seen, in the upright picture."""


@dataclass(frozen=True, slots=True)
class FilmKey:
    """What tells one film from another, whatever its file is called."""

    width: int
    """Of the upright picture, in px."""
    height: int
    frame_count: int
    times: str
    """Digest of all frame times."""

    @classmethod
    def of(cls, upright_size: tuple[int, int], pts: np.ndarray) -> FilmKey:
        """The key of a film with these frame times, int64 in ticks."""
        digest = hashlib.sha256(pts.astype("<i8").tobytes()).hexdigest()[:16]
        return cls(*upright_size, len(pts), digest)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be removed from one film."""

    film: FilmKey
    shots: tuple[Shot, ...]
    """In order, together all frames."""
    events: tuple[Event, ...]
    """By first frame."""
    passages: tuple[Passage, ...] = ()
    """What the scan saw besides; by first frame."""
    active_picture: Box | None = None
    """What of the upright picture shows the film, beside black bars that never go; None: all of it does."""

    def __post_init__(self) -> None:
        width, height, frames = self.film.width, self.film.height, self.film.frame_count
        active = self.active_picture
        if active and active.intersect(Box(0, 0, width, height)) != active:
            raise ValueError(f"the active picture {active} reaches out of one of {width}x{height} px")
        for number, event in enumerate(self.events):
            box = event.box
            if box.x < 0 or box.y < 0 or box.right > width or box.bottom > height or event.last >= frames:
                raise ValueError(
                    f"event {number} (frames {event.first} to {event.last}, {box}) lies outside of a film "
                    f"of {frames} frames of {width}x{height} px"
                )

    def check_film(self, film: FilmKey) -> None:
        """Find out whether it is of this film.

        Raises:
            PlanError: It is of another.
        """
        if self.film != film:
            raise PlanError(
                f"the plan is of another film ({self.film.width}x{self.film.height} px, "
                f"{self.film.frame_count} frames; this one: {film.width}x{film.height}, "
                f"{film.frame_count} frames); scan this film"
            )

    def replace_event(self, number: int, **changes: Any) -> Plan:
        """The plan with one event changed: turned over, moved in time, its strokes painted.

            plan = plan.replace_event(3, remove=False)
            strokes = plan.events[0].strokes.copy()
            strokes[:10] = True
            plan = plan.replace_event(0, strokes=strokes)

        Args:
            number: Of the event, its place in `events`; where its first frame changes, so may that.
            changes: Fields of `Event` and their new values. With another first or last frame and no
                `opacities` the event is opaque throughout.

        Raises:
            IndexError: There is no such event.
            ValueError: The values make no event of this film; see `Event`.
            TypeError: There is no such field.
        """
        if not 0 <= number < len(self.events):
            raise IndexError(f"the plan has events 0 to {len(self.events) - 1}, not {number}")
        event = self.events[number]
        if "opacities" not in changes and not {"first", "last"}.isdisjoint(changes):
            changes["opacities"] = np.zeros(0, np.float32)
        events = [*self.events[:number], replace(event, **changes), *self.events[number + 1 :]]
        return replace(self, events=tuple(sorted(events, key=lambda e: e.first)))

    @property
    def removed(self) -> tuple[Event, ...]:
        """The events that are to go."""
        return tuple(event for event in self.events if event.remove)

    def masked_frames(self) -> np.ndarray:
        """(frame_count,) bool, True on frames with a subtitle."""
        is_masked = np.zeros(self.film.frame_count, bool)
        for event in self.removed:
            is_masked[event.first : event.last + 1] = True
        return is_masked

    def digest(self) -> str:
        """Of all that it says; the same for the same plan alone."""
        digest = hashlib.sha256(repr((self.film, self.shots, self.passages, self.active_picture)).encode())
        for event in self.events:
            said = (event.first, event.last, event.box, event.text, event.kind, event.remove)
            why = (event.probability, event.reasons, event.colour)
            digest.update(repr((*said, *why, event.opacities.tolist())).encode())
            digest.update(np.packbits(event.strokes).tobytes())
        return digest.hexdigest()

    def mask(self, events: list[Event]) -> np.ndarray:
        """(H, W) bool of the upright picture, True on the strokes of these events."""
        mask = np.zeros((self.film.height, self.film.width), bool)
        for event in events:
            mask[event.box.slices] |= event.strokes
        return mask

    def clip(self, start: int, stop: int) -> Plan:
        """The plan with nothing to remove outside frames start to stop (excluded).

        What stands outside is listed as left alone, so that no hole takes a subtitle for the picture
        behind its own.
        """
        parts = [part for event in self.events for part in event.spare(start, stop)]
        return replace(self, events=tuple(sorted(parts, key=lambda e: e.first)))

    def save(self, folder: Path | str) -> None:
        """Write `plan.json` and the strokes into a folder, made if need be; a plan that is there is replaced.

            {"format": "subremover plan", "version": 2,
             "film": {"width": 854, "height": 480, "frame_count": 108, "times": "..."},
             "shots": [{"first": 0, "last": 39}, ...],
             "events": [{"first": 12, "last": 15, "box": [x, y, width, height],
                         "strokes": "event_0001.png", "opacities": [0.25, 0.5, 1.0, 1.0],
                         "text": "What it says", "colour": "#ffee00", "kind": "subtitle", "remove": true,
                         "probability": 0.97, "reasons": ["stands where others do", ...]}, ...],
             "passages": [{"first": 30, "last": 39, "box": [x, y, width, height]}, ...],
             "active_picture": [x, y, width, height]}

        Frames count from 0, both ends included; an event's PNG has its box's size. An event needs `first`,
        `last` and `box`. Without the others it covers its whole box, opaque, and is a subtitle that is to go
        and was not read. `opacities` is there only where not all are 1, one a frame; where their number is
        not that of the frames, they are passed over. `colour`, `probability` and `reasons` are there only
        where a scan has told them; `passages` may be left out. `active_picture` is there only where there are
        black bars.

        Raises:
            OutputError: The folder cannot be written.
        """
        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            events = []
            for number, event in enumerate(self.events, 1):
                name = f"event_{number:04d}.png"
                _, png = cv2.imencode(".png", event.strokes.astype(np.uint8) * 255)
                write_file(folder / name, png.tobytes())
                events.append(_describe(event, name))
            film = {name: getattr(self.film, name) for name in ("width", "height", "frame_count", "times")}
            shots = [{"first": shot.first, "last": shot.last} for shot in self.shots]
            passages = [
                {"first": passage.first, "last": passage.last, "box": _describe_box(passage.box)}
                for passage in self.passages
            ]
            document = {
                "format": FORMAT,
                "version": VERSION,
                "film": film,
                "shots": shots,
                "events": events,
                "passages": passages,
                **({"active_picture": _describe_box(self.active_picture)} if self.active_picture else {}),
            }
            write_file(folder / PLAN_NAME, lay_out(document).encode())
            _delete_others(folder, {event["strokes"] for event in events})
        except (OSError, ValueError) as error:  # ValueError: a null byte in the name
            raise OutputError(
                f"cannot write the plan to '{folder}': {tell(error)}; choose another folder"
            ) from error


def _delete_others(folder: Path, names: Collection[str]) -> None:
    """Delete the PNGs that a plan of more events has left in a folder."""
    for file in list(folder.iterdir()):
        if _STROKES.fullmatch(file.name) and file.name not in names and is_file(file):
            file.unlink()


def lay_out(document: dict[str, Any]) -> str:
    """A plan as JSON to be edited by hand: a shot or a passage a line, and a field of an event a line."""
    to_json = partial(json.dumps, ensure_ascii=False)
    texts = {name: to_json(value) for name, value in document.items()}
    events = [
        "{\n   " + ",\n   ".join(f'"{name}": {to_json(value)}' for name, value in event.items()) + "\n  }"
        for event in document["events"]
    ]
    lines_of = {name: map(to_json, document[name]) for name in ("shots", "passages")}
    for name, lines in {**lines_of, "events": events}.items():
        if document[name]:
            texts[name] = "[\n  " + ",\n  ".join(lines) + "\n ]"
    return "{\n" + ",\n".join(f' "{name}": {text}' for name, text in texts.items()) + "\n}\n"


def _describe(event: Event, strokes: str) -> dict[str, Any]:
    """An event's entry in `plan.json`; `strokes` is the name of its PNG."""
    opacities = [round(float(opacity), 3) for opacity in event.opacities]
    return {
        "first": event.first,
        "last": event.last,
        "box": _describe_box(event.box),
        "strokes": strokes,
        **({"opacities": opacities} if any(opacity != 1 for opacity in opacities) else {}),
        "text": event.text,
        **({} if event.colour is None else {"colour": write_colour(event.colour)}),
        "kind": event.kind,
        "remove": event.remove,
        **({} if event.probability is None else {"probability": round(float(event.probability), 3)}),
        **({"reasons": list(event.reasons)} if event.reasons else {}),
    }


def write_colour(colour: Colour) -> str:
    """A colour as `#ffee00`."""
    return "#" + "".join(f"{level:02x}" for level in colour)


def _describe_box(box: Box) -> list[int]:
    return [box.x, box.y, box.width, box.height]

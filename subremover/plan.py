"""The plan of a film: its shots, its events and their strokes; to and from disk.

A plan is all that passes from the scan to the render. Coordinates are those of the upright picture.
On disk it is a folder with `plan.json` and one PNG of strokes an event (white = remove), which can be
repainted in any image editor. See `Plan.save` for the format.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from subremover.errors import OutputError, PlanError
from subremover.geometry import Box

VERSION = 1
_NAME = "plan.json"


@dataclass(frozen=True, slots=True)
class Shot:
    """The frames between two cuts, both ends included."""

    first: int
    last: int


EventKind = Literal["subtitle", "scene", "logo"]


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
    """What it says, lines separated by a line feed; empty where it was not read."""
    kind: EventKind = "subtitle"
    """What it was taken for: `scene` is part of the picture, `logo` an overlay that never changes."""
    remove: bool = True
    """Whether the render removes it; what is left alone is listed all the same, so that a person can see it
    and change the verdict."""

    def __post_init__(self) -> None:
        if len(self.opacities) not in (0, self.last - self.first + 1):
            raise ValueError(
                f"an event of {self.last - self.first + 1} frames needs as many opacities, got {len(self.opacities)}"
            )
        if not 0 <= self.first <= self.last:
            raise ValueError(f"an event needs 0 <= first <= last, got {self.first} and {self.last}")
        if self.strokes.shape != (self.box.height, self.box.width) or self.strokes.dtype != np.bool_:
            raise ValueError(
                f"strokes must be bool of {self.box.height}x{self.box.width}, "
                f"got {self.strokes.dtype} of {self.strokes.shape}"
            )

    def clip(self, start: int, stop: int) -> Event:
        """The part within frames start to stop (excluded), of which it must have some."""
        first, last = max(self.first, start), min(self.last, stop - 1)
        opacities = self.opacities[first - self.first : last + 1 - self.first]
        return replace(self, first=first, last=last, opacities=opacities)


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

    def mask(self, events: list[Event]) -> np.ndarray:
        """(H, W) bool of the upright picture, True on the strokes of these events."""
        mask = np.zeros((self.film.height, self.film.width), bool)
        for event in events:
            mask[event.box.slices] |= event.strokes
        return mask

    def clip(self, start: int, stop: int) -> Plan:
        """The plan with nothing to remove outside frames start to stop (excluded)."""
        events = (e for e in self.events if e.first < stop and e.last >= start)
        return replace(self, events=tuple(e.clip(start, stop) for e in events))

    def save(self, folder: Path) -> None:
        """Write `plan.json` and the strokes into a folder, made if need be.

            {"format": "subremover plan", "version": 1,
             "film": {"width": 854, "height": 480, "frame_count": 108, "times": "..."},
             "shots": [{"first": 0, "last": 39}, ...],
             "events": [{"first": 12, "last": 63, "box": [x, y, width, height],
                         "strokes": "event_0001.png"}, ...]}

        Frames count from 0, both ends included; an event's PNG has its box's size.

        Raises:
            OutputError: The folder cannot be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            events = []
            for number, event in enumerate(self.events, 1):
                name = f"event_{number:04d}.png"
                _, png = cv2.imencode(".png", event.strokes.astype(np.uint8) * 255)
                (folder / name).write_bytes(png.tobytes())
                box = event.box
                place = [box.x, box.y, box.width, box.height]
                events.append({"first": event.first, "last": event.last, "box": place, "strokes": name})
            film = {name: getattr(self.film, name) for name in ("width", "height", "frame_count", "times")}
            shots = [{"first": shot.first, "last": shot.last} for shot in self.shots]
            document = {"format": "subremover plan", "version": VERSION, "film": film, "shots": shots}
            text = json.dumps({**document, "events": events}, indent=1)
            (folder / _NAME).write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise OutputError(
                f"cannot write the plan to '{folder}': {error.strerror}; choose another folder"
            ) from error


def load_plan(path: Path, film: FilmKey) -> Plan:
    """Read a plan: its folder or its `plan.json`.

    Raises:
        PlanError: It cannot be read, is damaged, or belongs to another film or version.
    """
    try:
        file = path / _NAME if path.is_dir() else path
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlanError(
            f"cannot read the plan '{path}': {error.strerror}; make one with --save-plan"
        ) from error
    except (ValueError, RecursionError) as error:
        raise PlanError(f"'{file}' is no plan: {error}; make one with --save-plan") from error
    if not isinstance(document, dict) or document.get("format") != "subremover plan":
        raise PlanError(f"'{file}' is no plan; make one with --save-plan")
    if document.get("version") != VERSION:
        raise PlanError(
            f"'{file}' is a plan of version {document.get('version')}, this program reads version {VERSION}; "
            "scan the film again with --save-plan"
        )
    try:
        key = FilmKey(**document["film"])
        if key != film:
            raise PlanError(
                f"'{file}' belongs to another film ({key.width}x{key.height}, {key.frame_count} frames; "
                f"this one: {film.width}x{film.height}, {film.frame_count} frames); "
                "scan this film with --save-plan"
            )
        shots = tuple(Shot(int(s["first"]), int(s["last"])) for s in document["shots"])
        events = tuple(sorted(_read_events(document["events"], file.parent, film), key=lambda e: e.first))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise PlanError(f"'{file}' is damaged: {error!r}; mend it or scan again with --save-plan") from error
    return Plan(film, shots, events)


def _read_events(entries: list[dict[str, Any]], folder: Path, film: FilmKey) -> Iterator[Event]:
    for entry in entries:
        name = Path(str(entry["strokes"])).name  # never outside the plan's folder
        box = Box(*(int(value) for value in entry["box"]))
        if box.x < 0 or box.y < 0 or box.right > film.width or box.bottom > film.height:
            raise PlanError(
                f"the box {entry['box']} of '{name}' reaches out of the picture; mend it in plan.json"
            )
        if entry["last"] >= film.frame_count:
            raise PlanError(f"the event of '{name}' ends behind the film's last frame; mend it in plan.json")
        strokes = read_mask(folder / name)
        if strokes.shape != (box.height, box.width):
            raise PlanError(
                f"'{name}' is {strokes.shape[1]}x{strokes.shape[0]} px, its box {box.width}x{box.height}; "
                "keep the picture's size or mend the box in plan.json"
            )
        event = Event(int(entry["first"]), int(entry["last"]), box, strokes)
        if strokes.any():  # painted all black: not this one
            yield event


MASK_LEVEL = 8
"""Grey level from which a mask's pixel counts as white: covers antialiased rims, spares coding noise."""


def read_mask(path: Path) -> np.ndarray:
    """A mask picture as (H, W) bool, True where it is white.

    Raises:
        PlanError: It cannot be read.
    """
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise PlanError(f"cannot read the mask '{path}': {error.strerror}; check its name") from error
    image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if data.size else None
    if image is None:
        raise PlanError(f"'{path}' is no picture; give a PNG, white where to remove")
    mask: np.ndarray = image >= MASK_LEVEL
    return mask

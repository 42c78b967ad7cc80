"""Reads a saved plan, and trusts nothing there: a plan is edited by hand, or comes from others.

`Plan.save` writes what is read here, and describes it.
"""

from __future__ import annotations

import json
import logging
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np

from subremover.errors import PlanError
from subremover.geometry import Box
from subremover.plan.mask_picture import read_mask
from subremover.plan.model import (
    FORMAT,
    MOST_REASONS,
    MOST_STROKE_PIXELS,
    PLAN_NAME,
    VERSION,
    Colour,
    Event,
    EventKind,
    FilmKey,
    Passage,
    Plan,
    Shot,
)
from subremover.runtime.paths import exists, is_file, is_folder, read_small_file, resolve

log = logging.getLogger(__name__)

# A film of two hours has some 2,000 events: half a megabyte of JSON. In memory it was 23 times as large.
MOST_JSON_BYTES = 32 * 2**20
_MOST_TEXT, _MOST_REASON = 2000, 200
_KEY_FIELDS = ("width", "height", "frame_count", "times")
# A day at 1000 frames a second.
_MOST_FRAMES, _MOST_SIDE_PX, _MOST_TIMES = 86_400_000, 1 << 16, 64
_EVENT_FIELDS = (
    *("first", "last", "box", "strokes", "opacities"),
    *("text", "colour", "kind", "remove", "probability", "reasons"),
)
_COLOUR = re.compile("#[0-9A-Fa-f]{6}")
# Control characters, lone surrogates, line and paragraph separators.
_NO_TEXT = ("Cc", "Cs", "Zl", "Zp")


def load_plan(path: Path | str, film: FilmKey | None = None) -> Plan:
    """Read a plan that `Plan.save` has written, perhaps edited since.

    Args:
        path: Its folder or its `plan.json`.
        film: That it must be of; None: that which it says itself, which a run checks.

    Raises:
        PlanError: It cannot be read, is damaged, or belongs to another film or version.
    """
    path = Path(path)
    file = path / PLAN_NAME if is_folder(path) else path
    document, key = read_document(file, film)
    shots = tuple(_read_shots(document.get("shots"), file, key.frame_count))
    events = _read_events(document.get("events"), file, key)
    passages = _read_passages(document.get("passages", []), file, key)
    active = document.get("active_picture")
    return Plan(
        key,
        shots,
        tuple(sorted(events, key=lambda event: event.first)),
        tuple(sorted(passages, key=lambda passage: passage.first)),
        None if active is None else _read_box(active, f"the active picture of '{file}'", key),
    )


def read_document(file: Path, film: FilmKey | None = None) -> tuple[dict[str, Any], FilmKey]:
    """What a `plan.json` says before its shots and events are looked at, and which film it is of.

    Args:
        file: Of the plan.
        film: That it must be of; None: that which it says itself.

    Raises:
        PlanError: It cannot be read, is damaged, or belongs to another film or version.
    """
    document = _read_json(file)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise PlanError(f"'{file}' is no plan; make one with --save-plan")
    if document.get("version") != VERSION:
        raise PlanError(
            f"'{file}' is a plan of version {_show(document.get('version'))}, "
            f"this program reads version {VERSION}; scan the film again with --save-plan"
        )
    key = document.get("film")
    if not isinstance(key, dict):
        raise _damaged(f"'{file}'", "film", "an object", key)
    if film is None:
        return document, _read_key(key, f"'{file}'")
    if any(key.get(name) != getattr(film, name) for name in _KEY_FIELDS):
        raise PlanError(
            f"'{file}' belongs to another film ({_show(key.get('width'))}x{_show(key.get('height'))}, "
            f"{_show(key.get('frame_count'))} frames; "
            f"this one: {film.width}x{film.height}, {film.frame_count} frames); "
            "scan this film with --save-plan"
        )
    return document, film


def _read_json(file: Path) -> Any:
    data = read_small_file(file, "the plan", "make one with --save-plan", MOST_JSON_BYTES)
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise PlanError(
            f"'{file}' is no plan: {error}; make one with --save-plan in another folder"
        ) from error
    except (ValueError, RecursionError) as error:
        remedy = "mend it, or make a new one with --save-plan in another folder"
        raise PlanError(f"'{file}' is no plan: {error}; {remedy}") from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _read_key(key: dict[str, Any], where: str) -> FilmKey:
    """Which film it says that it is of."""
    times = key.get("times")
    if not isinstance(times, str) or len(times) > _MOST_TIMES:
        raise _damaged(where, "times", f"a text of at most {_MOST_TIMES} characters", times)
    width, height = (_read_int(key, name, where, 1, _MOST_SIDE_PX) for name in ("width", "height"))
    return FilmKey(width, height, _read_int(key, "frame_count", where, 1, _MOST_FRAMES), times)


def _read_shots(entries: Any, file: Path, frame_count: int) -> Iterator[Shot]:
    """Shots that follow each other without a gap, from the first frame to the last."""
    following = 0
    for where, entry in _read_objects(entries, file, "shot"):
        first = _read_int(entry, "first", where, following, following)
        last = _read_int(entry, "last", where, first, frame_count - 1)
        following = last + 1
        yield Shot(first, last)
    if following != frame_count:
        raise PlanError(
            f"the shots of '{file}' end with frame {following - 1}, the film with {frame_count - 1}; "
            "they must cover all frames: mend them"
        )


def _read_events(entries: Any, file: Path, film: FilmKey) -> Iterator[Event]:
    pixels = 0
    for where, entry in _read_objects(entries, file, "event"):
        pixels += count_stroke_pixels(entry, where, film)
        if pixels > MOST_STROKE_PIXELS:
            raise PlanError(f"the strokes of '{file}' are too large for the memory; make their boxes smaller")
        event = read_event(entry, where, file.parent, film)
        if event is not None:
            yield event


def read_event(entry: dict[str, Any], where: str, folder: Path, film: FilmKey) -> Event | None:
    """One entry of a plan's events, with its PNG; None where that is all black: not this one.

    Args:
        entry: As it stands in `plan.json`.
        where: What messages call it.
        folder: The plan's.
        film: That it must fit.

    Raises:
        PlanError: Something of it is not as it must be.
    """
    for name in entry.keys() - set(_EVENT_FIELDS):
        raise PlanError(
            f"{where} has a field {_show(name)} that is not known; known are {', '.join(_EVENT_FIELDS)}"
        )
    first, last, box = _read_extent(entry, where, film)
    strokes = _read_strokes(entry, where, folder, box)
    if not strokes.any():
        return None
    return Event(
        first,
        last,
        box,
        strokes,
        opacities=_read_opacities(entry.get("opacities", []), where, last - first + 1),
        text=_read_text(entry.get("text", ""), "text", where, _MOST_TEXT),
        kind=_read_kind(entry.get("kind", "subtitle"), where),
        remove=_read_bool(entry.get("remove", True), "remove", where),
        probability=_read_probability(entry.get("probability"), where),
        reasons=_read_reasons(entry.get("reasons", []), where),
        colour=_read_colour(entry.get("colour"), where),
    )


def count_stroke_pixels(entry: dict[str, Any], where: str, film: FilmKey) -> int:
    """How many bytes of memory an entry's PNG would take, before it is read.

    Raises:
        PlanError: It has no box in the picture.
    """
    return _read_box(entry.get("box"), where, film).area if "strokes" in entry else 0


def _read_passages(entries: Any, file: Path, film: FilmKey) -> Iterator[Passage]:
    for where, entry in _read_objects(entries, file, "passage"):
        yield Passage(*_read_extent(entry, where, film))


def _read_extent(entry: dict[str, Any], where: str, film: FilmKey) -> tuple[int, int, Box]:
    """First and last frame of an event or a passage, and its box."""
    first = _read_int(entry, "first", where, 0, film.frame_count - 1)
    last = _read_int(entry, "last", where, first, film.frame_count - 1)
    return first, last, _read_box(entry.get("box"), where, film)


def _read_box(value: Any, where: str, film: FilmKey) -> Box:
    if not isinstance(value, list) or len(value) != 4 or any(type(number) is not int for number in value):
        raise _damaged(where, "box", "[x, y, width, height] in whole pixels", value)
    x, y, width, height = value
    if width <= 0 or height <= 0:
        raise _damaged(where, "box", "[x, y, width, height] with a positive size", value)
    if x < 0 or y < 0 or x + width > film.width or y + height > film.height:
        raise PlanError(
            f"{where}: the box {_show(value)} reaches out of the picture "
            f"({film.width}x{film.height} px); mend it"
        )
    return Box(x, y, width, height)


def _read_strokes(entry: dict[str, Any], where: str, folder: Path, box: Box) -> np.ndarray:
    """(h, w) bool of the box's size: what its PNG says, or all of it where there is none."""
    if "strokes" not in entry:
        return np.broadcast_to(np.True_, (box.height, box.width))
    name = entry["strokes"]
    # a backslash parts folders on Windows
    if not isinstance(name, str) or name in ("", "..") or name != Path(name).name or {"\\", "\0"} & {*name}:
        raise _damaged(where, "strokes", f"the name of a PNG beside {PLAN_NAME}", name)
    file = folder / name
    if resolve(file).parent != resolve(folder) or (exists(file) and not is_file(file)):
        raise PlanError(
            f"{where}: {_show(name)} is no file in the plan's folder but leads elsewhere; put the PNG there"
        )
    remedy = f"its box {box.width}x{box.height}; keep the picture's size or mend the box in {PLAN_NAME}"
    try:
        return read_mask(file, (box.width, box.height), remedy)
    except PlanError as error:
        raise PlanError(f"{where}: {error}") from error


def _read_opacities(value: Any, where: str, frames: int) -> np.ndarray:
    """(frames,) float32, or empty for opaque throughout."""
    opacities = _read_list(value, where, "opacities")
    for opacity in opacities:
        if not _is_share(opacity):
            raise _damaged(where, "opacities", "numbers from 0 to 1", opacity)
    if opacities and len(opacities) != frames:
        log.info("%s has %d opacities for %d frames: taken as opaque", where, len(opacities), frames)
        opacities = []
    return np.array(opacities, np.float32)


def _read_probability(value: Any, where: str) -> float | None:
    if value is not None and not _is_share(value):
        raise _damaged(where, "probability", "a number from 0 to 1", value)
    return None if value is None else float(value)


def _read_reasons(value: Any, where: str) -> tuple[str, ...]:
    reasons = _read_list(value, where, "reasons")
    if len(reasons) > MOST_REASONS:
        raise _damaged(where, "reasons", f"a list of at most {MOST_REASONS}", value)
    return tuple(_read_text(reason, "reasons", where, _MOST_REASON) for reason in reasons)


def _read_colour(value: Any, where: str) -> Colour | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _COLOUR.fullmatch(value):
        raise _damaged(where, "colour", "a colour as #ffee00", value)
    red, green, blue = bytes.fromhex(value[1:])
    return red, green, blue


def _is_share(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1  # type(): a bool is an int to Python


def _read_text(value: Any, name: str, where: str, most: int) -> str:
    if not isinstance(value, str) or len(value) > most:
        raise _damaged(where, name, f"a text of at most {most} characters", value)
    if any(unicodedata.category(character) in _NO_TEXT for character in value.replace("\n", "")):
        raise _damaged(where, name, "a text without control characters but line feeds", value)
    return value


def _read_kind(value: Any, where: str) -> EventKind:
    kinds: tuple[EventKind, ...] = get_args(EventKind)
    for kind in kinds:
        if value == kind:
            return kind
    raise _damaged(where, "kind", f"one of {', '.join(kinds)}", value)


def _read_bool(value: Any, name: str, where: str) -> bool:
    if not isinstance(value, bool):
        raise _damaged(where, name, "true or false", value)
    return value


def _read_int(entry: dict[str, Any], name: str, where: str, least: int, most: int) -> int:
    value = entry.get(name)
    if type(value) is not int or not least <= value <= most:  # type(): a bool is an int to Python
        limits = f"{least}" if least == most else f"a whole number from {least} to {most}"
        raise _damaged(where, name, limits, value)
    return value


def _read_objects(value: Any, file: Path, thing: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a list of shots or events, each with what messages call it."""
    for number, entry in enumerate(_read_list(value, f"'{file}'", f"{thing}s"), 1):
        if not isinstance(entry, dict):
            raise _damaged(f"'{file}'", f"{thing} {number}", "an object", entry)
        yield f"{thing} {number} of '{file}'", entry


def _read_list(value: Any, where: str, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise _damaged(where, name, "a list", value)
    return value


def _damaged(where: str, name: str, expected: str, got: Any) -> PlanError:
    remedy = "mend it or scan again with --save-plan"
    return PlanError(f'{where}: "{name}" must be {expected}, got {_show(got)}; {remedy}')


def _show(value: Any) -> str:
    """A value for a message: short, and with no character that a terminal would obey."""
    try:
        text = repr(value)
    except RecursionError:
        text = "lists in lists"
    return text if len(text) <= 60 else f"{text[:57]}..."

"""What a browser asks for: JSON that may hold anything, read into values that are what they must be."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from subremover.errors import UsageError
from subremover.options import EncodeOptions, PresetName, ScanOptions, SensitivityName
from subremover.page.library import CONTAINERS, Outputs
from subremover.page.refusals import bad
from subremover.video.encode.encoders import list_codecs

JobKind = Literal["scan", "try", "run"]
KEEPS = (None, "mended", "nothing")
MOST_FRAME, MOST_PX, MOST_REGIONS = 86_400_000, 1 << 16, 64
_NUMBER = re.compile(r"[0-9]{1,9}")
_KINDS = {bool: "true or false", int: "a whole number", str: "a text", list: "a list"}


@dataclass(frozen=True, slots=True)
class ScanAsk:
    """A scan, of a whole film or a part of it."""

    regions: tuple[tuple[int, int, int, int], ...] = ()
    first: int | None = None
    last: int | None = None
    """Included."""
    sensitivity: str = "normal"
    logos: bool = False
    everything: bool = False
    keep: str | None = None

    @property
    def is_part(self) -> bool:
        """Whether it leaves out anything of the film."""
        return bool(self.regions) or self.first is not None or self.last is not None

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> ScanAsk:
        """What a browser or a job's file says.

        Raises:
            Refusal: It makes no sense.
        """
        _check_names(values, cls)
        regions = take(values, "regions", list, [])
        if len(regions) > MOST_REGIONS:
            raise bad(f"there are at most {MOST_REGIONS} regions")
        first, last = (_take_frame(values, name) for name in ("first", "last"))
        if first is not None and last is not None and first > last:
            raise bad(f"the first frame ({first}) must not be behind the last ({last})")
        return cls(
            tuple(map(_read_region, regions)),
            first,
            last,
            _choose(values, "sensitivity", get_args(SensitivityName), "normal"),
            take(values, "logos", bool, False),
            take(values, "everything", bool, False),
            _choose(values, "keep", KEEPS, None),
        )

    def arguments(self, plan: Path) -> list[str]:
        """Of the command, which writes the plan there."""
        given = ["--scan-only", "--save-plan", str(plan), "--sensitivity", self.sensitivity]
        for region in self.regions:
            given += ["--region", ",".join(map(str, region))]
        given += [] if self.first is None else ["--start", f"{self.first}f"]
        given += [] if self.last is None else ["--end", f"{self.last + 1}f"]
        return [*given, *["--logos"] * self.logos, *["--everything"] * self.everything]


@dataclass(frozen=True, slots=True)
class TryAsk:
    """A few seconds around a frame, before and after."""

    frame: int

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> TryAsk:
        """What a browser or a job's file says.

        Raises:
            Refusal: It makes no sense.
        """
        _check_names(values, cls)
        frame = _take_frame(values, "frame")
        if frame is None:
            raise bad('"frame" is missing: around which one?')
        return cls(frame)

    def arguments(self, look: Path, plan: Path) -> list[str]:
        """Of the command, which writes films into the folder `look`."""
        return ["--preview", str(look), "--around", f"{self.frame}f", "--plan", str(plan)]


@dataclass(frozen=True, slots=True)
class RunAsk:
    """The clean film."""

    preset: str = "standard"
    codec: str | None = None
    crf: float | None = None
    match_size: bool = False
    subtitle_track: bool = False
    subtitle_language: str = "und"
    srt: bool = False
    container: str | None = None
    overwrite: bool = False

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> RunAsk:
        """What a browser or a job's file says.

        Raises:
            Refusal: It makes no sense.
        """
        _check_names(values, cls)
        crf = values.get("crf")
        if crf is not None and not (type(crf) in (int, float) and math.isfinite(crf) and 0 <= crf <= 63):
            raise bad('"crf" must be a number from 0 to 63, or null')
        ask = cls(
            _choose(values, "preset", get_args(PresetName), "standard"),
            _choose(values, "codec", (None, *list_codecs()), None),
            crf,
            take(values, "match_size", bool, False),
            take(values, "subtitle_track", bool, False),
            take(values, "subtitle_language", str, "und"),
            take(values, "srt", bool, False),
            _choose(values, "container", (None, *CONTAINERS), None),
            take(values, "overwrite", bool, False),
        )
        try:
            EncodeOptions(crf=ask.crf, match_size=ask.match_size)
            ScanOptions(subtitle_language=ask.subtitle_language)
        except UsageError as error:
            raise bad(str(error)) from error
        return ask

    def arguments(self, outputs: Outputs, plan: Path, *, has_plan: bool, overwrites: bool) -> list[str]:
        """Of the command.

        Args:
            outputs: Where everything goes.
            plan: Folder of the plan.
            has_plan: Whether there is one; otherwise it is written there.
            overwrites: Whether files may be replaced.
        """
        given = ["-o", str(outputs.film), "--report", str(outputs.report)]
        given += ["--srt", str(outputs.srt)] if self.srt else []
        given += ["--plan" if has_plan else "--save-plan", str(plan), "--preset", self.preset]
        given += [] if self.codec is None else ["--codec", self.codec]
        given += [] if self.crf is None else ["--crf", f"{self.crf:.6g}"]
        given += ["--match-size"] * self.match_size
        if self.subtitle_track:
            given += ["--subtitle-track", "--subtitle-language", self.subtitle_language]
        return [*given, *["--overwrite"] * overwrites]


Ask = ScanAsk | TryAsk | RunAsk
ASKS: dict[JobKind, type[ScanAsk] | type[TryAsk] | type[RunAsk]] = {
    "scan": ScanAsk,
    "try": TryAsk,
    "run": RunAsk,
}


def to_json(ask: Ask) -> dict[str, Any]:
    """What `read` makes the same of."""
    return json.loads(json.dumps(asdict(ask)))  # type: ignore[no-any-return]


def read_json(body: bytes) -> dict[str, Any]:
    """The object that a request's body holds.

    Raises:
        Refusal: It is none.
    """
    try:
        values = json.loads(body.decode(), parse_constant=_refuse_constant, parse_float=_read_float)
    except (ValueError, RecursionError) as error:  # ValueError: also a number of thousands of digits
        raise bad(f"the request is no JSON ({type(error).__name__}); load the page again") from error
    if not isinstance(values, dict):
        raise bad("the request must be an object of JSON; load the page again")
    return values


def take(values: Mapping[str, Any], name: str, kind: type[Any], default: Any) -> Any:
    """A value of a type, or what holds without it.

    Raises:
        Refusal: It is of another type.
    """
    value = values.get(name, default)
    if type(value) is not kind:  # a bool is an int to Python
        raise bad(f'"{name}" must be {_KINDS[kind]}')
    return value


def is_number(text: str) -> bool:
    """Whether a part of an address is a whole number of a size that one may have here."""
    return _NUMBER.fullmatch(text) is not None


def read_number(text: str, what: str, least: int, most: int) -> int:
    """A whole number of an address.

    Raises:
        Refusal: It is none, or out of range.
    """
    if not is_number(text) or not least <= int(text) <= most:
        raise bad(f"{what} must be a whole number from {least} to {most}")
    return int(text)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _read_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large")
    return number


def _check_names(values: Mapping[str, Any], kind: type[Any]) -> None:
    if others := sorted(values.keys() - set(kind.__slots__)):
        raise bad(f"{ascii(others[0])[:60]} is not known here; known are {', '.join(kind.__slots__)}")


def _choose(values: Mapping[str, Any], name: str, choices: tuple[Any, ...], default: Any) -> Any:
    value = values.get(name, default)
    if not (value is None or isinstance(value, str)) or value not in choices:
        raise bad(f'"{name}" must be one of {", ".join(str(c or "null") for c in choices)}')
    return value


def _take_frame(values: Mapping[str, Any], name: str) -> int | None:
    value = values.get(name)
    if value is not None and not (type(value) is int and 0 <= value < MOST_FRAME):
        raise bad(f'"{name}" must be the number of a frame')
    return value


def _read_region(value: Any) -> tuple[int, int, int, int]:
    if not isinstance(value, list) or len(value) != 4 or any(type(number) is not int for number in value):
        raise bad("a region is [x, y, width, height] in whole pixels")
    x, y, width, height = value
    if not (0 <= x < MOST_PX and 0 <= y < MOST_PX and 0 < width <= MOST_PX and 0 < height <= MOST_PX):
        raise bad("a region lies in the picture, and is at least a pixel wide and high")
    return x, y, width, height

"""Times, regions, parts of films and sizes of memory: what a user writes, read and checked."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from subremover.errors import UsageError
from subremover.geometry import Box

_NUMBER = r"\d{1,9}(?:\.\d+)?"
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@dataclass(frozen=True, slots=True)
class Position:
    """A place in time, as a frame number or as seconds since the first frame."""

    frame: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if (self.frame is None) == (self.seconds is None):
            raise ValueError("give either a frame or seconds")

    @classmethod
    def parse(cls, text: str) -> Position:
        """Read `120f`, `12.5`, `0:01:30.250` or `75:00`; a timecode may have a decimal comma, as in SRT.

        Raises:
            UsageError: The text is none of these.
        """
        text = text.strip()
        if re.fullmatch(r"\d{1,9}f", text):
            return cls(frame=int(text[:-1]))
        if re.fullmatch(_NUMBER, text):
            return cls(seconds=float(text))
        reason = ""
        if match := re.fullmatch(r"(?:(\d{1,6}):)?(\d{1,4}):(\d{1,2}(?:[.,]\d+)?)", text):
            hours, minutes, seconds = match[1], int(match[2]), float(match[3].replace(",", "."))
            if hours is not None and minutes > 59:
                reason = ", for its minutes are above 59"
            elif seconds >= 60:
                reason = ", for its seconds are above 59"
            else:
                return cls(seconds=int(hours or 0) * 3600 + minutes * 60 + seconds)
        raise UsageError(
            f"cannot read {text!r} as a time{reason}; "
            "give a frame (120f), seconds (12.5) or a timecode (0:01:30.250)"
        )


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the picture: left, top, width, height, in pixels or in shares of the picture."""

    x: float
    y: float
    width: float
    height: float
    is_relative: bool

    @classmethod
    def parse(cls, text: str) -> Region:
        """Read `x,y,w,h` in pixels, `x%,y%,w%,h%`, `bottom`, `top` or `full`.

        Raises:
            UsageError: The text is none of these, or the region is empty.
        """
        named = {
            "bottom": cls(0, 2 / 3, 1, 1 / 3, True),
            "top": cls(0, 0, 1, 1 / 3, True),
            "full": cls(0, 0, 1, 1, True),
        }
        text = text.strip().lower()
        if text in named:
            return named[text]
        parts = [part.strip() for part in text.split(",")]
        relative = all(part.endswith("%") for part in parts)
        numbers = [part.removesuffix("%") if relative else part for part in parts]
        if len(parts) != 4 or not all(re.fullmatch(_NUMBER, number) for number in numbers):
            raise UsageError(
                f"cannot read {text!r} as a region; give x,y,w,h in pixels (0,400,640,80), "
                "in per cent (0%,75%,100%,25%), or bottom, top or full"
            )
        x, y, width, height = (float(number) / (100 if relative else 1) for number in numbers)
        if width <= 0 or height <= 0:
            raise UsageError(f"region {text!r} is empty; width and height must be above 0")
        return cls(x, y, width, height, relative)

    def box(self, width: int, height: int) -> Box:
        """The region in a picture of this size, in whole pixels.

        Raises:
            UsageError: It does not lie inside the picture.
        """
        scale_x, scale_y = (width, height) if self.is_relative else (1, 1)
        left, top = math.floor(self.x * scale_x + 1e-6), math.floor(self.y * scale_y + 1e-6)
        right = math.ceil((self.x + self.width) * scale_x - 1e-6)
        bottom = math.ceil((self.y + self.height) * scale_y - 1e-6)
        if right > width or bottom > height or right <= left or bottom <= top:
            raise UsageError(
                f"region {left},{top},{right - left},{bottom - top} does not fit the picture "
                f"of {width}x{height} px"
            )
        return Box(left, top, right - left, bottom - top)


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """One of so many parts of a film's segments, each of which a process may render by itself."""

    number: int
    """From 1."""
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise UsageError(f"there is no part {self} of a film; give I/N with I from 1 to N: 1/8 to 8/8")

    def __str__(self) -> str:
        return f"{self.number} of {self.count}"

    @classmethod
    def parse(cls, text: str) -> Part:
        """Read `2/8`.

        Raises:
            UsageError: The text is none, or there is no such part.
        """
        match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text.strip())
        if match is None:
            raise UsageError(
                f"cannot read {text!r} as a part of a film; give I/N, as 2/8 for the second of 8"
            )
        return cls(int(match[1]), int(match[2]))


def parse_size(text: str) -> int:
    """Bytes, read from `800M`, `4G`, `1.5G` or the like, in units of 1024.

    Raises:
        UsageError: The text is none of these.
    """
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)([KMGT])(?:i?B)?", text.strip(), re.IGNORECASE)
    size = int(float(match[1]) * _UNITS[match[2].upper()]) if match else 0
    if size <= 0:
        raise UsageError(f"cannot read {text!r} as a size of memory; give a number and a unit: 800M, 4G")
    return size

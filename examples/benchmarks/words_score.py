"""How well the words of a film were read: cues held against the true lines. No running, no printing.

A case is a folder with subbed.mp4 and truth.json, whose `lines` each have `first` and `last` (frames from 0,
both included), `box` (x, y, width, height in px), `text`, `event` (lines that come and go together share a
number) and `tags`: `pop` for words that pop up one by one, `script_hans`, `script_hant` or `script_ja` where
Han letters alone don't tell the language. `block` lines hold several rows.

    error rate   edits that turn the likest part of what the cues say during a line into it, by its letters
    found        removed subtitles cover over half of a line's box on over half of its frames
    a cue says   a line that it contains, with edits for less than half of its letters, while it is on screen;
                 one that says no whole line is right where it is part of a line, and has the line's times
    in order     a cue says its lines in the order of time, and from top to bottom
    extra        letters of a cue that are in no line during it
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from words_text import UNSPACED, align, contains, normalise, tell_script

from subremover import Event

SLACK_FRAMES = 1
"""Times are right within this many frames, and a cue isn't on screen during a line for no more than these."""

BRIEF_FRAMES = 3
"""Lines of so few frames are for nobody to read; error rates are given with and without them."""

HAN_TAGS = {
    "script_hans": "Chinese, simplified",
    "script_hant": "Chinese, traditional",
    "script_ja": "Japanese",
}
"""What Han letters are, by a line's tags."""

_STAMP = r"(\d+):(\d\d):(\d\d)[,.](\d\d\d)"
_CUE = re.compile(rf"^{_STAMP} --> {_STAMP}.*\n((?:.*\S.*(?:\n|\Z))*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Line:
    """A true row of text, for as long as it stands."""

    first: int
    last: int
    box: tuple[int, int, int, int]
    """x, y, width, height in px."""
    text: str
    event: int
    tags: tuple[str, ...]

    @property
    def frames(self) -> int:
        return self.last - self.first + 1

    @property
    def is_pop(self) -> bool:
        return "pop" in self.tags

    @property
    def script(self) -> str:
        """That of most of its letters."""
        hint = next((name for tag, name in HAN_TAGS.items() if tag in self.tags), None)
        return tell_script(self.text, hint)


@dataclass(frozen=True, slots=True)
class Cue:
    """What is said from one frame to another."""

    first: int
    end: int
    """The frame on which it is gone."""
    text: str


@dataclass(frozen=True, slots=True)
class LineScore:
    """How well one true line was read."""

    case: str
    first: int
    last: int
    text: str
    read: str
    """The part of what the cues said that is most like it."""
    script: str
    tags: tuple[str, ...]
    letters: int
    edits: int
    is_found: bool | None
    """None where no plan tells it."""
    cues: int
    """That say it."""
    is_split: bool
    """Said by cues one after the other, though it does not pop."""
    is_doubled: bool
    """Said by cues at once."""

    @property
    def is_brief(self) -> bool:
        return self.last - self.first + 1 <= BRIEF_FRAMES


@dataclass(frozen=True, slots=True)
class CueScore:
    """How right one cue is."""

    case: str
    first: int
    end: int
    text: str
    lines: int
    """That it says, or is part of."""
    first_error: int | None
    """In frames, below 0 where it is early; None where it says no line."""
    end_error: int | None
    is_glued: bool
    """It says lines of several events that were never on screen at once, and do not pop."""
    is_shuffled: bool
    """Its lines are not in the order of time, then from top to bottom."""
    extra: int

    @property
    def is_timely(self) -> bool:
        errors = (self.first_error, self.end_error)
        return all(error is not None and abs(error) <= SLACK_FRAMES for error in errors)


def read_lines(case: Path) -> list[Line]:
    """The true lines of a case."""
    truth: dict[str, Any] = json.loads((case / "truth.json").read_text(encoding="utf-8"))
    return [
        Line(
            line["first"], line["last"], tuple(line["box"]), line["text"], line["event"], tuple(line["tags"])
        )
        for line in truth["lines"]
    ]


def read_times(film: Path) -> np.ndarray:
    """(frames + 1,) float64, seconds of each frame since the first, and of the end of the last."""
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.pts is not None]
        unit = float(stream.time_base or 1)
    times = sorted(packet.pts or 0 for packet in packets)
    last = max(packets, key=lambda packet: packet.pts or 0)
    return (np.array([*times, times[-1] + (last.duration or 0)], np.float64) - times[0]) * unit


def read_cues(file: Path, times: np.ndarray) -> list[Cue]:
    """The cues of an SRT file by start, in frames of its film; none where it isn't there or is empty."""
    text = file.read_text(encoding="utf-8-sig") if file.is_file() else ""
    cues = []
    for match in _CUE.finditer(text.replace("\r\n", "\n")):
        hours, minutes, seconds, milliseconds = np.array(match.groups()[:-1], np.int64).reshape(2, 4).T
        frames = [
            np.abs(times - t).argmin() for t in hours * 3600 + minutes * 60 + seconds + milliseconds / 1000
        ]
        cues.append(Cue(int(frames[0]), int(frames[1]), match[9].strip()))
    return sorted(cues, key=lambda cue: cue.first)


def find_lines(lines: Sequence[Line], events: Sequence[Event]) -> list[bool]:
    """For each line whether the subtitles that a plan removes cover it."""
    removed = [event for event in events if event.remove and event.kind == "subtitle"]
    return [_is_found(line, removed) for line in lines]


def score_words(
    case: str, lines: Sequence[Line], cues: Sequence[Cue], found: Sequence[bool] | None = None
) -> tuple[list[LineScore], list[CueScore]]:
    """Hold cues against true lines.

    Args:
        case: Its name.
        lines: All that its subtitles say.
        cues: By start.
        found: For each line whether its pixels were found; None where nothing tells it.

    Returns:
        The scores of the lines and of the cues, in their order.
    """
    said = [[_says(cue, line) for cue in cues] for line in lines]
    known = found if found is not None else [None] * len(lines)
    line_scores = [
        _score_line(case, line, cues, says, is_found)
        for line, says, is_found in zip(lines, said, known, strict=True)
    ]
    cue_scores = [
        _score_cue(case, cue, lines, [line for line, says in zip(lines, said, strict=True) if says[i]])
        for i, cue in enumerate(cues)
    ]
    return line_scores, cue_scores


def _score_line(
    case: str, line: Line, cues: Sequence[Cue], says: Sequence[bool], is_found: bool | None
) -> LineScore:
    script = line.script
    text = normalise(line.text, script)
    shown = [cue for cue in cues if cue.first <= line.last and cue.end > line.first]
    heard = normalise(" ".join(cue.text for cue in shown), script)
    part = align(text, heard)
    mine = [cue for cue, is_said in zip(cues, says, strict=True) if is_said]
    pairs = [(a, b) for i, a in enumerate(mine) for b in mine[i + 1 :]]
    at_once = [min(a.end, b.end) - max(a.first, b.first) > SLACK_FRAMES for a, b in pairs]
    return LineScore(
        *(case, line.first, line.last, text, heard[part.start : part.end], script, line.tags),
        letters=len(text),
        edits=part.edits,
        is_found=is_found,
        cues=len(mine),
        is_split=not line.is_pop and not all(at_once),
        is_doubled=any(at_once),
    )


def _score_cue(case: str, cue: Cue, lines: Sequence[Line], whole: Sequence[Line]) -> CueScore:
    during = [line for line in lines if _is_during(cue, line)]
    mine = whole or [line for line in during if _is_part(cue, line)]
    calm = [line for line in mine if not line.is_pop]
    return CueScore(
        *(case, cue.first, cue.end, cue.text, len(mine)),
        first_error=cue.first - min(line.first for line in mine) if mine else None,
        end_error=cue.end - max(line.last for line in mine) - 1 if mine else None,
        is_glued=any(a.event != b.event and a.last < b.first for a in calm for b in calm),
        is_shuffled=not _is_in_order(cue, whole),
        extra=_count_extra(cue, during),
    )


def _is_in_order(cue: Cue, whole: Sequence[Line]) -> bool:
    """Whether each line that a cue says stands behind those before or above it, or has them in it."""
    said = normalise(cue.text, UNSPACED[0])
    for line in sorted(whole, key=lambda line: (line.first, line.box[1])):
        text = normalise(line.text, UNSPACED[0])
        part = align(text, said)
        if part.edits > align(text, normalise(cue.text, UNSPACED[0])).edits and not contains(text, said):
            return False
        said = said[part.start :]
    return True


def _is_during(cue: Cue, line: Line) -> bool:
    """Whether a cue is on screen with a line, and not only at its end for being a frame off."""
    shared = min(cue.end, line.last + 1) - max(cue.first, line.first)
    return shared > SLACK_FRAMES or 2 * shared >= min(cue.end - cue.first, line.frames) > 0


def _says(cue: Cue, line: Line) -> bool:
    script = line.script
    return _is_during(cue, line) and contains(normalise(line.text, script), normalise(cue.text, script))


def _is_part(cue: Cue, line: Line) -> bool:
    part, text = normalise(cue.text, line.script), normalise(line.text, line.script)
    return contains(part, text) or contains(part, text.upper())


def _count_extra(cue: Cue, lines: Sequence[Line]) -> int:
    """Letters of a cue that no line accounts for; each part of it speaks for one line only."""
    if any(_is_part(cue, line) for line in lines):
        return 0
    left = normalise(cue.text, UNSPACED[0])
    for text in sorted((normalise(line.text, UNSPACED[0]) for line in lines), key=len, reverse=True):
        if contains(text, left):
            part = align(text, left)
            left = left[: part.start] + "\n" * (part.end - part.start) + left[part.end :]
    return len(left) - left.count("\n")


def _is_found(line: Line, removed: Sequence[Event]) -> bool:
    x, y, width, height = line.box
    near = [event for event in removed if event.first <= line.last and event.last >= line.first]
    covered = 0
    for frame in range(line.first, line.last + 1):
        area = np.zeros((height, width), bool)
        for event in near:
            if event.first <= frame <= event.last:
                left, top = max(event.box.x - x, 0), max(event.box.y - y, 0)
                right, bottom = event.box.x + event.box.width - x, event.box.y + event.box.height - y
                area[top : max(bottom, 0), left : max(right, 0)] = True
        covered += 2 * int(np.count_nonzero(area)) > area.size
    return 2 * covered > line.frames

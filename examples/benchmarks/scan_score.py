"""How well a scan found a clip's subtitles: a plan held against the clip's truth. No running, no printing.

A clip is a folder as in clip_score.py; its true events are those of clip_truth.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from clip_score import grow, luma, read_frames, read_truth
from clip_truth import TrueEvent, list_truth

from subremover import Event, Plan

VISIBLE_LEVELS = 24
"""A pixel whose luma the subtitle changed by more than this is seen."""

STRAY_PX = 12
"""A masked pixel further than this from all subtitles has nothing to do with them."""

TITLE_PX = 16
TITLE_FRAMES = 12
"""Around a title, where nothing is measured: its fades may count to it or not."""


@dataclass(slots=True)
class EventScore:
    """How well one true subtitle was found."""

    first: int
    last: int
    text: str
    first_error: int | None = None
    """In frames, below 0 where the plan is early; None: not found."""
    last_error: int | None = None
    recall: float | None = None
    """Share of its visible pixels that are masked."""
    text_error: float | None = None
    """Edits that turn what was read into the truth, by the truth's length; None where nothing was read."""


@dataclass(frozen=True, slots=True)
class ListedEvent:
    """An event of the plan that is worth a look."""

    first: int
    last: int
    box: tuple[int, int, int, int]
    """x, y, width, height in px."""
    kind: str
    text: str


@dataclass(slots=True)
class ScanScore:
    """All that is measured on one plan."""

    frames: int = 0
    seconds: float | None = None
    """The scan took; None for a plan that was loaded."""
    visible: int = 0
    """Pixels that a subtitle visibly changed, on all frames together."""
    visible_masked: int = 0
    touched: int = 0
    """Pixels that a subtitle covers at all."""
    masked: int = 0
    masked_touched: int = 0
    stray: int = 0
    """Masked pixels far from all subtitles."""
    masked_frames: int = 0
    false_frames: int = 0
    """Masked frames without a subtitle."""
    events: list[EventScore] = field(default_factory=list)
    wrong: list[ListedEvent] = field(default_factory=list)
    """Removed, but most of it is no subtitle."""
    left_alone: list[ListedEvent] = field(default_factory=list)

    @property
    def recall(self) -> float | None:
        return self.visible_masked / self.visible if self.visible else None

    @property
    def precision(self) -> float | None:
        return self.masked_touched / self.masked if self.masked else None

    @property
    def area(self) -> float | None:
        """Masked area by the true one."""
        return self.masked / self.touched if self.touched else None

    @property
    def frame_precision(self) -> float | None:
        return 1 - self.false_frames / self.masked_frames if self.masked_frames else None

    @property
    def worst_end(self) -> int | None:
        """The largest error of a first or last frame; None where no event was found."""
        ends = [end for event in self.events for end in (event.first_error, event.last_error)]
        return max((abs(end) for end in ends if end is not None), default=None)

    @property
    def missed(self) -> int:
        return sum(event.first_error is None for event in self.events)

    @property
    def text_error(self) -> float | None:
        """Over all events that have a text and were read."""
        pairs = [(e.text_error, len(e.text)) for e in self.events if e.text_error is not None]
        return sum(error * length for error, length in pairs) / sum(n for _, n in pairs) if pairs else None


def score_plan(clip: Path, plan: Plan, seconds: float | None = None) -> ScanScore:
    """Hold a plan against the truth of its clip, frame by frame."""
    meter = PlanMeter(plan, list_truth(clip))
    frames = zip(read_frames(clip / "subbed.mp4"), read_truth(clip), strict=True)
    for (_, subbed), (clean, coverage) in frames:
        meter.add(subbed, clean, coverage)
    score = meter.score()
    score.seconds = seconds
    return score


class PlanMeter:
    """Collects a ScanScore frame by frame."""

    def __init__(self, plan: Plan, truth: list[TrueEvent]) -> None:
        self._plan = plan
        self._subtitles = [event for event in truth if event.kind == "subtitle"]
        self._titles = [event for event in truth if event.kind == "title"]
        self._score = ScanScore()
        self._seen = np.zeros((2, len(self._subtitles)), np.int64)
        """Visible pixels of each subtitle, and those of them that are masked."""
        self._found = np.zeros((2, len(plan.removed)), np.int64)
        """Masked pixels of each event of the plan, and those of them that are stray."""
        self._true = np.zeros(len(self._subtitles), np.int64)
        """Pixels of each subtitle."""
        self._shared = np.zeros((len(plan.removed), len(self._subtitles)), np.int64)
        """Masked pixels of an event of the plan that are a subtitle's."""

    def add(self, subbed: np.ndarray, clean: np.ndarray, coverage: np.ndarray) -> None:
        """Note the next frame: (H, W, 3) uint8 BGR twice, (H, W) uint8."""
        index, score, touched = self._score.frames, self._score, coverage > 0
        difference = cv2.absdiff(luma(subbed), luma(clean))
        visible = touched & (difference > VISIBLE_LEVELS)
        near = grow(touched, STRAY_PX)
        counts = touched | ~self._title_mask(index, touched.shape)
        shown = [(i, e) for i, e in enumerate(self._plan.removed) if e.first <= index <= e.last]
        masked = self._plan.mask([event for _, event in shown]) & counts
        score.frames += 1
        score.visible += _count(visible)
        score.visible_masked += _count(visible & masked)
        score.touched += _count(touched)
        score.masked += _count(masked)
        score.masked_touched += _count(masked & touched)
        score.stray += _count(masked & ~near)
        score.masked_frames += bool(masked.any())
        score.false_frames += bool(masked.any() and not touched.any())
        standing = [(j, e) for j, e in enumerate(self._subtitles) if e.first <= index <= e.last]
        for j, event in standing:
            place = event.box.slices if event.box else ...
            self._seen[:, j] += _count(visible[place]), _count((visible & masked)[place])
            self._true[j] += _count(touched[place])
        for i, event in shown:
            mine = self._plan.mask([event])
            self._found[:, i] += _count(mine), _count(mine & counts & ~near)
            for j, true in standing:
                self._shared[i, j] += _count((mine & touched)[true.box.slices if true.box else ...])

    def score(self) -> ScanScore:
        """All of it; call once, after the last frame."""
        score, removed = self._score, self._plan.removed
        both = self._found[0][:, None] + self._true[None, :] - self._shared  # (found, true)
        likeness = self._shared / np.maximum(both, 1)
        for j, event in enumerate(self._subtitles):
            visible, masked = self._seen[:, j].tolist()
            recall = masked / visible if visible else None
            own = [e for e, row in zip(removed, likeness, strict=True) if row[j] and row.argmax() == j]
            score.events.append(_score_event(event, own, recall))
        score.wrong = [
            _listed(event)
            for event, (pixels, stray) in zip(removed, self._found.T, strict=True)
            if stray > pixels / 2
        ]
        score.left_alone = [_listed(event) for event in self._plan.events if not event.remove]
        return score

    def _title_mask(self, index: int, shape: tuple[int, ...]) -> np.ndarray:
        """(H, W) bool, True at the titles of a frame."""
        mask = np.zeros(shape, bool)
        for title in self._titles:
            if title.box and title.first - TITLE_FRAMES <= index <= title.last + TITLE_FRAMES:
                mask[title.box.grow(TITLE_PX, TITLE_PX).clip(shape[1], shape[0]).slices] = True
        return mask


def _score_event(true: TrueEvent, found: list[Event], recall: float | None) -> EventScore:
    """How well a subtitle was found, given the plan's events that are more like it than like others."""
    score = EventScore(true.first, true.last, true.text, recall=recall)
    if found:
        score.first_error = min(event.first for event in found) - true.first
        score.last_error = max(event.last for event in found) - true.last
    lines = [event.text for event in sorted(found, key=lambda e: (e.box.y, e.box.x)) if event.text]
    if lines and true.text:
        read, text = _bare("\n".join(dict.fromkeys(lines))), _bare(true.text)
        score.text_error = count_edits(read, text) / len(text)
    return score


def count_edits(a: str, b: str) -> int:
    """Fewest letters to insert, delete or replace that turn one text into the other (Levenshtein)."""
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (letter != other))
    return row[-1]


def _bare(text: str) -> str:
    """The text without the kind of white space mattering."""
    return " ".join(text.split())


def _count(mask: np.ndarray) -> int:
    return int(np.count_nonzero(mask))


def _listed(event: Event) -> ListedEvent:
    box = event.box
    return ListedEvent(event.first, event.last, (box.x, box.y, box.width, box.height), event.kind, event.text)

"""The subtitles of a clip as they were drawn: when, where and what.

A clip is a folder as in clip_score.py. Its events are read from its events.json, or else traced through
mask.mkv, with their texts from subs.ass if that is there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from clip_score import read_frames

from subremover.geometry import Box


@dataclass(frozen=True, slots=True)
class TrueEvent:
    """Lettering as it was drawn."""

    first: int
    last: int
    box: Box | None
    """None: not known."""
    text: str = ""
    kind: str = "subtitle"
    """Only `subtitle` is to be masked; at a `title` nothing is measured."""


def list_truth(clip: Path) -> list[TrueEvent]:
    """The true events of a clip."""
    facts = clip / "events.json"
    if facts.is_file():
        entries = json.loads(facts.read_text(encoding="utf-8"))["events"]
        return [read_event(entry) for entry in entries]
    events = list(trace_events(coverage for _, coverage in read_frames(clip / "mask.mkv", "gray")))
    if not (clip / "subs.ass").is_file():
        return events
    times = [seconds for seconds, _ in read_frames(clip / "subbed.mp4", "gray")]
    return [_with_text(event, times, list(read_ass(clip / "subs.ass"))) for event in events]


def read_event(entry: dict[str, Any]) -> TrueEvent:
    """One event as events.json has it."""
    box = Box(*entry["box"]) if entry.get("box") else None
    return TrueEvent(entry["first"], entry["last"], box, entry["text"], entry.get("kind", "subtitle"))


def trace_events(coverages: Iterable[np.ndarray]) -> Iterator[TrueEvent]:
    """Subtitles by their last frame, out of the coverage: what looks alike at one place from frame to frame.

    Args:
        coverages: (H, W) uint8 each; fades change them, but not what they look like.
    """
    running: list[tuple[int, Box, np.ndarray]] = []
    index = -1
    for index, coverage in enumerate(coverages):
        kept = []
        for box in _regions(coverage):
            part = coverage[box.slices]
            before = next((r for r in running if r[1] == box and _alike(r[2], part)), None)
            if before is None:  # a faint frame has fewer pixels: then the place differs a little
                before = next((r for r in running if _alike(*_on_common(r[1], r[2], box, part))), None)
            if before is None:
                kept.append((index, box, part))
                continue
            running = [r for r in running if r is not before]
            kept.append((before[0], box, part) if box.area >= before[1].area else before)
        yield from (TrueEvent(first, index - 1, box) for first, box, _ in running)
        running = kept
    yield from (TrueEvent(first, index, box) for first, box, _ in running)


def _regions(coverage: np.ndarray) -> list[Box]:
    """The boxes around what stands apart by more than the space between words or lines."""
    reach = max(3, coverage.shape[0] // 25) | 1
    joined = cv2.dilate((coverage > 0).astype(np.uint8), np.ones((reach, 2 * reach + 1), np.uint8))
    count, labels = cv2.connectedComponents(joined)
    regions = []
    for label in range(1, count):
        x, y, width, height = cv2.boundingRect(((labels == label) & (coverage > 0)).astype(np.uint8))
        regions.append(Box(x, y, width, height))
    return regions


def _on_common(
    box: Box, part: np.ndarray, other_box: Box, other: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Two parts of a picture, both on the box around both."""
    x, y = min(box.x, other_box.x), min(box.y, other_box.y)
    right, bottom = max(box.right, other_box.right), max(box.bottom, other_box.bottom)
    frames = np.zeros((2, bottom - y, right - x), np.uint8)
    for frame, place, content in zip(frames, (box, other_box), (part, other), strict=True):
        frame[place.shift(-x, -y).slices] = content
    return frames[0], frames[1]


def _alike(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two coverages of one size are those of the same text, at whatever opacities."""
    x, y = a.astype(np.float64) - a.mean(), b.astype(np.float64) - b.mean()
    norm = np.sqrt((x * x).sum() * (y * y).sum())
    return bool((x * y).sum() > 0.7 * norm) if norm else True


def read_ass(path: Path) -> Iterator[tuple[Fraction, Fraction, str]]:
    """Start and end in seconds and the text of each line of dialogue in an ASS file."""
    for line in path.read_text(encoding="utf-8-sig").splitlines():
        if line.startswith("Dialogue:"):
            _, start, end, *_, text = line.split(",", 9)
            plain = re.sub(r"\{[^}]*\}", "", text)
            plain = re.sub(r"\\[Nn]", "\n", plain).replace("\\h", " ")
            yield _seconds(start), _seconds(end), plain.strip()


def _seconds(timecode: str) -> Fraction:
    hours, minutes, seconds = timecode.strip().split(":")
    return 3600 * int(hours) + 60 * int(minutes) + Fraction(seconds)


def _with_text(
    event: TrueEvent, times: list[Fraction], dialogue: list[tuple[Fraction, Fraction, str]]
) -> TrueEvent:
    """The event with the text of the line that is on at the same time."""

    def common_seconds(line: tuple[Fraction, Fraction, str]) -> Fraction:
        return min(times[event.last], line[1]) - max(times[event.first], line[0])

    best = max(dialogue, key=common_seconds, default=None)
    text = best[2] if best and common_seconds(best) > 0 else ""
    return replace(event, text=text)

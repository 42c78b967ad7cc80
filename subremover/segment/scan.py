"""The scan: from pictures to shots and events.

Every frame is asked where something new stands still, and a detector looks there; each line it finds is
followed frame by frame, and when the line is gone, its life and its strokes are settled. At the end the
film's own subtitles tell what else is one, and lines that come and go together become an event.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import get_args

import numpy as np

from subremover.geometry import Box, draw_boxes
from subremover.motion.shots import CutDetector
from subremover.plan import Event, EventKind
from subremover.segment.ends import Scene
from subremover.segment.events import make_events
from subremover.segment.frame import Frame, Picture, halvings
from subremover.segment.lines import CLOSE_PIXELS
from subremover.segment.novelty import Novelty, Place
from subremover.segment.rolling import find_rolls
from subremover.segment.strokes import Clear, find_strokes
from subremover.segment.track import LEAST_FRAMES, Track
from subremover.segment.verdict import Judge, Line, colours_of, is_on_board

LOOK_SECONDS, LOOK_FRAMES = 0.2, 5
"""Between looks of the detector at the least; it looks at the frame since the last one that shows best what
is new."""
PATROL_SECONDS, CROWDED_PATROL_SECONDS = 3.0, 1.0
"""Between looks at the whole picture, for what no novelty gave away; oftener in gravel or grass."""
REACH_SECONDS = 0.6
"""Half a fade takes less than this."""
BUFFER_BYTES = 400 << 20
"""Most memory for frames kept to look back at."""

FLOATS = 3
"""Times that the picture under a line must become another one: somebody who passes makes two."""

FindLines = Callable[[np.ndarray], list[Box]]
ReadLine = Callable[[np.ndarray, np.ndarray], tuple[str, float]]
"""Text of an (h, w, 3) uint8 RGB crop and its (h, w) bool strokes, and a confidence."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What the scan takes for text to be removed."""

    regions: tuple[Box, ...] = ()
    """Where to look; empty: everywhere."""
    logos: bool = False
    """Overlays that never change, too."""
    everything: bool = False
    """All lettering that stands still."""


class Scan:
    """Feed it the film's frames in order, then take `events()`, and `cuts`."""

    def __init__(self, find_lines: FindLines, read_line: ReadLine, frame_rate: float, scope: Scope) -> None:
        """Prepare.

        Args:
            find_lines: Finds text lines in an (H, W, 3) uint8 RGB picture.
            read_line: Reads one.
            frame_rate: Frames per second.
            scope: Where to look, and what to take.
        """
        self._find_lines, self._read_line = find_lines, read_line
        self._frame_rate, self._scope = frame_rate, scope
        self._tick = max(LOOK_FRAMES, round(LOOK_SECONDS * frame_rate))
        self._reach = max(4, round(REACH_SECONDS * frame_rate))
        self._cut_detector = CutDetector()
        self._scene = Scene(self._cut_detector.cuts, [])
        self._recent: deque[Frame] = deque()
        self._tracks: list[Track] = []
        self._lines: list[Line] = []
        self._passing: list[tuple[int, Box]] = []
        self._first_index = self._last_index = self._last_patrol = -1
        self._is_low_next = False
        self._novelty = Novelty(0, 0)
        self._size = (0, 0)
        self._halvings = 0

    def feed(self, index: int, picture: Picture) -> None:
        """Take the next frame."""
        frame = Frame(index, picture)
        if self._first_index < 0:
            self._begin(frame)
        self._last_index = index
        self._recent.append(frame)
        if self._cut_detector.feed(index, frame.small):
            self._novelty.forget()
        self._novelty.feed(index, frame.small)
        settled = (n.box for n in self._lines if n.last >= index - 2 * self._reach)
        self._scene.lettering[:] = [*(t.line for t in self._tracks), *settled]
        for track in self._tracks:
            was_present = track.is_present
            track.follow(frame, self._scene)
            # A line that stood may have made room for the next one; one that moves is lost again and again.
            if was_present and not track.is_present and track.sure_count > self._tick:
                self._novelty.forget(self._to_small(track.spot.crop))
        if (index - self._first_index) % self._tick == self._tick - 1:
            self._look()
        for track in [t for t in self._tracks if t.is_gone]:
            self._settle(track)

    @property
    def cuts(self) -> list[int]:
        """First frames of all shots but the first."""
        return self._scene.cuts

    def rolls(self) -> list[tuple[int, int]]:
        """First and last frames of stretches with lettering that runs or rolls; call after `events`."""
        return find_rolls(self._passing, self._frame_rate)

    def events(self) -> tuple[Event, ...]:
        """All events, by first frame; call after the last frame."""
        if self._recent:
            self._look()
        for track in list(self._tracks):
            self._settle(track)
        frames = self._last_index - self._first_index + 1
        # `--region full` says nothing about where subtitles stand.
        has_region = 0 < sum(r.area for r in self._scope.regions) < 0.5 * self._size[0] * self._size[1]
        judge = Judge(self._lines, self._size, frames, self._frame_rate, has_region)
        removed: set[EventKind] = {"subtitle"}
        if self._scope.logos:
            removed.add("logo")
        if self._scope.everything:
            removed |= set(get_args(EventKind))
        return make_events(self._lines, [judge.kind(line) for line in self._lines], removed)

    def _begin(self, frame: Frame) -> None:
        height, width = frame.luma.shape
        self._first_index = self._last_patrol = frame.index
        self._size, self._halvings = (width, height), halvings(height, width)
        self._novelty = Novelty(*frame.small.shape)
        # 1.5 bytes a pixel for 4:2:0 and 8 bits; more is rare, and the bound a rough one.
        most = BUFFER_BYTES // (3 * height * width // 2)
        self._reach = max(4, min(self._reach, most - self._tick - 8))
        self._recent = deque(maxlen=self._tick + self._reach + 8)

    def _look(self) -> None:
        """Have the detector look where something new stands, now and then everywhere."""
        places = self._novelty.take()
        whole = Box(0, 0, *self._size)
        rest = CROWDED_PATROL_SECONDS if self._novelty.is_crowded else PATROL_SECONDS
        if self._last_index - self._last_patrol >= rest * self._frame_rate:
            # Everywhere, and, closer, where subtitles mostly are, by turns.
            self._last_patrol, self._is_low_next = self._last_index, not self._is_low_next
            low = Box(0, 2 * whole.height // 3, whole.width, whole.height - 2 * whole.height // 3)
            places = [Place(self._last_index, whole if self._is_low_next else low)]
        else:
            places = [Place(p.index, self._to_full(p.box)) for p in places]
        if sum(p.box.area for p in places) > 0.5 * whole.area:
            self._last_patrol = self._last_index
            places = [Place(max(places, key=lambda p: p.box.area).index, whole)]
        for place in places:
            frame = next((f for f in self._recent if f.index == place.index), self._recent[-1])
            for line in self._lines_in(frame, place.box):
                self._start(frame, line)

    def _lines_in(self, frame: Frame, box: Box) -> Iterator[Box]:
        """Lines that the detector finds in a part of a frame, but for those that are followed already."""
        picture = frame.picture.rgb()
        whole = Box(0, 0, *self._size)
        followed = [t.line for t in self._tracks if t.shows(frame.index)]
        for region in self._scope.regions or (whole,):
            if not (part := box.intersect(region)):
                continue
            for line in self._detect(picture, part):
                if draw_boxes(followed, line).mean() > 0.7:
                    continue
                # What runs out of the part, or was scaled down, is looked at once more by itself.
                if part.area > CLOSE_PIXELS or _reaches_out(line, part, region):
                    near = line.grow(line.width // 2 + line.height, line.height).intersect(region)
                    closer = self._detect(picture, near) if near else []
                    yield max(closer, key=lambda n: _common_area(n, line), default=line)
                else:
                    yield line

    def _detect(self, picture: np.ndarray, part: Box) -> list[Box]:
        lines = self._find_lines(np.ascontiguousarray(picture[part.slices]))
        shifted = (line.shift(part.x, part.y) for line in lines)
        return [line for line in shifted if _has_line_shape(line, *self._size)]

    def _start(self, frame: Frame, line: Box) -> None:
        """Follow a line, unless it turns out to be one that is followed already."""
        track = Track(frame, line, self._reach, [f for f in self._recent if f.index < frame.index])
        for later in [f for f in self._recent if f.index > frame.index]:
            track.follow(later, self._scene)
        same = next((t for t in self._tracks if t.is_same(track)), None)
        if same is None:
            self._tracks.append(track)
        elif _length(track.line) > 1.1 * _length(same.line) and track.sees_its_start:
            self._tracks[self._tracks.index(same)] = track  # found in a fade, or in part

    def _settle(self, track: Track) -> None:
        """Decide on the life and the strokes of a line that is gone, or when the film ends."""
        self._tracks.remove(track)
        start, end = track.close(list(self._recent), self._scene)
        first, last = start.frame, end.frame
        if start.has_drifted or end.has_drifted or track.sure_count < LEAST_FRAMES:
            self._passing.append((track.found, track.line))
            return
        line = draw_boxes([track.line], track.spot.crop)
        lettering = draw_boxes([track.line, *self._scene.lettering], track.spot.crop)
        clear = [
            Clear(is_start, e.clear, e.shown)
            for is_start, e in ((True, start), (False, end))
            if len(e.clear) and len(e.shown)
        ]
        strokes = find_strokes(track.shown(start, end), line, lettering, clear).mask
        if not strokes.any():
            return
        picture = _median(track.shown(start, end))
        text, _ = self._read_line(picture, strokes)
        runs = track.runs(first, last)
        is_cut_under = any(first < cut <= last for cut in self._scene.cuts)
        tight_box, tight = _tighten(strokes, track.spot.crop)
        for begin, stop in runs:
            self._lines.append(
                Line(
                    begin,
                    stop,
                    track.line,
                    tight_box,
                    tight,
                    np.array(
                        [min(start.opacity(i), end.opacity(i)) for i in range(begin, stop + 1)], np.float32
                    ),
                    text,
                    is_laid_over=start.is_alone
                    or end.is_alone
                    or len(runs) > 1
                    or is_cut_under
                    or track.float_count >= FLOATS,
                    is_on_board=is_on_board(picture, strokes, line),
                    colours=colours_of(picture, strokes),
                )
            )

    def _to_small(self, box: Box) -> Box:
        scale = 1 << self._halvings
        return Box(box.x // scale, box.y // scale, -(-box.width // scale) + 1, -(-box.height // scale) + 1)

    def _to_full(self, box: Box) -> Box:
        scale = 1 << self._halvings
        return Box(box.x * scale, box.y * scale, box.width * scale, box.height * scale).clip(*self._size)


@dataclass(frozen=True, slots=True)
class Found:
    """What a scan has found."""

    cuts: list[int]
    """First frames of all shots but the first."""
    events: tuple[Event, ...]
    """By first frame."""
    rolls: list[tuple[int, int]]
    """First and last frames of stretches with lettering that runs or rolls, which no event covers."""


def scan_pictures(
    pictures: Iterable[tuple[int, Picture]],
    find_lines: FindLines,
    read_line: ReadLine,
    frame_rate: float,
    scope: Scope,
) -> Found:
    """Scan pictures for cuts and events.

    Args:
        pictures: Frame index and picture, in order, without gaps.
        find_lines: Finds text lines in an (h, w, 3) uint8 RGB picture.
        read_line: Reads one.
        frame_rate: Frames per second.
        scope: Where to look, and what to take.
    """
    scan = Scan(find_lines, read_line, frame_rate, scope)
    for index, picture in pictures:
        scan.feed(index, picture)
    events = scan.events()
    return Found(scan.cuts, events, scan.rolls())


def _has_line_shape(box: Box, width: int, height: int) -> bool:
    """Leaves out the large blots that the detector sees in water or leaves."""
    short, long = sorted((box.width, box.height))
    return 6 <= short <= 0.16 * min(width, height) + 12 and long >= 1.2 * short


def _reaches_out(line: Box, part: Box, region: Box) -> bool:
    """Whether a line runs into a side of the part that is no side of the region."""
    left = line.x <= part.x + 2 and part.x > region.x
    return left or (line.right >= part.right - 2 and part.right < region.right)


def _length(line: Box) -> int:
    return max(line.width, line.height)


def _tighten(strokes: np.ndarray, box: Box) -> tuple[Box, np.ndarray]:
    """The strokes without empty borders, and where they then stand."""
    rows, columns = np.flatnonzero(strokes.any(axis=1)), np.flatnonzero(strokes.any(axis=0))
    inner = Box(int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)
    return inner.shift(box.x, box.y), strokes[inner.slices].copy()


def _median(crops: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 out of (n, h, w, 3): what stood still."""
    middle = len(crops) // 2
    median: np.ndarray = np.partition(crops, middle, axis=0)[middle]
    return median


def _common_area(one: Box, other: Box) -> int:
    common = one.intersect(other)
    return common.area if common else 0

"""From pictures to shots and events: the scan.

A detector looks every few frames; each line it finds is tracked frame by frame, and when the line
is gone, its life and its strokes are settled. Lines that come and go together are one event.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from subremover.geometry import Box, bounding_box, group_boxes
from subremover.motion.shots import CutDetector
from subremover.plan import Event
from subremover.segment.strokes import find_strokes
from subremover.segment.track import Frame, Track

INTERVAL_SECONDS = 0.4
"""Between looks of the detector: shorter than nearly all subtitles, which stay for 0.8 s and more."""
REACH_SECONDS = 0.6
"""Half a fade takes less than this."""
BUFFER_BYTES = 400 << 20
"""Most memory for frames kept to look back at."""

FindLines = Callable[[np.ndarray], list[Box]]


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line of text whose life is known."""

    first: int
    last: int
    box: Box
    """The detector's box."""
    stroke_box: Box
    strokes: np.ndarray
    """(h, w) bool of `stroke_box`."""


class Scan:
    """Feed it the film's frames in order, then take `events()` and `cuts`."""

    def __init__(self, find_lines: FindLines, frame_rate: float, regions: list[Box]) -> None:
        """Prepare.

        Args:
            find_lines: Finds text lines in an (H, W, 3) uint8 RGB picture.
            frame_rate: Frames per second.
            regions: Where to look; empty: everywhere, scene text left out.
        """
        self.cuts: list[int] = []
        self._find_lines = find_lines
        self._regions = regions
        self._interval = max(2, round(INTERVAL_SECONDS * frame_rate))
        self._reach = max(4, round(REACH_SECONDS * frame_rate))
        self._cut_detector = CutDetector()
        self._recent: deque[Frame] = deque(maxlen=self._interval + self._reach)
        self._tracks: list[Track] = []
        self._lines: list[Line] = []
        self._first_index = -1
        self._last_index = -1
        self._size = (0, 0)

    def feed(self, index: int, picture: np.ndarray) -> None:
        """Take the next frame: its index and (H, W, 3) uint8 RGB."""
        frame = Frame(index, picture)
        if self._first_index < 0:
            self._first_index = index
            self._size = (picture.shape[1], picture.shape[0])
            most = max(self._reach, BUFFER_BYTES // picture.nbytes)
            self._recent = deque(maxlen=min(self._interval + self._reach, most))
        self._last_index = index
        is_cut = self._cut_detector.is_cut(picture)
        if is_cut:
            self.cuts.append(index)
        for track in self._tracks:
            track.follow(frame)
        # A line that has just gone may have made room for the next one.
        has_lost = any(t.last_sure == index - 1 for t in self._tracks)
        if is_cut or has_lost or (index - self._first_index) % self._interval == 0:
            self._look(frame)
        for track in [t for t in self._tracks if t.is_gone]:
            self._settle(track)
        self._recent.append(frame)

    def events(self) -> tuple[Event, ...]:
        """All events, by first frame; call after the last frame."""
        for track in list(self._tracks):
            self._settle(track)
        events = [_to_event(lines) for lines in _simultaneous(self._lines)]
        return tuple(sorted(events, key=lambda e: (e.first, e.box.y, e.box.x)))

    def _look(self, frame: Frame) -> None:
        """Start a track for every line that none follows yet."""
        for line in self._lines_in(frame.picture):
            present = [t.line for t in self._tracks if t.is_present]
            if _draw(present, line).mean() > 0.7:
                continue
            track = Track.start(frame, line, self._reach)
            track.look_back(list(self._recent))
            self._tracks.append(track)

    def _lines_in(self, picture: np.ndarray) -> Iterator[Box]:
        regions = self._regions or [Box(0, 0, *self._size)]
        for region in regions:
            for line in self._find_lines(np.ascontiguousarray(picture[region.slices])):
                if _has_line_shape(line, *self._size):
                    yield line.shift(region.x, region.y)

    def _settle(self, track: Track) -> None:
        """Decide on a line whose life is over, or the film is."""
        self._tracks.remove(track)
        first, last = track.first_frame(), track.last_frame()
        if not self._regions and not self._is_subtitle(track, first, last):
            return
        if last - first + 1 < 3:
            return
        others = [n.box for n in self._lines if n.last >= first - self._reach]
        others += [t.line for t in self._tracks if t.found <= last + self._reach]
        line = _draw([track.line], track.crop_box)
        lettering = _draw([track.line, *others], track.crop_box)
        strokes = find_strokes(track.steady(), line, lettering, track.jumps(self.cuts))
        if strokes.any():
            stroke_box, strokes = _tighten(strokes, track.crop_box)
            self._lines.append(Line(first, last, track.line, stroke_box, strokes))

    def _is_subtitle(self, track: Track, first: int, last: int) -> bool:
        """Whether a line is laid over the picture rather than part of it.

        Subtitles stand still to the pixel and come and go within shots; lettering of the scene moves
        with the camera or stays from cut to cut. What stays is only taken for a subtitle where
        subtitles stand.
        """
        width, height = self._size
        if track.has_moved() or track.sure_count < 4:
            return False
        ends = {self._first_index, *self.cuts}
        comes = first not in ends
        goes = last != self._last_index and last + 1 not in self.cuts
        if comes or goes:
            return True
        middle_x, middle_y = track.line.x + track.line.width / 2, track.line.y + track.line.height / 2
        is_centred = abs(middle_x - width / 2) < 0.12 * width
        return is_centred and (middle_y > 0.65 * height or middle_y < 0.2 * height)


def find_events(
    pictures: Iterable[tuple[int, np.ndarray]], find_lines: FindLines, frame_rate: float, regions: list[Box]
) -> tuple[list[int], tuple[Event, ...]]:
    """Scan pictures for cuts and events.

    Args:
        pictures: Frame index and (H, W, 3) uint8 RGB, in order, without gaps.
        find_lines: Finds text lines in such a picture.
        frame_rate: Frames per second.
        regions: Where to look; empty: everywhere, scene text left out.

    Returns:
        First frames of all shots but the first, and the events by first frame.
    """
    scan = Scan(find_lines, frame_rate, regions)
    for index, picture in pictures:
        scan.feed(index, picture)
    return scan.cuts, scan.events()


def _has_line_shape(box: Box, width: int, height: int) -> bool:
    """Leaves out the large blots that the detector sees in water or leaves."""
    short, long = sorted((box.width, box.height))
    return 6 <= short <= 0.16 * min(width, height) + 8 and long >= 1.2 * short


def _draw(boxes: list[Box], frame: Box) -> np.ndarray:
    """(h, w) bool of the frame's size, True where any of the boxes lies."""
    drawn = np.zeros((frame.height, frame.width), bool)
    for box in boxes:
        if common := frame.intersect(box):
            drawn[common.shift(-frame.x, -frame.y).slices] = True
    return drawn


def _tighten(strokes: np.ndarray, box: Box) -> tuple[Box, np.ndarray]:
    """The strokes without empty borders, and where they then stand."""
    rows, columns = np.flatnonzero(strokes.any(axis=1)), np.flatnonzero(strokes.any(axis=0))
    inner = Box(int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)
    return inner.shift(box.x, box.y), strokes[inner.slices].copy()


def _simultaneous(lines: list[Line]) -> Iterator[list[Line]]:
    """Lines that come and go together and stand next to each other, group by group."""
    left = sorted(lines, key=lambda line: line.first)
    while left:
        seed = left[0]
        same_time = [n for n in left if abs(n.first - seed.first) <= 2 and abs(n.last - seed.last) <= 2]
        pad_px = min(seed.box.width, seed.box.height)
        for group in group_boxes([n.box for n in same_time], pad_px, pad_px):
            members = [same_time[i] for i in group]
            yield members
            left = [n for n in left if n not in members]


def _to_event(lines: list[Line]) -> Event:
    box = bounding_box(line.stroke_box for line in lines)
    strokes = np.zeros((box.height, box.width), bool)
    for line in lines:
        strokes[line.stroke_box.shift(-box.x, -box.y).slices] |= line.strokes
    return Event(min(n.first for n in lines), max(n.last for n in lines), box, strokes)

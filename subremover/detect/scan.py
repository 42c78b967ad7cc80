"""The scan: from pictures to shots and events.

Every frame is tested for something new that stands still, and a detector looks there. Each line it finds is
followed frame by frame; when it is gone, its first and last frame, its fades and its strokes are worked out.
At the end the film's own subtitles tell what else is one, and lines that come and go together become an
event. Decoding, and the plan around the events, are `make_plan`'s part.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from subremover.detect.candidates.finder import DETECT_FRAMES, CandidateFinder, FindLines
from subremover.detect.candidates.logos import LogoFinder
from subremover.detect.captions.second_look import ReadAgain, SecondLook
from subremover.detect.captions.zones import Sight, Slide, find_slides, find_zones
from subremover.detect.classify.classifier import Verdict, classify
from subremover.detect.classify.events import make_events
from subremover.detect.classify.features import Film
from subremover.detect.classify.line import Life, Line, colours_of, rank_rows
from subremover.detect.classify.merging import merge_broken
from subremover.detect.classify.traits import measure
from subremover.detect.found_so_far import FoundSoFar
from subremover.detect.frame import Frame, Picture
from subremover.detect.masking.extent import complete_line
from subremover.detect.masking.strokes import Clear, find_strokes
from subremover.detect.reading.film_words import FilmWords
from subremover.detect.reading.lettering import find_letterings
from subremover.detect.reading.line_words import Words
from subremover.detect.recogniser import ReadLine
from subremover.detect.scope import Scope
from subremover.detect.shots import CutDetector
from subremover.detect.tracking.ends import SURE, Scene
from subremover.detect.tracking.line_crop import LineCrop
from subremover.detect.tracking.line_track import GAP, LEAST_FRAMES, LineTrack
from subremover.detect.tracking.rolling import find_passages, find_rolls
from subremover.geometry import Box, draw_boxes, tighten
from subremover.plan.model import Event, Passage
from subremover.runtime.profile import stage

REACH_SECONDS = 0.6
"""Seconds of frames looked at around an end of a line's life; half a fade takes less than this."""

UNREAD_SHARE, UNREAD_SQUARE_SHARE, SQUARE = 0.2, 0.15, 1.5
"""Height of a line, as a share of the picture's shorter side, above which it must read as words, and the same
for what is less than so many times as long as high: faces, leaves and walls are found as large letters."""
MEDIAN_CROPS = 9
"""Crops of a line whose median is read; more make no letter any clearer."""


class Scan:
    """Finds cuts and events: `feed` it all frames in order, then take `events()`, `cuts` and `rolls()`."""

    def __init__(
        self, find_lines: FindLines, read_line: ReadLine, words: FilmWords, frame_rate: float, scope: Scope
    ) -> None:
        """Prepare.

        Args:
            find_lines: Finds text lines in an (h, w, 3) uint8 RGB picture.
            read_line: Reads a line, to tell whether it is one.
            words: Reads what the subtitles say.
            frame_rate: Frames per second.
            scope: Where to look, and what counts as text to be removed.
        """
        self._find_lines, self._read_line, self._words = find_lines, read_line, words
        self._frame_rate, self._scope = frame_rate, scope
        self._reach = max(4, round(REACH_SECONDS * frame_rate))
        self._cut_detector = CutDetector()
        self._scene = Scene(self._cut_detector.cuts, [])
        self._recent: deque[Frame] = deque()
        self._tracks: list[LineTrack] = []
        self._lines: list[Line] = []
        self._recent_lines: list[Line] = []
        self._passing: list[Sight] = []
        self._grown: list[Sight] = []
        self._slides: list[Slide] = []
        self._first_index = self._last_index = -1
        self._finder: CandidateFinder | None = None
        self._logos: LogoFinder | None = None
        self._size = (0, 0)

    def feed(self, index: int, picture: Picture) -> None:
        """Take the next frame.

        Args:
            index: One more than that of the frame before.
            picture: Upright, all of one size.
        """
        frame = Frame(index, picture)
        finder = self._finder or self._begin(frame)
        self._last_index = index
        self._recent.append(frame)
        if self._cut_detector.feed(index, frame.small):
            finder.forget()
            if self._logos:
                self._logos.cut()
        if self._logos and index % DETECT_FRAMES == 0 and self._logos.feed(frame.small):
            self._logos.pictures.append(picture.rgb())
        finder.feed(frame)
        self._recent_lines = [n for n in self._recent_lines if n.last >= index - 2 * self._reach]
        self._scene.lettering[:] = [*(t.line for t in self._tracks), *(n.box for n in self._recent_lines)]
        for track in self._tracks:
            was_present = track.is_present
            track.follow(frame, self._scene)
            # A line that stood may have made room for the next one.
            if was_present and not track.is_present and track.sure_count >= LEAST_FRAMES:
                finder.forget(track.line_crop.crop)
        if (index - self._first_index) % finder.period == finder.period - 1:
            self._detect(finder)
        for track in [t for t in self._tracks if t.is_gone]:
            self._finish(track)

    @property
    def cuts(self) -> list[int]:
        """First frames of all shots but the first, ascending."""
        return self._scene.cuts

    @property
    def gone(self) -> Sequence[Line]:
        """Lines that stood still and are gone, subtitles or not, in the order in which that was seen."""
        return self._lines

    def rolls(self, events: Sequence[Event]) -> list[tuple[int, int]]:
        """First and last frames of stretches with running text (a ticker, credits) that no event removes."""
        left = [sight for sight in self._passing if not _is_removed(sight, events)]
        return find_rolls(left, self._frame_rate)

    def passages(self, events: Sequence[Event]) -> tuple[Passage, ...]:
        """What was seen to move and is part of none of the events that `events` has returned."""
        return find_passages(self._passing, events, self._frame_rate, Box(0, 0, *self._size))

    def lines(self) -> list[Line]:
        """All lines that stood still, subtitles or not; call once, after the last frame."""
        if self._finder:
            self._detect(self._finder)
        for track in list(self._tracks):
            self._finish(track)
        self._lines = merge_broken([*self._lines, *self._find_logos()])
        return self._lines

    def events(self) -> tuple[Event, ...]:
        """All events, by first frame; call once, after the last frame, in the place of `lines`."""
        self.lines()
        verdicts = self._classify()
        subtitles = _subtitles(self._lines, verdicts)
        zone_of = rank_rows(subtitles)
        self._words.learn([(zone_of[n], n.letterings, (n.text, n.confidence)) for n in subtitles])
        if not self._words.is_at_sight:
            # Judged as lines that cannot be read, some were taken for something else.
            self._lines = [self._read(line, zone_of.get(line)) for line in self._lines]
            verdicts = self._classify()
        else:
            self._lines = [self._read(n, zone_of[n]) if n in zone_of else n for n in self._lines]
        return make_events(self._lines, verdicts, self._scope.removed)

    def _classify(self) -> list[Verdict]:
        """What each line is."""
        film = Film(*self._size, self._last_index - self._first_index + 1, self._frame_rate)
        has_region = self._scope.has_region(*self._size)
        return classify(self._lines, film, self._scope.least_probability, has_region=has_region)

    def _read(self, line: Line, zone: int | None) -> Line:
        """A line with what it says; None: it is in no zone of subtitles."""
        words = self._words.read(line.letterings, (line.text, line.confidence), zone)
        return replace(line, text=words.text, confidence=words.score, colour=words.colour)

    def look_again(self, events: tuple[Event, ...], read_again: ReadAgain) -> tuple[Event, ...]:
        """The events, those of captions in flux found anew; call after `events`.

        Args:
            events: What was found.
            read_again: Reads frames of the film once more.
        """
        self._recent.clear()  # makes room for what is read again
        size, last, rate = self._size, self._last_index, self._frame_rate
        zones = find_zones(events, self._passing, self._grown, size=size, last=last, frame_rate=rate)
        zones += find_slides(self._slides, zones, size, last, rate)
        if regions := self._scope.regions:
            parts = [(zone, zone.box.intersect(region)) for zone in zones for region in regions]
            zones = [replace(zone, box=part) for zone, part in parts if part]
        look = SecondLook(self._find_lines, self._read_again, read_again, self.cuts)
        return look.replace(events, zones)

    def _read_again(self, picture: np.ndarray, strokes: np.ndarray) -> Words:
        """What lettering says that was found by the second look."""
        return self._words.read(find_letterings(picture, strokes), self._read_line(picture, strokes))

    def _begin(self, frame: Frame) -> CandidateFinder:
        """Prepare what depends on the size of the pictures."""
        height, width = frame.luma.shape
        self._first_index, self._size = frame.index, (width, height)
        self._finder = CandidateFinder(self._find_lines, frame, self._frame_rate, self._scope.regions)
        if self._scope.logos or self._scope.everything:
            self._logos = LogoFinder(*frame.small.shape)
        # 1.5 bytes a pixel for 4:2:0 and 8 bits; more is rare, and the bound a rough one.
        most = self._scope.buffer_bytes // (3 * height * width // 2)
        self._reach = max(4, min(self._reach, most - self._finder.period - 8))
        self._recent = deque(maxlen=self._finder.period + self._reach + 8)
        return self._finder

    def _detect(self, finder: CandidateFinder) -> None:
        """Look for lines that are not followed yet, and begin to follow them."""

        def followed(index: int) -> list[Box]:
            return [track.line for track in self._tracks if track.shows(index)]

        for frame, line in finder.find(list(self._recent), followed):
            track = self._start(frame, line)
            if track is None:
                continue
            if before := self._just_before(track):
                for hidden in list(finder.look(before, track.line_crop.crop, followed(before.index))):
                    self._start(before, hidden)

    def _just_before(self, track: LineTrack) -> Frame | None:
        """The frame before a line came, if what stands in its place there has not stood for long.

        It may be a line that the new one hides before anything has looked.
        """
        frame_of = {frame.index: frame for frame in self._recent}
        before = frame_of.get(track.since - 1)
        earlier = frame_of.get(track.since - 1 - DETECT_FRAMES)
        if before is None or earlier is None:
            return None
        crop = track.line_crop
        fades = crop.opacity(before, crop.template([frame_of[track.found]])) > GAP
        return before if not fades and crop.opacity(earlier, crop.template([before])) < SURE else None

    def _start(self, frame: Frame, line: Box) -> LineTrack | None:
        """Follow a line, unless it turns out to be one that is followed already."""
        line = complete_line(frame.picture.rgb(), line)
        track = LineTrack(frame, line, self._reach, [f for f in self._recent if f.index < frame.index])
        for later in [f for f in self._recent if f.index > frame.index]:
            track.follow(later, self._scene)
        same = next((t for t in self._tracks if t.is_same(track)), None)
        if same is None:
            self._tracks.append(track)
            return track
        if _length(track.line) > 1.1 * _length(same.line):
            common = float(draw_boxes([track.line], same.line).mean())
            if not track.sees_its_start and common > 0.7:  # of which only a part was seen so far
                track.take_over(same, self._scene)
                self._tracks[self._tracks.index(same)] = track
                return track
            has_moved = common < 0.85
            if track.sees_its_start:
                self._tracks[self._tracks.index(same)] = track  # found in a fade, or in part
            # What is longer since it is opaque has not grown: it began at once, around the first part.
            if has_moved or track.since > same.since + LEAST_FRAMES:
                self._grown.append((track.found, track.line))
        return None

    def _finish(self, track: LineTrack) -> None:
        """Work out the ends and the strokes of a line that is gone, or still there when the film ends."""
        self._tracks.remove(track)
        start, end = track.close(list(self._recent), self._scene)
        first, last = start.frame, end.frame
        if start.has_drifted or end.has_drifted or track.sure_count < LEAST_FRAMES:
            self._passing.append((track.found, track.line))
            if start.has_drifted != end.has_drifted:
                self._slides.append(Slide(first, last, track.line, first if start.has_drifted else last))
            return
        line = draw_boxes([track.line], track.line_crop.crop)
        lettering = draw_boxes([track.line, *self._scene.lettering], track.line_crop.crop)
        clear = [Clear(e.clear, e.shown) for e in (start, end) if len(e.clear) and len(e.shown)]
        shown = track.shown(start, end)
        strokes = find_strokes(shown, line, lettering, clear)
        if not strokes.any():
            return
        picture = _median(shown)
        text, confidence = self._read_line(picture, strokes)
        if not text and _is_large(track.line, min(self._size)):
            return
        runs = track.runs(first, last)
        cuts = self._scene.cuts
        life = Life(
            comes_alone=start.is_alone,
            goes_alone=end.is_alone,
            comes_at_cut=first == self._first_index or first in cuts,
            goes_at_cut=last == self._last_index or last + 1 in cuts,
            is_interrupted=len(runs) > 1,
            cuts=sum(first < cut <= last for cut in cuts),
            floats=track.float_count,
            steadiness=track.steadiness(first, last),
        )
        tight_box, tight = tighten(strokes, track.line_crop.crop)
        changes = [(e.clear[0], e.shown[0]) if len(e.clear) and len(e.shown) else None for e in (start, end)]
        looks = (
            measure(shown, strokes, line, track.frame_sharpness, changes),
            colours_of(picture, strokes),
            find_letterings(picture, strokes),
        )
        for begin, stop in runs:
            frames = range(begin, stop + 1)
            opacities = np.array([min(start.opacity(i), end.opacity(i)) for i in frames], np.float32)
            box = track.line
            self._recent_lines.append(
                Line(begin, stop, box, tight_box, tight, opacities, text, confidence, life, *looks)
            )
            self._lines.append(self._recent_lines[-1])

    def _find_logos(self) -> Iterator[Line]:
        """Logos without letters, as lines that stand for the whole film."""
        if self._logos is None:
            return
        self._logos.cut()
        first, last, (width, height) = self._first_index, self._last_index, self._size
        for box in self._logos.places(width, height):
            if draw_boxes([line.box for line in self._lines], box).mean() > 0.3:
                continue
            line_crop = LineCrop.of(box, height, width)
            shown = np.stack([picture[line_crop.crop.slices] for picture in self._logos.pictures])
            inside = draw_boxes([box], line_crop.crop)
            strokes = find_strokes(shown, inside, inside, [])
            if strokes.any():
                tight_box, tight = tighten(strokes, line_crop.crop)
                picture, opaque = _median(shown), np.ones(last - first + 1, np.float32)
                traits = measure(shown, strokes, inside, self._recent[-1].sharpness)
                looks = (traits, colours_of(picture, strokes))
                yield Line(first, last, box, tight_box, tight, opaque, "", 0.0, Life.of_logo(), *looks)


@dataclass(frozen=True, slots=True)
class Found:
    """What a scan has found."""

    cuts: list[int]
    """First frames of all shots but the first."""
    events: tuple[Event, ...]
    """By first frame."""
    rolls: list[tuple[int, int]]
    """First and last frames of stretches with running text, which no event covers."""
    passages: tuple[Passage, ...] = ()
    """All that moves, running text and other, by first frame."""


def scan_pictures(
    pictures: Iterable[tuple[int, Picture]],
    find_lines: FindLines,
    read_line: ReadLine,
    frame_rate: float,
    scope: Scope,
    *,
    words: FilmWords,
    read_again: ReadAgain | None = None,
    so_far: FoundSoFar | None = None,
) -> Found:
    """Scan pictures for cuts and events.

    Args:
        pictures: Frame index and picture, in order, without gaps.
        find_lines: Finds text lines in an (h, w, 3) uint8 RGB picture.
        read_line: Reads a line, to tell whether it is one.
        frame_rate: Frames per second.
        scope: Where to look, and what counts as text to be removed.
        words: Reads what the subtitles say.
        read_again: Reads frames once more, where captions are in flux; None: they are not looked at again.
        so_far: Tells of events while the scan goes on; None: nobody asks.

    Returns:
        The cuts, the events, and where text runs or rolls.
    """
    scan = Scan(find_lines, read_line, words, frame_rate, scope)
    for index, picture in pictures:
        with stage("scan: follow", frames=1):
            scan.feed(index, picture)
            if so_far is not None:
                so_far.update(index, scan.gone)
    with stage("scan: follow"):
        events = scan.events()
    if read_again is not None:
        events = scan.look_again(events, read_again)
    return Found(scan.cuts, events, scan.rolls(events), scan.passages(events))


def _subtitles(lines: Sequence[Line], verdicts: Sequence[Verdict]) -> list[Line]:
    """Those of the lines that were taken for subtitles."""
    return [line for line, verdict in zip(lines, verdicts, strict=True) if verdict.kind == "subtitle"]


def _is_removed(sight: Sight, events: Sequence[Event]) -> bool:
    """Whether events remove what was seen at a place of a frame."""
    index, box = sight
    removed = [e.box for e in events if e.remove and e.first <= index <= e.last]
    return bool(draw_boxes(removed, box).mean() > 0.5)


def _is_large(line: Box, side_px: int) -> bool:
    """Whether a line that says nothing is too large for one, in a picture with this shorter side."""
    short, long = sorted((line.width, line.height))
    return short > (UNREAD_SHARE if long >= SQUARE * short else UNREAD_SQUARE_SHARE) * side_px


def _length(line: Box) -> int:
    return max(line.width, line.height)


def _median(crops: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8, the median of about `MEDIAN_CROPS` of (n, h, w, 3) crops: what stood still."""
    few = crops[:: -(-len(crops) // MEDIAN_CROPS)]
    middle = len(few) // 2
    median: np.ndarray = np.partition(few, middle, axis=0)[middle]
    return median

"""Looks again where captions are in flux, and puts what it finds in the place of what was found before.

The scan follows lines that stand; here every frame of a zone is asked for its lines, so that words which pop,
grow, roll, slide or shake have events of their own, each with its very frames. Only what looks like the
zone's own captions counts.
See docs/measurements.md, "detect/captions: second look".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from subremover.detect.candidates.finder import FindLines
from subremover.detect.captions.laid_over import moves_by_itself, moves_with_picture
from subremover.detect.captions.looks import Look
from subremover.detect.captions.outlines import add_outlines, find_fill
from subremover.detect.captions.states import State, find_states, have_same_fill, join_rows
from subremover.detect.captions.stretch import Stretch
from subremover.detect.captions.zones import Zone
from subremover.detect.frame import Picture
from subremover.detect.masking.strokes import find_strokes
from subremover.detect.reading.line_words import Words
from subremover.geometry import bounding_box, draw_boxes, draw_mask, tighten
from subremover.plan.model import Event
from subremover.runtime.profile import stage

ReadAgain = Callable[[int, int], Iterable[tuple[int, Picture]]]
"""Reads frames from one index to another, the latter not included."""
ReadWords = Callable[[np.ndarray, np.ndarray], Words]
"""Reads an (h, w, 3) uint8 RGB crop with its (h, w) bool strokes."""

STRETCH_BYTES = 96 << 20
"""Most memory for a zone's crops that are looked at together."""
PROBED_FRAMES = 32
"""Most frames that are looked at to tell whether lettering that never stood is laid over the film."""
CONTEXT_FRAMES = 24
"""Frames before a stretch that are looked at with it, to see what is behind its first states."""
MOST_SHOWN = 6
"""Most frames of a state whose strokes are marked together."""
LEAST_READ_FRAMES = 3
"""Frames from which a state is read; nobody reads faster."""
LOWEST, HIGHEST = 0.5, 1.6
"""How much lower or higher than the zone's known lines another one may be: words pop up by half."""
STROKES_REACH = 0.6, 0.4
"""How far strokes reach beyond a row, on the sides, and above and below, as shares of its height."""
SHORTEST_ALONE = 3
"""Frames of a caption that stands by itself; shorter ones are states of what comes right before or after."""
LONG_FRAMES, SAME_LIFE_FRAMES = 15, 2
"""Frames from which an event that was followed is better than a state, and by how much their lives may
differ."""


@dataclass(frozen=True, slots=True)
class SecondLook:
    """Finds captions in flux frame by frame."""

    find_lines: FindLines
    """Finds text lines."""
    read_words: ReadWords
    """Reads lettering."""
    read_again: ReadAgain
    """Reads frames of the film."""
    cuts: Sequence[int]
    """First frames of all shots but the first."""

    @stage("scan: captions")
    def replace(self, events: Sequence[Event], zones: Sequence[Zone]) -> tuple[Event, ...]:
        """Find the captions of zones anew.

        Args:
            events: All that was found before.
            zones: Where and when captions are in flux.

        Returns:
            The events, by first frame: those found before that are good, and one for each state of a caption.
        """
        found = list(events)
        for zone in zones:
            captions = add_outlines(_join_alike(self._find_captions(zone, events)), zone.box)
            found = _replace(found, zone, _without_strays(captions, found))
        return tuple(sorted(found, key=lambda e: (e.first, e.box.y, e.box.x)))

    def _find_captions(self, zone: Zone, events: Sequence[Event]) -> Iterator[tuple[Event, np.ndarray]]:
        """An event for each state of a zone's captions, and its fill: (h, w) bool of its box."""
        signs = [e for e in events if not e.remove and not any(e is d for d in zone.doubtful)]
        if not zone.events and not self._shakes(zone):
            return
        looks: list[Look] = []
        most = max(3 * CONTEXT_FRAMES, STRETCH_BYTES // (3 * zone.box.area))
        begin = zone.first
        while begin <= zone.last:
            since = max(zone.first, begin - CONTEXT_FRAMES)
            stretch = self._read(zone, since, min(since + most, zone.last + 1))
            looks += _known_looks(stretch, zone)
            stretch.fills[:] = [look.fill for look in looks]
            states = [s for s in find_states(stretch.rows, stretch.is_same) if s.first + since >= begin]
            stop = since + len(stretch.pictures)
            if stop <= zone.last:
                # What goes on beyond the stretch is looked at in the next one, unless it fills this one.
                last = len(stretch.pictures) - 1
                going = [since + s.first for s in states if s.last == last and since + s.first > begin]
                stop = min(going, default=stop)
            if moves_with_picture(stretch, [s for s in states if _could_be(s, stretch, zone, ())]):
                states = []
            for state in states:
                is_due = state.first + since < stop and _could_be(state, stretch, zone, signs)
                if is_due and (caption := self._to_event(state, stretch, zone, looks)):
                    yield caption
            begin = stop

    def _shakes(self, zone: Zone) -> bool:
        """Whether what never stood in a zone shakes over the film, as far as frames in its midst tell."""
        first = max(zone.first, zone.middle - PROBED_FRAMES // 2)
        stretch = self._read(zone, first, min(zone.last + 1, first + PROBED_FRAMES))
        found = find_states(stretch.rows, stretch.is_same)
        likely = [s for s in found if _could_be(s, stretch, zone, ())]
        return moves_by_itself(stretch, likely, zone.has_stood)

    def _read(self, zone: Zone, first: int, stop: int) -> Stretch:
        """The zone on the frames from first to stop, the latter not included."""
        pictures = [picture.rgb()[zone.box.slices].copy() for _, picture in self.read_again(first, stop)]
        rows = [join_rows(self.find_lines(picture)) for picture in pictures]
        cuts = [cut - first for cut in self.cuts if first < cut < stop]
        return Stretch(first, pictures, rows, cuts, zone.is_boxed, [])

    def _to_event(
        self, state: State, stretch: Stretch, zone: Zone, looks: Sequence[Look]
    ) -> tuple[Event, np.ndarray] | None:
        """The event of a state and its fill; None where it does not look like the zone's captions."""
        height, width = stretch.pictures[0].shape[:2]
        pad_px = int(1.2 * state.box.height) + 8
        crop = state.box.grow(pad_px, pad_px).clip(width, height)
        numbers = np.unique(np.linspace(state.first, state.last, MOST_SHOWN).round().astype(int))
        shown = np.stack([stretch.pictures[n][crop.slices] for n in numbers])
        line, lettering = (
            draw_boxes(b, crop) for b in ([state.box], [state.box, *stretch.rows[state.first]])
        )
        strokes = find_strokes(shown, line, lettering, list(stretch.find_clear(state, crop)))
        reach = state.box.grow(*(round(share * state.box.height) for share in STROKES_REACH))
        strokes &= draw_boxes([reach], crop)
        if not strokes.any():
            return None
        picture = np.median(shown, axis=0).astype(np.uint8)
        own = Look.of(picture, strokes)
        is_set_alike = _is_set_alike(state, zone)
        if zone.events and not any(own.is_like(look, is_set_alike) for look in looks):
            return None
        count = state.last - state.first + 1
        words = self.read_words(picture, strokes) if count >= LEAST_READ_FRAMES else Words()
        box, tight = tighten(strokes, crop)
        fill = find_fill(picture, strokes)[box.shift(-crop.x, -crop.y).slices]
        first, place = stretch.first + state.first, box.shift(zone.box.x, zone.box.y)
        opaque = np.ones(count, np.float32)
        caption = Event(
            *(first, first + count - 1, place, tight, opaque, words.text),
            probability=zone.probability,
            reasons=zone.reasons,
            colour=words.colour,
        )
        return caption, fill


def _could_be(state: State, stretch: Stretch, zone: Zone, signs: Sequence[Event]) -> bool:
    """Whether a state stands in the zone's rows, as high as its captions, and no sign was found there."""
    least, most = zone.heights
    first, last = stretch.first + state.first, stretch.first + state.last
    place = state.box.shift(zone.box.x, zone.box.y)
    at_once = [e.box for e in signs if e.first <= last and e.last >= first]
    is_sign = bool(draw_boxes(at_once, place).mean() > 0.5)
    is_in_row = zone.rows[0] <= place.y + place.height / 2 <= zone.rows[1]
    return LOWEST * least <= state.box.height <= HIGHEST * most + 8 and is_in_row and not is_sign


def _is_set_alike(state: State, zone: Zone) -> bool:
    """Whether a state is on an axis, or has the left edge, of the zone's known events."""
    place, slack_px = state.box.shift(zone.box.x, zone.box.y), state.box.height / 2
    offsets = [
        (e.box.x - place.x, e.box.x + e.box.width / 2 - place.x - place.width / 2) for e in zone.events
    ]
    return any(min(abs(left), abs(middle)) < slack_px for left, middle in offsets)


def _known_looks(stretch: Stretch, zone: Zone) -> list[Look]:
    """The looks of the zone's known events in the midst of their lives, of those that the stretch shows."""
    known = []
    for event in zone.events:
        number = (event.first + event.last) // 2 - stretch.first
        if 0 <= number < len(stretch.pictures) and (inside := event.box.intersect(zone.box)):
            place = inside.shift(-zone.box.x, -zone.box.y)
            strokes = event.strokes[inside.shift(-event.box.x, -event.box.y).slices]
            if strokes.any():
                known.append(Look.of(stretch.pictures[number][place.slices], strokes))
    return known


def _join_alike(captions: Iterable[tuple[Event, np.ndarray]]) -> list[tuple[Event, np.ndarray]]:
    """Captions and their fills, those that follow each other and show the same made one."""
    joined: list[tuple[Event, np.ndarray]] = []
    for event, fill in captions:
        for place, (before, known) in enumerate(joined):
            if before.last + 1 != event.first:
                continue
            whole = bounding_box([before.box, event.box])
            one, other = draw_mask(known, before.box, whole), draw_mask(fill, event.box, whole)
            if have_same_fill(one, other):
                joined[place] = _join(before, event), one | other
                break
        else:
            joined.append((event, fill))
    return joined


def _join(before: Event, event: Event) -> Event:
    """One event of two that follow each other."""
    box = bounding_box([before.box, event.box])
    strokes = draw_mask(before.strokes, before.box, box) | draw_mask(event.strokes, event.box, box)
    opacities = np.concatenate([before.opacities, event.opacities])
    text = max(before, event, key=lambda e: e.last - e.first).text
    return replace(before, last=event.last, box=box, strokes=strokes, opacities=opacities, text=text)


def _without_strays(captions: Sequence[Event], found: Sequence[Event]) -> list[Event]:
    """Captions less those of a frame or two that nothing comes right before or after in their rows."""
    removed = [e for e in found if e.remove]
    return [
        c
        for c in captions
        if c.last - c.first >= SHORTEST_ALONE - 1
        or any(e is not c and _adjoins(e, c) for e in (*captions, *removed))
    ]


def _adjoins(event: Event, caption: Event) -> bool:
    """Whether an event stands on a caption's frames, or within two of them, in its rows."""
    apart = max(event.first, caption.first) - min(event.last, caption.last)
    common = min(event.box.bottom, caption.box.bottom) - max(event.box.y, caption.box.y)
    return apart <= 3 and common > 0.5 * min(event.box.height, caption.box.height)


def _replace(found: Sequence[Event], zone: Zone, captions: Sequence[Event]) -> list[Event]:
    """The events of a film, a zone's captions in the place of what they are better than."""
    doubtful = [e for e in found if any(e is d for d in (*zone.events, *zone.doubtful))]
    followed = [e for e in doubtful if e.remove and not zone.is_boxed]
    good = [e for e in followed if any(_is_well_followed(e, c) for c in captions)]
    poor = [e for e in doubtful if not any(e is g for g in good) and _share_covered(e, captions) > 0.7]
    new = [c for c in captions if not any(_is_well_followed(e, c) for e in good)]
    return [*(e for e in found if not any(e is p for p in poor)), *new]


def _is_well_followed(event: Event, caption: Event) -> bool:
    """Whether an event has stood for long, and a caption is the same."""
    common = event.box.intersect(caption.box)
    return (
        event.last - event.first + 1 >= LONG_FRAMES
        and abs(event.first - caption.first) <= SAME_LIFE_FRAMES
        and abs(event.last - caption.last) <= SAME_LIFE_FRAMES
        and common is not None
        and common.area > 0.7 * caption.box.area
    )


def _share_covered(event: Event, captions: Sequence[Event]) -> float:
    """Share of an event's frames on which captions stand at its place."""
    covered = np.zeros(event.last - event.first + 1, bool)
    for caption in captions:
        common = event.box.intersect(caption.box)
        if common and common.area > 0.4 * min(event.box.area, caption.box.area):
            covered[max(0, caption.first - event.first) : max(0, caption.last - event.first + 1)] = True
    return float(covered.mean())

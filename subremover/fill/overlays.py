"""Takes events off the frames where the picture shows through them: in fades, and behind see-through boxes.

Knows which frames of an event fade and which tell what it looks like, and, fed with the film's frames in
order, keeps a few crops of each event. The arithmetic is in `unmix`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field

import cv2
import numpy as np

from subremover.fill.unmix import (
    LEAST_OPACITY,
    Overlay,
    expect_error,
    learn_overlay,
    learn_pane,
    measure_mix,
    measure_underlay,
    trust,
    unmix,
)
from subremover.geometry import Box
from subremover.plan.model import Event

CONTEXT_PX = 16
"""Surroundings of an event's box on each side."""
SHOWN_FRAMES, SHOWN_STRIDE = 8, 2
"""Number of frames at full opacity that tell what an event looks like, and the distance between them.
See docs/measurements.md, "fill/overlays: frames shown"."""
LEAST_SHOWN = 3
"""With fewer of these frames a fade is not unmixed."""
MOST_ASTRAY = 0.25
"""Greatest difference between the plan's opacity and the one measured; beyond it the measurement is wrong."""
CHOICE_SIGMA_PX = 2.0
"""Standard deviation, in px, over which two pictures pass into each other, so that no patch of one stands out
in the other."""

ReadCrop = Callable[[Box], np.ndarray]
"""A frame's crop: (h, w, 3) float32, RGB in [0, 1]."""


@dataclass(frozen=True, slots=True, eq=False)
class Unmixed:
    """A part of a frame with an event taken off."""

    box: Box
    picture: np.ndarray
    """(h, w, 3) float32, RGB in [0, 1]."""
    weight: np.ndarray
    """(h, w) float32 in [0, 1]: 1 where this is the picture, less where it is to be mixed with a fill, and 0
    where nothing was taken off."""
    error: np.ndarray
    """(h, w) float32, in [0, 1]: how far off the picture is to be expected; inf where there is none."""

    def prevail(self, other_error: np.ndarray) -> np.ndarray:
        """Share that this picture gets against another one of its box.

        Two measurements of one thing are best weighted by the inverse of their squared errors.

        Args:
            other_error: (h, w) float32, expected of the other picture; inf where there is none.

        Returns:
            (h, w) float32 in [0, 1].
        """
        other = np.isfinite(other_error)
        if not other.any():
            return np.ones_like(other_error)
        own, others = (
            cv2.GaussianBlur(np.maximum(error, 1e-4) ** -2, (0, 0), CHOICE_SIGMA_PX)
            for error in (self.error, other_error)
        )
        share = np.where(other, own / np.maximum(own + others, 1e-12), 1)
        return np.where(np.isfinite(self.error), share, 0).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Fade:
    """One end of an event."""

    frames: range
    """Those on which the event is not at full opacity."""
    shown: tuple[int, ...]
    """Frames at full opacity that tell what fades, nearest first."""


@dataclass(slots=True, eq=False)
class _Life:
    """An event whose frames are passing."""

    event: Event
    box: Box
    strokes: np.ndarray
    """(h, w) bool of the box's size."""
    fades: tuple[_Fade, ...]
    clear: int | None
    """Frame before the event, if it shows what a see-through box covers."""
    crops: dict[int, np.ndarray] = field(default_factory=dict)
    """By frame, (h, w, 3) float32, of those that are `wanted` and have passed."""
    pane: tuple[Overlay, np.ndarray, np.ndarray] | None = None
    """The see-through box, its weight and its expected error."""

    @property
    def wanted(self) -> set[int]:
        """Frames of which crops are to be kept."""
        pair = set() if self.clear is None else {self.clear, self.clear + 1}
        return pair.union(*(fade.shown for fade in self.fades))


class Overlays:
    """Takes events off frames; `feed` it all frames in order, then `unmix` them.

    Frames may be missing; what these would have told then stays unknown.
    """

    def __init__(self, events: Sequence[Event], cuts: Set[int], size: tuple[int, int]) -> None:
        """Prepare.

        Args:
            events: Of the plan, in the active picture; those to be removed are taken off, the others only
                matter where they stand in their place.
            cuts: First frames of shots.
            size: Width and height of the active picture, in px.
        """
        events = sorted(events, key=lambda e: e.first)
        crowded, self._follows = _find_neighbours(events)
        alone = [event for event in events if event.remove and event not in crowded]
        self._pending = deque(alone)
        self._active: list[_Life] = []
        self._cuts, self._size = cuts, size
        self._amid_fade = {
            index
            for event in alone
            for fade in _find_fades(event, cuts)
            for index in range(fade.frames[0], max(fade.frames[-1], *fade.shown[:LEAST_SHOWN]))
        }

    def start_at(self, first: int) -> list[int]:
        """Begin amid the film.

        Args:
            first: Index of the frame to begin with.

        Returns:
            The frames before it that must be fed first, in order, so that the result is the same as if all
            had been.
        """
        on = [event for event in self._pending if event.first <= first <= event.last]
        self._pending = deque(event for event in self._pending if event.first > first)
        self._active = [self._make_life(event) for event in on]
        return sorted({index for life in self._active for index in life.wanted if index < first})

    def feed(self, index: int, read: ReadCrop) -> None:
        """Take the next frame.

        Args:
            index: Of the frame.
            read: Gives its crops, as they are in the source; called only where they are needed.
        """
        while self._pending and self._pending[0].first <= index + 1:
            self._active.append(self._make_life(self._pending.popleft()))
        for life in self._active:
            if index in life.wanted:
                life.crops[index] = read(life.box)

    def _make_life(self, event: Event) -> _Life:
        return _make_life(event, self._cuts, self._size, event not in self._follows)

    def is_amid_fade(self, index: int) -> bool:
        """Whether a fade, or what tells how it looks, goes on after this frame.

        Frames unmixed at once had better not end with such a one.
        """
        return index in self._amid_fade

    def unmix(self, frames: Sequence[tuple[int, ReadCrop]]) -> Iterator[tuple[int, Unmixed]]:
        """Take events off frames, where that can be done.

        Args:
            frames: The last ones fed, in order: index, and what gives crops of each.

        Yields:
            Frame index and the part of the frame without an event; a frame may come several times or never.
        """
        for life in self._active:
            of_life = [(i, read) for i, read in frames if life.event.first <= i <= life.event.last]
            yield from _unmix_pane(life, of_life)
            for fade in life.fades:
                yield from _unmix_fade(life, fade, [(i, read) for i, read in of_life if i in fade.frames])
        if frames:
            self._active = [life for life in self._active if life.event.last > frames[-1][0]]


def _find_neighbours(events: list[Event]) -> tuple[set[Event], set[Event]]:
    """Events that stand in another's place: those that do at the same time, and those right after it.

    What is left alone only counts if it reaches into the other's box, and if it does not stand there from
    before the other's first frame to its last one, as the picture behind it does.
    """
    crowded, follows = set[Event](), set[Event]()
    for number, event in enumerate(events):
        for later in events[number + 1 :]:
            if later.first > event.last + 1:
                break
            pad_px = CONTEXT_PX if event.remove and later.remove else 0
            stands = not event.remove and event.first < later.first and event.last >= later.last
            if not stands and event.box.grow(pad_px, pad_px).intersect(later.box):
                if later.first <= event.last:
                    crowded |= {event, later}
                else:
                    follows.add(later)
    return crowded, follows


def _make_life(event: Event, cuts: Set[int], size: tuple[int, int], is_clear: bool) -> _Life:
    """Begin an event's life; `is_clear` if nothing else stood in its place right before it."""
    box = event.box.grow(CONTEXT_PX, CONTEXT_PX).clip(*size)
    strokes = np.zeros((box.height, box.width), bool)
    strokes[event.box.shift(-box.x, -box.y).slices] = event.strokes
    starts_full = not len(event.opacities) or event.opacities[0] >= 1
    is_clear = is_clear and starts_full and event.first > 0 and event.first not in cuts
    return _Life(event, box, strokes, tuple(_find_fades(event, cuts)), event.first - 1 if is_clear else None)


def _find_fades(event: Event, cuts: Set[int]) -> Iterator[_Fade]:
    """The fades of an event, with enough frames of the same shot at full opacity to unmix them by."""
    full = event.first + np.flatnonzero(event.opacities >= 1)
    if len(full):
        first, last = int(full[0]), int(full[-1])
        steps = slice(1, None, SHOWN_STRIDE)  # the first one may yet be short of full
        for frames, near in (
            (range(event.first, first), full[steps]),
            (range(last + 1, event.last + 1), full[::-1][steps]),
        ):
            shown = tuple(int(i) for i in near if not _is_cut_among(frames, int(i), cuts))[:SHOWN_FRAMES]
            if frames and len(shown) >= LEAST_SHOWN:
                yield _Fade(frames, shown)


def _is_cut_among(frames: range, other: int, cuts: Set[int]) -> bool:
    """Whether a cut lies between any of the frames and another one."""
    every = [*frames, other]
    return any(min(every) < cut <= max(every) for cut in cuts)


def _unmix_pane(life: _Life, frames: list[tuple[int, ReadCrop]]) -> Iterator[tuple[int, Unmixed]]:
    """Take the see-through box of an event off the frames at full opacity."""
    if life.clear is not None and life.clear + 1 in life.crops:
        clear, shown = life.crops.pop(life.clear, None), life.crops.pop(life.clear + 1)
        overlay = None if clear is None else learn_pane(shown, clear, life.strokes)
        if overlay is not None:
            life.pane = overlay, overlay.strokes.astype(np.float32), expect_error(overlay)
    if life.pane:
        overlay, weight, error = life.pane
        for index, read in frames:
            if not len(life.event.opacities) or life.event.opacities[index - life.event.first] >= 1:
                yield index, Unmixed(life.box, unmix(read(life.box), overlay), weight, error)


def _unmix_fade(
    life: _Life, fade: _Fade, frames: list[tuple[int, ReadCrop]]
) -> Iterator[tuple[int, Unmixed]]:
    """Take a fading event off the frames of its fade."""
    shown = [life.crops[i] for i in fade.shown if i in life.crops]
    if not frames or len(shown) < LEAST_SHOWN:
        return
    overlay = learn_overlay(np.stack(shown), life.strokes)
    mixes = [measure_mix(read(life.box), overlay) for _, read in frames]
    underlay = measure_underlay(mixes)
    for (index, read), mix in zip(frames, mixes, strict=True):
        opacity = mix.own_opacity if underlay else mix.opacity
        weight = trust(opacity, underlay)
        planned = float(life.event.opacities[index - life.event.first])
        if weight > 0 and abs(opacity - planned) < MOST_ASTRAY:
            crop = read(life.box)
            picture = unmix(crop, overlay, opacity, underlay) if opacity > LEAST_OPACITY else crop
            # what is trusted by halves is as much farther off
            error = expect_error(overlay, max(opacity, 0.0), underlay) / np.float32(weight)
            yield index, Unmixed(life.box, picture, np.float32(weight) * life.strokes, error)

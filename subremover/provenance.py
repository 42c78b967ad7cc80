"""Keeps where the pixels of holes came from (their origins), and counts the shares.

Plain arrays; `video.write.provenance_film` makes a film of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from subremover.geometry import Box, bounding_box
from subremover.plan.model import Event


class Origins:
    """The origins of the pixels of one frame's holes, as arrays of one box around all holes.

    The shares of a pixel, `borrowed`, `unmixed` and `fitted`, add up to 1; outside the holes to 0.
    """

    def __init__(self, boxes: Iterable[Box]) -> None:
        """Start with no holes.

        Args:
            boxes: In the coded picture, at least one; all holes lie inside them.
        """
        self.box = bounding_box(boxes)
        self.borrowed, self.unmixed, self.fitted, self.distance = np.zeros(
            (4, self.box.height, self.box.width), np.float32
        )
        """(h, w) float32 each: three shares in [0, 1], and from how many frames away a pixel was borrowed."""

    def fill(self, box: Box, mask: np.ndarray, fitted: np.ndarray, distance: np.ndarray) -> None:
        """Note a hole that was filled, by a decoder or by borrowing.

        Args:
            box: Of the hole, in the coded picture.
            mask: (h, w) bool of the box's size, True in the hole.
            fitted: (h, w) float32, in [0, 1]: share of the decoder; the rest is borrowed.
            distance: (h, w) float32: from how many frames away pixels are borrowed; 0 where none are.
        """
        place = box.shift(-self.box.x, -self.box.y).slices
        self.borrowed[place] = np.where(mask, 1 - fitted, self.borrowed[place])
        self.fitted[place] = np.where(mask, fitted, self.fitted[place])
        self.distance[place] = np.where(mask, distance, self.distance[place])

    def blend(self, box: Box, weight: np.ndarray) -> None:
        """Note an unmixed picture that was laid over what was there.

        Args:
            box: Of the picture, in the coded one.
            weight: (h, w) float32 of the box's size, in [0, 1]: its share.
        """
        place = box.shift(-self.box.x, -self.box.y).slices
        for share in (self.borrowed, self.fitted, self.unmixed):
            share[place] *= 1 - weight
        self.unmixed[place] += weight


@dataclass(frozen=True, slots=True)
class Shares:
    """Where hidden pixels came from; the three shares add up to 1, or are 0 if there were no such pixels."""

    borrowed: float = 0.0
    """Share taken from other frames, in [0, 1]."""
    unmixed: float = 0.0
    """Share computed from the very frame, in [0, 1]."""
    fitted: float = 0.0
    """Share painted by decoders, in [0, 1]."""
    distance: int = 0
    """Median of how many frames away the borrowed pixels came from."""

    def describe(self) -> str:
        """A line such as `93 % borrowed (median from 7 frames away), 7 % painted`."""
        frames = f"{self.distance} frame{'s' * (self.distance != 1)}"
        parts = (
            (self.borrowed, f"borrowed (median from {frames} away)"),
            (self.unmixed, "unmixed"),
            (self.fitted, "painted"),
        )
        return ", ".join(f"{round(100 * share)} % {way}" for share, way in parts if share >= 0.005)


class Tally:
    """Counts the pixels of a film's holes by their origin, for the whole film and for each event."""

    def __init__(self, events: Sequence[Event], max_distance: int) -> None:
        """Start with nothing counted.

        Args:
            events: Those that are removed, in the coded picture.
            max_distance: Greatest distance over which pixels may be borrowed, in frames.
        """
        self._events = events
        self._firsts = np.array([event.first for event in events], np.int64)
        self._lasts = np.array([event.last for event in events], np.int64)
        self._total = _Count(max_distance)
        self._counts: dict[int, _Count] = {}
        self._shares: dict[int, Shares] = {}  # of events that have ended
        self._max_distance = max_distance

    def add(self, frame: int, origins: Origins) -> None:
        """Count the pixels of a frame.

        Args:
            frame: Its index.
            origins: Of its holes' pixels.
        """
        self._total.add(origins, (slice(None), slice(None)), None)
        for number in np.flatnonzero((self._firsts <= frame) & (frame <= self._lasts)).tolist():
            event = self._events[number]
            if common := origins.box.intersect(event.box):
                here, there = (common.shift(-box.x, -box.y).slices for box in (origins.box, event.box))
                count = self._counts.setdefault(number, _Count(self._max_distance))
                count.add(origins, here, event.strokes[there])

    def to_json(self) -> dict[str, Any]:
        """All that was counted, as JSON can hold it, for `add_json`."""
        counts = {str(number): count.to_json() for number, count in self._counts.items()}
        return {"total": self._total.to_json(), "events": counts}

    def add_json(self, counts: Any, stop: int) -> None:
        """Add what another tally of the same events has counted.

        Args:
            counts: Of `to_json`.
            stop: Index of the first frame that may still be counted: of events that end before it only the
                shares are kept.

        Raises:
            ValueError: These are no counts of such a tally.
        """
        try:
            self._total.add_json(counts["total"])
            for name, count in counts["events"].items():
                number = int(name)
                if not 0 <= number < len(self._events):
                    raise ValueError(f"there is no event {number}")
                self._counts.setdefault(number, _Count(self._max_distance)).add_json(count)
        except (KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
            raise ValueError("these are no counts of origins") from error
        for number in [n for n in self._counts if self._lasts[n] < stop]:
            self._shares[number] = self._counts.pop(number).shares()

    @property
    def total(self) -> Shares:
        """Shares of the hidden pixels of all frames counted so far."""
        return self._total.shares()

    @property
    def by_event(self) -> tuple[Shares, ...]:
        """Shares of the pixels that each event hid, in the order in which the events were given."""
        ended = {**self._shares, **{number: count.shares() for number, count in self._counts.items()}}
        return tuple(ended.get(number, Shares()) for number in range(len(self._events)))


class _Count:
    """Numbers of pixels by origin, and of borrowed ones by distance; in parts where origins are mixed."""

    def __init__(self, max_distance: int) -> None:
        self._sums = np.zeros(3)
        self._distances = np.zeros(max_distance + 1)

    def add(self, origins: Origins, place: tuple[slice, slice], where: np.ndarray | None) -> None:
        """Count the pixels of a part of the origins' box; only those that are True in `where`, if given."""
        maps = [each[place] for each in (origins.borrowed, origins.unmixed, origins.fitted, origins.distance)]
        borrowed, unmixed, fitted, distance = (m.ravel() if where is None else m[where] for m in maps)
        self._sums += np.array([borrowed.sum(), unmixed.sum(), fitted.sum()], np.float64)
        steps = np.clip(np.rint(distance), 0, len(self._distances) - 1).astype(np.int64)
        self._distances += np.bincount(steps, borrowed, len(self._distances))

    def to_json(self) -> list[Any]:
        """The sums, and those of the distances that occur."""
        steps = np.flatnonzero(self._distances)
        return [self._sums.tolist(), steps.tolist(), self._distances[steps].tolist()]

    def add_json(self, counts: Any) -> None:
        """Add the counts of `to_json`; a ValueError if they are none."""
        sums, steps, pixels = (np.array(part) for part in counts)
        if sums.shape != (3,) or steps.ndim != 1 or steps.shape != pixels.shape:
            raise ValueError("these are no counts of origins")
        if not all(np.isfinite(part).all() and (part >= 0).all() for part in (sums, pixels)):
            raise ValueError("pixels are counted from 0 up")
        self._sums += sums
        np.add.at(self._distances, steps.astype(np.int64), pixels)

    def shares(self) -> Shares:
        """The shares of all pixels counted so far."""
        if not self._sums.sum():
            return Shares()
        borrowed, unmixed, fitted = (float(each) for each in self._sums / self._sums.sum())
        half = np.cumsum(self._distances)
        distance = int(np.searchsorted(half, half[-1] / 2)) if borrowed else 0
        return Shares(borrowed, unmixed, fitted, distance)

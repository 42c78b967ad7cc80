"""Where the pixels of the holes came from, and what share of them came from where.

Plain arrays; `video.provenance` makes a film of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from subremover.geometry import Box, bounding_box
from subremover.plan.model import Event


class Origins:
    """Of the pixels of one frame's holes; the shares of a pixel add up to 1, outside the holes to 0."""

    def __init__(self, boxes: Iterable[Box]) -> None:
        """For holes inside these boxes of the coded picture."""
        self.box = bounding_box(boxes)
        self.borrowed, self.unmixed, self.fitted, self.distance = np.zeros(
            (4, self.box.height, self.box.width), np.float32
        )
        """(h, w) float32 of the box's size: three shares, and from how many frames away the borrowed came."""

    def fill(self, box: Box, mask: np.ndarray, fitted: np.ndarray, distance: np.ndarray) -> None:
        """Note a hole that was filled, `fitted` (h, w) of it by the decoder, the rest borrowed."""
        place = box.shift(-self.box.x, -self.box.y).slices
        self.borrowed[place] = np.where(mask, 1 - fitted, self.borrowed[place])
        self.fitted[place] = np.where(mask, fitted, self.fitted[place])
        self.distance[place] = np.where(mask, distance, self.distance[place])

    def blend(self, box: Box, weight: np.ndarray) -> None:
        """Note an unmixed picture that was laid over what was there, with a weight (h, w) in [0, 1]."""
        place = box.shift(-self.box.x, -self.box.y).slices
        for share in (self.borrowed, self.fitted, self.unmixed):
            share[place] *= 1 - weight
        self.unmixed[place] += weight


@dataclass(frozen=True, slots=True)
class Shares:
    """Of the hidden pixels of all frames, all three together 1; 0 where there were none."""

    borrowed: float = 0.0
    unmixed: float = 0.0
    fitted: float = 0.0
    distance: int = 0
    """From how many frames away the borrowed pixels came, in the median."""

    def describe(self) -> str:
        """As `93 % borrowed (median from 7 frames away), 7 % painted`."""
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
        """For events in the coded picture."""
        self._events = events
        self._firsts = np.array([event.first for event in events], np.int64)
        self._lasts = np.array([event.last for event in events], np.int64)
        self._total = _Count(max_distance)
        self._counts: dict[int, _Count] = {}
        self._shares: dict[int, Shares] = {}  # of events that have ended
        self._max_distance = max_distance

    def add(self, frame: int, origins: Origins) -> None:
        """Count a frame's."""
        self._total.add(origins, (slice(None), slice(None)), None)
        for number in np.flatnonzero((self._firsts <= frame) & (frame <= self._lasts)).tolist():
            event = self._events[number]
            if common := origins.box.intersect(event.box):
                here, there = (common.shift(-box.x, -box.y).slices for box in (origins.box, event.box))
                count = self._counts.setdefault(number, _Count(self._max_distance))
                count.add(origins, here, event.strokes[there])

    def to_json(self) -> dict[str, Any]:
        """All that was counted, for `add_json`."""
        counts = {str(number): count.to_json() for number, count in self._counts.items()}
        return {"total": self._total.to_json(), "events": counts}

    def add_json(self, counts: Any, stop: int) -> None:
        """Count what another tally of the same events has counted; after `stop` (excluded) more may come.

        Raises:
            ValueError: That is not what it is.
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
        """Of all frames so far."""
        return self._total.shares()

    @property
    def by_event(self) -> tuple[Shares, ...]:
        """Of each event, in the order in which they were given."""
        ended = {**self._shares, **{number: count.shares() for number, count in self._counts.items()}}
        return tuple(ended.get(number, Shares()) for number in range(len(self._events)))


class _Count:
    """Pixels by origin, and the borrowed ones by distance."""

    def __init__(self, max_distance: int) -> None:
        self._sums = np.zeros(3)
        self._distances = np.zeros(max_distance + 1)

    def add(self, origins: Origins, place: tuple[slice, slice], where: np.ndarray | None) -> None:
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
        sums, steps, pixels = (np.array(part) for part in counts)
        if sums.shape != (3,) or steps.ndim != 1 or steps.shape != pixels.shape:
            raise ValueError("these are no counts of origins")
        if not all(np.isfinite(part).all() and (part >= 0).all() for part in (sums, pixels)):
            raise ValueError("pixels are counted from 0 up")
        self._sums += sums
        np.add.at(self._distances, steps.astype(np.int64), pixels)

    def shares(self) -> Shares:
        if not self._sums.sum():
            return Shares()
        borrowed, unmixed, fitted = (float(each) for each in self._sums / self._sums.sum())
        half = np.cumsum(self._distances)
        distance = int(np.searchsorted(half, half[-1] / 2)) if borrowed else 0
        return Shares(borrowed, unmixed, fitted, distance)

"""The active picture: what of a film's frames shows the film, between black bars.

Filling works inside of it, in boxes that count from its corner, so that it never sees a bar. What is hidden
of the bars themselves is filled by `video.pixels.planes.fill_bars`.
See docs/measurements.md, "render/active_picture: fills".
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from av.video.frame import VideoFrame

from subremover.geometry import Box
from subremover.plan.model import Event, Plan
from subremover.video.film import Film
from subremover.video.pixels.planes import read_rgb, to_coded, to_coded_box, write_rgb


@dataclass(frozen=True, slots=True)
class ActivePicture:
    """A part of all frames of a film; without black bars it is the whole of them."""

    box: Box
    """In the coded frame."""
    has_bars: bool
    """Whether there is anything beside it."""

    @classmethod
    def of(cls, film: Film, plan: Plan) -> ActivePicture:
        """That of a film, as its plan says."""
        whole = Box(0, 0, film.width, film.height)
        box = to_coded_box(plan.active_picture, film) if plan.active_picture else whole
        return cls(box, box != whole)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in px."""
        return self.box.width, self.box.height

    def locate(self, box: Box) -> Box:
        """Where a box of the active picture lies in the coded frame."""
        return box.shift(self.box.x, self.box.y)

    def read(self, frame: VideoFrame, box: Box) -> np.ndarray:
        """A crop of a frame in RGB, (h, w, 3) float32; see `read_rgb`."""
        return read_rgb(frame, self.locate(box), self.box)

    def write(self, frame: VideoFrame, box: Box, rgb: np.ndarray, weight: np.ndarray) -> None:
        """Blend a crop into a frame; see `write_rgb`."""
        write_rgb(frame, self.locate(box), rgb, weight)

    def clip(self, event: Event) -> Event | None:
        """What of an event of the coded frame lies in the active picture; None where nothing does."""
        common = event.box.intersect(self.box)
        if common is None:
            return None
        strokes = event.strokes[common.shift(-event.box.x, -event.box.y).slices]
        return replace(event, box=common.shift(-self.box.x, -self.box.y), strokes=strokes)


def to_coded_event(event: Event, film: Film) -> Event:
    """The same event with box and strokes in the coded picture instead of the upright one.

    Args:
        event: Of the plan.
        film: The source, whose rotation is undone.
    """
    strokes = np.ascontiguousarray(to_coded(event.strokes, film))
    return replace(event, box=to_coded_box(event.box, film), strokes=strokes)

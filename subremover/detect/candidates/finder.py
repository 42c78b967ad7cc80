"""Decides where the text detector looks, and on which frame: at what is new, and now and then everywhere.

What is new is told by `novelty`, the lines themselves are found by a `FindLines`; nothing is followed here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import cv2
import numpy as np

from subremover.detect.candidates.novelty import Novelty, Place
from subremover.detect.frame import Frame, halvings
from subremover.geometry import Box, draw_boxes

DETECT_SECONDS, DETECT_FRAMES = 0.2, 5
"""Least time between two looks, in seconds and in frames, whichever is longer. Each look is at the frame
since the last look that shows best what is new."""
SWEEP_SECONDS, CROWDED_SWEEP_SECONDS = 3.0, 1.0
"""Seconds between sweeps, looks at a place whether it is new or not; the shorter one is for crowded pictures
(gravel, grass), where new lettering hardly shows as new."""
LARGE_PX = 1440
"""Width of the picture, in px, from which the detector gets it at half the size: lettering is large there,
and 24 px in 4K still have 12."""
LOW_SHARE = 1 / 3
"""The lowest part of the picture, as a share of its height, where most subtitles stand. Every other sweep
takes this part alone, and so sees it larger."""
ZOOM, UNEXPLAINED_BLOCKS = 1.5, 8
"""Where so many new blocks lie outside all lines found, the detector looks once more, at so many times the
size: what it overlooks at one size it sees at another.
See docs/measurements.md, "detect/candidates/finder: second sight"."""
LONG = 2.5
"""How many times as long as high a line must be to be believed at that size: leaves look like letters."""
MOST_CLOSER = 3
"""Most looks at a line by itself, until it ends inside what is looked at."""
FOLLOWED_SHARE = 0.8
"""Share of a line that the followed ones must cover for it to be one of them."""

HIGHEST_SHARE = 0.35
"""Greatest height of a line, as a share of the picture's shorter side: one word may fill a phone's."""
FLAT, LARGE_SHARE = 1.2, 0.25
"""Least ratio of a line's sides, and the height, as a share of the picture's shorter side, from which it may
be a square: one short word, large."""

FindLines = Callable[[np.ndarray], list[Box]]
"""Finds the text lines of an (h, w, 3) uint8 RGB picture; boxes in its px."""


class CandidateFinder:
    """Finds text lines that are not followed yet; is fed every frame, but looks at few."""

    def __init__(
        self, find_lines: FindLines, first: Frame, frame_rate: float, regions: Sequence[Box]
    ) -> None:
        """Prepare.

        Args:
            find_lines: Finds text lines in an (h, w, 3) uint8 RGB picture.
            first: The film's first frame.
            frame_rate: Frames per second.
            regions: Boxes in the picture outside of which nothing is looked for; empty: look everywhere.
        """
        height, width = first.luma.shape
        self.period = max(DETECT_FRAMES, round(DETECT_SECONDS * frame_rate))
        """Frames between looks."""
        self._find_lines, self._frame_rate = find_lines, frame_rate
        self._whole, self._scale = Box(0, 0, width, height), 1 << halvings(height, width)
        self._regions = regions or (self._whole,)
        self._novelty = Novelty(*first.small.shape)
        self._last_sweep = first.index
        self._is_low_next = False

    def feed(self, frame: Frame) -> None:
        """Take the next frame; call `find` after every `period` of them."""
        self._novelty.feed(frame.index, frame.small)

    def forget(self, box: Box | None = None) -> None:
        """Count what stands in a box as new again, as after a cut or when a line has gone.

        Args:
            box: In the picture; None: all of it.
        """
        if box is None:
            self._novelty.forget()
            return
        width, height = -(-box.width // self._scale) + 1, -(-box.height // self._scale) + 1
        self._novelty.forget(Box(box.x // self._scale, box.y // self._scale, width, height))

    def find(
        self, recent: Sequence[Frame], followed: Callable[[int], list[Box]]
    ) -> Iterator[tuple[Frame, Box]]:
        """Look at the places that are due, and give the text lines there that are not followed yet.

        Args:
            recent: The latest frames, oldest first, at least all since the last look.
            followed: Gives the boxes of the lines already followed on a frame, by its index.

        Yields:
            A frame that shows the line, and the line's box in the picture.
        """
        frame_of = {frame.index: frame for frame in recent}
        for place in self._places(recent[-1].index):
            frame = frame_of.get(place.index, recent[-1])
            known = followed(frame.index)
            lines = list(self.look(frame, place.box, known))
            known = [*known, *lines]
            if sum(draw_boxes(known, block).mean() < 0.5 for block in place.blocks) >= UNEXPLAINED_BLOCKS:
                larger = self.look(frame, place.box, known, zoom=ZOOM)
                lines += [line for line in larger if line.width > LONG * line.height]
            for line in lines:
                yield frame, line

    def _places(self, now: int) -> list[Place]:
        """Where to look now, boxes in px of the picture: a sweep if one is due, else all that is new."""
        places, whole = self._novelty.take(), self._whole
        rest = CROWDED_SWEEP_SECONDS if self._novelty.is_crowded else SWEEP_SECONDS
        if now - self._last_sweep >= rest * self._frame_rate:
            self._last_sweep, self._is_low_next = now, not self._is_low_next
            low = round(LOW_SHARE * whole.height)
            return [Place(now, whole if self._is_low_next else Box(0, whole.height - low, whole.width, low))]
        places = [
            Place(
                place.index,
                _enlarge(place.box, self._scale).clip(whole.width, whole.height),
                tuple(_enlarge(block, self._scale) for block in place.blocks),
            )
            for place in places
        ]
        if sum(place.box.area for place in places) > 0.5 * whole.area:
            self._last_sweep = now
            return [Place(max(places, key=lambda p: p.box.area).index, whole)]
        return places

    def look(self, frame: Frame, box: Box, followed: list[Box], *, zoom: float = 1.0) -> Iterator[Box]:
        """Lines of a frame inside a box and the regions, less those that are followed.

        Args:
            frame: The frame.
            box: Where to look.
            followed: Boxes of lines that stand there and are followed already.
            zoom: At how many times its size the place is shown to the detector.

        Yields:
            Each line's box in the picture, all of it, also where it runs out of the place.
        """
        picture = frame.picture.rgb()
        for region in self._regions:
            if not (part := box.intersect(region)):
                continue
            for line in self._detect(picture, part, zoom):
                if draw_boxes(followed, line).mean() <= FOLLOWED_SHARE:
                    yield self._look_closer(picture, line, region)

    def _look_closer(self, picture: np.ndarray, line: Box, region: Box) -> Box:
        """All of a line, of which the detector may have seen a part, or only roughly."""
        for _ in range(MOST_CLOSER):
            near = line.grow(line.width // 2 + line.height, line.height).intersect(region)
            if not near:
                break
            line = max(self._detect(picture, near), key=partial(_common_area, line), default=line)
            if not _reaches_out(line, near, region):
                break
        return line

    def _detect(self, picture: np.ndarray, part: Box, zoom: float = 1.0) -> list[Box]:
        """Lines in a part of an (H, W, 3) uint8 picture, boxes in px of the whole."""
        crop = np.ascontiguousarray(picture[part.slices])
        if self._whole.width >= LARGE_PX and min(crop.shape[:2]) > 2:
            zoom /= 2
        if zoom != 1:
            size = (int(part.width * zoom), int(part.height * zoom))
            crop = cv2.resize(crop, size, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC)
        lines = (_enlarge(line, 1 / zoom) for line in self._find_lines(crop))
        shifted = (line.shift(part.x, part.y) for line in lines)
        return [line for line in shifted if _has_line_shape(line, self._whole)]


def _enlarge(box: Box, scale: float) -> Box:
    return Box(*(round(scale * value) for value in (box.x, box.y, box.width, box.height)))


def _has_line_shape(box: Box, picture: Box) -> bool:
    """Whether a box could be a line: not too large, and none of the small blots that are found in leaves."""
    short, long = sorted((box.width, box.height))
    side = min(picture.width, picture.height)
    return 6 <= short <= HIGHEST_SHARE * side and (long >= FLAT * short or short >= LARGE_SHARE * side)


def _reaches_out(line: Box, part: Box, region: Box) -> bool:
    """Whether a line runs into a side of the part that is no side of the region."""
    left = line.x <= part.x + 2 and part.x > region.x
    return left or (line.right >= part.right - 2 and part.right < region.right)


def _common_area(one: Box, other: Box) -> int:
    common = one.intersect(other)
    return common.area if common else 0

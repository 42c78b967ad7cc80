"""The footage of a film's holes: which frames of their shot they may borrow from, decoded and at hand.

A second reader goes ahead of the render, and reads around the subtitles only. What is taken from a frame, and
how far it is trusted, is decided in fill/borrow.py.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from av.video.frame import VideoFrame

from subremover.geometry import Box
from subremover.plan.model import Event, Plan, Shot
from subremover.render.active_picture import ActivePicture
from subremover.runtime.lru_cache import LruCache
from subremover.runtime.profile import timed
from subremover.video.film import Film
from subremover.video.pixels.formats import frame_bytes
from subremover.video.pixels.planes import Picture, to_coded
from subremover.video.read.reader import read_frames

FOOTAGE_BYTES = 256 << 20
"""Most memory for frames kept to borrow from, besides those of the window itself."""
CROP_BYTES, MASK_BYTES = 128 << 20, 64 << 20
"""Most memory for their crops and for masks, which every hole of a window asks for again."""
CROP_PIXEL_BYTES = 12
"""Memory of such a crop, a pixel."""
LEAST_FRAMES = 8
"""Number of frames that are kept however large they are."""
STRETCH_FRAMES = 256
"""Length of the longest stretch, in frames; longer runs of masked frames are split, so that memory does not
grow with them."""
GAP_FRAMES = 64
"""Most frames without a subtitle amid a stretch; that many are read around it in any case."""
WINDOW_SOURCES = 64
"""Most frames that a window gets to choose from, its own included."""
STEPS = (1, 2, 4, 8, 16, 32)
"""Distances in frames, before and after a subtitle, of the frames that are kept for its holes."""
LONG_STEPS = (*STEPS, 64, 128, 256)
"""The same for the frames that a window chooses from those kept, which may lie within a long subtitle."""


class Masks:
    """Masks of any frames in the active picture, read-only; frames under the same events share one array."""

    def __init__(self, film: Film, plan: Plan, events: Sequence[Event], memory_share: float = 1.0) -> None:
        """Prepare.

        Args:
            film: The film.
            plan: Of the film.
            events: Those of the plan that the masks are of.
            memory_share: Factor of the memory that masks may take.
        """
        self._film, self._plan, self._events = film, plan, events
        self._active_picture = ActivePicture.of(film, plan)
        self._firsts = np.array([event.first for event in events], np.int64)
        self._lasts = np.array([event.last for event in events], np.int64)
        self._made = LruCache(int(MASK_BYTES * memory_share), _count_bytes)

    def at(self, index: int) -> np.ndarray | None:
        """The mask of a frame, (H, W) bool, True on the events; None where there is none."""
        active = self._active(index)
        return self._made.get(active, lambda: self._draw(active)) if active else None

    def lettering(self, index: int, other: int) -> np.ndarray | None:
        """What stays on both of two frames, as far as the first shows it.

        Args:
            index: Of the first frame.
            other: Of the other one.

        Returns:
            (H, W) bool, True on events that are not to be removed and are on both frames, where no other
            event is on the first; None where there are none.
        """
        active, beside = self._active(index), self._active(other)
        common = tuple(i for i in active if i in beside and not self._events[i].remove)
        rest = tuple(i for i in active if i not in common)
        return (
            self._made.get((common, rest), lambda: self._draw(common) & ~self._draw(rest)) if common else None
        )

    def draw_whole(self, index: int) -> np.ndarray:
        """The mask of a frame as coded, black bars and all, (H, W) bool; drawn anew at every call."""
        return self._draw_whole(self._active(index))

    def _active(self, index: int) -> tuple[int, ...]:
        """Numbers of the events that are on a frame."""
        return tuple(np.flatnonzero((self._firsts <= index) & (index <= self._lasts)).tolist())

    def _draw(self, active: Sequence[int]) -> np.ndarray:
        return np.ascontiguousarray(self._draw_whole(active)[self._active_picture.box.slices])

    def _draw_whole(self, active: Sequence[int]) -> np.ndarray:
        return to_coded(self._plan.mask([self._events[i] for i in active]), self._film)


class ShotFootage:
    """Frames of one shot that the holes of a window may borrow from: a `fill.borrow.Footage`.

    It ends where the active picture does: of black bars a hole sees nothing.
    """

    def __init__(
        self,
        frames: Mapping[int, VideoFrame],
        active_picture: ActivePicture,
        masks: Masks,
        crops: LruCache[np.ndarray],
    ) -> None:
        """Wrap decoded planar frames, by index; at least one."""
        self.frames: Sequence[int] = sorted(frames)
        self.size = active_picture.size
        self._active_picture = active_picture
        self._frames, self._masks, self._crops = frames, masks, crops

    def luma(self, frame: int) -> np.ndarray:
        """(H, W) uint8, the whole active picture."""
        return Picture(self._frames[frame], 0).luma[self._active_picture.box.slices]

    def crop(self, frame: int, box: Box) -> np.ndarray:
        """(h, w, 3) float32, RGB, nominally in [0, 1]."""
        return self._crops.get((frame, box), lambda: self._active_picture.read(self._frames[frame], box))

    def mask(self, frame: int) -> np.ndarray | None:
        """(H, W) bool, True on all lettering, removed or not; None where there is none."""
        return self._masks.at(frame)

    def lettering(self, frame: int, target: int) -> np.ndarray | None:
        """(H, W) bool, True where a frame shows lettering that stays on it and the target; None: nowhere."""
        return self._masks.lettering(frame, target)


class FootageReader:
    """Gives windows their footage; they must come in the order of their frames."""

    def __init__(self, film: Film, plan: Plan, max_distance: int, memory_share: float = 1.0) -> None:
        """Plan what will be read; nothing is read before it is asked for.

        Args:
            film: The film.
            plan: Of the film.
            max_distance: Greatest distance to borrow over, in frames.
            memory_share: Factor of the memory that frames, crops and masks may take.
        """
        self._most = max(LEAST_FRAMES, int(FOOTAGE_BYTES * memory_share) // frame_bytes(film))
        self._film, self._plan, self._max_distance = film, plan, max_distance
        self._active_picture = ActivePicture.of(film, plan)
        self._masks = Masks(film, plan, plan.events, memory_share)
        self._firsts = np.array([event.first for event in plan.removed], np.int64)
        self._lasts = np.array([event.last for event in plan.removed], np.int64)
        self._stretches = find_stretches(plan)
        self._crops = LruCache(int(CROP_BYTES * memory_share), _count_bytes)
        self._kept: dict[int, VideoFrame] = {}
        self._lost: set[int] = set()  # of these, what cannot be decoded

    def of_window(self, own: Mapping[int, VideoFrame], first: int, last: int) -> ShotFootage:
        """The footage for the masked frames `first` to `last` of one window and one shot.

        Args:
            own: The window's frames of that shot, by index, as they are in the source, and left so while in
                use.
            first: Index of the first masked frame.
            last: Index of the last one.

        Returns:
            The window's own frames and those chosen of the ones that are kept.
        """
        stretch = self._stretches[bisect_right(self._stretches, first, key=lambda s: s.first) - 1]
        self._load(stretch)
        wanted = (i for i in self._ladder(first, last, stretch, LONG_STEPS) if i not in own)
        beside = np.array(sorted(self._kept.keys() - own.keys()), np.int64)
        nearest = (int(beside[np.abs(beside - index).argmin()]) for index in wanted if len(beside))
        chosen = islice(dict.fromkeys(nearest), max(0, WINDOW_SOURCES - len(own)))
        frames = {**own, **{i: self._kept[i] for i in chosen}}
        return ShotFootage(frames, self._active_picture, self._masks, self._crops)

    def _load(self, stretch: Stretch) -> None:
        """Read the frames of a stretch that are not kept yet, and drop all others."""
        wanted = set(self._choose(stretch, self._most))
        self._kept = {index: frame for index, frame in self._kept.items() if index in wanted}
        for run in split_runs(np.array(sorted(wanted - self._kept.keys() - self._lost)), GAP_FRAMES):
            frames = read_frames(self._film, int(run[0]), int(run[-1]) + 1)
            for index, frame in timed("render: footage", frames):
                if index in wanted:
                    self._kept[index] = frame
        self._lost = wanted - self._kept.keys()

    def _choose(self, stretch: Stretch, most: int) -> Iterator[int]:
        """Up to so many frames to keep: half around the ends of stretch and subtitles, the rest between."""
        ladder = dict.fromkeys(self._ladder(stretch.first, stretch.last, stretch, STEPS))
        ends = list(islice(ladder, most // 2))
        yield from ends
        length, room = stretch.last + 1 - stretch.first, most - len(ends)
        yield from range(stretch.first, stretch.last + 1, 2 ** int(np.ceil(np.log2(max(1, length / room)))))

    def _ladder(self, first: int, last: int, stretch: Stretch, steps: Sequence[int]) -> Iterator[int]:
        """Frames that are worth borrowing from, best first, for the frames `first` to `last` of a stretch.

        Around the subtitles on screen, from their very ends on; those whose ends lie outside come first, as
        they show what no frame between can. Then around the frames themselves.
        """
        on = (self._firsts <= last) & (self._lasts >= first)
        befores, afters = np.unique(self._firsts[on]), np.unique(self._lasts[on])
        outer = befores[befores <= first], afters[afters >= last]
        inner = befores[befores > first], afters[afters < last]
        low = max(stretch.shot.first, first - self._max_distance)
        high = min(stretch.shot.last, last + self._max_distance)
        for starts, ends in (outer, ([first], [last]), inner):
            for step in steps:
                for index in (*(start - step for start in starts), *(end + step for end in ends)):
                    if low <= index <= high:
                        yield int(index)


def count_footage_bytes(film: Film, crop: int, share: float) -> float:
    """Frames to borrow from, their crops, and two sets of masks; at most what there is of them.

    Args:
        film: The source.
        crop: Pixels of the largest hole with its surroundings.
        share: In (0, 1], of what they take by default.
    """
    frame, sources = frame_bytes(film), 2 * WINDOW_SOURCES
    footage = max(LEAST_FRAMES * frame, min(share * FOOTAGE_BYTES, 2 * STRETCH_FRAMES * frame))
    crops = min(share * CROP_BYTES, sources * CROP_PIXEL_BYTES * crop)
    masks = min(share * MASK_BYTES, sources * film.width * film.height)
    return footage + crops + 2 * masks


@dataclass(frozen=True, slots=True)
class Stretch:
    """Masked frames of one shot, with short gaps, whose holes borrow from the same frames."""

    first: int
    """Masked, as is the last."""
    last: int
    shot: Shot


def find_stretches(plan: Plan) -> list[Stretch]:
    """The stretches of a plan, in order, together all of its masked frames."""
    masked = np.flatnonzero(plan.masked_frames())
    stretches = []
    for shot in plan.shots:
        start, stop = np.searchsorted(masked, [shot.first, shot.last + 1])
        for run in split_runs(masked[start:stop], GAP_FRAMES):
            for part in np.split(run, np.searchsorted(run, range(run[0], run[-1] + 1, STRETCH_FRAMES)[1:])):
                if len(part):
                    stretches.append(Stretch(int(part[0]), int(part[-1]), shot))
    return stretches


def split_runs(indices: np.ndarray, gap: int) -> list[np.ndarray]:
    """Split rising indices wherever more than `gap` are missing; none of the parts is empty."""
    return np.split(indices, np.flatnonzero(np.diff(indices) > gap + 1) + 1) if len(indices) else []


def _count_bytes(array: np.ndarray) -> int:
    return array.nbytes

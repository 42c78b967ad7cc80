"""One line of text followed through the film: on which frames it stands, and the crops that tell its strokes.

Presence is asked of the line itself, not of the detector: how much of its edges does a frame show?
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import cv2
import numpy as np

from subremover.geometry import Box
from subremover.segment.strokes import Jump

MAX_CROPS = 24
"""Crops kept of a line's life, evenly spread; their median is steady and their memory bounded."""
DRIFT_PX = 3
DRIFT_FRAMES = 4
"""How far off, and on how many frames, lettering that moves with the scene is looked for."""
JUMP_FRAMES = 2
"""Frames averaged on each side of a jump; 1 to 3 measured alike, 2 the least noisy on grain."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A frame as the scan sees it."""

    index: int
    picture: np.ndarray
    """(H, W, 3) uint8, RGB, upright."""

    def crop(self, box: Box) -> np.ndarray:
        return self.picture[box.slices]


@dataclass(slots=True, eq=False)
class Sight:
    """What one frame showed at the line's place."""

    index: int
    opacity: float
    """1 where all of the line's edges show at least as they did when it was found, 0 where none does."""
    contrast: float
    """Strength of these edges, 1 when it was found; unlike the opacity it follows the background too."""
    crop: np.ndarray
    """(h, w, 3) uint8."""


@dataclass(slots=True, eq=False)
class Track:
    """A line under observation; `follow` it frame by frame, then ask."""

    line: Box
    """The detector's box."""
    crop_box: Box
    """The line with its surroundings, inside the picture."""
    reach: int
    """Frames seen around an end of the line's life: enough for a fade."""
    _place: np.ndarray = field(init=False)
    """(h, w) bool of the line, True on its strong edges."""
    _edges: np.ndarray = field(init=False)
    """(n, 2) float32, luma derivatives there when it was found."""
    before: deque[Sight] = field(init=False)
    """Sights up to the first sure one, oldest first."""
    recent: deque[Sight] = field(init=False)
    """The latest sights."""
    opening: list[Sight] = field(default_factory=list)
    """The first sights of its life."""
    crops: list[np.ndarray] = field(default_factory=list)
    _stride: int = 1
    found: int = -1
    last_sure: int = -1
    is_gone: bool = False

    @classmethod
    def start(cls, frame: Frame, line: Box, reach: int) -> Track:
        """Begin with a frame on which the detector found the line."""
        height, width = frame.picture.shape[:2]
        short = min(line.width, line.height)
        track = cls(line, line.grow(int(1.2 * short) + 8, int(1.2 * short) + 8).clip(width, height), reach)
        track.before, track.recent = deque(maxlen=2 * reach), deque(maxlen=2 * reach)
        edges = _edge_vectors(frame.crop(line))
        strength = np.hypot(edges[..., 0], edges[..., 1])
        track._place = strength > max(0.3 * float(np.percentile(strength, 97)), 1e-3)
        track._edges = edges[track._place]
        track.found = track.last_sure = frame.index
        track._see(frame)
        return track

    def look_back(self, frames: list[Frame]) -> None:
        """Look for the line on frames before it was found, nearest last."""
        self.before.extend(self._sight(f) for f in frames)

    def follow(self, frame: Frame) -> None:
        """Look for the line on the next frame."""
        if self._see(frame) > 0.5:
            self.last_sure = frame.index
        self.is_gone = frame.index - self.last_sure >= self.reach

    @property
    def is_present(self) -> bool:
        """Whether the latest frame shows the line."""
        return self.recent[-1].index == self.last_sure

    def first_frame(self) -> int:
        """The first frame on which the line is visible at all."""
        sights = [*self.before, self.opening[0]]
        return sights[-_visible_count([s.opacity for s in reversed(sights)], self.reach)].index

    def last_frame(self) -> int:
        """The last frame on which the line is visible at all."""
        sights = [s for s in self.recent if s.index >= self.last_sure]
        return sights[_visible_count([s.opacity for s in sights], self.reach) - 1].index

    @property
    def sure_count(self) -> int:
        """Frames of its beginning on which it stood unchanged."""
        return sum(s.opacity > 0.7 for s in self.opening)

    def has_moved(self) -> bool:
        """Whether it left its place rather than the screen, as lettering of the scene does."""
        earlier = [s for s in reversed(self.before) if s.opacity < 0.7]
        later = [s for s in self.recent if s.index > self.found and s.opacity < 0.7]
        sights = (
            earlier[: DRIFT_FRAMES * 3 : 3] + later[: DRIFT_FRAMES * 3 : 3]
        )  # slow drift takes a while to show
        return any(self._opacity_nearby(s.crop) > max(0.75, s.opacity + 0.2) for s in sights)

    def steady(self) -> np.ndarray:
        """Median over its life: (h, w, 3) float32, RGB in [0, 255]."""
        median: np.ndarray = np.median(np.stack(self.crops), axis=0).astype(np.float32)
        return median

    def jumps(self, cuts: list[int]) -> list[Jump]:
        """The picture with and without the line at both ends of its life, as far as one shot shows both.

        Args:
            cuts: First frames of shots.
        """
        first, last = self.first_frame(), self.last_frame()
        opening = [s for s in [*self.before, *self.opening] if s.index >= first]
        closing = [s for s in self.recent if s.index <= last]
        ends = (
            (
                [s for s in self.before if s.index < first][-JUMP_FRAMES:],
                _at_full_contrast(opening)[:JUMP_FRAMES],
            ),
            (
                [s for s in self.recent if s.index > last][:JUMP_FRAMES],
                _at_full_contrast(closing)[-JUMP_FRAMES:],
            ),
        )
        return [
            Jump(_mean_crop(clear), _mean_crop(shown))
            for clear, shown in ends
            if clear and shown and not _spans_cut([*clear, *shown], cuts)
        ]

    def _see(self, frame: Frame) -> float:
        sight = self._sight(frame)
        self.recent.append(sight)
        if len(self.opening) < self.reach:
            self.opening.append(sight)
        if sight.opacity > 0.7 and (frame.index - self.found) % self._stride == 0:
            self.crops.append(sight.crop)
            if len(self.crops) > MAX_CROPS:
                self.crops, self._stride = self.crops[::2], 2 * self._stride
        return sight.opacity

    def _sight(self, frame: Frame) -> Sight:
        opacity, contrast = self._compare(_edge_vectors(frame.crop(self.line)))
        return Sight(frame.index, opacity, contrast, frame.crop(self.crop_box).copy())

    def _compare(self, vectors: np.ndarray) -> tuple[float, float]:
        """Opacity and contrast of the line in (h, w, 2) edge vectors of its size."""
        energy = (self._edges**2).sum(axis=1)
        share = (vectors[self._place] * self._edges).sum(axis=1) / energy
        # Clipped edge by edge: a brighter or busier background makes no line more present.
        opacity = float(np.average(np.clip(share, -1, 1), weights=np.sqrt(energy)))
        return opacity, float(np.average(share, weights=energy))

    def _opacity_nearby(self, crop: np.ndarray) -> float:
        """The best opacity a few px off the line's place."""
        vectors = _edge_vectors(crop)
        home = self.line.shift(-self.crop_box.x, -self.crop_box.y)
        best = 0.0
        for dy in range(-DRIFT_PX, DRIFT_PX + 1):
            for dx in range(-DRIFT_PX, DRIFT_PX + 1):
                rows, columns = home.shift(dx, dy).slices
                part = vectors[max(rows.start, 0) : rows.stop, max(columns.start, 0) : columns.stop]
                if (dx or dy) and part.shape[:2] == self._place.shape:
                    best = max(best, self._compare(part)[0])
        return best


def _at_full_contrast(sights: list[Sight]) -> list[Sight]:
    most = max((s.contrast for s in sights), default=0.0)
    return [s for s in sights if s.contrast > 0.85 * most]


def _visible_count(opacities: list[float], reach: int) -> int:
    """On how many frames a line is visible, going outward from a sure one.

    A cut-off at half of the opacity gives hard ends; from there on the fade is followed down to what
    the place shows without the line.

    Args:
        opacities: Of the sure frame and those beyond it.
        reach: Frames beyond the cut-off by which every fade is over.

    Returns:
        Count, at least 1, of frames from the sure one on.
    """
    count = next((i for i, opacity in enumerate(opacities) if opacity < 0.5), len(opacities))
    count = hard = max(count, 1)
    if count == len(opacities):
        return count
    beyond = opacities[count + reach // 2 : count + reach]
    floor = float(np.median(np.array(beyond or opacities[-1:])))
    noise = max((abs(opacity - floor) for opacity in beyond), default=0.0)
    while (
        count < len(opacities)
        and opacities[count] > floor + max(0.04, 1.5 * noise)
        and opacities[count] < opacities[count - 1] + 0.02
    ):
        count += 1
    # A fade's faintest frame drowns in the noise: take one more.
    return min(count + (count > hard + 1), len(opacities))


def _edge_vectors(crop: np.ndarray) -> np.ndarray:
    """(h, w, 2) float32, derivatives of the luma."""
    luma = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return np.dstack([cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1)])


def _spans_cut(sights: list[Sight], cuts: list[int]) -> bool:
    indices = [s.index for s in sights]
    return any(min(indices) < cut <= max(indices) for cut in cuts)


def _mean_crop(sights: list[Sight]) -> np.ndarray:
    mean: np.ndarray = np.stack([s.crop for s in sights]).astype(np.float32).mean(axis=0)
    return mean

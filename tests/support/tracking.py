"""Follows a drawn line of text through drawn pictures, as the scan does."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from media import DrawnPicture, add_grain, draw_subtitle, draw_texture, fade_subtitle

from subremover.detect.frame import Frame
from subremover.detect.tracking.ends import End, Scene
from subremover.detect.tracking.line_track import LEAST_FRAMES, LineTrack
from subremover.geometry import Box

SIZE = (256, 144)
TEXT = "Good morning"
REACH = 14
RECENT = REACH + 13
"""Frames that the scan keeps to look back at."""


def line_box(text: str = TEXT, size: tuple[int, int] = SIZE) -> Box:
    """What a detector would say of a subtitle."""
    _, mask = draw_subtitle(np.zeros((size[1], size[0], 3), np.uint8), text)
    return Box(*cv2.boundingRect(mask.astype(np.uint8))).grow(3, 3)


def draw_pan(count: int, speed_px: float = 0.0, grain: float = 0.0, seed: int = 0) -> list[np.ndarray]:
    """A camera that moves by so many px a frame, and half of that down."""
    return [_draw_pan_picture(index, speed_px, grain, seed) for index in range(count)]


@cache
def _draw_pan_picture(index: int, speed_px: float, grain: float, seed: int) -> np.ndarray:
    picture = draw_texture(SIZE, (speed_px * index, speed_px * index / 2), seed)
    return add_grain(picture, grain, index) if grain else picture


def fade(first: int, last: int, fade_frames: int = 0) -> dict[int, float]:
    """Opacity by frame of a line that is opaque from first to last, and fades before and after."""
    steps = [(n, n / (fade_frames + 1)) for n in range(1, fade_frames + 1)]
    rise = {first - fade_frames - 1 + n: opacity for n, opacity in steps}
    fall = {last + fade_frames + 1 - n: opacity for n, opacity in steps}
    return rise | dict.fromkeys(range(first, last + 1), 1.0) | fall


def show(pictures: Sequence[np.ndarray], opacities: dict[int, float], text: str = TEXT) -> list[np.ndarray]:
    """The pictures with a line on them."""
    return [fade_subtitle(p, text, opacities[i]) if i in opacities else p for i, p in enumerate(pictures)]


def paint_on(pictures: Sequence[np.ndarray], speed_px: tuple[float, float]) -> list[np.ndarray]:
    """The pictures with a line that moves by so many px a frame, as lettering of the scene does."""
    drawn, mask = draw_subtitle(np.zeros_like(pictures[0]), TEXT)
    painted = []
    for index, picture in enumerate(pictures):
        turn = np.array([[1, 0, speed_px[0] * index], [0, 1, speed_px[1] * index]], np.float32)
        lettering = cv2.warpAffine(drawn, turn, SIZE)
        clear = 255 - cv2.warpAffine(mask.astype(np.uint8) * 255, turn, SIZE)
        ground = cv2.multiply(picture, np.dstack([clear] * 3), scale=1 / 255)
        painted.append(cv2.add(ground, lettering))
    return painted


@dataclass(frozen=True)
class Life:
    """A line that was followed to its end."""

    track: LineTrack
    start: End
    end: End

    @property
    def span(self) -> tuple[int, int]:
        return self.start.frame, self.end.frame

    @property
    def has_passed(self) -> bool:
        """Whether the scan would say that it moves."""
        return self.start.has_drifted or self.end.has_drifted or self.track.sure_count < LEAST_FRAMES


def watch(
    pictures: Iterable[np.ndarray], found: int, line: Box | None = None, cuts: Sequence[int] = ()
) -> Life:
    """Have a line followed until it is gone or the pictures end.

    Args:
        pictures: (H, W, 3) uint8 RGB each.
        found: The frame on which the detector finds it.
        line: The detector's box, by default that of `show`.
        cuts: First frames of shots.
    """
    line = line or line_box()
    scene = Scene([], [line])
    recent: deque[Frame] = deque(maxlen=RECENT)
    track: LineTrack | None = None
    for index, picture in enumerate(pictures):
        recent.append(Frame(index, DrawnPicture(picture)))
        scene.cuts.extend(cut for cut in cuts if cut == index)
        if index == found:
            track = LineTrack(recent[-1], line, REACH, list(recent)[:-1])
        elif track is not None:
            track.follow(recent[-1], scene)
            if track.is_gone:
                break
    assert track is not None
    return Life(track, *track.close(list(recent), scene))

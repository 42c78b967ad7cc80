"""The picture of a sample film: photographs under a moving camera, cuts, something that walks through, grain.

Only the picture; what is written over it is `sample_subtitles`, the files are `make_sample`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
import skimage.data

PHOTOGRAPHS: dict[str, Callable[[], np.ndarray]] = {
    "coffee": skimage.data.coffee,  # CC0, Rachel Michetti
    "astronaut": skimage.data.astronaut,  # public domain, NASA
    "chelsea": skimage.data.chelsea,  # CC0, Stefan van der Walt
    "rocket": skimage.data.rocket,  # public domain, SpaceX
}
"""Those inside scikit-image's wheel that are in colour and free; nothing is fetched."""

CAMERAS = ("pan", "hand", "tripod", "zoom")

WORLD_MARGIN = 1.35
"""A shot's photograph covers this many times the picture, so that the camera has room to move."""

TEXTURE_LEVELS = 5.0
"""Standard deviation of the grass laid over each photograph: enlarged alone, they would be too smooth."""


@dataclass(frozen=True, slots=True)
class Shot:
    """The frames between two cuts, both ends included, and what they show."""

    first: int
    last: int
    photograph: str
    camera: str
    passer: str | None
    """Photograph out of which something is cut that crosses the lower part of the picture."""


def plan_shots(frame_count: int, frames_per_shot: int, seed: int) -> list[Shot]:
    """Shots that together are all frames; photographs and cameras in turn, a passer in every other one."""
    names = list(PHOTOGRAPHS)
    starts = list(range(0, frame_count, frames_per_shot))
    if len(starts) > 1 and frame_count - starts[-1] < frames_per_shot / 2:
        starts.pop()
    shots = []
    for index, first in enumerate(starts):
        last = starts[index + 1] - 1 if index + 1 < len(starts) else frame_count - 1
        turn = index + seed
        passer = names[(turn + 2) % len(names)] if turn % 2 == 0 else None
        # Each round through the photographs starts with another camera, so that all pairs come up.
        camera = CAMERAS[(turn + turn // len(names)) % len(CAMERAS)]
        shots.append(Shot(first, last, names[turn % len(names)], camera, passer))
    return shots


class ShotPainter:
    """Paints the frames of one shot."""

    def __init__(self, shot: Shot, width: int, height: int, frame_rate: Fraction, seed: int) -> None:
        self._shot = shot
        self._size = width, height
        self._frame_rate = frame_rate
        self._world = _make_world(shot.photograph, width, height)
        self._phases = np.random.default_rng([seed, shot.first]).uniform(0, 2 * math.pi, 6)
        self._passer = cut_out(shot.passer, round(0.36 * height)) if shot.passer else None

    def paint(self, frame: int) -> np.ndarray:
        """The picture of one frame of the shot, (H, W, 3) uint8 RGB, without grain."""
        picture = cv2.warpAffine(
            self._world,
            self.camera_matrix(frame),
            self._size,
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        if self._passer is not None:
            self._draw_passer(picture, self._passer, self._share(frame))
        return picture

    @property
    def world_size(self) -> tuple[int, int]:
        """Width and height in px of what the camera moves over."""
        return self._world.shape[1], self._world.shape[0]

    def camera_matrix(self, frame: int) -> np.ndarray:
        """(2, 3): where in the world a pixel of the picture lies."""
        width, height = self._size
        room_px = (WORLD_MARGIN - 1) / 2 * width
        share = self._share(frame)
        seconds = float((frame - self._shot.first) / self._frame_rate)
        dx = dy = angle = 0.0
        scale = 1.0
        if self._shot.camera == "pan":
            dx, dy = 0.85 * room_px * (2 * share - 1), 0.02 * height * math.sin(seconds)
        elif self._shot.camera == "zoom":
            scale = 1.12 - 0.3 * share
        elif self._shot.camera == "hand":
            p = self._phases
            dx = height * (0.020 * math.sin(1.9 * seconds + p[0]) + 0.006 * math.sin(7.3 * seconds + p[1]))
            dy = height * (0.015 * math.sin(2.3 * seconds + p[2]) + 0.005 * math.sin(8.1 * seconds + p[3]))
            angle = 0.010 * math.sin(1.3 * seconds + p[4])
        cos, sin = scale * math.cos(angle), scale * math.sin(angle)
        world_height, world_width = self._world.shape[:2]
        centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
        return np.array(
            [
                [cos, -sin, (world_width - 1) / 2 + dx - cos * centre_x + sin * centre_y],
                [sin, cos, (world_height - 1) / 2 + dy - sin * centre_x - cos * centre_y],
            ]
        )

    def _share(self, frame: int) -> float:
        """How much of the shot is over, 0 to 1."""
        return (frame - self._shot.first) / max(1, self._shot.last - self._shot.first)

    def _draw_passer(self, picture: np.ndarray, passer: np.ndarray, share: float) -> None:
        """Lay the passer over the picture: from left to right along the lower edge, bobbing."""
        width, height = self._size
        size = passer.shape[0]
        left = -size + share * (width + size)
        top = 0.98 * height - size + 0.03 * height * math.sin(9 * share)
        x, y = math.floor(left), math.floor(top)
        shift = np.array([[1.0, 0.0, left - x], [0.0, 1.0, top - y]])
        moved = cv2.warpAffine(passer, shift, (size + 1, size + 1), flags=cv2.INTER_LINEAR)
        rows = slice(max(0, y), min(height, y + size + 1))
        columns = slice(max(0, x), min(width, x + size + 1))
        if columns.start >= columns.stop:
            return
        part = moved[rows.start - y : rows.stop - y, columns.start - x : columns.stop - x]
        alpha = part[..., 3:]
        under = picture[rows, columns].astype(np.float32)
        picture[rows, columns] = np.rint(under + alpha * (part[..., :3] - under)).astype(np.uint8)


def add_grain(picture: np.ndarray, levels: float, seed: int, frame: int) -> np.ndarray:
    """The picture with film grain of that standard deviation, the same in all three channels."""
    if levels <= 0:
        return picture
    noise = np.random.default_rng([seed, frame]).standard_normal(picture.shape[:2], np.float32)
    noise = cv2.GaussianBlur(noise, (3, 3), 0.6)
    noise *= levels / noise.std()
    return cv2.add(picture, cv2.merge([noise] * 3), dtype=cv2.CV_8U)


def _make_world(photograph: str, width: int, height: int) -> np.ndarray:
    """A photograph, textured, large enough for the camera to move over; (h, w, 3) uint8 RGB."""
    photo = _crop(PHOTOGRAPHS[photograph](), width / height)
    size = math.ceil(WORLD_MARGIN * width), math.ceil(WORLD_MARGIN * height)
    is_larger = size[0] > photo.shape[1]
    world = cv2.resize(photo, size, interpolation=cv2.INTER_CUBIC if is_larger else cv2.INTER_AREA)
    grass = skimage.data.grass().astype(np.float32)
    grass = (grass - grass.mean()) * (TEXTURE_LEVELS / grass.std())
    texture = np.tile(grass, (math.ceil(size[1] / grass.shape[0]), math.ceil(size[0] / grass.shape[1])))
    return cv2.add(world, cv2.merge([texture[: size[1], : size[0]]] * 3), dtype=cv2.CV_8U)


def cut_out(photograph: str, size_px: int) -> np.ndarray:
    """The middle of a photograph, cut out round.

    Returns:
        (size, size, 4) float32, RGB in levels and alpha in [0, 1].
    """
    square = _crop(PHOTOGRAPHS[photograph](), 1)
    square = cv2.resize(square, (size_px, size_px), interpolation=cv2.INTER_AREA).astype(np.float32)
    offset = np.arange(size_px, dtype=np.float32) - (size_px - 1) / 2
    radius = np.hypot(offset[:, None], offset[None, :])
    alpha = np.clip(size_px / 2 - 1.5 - radius, 0, 1)  # the last clear px: room to shift
    return np.dstack([square, alpha])


def _crop(photo: np.ndarray, aspect: float) -> np.ndarray:
    """The largest part of that aspect; of tall photographs rather the upper part, where faces are."""
    height, width = photo.shape[:2]
    crop_width, crop_height = min(width, round(height * aspect)), min(height, round(width / aspect))
    left, top = (width - crop_width) // 2, (height - crop_height) // 5
    return photo[top : top + crop_height, left : left + crop_width]

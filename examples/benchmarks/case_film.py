"""What a hard case consists of, and its frames: scenes under a camera, things in them, and what is laid over.

A `Thing` is anything drawn (`case_drawings`), where it goes and when. In a `Scene` it is painted onto the
world, so that the camera moves over it, and gets the film's grain; laid over the film it stands in the
picture to the pixel. The cases themselves are `hard_cases`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from case_drawings import FONTS, CutOut, Plate, Text
from make_sample import SampleFrame
from sample_picture import Shot, ShotPainter, add_grain
from sample_subtitles import Overlay, burn, clip_overlay, move_overlay

USUAL_SIZE = (640, 360)

SCENE_BLUR = 0.0018
"""How a lens softens things in a scene, whose drawn edges are too sharp: standard deviation in heights."""

Kind = Literal["subtitle", "scene", "overlay", "title"]
"""What lettering is to the truth. Only a `subtitle` is to go; `scene` is part of the picture; an `overlay`
(logo, ticker, player) stays, too; a `title` (static credits) may go or stay."""


@dataclass(frozen=True, slots=True)
class Thing:
    """Something drawn, where it is and when."""

    drawing: Text | Plate | CutOut
    path: tuple[tuple[float, float, float], ...]
    """(frame, x, y) of the middle of its upper edge, in picture widths and heights; straight in between."""
    first: int = 0
    last: int = 10**6
    """Last frame on which it shows, included; the film may be over before."""
    fade_frames: tuple[int, int] = (0, 0)
    """On which it is not yet, and no longer, fully there."""
    kind: Kind = "scene"

    @property
    def text(self) -> str:
        """What it says; empty if nothing."""
        return self.drawing.text.strip() if isinstance(self.drawing, Text) else ""

    def opacity(self, frame: int) -> float:
        """0 to 1; above 0 from the first to the last frame."""
        if not self.first <= frame <= self.last:
            return 0.0
        rise, fall = self.fade_frames
        return min(1.0, (frame - self.first + 1) / (rise + 1), (self.last - frame + 1) / (fall + 1))

    def place(self, frame: int) -> tuple[float, float]:
        """Where it is on that frame, in picture widths and heights."""
        frames, xs, ys = zip(*self.path, strict=True)
        return float(np.interp(frame, frames, xs)), float(np.interp(frame, frames, ys))


@dataclass(frozen=True, slots=True)
class Scene:
    """One shot with what stands and moves in it; two that overlap in time dissolve."""

    first: int
    last: int
    photograph: str | None
    """None: black."""
    camera: str = "tripod"
    things: tuple[Thing, ...] = ()
    """From back to front."""
    passer: str | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """What happens to the whole picture before anything is laid over it."""

    grain: float = 2.0
    """Standard deviation in 8-bit levels."""
    is_grey: bool = False
    weave_px: float = 0.0
    """Standard deviation of the picture's jumps in the gate of an old projector."""
    fade_in_frames: int = 0
    """On which the picture comes out of black."""
    flashes: tuple[int, ...] = ()
    """Frames on which it is all white."""
    bars: float = 0.0
    """Height of the black bars above and below, in picture heights."""


COMMON_LOOK = Finish()


@dataclass(frozen=True, slots=True)
class Case:
    """A short film that is hard to scan, with its truth."""

    name: str
    about: str
    """What makes it hard."""
    scenes: tuple[Scene, ...]
    overlays: tuple[Thing, ...]
    """From back to front."""
    finish: Finish = COMMON_LOOK
    size: tuple[int, int] = USUAL_SIZE
    frame_rate: Fraction = Fraction(24000, 1001)

    @property
    def frame_count(self) -> int:
        return self.scenes[-1].last + 1

    @property
    def is_drawable(self) -> bool:
        """Whether all its fonts are there."""
        things = [*self.overlays, *(thing for scene in self.scenes for thing in scene.things)]
        fonts = {thing.drawing.font for thing in things if isinstance(thing.drawing, Text)}
        return all(Path(FONTS[font]).is_file() for font in fonts if font)


def draw_case(case: Case) -> Iterator[SampleFrame]:
    """The frames of a case in order, before encoding."""
    width, height = case.size
    scenes = [ScenePainter(scene, case.size, case.frame_rate) for scene in case.scenes]
    overlays = [(thing, thing.drawing.draw(height)) for thing in case.overlays]
    for frame in range(case.frame_count):
        clean = _develop(_paint_film(scenes, frame), case.finish, frame)
        subbed, mask = clean.copy(), np.zeros((height, width), np.uint8)
        for thing, drawn in overlays:
            overlay = place_overlay(thing, drawn, frame, case.size)
            if overlay is None:
                continue
            opacity, sung = thing.opacity(frame), (frame - thing.first) / max(1, thing.last - thing.first)
            if thing.kind == "subtitle":
                burn(subbed, mask, overlay, opacity, sung)
            else:
                for picture in (clean, subbed):
                    burn(picture, np.zeros_like(mask), overlay, opacity, sung)
        yield SampleFrame(clean, subbed, mask)


def place_overlay(thing: Thing, drawn: Overlay, frame: int, size: tuple[int, int]) -> Overlay | None:
    """What of a thing laid over the film shows on a frame, to the whole pixel; None where nothing does."""
    if not thing.opacity(frame):
        return None
    x, y = thing.place(frame)
    return clip_overlay(move_overlay(drawn, round(x * size[0]), round(y * size[1])), size)


class ScenePainter:
    """Paints the frames of one scene, without grain."""

    def __init__(self, scene: Scene, size: tuple[int, int], frame_rate: Fraction) -> None:
        width, height = size
        self.scene = scene
        self._size = size
        self._painter: ShotPainter | None = None
        if scene.photograph is not None:
            shot = Shot(scene.first, scene.last, scene.photograph, scene.camera, scene.passer)
            self._painter = ShotPainter(shot, width, height, frame_rate, seed=0)
        self._things = [(thing, _premultiplied(thing.drawing.draw(height), height)) for thing in scene.things]

    def paint(self, frame: int) -> np.ndarray:
        """(H, W, 3) uint8, RGB."""
        width, height = self._size
        if self._painter is None:
            picture, camera = np.zeros((height, width, 3), np.uint8), np.eye(2, 3)
            world_width, world_height = self._size
        else:
            picture, camera = self._painter.paint(frame), self._painter.camera_matrix(frame)
            world_width, world_height = self._painter.world_size
        for thing, (dx_px, dy_px, tile) in self._things:
            opacity = thing.opacity(frame)
            if opacity:
                x, y = thing.place(frame)
                left = (world_width - width) / 2 + x * width + dx_px
                top = (world_height - height) / 2 + y * height + dy_px
                to_tile = camera - np.array([[0, 0, left], [0, 0, top]])
                flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
                moved = opacity * cv2.warpAffine(tile, to_tile, self._size, flags=flags)
                picture = np.rint(picture * (1 - moved[..., 3:]) + moved[..., :3]).astype(np.uint8)
        return picture


def _paint_film(scenes: list[ScenePainter], frame: int) -> np.ndarray:
    """One frame of all scenes; where two overlap, the later one comes in evenly."""
    picture: np.ndarray | None = None
    for index, painter in enumerate(scenes):
        scene = painter.scene
        if not scene.first <= frame <= scene.last:
            continue
        painted = painter.paint(frame)
        if picture is None:
            picture = painted
        else:
            overlap = scenes[index - 1].scene.last - scene.first + 1
            share = (frame - scene.first + 1) / (overlap + 1)
            picture = cv2.addWeighted(picture, 1 - share, painted, share, 0)
    if picture is None:
        raise ValueError(f"no scene shows on frame {frame}; let the scenes cover all frames")
    return picture


def _develop(picture: np.ndarray, finish: Finish, frame: int) -> np.ndarray:
    """The picture of a frame, (H, W, 3) uint8 RGB, as it comes out of the laboratory."""
    height, width = picture.shape[:2]
    if finish.is_grey:
        picture = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if finish.weave_px:
        dx, dy = np.random.default_rng([1, frame]).normal(0, finish.weave_px, 2)
        shift = np.array([[1, 0, dx], [0, 1, dy]])
        picture = cv2.warpAffine(picture, shift, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    picture = add_grain(picture, finish.grain, 0, frame)
    if frame < finish.fade_in_frames:
        picture = np.rint(picture * ((frame + 1) / (finish.fade_in_frames + 1))).astype(np.uint8)
    if frame in finish.flashes:
        picture = np.full_like(picture, 255)
    if bar := round(finish.bars * height):
        picture = picture.copy()
        picture[:bar] = picture[-bar:] = 0
    return picture


def _premultiplied(drawn: Overlay, height: int) -> tuple[int, int, np.ndarray]:
    """Where a drawing begins, and (h, w, 4) float32 colour x alpha and alpha in [0, 1], seen by a lens."""
    margin = max(2, math.ceil(4 * SCENE_BLUR * height))
    alpha = drawn.coverage[..., None].astype(np.float32) / 255
    tile = np.concatenate([drawn.colour * alpha, alpha], axis=2)
    tile = cv2.copyMakeBorder(tile, *[margin] * 4, cv2.BORDER_CONSTANT, value=0)
    return drawn.x - margin, drawn.y - margin, cv2.GaussianBlur(tile, (0, 0), SCENE_BLUR * height)

"""Lettering of the scene: boards, painted walls, number plates, shirts and vans that move with it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from camera import Film, follow, measure_blur, measure_grain
from lettering import (
    Colour,
    Ink,
    Patch,
    choose_font,
    draw_board,
    draw_row,
    draw_rows,
    lay_over,
    list_scripts,
    put_on_board,
)
from wordings import SIGNS, choose_script, make_plate_number

DRAWN_LARGER = 2
"""Boards are drawn this much larger than they are seen, and blurred before they are warped."""

SHUTTER = 0.5
"""Share of a frame's time that the camera's shutter is open."""

SIGN_KINDS = {
    **{"board": 5, "painted": 5, "level_painted": 6, "shop": 4, "plate": 2, "poster": 2, "paper": 1},
    **{"shirt": 2, "van": 2},
}
"""How often each is drawn. `level_painted` are letters that look as subtitles do, and stand on a wall."""

BOARD_COLOURS: tuple[tuple[Colour, Colour], ...] = (
    *(((245, 245, 240), (20, 20, 20)), ((25, 60, 140), (250, 250, 250)), ((20, 95, 60), (250, 250, 250))),
    *(((170, 25, 30), (255, 250, 240)), ((250, 205, 40), (15, 15, 15)), ((30, 30, 32), (240, 240, 235))),
    *(((110, 75, 45), (250, 235, 200)), ((230, 220, 195), (90, 30, 25)), ((40, 40, 45), (250, 210, 60))),
)
"""Board and letters."""

PAINT_COLOURS: tuple[Colour, ...] = (
    (250, 250, 248),
    (250, 250, 248),
    (25, 25, 28),
    (190, 30, 35),
    (245, 215, 70),
)


@dataclass(frozen=True, slots=True, eq=False)
class Lettering:
    """Something written that is drawn into a film."""

    kind: str
    text: str
    first: int
    last: int
    """Frames on which it may be seen, both included."""
    draw: Callable[[int, np.ndarray], Patch | None]
    """From a frame's index and its picture so far, (H, W, 3) uint8 RGB, to what is laid over it."""


@dataclass(slots=True, eq=False)
class SceneObject:
    """A flat drawing that moves with a part of the scene."""

    image: np.ndarray
    """(h, w, 4) float32, larger than it is seen: coverage from 0 to 1, and colours times that."""
    path: list[np.ndarray]
    """(3, 3) for each frame of the shot, from the drawing's px to the picture's."""
    first: int
    """First frame of the shot."""
    blur_px: float
    grain: float
    light: float
    """Brightness of the picture around it that leaves its colours as they are."""
    is_painted: bool
    """The surface under the letters shows through."""
    covered: list[np.ndarray] = field(default_factory=list)
    """(H, W) uint8 for each frame, 255 where something passes before it; empty: nothing does."""

    def draw(self, frame: int, picture: np.ndarray) -> Patch | None:
        """It as this frame's camera sees it."""
        at = frame - self.first
        matrix = self.path[at]
        corners = _project(matrix, _corners(self.image))
        height, width = picture.shape[:2]
        step = corners.mean(0) - _project(self.path[max(0, at - 1)], _corners(self.image)).mean(0)
        margin = 4 + np.abs(step).max()
        left, top = (int(v) for v in np.floor(np.maximum(corners.min(0) - margin, 0)))
        right, bottom = (int(v) for v in np.ceil(np.minimum(corners.max(0) + margin, (width, height))))
        if right - left < 2 or bottom - top < 2:
            return None
        larger = np.sqrt(_area(_corners(self.image)) / max(_area(corners), 1))
        drawn = cv2.GaussianBlur(self.image, (0, 0), max(0.3, self.blur_px * larger, 0.45 * larger))
        into = np.float64([[1, 0, -left], [0, 1, -top], [0, 0, 1]]) @ matrix
        seen = cv2.warpPerspective(drawn, into, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
        seen = _smear(seen, SHUTTER * step)
        alpha = seen[..., 3]
        colour = seen[..., :3] / np.maximum(alpha, 1e-4)[..., None]
        colour = self._light(colour, picture[top:bottom, left:right])
        colour += np.random.default_rng([frame, left, top]).normal(0, self.grain, (*alpha.shape, 1))
        if self.covered:
            alpha = alpha * (1 - self.covered[at][top:bottom, left:right] / 255)
        levels = np.concatenate([colour, 255 * alpha[..., None]], axis=-1)
        return Patch(np.rint(np.clip(levels, 0, 255)).astype(np.uint8), left, top)

    def _light(self, colour: np.ndarray, below: np.ndarray) -> np.ndarray:
        """Colours in the light that falls there; what is painted keeps the relief of its wall."""
        luma = cv2.cvtColor(below, cv2.COLOR_RGB2GRAY).astype(np.float32)
        smooth = cv2.GaussianBlur(luma, (0, 0), 2 + 0.2 * min(luma.shape))
        shade = np.clip((smooth / self.light) ** 0.6, 0.3, 1.15)
        if self.is_painted:
            shade = shade * np.clip(luma / np.maximum(smooth, 8), 0.75, 1.2)
        return colour * shade[..., None]


def draw_signs(rng: random.Random, film: Film) -> list[Lettering]:
    """One to three things with lettering in each of one or two shots of a film."""
    shots = [shot for shot in film.shots if shot[1] - shot[0] >= 8] or film.shots[:1]
    signs = []
    for shot in rng.sample(shots, min(len(shots), rng.choice((1, 1, 2, 3)))):
        frames = film.frames[shot[0] : shot[1] + 1]
        camera = follow(frames)
        for _ in range(rng.choice((1, 1, 2, 3))):
            signs.append(_put_into_shot(rng, film, shot, camera))
    return signs


def _put_into_shot(
    rng: random.Random, film: Film, shot: tuple[int, int], camera: list[np.ndarray]
) -> Lettering:
    kind = rng.choices(list(SIGN_KINDS), list(SIGN_KINDS.values()))[0]
    width, height = film.size
    frames = film.frames[shot[0] : shot[1] + 1]
    text, image = _draw_thing(rng, kind, width, height)
    key = rng.randrange(len(frames))
    corners = _place(rng, kind, image, width, height)
    if kind == "shirt":
        left, top = corners.min(0).round().astype(int)
        right, bottom = corners.max(0).round().astype(int)
        key, camera = 0, follow(frames, (left, top, right - left, bottom - top))
    into_key = cv2.getPerspectiveTransform(_corners(image).astype(np.float32), corners.astype(np.float32))
    from_key = [matrix @ np.linalg.inv(camera[key]) for matrix in camera]
    if kind == "van":
        from_key = [
            _drive(rng_step, matrix)
            for rng_step, matrix in zip(_ride(rng, len(frames), width), from_key, strict=True)
        ]
    blur = float(np.median([measure_blur(frame) for frame in frames[:: max(1, len(frames) // 5)]]))
    around = cv2.cvtColor(frames[key], cv2.COLOR_RGB2GRAY)
    thing = SceneObject(
        _premultiply(image),
        [matrix @ into_key for matrix in from_key],
        shot[0],
        blur * rng.choice((1, 1, 1.2, 1.6)),
        measure_grain(frames[key]),
        max(60.0, float(np.quantile(around, 0.8)) * rng.uniform(0.75, 1.1)),
        "painted" in kind or kind == "shirt",
    )
    if kind != "van" and rng.random() < 0.7:
        thing.covered = _find_passers(frames, from_key, corners)
    return Lettering(kind, text, shot[0], shot[1], thing.draw)


def _draw_thing(rng: random.Random, kind: str, width: int, height: int) -> tuple[str, np.ndarray]:
    """What is written, and the drawing, `DRAWN_LARGER` times the size at which it is seen."""
    script = choose_script(rng, list_scripts())
    font = choose_font(rng, script)
    small = min(width, height)
    size = DRAWN_LARGER * small * rng.choice((0.035, 0.05, 0.065, 0.085, 0.12))
    board, letters = rng.choice(BOARD_COLOURS)
    words = [rng.choice(SIGNS[script]) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
    if kind == "plate":
        words = [make_plate_number(rng)]
        board, letters = rng.choice((((240, 240, 240), (10, 10, 10)), ((250, 205, 40), (10, 10, 10))))
        size = DRAWN_LARGER * small * rng.uniform(0.03, 0.06)
        font = choose_font(rng, "hans" if words[0][0] == "京" else "latin")
    if kind == "level_painted":
        words = [" ".join(words[:2])] if rng.random() < 0.6 else words[:2]
        size = DRAWN_LARGER * small * rng.uniform(0.045, 0.1)
    if "painted" in kind or kind == "shirt":
        letters = rng.choice(PAINT_COLOURS)
    outline = rng.choice((0, 0, 0, 0.04)) * size if kind in ("shop", "painted") else 0
    ink = Ink(letters, rng.choice(BOARD_COLOURS)[0], outline, 0, rng.uniform(0.85, 1))
    rows = [
        draw_row(word, font, size * (1 if index == 0 else rng.uniform(0.6, 1)), ink)
        for index, word in enumerate(words)
    ]
    image = draw_rows(rows, 0.35 * size, rng.choice(("center", "center", "left")))
    widest = DRAWN_LARGER * width * (0.85 if kind in ("level_painted", "shop") else 0.6)
    if image.shape[1] > widest:
        image = cv2.resize(
            image, None, fx=widest / image.shape[1], fy=widest / image.shape[1], interpolation=cv2.INTER_AREA
        )
    if kind in ("board", "plate", "paper", "shop", "poster"):
        image = _finish_board(rng, kind, image, (board, letters), size)
    if kind == "van":
        image = _draw_van(rng, image, size)
    # A transparent rim, so that blurring reaches past the edge.
    return "\n".join(words), np.pad(image, ((8, 8), (8, 8), (0, 0)))


def _finish_board(
    rng: random.Random, kind: str, image: np.ndarray, colours: tuple[Colour, Colour], size: float
) -> np.ndarray:
    """The board that the letters stand on, its rim, and a poster's picture."""
    board, letters = colours
    if kind == "paper":
        board = (245, 243, 235)
    pad = (size * rng.uniform(0.3, 0.9), size * rng.uniform(0.2, 0.6))
    if kind == "shop":
        pad = (size * rng.uniform(0.8, 4), size * rng.uniform(0.2, 0.5))
    corner = rng.choice((0, 0, 0.15, 0.3)) * size
    image = put_on_board(image, board, pad, 1, corner)
    if kind == "poster":
        tall = draw_board(image.shape[1], round(image.shape[1] * rng.uniform(0.8, 1.5)), board)
        middle = draw_board(
            round(0.86 * tall.shape[1]), round(0.6 * tall.shape[0]), rng.choice(BOARD_COLOURS)[0]
        )
        tall = lay_over(tall, middle, round(0.07 * tall.shape[1]), round(0.05 * tall.shape[0]))
        return np.vstack([tall, image]) if rng.random() < 0.5 else np.vstack([image, tall])
    if kind in ("board", "plate") and rng.random() < 0.6:
        rim = round(0.06 * size) + 1
        image = put_on_board(image, letters, (rim, rim), 1, corner + rim)
    return image


def _draw_van(rng: random.Random, image: np.ndarray, size: float) -> np.ndarray:
    """The side of a van with the letters on it."""
    body = rng.choice(((235, 235, 235), (30, 60, 130), (190, 40, 40), (240, 190, 40), (60, 60, 64)))
    van = put_on_board(image, body, (1.6 * size, 1.1 * size), 1, 0.5 * size)
    height, width = van.shape[:2]
    glass = draw_board(round(0.16 * width), round(0.36 * height), (30, 36, 42), 1, 0.2 * size)
    van = lay_over(van, glass, round(0.82 * width), round(0.12 * height))
    radius = round(0.17 * height)
    van = np.vstack([van, np.zeros((radius, width, 4), np.uint8)])
    wheel = draw_board(2 * radius, 2 * radius, (22, 22, 22), 1, radius)
    for place in (0.16, 0.8):
        van = lay_over(van, wheel, round(place * width) - radius, height - radius)
    return van


def _place(rng: random.Random, kind: str, image: np.ndarray, width: int, height: int) -> np.ndarray:
    """(4, 2): where the corners of a drawing stand in the key frame, clockwise from the upper left one."""
    w, h = image.shape[1] / DRAWN_LARGER, image.shape[0] / DRAWN_LARGER
    x, y = width * rng.uniform(0.15, 0.85), height * rng.uniform(0.12, 0.9)
    is_level = kind in ("level_painted", "van") or rng.random() < 0.3
    if kind == "level_painted":
        x, y = (
            width * (0.5 + rng.choice((0, 0.02, rng.uniform(-0.2, 0.2)))),
            height * rng.choice((0.86, 0.8, 0.72, 0.5, 0.12)),
        )
    if kind == "shirt":
        x, y = width * rng.uniform(0.35, 0.65), height * rng.uniform(0.6, 0.85)
    if kind == "van":
        x, y = width * 0.5, height * rng.uniform(0.55, 0.85)
    corners = np.float64([[-w, -h], [w, -h], [w, h], [-w, h]]) / 2
    if not is_level:
        tilt = np.radians(rng.choice((rng.gauss(0, 4), rng.gauss(0, 12))))
        turn = np.float64([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
        far = 1 - np.float64([rng.uniform(0, 0.35), rng.uniform(0, 0.25)])
        if rng.random() < 0.5:
            corners[[0, 3]] *= far
        else:
            corners[[1, 2]] *= far
        corners[:, 0] *= rng.uniform(0.6, 1)
        corners = corners @ turn.T
    return corners + np.float64([x, y])


def _ride(rng: random.Random, count: int, width: int) -> list[float]:
    """How far something that drives by stands from the middle of the picture, in px, by frame."""
    speed = rng.choice((-1, 1)) * width * rng.uniform(0.004, 0.02)
    middle = count * rng.uniform(0.3, 0.7)
    return [speed * (frame - middle) for frame in range(count)]


def _drive(shift: float, matrix: np.ndarray) -> np.ndarray:
    return matrix @ np.float64([[1, 0, shift], [0, 1, 0], [0, 0, 1]])


def _find_passers(
    frames: list[np.ndarray], from_key: list[np.ndarray], corners: np.ndarray
) -> list[np.ndarray]:
    """Where, on each frame, something stands before the place of a board that is not there most of the time.

    (H, W) uint8 each, 255 = covered. Empty if much of the place changes: a board would only flicker.
    """
    left, top = np.floor(corners.min(0)) - 8
    width, height = (np.ceil(np.ptp(corners, axis=0)) + 16).astype(int)
    scale = min(1.0, 96 / max(width, height))
    size = max(4, round(width * scale)), max(4, round(height * scale))
    inward = np.float64([[scale, 0, -left * scale], [0, scale, -top * scale], [0, 0, 1]])
    views = []
    for frame, matrix in zip(frames, from_key, strict=True):
        view = cv2.warpPerspective(
            frame, inward @ np.linalg.inv(matrix), size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
        )
        views.append(cv2.GaussianBlur(view, (0, 0), 1.5).astype(np.int16))
    usual = np.median(views, axis=0)
    changed = [(np.abs(view - usual).max(-1) > 26).astype(np.uint8) for view in views]
    if not 0 < np.mean(changed) < 0.3:
        return []
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    covered = []
    for frame, matrix, change in zip(frames, from_key, changed, strict=True):
        solid = cv2.morphologyEx(cv2.morphologyEx(change, cv2.MORPH_CLOSE, ellipse), cv2.MORPH_OPEN, ellipse)
        soft = cv2.GaussianBlur(255 * _keep_what_reaches_in(solid), (0, 0), 1)
        outward = matrix @ np.linalg.inv(inward)
        covered.append(cv2.warpPerspective(soft, outward, frame.shape[1::-1], flags=cv2.INTER_LINEAR))
    return covered


def _keep_what_reaches_in(mask: np.ndarray) -> np.ndarray:
    """The parts of a mask, (h, w) uint8, that touch its edge: what passes comes from somewhere."""
    _, labels = cv2.connectedComponents(mask)
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    return (np.isin(labels, edge) & (labels > 0)).astype(np.uint8)


def _smear(image: np.ndarray, step: np.ndarray) -> np.ndarray:
    """An image as a shutter sees it that is open while it moves by `step` px."""
    length = float(np.hypot(*step))
    if length < 1:
        return image
    size = 2 * int(np.ceil(length / 2)) + 1
    kernel = np.zeros((size, size), np.float32)
    middle = size // 2
    for part in np.linspace(-0.5, 0.5, 4 * size):
        x, y = middle + part * step
        kernel[round(float(y)), round(float(x))] += 1
    return cv2.filter2D(image, -1, kernel / kernel.sum())


def _premultiply(image: np.ndarray) -> np.ndarray:
    """(h, w, 4) float32, coverage from 0 to 1 and colours times that."""
    alpha = image[..., 3:].astype(np.float32) / 255
    return np.concatenate([image[..., :3] * alpha, alpha], axis=-1)


def _corners(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    return np.float64([[0, 0], [width, 0], [width, height], [0, height]])


def _project(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return cv2.perspectiveTransform(points[None], matrix)[0]


def _area(corners: np.ndarray) -> float:
    return float(cv2.contourArea(corners.astype(np.float32)))

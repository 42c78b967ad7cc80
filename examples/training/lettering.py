"""Lettering as small pictures with transparency: fonts of this machine, rows of text, boards behind them.

What is drawn where in a film, and how it moves, is not known here.
"""

from __future__ import annotations

import functools
import random
import subprocess
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from wordings import SCRIPT_WEIGHTS

Colour = tuple[int, int, int]

LANGUAGES = {
    **{
        "latin": "cs",
        "hans": "zh-cn",
        "ja": "ja",
        "ko": "ko",
        "cyr": "ru",
        "el": "el",
        "ar": "ar",
        "he": "he",
    },
    **{"th": "th", "hi": "hi"},
}
"""A language of each script, as fontconfig names it; a font that has Czech has all Latin letters in use."""

TOO_THIN = ("Thin", "Hairline", "ExtraLight", "Extra Light")
"""Styles whose strokes vanish at the sizes of a film."""

DRAWN_LARGER = 3
"""Lettering is drawn this much larger and then reduced, so that outlines may have any width."""


@dataclass(frozen=True, slots=True)
class Font:
    """A font file of this machine."""

    path: Path
    index: int
    family: str
    style: str

    def load(self, size_px: float) -> ImageFont.FreeTypeFont:
        return ImageFont.truetype(self.path, max(4, size_px), index=self.index)


@dataclass(frozen=True, slots=True)
class Ink:
    """How letters are coloured."""

    fill: Colour = (255, 255, 255)
    outline: Colour = (0, 0, 0)
    outline_px: float = 0
    shadow_px: float = 0
    """Offset of a black shadow, down and to the right."""
    opacity: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A drawing and where its upper left corner stands in the picture, in px."""

    image: np.ndarray
    """(h, w, 4) uint8, RGB and coverage, straight alpha."""
    x: int
    y: int

    def box(self, width: int, height: int) -> list[int] | None:
        """[x, y, w, h] of what can be seen of it in a picture; None if nothing can."""
        mask = self.image[..., 3] > 8
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if not len(rows):
            return None
        left, right = max(0, self.x + columns[0]), min(width, self.x + columns[-1] + 1)
        top, bottom = max(0, self.y + rows[0]), min(height, self.y + rows[-1] + 1)
        if left >= right or top >= bottom:
            return None
        return [int(left), int(top), int(right - left), int(bottom - top)]


@functools.cache
def find_fonts(script: str) -> dict[str, list[Font]]:
    """Families that have a script's letters, each with its styles, in a fixed order; {} without any."""
    query = [f":lang={LANGUAGES[script]}", "--format", "%{file}|%{index}|%{family[0]}|%{style[0]}\n"]
    listed = subprocess.run(["fc-list", *query], check=True, capture_output=True, text=True).stdout
    asian = (
        {family for other in ("hans", "ja") for family in find_fonts(other)}
        if script in ("latin", "cyr", "el")
        else ()
    )
    fonts: dict[str, list[Font]] = {}
    for line in sorted(set(listed.splitlines())):
        path, index, family, style = line.split("|")
        is_odd = family in asian or "Math" in family or any(word in style for word in TOO_THIN)
        if int(index) < 1 << 16 and not is_odd and path.endswith(("f", "c")):
            fonts.setdefault(family, []).append(Font(Path(path), int(index), family, style))
    return fonts


def list_scripts() -> list[str]:
    """Scripts for which this machine has fonts."""
    return [script for script in SCRIPT_WEIGHTS if find_fonts(script)]


def choose_font(rng: random.Random, script: str, is_fixed: bool = False) -> Font:
    """Any font of a script; `is_fixed`: one whose letters are all equally wide, if there is one."""
    fonts = find_fonts(script)
    fixed = [family for family in fonts if "Mono" in family or "Courier" in family]
    return rng.choice(fonts[rng.choice(fixed if is_fixed and fixed else list(fonts))])


def draw_row(text: str, font: Font, size_px: float, ink: Ink) -> np.ndarray:
    """One row of text on nothing, (h, w, 4) uint8, cut to what is drawn and a pixel around it."""
    scale = DRAWN_LARGER
    loaded = font.load(round(size_px * scale))
    stroke = round(ink.outline_px * scale)
    shadow = round(ink.shadow_px * scale)
    left, top, right, bottom = loaded.getbbox(text, stroke_width=stroke)
    pad = 2 * scale
    size = int(right - left) + shadow + 2 * pad, int(bottom - top) + shadow + 2 * pad
    origin = pad - left, pad - top

    def cover(stroke_px: int, offset: int = 0) -> np.ndarray:
        canvas = Image.new("L", size)
        place = origin[0] + offset, origin[1] + offset
        ImageDraw.Draw(canvas).text(place, text, 255, loaded, stroke_width=stroke_px)
        return _reduce(np.asarray(canvas, np.float32) / 255, scale)

    layers = [((0, 0, 0), cover(stroke, shadow))] if shadow else []
    layers += [(ink.outline, cover(stroke))] if stroke else []
    layers += [(ink.fill, cover(0))]
    colour = np.zeros((*layers[0][1].shape, 3), np.float32)
    alpha = np.zeros(layers[0][1].shape, np.float32)
    for tint, coverage in layers:
        colour = colour * (1 - coverage[..., None]) + np.float32(tint) * coverage[..., None]
        alpha = alpha + coverage - alpha * coverage
    straight = colour / np.maximum(alpha, 1e-6)[..., None]
    return _pack(straight, alpha * ink.opacity)


def draw_rows(rows: list[np.ndarray], gap_px: float, align: str = "center") -> np.ndarray:
    """Drawn rows under each other, (h, w, 4) uint8."""
    width = max(row.shape[1] for row in rows)
    height = sum(row.shape[0] for row in rows) + round(gap_px) * (len(rows) - 1)
    sheet = np.zeros((height, width, 4), np.uint8)
    y = 0
    for row in rows:
        x = {"left": 0, "center": (width - row.shape[1]) // 2, "right": width - row.shape[1]}[align]
        sheet[y : y + row.shape[0], x : x + row.shape[1]] = row
        y += row.shape[0] + round(gap_px)
    return sheet


def put_on_board(
    drawn: np.ndarray, colour: Colour, pad_px: tuple[float, float], opacity: float = 1, round_px: float = 0
) -> np.ndarray:
    """A drawing in the middle of a board, (h, w, 4) uint8; `pad_px`: left and right, above and below."""
    pad_x, pad_y = (max(1, round(pad)) for pad in pad_px)
    board = draw_board(drawn.shape[1] + 2 * pad_x, drawn.shape[0] + 2 * pad_y, colour, opacity, round_px)
    return lay_over(board, drawn, pad_x, pad_y)


def draw_board(
    width: int, height: int, colour: Colour, opacity: float = 1, round_px: float = 0
) -> np.ndarray:
    """A rectangle of one colour, (height, width, 4) uint8, its corners rounded."""
    canvas = Image.new("L", (2 * width, 2 * height))
    corners = (0, 0, 2 * width - 1, 2 * height - 1)
    ImageDraw.Draw(canvas).rounded_rectangle(corners, 2 * round_px, 255)
    alpha = _reduce(np.asarray(canvas, np.float32) / 255, 2)
    return _pack(np.full((height, width, 3), colour, np.float32), alpha * opacity)


def lay_over(below: np.ndarray, above: np.ndarray, x: int, y: int) -> np.ndarray:
    """A drawing over another one, both (h, w, 4) uint8; what sticks out of the lower one is cut off."""
    result = below.copy()
    height, width = below.shape[:2]
    left, top, right, bottom = (
        max(0, x),
        max(0, y),
        min(width, x + above.shape[1]),
        min(height, y + above.shape[0]),
    )
    if left >= right or top >= bottom:
        return result
    part = above[top - y : bottom - y, left - x : right - x].astype(np.float32)
    under = below[top:bottom, left:right].astype(np.float32)
    upper, lower = part[..., 3:] / 255, under[..., 3:] / 255
    alpha = upper + lower - upper * lower
    colour = (part[..., :3] * upper + under[..., :3] * lower * (1 - upper)) / np.maximum(alpha, 1e-6)
    result[top:bottom, left:right] = _pack(colour, alpha[..., 0])
    return result


def fade(drawn: np.ndarray, opacity: float) -> np.ndarray:
    """The same, less opaque."""
    faded = drawn.copy()
    faded[..., 3] = np.rint(faded[..., 3] * np.clip(opacity, 0, 1))
    return faded


def fit_row(text: str, font: Font, size_px: float, ink: Ink, width_px: float) -> np.ndarray:
    """A row of text, drawn smaller where it would be wider than `width_px`."""
    drawn = draw_row(text, font, size_px, ink)
    if drawn.shape[1] <= width_px:
        return drawn
    return draw_row(text, font, size_px * width_px / drawn.shape[1], ink)


def _reduce(coverage: np.ndarray, scale: int) -> np.ndarray:
    height, width = coverage.shape[0] // scale, coverage.shape[1] // scale
    return cv2.resize(
        coverage[: height * scale, : width * scale], (width, height), interpolation=cv2.INTER_AREA
    )


def _pack(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """(h, w, 4) uint8 of colour in levels and alpha from 0 to 1."""
    levels = np.concatenate([colour, 255 * alpha[..., None]], axis=-1)
    return np.rint(np.clip(levels, 0, 255)).astype(np.uint8)

"""Subtitles for sample films: styles, the drawing of a line, and burning it in with its exact coverage.

Drawn by Pillow with the font that its wheel carries, so that a sample is the same on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Font = ImageFont.FreeTypeFont

WHITE, BLACK, YELLOW, BLUE = (255, 255, 255), (0, 0, 0), (255, 225, 40), (70, 160, 255)

TEXTS = (
    "Where did you leave the car?",
    "I never said that it was mine.",
    "Somebody has to tell him.",
    "We should have left at noon.",
    "Quiet! They can hear us.",
    "It is only the wind, my dear.",
)
SECOND_LINES = ("- Not today, and not by me.", "- You know what I think of it.")


@dataclass(frozen=True, slots=True)
class Style:
    """How a subtitle looks and moves."""

    fill: Colour = WHITE
    outline: float = 0.0
    """Width in font sizes, as those of shadow and bold."""
    shadow: float = 0.0
    """Offset of a shadow, down and to the right."""
    bold: float = 0.0
    glow: float = 0.0
    """Standard deviation of a soft halo."""
    edge: Colour = BLACK
    """Of outline, shadow and glow."""
    italic: float = 0.0
    """How far the letters lean to the right, in their heights."""
    box: Colour = BLACK
    box_alpha: float = 0.0
    """Opacity of a box behind the text."""
    sung: Colour | None = None
    """Karaoke: the fill's colour as it sweeps over the line."""
    fade_seconds: float = 0.0
    line_count: int = 1
    at_top: bool = False
    whole_film: bool = False


STYLES: dict[str, Style] = {
    "white": Style(outline=0.09),
    "yellow": Style(fill=YELLOW, bold=0.03, outline=0.05, shadow=0.09),
    "box": Style(box_alpha=0.62),
    "fade": Style(outline=0.08, shadow=0.05, fade_seconds=0.4),
    "karaoke": Style(outline=0.09, sung=BLUE),
    "lines": Style(outline=0.07, line_count=2),
    "plain": Style(),
    "top": Style(outline=0.09, at_top=True),
    "always": Style(outline=0.06, whole_film=True),
}

FONT_SHARE = 0.062
"""Font size in picture heights."""

LINE_SPACING = 1.25
"""From line to line, in font sizes."""


@dataclass(frozen=True, slots=True)
class Event:
    """One subtitle on screen, from its first to its last frame, both included."""

    first: int
    last: int
    style: str
    text: str

    def opacity(self, frame: int, frame_rate: Fraction) -> float:
        """0 to 1; above 0 on every frame of the event."""
        fade_frames = round(STYLES[self.style].fade_seconds * frame_rate)
        inside = min(frame - self.first, self.last - frame) + 1
        return min(1.0, inside / (fade_frames + 1))

    def sung_share(self, frame: int) -> float:
        """How much of the line a karaoke sweep has passed, 0 to 1."""
        return (frame - self.first) / max(1, self.last - self.first)


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """A drawn subtitle, where it stands in the picture."""

    x: int
    y: int
    colour: np.ndarray
    """(h, w, 3) float32, RGB in levels."""
    sung_colour: np.ndarray
    """(h, w, 3) float32, the same once sung; equal to `colour` in all styles but karaoke."""
    coverage: np.ndarray
    """(h, w) uint8, how much of the picture it hides; 255 = all."""


def plan_events(
    styles: tuple[str, ...], frame_count: int, frames_per_event: int, frames_between: int
) -> list[tuple[int, int, str]]:
    """(first, last, style) of each event: styles in turn, and those that stay on for the whole film."""
    always = [style for style in styles if STYLES[style].whole_film]
    turns = [style for style in styles if not STYLES[style].whole_film]
    events = [(0, frame_count - 1, style) for style in always]
    first = frames_between
    while turns and first + frames_per_event // 2 <= frame_count:
        last = min(first + frames_per_event, frame_count) - 1
        events.append((first, last, turns[(len(events) - len(always)) % len(turns)]))
        first = last + 1 + frames_between
    return sorted(events)


def load_font(height: int, path: Path | None) -> Font:
    """The font for a picture of this height: the file's, or Pillow's own."""
    size = max(9, round(FONT_SHARE * height))
    if path is not None:
        return ImageFont.truetype(str(path), size)
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("this Pillow was built without FreeType; install Pillow's wheel")
    return font


def choose_text(index: int, style: Style, font: Font, width: int) -> str:
    """The index-th text, with words left out at the end until it fits a picture of this width."""
    lines = [TEXTS[index % len(TEXTS)], *([SECOND_LINES[index % len(SECOND_LINES)]] * (style.line_count - 1))]
    return "\n".join(_shorten(line, font, 0.92 * width) for line in lines)


def draw_overlay(text: str, style: Style, font: Font, size: tuple[int, int], lift: float = 0) -> Overlay:
    """A text drawn in a style for a picture of size (width, height), raised by `lift` font sizes."""
    width, height = size
    left, top, right, bottom = _measure(text, font)
    x = round((width - left - right) / 2)
    y = round(0.05 * height - top) if style.at_top else round(0.95 * height - bottom - lift * font.size)
    overlay = clip_overlay(move_overlay(draw_lettering(text, style, font), x, y), size)
    if overlay is None:
        raise ValueError(f"{text!r} is outside a picture of {width}x{height} px; shorten it")
    return overlay


def draw_lettering(text: str, style: Style, font: Font) -> Overlay:
    """A text drawn in a style, as if the middle of its first line's upper edge stood at (0, 0)."""
    left, top, right, bottom = _measure(text, font)
    grow = style.bold + style.outline + style.shadow + 3 * style.glow + (0.5 if style.box_alpha else 0)
    margin = math.ceil(grow * font.size + style.italic * (bottom - top)) + 2
    size = math.ceil(right - left) + 2 * margin, math.ceil(bottom - top) + 2 * margin
    origin_x, origin_y = margin - math.floor(left), margin - math.floor(top)

    def shape(grow: float, shift: float = 0) -> np.ndarray:
        """(h, w) float32 coverage in [0, 1] of the text, grown and shifted by shares of the font's size."""
        layer, offset = Image.new("L", size), round(shift * font.size)
        canvas = ImageDraw.Draw(layer)
        for y, line in _lay_out(text, font):
            place = origin_x + offset, origin_y + y + offset
            canvas.text(place, line, 255, font, "ma", stroke_width=grow * font.size)
        if style.italic:
            lean = (1, style.italic, -style.italic * (origin_y + bottom), 0, 1, 0)
            layer = layer.transform(size, Image.Transform.AFFINE, lean, Image.Resampling.BICUBIC)
        return np.asarray(layer, np.float32) / 255

    layers: list[tuple[Colour, np.ndarray]] = []
    if style.box_alpha:
        box, pad = np.zeros(size[::-1], np.float32), round(0.25 * font.size)
        rows = slice(margin - pad, size[1] - margin + pad)
        box[rows, margin - 2 * pad : size[0] - margin + 2 * pad] = style.box_alpha
        layers.append((style.box, box))
    if style.glow:
        halo = cv2.GaussianBlur(shape(style.bold + style.glow), (0, 0), style.glow * font.size)
        layers.append((style.edge, halo))
    if style.shadow:
        layers.append((style.edge, 0.8 * shape(style.bold + style.outline, style.shadow)))
    if style.outline:
        layers.append((style.edge, shape(style.bold + style.outline)))
    fill = shape(style.bold)
    colour, alpha = _stack([*layers, (style.fill, fill)])
    sung_colour, _ = _stack([*layers, (style.sung or style.fill, fill)])
    coverage = np.rint(255 * alpha).astype(np.uint8)
    rows, columns = (np.flatnonzero(coverage.any(axis=axis)) for axis in (1, 0))
    inside = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    x, y = int(columns[0]) - origin_x, int(rows[0]) - origin_y
    return Overlay(x, y, colour[inside], sung_colour[inside], coverage[inside])


def move_overlay(overlay: Overlay, dx_px: int, dy_px: int) -> Overlay:
    """The same, further right and down."""
    return replace(overlay, x=overlay.x + dx_px, y=overlay.y + dy_px)


def clip_overlay(overlay: Overlay, size: tuple[int, int]) -> Overlay | None:
    """The part inside a picture of size (width, height); None where there is none."""
    height, width = overlay.coverage.shape
    x, y = max(0, overlay.x), max(0, overlay.y)
    right, bottom = min(size[0], overlay.x + width), min(size[1], overlay.y + height)
    if right <= x or bottom <= y:
        return None
    inside = slice(y - overlay.y, bottom - overlay.y), slice(x - overlay.x, right - overlay.x)
    return Overlay(x, y, *(part[inside] for part in (overlay.colour, overlay.sung_colour, overlay.coverage)))


def burn(picture: np.ndarray, mask: np.ndarray, overlay: Overlay, opacity: float, sung_share: float) -> None:
    """Blend an overlay into the picture and note in the mask what it covers; both in place.

    The blend uses the very 8-bit coverage that the mask keeps: where that is 0, no sample has changed.

    Args:
        picture: (H, W, 3) uint8, RGB.
        mask: (H, W) uint8.
        overlay: What to lay over it.
        opacity: 0 to 1, for fades.
        sung_share: 0 to 1, how much of the line's width already has the second colour.
    """
    height, width = overlay.coverage.shape
    place = slice(overlay.y, overlay.y + height), slice(overlay.x, overlay.x + width)
    coverage = np.rint(opacity * overlay.coverage).astype(np.uint8)
    sung = np.arange(width)[None, :, None] < sung_share * width
    colour = np.where(sung, overlay.sung_colour, overlay.colour)
    under = picture[place].astype(np.float32)
    alpha = coverage[..., None].astype(np.float32) / 255
    picture[place] = np.rint(under + alpha * (colour - under)).astype(np.uint8)
    mask[place] = np.maximum(mask[place], coverage)


def _lay_out(text: str, font: Font) -> Iterator[tuple[int, str]]:
    """How far each line is below the first, in px, and the line.

    Pillow's own lines stand further apart the wider their stroke is: outline and fill would not match.
    """
    for index, line in enumerate(text.split("\n")):
        yield round(LINE_SPACING * index * font.size), line


def _measure(text: str, font: Font) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a text's ink, seen from the middle of its first line's upper edge."""
    canvas = ImageDraw.Draw(Image.new("L", (1, 1)))
    boxes = np.array([canvas.textbbox((0, y), line, font, "ma") for y, line in _lay_out(text, font) if line])
    return (*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())


def _shorten(line: str, font: Font, width_px: float) -> str:
    words = line.split()
    while len(words) > 1 and font.getlength(" ".join(words)) > width_px:
        words.pop()
    return " ".join(words)


def _stack(layers: list[tuple[Colour, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Layers from back to front, one over the other: (H, W, 3) colour in levels, (H, W) alpha in [0, 1]."""
    shape = layers[0][1].shape
    light, alpha = np.zeros((*shape, 3), np.float32), np.zeros(shape, np.float32)
    for colour, cover in layers:
        light = light * (1 - cover[..., None]) + cover[..., None] * np.array(colour, np.float32)
        alpha = alpha * (1 - cover) + cover
    return light / np.maximum(alpha, 1e-6)[..., None], alpha

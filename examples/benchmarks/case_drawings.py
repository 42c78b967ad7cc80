"""What the things in a hard case look like: lettering, plates, and what is cut out of a photograph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sample_picture import cut_out
from sample_subtitles import FONT_SHARE, Colour, Overlay, Style, draw_lettering, load_font

FONTS = {
    "wide": "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "cjk": "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
}
"""Where Debian keeps fonts with letters that Pillow's own lacks; a case whose font is missing is left out."""

PLAIN = Style()


@dataclass(frozen=True, slots=True)
class Text:
    """Lettering."""

    text: str
    style: Style = PLAIN
    size: float = FONT_SHARE
    """Of the font, in picture heights."""
    font: str | None = None
    """Out of FONTS; None: Pillow's own."""

    def draw(self, height: int) -> Overlay:
        path = Path(FONTS[self.font]) if self.font else None
        font = load_font(round(self.size / FONT_SHARE * height), path)
        return draw_lettering(self.text, self.style, font)


@dataclass(frozen=True, slots=True)
class Plate:
    """A rectangle or an ellipse of one colour, width and height in picture heights."""

    width: float
    height: float
    colour: Colour
    alpha: float = 1.0
    is_round: bool = False

    def draw(self, height: int) -> Overlay:
        w, h = max(1, round(self.width * height)), max(1, round(self.height * height))
        cover = _ellipse(w, h) if self.is_round else np.full((h, w), 255, np.float32)
        return _tile(np.full((h, w, 3), self.colour, np.float32), self.alpha * cover)


@dataclass(frozen=True, slots=True)
class CutOut:
    """The middle of a photograph, cut out round; `size` in picture heights."""

    photograph: str
    size: float

    def draw(self, height: int) -> Overlay:
        part = cut_out(self.photograph, round(self.size * height))
        return _tile(part[..., :3], 255 * part[..., 3])


def _tile(colour: np.ndarray, coverage: np.ndarray) -> Overlay:
    """A drawing as if the middle of its upper edge stood at (0, 0)."""
    return Overlay(-(coverage.shape[1] // 2), 0, colour, colour, np.rint(coverage).astype(np.uint8))


def _ellipse(width: int, height: int) -> np.ndarray:
    """(h, w) float32 coverage, 0 to 255."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    radius = np.hypot((2 * x - width + 1) / width, (2 * y - height + 1) / height)
    return 255 * np.clip((1 - radius) * min(width, height) / 2 + 0.5, 0, 1)

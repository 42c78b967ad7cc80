"""Rows of text as readers get them: dark letters on white, 72 px high with a margin of 12 px."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

DEJAVU = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
LIBERATION = Path("/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf")
LIBERATION_SERIF = Path("/usr/share/fonts/truetype/liberation/LiberationSerif-Regular.ttf")
CJK = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")


def draw_row(text: str, font: Path | None = None, *, lean: float = 0.0, film_px: int = 24) -> np.ndarray:
    """(96, w) uint8, a row as it comes from a film in which it is `film_px` high.

    Args:
        text: What it says, from left to right.
        font: With its letters; Pillow's own where it is None. Where it is not there the test is skipped.
        lean: Degrees that the letters are sheared to the right.
        film_px: Height of the letters in the film.
    """
    if font is not None and not font.exists():
        pytest.skip(f"needs the font {font}")
    face = (
        ImageFont.truetype(str(font), 60, layout_engine=ImageFont.Layout.BASIC)
        if font
        else ImageFont.load_default(60)
    )
    page = Image.new("L", (int(face.getlength(text)) + 160, 160), 255)
    ImageDraw.Draw(page).text((80, 50), text, font=face, fill=0)
    drawn = np.asarray(page)
    shear = float(np.tan(np.radians(lean)))
    turn = np.array([[1, -shear, 80 * shear], [0, 1, 0]], np.float32)
    drawn = cv2.warpAffine(drawn, turn, drawn.shape[::-1], borderValue=255)
    rows, columns = np.flatnonzero((drawn < 128).any(axis=1)), np.flatnonzero((drawn < 128).any(axis=0))
    tight = drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    for height_px in (film_px, 72):
        width_px = max(2, round(height_px * tight.shape[1] / tight.shape[0]))
        tight = cv2.resize(
            tight, (width_px, height_px), interpolation=cv2.INTER_AREA if height_px < 72 else cv2.INTER_CUBIC
        )
    return np.pad(tight, 12, constant_values=255)


def join_rows(*rows: np.ndarray, gap_px: int = 32) -> np.ndarray:
    """(96, w) uint8, rows side by side as one, so far from each other."""
    inner = [np.pad(row[:, 12:-12], ((0, 0), (0, gap_px)), constant_values=255) for row in rows]
    return np.pad(np.concatenate(inner, axis=1)[:, :-gap_px], ((0, 0), (12, 12)), constant_values=255)

"""Lines of text in many scripts, drawn, and what reads them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont, features

from subremover.detect.reading.scripts import Script
from subremover.detect.reading.tesseract_reader import TesseractReader, find_data, has_tesseract

_FONTS = Path("/usr/share/fonts")
_NOTO = _FONTS / "truetype" / "noto"
LINES: dict[Script, tuple[str, Path]] = {
    "cyrillic": ("Подожди меня здесь, Анна!", _FONTS / "truetype" / "dejavu" / "DejaVuSans.ttf"),
    "greek": ("Δεν ήξερα ότι θα έρθεις.", _FONTS / "truetype" / "dejavu" / "DejaVuSans.ttf"),
    "arabic": ("انتظرني هنا يا صديقي", _NOTO / "NotoSansArabic-Regular.ttf"),
    "hebrew": ("תשאיר את האור", _NOTO / "NotoSansHebrew-Regular.ttf"),
    "hangul": ("여기서 기다려 주세요", _FONTS / "opentype" / "noto" / "NotoSansCJK-Regular.ttc"),
    "thai": ("เปิดไฟไว้นะ", _NOTO / "NotoSansThai-Regular.ttf"),
    "devanagari": ("यहाँ मेरा इंतज़ार करो", _NOTO / "NotoSansDevanagari-Regular.ttf"),
}
"""Text in logical order, and a font that has its letters."""


def draw_row(
    text: str, font: Path, size_px: int = 40, colours: tuple[str, str] = ("black", "white")
) -> np.ndarray:
    """(h, w, 3) uint8 RGB, a row of text in one colour on plain ground of another, with 3 px around it."""
    face = ImageFont.truetype(str(font), size_px)
    left, top, right, bottom = (round(edge) for edge in face.getbbox(text))
    image = Image.new("RGB", (right - left + 6, bottom - top + 6), colours[1])
    ImageDraw.Draw(image).text((3 - left, 3 - top), text, font=face, fill=colours[0])
    return np.asarray(image)


def need(is_there: object, what: str) -> None:
    """Skip the test where something is missing, or fail it where there must be all."""
    if not is_there:
        if os.environ.get("SUBREMOVER_REQUIRE_SCRIPTS") == "1":
            pytest.fail(f"SUBREMOVER_REQUIRE_SCRIPTS=1, but there is no {what}")
        pytest.skip(f"needs {what}")


def open_tesseract(script: Script) -> TesseractReader:
    """A reader of the script, and what its line in `LINES` is drawn by, or the test is skipped."""
    need(has_tesseract(), "tesserocr")
    data = find_data(script)
    need(data, f"data of Tesseract for {script}")
    need(LINES[script][1].exists(), f"font {LINES[script][1]}")
    need(features.check("raqm"), "libfribidi, by which Pillow orders and joins letters")
    assert data is not None
    return TesseractReader(script, data)

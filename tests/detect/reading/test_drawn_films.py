"""Films with subtitles in many scripts, through the scan as a user has it: no language is given."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from media import draw_film, draw_texture, known_to_fail
from PIL import Image, ImageDraw, ImageFont
from scan_score import count_edits
from written_lines import LINES, need, open_tesseract

import subremover
from subremover.detect.reading.scripts import Script

SIZE, FRAMES, FIRST, LAST = (480, 270), 22, 5, 16
CJK, DEJAVU = LINES["hangul"][1], LINES["cyrillic"][1]
ALWAYS_READ: dict[str, tuple[str, Path]] = {
    "english": ("Wait for me here, Anna!", DEJAVU),
    "chinese": ("你怎么知道他会来", CJK),
    "japanese": ("今日はとても良い天気ですね", CJK),
}
"""What the reader that comes along knows."""


def draw_words(picture: np.ndarray, rows: tuple[tuple[str, Path], ...]) -> np.ndarray:
    """A picture with rows of text, white with a black outline, in its lower third."""
    image = Image.fromarray(picture)
    for number, (text, path) in enumerate(rows):
        font = ImageFont.truetype(str(path), 26)
        at = (SIZE[0] / 2, SIZE[1] - 24 - 38 * (len(rows) - 1 - number))
        ImageDraw.Draw(image).text(at, text, "white", font, "ms", stroke_width=2, stroke_fill="black")
    return np.asarray(image)


def scan(folder: Path, *rows: tuple[str, Path]) -> tuple[subremover.Event, str]:
    """The one subtitle of a drawn film, and what these rows say."""
    for _, font in rows:
        need(font.exists(), f"font {font}")
    pictures = [draw_texture(SIZE, (0.7 * index, 0), seed=2) for index in range(FRAMES)]
    for index in range(FIRST, LAST + 1):
        pictures[index] = draw_words(pictures[index], rows)
    film = draw_film(folder / "film.mp4", FRAMES, SIZE, audio=False, options={"crf": "18"}, pictures=pictures)
    (event,) = [event for event in subremover.scan(film.path).events if event.remove]
    return event, "\n".join(text for text, _ in rows)


def check(found: tuple[subremover.Event, str]) -> None:
    """The event has its very frames, and says what was drawn but for a few letters, which are white."""
    event, text = found
    assert (event.first, event.last) == (FIRST, LAST)
    assert count_edits(text, event.text) <= 0.1 * len(text), event.text
    assert event.colour is not None
    assert np.ptp(event.colour) < 20  # thin letters are told as grey
    assert min(event.colour) > 160


@pytest.mark.parametrize("script", LINES)
def test_a_film_in_each_script(script: Script, tmp_path: Path) -> None:
    open_tesseract(script)
    check(scan(tmp_path, LINES[script]))


@pytest.mark.parametrize("language", ALWAYS_READ)
def test_a_film_that_is_read_with_nothing_else_installed(
    language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tesserocr", None)
    check(scan(tmp_path, ALWAYS_READ[language]))


@known_to_fail("the reader that comes along knows no letters that only Vietnamese has, and leaves them out")
def test_a_vietnamese_film(tmp_path: Path) -> None:
    check(scan(tmp_path, ("Anh đã ở đâu tối qua?", DEJAVU)))


def test_each_language_of_a_bilingual_film_is_read(tmp_path: Path) -> None:
    open_tesseract("cyrillic")
    check(scan(tmp_path, LINES["cyrillic"], ALWAYS_READ["english"]))


def test_subtitles_that_no_reader_knows_are_found_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "tesserocr", None)
    event, _ = scan(tmp_path, LINES["cyrillic"])
    assert (event.first, event.last, event.text) == (FIRST, LAST, "")
    (message,) = caplog.messages
    assert "no reader here knows the script" in message
    assert "pip install 'subremover[ocr]'" in message

"""What the shape of a row tells besides its letters: lean, dashes and notes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from subremover.detect.reading.marks import add_dash
from subremover.detect.reading.notes import mark_notes
from subremover.detect.reading.slant import find_slant, is_italic, set_upright

DEJAVU = Path("/usr/share/fonts/truetype/dejavu")
SENTENCE = "The hills beyond the quiet river"


def draw_row(text: str, font: str = "DejaVuSans.ttf") -> np.ndarray:
    """(h, w) uint8, 72 px high beside a margin of 12 px, dark on white, as rows are drawn for readers."""
    file = DEJAVU / font
    if not file.exists():
        pytest.skip(f"no font {file}")
    face = ImageFont.truetype(str(file), 64)
    image = Image.new("L", (int(face.getlength(text)) + 80, 140), 255)
    ImageDraw.Draw(image).text((40, 20), text, font=face, fill=0)
    ink = np.asarray(image) < 128
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    tight = image.crop((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    size = (round(72 * tight.width / tight.height), 72)
    return np.pad(np.asarray(tight.resize(size)), 12, constant_values=255)


@pytest.mark.parametrize("text", [SENTENCE, "Почему ты не сказал мне раньше?", "Wait!", "Hello there"])
def test_italics_are_told_by_their_lean(text: str) -> None:
    leaning, upright = draw_row(text, "DejaVuSans-Oblique.ttf"), draw_row(text)
    assert is_italic(leaning, text)
    assert not is_italic(upright, text)
    assert 8 <= find_slant(leaning) <= 14
    assert find_slant(upright) == 0


@pytest.mark.parametrize("text", ["AVAVA", "7/7/1977", "Why? Yes...", "/// WWW ///"])
def test_letters_that_lean_by_themselves_are_no_italics(text: str) -> None:
    assert not is_italic(draw_row(text), text)


def test_a_leaning_row_is_set_upright() -> None:
    leaning = draw_row(SENTENCE, "DejaVuSans-Oblique.ttf")
    upright = set_upright(leaning, find_slant(leaning))
    assert find_slant(upright) == 0
    assert upright.shape[0] == leaning.shape[0]
    assert abs(int((upright < 128).sum()) - int((leaning < 128).sum())) < 0.1 * (leaning < 128).sum()
    assert set_upright(leaning, 0.0) is leaning


def test_a_dash_that_was_passed_over_is_put_back() -> None:
    assert add_dash(draw_row(f"- {SENTENCE}"), SENTENCE) == f"- {SENTENCE}"
    assert add_dash(draw_row(f"- {SENTENCE}"), f"- {SENTENCE}") == f"- {SENTENCE}"


@pytest.mark.parametrize("text", [SENTENCE, "... and then", "I was there", "= two", "T. S. Eliot"])
def test_nothing_else_is_taken_for_a_dash(text: str) -> None:
    assert add_dash(draw_row(text), text) == text


@pytest.mark.parametrize("read", [f"J {SENTENCE} J", f"5 {SENTENCE} )", SENTENCE, f"? {SENTENCE} b"])
def test_notes_take_the_place_of_what_they_were_read_as(read: str) -> None:
    assert mark_notes(draw_row(f"♪ {SENTENCE} ♪"), read) == f"♪ {SENTENCE} ♪"


def test_double_notes() -> None:
    assert mark_notes(draw_row(f"♫ {SENTENCE}"), f"n {SENTENCE}") == f"♫ {SENTENCE}"


@pytest.mark.parametrize("text", ["J is a letter", "Is it plan b", "I am 5 and (9)", "b & d"])
def test_letters_are_no_notes(text: str) -> None:
    assert mark_notes(draw_row(text), text) == text

import numpy as np
import pytest
from plain_rows import CJK, DEJAVU, LIBERATION, draw_row

from subremover.detect.reading.notes import mark_notes


@pytest.mark.parametrize("font", [DEJAVU, LIBERATION, CJK])
@pytest.mark.parametrize("note", ["♪", "♫"])
@pytest.mark.parametrize("lean", [0, 12])
def test_notes_at_both_ends_are_told(font: str, note: str, lean: int) -> None:
    row = draw_row(f"{note} All along the road {note}", font, lean=lean)
    assert mark_notes(row, "All along the road") == f"{note} All along the road {note}"


@pytest.mark.parametrize(
    "read",
    ["J All along", "5 All along", ") All along", "月All along", "」All along", "♪ All along", "♪All along"],
)
def test_what_a_note_was_taken_for_makes_room_for_it(read: str) -> None:
    marked = mark_notes(draw_row("♪ All along", DEJAVU), read)
    assert marked.replace("♪All", "♪ All") == "♪ All along"


@pytest.mark.parametrize("read", ["All along J", "All along ?", "All along S", "All along『"])
def test_what_a_last_note_was_taken_for_makes_room_for_it(read: str) -> None:
    assert mark_notes(draw_row("All along ♪", DEJAVU), read) == "All along ♪"


@pytest.mark.parametrize(
    "words",
    [
        "I love you",
        "A song of mine",
        "Я не знаю",
        "Oh my love",
        "...and then",
        "5 little ducks",
        "- Where?",
        "It is I",
        "A",
    ],
)
def test_words_beside_a_note_that_was_passed_over_stay(words: str) -> None:
    assert mark_notes(draw_row(f"♪ {words} ♪", DEJAVU), words) == f"♪ {words} ♪"


def test_sign_beside_a_note_stays_where_the_note_was_passed_over() -> None:
    assert mark_notes(draw_row("♪ 네 ♪", CJK), "네") == "♪ 네 ♪"
    assert mark_notes(draw_row("很好OK ♪", CJK), "很好OK") == "很好OK ♪"


def test_row_of_notes_alone_is_told_without_a_reader() -> None:
    assert mark_notes(draw_row("♪ ♫", DEJAVU), "J 5") == "♪ ♫"
    assert mark_notes(draw_row("♪", DEJAVU), "") == "♪"


@pytest.mark.parametrize("font", [None, DEJAVU, LIBERATION])
@pytest.mark.parametrize("lean", [0, 12])
def test_no_letter_is_taken_for_a_note(font: str, lean: int) -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789&?!)(][}{$#@%/"
    for letter in letters:
        row = draw_row(f"{letter}   Mill", font, lean=lean)
        assert mark_notes(row, f"{letter} Mill") == f"{letter} Mill"


@pytest.mark.parametrize("letters", ["ЛПДЈдлпьЪЫ", "おいはらしょしノ几月门了力刀片戶\uff1a", "ㄱㄴㅈ네고그"])
def test_no_letter_of_other_scripts_is_taken_for_a_note(letters: str) -> None:
    for letter in letters:
        text = f"{letter} {letters[::-1]}"
        assert mark_notes(draw_row(text, CJK), text) == text


def test_row_of_nothing_has_no_notes() -> None:
    assert mark_notes(np.full((96, 200), 255, np.uint8), "name") == "name"
    assert mark_notes(np.full((96, 200), 255, np.uint8), "") == ""


def test_notes_of_a_row_from_right_to_left_are_in_its_order() -> None:
    row = draw_row("\u05de\u05dc\u05d5\u05e9 \u266a", DEJAVU)
    assert mark_notes(row, "\u05e9\u05dc\u05d5\u05dd") == "\u266a \u05e9\u05dc\u05d5\u05dd"

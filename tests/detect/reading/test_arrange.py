import drawn_lines as drawn
import pytest

from subremover.detect.classify.line import rank_rows
from subremover.detect.reading.arrange import arrange
from subremover.geometry import Box


def row(x: int, y: int, text: str, width: int = 100, height: int = 20) -> tuple[Box, str]:
    return Box(x, y, width, height), text


def column(x: int, y: int, text: str, width: int = 24) -> tuple[Box, str]:
    return Box(x, y, width, 24 * len(text)), text


def both_ways(*lines: tuple[Box, str]) -> str:
    """The text of lines, which their order must not matter to."""
    text = arrange(lines)
    assert arrange(lines[::-1]) == text
    return text


def test_rows_from_top_to_bottom() -> None:
    assert both_ways(row(60, 130, "below"), row(40, 100, "above")) == "above\nbelow"
    assert both_ways(row(40, 100, "first"), row(40, 118, "second"), row(40, 136, "third")) == (
        "first\nsecond\nthird"
    )


def test_lines_that_say_nothing_are_no_rows() -> None:
    assert arrange([]) == ""
    assert both_ways(row(40, 100, ""), row(40, 130, "below")) == "below"


def test_lines_side_by_side_are_one_row() -> None:
    assert both_ways(row(40, 100, "Are you"), row(150, 103, "there?"), row(40, 130, "- Yes.")) == (
        "Are you there?\n- Yes."
    )


@pytest.mark.parametrize(
    ("right", "left", "row_text"),
    [("أين كنت", "اليوم؟", "أين كنت اليوم؟"), ("איפה היית", "היום?", "איפה היית היום?")],
)
def test_side_by_side_the_right_one_is_first_where_lines_begin_at_the_right(
    right: str, left: str, row_text: str
) -> None:
    assert both_ways(row(40, 100, left), row(150, 100, right)) == row_text


def test_a_line_of_two_rows_is_beside_nothing() -> None:
    assert both_ways(row(40, 100, "one\ntwo", height=44), row(150, 121, "three")) == "one\ntwo\nthree"
    assert both_ways(row(40, 111, "one"), row(150, 100, "two\nthree", height=44)) == "one\ntwo\nthree"


def test_columns_from_right_to_left() -> None:
    assert both_ways(column(300, 40, "今日はとても"), column(266, 40, "良い天気ですね")) == (
        "今日はとても\n良い天気ですね"
    )


def test_a_tall_letter_is_no_column() -> None:
    assert both_ways((Box(40, 100, 8, 20), "1"), (Box(60, 100, 8, 20), "2")) == "1 2"
    assert both_ways((Box(40, 100, 8, 20), "I"), row(60, 100, "owe you")) == "I owe you"


@pytest.mark.parametrize("kana", ["きょう", "キョウ"])
def test_small_kana_above_a_row_are_left_out(kana: str) -> None:
    assert both_ways(row(50, 90, kana, 40, 9), row(40, 100, "今日はとても", 200, 24)) == "今日はとても"


def test_small_kana_beside_a_column_are_left_out() -> None:
    assert both_ways((Box(326, 44, 10, 40), "きょう"), column(300, 40, "今日はとても")) == "今日はとても"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (row(50, 90, "今日", 40, 9), "no kana"),
        (row(50, 76, "きょう", 80, 22), "as large"),
        (row(50, 50, "きょう", 40, 9), "far above"),
        (row(220, 90, "きょう", 80, 9), "not above it"),
    ],
)
def test_what_explains_nothing_is_a_row(line: tuple[Box, str], why: str) -> None:
    assert both_ways(line, row(40, 100, "今日はとても", 200, 24)) == f"{line[1]}\n今日はとても", why


def test_rows_of_a_bilingual_film_are_told_by_what_stands_below() -> None:
    cues = []
    for number in range(3):
        span = (100 * number, 100 * number + 50)
        cues += [drawn.make_line((320, 290), span=span), drawn.make_line((320, 320), span=span)]
    ranks = rank_rows(cues)
    assert [ranks[line] for line in cues] == [1, 0, 1, 0, 1, 0]


def test_a_row_is_not_told_by_what_stands_elsewhere_or_at_another_time() -> None:
    line = drawn.make_line((320, 290))
    others = [
        drawn.make_line((320, 320), span=(149, 200)),  # comes when it has gone
        drawn.make_line((320, 320), span=(90, 115)),  # goes soon after it came
        drawn.make_line((60, 320), (80, 24)),  # not below it
        drawn.make_line((320, 260)),  # above it
        drawn.make_line((320, 295)),  # the same row, found twice
    ]
    assert rank_rows([line, *others])[line] == 0
    assert rank_rows([]) == {}


def test_what_two_lines_say_is_said_once() -> None:
    whole, lower = Box(100, 400, 300, 90), Box(110, 446, 280, 44)
    rows = "We never said anything\nabout the money."
    assert arrange([(whole, rows), (lower, "about the money.")]) == rows
    assert arrange([(whole, rows), (lower, "bout the mone")]) == rows
    assert arrange([(whole, rows), (Box(102, 402, 296, 88), rows)]) == rows


def test_a_row_that_is_said_again_stays() -> None:
    assert arrange([(Box(100, 400, 200, 40), "Go!"), (Box(100, 446, 200, 40), "Go!")]) == "Go!\nGo!"

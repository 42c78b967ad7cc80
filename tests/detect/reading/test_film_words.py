"""Which readers a film needs, and what is believed of what they say; the readers are told what to say."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from fake_reader import FakeReader, Say, draw_bars

from subremover.detect.reading.film_words import LEAST_SCORE, FilmWords
from subremover.detect.reading.lettering import Lettering

LATIN, RUSSIAN, KOREAN = "Good morning", "Доброе утро", "좋은 아침"
YELLOW = (250, 220, 20)


def says(*by_bars: tuple[str, float]) -> Say:
    """Of a row with n bars the nth of these."""
    return lambda bars, _: by_bars[bars - 1]


def latin(confidence: float = 0.6) -> FakeReader:
    """What a reader of Latin letters makes of everything."""
    return FakeReader(says(*[(LATIN, confidence)] * 12))


def film(
    count: int, zone: int = 0, bars: int = 3, at_sight: tuple[str, float] = ("", 0.0)
) -> list[tuple[int, Sequence[Lettering], tuple[str, float]]]:
    """So many lines of a film."""
    return [(zone, [draw_bars(bars)], at_sight)] * count


def make_bilingual(*korean: tuple[str, float], latin: tuple[tuple[str, float], ...]) -> FilmWords:
    """Of a film whose zones show two bars and one; what two readers make of these, and of more bars."""
    words = FilmWords([FakeReader(says(*latin)), FakeReader(says(*korean), "hangul")])
    words.learn([*film(10, 0, bars=2), *film(10, 1, bars=1)])
    return words


def test_the_script_is_told_by_few_lines() -> None:
    russian, korean = FakeReader(says(*[(RUSSIAN, 0.9)] * 9), "cyrillic"), FakeReader("", "hangul")
    readers = latin(), russian, korean
    words = FilmWords(readers)
    words.learn(film(200))
    asked = [len(reader.heights) for reader in readers]
    assert max(asked) <= 6
    for _ in range(5):
        assert words.read([draw_bars(3)]).text == RUSSIAN
    assert len(korean.heights) == asked[2]
    assert len(readers[0].heights) == asked[0]
    assert not words.is_at_sight
    assert not words.is_unread


def test_one_unlucky_line_does_not_decide() -> None:
    russian = FakeReader(says((RUSSIAN, 0.9), (RUSSIAN, 0.3)), "cyrillic")
    words = FilmWords([latin(), russian])
    lines = film(12, bars=1)
    lines[0] = lines[-1] = film(1, bars=2)[0]
    words.learn(lines)
    assert words.read([draw_bars(1)]).text == RUSSIAN


def test_where_the_first_reader_is_sure_others_are_not_looked_for() -> None:
    reader = latin(0.99)
    words = FilmWords([reader], lambda: pytest.fail("others were looked for"), at_sight=reader)
    words.learn(film(20))
    assert words.is_at_sight
    assert words.read([draw_bars(3)]).text == LATIN


def test_others_are_looked_for_once_where_the_first_reader_is_not_sure() -> None:
    looks = []

    def find_others() -> list[FakeReader]:
        looks.append(1)
        return [FakeReader(says(*[(RUSSIAN, 0.9)] * 9), "cyrillic")]

    words = FilmWords([latin()], find_others)
    for _ in range(2):
        words.learn(film(20))
        assert words.read([draw_bars(3)]).text == RUSSIAN
    assert len(looks) == 1


def test_what_was_read_at_sight_tells_the_script_too() -> None:
    first, korean = latin(0.3), FakeReader(says(*[(KOREAN, 0.7)] * 3), "hangul")
    for confidence, is_latin in ((0.9, True), (0.4, False)):
        words = FilmWords([first, korean], at_sight=first)
        words.learn(film(12, at_sight=(LATIN, confidence)))
        assert words.is_at_sight is is_latin
    words.learn(film(12, at_sight=("좋은 아침", 0.9)))  # which that reader is not there for
    assert not words.is_at_sight


def test_what_is_read_as_digits_and_signs_is_no_lettering() -> None:
    for text, is_unread in (("12=3 |5 a|", True), ("a 7 days' walk", False)):
        words = FilmWords([], lambda t=text: [FakeReader(says(*[(t, 0.95)] * 3))])
        words.learn(film(12))
        assert words.is_unread is is_unread


def test_models_of_other_scripts_know_latin_letters_but_are_not_there_for_them() -> None:
    first = latin(0.8)
    words = FilmWords([first, FakeReader(LATIN, "thai"), FakeReader("12:30", "hebrew")], at_sight=first)
    words.learn(film(20))
    assert words.is_at_sight


def test_where_the_script_is_told_nothing_is_learned() -> None:
    russian, first = FakeReader(says(*[(RUSSIAN, 0.6)] * 9), "cyrillic"), latin(0.7)
    words = FilmWords([russian, first], lambda: pytest.fail("looked for"), at_sight=first, is_told=True)
    words.learn(film(20))
    assert (russian.heights, first.heights) == ([], [])
    assert not words.is_at_sight
    assert words.read([draw_bars(3)], (LATIN, 0.7)).text == RUSSIAN
    assert FilmWords([first], at_sight=first, is_told=True).is_at_sight


def test_a_bilingual_film_has_a_reader_for_each_zone() -> None:
    # Of the Korean rows the first reader is rather sure, too, as it is of letters that look the same.
    words = make_bilingual((KOREAN, 0.85), ("", 0.0), latin=((LATIN, 0.6), (LATIN, 0.9)))
    assert not words.is_at_sight
    assert words.read([draw_bars(2)], zone=0).text == LATIN
    assert words.read([draw_bars(1)], zone=1).text == KOREAN
    assert words.read([draw_bars(1)]).text == LATIN  # of no zone: the film's first
    assert words.read([draw_bars(2)], zone=1).text == LATIN  # the zone's own reader has nothing to say


def test_a_zone_is_left_to_the_films_first_reader_unless_another_is_clearly_surer() -> None:
    words = make_bilingual((KOREAN, 0.8), ("", 0.0), latin=((LATIN, 0.7), (LATIN, 0.9)))
    assert words.read([draw_bars(1)], zone=1).text == LATIN


def test_the_reader_of_a_zone_holds_where_it_can_read_a_line() -> None:
    words = make_bilingual(
        *((KOREAN, 0.85), ("", 0.0), (KOREAN, 0.65)), latin=((LATIN, 0.6), (LATIN, 0.9), (LATIN, 0.99))
    )
    assert words.read([draw_bars(3)], zone=1).text == KOREAN


def test_where_it_cannot_another_must_be_much_surer() -> None:
    words = make_bilingual(
        *((KOREAN, 0.85), ("", 0.0), (KOREAN, 0.4), (KOREAN, 0.4)),
        latin=((LATIN, 0.6), (LATIN, 0.9), (LATIN, 0.6), (LATIN, 0.8)),
    )
    assert words.read([draw_bars(3)], zone=1).text == KOREAN
    assert words.read([draw_bars(4)], zone=1).text == LATIN


def test_a_few_foreign_words_are_no_second_script() -> None:
    # One line of twelve, which is asked about early, is read best by another reader.
    korean = FakeReader(says(("", 0.0), (KOREAN, 0.9)), "hangul")
    first = FakeReader(says((LATIN, 0.9), (LATIN, 0.2)))
    words = FilmWords([first, korean], at_sight=first)
    words.learn([*film(1, bars=2), *film(11, bars=1)])
    assert words.is_at_sight


def test_what_no_reader_is_sure_of_is_left_empty() -> None:
    reader = FakeReader(says((LATIN, 0.6), (LATIN, 0.3)))
    words = FilmWords([reader, FakeReader(says(*[(RUSSIAN, 0.3)] * 2), "cyrillic")])
    words.learn(film(12, bars=1))
    found = words.read([draw_bars(2, YELLOW)])
    assert (found.text, found.colour, words.is_unread) == ("", YELLOW, False)
    assert 0 < found.score < LEAST_SCORE


def test_a_script_that_no_reader_knows_is_told_of() -> None:
    first = latin(0.4)
    words = FilmWords([first, FakeReader(says(*[(RUSSIAN, 0.3)] * 9), "cyrillic")], at_sight=first)
    assert not words.is_unread
    words.learn(film(12))
    assert words.is_unread
    assert words.read([draw_bars(3)], ("flo6poe", 0.4)).text == ""


def test_what_was_read_at_sight_holds_where_it_is_surer() -> None:
    words = FilmWords([latin(0.6)])
    lines = [draw_bars(3, YELLOW)]
    assert words.read(lines, ("Good mourning", 0.9)).text == "Good mourning"
    assert words.read(lines, ("Good mourning", 0.9)).colour == YELLOW
    assert words.read(lines, ("Good mourning", 0.5)).text == LATIN
    assert words.read(lines, ("Good", 0.9)).text == LATIN  # one row of two


def test_a_line_whose_letters_were_not_told_from_the_picture() -> None:
    words = FilmWords([latin()], is_told=True)
    assert words.read([], ("Good mourning", 0.9)).text == "Good mourning"
    assert words.read([]).text == ""


def test_what_was_read_at_sight_counts_for_a_reader_of_its_script_alone() -> None:
    words = FilmWords([latin(0.2), FakeReader(says(*[(RUSSIAN, 0.6)] * 9), "cyrillic")])
    words.learn(film(12))
    assert words.read([draw_bars(3)], ("flo6poe yTpo", 0.9)).text == RUSSIAN
    assert words.read([draw_bars(3)], ("Доброе утро.", 0.9)).text == "Доброе утро."


def test_what_most_sizes_agree_on_is_taken() -> None:
    reader = FakeReader(lambda _, height: ("Good rnorning", 0.95) if height == 48 else (LATIN, 0.8))
    found = FilmWords([reader]).read([draw_bars(3)])
    assert found.text == LATIN
    assert len(set(reader.heights)) > 1


def test_sizes_that_agree_on_nothing_are_not_believed() -> None:
    texts = iter(["Good morning", "8oocl m", "xX)rn1n9", "~~", "lll", "O"] * 4)
    assert FilmWords([FakeReader(lambda *_: (next(texts), 0.8))]).read([draw_bars(3)]).text == ""


def test_letters_that_were_passed_over_count_against_a_reading() -> None:
    class Half(FakeReader):
        """Is sure of what it has read, the first half of the line."""

        def read(self, line):
            reading = super().read(line)
            return replace(reading, columns=reading.columns[: len(reading.columns) // 2])

    assert FilmWords([FakeReader(LATIN)]).read([draw_bars(10)]).score > 0.99
    half = FilmWords([Half(LATIN)]).read([draw_bars(10)])
    assert half.score < 0.75
    other = FakeReader(says(*[(RUSSIAN, 0.9)] * 10), "cyrillic")
    words = FilmWords([Half(LATIN), other])
    words.learn(film(5, bars=10))
    assert words.read([draw_bars(10)]).text == RUSSIAN


def test_digits_inside_words_tell_of_another_script() -> None:
    words = FilmWords([latin(0.9)])
    assert words.read([draw_bars(3)]).text == LATIN
    for text, is_read in (("flo6poe yTp0e u8e", False), ("At 7:45 on March 12", True), ("MP3 1st", True)):
        found = FilmWords([FakeReader(says(*[(text, 0.9)] * 3))], is_told=True).read([draw_bars(3)])
        assert found.text == (text if is_read else "")


def test_the_lettering_that_is_read_best_is_taken_with_its_colour() -> None:
    outline, letters = draw_bars(1, (0, 0, 0)), draw_bars(2, YELLOW)
    reader = FakeReader(says(("C00cl", 0.5), (LATIN, 0.9)))
    found = FilmWords([reader]).read([outline, letters])
    assert (found.text, found.colour) == (LATIN, YELLOW)


def test_rows_of_a_line_are_read_one_by_one() -> None:
    both = Lettering(YELLOW, (*draw_bars(1).rows, *draw_bars(2).rows, *draw_bars(3).rows))
    reader = FakeReader(says(("above", 0.9), ("", 0.0), ("below", 0.9)))
    assert FilmWords([reader]).read([both]).text == "above\nbelow"


def test_a_row_is_written_as_its_script_has_it() -> None:
    reader = FakeReader(says(*[("?היום היית איפה", 0.9)] * 3), "hebrew")
    assert FilmWords([reader]).read([draw_bars(3)]).text == "היום היית איפה?"


BACKWARDS = "ילדים הולכים עם אמא"[::-1]


def test_a_film_that_was_drawn_backwards_is_turned_round() -> None:
    hebrew = FakeReader(says((BACKWARDS, 0.9), ("ןכ אל"[::-1], 0.9)), "hebrew")
    words = FilmWords([hebrew])
    words.learn(film(12, bars=1))
    assert words.read([draw_bars(1)]).text == BACKWARDS[::-1]
    assert words.read([draw_bars(2)]).text == "ןכ אל"  # whatever this line alone would tell


def test_one_word_that_looks_like_it_turns_no_film_round() -> None:
    text = "ילדים הולכים עם ןיא"
    words = FilmWords([FakeReader(says((text, 0.9)), "hebrew")])
    words.learn(film(12, bars=1))
    assert words.read([draw_bars(1)]).text == text


def test_a_film_that_was_drawn_backwards_is_turned_round_where_the_language_is_told() -> None:
    words = FilmWords([FakeReader(says((BACKWARDS, 0.9)), "hebrew")], is_told=True)
    words.learn(film(12, bars=1))
    assert words.read([draw_bars(1)]).text == BACKWARDS[::-1]


def test_a_film_without_subtitles() -> None:
    words = FilmWords([latin(), FakeReader(RUSSIAN, "cyrillic")])
    words.learn([])
    words.learn([(0, [], (LATIN, 0.9))])
    assert words.read([]).text == ""


def test_the_same_lines_again_are_read_the_same() -> None:
    def make() -> FilmWords:
        return make_bilingual((KOREAN, 0.9), (KOREAN, 0.4), latin=((LATIN, 0.5), (LATIN, 0.9)))

    one, other = make(), make()
    for bars, zone in ((1, 0), (1, 1), (2, 0), (2, 1), (1, None)):
        assert one.read([draw_bars(bars)], zone=zone) == other.read([draw_bars(bars)], zone=zone)


def test_without_readers_nothing_is_read() -> None:
    words = FilmWords([])
    words.learn(film(5))
    assert words.is_at_sight
    assert words.read([draw_bars(3)], (LATIN, 0.9)).text == ""

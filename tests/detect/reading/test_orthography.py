import pytest

from subremover.detect.reading.orthography import set_right, weigh_mirrored

ARABIC, HEBREW = "هل أنت هنا الآن؟", "איפה היית היום?"


@pytest.mark.parametrize(
    ("read", "written"),
    [
        ("", ""),
        ("  a   b ", "a b"),
        ("12:30 — 15!", "12:30 — 15!"),
        ("Yes,sir. No!Yes", "Yes, sir. No! Yes"),
        ("At 7:45 a.m., 1,250.50", "At 7:45 a.m., 1,250.50"),
        ("a\u200b\u200e\x07b", "ab"),
        ("Подожди , Анна", "Подожди , Анна"),
    ],
)
def test_spaces_and_what_cannot_be_seen(read: str, written: str) -> None:
    assert set_right(read) == written


@pytest.mark.parametrize("text", [ARABIC, HEBREW])
def test_rows_from_right_to_left_stay_as_they_are(text: str) -> None:
    assert set_right(text) == text
    assert set_right(f"\u200f{text}\u200f") == text


@pytest.mark.parametrize(
    ("row", "mark"), [("هل أنت هنا الآن", "؟"), ("איפה היית היום", "?"), ("בוא הנה", "...")]
)
def test_a_mark_at_the_wrong_end_of_the_row_is_put_right(row: str, mark: str) -> None:
    assert set_right(mark + row) == set_right(f"{mark} {row}") == row + mark


@pytest.mark.parametrize("text", ["مرحبا، تعال إلى هنا", "...ואז הלך?"])
def test_marks_inside_a_row_and_those_that_begin_one_stay(text: str) -> None:
    assert set_right(text) == text


@pytest.mark.parametrize("text", ["أين الكتاب والقلم", "ילדים הולכים לגן"])
def test_a_row_that_was_drawn_backwards_is_turned_round_where_the_film_is(text: str) -> None:
    assert set_right(text[::-1], is_mirrored=True) == text
    assert set_right(f"{text}."[::-1], is_mirrored=True) == f"{text}."
    assert set_right(text[::-1]) == text[::-1]
    assert set_right("Yes, sir.", is_mirrored=True) == "Yes, sir."


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("ילדים הולכים לגן", (0, 3)),
        ("ילדים הולכים לגן"[::-1], (3, 0)),
        ("המדינה רצה", (0, 0)),
        ("(ילדים), לגן!", (0, 2)),
        ("المدرسة الكبيرة", (0, 4)),
        ("المدرسة الكبيرة"[::-1], (4, 0)),
        ("ماذا فعلا", (0, 0)),  # which ends as an article does, backwards
    ],
)
def test_final_letters_and_articles_tell_which_way_a_row_was_drawn(
    text: str, weights: tuple[int, int]
) -> None:
    assert weigh_mirrored(text) == weights


def test_greek_has_one_accent_and_no_breathings() -> None:
    assert set_right("Ἀπὸ πόλῃ εἶναι ΐ ϋ") == "Από πόλη είναι ΐ ϋ"
    assert set_right("Δεν ήξερα ότι θα έρθεις.") == "Δεν ήξερα ότι θα έρθεις."


@pytest.mark.parametrize(
    ("read", "written"),
    [
        ("你 怎么 知道", "你怎么知道"),
        ("今日 は とても", "今日はとても"),
        ("เปิด ไฟ ไว้ นะ", "เปิดไฟไว้นะ"),
        ("我 们 明天 早上 去 Rome 吧", "我们明天早上去 Rome 吧"),
        ("你 好 2 次", "你好 2 次"),
    ],
)
def test_scripts_without_spaces_between_words_have_none(read: str, written: str) -> None:
    assert set_right(read) == written


@pytest.mark.parametrize("text", ["여기서 기다려 주세요", "यहाँ मेरा इंतज़ार करो"])
def test_scripts_with_spaces_keep_them(text: str) -> None:
    assert set_right(text) == text


def test_what_is_right_stays_right() -> None:
    for text in ("Yes,sir", "?היום היית איפה", "你 好", "Ἀπὸ πόλῃ"):
        assert set_right(set_right(text)) == set_right(text)

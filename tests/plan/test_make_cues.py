"""A row is 20 px high here, and a letter 10 px wide; rows are centred at x = 300 if nothing else is said."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from subremover.geometry import Box
from subremover.plan.cues import Cue
from subremover.plan.make_cues import make_cues
from subremover.plan.model import Event, EventKind

RATE = 25
TIMES = np.arange(1001) / RATE


def event(
    first: int,
    last: int,
    text: str,
    *,
    y: int = 300,
    left: int | None = None,
    width: int = 0,
    kind: EventKind = "subtitle",
    remove: bool = True,
) -> Event:
    rows = text.split("\n")
    width = width or 10 * max(1, *map(len, rows))
    height = 20 * len(rows)
    box = Box(300 - width // 2 if left is None else left, y, width, height)
    return Event(first, last, box, np.ones((height, width), bool), text=text, kind=kind, remove=remove)


def spans(events: Sequence[Event]) -> list[tuple[int, int, str]]:
    """First and last frame of each cue, and what it says."""
    cues = make_cues(events, TIMES)
    return [(round(c.start_seconds * RATE), round(c.end_seconds * RATE) - 1, c.text) for c in cues]


def follow(*texts: str, first: int = 0, frames: int = 12, gap: int = 0, **place: int) -> list[Event]:
    """Events one after the other."""
    starts = [first + number * (frames + gap) for number in range(len(texts))]
    return [
        event(start, start + frames - 1, text, **place) for start, text in zip(starts, texts, strict=True)
    ]


def test_a_cue_lasts_to_the_end_of_its_last_frame() -> None:
    times = np.array([0.0, 0.1, 0.5, 0.55, 2.0])  # a varying rate; the last is the end of frame 3
    found = make_cues([event(1, 2, "One is here."), event(3, 3, "And another.")], times)
    assert [(cue.start_seconds, cue.end_seconds) for cue in found] == [(0.1, 0.55), (0.55, 2.0)]


def test_only_removed_subtitles_that_were_read() -> None:
    events = [event(0, 4, "left", remove=False), event(0, 4, "sign", kind="scene"), event(0, 4, " \n ")]
    assert spans([*events, event(0, 4, "logo", kind="logo"), event(5, 9, "said")]) == [(5, 9, "said")]


def test_a_cue_knows_where_it_stands_and_in_which_colour() -> None:
    said = replace(event(0, 30, "Hello\nworld", y=20), colour=(255, 238, 0))
    assert make_cues([said], TIMES) == (
        Cue(0.0, 1.24, "Hello\nworld", Box(275, 20, 50, 40), (255, 238, 0), "centre"),
    )


@pytest.mark.parametrize(
    ("rows", "side"),
    [
        ([(0, 100), (20, 80)], "centre"),
        ([(0, 100), (1, 60)], "left"),
        ([(0, 100), (40, 99)], "right"),
        ([(0, 100), (0, 100)], "centre"),
        ([(3, 100), (0, 99), (2, 50)], "left"),
    ],
)
def test_the_side_on_which_rows_are_flush(rows: list[tuple[int, int]], side: str) -> None:
    strokes = np.zeros((20 * len(rows), 101), bool)
    for number, (left, right) in enumerate(rows):
        strokes[20 * number + 2 : 20 * number + 18, left : right + 1] = True
        strokes[20 * number, 0] = True  # of the row above
    said = event(0, 9, "\n".join("abc" for _ in rows))
    said = replace(said, box=Box(20, 300, 101, len(strokes)), strokes=strokes)
    assert make_cues([said], TIMES)[0].alignment == side


def test_those_at_once_stay_apart_from_top_to_bottom() -> None:
    events = [event(65, 99, "Later on."), event(0, 99, "Below here."), event(0, 60, "Above", y=5)]
    assert [text for *_, text in spans(events)] == ["Above", "Below here.", "Later on."]


class TestOneText:
    def test_on_both_sides_of_a_cut(self) -> None:
        parts = [event(0, 4, "same"), event(5, 9, "same"), event(10, 14, "same"), event(16, 20, "same")]
        assert spans([*parts, event(5, 9, "other", y=5)]) == [
            (0, 14, "same"),
            (5, 9, "other"),
            (16, 20, "same"),
        ]

    def test_read_otherwise_after_the_cut(self) -> None:
        """The longer part was there for longer to be read."""
        parts = [
            event(0, 20, "Tôi không biet"),
            event(21, 70, "Tôi không biết"),
            event(71, 80, "Tôi không bit"),
        ]
        parts = [replace(part, box=parts[0].box, strokes=parts[0].strokes) for part in parts]
        assert spans(parts) == [(0, 80, "Tôi không biết")]

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Give me 5 minutes", "Give me 6 minutes"),
            ("No!", "Ho!"),
            ("He's my best friend", "She's my best friend"),  # which is wider
            ("I saw him yesterday", "I saw her yesterday"),
            ("お前が好きだ", "お前も好きだ"),
        ],
    )
    def test_two_that_are_alike(self, one: str, other: str) -> None:
        assert len(spans([event(0, 40, one), event(41, 80, other)])) == 2

    def test_elsewhere_it_is_another(self) -> None:
        assert len(spans([event(0, 40, "Tôi không biet"), event(41, 80, "Tôi không biết", y=20)])) == 2

    def test_found_twice_at_once(self) -> None:
        twice = [
            event(0, 50, "It was raining."),
            event(10, 40, "It was ralning."),
            event(30, 50, "raining", left=285),
        ]
        assert spans(twice) == [(0, 50, "It was raining.")]

    def test_carried_on_by_what_was_not_read(self) -> None:
        """As where words are lit one by one."""
        states = [event(0, 20, "Sing along"), event(21, 25, "", width=100), event(26, 40, "Sing along")]
        assert spans(states) == [(0, 40, "Sing along")]
        assert len(spans([states[0], states[2]])) == 2
        long = [states[0], event(21, 60, "", width=100), event(61, 80, "Sing along")]
        assert len(spans(long)) == 2  # another subtitle, which could not be read


class TestWordsThatPop:
    def test_they_become_a_line(self) -> None:
        words = follow("J'espère", "que", "ça", "n'arrivera", "plus", frames=8)
        assert spans(words) == [(0, 39, "J'espère que ça n'arrivera plus")]

    def test_with_hardly_a_gap(self) -> None:
        assert spans(follow("one", "two", "three", gap=3)) == [(0, 41, "one two three")]
        assert len(spans(follow("one", "two", "three", gap=4))) == 3

    def test_in_scripts_without_spaces_and_from_right_to_left(self) -> None:
        assert spans(follow("这件事谁", "也不许说", "出去")) == [(0, 35, "这件事谁也不许说出去")]
        assert spans(follow("우리", "바다", "보러")) == [(0, 35, "우리 바다 보러")]
        assert spans(follow("لماذا لم", "تخبرني")) == [(0, 23, "لماذا لم تخبرني")]

    def test_slanted_ones(self) -> None:
        assert spans(follow("<i>all</i>", "<i>of it</i>")) == [(0, 23, "<i>all of it</i>")]

    def test_a_sentence_ends_a_line(self) -> None:
        assert spans(follow("Come", "here.", "Now", "run!", "Why")) == [
            (0, 23, "Come here."),
            (24, 47, "Now run!"),
            (48, 59, "Why"),
        ]
        assert len(spans(follow("走吧", "快点。", "他们", "来了"))) == 2

    def test_a_line_is_no_longer_than_usual(self) -> None:
        said = spans(follow("eleven chars", "and another", "one or", "otherwise", "something"))
        assert all(len(text) <= 42 for *_, text in said)
        assert len(said) == 2

    def test_nor_stands_longer(self) -> None:
        said = spans(follow(*"abcdefghij", frames=24))
        assert [last - first + 1 for first, last, _ in said] == [144, 96]

    def test_the_last_word_may_be_held(self) -> None:
        words = follow("all", "of", frames=10)
        assert spans([*words, event(20, 55, "it")]) == [(0, 55, "all of it")]

    def test_all_at_one_place(self) -> None:
        assert len(spans([event(0, 11, "left", left=20), event(12, 23, "right", left=500)])) == 2
        assert len(spans([event(0, 11, "above", y=10), event(12, 23, "below")])) == 2

    def test_words_that_stay_until_the_line_is_whole(self) -> None:
        states = [
            event(0, 60, "one", left=100),
            event(10, 60, "after", left=140),
            event(20, 60, "another", left=200),
        ]
        assert spans(states) == [(0, 60, "one after another")]
        states = [event(0, 60, "واحد", left=200), event(10, 60, "بعد", left=160)]
        assert spans(states) == [(0, 60, "واحد بعد")]

    @pytest.mark.parametrize("frames", [25, 40])
    def test_short_subtitles_are_no_words(self, frames: int) -> None:
        """A second each, or longer: however short what they say."""
        assert len(spans(follow("Nein", "Warum", "Darum", "Komm", frames=frames))) == 4

    @pytest.mark.parametrize("frames", [3, 12, 24])
    def test_whole_lines_are_no_words(self, frames: int) -> None:
        lines = ("We never said", "anything about it", "to any of them")
        assert len(spans(follow(*lines, frames=frames))) == 3
        assert len(spans(follow("あの日は一晩中雨だった", "どうして今まで黙っていたの", frames=frames))) == 2


class TestCaptionsThatGrow:
    STATES = ("plus", "plus jamais.", "plus jamais. Bugün", "plus jamais. Bugün hava")

    def test_they_are_taken_as_they_end(self) -> None:
        assert spans(follow(*self.STATES, left=100)) == [(0, 47, self.STATES[-1])]
        assert spans(follow(*self.STATES)) == [(0, 47, self.STATES[-1])]  # centred

    def test_one_line_after_another(self) -> None:
        after = follow("çok", "çok güzel", "çok güzel değil", first=48, left=130)
        assert spans([*follow(*self.STATES, left=100), *after]) == [
            (0, 47, self.STATES[-1]),
            (48, 83, "çok güzel değil"),
        ]

    def test_letter_by_letter(self) -> None:
        text = "Paris, 1987"
        states = follow(*[text[:length] for length in range(1, len(text) + 1)], frames=2, left=80)
        assert spans(states) == [(0, 21, text)]

    def test_by_a_row(self) -> None:
        states = [event(0, 19, "one row"), event(20, 60, "one row\nand another", y=300)]
        assert spans(states) == [(0, 60, "one row\nand another")]

    def test_from_right_to_left(self) -> None:
        states = ["شكرا", "شكرا جزيلا", "شكرا جزيلا لك"]
        events = [
            event(30 * n, 30 * n + 29, text, left=500 - 10 * len(text)) for n, text in enumerate(states)
        ]
        assert spans(events) == [(0, 89, states[-1])]

    def test_a_letter_was_read_otherwise(self) -> None:
        assert spans(follow("Żółta lódź", "Żółta łódź płynie", left=90)) == [(0, 23, "Żółta łódź płynie")]

    def test_what_could_not_be_read_at_first(self) -> None:
        unread = [event(0, 5, "", left=100, width=50), event(6, 11, "", left=100, width=110)]
        assert spans([*unread, event(12, 30, "Żółta łódź płynie", left=100)]) == [
            (0, 30, "Żółta łódź płynie")
        ]
        other = event(0, 5, "", left=100, width=170)
        assert spans([other, event(6, 30, "Żółta łódź", left=100, width=170)]) == [(6, 30, "Żółta łódź")]

    def test_a_subtitle_that_begins_as_the_last_one(self) -> None:
        assert len(spans([event(0, 30, "Yes."), event(31, 70, "Yes. I know him.")])) == 2
        assert len(spans([event(0, 30, "Yes.", left=50), event(31, 70, "Yes. I know him.", left=50)])) == 2
        assert len(spans([event(0, 40, "I know"), event(41, 80, "I know that you know")])) == 2  # centred


class TestCaptionsThatRollUp:
    LINES = ("It was raining.", "Nobody came to help", "until the morning,", "when all was over.")

    def test_two_rows(self) -> None:
        rows = [self.LINES[0], *("\n".join(self.LINES[n : n + 2]) for n in range(3))]
        states = [
            event(40 * n, 40 * n + 39, text, y=320 - 20 * text.count("\n"), left=100)
            for n, text in enumerate(rows)
        ]
        assert spans(states) == [(40 * n, 40 * n + 39, line) for n, line in enumerate(self.LINES)]

    def test_three_rows_that_are_events_of_their_own(self) -> None:
        states = [
            event(40 * (n + up) + (up > 0) * 5, 40 * (n + up) + 39, line, y=340 - 22 * up, left=100)
            for n, line in enumerate(self.LINES)
            for up in range(min(3, 4 - n))
        ]
        assert spans(states) == [(40 * n, 40 * n + 39, line) for n, line in enumerate(self.LINES)]

    def test_rows_that_are_still_there_are_not_said_again(self) -> None:
        """The newest one grows, so that each state has the one above once more."""
        one, two, three, _ = self.LINES
        states = [
            event(0, 39, one, y=320, left=100),
            event(40, 79, f"{one}\n{two}", left=100),
            event(80, 89, f"{two}\n{three[:6]}", left=100),
            event(90, 119, f"{two}\n{three}", left=100),
        ]
        assert spans(states) == [(0, 39, one), (40, 79, two), (80, 119, three)]

    def test_a_row_that_is_said_again_is_kept(self) -> None:
        states = [event(0, 39, "- No, never.", y=320), event(40, 79, "- No, never.\n- Yes, today!")]
        assert [text for *_, text in spans(states)] == ["- No, never.", "- No, never.\n- Yes, today!"]


class TestBlocks:
    def test_two_languages(self) -> None:
        pair = [event(10, 50, "What if she was?", y=325), event(10, 50, "우리 바다 보러 갈까?", y=300)]
        assert spans(pair) == [(10, 50, "우리 바다 보러 갈까?\nWhat if she was?")]
        assert make_cues(pair, TIMES)[0].box == Box(220, 300, 160, 45)

    def test_a_row_that_comes_later_or_stands_elsewhere(self) -> None:
        assert len(spans([event(0, 50, "above here"), event(10, 50, "below it", y=325)])) == 2
        assert len(spans([event(0, 50, "above here"), event(0, 50, "far below", y=360)])) == 2
        assert len(spans([event(0, 50, "on the left", left=20), event(0, 50, "on the right", y=325)])) == 2

    def test_pieces_of_one_row(self) -> None:
        pieces = [event(0, 50, "Go, go!", left=300), event(0, 50, "[door]", left=200)]
        assert spans(pieces) == [(0, 50, "[door] Go, go!")]
        assert spans([event(0, 50, "شكرا", left=300), event(0, 50, "جزيلا", left=350)]) == [
            (0, 50, "جزيلا شكرا")
        ]


def test_a_text_cannot_break_out_of_its_cue() -> None:
    text = "one\n\n2\r\n00:00:01,000 --> 00:00:02,000\n\x1b[2Jtwo\ud800"
    said = make_cues([event(0, 1, text)], TIMES)[0].text
    assert said == "one\n2\n00:00:01,000 -> 00:00:02,000\n[2Jtwo"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("<i>all</i> of it", "<i>all</i> of it"),
        ("<i>open\nand shut</i>", "open\nand shut"),
        ("</i>a<i>b</i><i></i>", "a<i>b</i>"),
        ("<i><i>twice</i></i>", "<i>twice</i>"),
        ("<i> </i>\n<b>bold</b>", "<b>bold</b>"),
    ],
)
def test_tags_make_pairs(text: str, clean: str) -> None:
    assert make_cues([event(0, 1, text)], TIMES)[0].text == clean

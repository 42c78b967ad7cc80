"""The scores of words are right where the answer is known."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import score_words
from click.testing import CliRunner
from media import draw_film, draw_picture, draw_subtitle
from words_score import Cue, CueScore, Line, LineScore, find_lines, read_cues
from words_score import score_words as score
from words_text import align, normalise

from subremover import Event, Plan, Shot
from subremover.geometry import Box
from subremover.plan.model import FilmKey
from subremover.video.read.probe import probe


def _line(first: int, last: int, text: str, event: int = 0, *tags: str) -> Line:
    return Line(first, last, (10, 20, 40, 10), text, event, tags)


def _score(lines: list[Line], *cues: Cue) -> tuple[list[LineScore], list[CueScore]]:
    return score("a case", lines, cues)


@pytest.mark.parametrize(
    ("line", "text", "edits", "part"),
    [
        ("the wind", "It is the wind.", 0, "the wind"),
        ("the wind", "It is thewimd.", 2, "thewimd"),
        ("abc", "", 3, ""),
        ("", "abc", 0, ""),
        ("abc", "abx", 1, "abx"),
        ("Über uns", "ÜBER UNS", 0, "ÜBER UNS"),
        ("ÜBER UNS", "Über uns", 6, "Über uns"),
    ],
)
def test_a_line_is_looked_for_in_all_that_is_said(line: str, text: str, edits: int, part: str) -> None:
    found = align(line, text)
    assert found.edits == edits
    assert len(part) in {found.end - found.start, 0}
    assert part in {text[found.start : found.end], ""}


@pytest.mark.parametrize(
    ("text", "script", "compared"),
    [
        ("\u201cDon\u2019t\u201d  \u2014\n<i>he</i> said…", "Latin", '"Don\'t" - he said...'),
        ("- 一、 二… 三", "Chinese", "-一、二...三"),
        ("♪ a < b ♪", "Latin", "♪ a < b ♪"),
        ("\u202bأحب\u202c", "Arabic", "أحب"),
    ],
)
def test_texts_are_compared_without_what_does_not_count(text: str, script: str, compared: str) -> None:
    assert normalise(text, script) == compared


@pytest.mark.parametrize(
    ("text", "tags", "script"),
    [
        ("Żółta 1987", (), "Latin"),
        ("Їжак OK", (), "Cyrillic"),
        ("一晩中雨だった", (), "Japanese"),
        ("一晩中", ("script_ja",), "Japanese"),
        ("下雨", ("script_hant",), "Chinese, traditional"),
        ("下雨", (), "Chinese"),
        ("\uff2f\uff2b", ("script_ja",), "Latin"),
        ("1987", (), "none"),
    ],
)
def test_a_line_has_the_script_of_most_of_its_letters(text: str, tags: tuple[str, ...], script: str) -> None:
    assert _line(0, 9, text, 0, *tags).script == script


def test_what_is_read_right_scores_perfect() -> None:
    lines = [_line(5, 30, "One row,"), _line(5, 30, "and another."), _line(31, 50, "Next.", 1)]
    scores, cues = _score(lines, Cue(5, 31, "<i>One row,</i>\nand another."), Cue(31, 51, "Next."))
    assert [(s.edits, s.cues, s.is_split, s.is_doubled) for s in scores] == [(0, 1, False, False)] * 3
    assert [(c.lines, c.is_timely, c.is_glued, c.extra) for c in cues] == [
        (2, True, False, 0),
        (1, True, False, 0),
    ]


def test_errors_are_counted_by_the_truth() -> None:
    (score, unread), (cue,) = _score(
        [_line(5, 30, "the wind"), _line(40, 42, "Да.")], Cue(5, 31, "thc wnd xyz")
    )
    assert (score.edits, score.letters, score.read) == (2, 8, "thc wnd")
    assert (unread.edits, unread.letters, unread.cues, unread.is_brief) == (3, 3, 0, True)
    assert cue.extra == 3


@pytest.mark.parametrize(("first", "end", "is_timely"), [(4, 32, True), (7, 31, False), (5, 29, False)])
def test_a_cue_is_timely_within_a_frame(first: int, end: int, is_timely: bool) -> None:
    _, (cue,) = _score([_line(5, 30, "the wind")], Cue(first, end, "the wind"))
    assert (cue.first_error, cue.end_error, cue.is_timely) == (first - 5, end - 31, is_timely)


def test_a_cue_that_lasts_a_frame_too_long_is_not_on_screen_with_the_next_line() -> None:
    lines = [_line(5, 30, "네, 그게 무슨 소리야?"), _line(31, 50, "네", 1)]
    scores, cues = _score(lines, Cue(5, 32, "네, 그게 무슨 소리야?"), Cue(31, 51, "네"))
    assert [s.cues for s in scores] == [1, 1]
    assert not any(c.is_glued for c in cues)


def test_split_doubled_and_glued_are_told_apart() -> None:
    lines = [_line(0, 30, "first of all"), _line(40, 70, "something else", 1), _line(71, 90, "the end", 2)]
    halves = Cue(0, 12, "first of all"), Cue(12, 31, "first of all")
    twice = Cue(40, 71, "something else"), Cue(42, 70, "something else")
    scores, _ = _score(lines, *halves, *twice, Cue(71, 91, "the end"))
    assert [(s.is_split, s.is_doubled) for s in scores] == [(True, False), (False, True), (False, False)]
    _, (cue,) = _score(lines[1:], Cue(40, 91, "something else\nthe end"))
    assert (cue.lines, cue.is_glued, cue.is_timely) == (2, True, True)


@pytest.mark.parametrize("texts", [("He", "called", "twice"), ("He", "He called", "He called twice")])
def test_words_that_pop_up_may_be_one_cue_or_several(texts: tuple[str, ...]) -> None:
    lines = [_line(8 * i, 8 * i + 7, text, i, "pop") for i, text in enumerate(texts)]
    scores, (cue,) = _score(lines, Cue(0, 24, "He called twice"))
    assert all(s.edits == 0 and not s.is_split for s in scores)
    assert (cue.lines, cue.is_timely, cue.is_glued, cue.extra) == (3, True, False, 0)
    scores, cues = _score(lines, *(Cue(8 * i, 8 * i + 8, text) for i, text in enumerate(texts)))
    assert all(s.edits == 0 and not s.is_split for s in scores)
    assert all(c.is_timely and c.extra == 0 for c in cues)


def test_halves_of_a_row_are_right_but_say_no_line() -> None:
    halves = Cue(0, 31, "Get up!"), Cue(0, 31, "Go now")
    (score,), cues = _score([_line(0, 30, "Get up!    Go now")], *halves)
    assert (score.edits, score.cues, score.is_doubled) == (0, 0, False)
    assert [(c.lines, c.is_timely, c.extra) for c in cues] == [(1, True, 0)] * 2


@pytest.mark.parametrize(
    ("text", "is_shuffled"),
    [
        ("no, he is not\nhe is there", False),
        ("he is there\nno, he is not", True),
        ("no, he is not", False),
    ],
)
def test_rows_are_said_from_top_to_bottom(text: str, is_shuffled: bool) -> None:
    lines = [
        Line(5, 30, (10, 40, 60, 10), "he is there", 0, ()),
        Line(5, 30, (10, 20, 60, 10), "no, he is not", 0, ()),
    ]
    _, (cue,) = _score(lines, Cue(5, 31, text))
    assert cue.is_shuffled is is_shuffled


def test_words_that_come_again_are_in_order() -> None:
    lines = [_line(8 * i, 8 * i + 7, text, i, "pop") for i, text in enumerate(("go", "away", "go", "go now"))]
    for text, is_shuffled in (("go away go go now", False), ("go go now away", True)):
        _, (cue,) = _score(lines, Cue(0, 32, text))
        assert cue.is_shuffled is is_shuffled


def test_lines_are_found_by_their_boxes_and_frames() -> None:
    def event(first: int, last: int, box: Box, *, remove: bool = True) -> Event:
        return Event(first, last, box, np.ones((box.height, box.width), bool), remove=remove)

    line = [_line(0, 9, "the wind")]
    halves = [event(0, 9, Box(8, 20, 20, 9)), event(0, 9, Box(30, 21, 30, 9))]
    assert find_lines(line, halves) == [True]
    assert find_lines(line, halves[:1]) == [False]
    assert find_lines(line, [event(0, 4, Box(8, 18, 60, 14))]) == [False]
    assert find_lines(line, [event(0, 9, Box(8, 18, 60, 14), remove=False)]) == [False]


def test_srt_files_are_read_in_frames(tmp_path: Path) -> None:
    file = tmp_path / "a.srt"
    times = np.arange(101) / 25
    assert read_cues(file, times) == []
    text = "\ufeff0\r\n00:00:01,001 --> 00:00:01,960\r\none\r\ntwo\r\n\r\n"
    text += "1\n00:00:00.199 --> 00:01:00.000\nlate\n"
    file.write_text(text, encoding="utf-8", newline="")
    assert read_cues(file, times) == [Cue(5, 100, "late"), Cue(25, 49, "one\ntwo")]


def _draw_case(case: Path, text: str, size: tuple[int, int] = (64, 64)) -> None:
    case.mkdir(parents=True)
    subtitles = ((5, 20, text),) if text.isascii() else ()
    draw_film(case / "subbed.mp4", frames=30, size=size, audio=False, subtitles=subtitles)
    _, mask = draw_subtitle(draw_picture(0, size), text)
    line = {"first": 5, "last": 20, "box": cv2.boundingRect(mask.astype(np.uint8)), "text": text}
    line |= {"event": 0, "tags": []}
    (case / "truth.json").write_text(json.dumps({"lines": [line]}), encoding="utf-8")


@pytest.mark.slow
def test_the_program_scans_cases(tmp_path: Path) -> None:
    _draw_case(tmp_path / "cases" / "a", "Good day", (320, 180))
    arguments = [str(tmp_path / "cases"), str(tmp_path / "out"), "--arg=--region", "--arg=bottom"]
    result = CliRunner().invoke(score_words.main, arguments)
    assert result.exit_code == 0, result.output
    assert "| Latin | 1 | 8 | 1 | 0.0 % | 0.0 % | 0.0 % | 0.0 % | 1 of 1 (100.0 %) |" in result.output


def test_the_program_scores_scans_that_are_there(tmp_path: Path) -> None:
    _draw_case(tmp_path / "cases" / "a", "Good day")
    runs = tmp_path / "out.runs" / "a"
    film = probe(tmp_path / "cases" / "a" / "subbed.mp4")
    event = Event(5, 20, Box(0, 0, 64, 64), np.ones((64, 64), bool))
    Plan(FilmKey.of(film.upright_size, film.pts), (Shot(0, 29),), (event,)).save(runs / "plan")
    (runs / "run.json").write_text(
        '{"seconds": 1.5, "exit_code": 7, "said": "no such day"}', encoding="utf-8"
    )
    arguments = [str(tmp_path / "cases"), str(tmp_path / "out"), "--reuse"]
    result = CliRunner().invoke(score_words.main, arguments)
    assert "| Latin | 1 | 8 | 1 | 100.0 % | 100.0 % | 100.0 % | 100.0 % | 0 of 1 (0.0 %) |" in result.output
    assert (result.exit_code, result.output.count("failed: a")) == (1, 1)
    assert "- a: 7 no such day" in (tmp_path / "out.md").read_text(encoding="utf-8")


def test_the_program_scores_srt_files_that_are_there(tmp_path: Path) -> None:
    for name, text in (("a", "Good day"), ("b", "Доброе утро")):
        _draw_case(tmp_path / name, text)
    times = f"{5 * 1001 / 24000:.3f} --> 00:00:{21 * 1001 / 24000:06.3f}"
    (tmp_path / "a.srt").write_text(f"1\n00:00:0{times}\nGood bay\n", encoding="utf-8")
    arguments = [str(tmp_path), str(tmp_path / "out"), "--srt-of", str(tmp_path)]
    result = CliRunner().invoke(score_words.main, arguments)
    assert result.exit_code == 0, result.output
    assert "| Latin | 1 | 8 |  |  |  | 12.5 % | 12.5 % | 0 of 1 (0.0 %) |" in result.output
    assert "| Cyrillic | 1 | 11 |  |  |  | 100.0 % | 100.0 % | 0 of 1 (0.0 %) |" in result.output
    assert "| of these, begin and end right within 1 frame | 1 of 1 (100.0 %) |" in result.output
    figures = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert figures["scripts"]["all"]["error_rate"] == pytest.approx(12 / 19)
    assert "| a | 5-20 | Good day | Good bay | 1 |" in (tmp_path / "out.md").read_text(encoding="utf-8")

from dataclasses import replace

import cv2
import numpy as np
import pytest
from media import draw_subtitle, draw_texture

from subremover.detect.classify.classifier import Line, LineClassifier, colours_of, is_on_board
from subremover.geometry import Box

SIZE = (640, 360)
RATE = 24.0
FRAMES = 2400
WHITE, YELLOW = (3, 3, 3), (3, 3, 0)


def _line(middle, size=(240, 24), span=(100, 148), **changes):
    """A white line of text that is laid over the film, its middle there."""
    box = Box(middle[0] - size[0] // 2, middle[1] - size[1] // 2, *size)
    colours = np.zeros((4, 4, 4), np.float32)
    colours[changes.pop("colour", WHITE)] = 1
    first, last = span
    line = Line(
        first,
        last,
        box,
        box,
        np.ones((box.height, box.width), bool),
        np.ones(last - first + 1, np.float32),
        text="Good morning",
        is_laid_over=True,
        is_on_board=False,
        colours=colours,
    )
    return replace(line, **changes)


def _still(*args, **changes):
    """One that stood from cut to cut."""
    return _line(*args, is_laid_over=False, **changes)


SUBTITLES = [_line((320, 320), (120 + 40 * n, 24 - n % 3), (100 * n, 100 * n + 50)) for n in range(6)]
TALL = [_line((590, 100 + 10 * n), (24, 150 + 20 * n), (100 * n, 100 * n + 50)) for n in range(6)]
SIDE = [_line((150 + 30 * n, 320), (200 + 60 * n, 24), (100 * n, 100 * n + 50)) for n in range(5)]


def _judge(lines, frames=FRAMES, has_region=False):
    return LineClassifier(lines, SIZE, frames, RATE, has_region)


def _kind(line, lines=(), **options):
    return _judge([*lines, line], **options).classify(line)


@pytest.mark.parametrize("lines", [SUBTITLES, TALL, SIDE], ids=["centred", "vertical", "left"])
def test_the_subtitles_of_a_film_are_its_style(lines):
    classifier = _judge(lines)
    assert [classifier.classify(line) for line in lines] == ["subtitle"] * len(lines)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        pytest.param(_line((320, 290)), "subtitle", id="the upper one of two lines"),
        pytest.param(_line((320, 40)), "subtitle", id="at the top, for the sake of what is below"),
        pytest.param(_line((320, 320), text="1984"), "subtitle", id="a number that is spoken"),
        pytest.param(_line((320, 320), text=""), "subtitle", id="one that could not be read"),
        pytest.param(_line((320, 180), (400, 70)), "scene", id="a title"),
        pytest.param(_line((120, 250), (120, 16)), "scene", id="a credit"),
        pytest.param(_line((560, 30), (90, 20), text="12:30"), "scene", id="a clock"),
        pytest.param(_line((560, 30), (90, 20), span=(0, 2399)), "logo", id="a logo"),
        pytest.param(_still((320, 320)), "subtitle", id="a subtitle from cut to cut"),
        pytest.param(_still((320, 290)), "subtitle", id="the upper one of two, from cut to cut"),
        pytest.param(_still((320, 320), colour=YELLOW), "scene", id="lettering of another colour"),
        pytest.param(_still((320, 320), is_on_board=True), "scene", id="a sign there"),
        pytest.param(_still((320, 320), (240, 50)), "scene", id="larger lettering there"),
        pytest.param(_still((150, 180)), "scene", id="a sign elsewhere"),
        pytest.param(_still((320, 40)), "scene", id="a sign above"),
    ],
)
def test_a_line_is_judged_by_the_style(line, kind):
    assert _kind(line, SUBTITLES) == kind


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        pytest.param(_line((320, 320)), "subtitle", id="where custom has it"),
        pytest.param(_line((150, 180)), "subtitle", id="aside"),
        pytest.param(_line((150, 180), text="12:30"), "scene", id="a clock"),
        pytest.param(_line((150, 180), text=""), "scene", id="what nobody can read, aside"),
        pytest.param(_line((560, 30), span=(0, 400)), "logo", id="longer than anybody reads"),
        pytest.param(_line((320, 320), span=(0, 400)), "subtitle", id="long, but where subtitles stand"),
        pytest.param(_still((320, 320)), "scene", id="from cut to cut"),
    ],
)
def test_a_line_by_itself_is_judged_by_custom(line, kind):
    assert _kind(line) == kind


def test_credits_are_no_style_against_fewer_subtitles():
    credits = [_line((120, 200), (110, 20), (50 * n, 50 * n + 40)) for n in range(3)]
    lines = [*credits, *SUBTITLES[:2]]
    assert _kind(_still((320, 320)), lines) == "subtitle"
    assert _kind(_still((120, 200), (110, 20)), lines) == "scene"


def test_logos_and_clocks_are_no_style():
    logos = [_line((560, 30), (90, 20), (500 * n, 500 * n + 400)) for n in range(4)]
    clocks = [_line((80, 30), (90, 20), (500 * n, 500 * n + 99), text="12:30") for n in range(4)]
    classifier = _judge([*logos, *clocks])
    assert {classifier.classify(line) for line in logos} == {"logo"}
    assert {classifier.classify(line) for line in clocks} == {"scene"}
    assert _kind(_line((300, 250)), [*logos, *clocks]) == "subtitle"


def test_a_logo_of_a_short_film_is_there_for_all_of_it():
    assert _kind(_line((560, 30), (90, 20), (0, 95)), frames=96) == "logo"
    assert _kind(_line((560, 30), (90, 20), (0, 47)), frames=96) == "subtitle"


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        pytest.param(_still((320, 320), span=(0, 95)), "subtitle", id="where subtitles stand"),
        pytest.param(_still((320, 30), span=(0, 95)), "subtitle", id="at the top"),
        pytest.param(_still((320, 320), span=(0, 95), is_on_board=True), "scene", id="a sign"),
        pytest.param(_still((120, 320), span=(0, 95)), "scene", id="aside"),
        pytest.param(_still((320, 180), span=(0, 95)), "scene", id="in the middle"),
        pytest.param(_still((320, 320), span=(0, 47)), "scene", id="in the first of two shots"),
    ],
)
def test_a_line_from_the_first_frame_to_the_last(line, kind):
    assert _kind(line, frames=96) == kind


def test_two_lines_from_the_first_frame_to_the_last():
    lines = [_still((320, y), span=(0, 95)) for y in (290, 320)]
    classifier = _judge(lines, frames=96)
    assert [classifier.classify(line) for line in lines] == ["subtitle", "subtitle"]


def test_the_film_knows_better_than_custom():
    """Where other lines come and go, one that fills the film is told by them."""
    line = _still((320, 320), span=(0, 95), colour=YELLOW)
    assert _kind(line, SUBTITLES, frames=96) == "scene"


@pytest.mark.parametrize("middle", [(320, 320), (150, 180), (560, 30)])
def test_a_region_says_where_subtitles_stand(middle):
    assert _kind(_line(middle), has_region=True) == "subtitle"
    assert _kind(_line(middle, span=(0, 999)), has_region=True) == "subtitle"
    assert _kind(_line(middle, (300, 60)), SUBTITLES, has_region=True) == "subtitle"
    assert _kind(_still(middle, span=(0, 95)), frames=96, has_region=True) == "subtitle"


def test_colours_are_shares_of_the_strokes():
    picture = np.full((20, 40, 3), 10, np.uint8)
    strokes = np.zeros((20, 40), bool)
    strokes[5:15, 5:25] = True
    picture[5:15, 5:20], picture[5:15, 20:25] = (250, 250, 250), (250, 250, 5)
    colours = colours_of(picture, strokes)
    assert colours.shape == (4, 4, 4)
    assert colours[WHITE] == pytest.approx(0.75)
    assert colours[YELLOW] == pytest.approx(0.25)
    assert colours_of(picture, np.zeros_like(strokes)).sum() == 0


@pytest.mark.parametrize(
    ("board", "ground", "is_sign"),
    [
        pytest.param((30, 90, 200), "street", True, id="blue board in a street"),
        pytest.param((240, 240, 240), "street", True, id="white board in a street"),
        pytest.param((0, 0, 0), "street", False, id="black box"),
        pytest.param(None, "street", False, id="outlined"),
        pytest.param(None, "wall", False, id="plain wall"),
    ],
)
def test_a_board_is_plain_and_ends_near_the_line(board, ground, is_sign):
    picture = draw_texture((320, 120)) if ground == "street" else np.full((120, 320, 3), 120, np.uint8)
    _, strokes = draw_subtitle(picture, "Exit 12")
    x, y, width, height = cv2.boundingRect(strokes.astype(np.uint8))
    if board is not None:
        cv2.rectangle(picture, (x - 8, y - 8), (x + width + 8, y + height + 8), board, -1)
    picture, strokes = draw_subtitle(picture, "Exit 12")
    line = np.zeros_like(strokes)
    line[y - 4 : y + height + 4, x - 4 : x + width + 4] = True
    crop = np.s_[max(0, y - 40) : y + height + 40, max(0, x - 40) : x + width + 40]
    assert is_on_board(picture[crop], strokes[crop], line[crop]) == is_sign

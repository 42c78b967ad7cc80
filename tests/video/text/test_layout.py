import pytest

from subremover.geometry import Box
from subremover.plan.cues import Cue
from subremover.plan.model import Colour
from subremover.video.text.layout import Layout, find_row_px

SIZE = (640, 360)


def cue(box: Box | None, text: str = "said", colour: Colour | None = None) -> Cue:
    return Cue(0, 1, text, box, colour)


def test_of_most_cues() -> None:
    low = [
        cue(Box(220, 310, 200, 27), "one row, no more"),
        cue(Box(220, 283, 200, 57), "one row\nand another"),
    ]
    layout = Layout.of([*low, cue(Box(10, 10, 300, 90), "other letters")], SIZE)
    assert (layout.bottom, layout.row_px) == (338, 30)
    assert [layout.is_usual(c) for c in low] == [True, True]


@pytest.mark.parametrize(
    ("box", "is_bottom", "is_usual"),
    [
        (Box(220, 310, 200, 30), True, True),
        (Box(240, 310, 200, 30), True, True),
        (Box(220, 270, 200, 30), True, False),  # raised, as over a name that is written below
        (Box(220, 10, 200, 30), False, False),
        (Box(20, 310, 200, 30), False, False),
        (None, True, True),
    ],
)
def test_places(box: Box | None, is_bottom: bool, is_usual: bool) -> None:
    layout = Layout.of([cue(Box(220, 310, 200, 30))] * 3, SIZE)
    assert (layout.is_bottom_centre(cue(box)), layout.is_usual(cue(box))) == (is_bottom, is_usual)


def test_without_a_place_it_is_as_players_do() -> None:
    layout = Layout.of([cue(None)], SIZE)
    assert (layout.bottom, layout.row_px, layout.colour) == (342, 0.06 * 360, (255, 255, 255))


def test_the_usual_colour_is_that_of_most_nearly() -> None:
    shades: list[Colour | None] = [(255, 255, 0)] * 2 + [
        (250, 250, 250),
        (255, 255, 255),
        (240, 244, 250),
        None,
    ]
    layout = Layout.of([cue(None, colour=shade) for shade in shades], SIZE)
    assert min(layout.colour) >= 240
    assert [layout.is_usual_colour(cue(None, colour=shade)) for shade in shades] == [False] * 2 + [True] * 4


@pytest.mark.parametrize(
    ("text", "box", "row_px"),
    [
        ("one row", Box(0, 0, 300, 27), 30),
        ("one\ntwo", Box(0, 0, 300, 57), 30),
        ("in a box that is drawn", Box(0, 0, 180, 60), 20),
        ("字幕は箱の中にある", Box(0, 0, 180, 60), 25),
        ("縦に書いた字", Box(0, 0, 27, 200), 30),
        ("縦に書いた\n二行の字", Box(0, 0, 57, 200), 30),
    ],
)
def test_how_large_letters_are(text: str, box: Box, row_px: float) -> None:
    assert find_row_px(text, box) == pytest.approx(row_px, rel=0.01)

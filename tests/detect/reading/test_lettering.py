"""What is drawn for the readers is dark where the glyphs are, and white elsewhere."""

from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from media import draw_texture
from PIL import Image, ImageDraw, ImageFont

from subremover.detect.reading.lettering import MARGIN_PX, ROW_PX, Lettering, Row, find_letterings

SIZE = (420, 150)
WHITE, BLACK, YELLOW, BLUE = (255, 255, 255), (0, 0, 0), (250, 220, 20), (30, 60, 200)


@dataclass(frozen=True)
class Word:
    """A word and how it is drawn."""

    text: str
    at: tuple[int, int]
    fill: tuple[int, int, int] = WHITE
    outline: tuple[int, int, int] = BLACK
    size_px: int = 30


class Picture:
    """A picture with words over it, what covers it, and where the glyphs are."""

    def __init__(self, *words: Word, outline_px: int = 2, shadow_px: int = 0) -> None:
        image = Image.fromarray(draw_texture(SIZE, seed=4))
        covers, glyphs = Image.new("L", SIZE), Image.new("L", SIZE)
        for word in words:
            font = ImageFont.load_default(word.size_px)
            if shadow_px:
                at = (word.at[0] + shadow_px, word.at[1] + shadow_px)
                for drawn, colour in ((image, BLACK), (covers, 255)):
                    ImageDraw.Draw(drawn).text(at, word.text, colour, font, stroke_width=outline_px)
            ImageDraw.Draw(image).text(
                word.at, word.text, word.fill, font, stroke_width=outline_px, stroke_fill=word.outline
            )
            ImageDraw.Draw(covers).text(word.at, word.text, 255, font, stroke_width=outline_px)
            ImageDraw.Draw(glyphs).text(word.at, word.text, 255, font)
        self.rgb = np.array(image)
        self.strokes = cv2.dilate(np.asarray(covers), np.ones((3, 3))) > 8
        self.glyphs = np.asarray(glyphs)


def likeness(row: Row, glyphs: np.ndarray) -> float:
    """Intersection over union of a drawn row's ink and the glyphs at its place, (h, w) uint8."""
    assert row.plain.shape[0] == ROW_PX + 2 * MARGIN_PX
    inner = np.zeros(row.plain.shape, bool)
    inner[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX] = True
    assert (row.plain[~inner] == 255).all()
    place = row.box.grow(2, 2)
    size = (row.plain.shape[1] - 2 * MARGIN_PX, ROW_PX)
    expected = cv2.resize(glyphs[place.slices], size, interpolation=cv2.INTER_CUBIC) > 127
    ink = row.plain[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX] < 128
    return float((ink & expected).sum() / (ink | expected).sum())


def bounds(glyphs: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is more than half glyph."""
    x, y, width, height = cv2.boundingRect((glyphs > 127).astype(np.uint8))
    return x, y, x + width, y + height


def check_row(row: Row, glyphs: np.ndarray, least: float = 0.8) -> None:
    """The row shows these glyphs, all of them and nothing else."""
    box = (row.box.x, row.box.y, row.box.right, row.box.bottom)
    assert np.abs(np.subtract(box, bounds(glyphs))).max() <= 2
    assert likeness(row, glyphs) > least


def of_colour(colour: tuple[int, int, int], letterings: tuple[Lettering, ...]) -> Lettering:
    """The lettering whose colour is nearest to one, and near it."""
    nearest = min(letterings, key=lambda n: np.abs(np.subtract(n.colour, colour)).max())
    assert np.abs(np.subtract(nearest.colour, colour)).max() < 25
    return nearest


@pytest.mark.parametrize(
    ("fill", "outline"),
    [(WHITE, BLACK), (BLACK, WHITE), (YELLOW, BLACK), (BLUE, WHITE), (WHITE, BLUE), ((190, 190, 190), BLACK)],
)
@pytest.mark.parametrize("size_px", [30, 60])
def test_letters_with_an_outline(fill, outline, size_px):
    picture = Picture(Word("Gutés fly", (20, 20), fill, outline, size_px), outline_px=size_px // 15)
    lettering = of_colour(fill, find_letterings(picture.rgb, picture.strokes))
    (row,) = lettering.rows
    check_row(row, picture.glyphs)


def test_letters_come_before_their_outline():
    for size_px in (26, 30, 44, 60):
        for fill, outline in ((WHITE, BLACK), (BLACK, WHITE), ((190, 190, 190), BLACK)):
            word = Word("Gutés fly", (20, 20), fill, outline, size_px)
            picture = Picture(word, outline_px=size_px // 12)
            letterings = find_letterings(picture.rgb, picture.strokes)
            assert letterings[0] is of_colour(fill, letterings), word


def test_letters_with_a_shadow():
    picture = Picture(Word("Where were you?", (20, 30)), shadow_px=3)
    (row,) = find_letterings(picture.rgb, picture.strokes)[0].rows
    check_row(row, picture.glyphs)


@pytest.mark.parametrize("opacity", [1.0, 0.6])
def test_rows_in_a_box(opacity):
    words = Word("Where were you?", (40, 26)), Word("At home, I think.", (56, 66))
    bare, picture = Picture(outline_px=0), Picture(*words, outline_px=0)
    box = np.zeros(SIZE[::-1], bool)
    box[20:106, 28:300] = True
    behind = np.where(box[..., None], bare.rgb * (1 - opacity), bare.rgb)
    share = picture.glyphs[..., None] / 255
    shown = (behind * (1 - share) + 255 * share).astype(np.uint8)
    rows = find_letterings(shown, box)[0].rows
    assert len(rows) == 2
    for row, word in zip(rows, words, strict=True):
        check_row(row, Picture(word, outline_px=0).glyphs)


def test_two_colours_take_turns_in_one_line():
    picture = Picture(Word("Sing", (20, 30), YELLOW), Word("with the others", (100, 30)))
    first, *others = find_letterings(picture.rgb, picture.strokes)
    (row,) = first.rows
    check_row(row, picture.glyphs)
    assert others  # either colour alone


def test_of_two_colours_that_of_most_letters_is_told():
    picture = Picture(Word("Sing", (20, 30), YELLOW), Word("with the others", (100, 30)))
    assert of_colour(WHITE, find_letterings(picture.rgb, picture.strokes)[:1])


def test_an_outline_is_no_second_colour():
    picture = Picture(Word("Sing with the others", (20, 30), YELLOW, BLUE), outline_px=3)
    (row,) = find_letterings(picture.rgb, picture.strokes)[0].rows
    check_row(row, picture.glyphs)


@pytest.mark.parametrize("sliver_px", [8, 16])
@pytest.mark.parametrize("is_above", [True, False])
def test_a_sliver_of_a_neighbouring_row_is_left_out(is_above, sliver_px):
    line, neighbour = Word("Where were you?", (40, 56)), Word("HELMUTH HILL", (40, 20 if is_above else 92))
    picture, alone = Picture(line, neighbour), Picture(line)
    _, top, _, bottom = bounds(Picture(neighbour).glyphs)
    strokes = picture.strokes.copy()
    strokes[: bottom - sliver_px if is_above else 0] = False
    strokes[len(strokes) if is_above else top + sliver_px :] = False
    assert strokes.sum() > 1.1 * alone.strokes.sum()
    (row,) = find_letterings(picture.rgb, strokes)[0].rows
    check_row(row, alone.glyphs)


def test_rows_are_drawn_from_top_to_bottom():
    words = Word("Où étiez-vous ?", (40, 30)), Word("Chez moi.", (100, 70))
    picture = Picture(*words)
    rows = find_letterings(picture.rgb, picture.strokes)[0].rows
    assert len(rows) == 2
    for row, word in zip(rows, words, strict=True):
        check_row(row, Picture(word).glyphs)


def test_a_column_lies_on_its_left_side():
    words = [Word(letter, (40, 4 + 28 * number)) for number, letter in enumerate("SHAPE")]
    picture = Picture(*words)
    lying, *others = find_letterings(picture.rgb, picture.strokes)
    (row,) = lying.rows
    check_row(row, np.ascontiguousarray(np.rot90(picture.glyphs)))
    assert row.plain.shape[1] > 3 * row.plain.shape[0]
    assert any(len(other.rows) > 1 for other in others)  # upright, too: it may be a short word a row


def test_nothing_is_drawn_of_nothing():
    picture = draw_texture(SIZE, seed=4)
    assert find_letterings(picture, np.zeros(SIZE[::-1], bool)) == ()
    few = np.zeros(SIZE[::-1], bool)
    few[20, 30:33] = True
    assert find_letterings(picture, few) == ()
    box = np.zeros(SIZE[::-1], bool)
    box[20:60, 30:300] = True
    assert find_letterings(np.full((*box.shape, 3), 90, np.uint8), box) == ()


def test_the_same_again_and_nothing_is_changed():
    picture = Picture(Word("Where were you?", (40, 30)))
    before = picture.rgb.copy(), picture.strokes.copy()
    one, other = (find_letterings(picture.rgb, picture.strokes) for _ in range(2))
    assert [n.colour for n in one] == [n.colour for n in other]
    for first, second in zip(one, other, strict=True):
        for row, again in zip(first.rows, second.rows, strict=True):
            assert row.box == again.box
            assert (row.plain == again.plain).all()
    assert (picture.rgb == before[0]).all()
    assert (picture.strokes == before[1]).all()

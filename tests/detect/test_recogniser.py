import os
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
from media import draw_picture
from PIL import Image, ImageDraw, ImageFont
from scan_score import count_edits

from subremover.detect.reading.ctc_reader import CtcReader, bundled_model
from subremover.detect.recogniser import LineReader
from subremover.runtime.profile import measure

DEJAVU = Path("/usr/share/fonts/truetype/dejavu")
CJK = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
ENGLISH = (
    "The quick brown fox jumps over it.",
    "It's 7:45 a.m. on 12 March 1987.",
    "MEANWHILE, IN NEW YORK CITY",
    "[door slams] Who's there?!",
    "Yes, sir.",
    "I owe you $1,250.50, not 900.",
)
ACCENTED = (
    "Schöne Grüße an die Straßenbahn!",
    "Où êtes-vous, mon garçon ?",
    "¿Dónde está el niño pequeño?",
    "Árvíztűrő tükörfúrógép, kérem.",
    "Zażółć gęślą jaźń, proszę pana.",
    "Får jag låna din gröna båt nu?",
)
CHINESE = ("我们明天早上再出发吧", "你怎么知道他会来？", "今日はとても良い天気ですね。")  # noqa: RUF001


@pytest.fixture(scope="module")
def reader() -> LineReader:
    return LineReader(CtcReader(bundled_model()))


def draw_line(text: str, size_px: int = 32, font: Path | None = None) -> tuple[np.ndarray, np.ndarray]:
    """White with a black outline on a blurred picture; (h, w, 3) uint8 RGB and its (h, w) bool strokes."""
    face = ImageFont.truetype(str(font), size_px) if font else ImageFont.load_default(size_px)
    width, height = int(face.getlength(text)) + 3 * size_px, 4 * size_px
    image = Image.fromarray(cv2.GaussianBlur(draw_picture(3, (width, height)), (0, 0), 3))
    marks = Image.new("L", (width, height))
    at, outline = (1.5 * size_px, 1.4 * size_px), max(1, size_px // 14)
    ImageDraw.Draw(image).text(at, text, font=face, fill="white", stroke_width=outline, stroke_fill="black")
    ImageDraw.Draw(marks).text(at, text, font=face, fill=255, stroke_width=outline)
    return np.asarray(image), cv2.dilate(np.asarray(marks), np.ones((3, 3))) > 8


def turn_to_column(text: str, size_px: int) -> tuple[np.ndarray, np.ndarray]:
    """A line's glyphs one below the other."""
    glyphs = [draw_line(glyph, size_px, CJK) for glyph in text]
    inner = (slice(int(1.4 * size_px), int(2.6 * size_px)), slice(0, 4 * size_px))
    column, marks = (np.concatenate([g[part][inner] for g in glyphs]) for part in (0, 1))
    rim = ((size_px, size_px), (0, 0))
    return np.pad(column, (*rim, (0, 0)), mode="edge"), np.pad(marks, rim)


def error_rate(
    reader: LineReader, lines: tuple[str, ...], font: Path | None, sizes: tuple[int, ...]
) -> float:
    """Character error rate over all lines in all sizes."""
    read = [(line, reader.read(*draw_line(line, size, font))[0]) for line in lines for size in sizes]
    return sum(count_edits(*pair) for pair in read) / sum(len(line) for line, _ in read)


def test_drawn_lines_are_read_with_their_spaces(reader: LineReader) -> None:
    assert error_rate(reader, ENGLISH, None, (20, 32, 60)) <= 0.02
    assert reader.read(*draw_line(ENGLISH[0]))[0] == ENGLISH[0]


@pytest.mark.skipif(not DEJAVU.exists(), reason=f"no fonts in {DEJAVU}")
@pytest.mark.parametrize("font", ["DejaVuSans.ttf", "DejaVuSans-Oblique.ttf", "DejaVuSerif-Bold.ttf"])
def test_accents_and_styles(reader: LineReader, font: str) -> None:
    if not (DEJAVU / font).exists():
        pytest.skip(f"no {font} in {DEJAVU}")
    assert error_rate(reader, ACCENTED, DEJAVU / font, (20, 40)) <= 0.03


@pytest.mark.skipif(not CJK.exists(), reason=f"no font {CJK}")
def test_chinese_and_japanese(reader: LineReader) -> None:
    assert error_rate(reader, CHINESE, CJK, (28, 50)) <= 0.03
    assert reader.read(*turn_to_column(CHINESE[0], 40))[0] == CHINESE[0]


@pytest.mark.skipif(not DEJAVU.exists(), reason=f"no fonts in {DEJAVU}")
def test_what_the_model_cannot_write_is_left_empty(reader: LineReader) -> None:
    text, confidence = reader.read(*draw_line("Подожди меня здесь!", 32, DEJAVU / "DejaVuSans.ttf"))
    assert text == ""
    assert confidence < 0.5


def test_stray_strokes_do_no_harm(reader: LineReader) -> None:
    picture, strokes = draw_line(ENGLISH[0])
    strokes[2:9, 30:60] = strokes[-12:-4, 80:120] = True
    assert reader.read(picture, strokes)[0] == ENGLISH[0]


def test_a_drawn_box_counts_as_strokes(reader: LineReader) -> None:
    picture, strokes = draw_line(ENGLISH[0])
    rows, columns = np.flatnonzero(strokes.any(axis=1)), np.flatnonzero(strokes.any(axis=0))
    box = np.zeros_like(strokes)
    box[rows[0] - 8 : rows[-1] + 9, columns[0] - 8 : columns[-1] + 9] = True
    boxed = np.where((box & ~strokes)[..., None], picture // 3, picture)
    assert reader.read(boxed, box)[0] == ENGLISH[0]


def test_a_lone_tall_letter_is_not_laid_on_its_side(reader: LineReader) -> None:
    assert reader.read(*draw_line("I", 40))[0] in {"I", "l", "1", "|", ""}


def test_no_strokes_no_text(reader: LineReader) -> None:
    picture, strokes = draw_line("Yes, sir.")
    assert reader.read(picture, np.zeros_like(strokes)) == ("", 0.0)
    with pytest.raises(ValueError, match="expected an RGB picture"):
        reader.read(picture, strokes[1:])


def test_the_same_twice_and_by_another_reader(reader: LineReader) -> None:
    line = draw_line(ENGLISH[1])
    assert reader.read(*line) == reader.read(*line) == LineReader(CtcReader(bundled_model())).read(*line)


def test_lines_are_read_on_the_cpu_whatever_there_is(gpu_build: list[list[str]]) -> None:
    with measure() as profile:
        LineReader(CtcReader(bundled_model()))
    assert gpu_build == [["CPUExecutionProvider"]]
    version = onnxruntime.__version__
    assert profile.notes == {"scan": [f"CPUExecutionProvider of onnxruntime {version}"]}


def test_onnxruntime_reports_to_nobody() -> None:
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"

import os
import string
from pathlib import Path

import numpy as np
import pytest
from onnx_models import make_outside_tensor, make_recogniser
from PIL import Image, ImageDraw, ImageFont

from subremover.detect.reading.ctc_reader import CtcReader, bundled_model
from subremover.errors import UsageError

LETTERS = string.ascii_lowercase


@pytest.fixture(scope="module")
def bundled() -> CtcReader:
    return CtcReader(bundled_model())


def write_model(folder: Path, model: bytes) -> Path:
    (folder / "model.onnx").write_bytes(model)
    return folder / "model.onnx"


def draw_bars(*places: int, height: int = 48, width: int = 400) -> np.ndarray:
    line = np.full((height, width, 3), 255, np.uint8)
    for place in places:
        line[:, place - 10 : place + 10] = 0
    return line


def test_the_one_that_comes_along(bundled: CtcReader) -> None:
    assert bundled.name == "PP-OCRv6_rec_small"
    assert bundled.scripts == {"latin", "han"}
    image = Image.new("RGB", (420, 44), "white")
    ImageDraw.Draw(image).text((4, 0), "Yes, sir. I owe you.", font=ImageFont.load_default(36), fill="black")
    reading = bundled.read(np.asarray(image))
    assert reading.text == "Yes, sir. I owe you."
    assert 0.9 < reading.confidence <= 1
    assert len(reading.columns) == len(reading.text.replace(" ", ""))
    assert (np.diff(reading.columns) > 0).all()


def test_nothing_is_read_on_plain_ground(bundled: CtcReader) -> None:
    reading = bundled.read(np.full((40, 300, 3), 90, np.uint8))
    assert (reading.text, reading.confidence, len(reading.columns)) == ("", 0.0, 0)


@pytest.mark.parametrize(
    "line", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3)), np.zeros((0, 8, 3), np.uint8)]
)
def test_what_is_no_picture_of_a_line(bundled: CtcReader, line: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected an RGB picture of uint8"):
        bundled.read(line)


def test_a_model_of_the_users_own(tmp_path: Path) -> None:
    reader = CtcReader(write_model(tmp_path, make_recogniser(LETTERS)))
    assert (reader.name, reader.scripts) == ("model", {"latin"})
    reading = reader.read(draw_bars(100, 300))
    assert (reading.text, reading.confidence) == ("aa", 1.0)
    assert reading.columns == pytest.approx([90.5, 290.5])  # where each begins: the model has a step a column


@pytest.mark.parametrize("height", [1, 12, 96, 700])
def test_columns_are_those_of_the_line_at_any_size(tmp_path: Path, height: int) -> None:
    reader = CtcReader(write_model(tmp_path, make_recogniser(LETTERS, shape=(1, 3, "height", "width"))))
    reading = reader.read(draw_bars(100, 300, height=height))
    assert reading.text == "aa"
    assert reading.columns == pytest.approx([90, 290], abs=max(2, height / 20))


def test_scripts_are_told_by_letters(tmp_path: Path) -> None:
    few = LETTERS + "жзиклн0123456789"
    greek = "αβγδεζηθικλμνξοπρστυφχψω"  # as in formulas; Greek has accents
    for characters, scripts in ((few, {"latin"}), (few + greek, {"latin"}), (greek + "ά", {"greek"})):
        model = write_model(tmp_path, make_recogniser(characters))
        assert CtcReader(model).scripts == scripts


def test_control_characters_of_a_model_are_never_written(tmp_path: Path) -> None:
    reader = CtcReader(write_model(tmp_path, make_recogniser("\x1b" + LETTERS)))
    assert reader.read(draw_bars(100)).text == ""


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (b"", "onnxruntime takes it for no model"),
        (b"not a model", "onnxruntime takes it for no model"),
        (make_recogniser(LETTERS)[:300], "onnxruntime takes it for no model"),
        (make_recogniser(LETTERS, has_list=False), "no list of characters in it"),
        (make_recogniser(LETTERS, shape=(1, 1, 48, "width")), "what it takes is no picture of a line"),
        (make_recogniser(LETTERS, shape=(1, 3, 4800, "width")), "what it takes is no picture of a line"),
        (make_recogniser(LETTERS, classes=9), "it names 26 characters and tells 9 classes apart"),
        (make_recogniser("0123456789"), "it knows the letters of no script"),
        (make_recogniser(LETTERS, shape=(1, 3, 48, 77)), "it fails: "),
    ],
)
def test_what_is_no_recogniser(tmp_path: Path, model: bytes, why: str) -> None:
    with pytest.raises(
        UsageError, match=rf"the recogniser '.*' cannot be used \({why}.*RapidOCR has"
    ) as caught:
        CtcReader(write_model(tmp_path, model))
    assert caught.value.exit_code == 2


def test_a_detector_is_no_recogniser() -> None:
    with pytest.raises(UsageError, match="no list of characters in it"):
        CtcReader(bundled_model().with_name("PP-OCRv6_det_small.onnx"))


def test_weights_outside_of_the_file_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(np.ones(28, np.float32).tobytes())
    for place in ("weights", f"{tmp_path}/weights", "../weights"):
        outside = make_outside_tensor("weights", (1, 28), place)
        with pytest.raises(UsageError, match="onnxruntime takes it for no model"):
            CtcReader(write_model(tmp_path, make_recogniser(LETTERS, weights=outside)))


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "giant").open("wb") as file:
        file.truncate(1 << 40)
    for name, why in {
        "": "is no regular file",
        "pipe": "is no regular file",
        "giant": "has over 512 MiB",
        "missing": "No such file",
        "null\0byte": "cannot read the recogniser",
        "model.onnx/inside": "No such file|Not a directory",
    }.items():
        with pytest.raises(UsageError, match=why):
            CtcReader(tmp_path / name)

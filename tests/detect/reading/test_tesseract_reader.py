import os
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from written_lines import LINES, draw_row, open_tesseract

from subremover.detect.reading.scripts import Script
from subremover.detect.reading.tesseract_reader import TesseractData, TesseractReader, find_data
from subremover.errors import InputError


@pytest.mark.parametrize("script", LINES)
def test_a_line_in_each_script(script: Script) -> None:
    reader, (text, font) = open_tesseract(script), LINES[script]
    assert reader.scripts == {script}
    for size_px, colours in ((24, ("black", "white")), (48, ("white", "black"))):
        line = draw_row(text, font, size_px, colours)
        reading = reader.read(line)
        assert reading.text == text
        assert 0.8 < reading.confidence <= 1
        assert len(reading.columns) > 0
        assert reading.columns.min() > -0.1 * size_px
        assert reading.columns.max() < line.shape[1] + 0.1 * size_px
        assert np.ptp(reading.columns) > 0.8 * line.shape[1] - 2 * size_px


def test_a_short_word_of_joined_letters_on_noise() -> None:
    """Where Tesseract finds no line it takes all of the picture for one."""
    reader = open_tesseract("arabic")
    line = draw_row("صيدلية", LINES["arabic"][1], 36).astype(np.float32)
    noise = np.random.default_rng(1).normal(0, 20, line.shape[:2])[..., None]
    assert reader.read(np.clip(line + noise, 0, 255).astype(np.uint8)).text.rstrip(".") == "صيدلية"


def test_neither_marks_of_direction_nor_spaces_within_words() -> None:
    arabic = open_tesseract("arabic").read(draw_row("هو في 1987 الآن", LINES["arabic"][1]))
    assert arabic.text == "هو في 1987 الآن"
    thai = open_tesseract("thai").read(draw_row("อะไรนะ ไม่ได้ยินเลย", LINES["thai"][1]))
    assert len(thai.text.split()) == 2


def test_the_same_in_any_order_and_from_any_thread() -> None:
    text, font = LINES["cyrillic"]
    lines = [draw_row(part, font, size) for part in (text, "Конец фильма") for size in (20, 50)]
    one, other = open_tesseract("cyrillic"), open_tesseract("cyrillic")
    expected = [one.read(line) for line in lines]
    found: dict[int, object] = {}

    def read(number: int) -> None:
        found[number] = other.read(lines[number])

    threads = [threading.Thread(target=read, args=(number,)) for number in (3, 1, 2, 0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, reading in enumerate(expected):
        assert (found[number].text, found[number].confidence) == (reading.text, reading.confidence)  # type: ignore[attr-defined]
        assert (found[number].columns == reading.columns).all()  # type: ignore[attr-defined]


def test_nothing_is_read_where_nothing_stands() -> None:
    reader = open_tesseract("cyrillic")
    for shape in ((40, 300, 3), (1, 1, 3), (3, 9000, 3)):
        assert reader.read(np.full(shape, 255, np.uint8)).text == ""
    with pytest.raises(ValueError, match="expected an RGB picture of uint8"):
        reader.read(np.zeros((8, 8), np.uint8))


def test_a_line_of_any_size() -> None:
    reader, (text, font) = open_tesseract("cyrillic"), LINES["cyrillic"]
    assert reader.read(draw_row(text, font, 300)).text == text
    wide = cv2.resize(draw_row(text, font, 40), (9000, 700))
    reading = reader.read(wide)
    assert len(reading.columns) == 0 or reading.columns.max() > 4500


def test_where_data_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subremover.detect.reading.tesseract_reader._SYSTEM_FOLDERS", ())
    monkeypatch.delenv("TESSDATA_PREFIX", raising=False)
    assert find_data("cyrillic") is None
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
    assert find_data("cyrillic") is None
    (tmp_path / "ukr.traineddata").touch()
    (tmp_path / "rus.traineddata").touch()
    (tmp_path / "eng.traineddata").touch()
    assert find_data("cyrillic") == TesseractData(tmp_path, ("rus", "ukr"))
    (tmp_path / "tessdata" / "script").mkdir(parents=True)
    (tmp_path / "tessdata" / "script" / "Cyrillic.traineddata").touch()
    found = find_data("cyrillic")
    assert found == TesseractData(tmp_path / "tessdata", ("script/Cyrillic",))
    assert found.files == [tmp_path / "tessdata" / "script" / "Cyrillic.traineddata"]
    (tmp_path / "Cyrillic.traineddata").mkdir()  # a folder and a pipe are no data
    os.mkfifo(tmp_path / "Thai.traineddata")
    assert find_data("cyrillic") == found
    assert find_data("thai") is None


def test_data_in_a_folder_of_scripts(tmp_path: Path) -> None:
    open_tesseract("cyrillic")
    data = find_data("cyrillic")
    assert data is not None
    (tmp_path / "script").mkdir()
    (tmp_path / "script" / "Cyrillic.traineddata").symlink_to(data.files[0])
    reader = TesseractReader("cyrillic", TesseractData(tmp_path, ("script/Cyrillic",)))
    text, font = LINES["cyrillic"]
    assert reader.read(draw_row(text, font)).text == text


def test_damaged_data_are_told_of(tmp_path: Path) -> None:
    line = draw_row(LINES["cyrillic"][0], LINES["cyrillic"][1]) if open_tesseract("cyrillic") else None
    (tmp_path / "rus.traineddata").write_bytes(b"no data of Tesseract")
    with pytest.raises(
        InputError, match=r"cannot use its data \('.*rus.traineddata'\); install them anew"
    ) as caught:
        TesseractReader("cyrillic", TesseractData(tmp_path, ("rus",))).read(line)
    assert caught.value.exit_code == 3


def test_threads_of_others_are_not_limited() -> None:
    """Tesseract's limit is in the environment only while it is loaded: torch would keep to it."""
    code = (
        "import os; from subremover.detect.reading.tesseract_reader import has_tesseract; has_tesseract();"
        "raise SystemExit('OMP_THREAD_LIMIT' in os.environ)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_THREAD_LIMIT"}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0

import os
import string
import subprocess
import sys
import time
from pathlib import Path

import pytest
from onnx_models import make_recogniser
from written_lines import open_tesseract

from subremover.detect.reading import trial
from subremover.detect.reading.available import find_readers, install_command
from subremover.detect.reading.ctc_reader import bundled_model
from subremover.detect.reading.tesseract_reader import find_data
from subremover.errors import UsageError

LETTERS = string.ascii_lowercase
CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюя"
SYSTEM = "subremover.detect.reading.tesseract_reader._SYSTEM_FOLDERS"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which data of Tesseract are looked for; empty."""
    monkeypatch.setattr(SYSTEM, ())
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path / "data"))
    return tmp_path / "data"


def find_cyrillic() -> Path:
    """Data of Tesseract for Cyrillic, or the test is skipped."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TESSDATA_PREFIX", raising=False)
        patch.setattr(SYSTEM, ("usr/share/tesseract-ocr/*/tessdata", "usr/share/tessdata"))
        open_tesseract("cyrillic")
        found = find_data("cyrillic")
    assert found is not None
    return found.files[0]


@pytest.mark.usefixtures("data")
def test_what_is_always_there() -> None:
    readers, missing = find_readers("eng", None)
    assert [reader.name for reader in readers] == ["PP-OCRv6_rec_small"]
    assert missing == []


@pytest.mark.usefixtures("data")
def test_what_is_missing_is_told_with_its_command() -> None:
    find_cyrillic()
    readers, missing = find_readers("rus", None)
    assert [reader.name for reader in readers] == ["PP-OCRv6_rec_small"]
    assert [entry.script for entry in missing] == ["cyrillic"]
    assert str(missing[0]) == (
        "Cyrillic letters cannot be read here; to have them read: apt install tesseract-ocr-script-cyrl"
    )
    _, missing = find_readers("und", None)
    assert {"cyrillic", "arabic", "hebrew", "hangul", "thai", "devanagari"} <= {
        entry.script for entry in missing
    }
    assert not {"latin", "han"} & {entry.script for entry in missing}
    assert install_command(["thai", "hebrew"]) == ("apt install tesseract-ocr-tha tesseract-ocr-script-hebr")


def test_without_tesserocr_its_command_comes_too(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tesserocr", None)
    readers, missing = find_readers("kor", None)
    assert [reader.name for reader in readers] == ["PP-OCRv6_rec_small"]
    assert [entry.command for entry in missing] == [
        "pip install 'subremover[ocr]' && apt install tesseract-ocr-kor"
    ]
    assert "tesseract-ocr-script-arab" in find_readers("fas", None)[1][0].command
    (data / "Hangul.traineddata").touch()
    assert find_readers("kor", None)[1][0].command == "pip install 'subremover[ocr]'"


def test_the_language_decides(data: Path) -> None:
    (data / "Cyrillic.traineddata").symlink_to(find_cyrillic())
    readers, missing = find_readers("ukr", None)
    assert [reader.name for reader in readers] == ["Tesseract (Cyrillic)", "PP-OCRv6_rec_small"]
    assert missing == []
    readers, _ = find_readers("jpn", None)
    assert [reader.name for reader in readers] == ["PP-OCRv6_rec_small"]
    readers, missing = find_readers("srp", None)  # written in two scripts
    assert [reader.name for reader in readers] == ["PP-OCRv6_rec_small", "Tesseract (Cyrillic)"]
    assert "cyrillic" not in {entry.script for entry in missing}


def test_a_model_of_the_users_own_reads_its_script(data: Path, tmp_path: Path) -> None:
    (data / "Cyrillic.traineddata").touch()
    model = tmp_path / "mine.onnx"
    model.write_bytes(make_recogniser(CYRILLIC))
    readers, missing = find_readers("rus", model)
    assert [reader.name for reader in readers] == ["mine", "PP-OCRv6_rec_small"]
    assert missing == []
    readers, missing = find_readers("eng", model)
    assert [reader.name for reader in readers] == ["PP-OCRv6_rec_small", "mine"]


def test_damaged_data_are_missing(data: Path) -> None:
    good = find_cyrillic()
    (data / "Cyrillic.traineddata").symlink_to(good)
    (data / "Thai.traineddata").write_bytes(good.read_bytes()[: 1 << 20])
    readers, missing = find_readers("und", None)
    assert [reader.name for reader in readers] == ["PP-OCRv6_rec_small", "Tesseract (Cyrillic)"]
    (thai,) = [entry for entry in missing if entry.script == "thai"]
    assert str(thai) == (
        f"Thai letters cannot be read here (Tesseract cannot use '{data}/Thai.traineddata'); "
        "to have them read: apt install --reinstall tesseract-ocr-tha"
    )


def test_data_that_end_who_loads_them(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find_cyrillic()
    (data / "Thai.traineddata").touch()
    run = subprocess.run
    crash = [sys.executable, "-c", "import os; os.abort()"]
    monkeypatch.setattr(trial.subprocess, "run", lambda _, **settings: run(crash, **settings))
    readers, missing = find_readers("tha", None)
    assert [reader.name for reader in readers] == ["PP-OCRv6_rec_small"]
    assert "Tesseract cannot use" in missing[0].reason


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (b"not a model", "onnxruntime takes it for no model"),
        (make_recogniser(LETTERS, burden=((1 << 34,), 0)), "it fails: "),  # 64 GiB
        (make_recogniser(LETTERS, burden=((4000, 4000), 60)), "it takes over 1 seconds"),
    ],
)
def test_a_model_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: bytes, why: str
) -> None:
    monkeypatch.setattr(trial, "_MOST_SECONDS", 1)
    (tmp_path / "mine.onnx").write_bytes(model)
    start = time.monotonic()
    for _ in range(2):  # the second time it is known
        with pytest.raises(
            UsageError, match=rf"the recogniser '.*mine.onnx' cannot be used \({why}"
        ) as caught:
            find_readers("eng", tmp_path / "mine.onnx")
        assert caught.value.exit_code == 2
    assert time.monotonic() - start < 30


def test_a_model_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mine.onnx")
    with pytest.raises(UsageError, match="is no regular file"):
        find_readers("eng", tmp_path / "mine.onnx")


def test_a_sound_model_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    trial.try_model(bundled_model())
    monkeypatch.setattr(trial.subprocess, "run", None)
    trial.try_model(bundled_model())

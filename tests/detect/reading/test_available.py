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
from subremover.detect.reading.available import install_command, make_words, tell_unread
from subremover.detect.reading.ctc_reader import CtcReader, bundled_model
from subremover.detect.reading.film_words import FilmWords
from subremover.detect.reading.tesseract_reader import find_data
from subremover.errors import UsageError

LETTERS = string.ascii_lowercase
CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюя"
BUNDLED = "PP-OCRv6_rec_small"
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


def make(language: str, model: Path | None) -> FilmWords:
    """What reads the words of a film, beside the bundled recogniser."""
    return make_words(CtcReader(bundled_model()), language, model)


def name_readers(words: FilmWords) -> list[str]:
    """Those that every film is read with."""
    return [reader.name for reader in words._readers]


def name_others(words: FilmWords) -> list[str]:
    """Those that are looked for where these cannot read a line."""
    return [reader.name for reader in words._find_others()]


@pytest.mark.usefixtures("data")
def test_what_is_always_there(caplog: pytest.LogCaptureFixture) -> None:
    for language in ("eng", "jpn"):
        words = make(language, None)
        assert name_readers(words) == [BUNDLED]
        assert words.is_at_sight
    words = make("und", None)
    assert (name_readers(words), name_others(words)) == ([BUNDLED], [])
    assert caplog.messages == []  # the film may need no more


@pytest.mark.usefixtures("data")
def test_what_the_told_language_lacks_is_named_with_its_command(caplog: pytest.LogCaptureFixture) -> None:
    find_cyrillic()
    words = make("rus", None)
    assert name_readers(words) == [BUNDLED]
    assert caplog.messages == [
        "Cyrillic letters cannot be read here; to have them read: apt install tesseract-ocr-script-cyrl"
    ]
    assert install_command(["thai", "hebrew"]) == ("apt install tesseract-ocr-tha tesseract-ocr-script-hebr")


@pytest.mark.usefixtures("data")
def test_a_film_that_nobody_can_read_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    find_cyrillic()
    tell_unread()
    (message,) = caplog.messages
    packages = message.partition(
        "no reader here knows the script of the subtitles; to have more scripts read: apt install "
    )[2]
    assert {"tesseract-ocr-script-cyrl", "tesseract-ocr-ara", "tesseract-ocr-kor"} <= set(packages.split())


def test_where_all_is_there_the_language_may_help(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("subremover.detect.reading.available.install_command", lambda _: "")
    tell_unread()
    assert caplog.messages == [
        "no reader here knows the script of the subtitles; --subtitle-language may help"
    ]


def test_without_tesserocr_its_command_comes_too(
    data: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "tesserocr", None)
    assert name_readers(make("kor", None)) == [BUNDLED]
    assert caplog.messages[-1].endswith("pip install 'subremover[ocr]' && apt install tesseract-ocr-kor")
    make("fas", None)
    assert "tesseract-ocr-script-arab" in caplog.messages[-1]
    (data / "Hangul.traineddata").touch()
    make("kor", None)
    assert caplog.messages[-1].endswith("read: pip install 'subremover[ocr]'")
    assert name_others(make("und", None)) == []


def test_the_language_decides(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    (data / "Cyrillic.traineddata").symlink_to(find_cyrillic())
    words = make("ukr", None)
    assert name_readers(words) == ["Tesseract (Cyrillic)", BUNDLED]
    assert not words.is_at_sight
    assert name_readers(make("jpn", None)) == [BUNDLED]
    for language in ("und", "srp"):  # the latter is written in two scripts
        words = make(language, None)
        assert (name_readers(words), name_others(words)) == ([BUNDLED], ["Tesseract (Cyrillic)"])
    assert caplog.messages == []


def test_a_model_of_the_users_own_reads_its_script(data: Path, tmp_path: Path) -> None:
    (data / "Cyrillic.traineddata").touch()
    model = tmp_path / "mine.onnx"
    model.write_bytes(make_recogniser(CYRILLIC))
    assert name_readers(make("rus", model)) == ["mine", BUNDLED]
    assert name_readers(make("eng", model)) == [BUNDLED, "mine"]
    words = make("und", model)
    assert (name_readers(words), name_others(words)) == (["mine", BUNDLED], [])


def test_damaged_data_are_told_of(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    good = find_cyrillic()
    (data / "Cyrillic.traineddata").symlink_to(good)
    (data / "Thai.traineddata").write_bytes(good.read_bytes()[: 1 << 20])
    assert name_others(make("und", None)) == ["Tesseract (Cyrillic)"]
    assert caplog.messages == [
        f"Tesseract cannot use '{data}/Thai.traineddata'; install them anew: "
        "apt install --reinstall tesseract-ocr-tha"
    ]


def test_data_that_end_who_loads_them(
    data: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    find_cyrillic()
    (data / "Thai.traineddata").touch()
    run = subprocess.run
    crash = [sys.executable, "-c", "import os; os.abort()"]
    monkeypatch.setattr(trial.subprocess, "run", lambda _, **settings: run(crash, **settings))
    assert name_readers(make("tha", None)) == [BUNDLED]
    (message,) = caplog.messages
    assert message.startswith("Tesseract cannot use")


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
            make("eng", tmp_path / "mine.onnx")
        assert caught.value.exit_code == 2
    assert time.monotonic() - start < 30


def test_a_model_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mine.onnx")
    with pytest.raises(UsageError, match="is no regular file"):
        make("eng", tmp_path / "mine.onnx")


def test_a_sound_model_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    trial.try_model(bundled_model())
    monkeypatch.setattr(trial.subprocess, "run", None)
    trial.try_model(bundled_model())

"""What a record tells of a film's outputs, and what of records is believed."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from archived import DONE, NO_OUTPUTS, OPTIONS, ask, make
from processes import names

from subremover.archive import record as module
from subremover.archive.film import FilmRequest
from subremover.archive.names import claim_file, record_file
from subremover.archive.record import Record, begin_record, read_record
from subremover.errors import InputError
from subremover.options import EncodeOptions, Options, PoolOptions, ScanOptions
from subremover.resume.names import find_folder
from subremover.runtime.atomic_file import PartFile


def finish(film: FilmRequest) -> Record:
    """Make a film's outputs, and write down that they are made."""
    record = begin_record(film, is_own=False).finish(film, make(film))
    record.write(record_file(film.first_output), film.name)
    return record


def look(film: FilmRequest) -> str:
    record = read_record(record_file(film.first_output))
    assert record is not None
    return record.find_state(film)


def all_outputs(folder: Path) -> dict[str, Path]:
    return {
        "film": folder / "clean/a.mp4",
        "srt": folder / "srt/a.srt",
        "report": folder / "a.html",
        "plan": folder / "plans/a.mp4",
        "previews": folder / "look/a.mp4",
        "provenance": folder / "from/a.mp4",
    }


class TestNames:
    def test_beside_the_first_output(self, tmp_path: Path) -> None:
        outputs = all_outputs(tmp_path)
        film = ask(tmp_path, **outputs)
        assert record_file(film.first_output) == tmp_path / "clean/.a.mp4.subremover.json"
        del outputs["film"]
        assert ask(tmp_path, **outputs).first_output == outputs["srt"]
        film = ask(tmp_path, plan=outputs["plan"])
        assert record_file(film.first_output) == tmp_path / "plans/.a.mp4.subremover.json"

    def test_long_names(self, tmp_path: Path) -> None:
        output = tmp_path / f"{'ü' * 120}.mp4"
        assert len({record_file(output), claim_file(output), find_folder(output)}) == 3
        for place in (record_file(output), claim_file(output)):
            place.touch()


class TestState:
    """Whether a film is done."""

    def test_done(self, tmp_path: Path) -> None:
        film = ask(tmp_path, **all_outputs(tmp_path))
        record = finish(film)
        found = read_record(record_file(film.first_output))
        assert found == replace(record, done=DONE)
        assert found is not None
        assert found.find_state(film) == "done"
        fewer = replace(film, outputs=replace(film.outputs, report=None, provenance=None))
        assert found.find_state(fewer) == "done"

    def test_more_outputs_than_were_made(self, tmp_path: Path) -> None:
        film = ask(tmp_path)
        finish(film)
        more = replace(film, outputs=replace(film.outputs, srt=tmp_path / "a.srt"))
        assert look(more) == "new"

    def test_it_looks_at_no_more_than_names_and_sizes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        film = ask(tmp_path, **all_outputs(tmp_path))
        finish(film)
        monkeypatch.setattr(module, "sample_film", None)
        assert look(film) == "done"

    def test_a_film_that_was_touched_or_copied(self, tmp_path: Path) -> None:
        film = ask(tmp_path)
        finish(film)
        os.utime(film.source, ns=(1, 1))
        assert look(film) == "done"

    def test_another_film(self, tmp_path: Path) -> None:
        film = ask(tmp_path)
        finish(film)
        stamp = film.source.stat().st_mtime_ns
        film.source.write_bytes(b"b.mp4")  # as long
        os.utime(film.source, ns=(stamp + 1, stamp + 1))
        assert look(film) == "new"
        film.source.write_bytes(b"longer")
        os.utime(film.source, ns=(stamp, stamp))
        assert look(film) == "new"
        film.source.unlink()
        assert look(film) == "new"

    @pytest.mark.parametrize(
        ("options", "state"),
        [
            (Options(ScanOptions(logos=True)), "new"),
            (Options(ScanOptions(subtitle_language="rus")), "new"),
            (Options(encode=EncodeOptions(crf=20.0)), "new"),
            (Options(encode=EncodeOptions(overwrite=True, resume=False)), "done"),
            (Options(pool=PoolOptions(device="cpu", batch_size=3)), "done"),
        ],
    )
    def test_other_options(self, tmp_path: Path, options: Options, state: str) -> None:
        finish(ask(tmp_path))
        assert look(ask(tmp_path, options=options)) == state

    def test_another_moment(self, tmp_path: Path) -> None:
        finish(ask(tmp_path))
        assert look(ask(tmp_path, how="around 7")) == "new"

    def test_files_of_options_are_told_by_what_they_say(self, tmp_path: Path) -> None:
        (tmp_path / "plan").mkdir()
        for name in ("mask.png", "times.srt", "model.onnx", "plan/plan.json", "plan/1.png"):
            (tmp_path / name).write_text("old")
        scans = [
            ("mask.png", ScanOptions(mask=tmp_path / "mask.png")),
            ("times.srt", ScanOptions(times=tmp_path / "times.srt")),
            ("model.onnx", ScanOptions(ocr_model=tmp_path / "model.onnx")),
            ("plan/1.png", ScanOptions(plan=tmp_path / "plan")),
            ("plan/plan.json", ScanOptions(plan=tmp_path / "plan/plan.json")),
        ]
        for number, (name, scan) in enumerate(scans):
            film = ask(tmp_path, f"{number}.mp4", Options(scan))
            finish(film)
            assert look(film) == "done", name
            (tmp_path / name).write_text("new one")
            assert look(film) == "new", name
        shutil.copy(tmp_path / "mask.png", tmp_path / "other.png")
        finish(ask(tmp_path, "5.mp4", Options(ScanOptions(mask=tmp_path / "mask.png"))))
        assert look(ask(tmp_path, "5.mp4", Options(ScanOptions(mask=tmp_path / "other.png")))) == "done"

    @pytest.mark.parametrize("kind", ["film", "srt", "report", "plan", "previews", "provenance"])
    def test_an_output_that_is_gone_or_other(self, tmp_path: Path, kind: str) -> None:
        film = ask(tmp_path, **all_outputs(tmp_path))
        finish(film)
        file = {**film.outputs.files, "previews": tmp_path / "look/a.mp4/frame.png"}[kind]  # type: ignore[dict-item]
        file.unlink()
        assert look(film) == "again"
        file.write_text("another one")
        assert look(film) == "new"
        file.unlink()
        file.mkdir()
        assert look(film) == "new"

    def test_nothing_is_left(self, tmp_path: Path) -> None:
        film = ask(tmp_path)
        finish(film)
        film.first_output.unlink()
        assert look(film) == "new"


class TestBegun:
    """What a run has left that was killed."""

    def begin(self, film: FilmRequest, is_own: bool = False) -> None:
        begin_record(film, is_own).write(record_file(film.first_output), film.name)

    def test_between_its_last_output_and_its_record(self, tmp_path: Path) -> None:
        film = ask(tmp_path, srt=tmp_path / "a.srt", plan=tmp_path / "plan")
        self.begin(film)
        assert look(film) == "new"
        film.outputs.files["srt"].write_text("half of it")
        assert look(film) == "again"
        make(film)
        assert look(film) == "done"

    def test_before_it_has_replaced_what_there_was(self, tmp_path: Path) -> None:
        film = ask(tmp_path, srt=tmp_path / "a.srt", report=tmp_path / "a.html")
        make(film, "of somebody else")
        self.begin(film)
        assert look(film) == "new"
        film.outputs.files["srt"].write_text("made")
        assert look(film) == "new"  # the page may not be replaced without being told to
        film.outputs.files["report"].write_text("made")
        assert look(film) == "done"

    def test_again_amid_what_was_made_again(self, tmp_path: Path) -> None:
        film = ask(tmp_path, srt=tmp_path / "a.srt", report=tmp_path / "a.html")
        finish(film)
        film.outputs.files["srt"].unlink()
        self.begin(film, is_own=True)
        assert look(film) == "again"

    def test_previews_are_made_again(self, tmp_path: Path) -> None:
        film = ask(tmp_path, previews=tmp_path / "look")
        self.begin(film)
        make(film)
        assert look(film) == "new"


def change(what: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    def make_other(file: Path) -> None:
        document = json.loads(file.read_text())
        what(document)
        file.write_text(json.dumps(document))

    return make_other


def replace_by(make_other: Callable[[Path], object]) -> Callable[[Path], object]:
    def make_instead(file: Path) -> None:
        shutil.copy(file, file.with_suffix(".copy"))
        file.unlink()
        make_other(file)

    return make_instead


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.unlink(),
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(file.read_bytes()[:-9]),
        lambda file: file.write_bytes(b"\xff\xfe\0"),
        lambda file: file.write_text("[" * 100_000),
        lambda file: file.write_text("[]"),
        lambda file: file.write_text(file.read_text() + " " * (1 << 22)),
        replace_by(lambda file: file.symlink_to(file.with_suffix(".copy"))),
        replace_by(os.mkfifo),
        replace_by(lambda file: file.mkdir()),
        change(lambda document: document.update(version=2)),
        change(lambda document: document.update(format="subremover run")),
        change(lambda document: document.update(options=None)),
        change(lambda document: document.update(outputs={"film": {"../a": 1}})),
        change(lambda document: document.update(outputs={"film": {"": "1"}})),
        change(lambda document: document.update(outputs={"film": []})),
        change(lambda document: document.update(before={"film": [1]})),
        change(lambda document: document["source"].update(size=True)),
        change(lambda document: document["source"].pop("sample")),
        change(lambda document: document["done"].update(left_alone=[1])),
        change(lambda document: document["done"].update(seconds=float("nan"))),
        change(lambda document: document["done"].update(frames="24")),
    ],
)
def test_what_is_no_record(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    film = ask(tmp_path)
    finish(film)
    file = record_file(film.first_output)
    assert read_record(file) is not None
    spoil(file)
    assert read_record(file) is None


def test_half_of_one_goes_with_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a run leaves it that is killed while it writes."""
    film = ask(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(PartFile, "commit", lambda _: None)
        patch.setattr(PartFile, "discard", lambda _: None)
        finish(film)
    assert len(names(film.first_output.parent)) == 2
    monkeypatch.setattr(os, "getpid", lambda: 1)
    finish(film)
    assert names(film.first_output.parent) == [".a.mp4.subremover.json", "a.mp4"]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    film = ask(tmp_path)
    record = finish(film)
    film.source.unlink()
    os.mkfifo(film.source)
    for known in (record, replace(record, stamp=(-1, 0)), replace(record, stamp=(-1, 1))):
        assert known.find_state(film) == "new"
    with pytest.raises(InputError):
        begin_record(film, is_own=False)


def test_no_outputs_no_record(tmp_path: Path) -> None:
    assert not FilmRequest("a", tmp_path, NO_OUTPUTS, OPTIONS).outputs.places

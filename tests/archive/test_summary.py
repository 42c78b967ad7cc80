"""What came of several films, in words and for programs."""

import json
import os
from pathlib import Path

import pytest
from archived import DONE, ask

from subremover.archive.summary import Entry, Summary, check_summary
from subremover.errors import InputError, OutputError


@pytest.fixture
def summary(tmp_path: Path) -> Summary:
    """Of four films."""
    summary = Summary()
    for name in ("a.mp4", "b.mp4", "c.mp4", "d\udcff.mp4"):
        summary.set(name, Entry.of(ask(tmp_path, name), "waiting"))
    summary.set("a.mp4", Entry.of(ask(tmp_path, "a.mp4"), "done", DONE))
    summary.set("b.mp4", Entry.of_failed(ask(tmp_path, "b.mp4"), InputError("cannot read it")))
    summary.set("c.mp4", Entry.of(ask(tmp_path, "c.mp4"), "done before"))
    return summary


def test_in_words(summary: Summary) -> None:
    assert summary.tell() == "4 films: 1 done, 1 done before, 1 failed, 1 waiting"
    assert Summary().tell() == "0 films"


def test_as_a_file(summary: Summary, tmp_path: Path) -> None:
    file = tmp_path / "new/summary.json"
    summary.write(file)
    document = json.loads(file.read_bytes())
    assert (document["format"], document["version"]) == ("subremover summary", 1)
    assert document["counts"] == {
        "done": 1, "done before": 1, "busy": 0, "failed": 1, "stopped": 0, "waiting": 1
    }  # fmt: skip
    done, failed, before, _ = document["films"]
    assert done == {
        "film": str(tmp_path / "films/a.mp4"),
        "output": str(tmp_path / "clean/a.mp4"),
        "state": "done",
        "seconds": 1.5,
        "frames": 24,
        "events": 2,
        "frames_masked": 10,
        "left_alone": ["a logo at the top right (--logos)"],
        "warnings": ["sound is lost"],
        "error": None,
        "exit_code": None,
    }
    assert (failed["state"], failed["error"], failed["exit_code"]) == ("failed", "cannot read it", 3)
    assert (before["state"], before["events"]) == ("done before", None)
    assert os.listdir(file.parent) == ["summary.json"]  # noqa: PTH208
    check_summary(file, [], overwrite=False)


def test_what_may_not_become_a_summary(tmp_path: Path) -> None:
    file = tmp_path / "film.mp4"
    check_summary(file, [file], overwrite=False)
    file.write_text('{"format": "another"}')
    with pytest.raises(OutputError, match="exists and is no summary; add --overwrite or give another name"):
        check_summary(file, [], overwrite=False)
    check_summary(file, [], overwrite=True)
    (tmp_path / "link").symlink_to(file)
    with pytest.raises(OutputError, match="is the film itself; give another name for the summary"):
        check_summary(tmp_path / "link", [file], overwrite=True)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError, match="is no regular file; give another name for the summary"):
        check_summary(tmp_path / "pipe", [], overwrite=True)

"""The command with many films: folders, what is done before, and several processes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import pytest
from fake_run import FakePool
from media import draw_film, read_pts
from processes import ENVIRONMENT, SUPPORT, names
from tiny_runs import draw_mask

from subremover.archive import arrivals
from subremover.archive.claim import Claim
from subremover.archive.names import record_file
from subremover.cli import command as cli
from subremover.cli.progress_bar import ProgressBar
from subremover.cli.progress_lines import ProgressLines
from subremover.errors import OutputError
from subremover.progress import Progress

QUICK = ("--mask", "mask.png", "--end", "2f", "--no-borrow", "--device", "cpu")
FOUND = ("--scan-only", "--srt", "srt", "--mask", "mask.png", "--end", "2f")
"""Quicker still."""


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    draw_film(folder / "a.mp4", frames=8, size=(96, 96), audio=False)
    cv2.imwrite(str(folder / "mask.png"), draw_mask((96, 96)))
    return folder


@pytest.fixture
def place(drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder: a mask, and films in folders."""
    shutil.copy(drawn / "mask.png", tmp_path)
    for name in ("a.mp4", "s/a.mp4", "s/t/b.mp4"):
        (tmp_path / "films" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(drawn / "a.mp4", tmp_path / "films" / name)
    monkeypatch.chdir(tmp_path)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield tmp_path
    for number, handler in before.items():
        signal.signal(number, handler)


def run(*words: str) -> int:
    return cli.run(words, FakePool())


def start(*words: str, seconds: float = 0.0) -> subprocess.Popen[str]:
    """The command in a process of its own, where a window takes so long."""
    command = [sys.executable, str(SUPPORT / "fake_run.py"), str(seconds), *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=ENVIRONMENT, stdout=pipe, stderr=pipe, text=True)


def made(folder: str) -> list[str]:
    return [name for name in names(Path(folder)) if Path(folder, name).is_file() and "/." not in f"/{name}"]


def leftovers() -> list[str]:
    """Hidden things, but for records."""
    return [name for name in names(Path()) if "/." in f"/{name}" and not name.endswith(".subremover.json")]


def read_summary(name: str = "summary.json") -> dict[str, str]:
    """States by the films' names."""
    films = json.loads(Path(name).read_text())["films"]
    return {entry["film"].removeprefix("films/"): entry["state"] for entry in films}


@pytest.mark.usefixtures("place")
class TestFolders:
    def test_all_outputs_keep_the_tree(self) -> None:
        words = [
            "-o",
            "clean",
            "--provenance",
            "from",
            "--srt",
            "srt",
            "--report",
            "pages",
            "--save-plan",
            "plans",
        ]
        assert run("films/", "--recursive", *words, *QUICK, "-q") == 0
        assert made("clean") == made("from") == ["a.mp4", "s/a.mp4", "s/t/b.mp4"]
        assert made("srt") == ["a.srt", "s/a.srt", "s/t/b.srt"]
        assert made("pages") == ["a.html", "s/a.html", "s/t/b.html"]
        assert [name for name in made("plans") if name.endswith("plan.json")] == [
            "a.mp4/plan.json", "s/a.mp4/plan.json", "s/t/b.mp4/plan.json"
        ]  # fmt: skip
        assert leftovers() == []
        assert run("films/", "--recursive", "--scan-only", "--plan", "plans", "--srt", "new", "-q") == 0
        assert made("new") == ["a.srt", "s/a.srt", "s/t/b.srt"]

    def test_names_are_those_in_the_folder(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("films", "--recursive", *FOUND) == 0
        lines = capsys.readouterr().err.splitlines()
        assert [line.split(":")[0] for line in lines if "1 subtitle on" in line] == [
            "a.mp4",
            "s/a.mp4",
            "s/t/b.mp4",
        ]
        assert lines[-1] == "3 films: 3 done"

    def test_without_recursive(self) -> None:
        assert run("films", *FOUND, "-q") == 0
        assert made("srt") == ["a.srt"]

    def test_outputs_inside_of_the_inputs(self) -> None:
        for _ in range(2):
            words = ["films", "--recursive", "--skip-done", *QUICK, "--around", "0f"]  # which makes films
            assert run(*words, "--preview", "films/look", "-q") == 0
        assert {str(Path(name).parent) for name in made("films/look")} == {"a.mp4", "s/a.mp4", "s/t/b.mp4"}

    def test_one_name_of_two_films(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("films/s", "films", *FOUND) == 2
        assert "'films/s/a.mp4' and 'films/a.mp4' have the same name; give them one by one" in (
            capsys.readouterr().err
        )
        assert run("films", "films", *FOUND) == 2
        assert "'films/a.mp4' was given twice; give it once" in capsys.readouterr().err
        shutil.copy("films/a.mp4", "films/a.mkv")
        assert run("films", *FOUND) == 2
        assert "two outputs would be written to 'srt/a.srt'" in capsys.readouterr().err

    def test_no_film_anywhere(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("hollow/s").mkdir(parents=True)
        assert run("hollow", "--recursive", *FOUND) == 3
        assert "there is no film in the folder 'hollow' or below it; name a film" in capsys.readouterr().err


@pytest.mark.usefixtures("place")
class TestSkipDone:
    def test_whole_films(self, capsys: pytest.CaptureFixture[str]) -> None:
        words = ["films", "--recursive", "-o", "clean", *QUICK]
        assert run(*words) == 0
        before = {name: Path("clean", name).stat().st_mtime_ns for name in made("clean")}
        assert run(*words) == 1  # they exist
        Path("clean/s/a.mp4").unlink()
        capsys.readouterr()
        assert run(*words, "--skip-done") == 0
        err = capsys.readouterr().err
        assert err.endswith("3 films: 1 done, 2 done before\n")
        assert [name for name in made("clean") if Path("clean", name).stat().st_mtime_ns != before[name]] == [
            "s/a.mp4"
        ]
        assert run(*words, "--skip-done", "--crf", "30") == 1
        assert "'clean/a.mp4' exists; add --overwrite" in capsys.readouterr().err
        assert run(*words, "--skip-done", "--crf", "30", "--overwrite", "-q") == 0
        assert run(*words, "--skip-done", "--crf", "30") == 0
        assert capsys.readouterr().err == "3 films: 3 done before\n"

    def test_only_what_failed_is_repeated(self, capsys: pytest.CaptureFixture[str]) -> None:
        good = Path("films/s/a.mp4").read_bytes()
        Path("films/s/a.mp4").write_text("no film")
        words = ["films", "--recursive", *FOUND, "--skip-done", "--summary", "summary.json"]
        assert run(*words) == 1
        *_, told, failed = capsys.readouterr().err.splitlines()
        assert told == "3 films: 2 done, 1 failed"
        assert failed.startswith("failed: s/a.mp4: cannot read 'films/s/a.mp4' as a film")
        assert read_summary() == {"a.mp4": "done", "s/a.mp4": "failed", "s/t/b.mp4": "done"}
        Path("films/s/a.mp4").write_bytes(good)
        assert run(*words) == 0
        assert read_summary() == {"a.mp4": "done before", "s/a.mp4": "done", "s/t/b.mp4": "done before"}
        entries = json.loads(Path("summary.json").read_text())["films"]
        assert [(entry["events"], entry["frames"], entry["frames_masked"]) for entry in entries] == [
            (1, 8, 2)
        ] * 3

    def test_previews(self) -> None:
        words = ["films", "--preview", "look", "--skip-done", "--summary", "summary.json", *QUICK]
        for state in ("done", "done before"):
            assert run(*words) == 0
            assert read_summary() == {"a.mp4": state}
        next(Path("look/a.mp4").glob("*_after.png")).unlink()
        assert run(*words) == 0
        assert read_summary() == {"a.mp4": "done"}

    def test_one_film(self, capsys: pytest.CaptureFixture[str]) -> None:
        words = ["films/a.mp4", "-o", "b.mp4", *QUICK]
        assert run(*words) == 0
        assert not record_file(Path("b.mp4")).exists()
        assert run(*words, "--skip-done") == OutputError.exit_code
        assert "subremover: 'b.mp4' exists; add --overwrite or give another name" in capsys.readouterr().err
        assert not record_file(Path("b.mp4")).exists()
        assert run(*words, "--skip-done", "--overwrite") == 0
        capsys.readouterr()
        assert run(*words, "--skip-done") == 0
        assert capsys.readouterr().err == "1 film: 1 done before\n"
        assert run("films/a.mp4", "-o", "gone/b.mp4", "--skip-busy", *QUICK) == OutputError.exit_code
        assert not Path("gone").exists()


@pytest.mark.usefixtures("place")
class TestSummary:
    def read(self, out: str) -> dict[str, Any]:
        return json.loads(out.splitlines()[-1])  # type: ignore[no-any-return]

    def test_for_programs(self, capsys: pytest.CaptureFixture[str]) -> None:
        words = ["films", "--recursive", *FOUND, "--progress", "json", "--skip-done", "-q"]
        for state in ("done", "done before"):
            assert run(*words) == 0
            line = self.read(capsys.readouterr().out)
            assert line["kind"] == "summary"
            assert line["counts"][state] == 3
            assert [(entry["film"], entry["output"], entry["state"]) for entry in line["films"]] == [
                ("films/a.mp4", "srt/a.srt", state),
                ("films/s/a.mp4", "srt/s/a.srt", state),
                ("films/s/t/b.mp4", "srt/s/t/b.srt", state),
            ]
        assert run("films/a.mp4", "--scan-only", "--mask", "mask.png", "--progress", "json", "-q") == 0
        assert self.read(capsys.readouterr().out)["kind"] == "result"

    def test_stopped(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        def stop(bar: ProgressBar, progress: Progress) -> None:
            if progress.done == 2 and bar._name == "s/a.mp4":
                raise KeyboardInterrupt

        monkeypatch.setattr(ProgressBar, "update", stop)
        words = ["films", "--recursive", "-o", "clean", "--skip-busy", "--summary", "summary.json", *QUICK]
        assert run(*words) == 130
        *_, told, last = filter(None, capsys.readouterr().err.splitlines())
        assert (told, last) == ("3 films: 1 done, 1 stopped, 1 waiting", "subremover: interrupted")
        assert read_summary() == {"a.mp4": "done", "s/a.mp4": "stopped", "s/t/b.mp4": "waiting"}
        assert made("clean") == ["a.mp4"]

    def test_a_file_that_is_none(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("notes").write_text("mine")
        for name, message in (
            ("films/a.mp4", "'films/a.mp4' is the film itself; give another name for the summary"),
            ("notes", "'notes' exists and is no summary; add --overwrite or give another name"),
        ):
            assert run("films", *FOUND, "--summary", name) == OutputError.exit_code
            assert message in capsys.readouterr().err
        assert Path("notes").read_text() == "mine"
        assert run("films", *FOUND, "--summary", "srt/a.srt") == 2
        assert run("films", *FOUND, "--summary", "new/summary.json") == 0
        assert read_summary("new/summary.json") == {"a.mp4": "done"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["films", "films/a.mp4", "-o", "clean", "--watch"], "'films/a.mp4' is none: give its folder"),
        (["films", "-o", "clean", "--scan-only", "--skip-done"], "add -o, --srt or --report"),
        (
            ["films", "--scan-only", "--skip-done"],
            "--skip-done tells by what was made that a film is done; add",
        ),
        (
            ["films", "--scan-only", "--skip-busy"],
            "--skip-busy tells by what was made that a film is done; add",
        ),
        (
            ["films", "-o", "clean", "--watch", "--status"],
            "--status tells of the films that are there; leave out",
        ),
        (["films", "-o", "new.mp4", "--watch"], "-o 'new.mp4' is a file's name; name a folder"),
    ],
)
@pytest.mark.usefixtures("place")
def test_usage(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = names(Path())
    assert run(*words) == 2
    assert message in capsys.readouterr().err
    assert names(Path()) == before


@pytest.mark.usefixtures("place")
class TestProcesses:
    WORDS = ("films", "--recursive", "-o", "clean", "--skip-busy", "-q", *QUICK)

    def wait_for(self, is_so: Callable[[], object]) -> None:
        end = time.monotonic() + 60
        while not is_so():
            assert time.monotonic() < end
            time.sleep(0.01)

    def test_two_share_a_dozen_films_and_one_is_killed(self) -> None:
        for number in range(9):
            shutil.copy("films/a.mp4", f"films/{number}.mp4")
        first = start(*self.WORDS, "--summary", "1.json", seconds=0.2)
        second = start(*self.WORDS, "--summary", "2.json", seconds=0.05)
        self.wait_for(lambda: made("clean") and list(Path("clean").glob(".*.claim")))
        self.wait_for(lambda: Path("1.json").exists() and "done" in read_summary("1.json").values())
        first.kill()
        first.communicate()
        assert second.wait() == 0
        states = [read_summary("1.json"), read_summary("2.json")]
        for name in states[0]:
            assert [one[name] for one in states].count("done") <= 1, name
            assert states[1][name] in ("done", "done before"), name
        assert len(made("clean")) == 12
        assert {len(read_pts(Path("clean", name))) for name in made("clean")} == {8}
        assert leftovers() == []
        assert run(*self.WORDS, "--summary", "3.json") == 0
        assert set(read_summary("3.json").values()) == {"done before"}

    @pytest.mark.parametrize(
        "moment",
        [
            "resume.folder.WorkFolder.__exit__",
            "archive.record.Record.finish",
            "archive.claim.Claim.release",
            "runtime.atomic_file.sync_folder",
        ],
    )
    def test_killed_behind_the_last_output(self, moment: str) -> None:
        """The film is there, but its work folder may be too, and its record does not yet say so."""
        module, _, name = moment.rpartition(".")
        code = (
            "import os, sys; from pathlib import Path\n"
            f"sys.path.insert(0, {str(SUPPORT)!r}); import fake_run, pkgutil\n"
            f"owner = pkgutil.resolve_name('subremover.{module}'); real = getattr(owner, {name!r})\n"
            "def kill(*words):\n"
            "    return os.kill(os.getpid(), 9) if Path('clean/a.mp4').exists() else real(*words)\n"
            f"setattr(owner, {name!r}, kill)\n"
            "sys.exit(fake_run.main(0, sys.argv[1:]))"
        )
        process = subprocess.Popen([sys.executable, "-c", code, *self.WORDS], env=ENVIRONMENT)
        assert process.wait() == -signal.SIGKILL
        assert made("clean") == ["a.mp4"]
        assert leftovers()
        inode = Path("clean/a.mp4").stat().st_ino
        assert run(*self.WORDS, "--summary", "1.json") == 0
        assert read_summary("1.json") == {"a.mp4": "done before", "s/a.mp4": "done", "s/t/b.mp4": "done"}
        assert Path("clean/a.mp4").stat().st_ino == inode
        assert leftovers() == []

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_leaves_no_claim(self, number: signal.Signals) -> None:
        process = start(*self.WORDS, "--summary", "1.json", seconds=60)
        self.wait_for(lambda: list(Path("clean").glob(".a.mp4.subremover/state.json")))
        assert list(Path("clean").glob(".*.claim"))
        process.send_signal(number)
        self.wait_for(lambda: read_summary("1.json")["a.mp4"] == "stopped")
        assert list(Path("clean").rglob("*.claim")) == []
        process.kill()  # for what paints here sleeps on
        process.communicate()

    def test_a_claim_that_is_lost_ends_the_film(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        asked = []

        def check(_: Claim) -> None:
            asked.append(1)
            if len(asked) == 3:
                raise OutputError("another process has taken it over; leave it to that one")

        monkeypatch.setattr(Claim, "check", check)
        assert run(*self.WORDS) == 1
        assert "a.mp4: another process has taken it over" in capsys.readouterr().err
        assert made("clean") == ["s/a.mp4", "s/t/b.mp4"]

    def test_films_that_arrive(self, drawn: Path) -> None:
        code = (
            "import sys; from subremover.archive import archive, arrivals\n"
            "archive.LOOK_SECONDS = arrivals.POLL_SECONDS = arrivals.SETTLED_SECONDS = 0.1\n"
            f"sys.path.insert(0, {str(SUPPORT)!r}); import fake_run\n"
            "sys.exit(fake_run.main(0, sys.argv[1:]))"
        )
        assert arrivals.SETTLED_SECONDS == 20
        Path("in").mkdir()
        words = ["in", "--watch", *self.WORDS[1:], "--summary", "1.json"]
        process = subprocess.Popen([sys.executable, "-c", code, *words], env=ENVIRONMENT)
        self.wait_for(lambda: Path("1.json").exists())
        Path("in/broken.mp4").write_text("no film")
        self.wait_for(lambda: '"failed"' in Path("1.json").read_text().partition('"films"')[2])
        for name in ("a.mp4", "s/a.mp4"):
            Path("in", name).parent.mkdir(exist_ok=True)
            shutil.copy(drawn / "a.mp4", Path("in", name))
            self.wait_for(lambda it=name: Path("clean", it).exists())
        self.wait_for(lambda: Path("1.json").read_text().count('"state": "done"') == 2)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 143
        films = json.loads(Path("1.json").read_text())["films"]
        assert sorted((entry["film"], entry["state"]) for entry in films) == [
            ("in/a.mp4", "done"), ("in/broken.mp4", "failed"), ("in/s/a.mp4", "done")
        ]  # fmt: skip
        assert leftovers() == []


def test_a_folder_that_cannot_be_read_is_a_failure_that_all_hear_of(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = os.scandir

    def scan(path: Path) -> Any:
        if Path(path).name == "t":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scan)
    words = ("films", "--recursive", *FOUND, "--summary", "s.json", "--progress", "json", "-q")
    assert run(*words) == 1
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["counts"]["done"] == 2
    assert last["counts"]["failed"] == 1
    (failed,) = [film for film in json.loads((place / "s.json").read_text())["films"] if film["error"]]
    assert failed["film"] == "films/s/t"
    assert failed["error"] == "cannot read the folder 'films/s/t' (Permission denied)"


def test_lines_of_films_that_are_made_at_once_stay_whole(capfd: pytest.CaptureFixture[str]) -> None:
    def tell(name: str) -> None:
        lines = ProgressLines(Path(name), True)
        for number in range(300):
            lines.write("warning", message=f"{number}")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(tell, ["a", "b", "c", "d"]))
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert len(lines) == 1200

"""Names that cannot be read or written, wherever the user may give one: refused, with nothing left behind."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import pytest
from media import draw_film
from processes import ENVIRONMENT, names
from tiny_runs import draw_mask

import subremover
from subremover.cli import command as cli
from subremover.errors import InputError, OutputError, PlanError
from subremover.options import Options, ScanOptions

NOBODY = 65534
LONG = "x" * 300
QUICK = ["--steps", "2", "--channels", "4", "--levels", "3", "--device", "cpu", "--no-borrow", "--end", "1f"]
REMEDY = "; (check|change|try|choose|give|make|create|save|name|move) "
UNREADABLE = (
    *("closed/{}", "closed/sub/{}", "sealed_{}", "gone_{}", LONG + "_{}", "mask.png/{}", "dangling_{}"),
    *("circle_{}", "circle_{0}/{0}", "pipe_{}", "empty/{}", "folder_{}"),
)
UNWRITABLE = (
    *("closed/{}", "closed/sub/{}", "fixed/{}", "fixed/new/{}", LONG + "_{}", LONG + "/{}", "mask.png/{}"),
    *("circle_{}", "circle_{0}/{0}", "pipe_{}"),
)
"""In a folder that must not be entered, in one that must not be written to, ...; `fill` makes them."""


@contextlib.contextmanager
def ordinary_user() -> Iterator[None]:
    """What root does in the body, it does as somebody who may not do everything."""
    if os.geteuid() != 0:
        yield
        return
    groups, group = os.getgroups(), os.getgid()
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, 0)
    os.setresuid(NOBODY, NOBODY, 0)  # of all threads; the third is what the way back is open to
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(group, group, group)
        os.setgroups(groups)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """The current folder, an ordinary user's, with one of everything; each test leaves it as it was."""
    if not hasattr(os, "geteuid") or (os.geteuid() == 0 and not hasattr(os, "setresuid")):
        pytest.skip("cannot do anything as an ordinary user here")
    # pytest's own folder is root's alone
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name).resolve()
        patch.chdir(folder)
        draw_film(folder / "film.mp4", frames=3, audio=False)
        draw_film(folder / "mask.mkv", frames=3, audio=False)
        cv2.imwrite("mask.png", draw_mask((160, 96)))
        # what this loads nobody else may be allowed to load
        assert cli.run(["film.mp4", "-o", "old.mp4", "--mask", "mask.png", "-q", *QUICK]) == 0
        assert cli.run(["film.mp4", "--scan-only", "--mask", "mask.png", "--save-plan", "plan", "-q"]) == 0
        fill()
        if os.geteuid() == 0:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        with ordinary_user():
            is_open = os.access(folder, os.R_OK | os.X_OK)
        if not is_open:
            pytest.skip(f"{folder} is root's alone")
        closed = [path for path in folder.iterdir() if path.name.startswith(("closed", "sealed_"))]
        for path in closed:
            path.chmod(0)
        Path("fixed").chmod(0o555)
        yield folder
        for path in closed:
            path.chmod(0o700)


def fill() -> None:
    """Make what the names stand for, in the current folder."""
    Path("times.srt").write_text("1\n00:00:00,000 --> 00:00:09,000\nWords\n")
    for name in ("films", "closed/sub", "fixed", "empty"):
        Path(name).mkdir(parents=True)
    shutil.copy("film.mp4", "films")
    good = ("film.mp4", "mask.png", "mask.mkv", "times.srt", "plan")
    for name in good:
        for start in ("closed/", "closed/sub/", "sealed_"):
            (shutil.copytree if name == "plan" else shutil.copy)(name, f"{start}{name}")
    for name in (*good, "new.mp4", "new.srt", "new.html", "new"):
        Path(f"dangling_{name}").symlink_to("gone")
        Path(f"circle_{name}").symlink_to(f"circle_{name}")
        Path(f"folder_{name}").mkdir()
        os.mkfifo(f"pipe_{name}")


@pytest.fixture
def refused(place: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Runs the command as an ordinary user: it must name what it refuses, and leave nothing."""

    def check(code: int, name: str, *words: str, is_ordinary: bool = True) -> None:
        before = names(place)
        with ordinary_user() if is_ordinary else contextlib.nullcontext():
            found = cli.run(words)
        out, err = capsys.readouterr()
        assert (found, out) == (code, ""), err
        assert "Traceback" not in err
        assert {name, os.path.dirname(name)} & set(re.findall("'([^']+)'", err)), err  # noqa: PTH120, a word
        assert re.search(REMEDY, err), err
        assert names(place) == before

    return check


def fit(starts: Sequence[str], name: str) -> list[str]:
    return [start.format(name) for start in starts]


def short(name: object) -> str:
    """For pytest, which makes no name of a long one."""
    return str(name).replace(LONG, "long")


class TestInputs:
    TO = ("-o", "new.mp4")

    @pytest.mark.parametrize("name", [*fit(UNREADABLE, "film.mp4"), "closed", "empty"], ids=short)
    def test_film(self, refused: Callable[..., None], name: str) -> None:
        refused(3, name, name, *self.TO, "--mask", "mask.png")

    @pytest.mark.parametrize("name", fit(UNREADABLE, "mask.png") + fit(UNREADABLE, "mask.mkv"), ids=short)
    def test_mask(self, refused: Callable[..., None], name: str) -> None:
        refused(5, name, "film.mp4", *self.TO, "--mask", name)
        refused(5, name, "film.mp4", "--scan-only", "--mask", name)

    @pytest.mark.parametrize("name", fit(UNREADABLE, "times.srt"), ids=short)
    def test_times(self, refused: Callable[..., None], name: str) -> None:
        refused(5, name, "film.mp4", *self.TO, "--times", name, "--segmenter", "gradient")

    @pytest.mark.parametrize("name", fit(UNREADABLE, "mask.png"), ids=short)
    def test_model(self, refused: Callable[..., None], name: str) -> None:
        refused(2, name, "film.mp4", *self.TO, "--ocr-model", name, "--segmenter", "gradient")

    @pytest.mark.parametrize("name", fit(UNREADABLE, "plan"), ids=short)
    def test_plan(self, refused: Callable[..., None], name: str) -> None:
        is_folder = name in ("sealed_plan", "folder_plan")
        refused(5, f"{name}/plan.json" if is_folder else name, "film.mp4", *self.TO, "--plan", name)
        refused(5, f"{name}/plan.json", "film.mp4", *self.TO, "--plan", f"{name}/plan.json")

    @pytest.mark.parametrize(
        "option", ["", "-o", "--mask", "--plan", "--times", "--ocr-model", "--srt", "--save-plan"]
    )
    def test_an_empty_name(self, place: Path, capsys: pytest.CaptureFixture[str], option: str) -> None:
        """Of a variable that is not set: not the current folder, with all that is in it."""
        before = names(place)
        assert cli.run(["film.mp4", "-o", "new.mp4", *([option] if option else []), ""]) == 2
        assert "the name is empty; give one" in capsys.readouterr().err
        assert names(place) == before


class TestOutputs:
    WORDS = ("film.mp4", "--mask", "mask.png", "--overwrite", *QUICK)

    @pytest.mark.parametrize("name", fit(UNWRITABLE, "new.mp4"), ids=short)
    def test_film(self, refused: Callable[..., None], name: str) -> None:
        refused(4, name, *self.WORDS, "-o", name)

    @pytest.mark.parametrize("name", fit(UNWRITABLE, "new"), ids=short)
    def test_folder_of_films(self, refused: Callable[..., None], name: str) -> None:
        code = 2 if name == "pipe_new" else 4  # it is there, and no folder
        refused(code, name, "films", *self.WORDS[1:], "-o", name)

    @pytest.mark.parametrize("option", ["--save-plan", "--preview"])
    @pytest.mark.parametrize("name", [*fit(UNWRITABLE, "new"), "dangling_new"], ids=short)
    def test_folder(self, refused: Callable[..., None], option: str, name: str) -> None:
        refused(4, name, *self.WORDS, "--scan-only", option, name)

    @pytest.mark.parametrize(
        ("option", "name"),
        [
            *(("--srt", name) for name in fit(UNWRITABLE, "new.srt")),
            *(("--report", name) for name in fit(UNWRITABLE, "new.html")),
            *(("--provenance", name) for name in fit(UNWRITABLE, "new.mp4")),
        ],
        ids=short,
    )
    def test_file(self, refused: Callable[..., None], option: str, name: str) -> None:
        where = ["-o", "b.mp4"] if option == "--provenance" else ["--scan-only"]
        refused(4, name, *self.WORDS, *where, option, name)

    @pytest.mark.parametrize(
        ("option", "name"), [("--save-plan", "event_0001.png"), ("--preview", "frame_000000_before.png")]
    )
    def test_a_pipe_in_a_folder_is_not_waited_for(
        self, refused: Callable[..., None], tmp_path: Path, option: str, name: str
    ) -> None:
        os.mkfifo(tmp_path / name)
        refused(4, str(tmp_path / name), *self.WORDS, "--scan-only", option, str(tmp_path), is_ordinary=False)
        assert names(tmp_path) == [name]

    @pytest.mark.parametrize("source", ["film.mp4", "films"])
    @pytest.mark.parametrize("name", fit(UNWRITABLE, "new.mp4"), ids=short)
    def test_status(self, place: Path, capsys: pytest.CaptureFixture[str], source: str, name: str) -> None:
        """There is no run that goes there."""
        before = names(place)
        with ordinary_user():
            cli.run([source, "-o", name, "--status"])
        said = "".join(capsys.readouterr())
        assert "there is no run to go on with" in said or "name a folder for several inputs" in said
        assert names(place) == before


class TestWorkFolder:
    """What is in the way of a run's own folder, beside the target."""

    @pytest.mark.parametrize(
        "make",
        [
            lambda folder: folder.mkdir(mode=0),
            lambda folder: folder.mkdir(mode=0o555),
            lambda folder: folder.symlink_to("gone"),
            lambda folder: folder.symlink_to("closed"),
            lambda folder: folder.symlink_to(folder.name),
            lambda folder: folder.touch(),
            os.mkfifo,
            lambda folder: (folder.mkdir(), (folder / "lock").touch(mode=0)),
            lambda folder: (folder.mkdir(), (folder / "lock").mkdir()),
        ],
        ids=["closed", "fixed", "dangling", "link", "circle", "file", "pipe", "sealed lock", "no lock"],
    )
    def test_in_the_way(
        self,
        place: Path,
        refused: Callable[..., None],
        capsys: pytest.CaptureFixture[str],
        make: Callable[[Path], object],
    ) -> None:
        folder, words = place / ".new.mp4.subremover", ["film.mp4", "-o", "new.mp4"]
        with ordinary_user():
            make(folder)
        try:
            refused(4, str(folder), *words, "--mask", "mask.png")
            with ordinary_user():
                assert cli.run([*words, "--status"]) == 0
            assert "there is no run to go on with" in capsys.readouterr().out
        finally:
            if folder.is_dir() and not folder.is_symlink():
                folder.chmod(0o700)
                shutil.rmtree(folder)
            else:
                folder.unlink()


def test_a_current_folder_that_is_gone(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    film, mask = str(place / "film.mp4"), str(place / "mask.png")
    for code, words in (
        (3, ["film.mp4", "-o", "b.mp4"]),
        (4, [film, "-o", "b.mp4", "--mask", mask]),
        (4, [film, "--scan-only", "--mask", mask, "--srt", "new.srt"]),
        (4, [film, "--scan-only", "--mask", mask, "--save-plan", "new"]),
        (5, [film, "--scan-only", "--mask", "mask.png"]),
        (5, [film, "--scan-only", "--plan", "plan"]),
    ):
        assert cli.run(words) == code
        assert "Traceback" not in capsys.readouterr().err


@pytest.mark.usefixtures("place")
def test_a_home_that_is_not_there(tmp_path: Path) -> None:
    """As in a container, for a user whom the system does not know: nothing is kept there."""
    unknown = {
        name: ENVIRONMENT[name] for name in ENVIRONMENT.keys() - {"USER", "LOGNAME", "LNAME", "USERNAME"}
    }
    words = ["film.mp4", "-o", str(tmp_path / "new.mp4"), "--mask", "mask.png", "-q", *QUICK]
    done = subprocess.run(
        [sys.executable, "-m", "subremover", *words],
        env={**unknown, "HOME": str(tmp_path / "gone")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert names(tmp_path) == ["new.mp4"]


class TestApi:
    """The same by the calls of Python, where a name may hold a null byte as well."""

    @pytest.mark.parametrize("name", [*fit(UNREADABLE, "film.mp4"), "closed", "", "\0"], ids=short)
    def test_film(self, place: Path, name: str) -> None:
        before = names(place)
        with ordinary_user():
            with pytest.raises(InputError, match=REMEDY):
                subremover.scan(name)
            with pytest.raises(InputError, match=REMEDY):
                subremover.remove_subtitles(name, "new.mp4")
        assert names(place) == before

    @pytest.mark.parametrize("name", [*fit(UNWRITABLE, "new.mp4"), "folder_new.mp4", "\0.mp4"], ids=short)
    @pytest.mark.parametrize("what", ["target", "provenance"])
    def test_target(self, place: Path, name: str, what: str) -> None:
        before, options = names(place), Options(ScanOptions(mask=Path("mask.png")))
        with ordinary_user(), pytest.raises(OutputError, match=REMEDY):
            subremover.remove_subtitles("film.mp4", **{"target": "new.mp4", what: name}, options=options)
        assert names(place) == before

    @pytest.mark.parametrize("option", ["mask", "plan", "times"])
    @pytest.mark.parametrize("name", [*fit(UNREADABLE, "plan"), "\0", "\0.png"], ids=short)
    def test_what_is_to_be_removed(self, place: Path, option: str, name: str) -> None:
        before = names(place)
        with ordinary_user(), pytest.raises(PlanError, match=REMEDY):
            subremover.scan("film.mp4", ScanOptions(**{option: Path(name)}, segmenter="gradient"))
        assert names(place) == before

    @pytest.mark.parametrize("name", [*fit(UNREADABLE, "plan"), "", "\0"], ids=short)
    @pytest.mark.usefixtures("place")
    def test_load_plan(self, name: str) -> None:
        with ordinary_user(), pytest.raises(PlanError, match=REMEDY):
            subremover.load_plan(name)

    @pytest.mark.parametrize("name", [*fit(UNWRITABLE, "new"), "dangling_new", "\0"], ids=short)
    def test_save_plan(self, place: Path, name: str) -> None:
        before, plan = names(place), subremover.load_plan("plan")
        with ordinary_user(), pytest.raises(OutputError, match=REMEDY):
            plan.save(Path(name))
        assert names(place) == before

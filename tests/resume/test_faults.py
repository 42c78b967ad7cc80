"""Runs that are killed at moments of one's choice, and disks that are full."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from media import draw_film
from processes import ENVIRONMENT, SUPPORT, read_processes
from stopped_runs import kept, names, run, stopped

from subremover.errors import OutputError
from subremover.progress import Progress

SLOW_ORIGINS = """
from subremover.video.write import provenance_film
join = provenance_film.join
def crawl(*arguments):
    for number, packet in enumerate(join(*arguments)):
        yield packet
        if number == 20:
            pathlib.Path("reached").touch()
            time.sleep(60)
provenance_film.join = crawl
"""
SLOW_REPORT = """
from subremover.report import pictures
def crawl(film, plan, file):
    file.write_text("half")
    pathlib.Path("reached").touch()
    time.sleep(60)
pictures.write_report = crawl
"""
SLOW_PROGRAM = """
from subremover.video.container import shape
shape.find_program = lambda: "./program"
"""
PROGRAM = """#!/bin/sh
for word; do case "$word" in *.shape.*) echo half > "${word#file:}";; esac; done
touch reached
exec sleep 60
"""
FULL = r"cannot write .*b\.mp4.*too large"
WORDS = ["--mask", "mask.png", "--no-borrow", "--device", "cpu", "-q"]


def fake_run(words: list[str], before: str = "") -> subprocess.Popen[bytes]:
    """The quick command in the current folder, with some code before it."""
    code = f"import pathlib, sys, time, fake_run\n{before}\nsys.exit(fake_run.main(0, sys.argv[1:]))"
    tests = str(SUPPORT)
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        env={**ENVIRONMENT, "PYTHONPATH": os.pathsep.join([tests, ENVIRONMENT.get("PYTHONPATH", "")])},
        start_new_session=True,
    )


def kill_when_reached(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while not Path("reached").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    Path("reached").unlink()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("is_other_disk", [False, True])
def test_a_run_killed_while_the_film_of_origins_is_made(
    place: Path, reference: bytes, monkeypatch: pytest.MonkeyPatch, is_other_disk: bool
) -> None:
    monkeypatch.chdir(place)
    words = ["a.mp4", "-o", "b.mp4", "--provenance", "from/b.mp4", *WORDS]
    other_disk = "from subremover.runtime import atomic_file; atomic_file._can_move = lambda *_: False\n"
    other_disk *= is_other_disk
    kill_when_reached(fake_run(words, other_disk + SLOW_ORIGINS))
    assert names(place) == [".b.mp4.subremover", "a.mp4", "from", "mask.png"]
    assert len(names(place / "from")) == is_other_disk
    assert any(".part-" in name for name in [*kept(place), *names(place / "from")])
    assert fake_run(words, other_disk).wait() == 0
    assert names(place) == ["a.mp4", "b.mp4", "from", "mask.png"]
    assert names(place / "from") == ["b.mp4"]
    assert (place / "b.mp4").read_bytes() == reference


def test_a_run_killed_while_the_report_is_made(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    words = ["a.mp4", "-o", "b.mp4", "--report", "a.html", *WORDS]
    kill_when_reached(fake_run(words, SLOW_REPORT))
    assert names(place) == [".b.mp4.subremover", "a.mp4", "mask.png"]
    assert any(".part-" in name for name in kept(place))
    assert fake_run(words).wait() == 0
    assert names(place) == ["a.html", "a.mp4", "b.mp4", "mask.png"]
    assert Path("a.html").read_text().endswith("</html>\n")


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_a_run_killed_while_ffmpegs_program_copies(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    draw_film(place / "wide.mp4", 30, (96, 96), audio=False, sample_aspect_ratio=Fraction(4, 3))
    Path("program").write_text(PROGRAM)
    Path("program").chmod(0o755)
    words = ["wide.mp4", "-o", "b.mkv", *WORDS]
    process = fake_run(words, SLOW_PROGRAM)
    kill_when_reached(process)
    deadline = time.monotonic() + 20
    while read_processes(process.pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert read_processes(process.pid) == []
    assert names(place) == [".b.mkv.subremover", "a.mp4", "mask.png", "program", "wide.mp4"]
    assert sum(".part-" in name for name in kept(place, "b.mkv")) == 2
    assert fake_run(words).wait() == 0
    assert names(place) == ["a.mp4", "b.mkv", "mask.png", "program", "wide.mp4"]


@pytest.fixture
def disk() -> Iterator[Callable[[int], None]]:
    """Says how large a file may become, as on a disk that fills up while it is written."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_is_full_amid_a_segment(
    place: Path, reference: bytes, disk: Callable[[int], None]
) -> None:
    def fill(progress: Progress) -> None:
        if (progress.stage, progress.done) == ("render", 30):
            disk(500)

    with pytest.raises(OutputError, match=FULL) as caught:
        run(place, fill)
    disk(1 << 30)
    assert caught.value.exit_code == 4
    finished = [name for name in kept(place) if name.endswith(".picture")]
    assert len(finished) == 2
    assert kept(place) == [*finished, "lock", "plan", "state.json"]
    assert run(place).frames_resumed == 24
    assert (place / "b.mp4").read_bytes() == reference


@pytest.mark.parametrize("missing", [1, 500, 20_000])
def test_a_disk_that_is_full_amid_the_film(
    place: Path, reference: bytes, disk: Callable[[int], None], missing: int
) -> None:
    stopped(place, 70)
    disk(len(reference) - missing)
    with pytest.raises(OutputError, match=FULL) as caught:
        run(place)
    disk(1 << 30)
    assert caught.value.exit_code == 4
    assert names(place) == [".b.mp4.subremover", "a.mp4", "mask.png"]
    finished = [name for name in kept(place) if name.endswith(".picture")]
    assert kept(place) == [*finished, "lock", "plan", "state.json"]
    assert run(place).frames_resumed == 70
    assert (place / "b.mp4").read_bytes() == reference

"""Jobs wait, run, stop and go on, whatever happens to the server meanwhile."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from media import draw_film
from page_server import wait_for
from plan_entries import make_entry, write_plan
from processes import ENVIRONMENT, SUPPORT

from subremover.page.jobs import children as children_module
from subremover.page.jobs import queue as queue_module
from subremover.page.jobs.asked import RunAsk, ScanAsk, TryAsk
from subremover.page.jobs.children import Children
from subremover.page.jobs.job import Job, Said, describe
from subremover.page.jobs.queue import Queue
from subremover.page.library import FilmFile, Library
from subremover.page.plans.plans import Plans
from subremover.page.refusals import Refusal
from subremover.plan.model import FilmKey
from subremover.resume.names import LOCK, find_folder
from subremover.video.read.probe import probe

FAKE = (sys.executable, str(SUPPORT / "fake_command.py"))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "TICK_SECONDS", 0.02)
    monkeypatch.setenv("PYTHONPATH", f"{ENVIRONMENT['PYTHONPATH']}{os.pathsep}{SUPPORT}")


@pytest.fixture
def library(tmp_path: Path) -> Library:
    for name in ("a.mp4", "-x.mp4", "sub/b.mkv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    library = Library(tmp_path)
    library.make_folders()
    library.page.mkdir()
    return library


@pytest.fixture
def queue(library: Library) -> Iterator[Queue]:
    queue = open_queue(library)
    yield queue
    queue.stop(2)


def open_queue(library: Library, command: tuple[str, ...] = FAKE, cluster: str | None = None) -> Queue:
    queue = Queue(library, Plans(library), Children(command), cluster=cluster)
    queue.start()
    return queue


def find(library: Library, name: str = "a.mp4") -> FilmFile:
    return next(film for film in library.list_films() if film.relative == name)


def look(queue: Queue, number: int = 1) -> dict[str, Any]:
    return next((job for job in queue.list_jobs() if job["id"] == number), {"state": "gone"})


def wait(queue: Queue, *states: str, number: int = 1) -> dict[str, Any]:
    wait_for(lambda: look(queue, number)["state"] in states)
    return look(queue, number)


def wait_for_work(queue: Queue, number: int = 1) -> None:
    wait_for(lambda: look(queue, number).get("done"))


def read_arguments(library: Library, number: int = 1) -> list[str]:
    text = (library.page / "jobs" / f"{number:06d}" / "errors.txt").read_text()
    return json.loads(text.partition("arguments ")[2].splitlines()[0])  # type: ignore[no-any-return]


def test_a_scan_leaves_a_plan(queue: Queue, library: Library) -> None:
    film = find(library)
    told = queue.add("scan", film, ScanAsk())
    assert (told["state"], told["film"], told["name"]) == ("queued", film.id, "a.mp4")
    job = wait(queue, "done")
    assert job["warnings"] == ["the sound is late"]
    assert (job["result"]["events"], job["share"], job["error"]) == (2, 1.0, None)
    plan = library.plans / "a.mp4"
    told = f"subremover {library.folder}/a.mp4 --scan-only --save-plan {plan} --sensitivity normal"
    assert job["command"] == told
    assert len(Plans(library).read(film).document["events"]) == 2
    assert queue.found(1, 1) == ([make_entry(n, n + 1, text=f"line {n}") for n in (2, 3)], 3)
    assert queue.found(1, 99)[1] == 3


def test_a_run_works_with_a_copy_of_the_plan(queue: Queue, library: Library) -> None:
    film = find(library)
    write_plan(library.plan_folder(film), make_entry())
    queue.add("run", film, RunAsk(srt=True))
    wait(queue, "done")
    arguments = read_arguments(library)
    copy = library.page / "jobs" / "000001" / "plan"
    assert arguments[arguments.index("--plan") + 1] == str(copy)
    assert (copy / "plan.json").exists()
    assert (library.cleaned / "a.mp4").read_bytes() == b"a clean film"


def test_a_run_without_a_plan_makes_one(queue: Queue, library: Library) -> None:
    film = find(library)
    queue.add("run", film, RunAsk())
    wait(queue, "done")
    assert "--save-plan" in read_arguments(library)
    assert not Plans(library).read(film).is_mended


def test_a_cluster_scans_and_runs_but_does_not_try(library: Library) -> None:
    film = find(library)
    write_plan(library.plan_folder(film), make_entry())
    queue = open_queue(library, cluster="10.0.0.1:6379")
    for number, ask in enumerate((ScanAsk(), TryAsk(3), RunAsk()), 1):
        queue.add(("scan", "try", "run")[number - 1], film, ask)  # type: ignore[arg-type]
        wait(queue, "done", "failed", number=number)
        arguments = read_arguments(library, number)
        assert ("--cluster" in arguments) == (number != 2)
    assert arguments[arguments.index("--cluster") + 1] == "10.0.0.1:6379"
    queue.stop(2)


def test_a_try_needs_a_plan(queue: Queue, library: Library) -> None:
    film = find(library)
    queue.add("try", film, TryAsk(3))
    assert "scan it first" in wait(queue, "failed")["error"]
    write_plan(library.plan_folder(film), make_entry())
    queue.add("try", film, TryAsk(3))
    wait(queue, "done", number=2)
    assert read_arguments(library, 2)[1:5] == [
        *("--preview", str(library.page / "jobs" / "000002" / "look"), "--around", "3f")
    ]


def test_a_film_whose_name_looks_like_an_option_is_none(queue: Queue, library: Library) -> None:
    queue.add("scan", find(library, "-x.mp4"), ScanAsk())
    wait(queue, "done")
    assert read_arguments(library)[0] == str(library.folder / "-x.mp4")


def test_a_clean_film_is_not_replaced_unasked(queue: Queue, library: Library) -> None:
    film = find(library)
    (library.cleaned / "a.mp4").write_bytes(b"mine")
    with pytest.raises(Refusal, match="exists") as refusal:
        queue.add("run", film, RunAsk())
    assert (refusal.value.status, refusal.value.reason) == (409, "exists")
    queue.add("run", film, RunAsk(overwrite=True))
    wait(queue, "done")
    assert "--overwrite" in read_arguments(library)


def test_a_scan_does_not_wait_for_a_run(
    queue: Queue, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_COMMAND", "slow")
    for name in ("a.mp4", "sub/b.mkv"):
        queue.add("run", find(library, name), RunAsk())
    queue.add("scan", find(library), ScanAsk())
    queue.add("scan", find(library, "sub/b.mkv"), ScanAsk())
    wait(queue, "running", number=1)
    wait(queue, "running", number=3)
    assert [job["state"] for job in queue.list_jobs()] == ["running", "queued", "running", "queued"]


def test_a_film_has_one_run_and_one_scan_at_a_time(
    queue: Queue, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_COMMAND", "slow")
    queue.add("scan", find(library), ScanAsk())
    with pytest.raises(Refusal, match="let it end, or cancel it"):
        queue.add("scan", find(library), ScanAsk())


def test_what_is_put_first_comes_next(
    queue: Queue, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_COMMAND", "slow")
    for name in ("a.mp4", "sub/b.mkv", "-x.mp4"):
        queue.add("run", find(library, name), RunAsk())
    wait(queue, "running")
    queue.put_first(3)
    queue.cancel(1)
    wait(queue, "running", number=3)
    assert look(queue, 2)["state"] == "queued"


def test_a_job_is_paused_and_goes_on(queue: Queue, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_COMMAND", "slow")
    queue.add("run", find(library), RunAsk())
    wait_for_work(queue)
    assert queue.pause(1)["state"] == "stopping"
    job = wait(queue, "paused")
    assert job["stage"] == "render"
    assert job["share"] > 0
    monkeypatch.setenv("FAKE_COMMAND", "")
    assert queue.resume(1)["state"] == "queued"
    assert wait(queue, "done")["result"]["frames"] == 24


def test_a_job_that_waits_is_paused_at_once(
    queue: Queue, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_COMMAND", "slow")
    for name in ("a.mp4", "sub/b.mkv"):
        queue.add("run", find(library, name), RunAsk())
    wait(queue, "running")
    assert queue.pause(2)["state"] == "paused"
    queue.cancel(2)
    assert look(queue, 2)["state"] == "gone"


def test_nothing_stays_of_what_is_cancelled(
    queue: Queue, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_COMMAND", "slow")
    queue.add("run", find(library), RunAsk())
    wait_for_work(queue)
    work = find_folder(library.cleaned / "a.mp4")
    work.mkdir()
    (work / LOCK).write_bytes(b"subremover works in this folder")
    (work / "state.json").write_text("{}")
    (library.cleaned / "a.html").write_text("of this run")
    queue.cancel(1)
    wait(queue, "gone")
    assert list(library.cleaned.iterdir()) == []
    assert list((library.page / "jobs").iterdir()) == []


def test_what_others_have_put_there_stays_when_a_job_is_cancelled(
    queue: Queue, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_COMMAND", "slow")
    queue.add("run", find(library), RunAsk())
    wait_for_work(queue)
    work = find_folder(library.cleaned / "a.mp4")
    work.mkdir()
    (work / "mine.txt").write_text("mine")
    queue.cancel(1)
    wait(queue, "gone")
    assert (work / "mine.txt").exists()


def test_an_old_failure_takes_nothing_from_the_run_after_it(
    queue: Queue, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_COMMAND", "error")
    queue.add("run", find(library), RunAsk())
    wait(queue, "failed")
    monkeypatch.setenv("FAKE_COMMAND", "slow")
    queue.add("run", find(library), RunAsk())
    wait_for_work(queue, 2)
    (library.cleaned / "a.html").write_text("of the second run")
    queue.cancel(1)
    assert (library.cleaned / "a.html").exists()


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("error", "there is no film there; give one"),
        ("crash", "something broke"),
    ],
)
def test_a_failure_says_why_and_can_be_tried_again(
    queue: Queue, library: Library, monkeypatch: pytest.MonkeyPatch, mode: str, message: str
) -> None:
    monkeypatch.setenv("FAKE_COMMAND", mode)
    queue.add("scan", find(library), ScanAsk())
    assert message in wait(queue, "failed")["error"]
    monkeypatch.setenv("FAKE_COMMAND", "")
    queue.resume(1)
    assert wait(queue, "done")["error"] is None


def test_a_command_that_does_not_listen_is_killed(
    queue: Queue, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children_module, "_AGAIN_SECONDS", 0.1)
    monkeypatch.setattr(children_module, "_KILL_SECONDS", 0.2)
    monkeypatch.setenv("FAKE_COMMAND", "deaf")
    queue.add("run", find(library), RunAsk())
    wait_for_work(queue)
    queue.pause(1)
    wait(queue, "paused")


def test_a_command_that_is_not_there_fails_the_job(library: Library) -> None:
    queue = open_queue(library, ("/no/such/command",))
    queue.add("scan", find(library), ScanAsk())
    assert "No such file" in wait(queue, "failed")["error"]
    queue.stop()


def test_a_film_that_is_gone_fails_the_job(library: Library) -> None:
    film = find(library)
    film.path.unlink()
    queue = open_queue(library)
    queue.add("scan", film, ScanAsk())
    assert "no such film" in wait(queue, "failed")["error"]
    queue.stop()


def test_a_disk_that_is_full_is_told_of(
    queue: Queue, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Children, "start", fail)
        queue.add("scan", find(library), ScanAsk())
        assert "No space left" in wait(queue, "failed")["error"]
    queue.resume(1)
    wait(queue, "done")


def test_only_so_many_jobs_are_remembered(
    queue: Queue, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_module, "MOST_FINISHED", 1)
    for number in (1, 2):
        queue.add("scan", find(library), ScanAsk())
        wait(queue, "done", number=number)
    assert [job["id"] for job in queue.list_jobs()] == [2]
    assert [path.name for path in (library.page / "jobs").iterdir()] == ["000002"]


def test_only_so_many_jobs_wait(queue: Queue, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "MOST_WAITING", 1)
    monkeypatch.setenv("FAKE_COMMAND", "slow")
    queue.add("scan", find(library), ScanAsk())
    with pytest.raises(Refusal, match="cancel some first"):
        queue.add("run", find(library), RunAsk())


def test_a_server_that_ends_leaves_its_jobs_to_the_next(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_COMMAND", "slow")
    first = open_queue(library)
    first.add("run", find(library), RunAsk())
    wait_for_work(first)
    first.stop()
    assert look(first)["state"] == "queued"
    monkeypatch.setenv("FAKE_COMMAND", "")
    second = open_queue(library)
    wait(second, "done")
    second.stop()


KILLED = """
import sys, time
from pathlib import Path
from subremover.page.jobs.asked import RunAsk
from subremover.page.jobs.children import Children
from subremover.page.library import Library
from subremover.page.plans.plans import Plans
from subremover.page.jobs.queue import Queue
library = Library(Path(sys.argv[1]))
queue = Queue(library, Plans(library), Children(sys.argv[2:]))
queue.start()
queue.add("run", library.list_films()[1], RunAsk())
while not queue.list_jobs()[0]["done"]:
    time.sleep(0.02)
print("runs", flush=True)
time.sleep(60)
"""


def kill_a_server(library: Library) -> None:
    """Leave a job running whose server was killed."""
    server = subprocess.Popen([sys.executable, "-c", KILLED, library.folder, *FAKE], stdout=subprocess.PIPE)
    assert server.stdout is not None
    assert server.stdout.readline() == b"runs\n"
    server.kill()
    server.wait()
    server.stdout.close()


def test_a_server_that_was_killed_leaves_its_jobs_running(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_COMMAND", "slow")
    kill_a_server(library)
    second = open_queue(library)
    done = look(second)["done"]
    assert look(second)["state"] == "running"
    wait_for(lambda: look(second)["done"] > done)
    second.pause(1)
    wait(second, "paused")
    monkeypatch.setenv("FAKE_COMMAND", "")
    second.resume(1)
    wait(second, "done")
    second.stop()


def test_a_job_that_ended_while_no_server_looked_is_settled(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_COMMAND", "slow")
    kill_a_server(library)
    job = Job.read(library.page / "jobs" / "000001")
    assert job is not None
    assert job.pid is not None
    os.kill(job.pid, signal.SIGKILL)
    wait_for(lambda: not Children().is_alive(job))
    with job.lines.open("a") as lines:
        lines.write('{"kind": "result", "frames": 24}\n')
    write_plan(job.plan, make_entry())
    second = open_queue(library)
    assert wait(second, "done")["result"] == {"frames": 24}
    second.stop()


def test_a_pid_that_is_somebody_elses_by_now_is_not_signalled(library: Library) -> None:
    innocent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    folder = library.page / "jobs" / "000001"
    folder.mkdir(parents=True)
    job = Job(folder, "run", "a.mp4", RunAsk(), 1.0, 1.0, wanted="cancel", has_plan=False, pid=innocent.pid)
    job.save()
    job.lines.touch()
    queue = open_queue(library)
    wait(queue, "gone")
    queue.stop()
    assert innocent.poll() is None
    innocent.kill()
    innocent.wait()


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "format"},
        {"ask": {"preset": "--help"}},
        {"ask": []},
        {"film": 7},
        {"pid": "1"},
        {"created": "nan"},
        {"wanted": "rm"},
        {"arguments": 7},
        {"exit_code": 1.5},
    ],
)
def test_a_job_that_makes_no_sense_is_passed_over(library: Library, changes: dict[str, Any]) -> None:
    folder = library.page / "jobs" / "000001"
    folder.mkdir(parents=True)
    Job(folder, "run", "a.mp4", RunAsk(), 1.0, 1.0, exit_code=0).save()
    assert Job.read(folder) is not None
    values = json.loads((folder / "job.json").read_text())
    (folder / "job.json").write_text(json.dumps({**values, **changes}))
    assert Job.read(folder) is None


@pytest.mark.parametrize("name", ["plan", "look", "lines.jsonl", "job.json"])
def test_a_job_that_would_be_led_elsewhere_is_passed_over(library: Library, name: str) -> None:
    folder = library.page / "jobs" / "000001"
    folder.mkdir(parents=True)
    Job(folder, "scan", "a.mp4", ScanAsk(), 1.0, 1.0).save()
    (folder / name).rename(library.folder / "other") if name == "job.json" else None
    (folder / name).symlink_to(library.folder / "other")
    assert Job.read(folder) is None


def test_arguments_that_came_with_the_folder_are_not_used(library: Library) -> None:
    folder = library.page / "jobs" / "000001"
    folder.mkdir(parents=True)
    Job(folder, "run", "a.mp4", RunAsk(), 1.0, 1.0, arguments=("a.mp4", "-o", "/etc/passwd")).save()
    queue = open_queue(library)
    wait(queue, "done")
    queue.stop()
    assert "/etc/passwd" not in read_arguments(library)
    assert (library.cleaned / "a.mp4").exists()


def test_lines_may_be_anything(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    lines = [
        b"no json",
        b"[]",
        b"7",
        b"\xff\xfe",
        b"[" * 99999,
        b'{"kind": "progress", "stage": [], "done": "x"}',
    ]
    file.write_bytes(b"\n".join(lines) + b'\n{"kind": "warning", "mess')
    said = Said(file)
    said.follow()
    job = Job(tmp_path / "000001", "run", "a.mp4", RunAsk(), 1.0, 1.0, pid=1)
    told = describe(job, said)
    assert (told["share"], told["done"], told["warnings"]) == (None, None, [])
    with file.open("ab") as more:
        more.write(b'age": "late"}\n')
    said.follow()
    assert said.warnings == ["late"]
    file.unlink()
    os.mkfifo(file)
    said.follow()


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a film and a plan that was made by hand."""
    folder = tmp_path_factory.mktemp("real")
    draw_film(folder / "a.mp4", 24, (160, 96), subtitles=((6, 11, "Hi"),))
    film = probe(folder / "a.mp4")
    key = FilmKey.of(film.upright_size, film.pts)
    values = {name: getattr(key, name) for name in ("width", "height", "frame_count", "times")}
    write_plan(folder / "plan", {"first": 6, "last": 11, "box": [50, 70, 60, 20]}, film=values)
    return folder


def test_a_film_is_the_one_that_the_command_makes(drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paused amid its work, and gone on with."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    library = Library(drawn)
    library.make_folders()
    library.page.mkdir()
    film = find(library)
    Plans(library).take(film, drawn / "plan")
    queue = Queue(library, Plans(library))
    queue.start()
    queue.add("run", film, RunAsk(preset="fast"))
    wait_for(lambda: look(queue).get("stage") == "render")
    queue.pause(1)
    assert wait(queue, "paused", "done")["state"] == "paused"
    queue.resume(1)
    job = wait(queue, "done", "failed")
    queue.stop()
    assert job["error"] is None
    by_hand = [*("a.mp4", "-o", "by_hand.mp4", "--plan", "plan", "--preset", "fast", "-q")]
    subprocess.run([sys.executable, "-m", "subremover", *by_hand], cwd=drawn, check=True)
    assert (library.cleaned / "a.mp4").read_bytes() == (drawn / "by_hand.mp4").read_bytes()
    assert not find_folder(library.cleaned / "a.mp4").exists()

"""Parts of a film that are rendered by runs of their own, and the run that makes the film of them."""

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_run import FakePool
from processes import ENVIRONMENT, SUPPORT
from stopped_runs import FRAMES, kept, names, open_run, run, run_part, stop_at, stopped

from subremover import pipeline
from subremover.errors import OutputError, UsageError
from subremover.options import EncodeOptions, ScanOptions
from subremover.parsing import Part
from subremover.progress import Progress
from subremover.render import rendering
from subremover.resume.names import find_folder, read_part
from subremover.resume.stopped import describe_work, discard_work
from subremover.video.splice.splice import SpliceError

OTHERS = {"encode": EncodeOptions(crf=20)}
"""Other options than those of the other runs."""


def folder(place: Path, part: str = "") -> Path:
    """The film's work folder, or that of a part."""
    work = find_folder(place / "b.mp4")
    return work / "part-{}-of-{}".format(*part.split("/")) if part else work


def finished(place: Path, part: str = "") -> list[str]:
    return sorted(file.name for file in folder(place, part).glob("*.picture"))


def amid(call: Callable[[], None], done: int = 13) -> Callable[[Progress], None]:
    """Do something while a run renders."""

    def tell(progress: Progress) -> None:
        if (progress.stage, progress.done) == ("render", done):
            call()

    return tell


def test_the_film_of_all_parts_is_that_of_one_run(place: Path, reference: bytes) -> None:
    made = [run_part(place, f"{number}/4") for number in (3, 1, 4, 2)]
    assert [(it.segments, it.frames, it.frames_resumed) for it in made] == [
        *((1, 12, 0), (2, 24, 0), (1, 10, 0), (2, 24, 0)),
    ]
    assert names(place) == [".b.mp4.subremover", "a.mp4", "mask.png"]
    parts = [f"part-{number}-of-4" for number in (1, 2, 3, 4)]
    assert kept(place) == ["lock", *parts, "plan", "state.json"]
    stages: list[str] = []
    assert run(place, lambda it: stages.append(it.stage)).frames_resumed == FRAMES
    assert stages == []  # nothing is scanned or rendered
    assert (place / "b.mp4").read_bytes() == reference
    assert names(place) == ["a.mp4", "b.mp4", "mask.png"]


def test_what_is_missing_is_rendered_by_the_run_that_makes_the_film(place: Path, reference: bytes) -> None:
    run_part(place, "2/3")
    with pytest.raises(KeyboardInterrupt):
        run(place, stop_at("render", 60))
    assert finished(place, "2/3")
    assert run(place).frames_resumed > 24
    assert (place / "b.mp4").read_bytes() == reference
    assert names(place) == ["a.mp4", "b.mp4", "mask.png"]


def test_a_part_that_was_stopped_goes_on(place: Path) -> None:
    with pytest.raises(KeyboardInterrupt) as caught:
        run_part(place, "1/2", stop_at("render", 30))
    assert "the same command goes on" in caught.value.__notes__[0]
    assert len(finished(place, "1/2")) == 2
    assert run_part(place, "1/2").frames_resumed == 24
    again = run_part(place, "1/2")
    assert again.frames_resumed == again.frames == 36


def test_finished_segments_are_used_wherever_they_lie(place: Path, reference: bytes) -> None:
    stopped(place, 13)
    assert run_part(place, "1/2").frames_resumed == 12
    run_part(place, "4/4")
    others = run_part(place, "2/2")
    assert (others.frames, others.frames_resumed) == (34, 10)
    assert run(place).frames_resumed == FRAMES
    assert (place / "b.mp4").read_bytes() == reference


def test_more_parts_than_segments(place: Path) -> None:
    made = run_part(place, "7/7")
    assert (made.segments, made.frames) == (0, 0)
    assert kept(place) == ["lock", "plan", "state.json"]
    assert run_part(place, "6/7").segments == 1


def test_a_film_without_subtitles_has_no_parts(place: Path) -> None:
    (place / "plan").mkdir()
    with open_run(place) as one:
        plan = one.scan()
    for number in range(len(plan.events)):
        plan = plan.replace_event(number, remove=False)
    plan.save(place / "plan")
    options = {"scan": ScanOptions(plan=place / "plan")}
    assert run_part(place, "1/2", **options).segments == 0
    assert run(place, **options).frames_copied == FRAMES
    assert names(place) == ["a.mp4", "b.mp4", "mask.png", "plan"]


def test_while_a_part_is_rendered(place: Path, reference: bytes) -> None:
    """The film is not made, nor the part a second time; another part is, and the run can be looked at."""

    def meddle() -> None:
        with pytest.raises(OutputError, match=r"part 1 of 2 of '.*b.mp4' is being rendered; wait") as caught:
            run(place)
        assert caught.value.exit_code == 4
        with pytest.raises(OutputError, match=r"part 1 of 2 of .* is being rendered; wait"):
            run(place, encode=EncodeOptions(resume=False))
        with pytest.raises(OutputError, match=r"part 1 of 2 of .* is being rendered; wait"):
            discard_work(place / "b.mp4")
        with pytest.raises(OutputError, match=r"another run is making part 1 of 2 of '.*b.mp4'; wait"):
            run_part(place, "1/2")
        assert run_part(place, "2/2").frames == 34
        said.append(describe_work(place / "a.mp4", place / "b.mp4").partition(": ")[2])

    said: list[str] = []
    run_part(place, "1/2", amid(meddle))
    whole = "a run in parts: 46 of 70 frames (4 of 6 segments) are finished; part 1 of 2 is being rendered"
    assert said == [whole]
    said.append(describe_work(place / "a.mp4", place / "b.mp4").partition(": ")[2])
    assert (
        said[1] == "a run in parts: 70 of 70 frames (6 of 6 segments) are finished; no part is being rendered"
    )
    run(place)
    assert (place / "b.mp4").read_bytes() == reference


@pytest.mark.parametrize("call", [run, lambda place, **how: run_part(place, "2/2", **how)])
def test_what_parts_have_done_is_not_lost_to_other_options(
    place: Path, reference: bytes, call: Callable[..., object]
) -> None:
    run_part(place, "1/2")
    said = r"b.mp4' was begun with other options, and a film and its parts need the same; .* or delete '.*'"
    with pytest.raises(OutputError, match=said) as caught:
        call(place, **OTHERS)
    assert not hasattr(caught.value, "__notes__")
    assert len(finished(place, "1/2")) == 3
    assert run(place).frames_resumed == 36
    assert (place / "b.mp4").read_bytes() == reference


def test_a_part_does_not_begin_a_stopped_run_afresh(place: Path) -> None:
    stopped(place)
    with pytest.raises(OutputError, match="was begun with other options"):
        run_part(place, "1/2", **OTHERS)
    assert run(place).frames_resumed == 48


def test_without_resume_the_parts_go(place: Path) -> None:
    run_part(place, "1/2")
    assert run(place, encode=EncodeOptions(resume=False)).frames_resumed == 0
    assert names(place) == ["a.mp4", "b.mp4", "mask.png"]
    with pytest.raises(UsageError, match="leave out --no-resume"):
        run_part(place, "1/2", encode=EncodeOptions(resume=False))


def test_parts_need_one_kind_of_device_and_the_film_none(
    place: Path, reference: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_part(place, "1/2")
    with monkeypatch.context() as patch:
        patch.setattr(FakePool, "devices", ("mps",))
        for call in (run, lambda place: run_part(place, "2/2")):
            with pytest.raises(OutputError, match=r"on another device \(cpu\); render what is missing"):
                call(place)
    run_part(place, "2/2")
    monkeypatch.setattr(FakePool, "devices", ("mps",))
    assert run(place).frames_resumed == FRAMES
    assert (place / "b.mp4").read_bytes() == reference


def test_the_size_is_matched_for_all_parts_at_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = EncodeOptions(match_size=True)
    run(place, target="c.mp4", encode=options)
    run_part(place, "2/2", encode=options)
    monkeypatch.setattr(rendering, "match_size", None)
    run_part(place, "1/2", encode=options)
    assert run(place, encode=options).frames_resumed == FRAMES
    assert (place / "b.mp4").read_bytes() == (place / "c.mp4").read_bytes()


def test_origins_and_copied_frames_of_parts(place: Path) -> None:
    """The film has frames without a subtitle, whose packets are copied; and a film of origins is made."""
    with open_run(place) as one:
        plan = one.scan().clip(30, 50)
    plan.save(place / "plan")
    options = {"scan": ScanOptions(plan=place / "plan"), "encode": EncodeOptions(splice="on")}
    whole = run(place, target="c.mp4", provenance=place / "c_from.mp4", **options)
    assert whole.frames_copied > 0
    options["provenance"] = place / "b_from.mp4"
    frames = sum(run_part(place, f"{number}/2", **options).frames for number in (1, 2))
    assert frames == FRAMES - whole.frames_copied
    made = run(place, **options)
    assert (made.frames_resumed, made.shares) == (frames, whole.shares)
    assert (place / "b.mp4").read_bytes() == (place / "c.mp4").read_bytes()
    assert (place / "b_from.mp4").read_bytes() == (place / "c_from.mp4").read_bytes()


def test_where_packets_do_not_fit_in_all_is_encoded_by_one_run_or_by_parts(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_run(place) as one:
        one.scan().clip(30, 50).save(place / "plan")
    options = {"scan": ScanOptions(plan=place / "plan")}
    run(place, target="c.mp4", encode=EncodeOptions(splice="off"), **options)
    run_part(place, "1/1", **options)
    assemble = rendering.assemble
    with monkeypatch.context() as patch:

        def fail(*arguments: object, splice: object, **others: object) -> object:
            if splice is not None:
                raise SpliceError("they do not fit in")
            return assemble(*arguments, splice=splice, **others)

        patch.setattr(rendering, "assemble", fail)
        with pytest.raises(KeyboardInterrupt):
            run(place, stop_at("render", 30), **options)
    others = run_part(place, "2/2", **options)
    assert (others.frames, others.frames_resumed) == (34, 0)
    run(place, **options)
    assert (place / "b.mp4").read_bytes() == (place / "c.mp4").read_bytes()
    assert names(place) == ["a.mp4", "b.mp4", "c.mp4", "mask.png", "plan"]


def test_a_damaged_segment_of_a_part_is_made_again(
    place: Path, reference: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    run_part(place, "1/2")
    first, second, third = (folder(place, "1/2") / name for name in finished(place, "1/2"))
    first.write_bytes(first.read_bytes()[:-9])
    second.unlink()
    os.mkfifo(second)
    (third.parent / ".half.part-1.picture").write_text("half")
    assert run(place).frames_resumed == 12
    assert caplog.text.count("is of no use and is made again") == 1
    assert (place / "b.mp4").read_bytes() == reference
    assert names(place) == ["a.mp4", "b.mp4", "mask.png"]


def test_a_damaged_state_costs_a_scan_and_no_more(place: Path, reference: bytes) -> None:
    run_part(place, "1/2")
    (folder(place) / "state.json").write_text("[]")
    assert run_part(place, "2/2").frames_resumed == 0
    assert run(place).frames_resumed == FRAMES
    assert (place / "b.mp4").read_bytes() == reference


def test_what_somebody_puts_into_a_part_stays(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    run_part(place, "1/2")
    (folder(place, "1/2") / "precious").write_text("precious")
    run(place)
    assert names(folder(place)) == ["lock", "part-1-of-2"]
    assert names(folder(place, "1/2")) == ["lock", "precious"]
    assert "stays, for there is something in it that no run has made" in caplog.text


@pytest.mark.parametrize("is_link", [True, False])
def test_something_in_the_way_of_a_part(place: Path, is_link: bool) -> None:
    run_part(place, "2/2")
    (place / "else").mkdir()
    (place / "else" / "precious").touch()
    if is_link:
        folder(place, "1/2").symlink_to(place / "else")
    else:
        (place / "else").rename(folder(place, "1/2"))
    with pytest.raises(OutputError, match="is in the way of this run's own folder; move it away"):
        run_part(place, "1/2")
    assert names(folder(place, "1/2")) == ["precious"]


@pytest.mark.parametrize(
    "name", ["part-0-of-2", "part-3-of-2", "part-01-of-2", "part-1-of-2 ", "part-1-of-2.part", "PART-1-of-2"]
)
def test_names_that_are_of_no_part(name: str) -> None:
    assert read_part(name) is None
    assert read_part("part-10-of-12") == Part(10, 12)


def test_a_run_of_a_part_makes_no_film_and_the_other_way_round(place: Path) -> None:
    with open_run(place, part=Part(1, 2)) as one, pytest.raises(ValueError, match="it has render_part"):
        one.render(one.scan())
    with open_run(place, target="c.mp4") as one, pytest.raises(ValueError, match="it has render"):
        one.render_part(one.scan())


def test_a_part_that_waited_until_the_film_was_made(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Else it would begin the next film, and nobody would end it."""
    errors: list[OutputError] = []

    def wait() -> None:
        with pytest.raises(OutputError, match=r"another run has just made '.*b.mp4', so") as caught:
            run_part(place, "1/2", encode=EncodeOptions(overwrite=True))
        errors.append(caught.value)

    def let_wait() -> None:
        waiting.start()
        deadline = time.monotonic() + 30
        while "another run scans or makes '" not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.02)

    waiting = threading.Thread(target=wait)
    run(place, amid(let_wait))
    waiting.join()
    assert errors
    assert names(place) == ["a.mp4", "b.mp4", "mask.png"]


def test_parts_need_a_disk_with_locks(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without, each would scan, and the film would be made while a part is rendered."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(OutputError, match=r"without locks, which parts need .* without --part, or"):
        run_part(place, "1/2")
    run(place)
    assert names(place) == ["a.mp4", "b.mp4", "mask.png"]


SCAN = """
import os
from subremover import pipeline
make_plan = pipeline.make_plan
def scan(*arguments, **how):
    with open("scans", "a") as file:
        file.write(f"{os.getpid()}\\n")
    time.sleep(SECONDS)
    return make_plan(*arguments, **how)
pipeline.make_plan = scan
"""


def start(place: Path, *words: str, scan_seconds: float = 0.3) -> subprocess.Popen[bytes]:
    """A command in a process of its own, whose scans are noted, and whose windows take a moment."""
    scan = SCAN.replace("SECONDS", str(scan_seconds))
    code = f"import pathlib, sys, time, fake_run\n{scan}\nsys.exit(fake_run.main(0.05, sys.argv[1:]))"
    arguments = ["a.mp4", "-o", "b.mp4", "--mask", "mask.png", "--no-borrow", "--device", "cpu", *words]
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=place,
        env={**ENVIRONMENT, "PYTHONPATH": os.pathsep.join([str(SUPPORT), ENVIRONMENT["PYTHONPATH"]])},
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def wait_for(is_so: Callable[[], object], *processes: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        assert all(process.poll() in (None, 0) for process in processes)
        time.sleep(0.01)


def kill(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_parts_at_once_of_which_one_is_killed(place: Path, reference: bytes) -> None:
    parts = [start(place, "--part", f"{number}/3") for number in (1, 2, 3)]
    wait_for(lambda: finished(place, "2/3"), *parts)
    kill(parts[1])
    again = start(place, "--part", "2/3")
    for process in (parts[0], parts[2], again):
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    assert len((place / "scans").read_text().split()) == 1
    last = start(place)
    _, err = last.communicate(timeout=60)
    assert last.returncode == 0, err
    assert b"70 frames of a run before" in err
    assert (place / "b.mp4").read_bytes() == reference
    assert names(place) == ["a.mp4", "b.mp4", "mask.png", "scans"]


def test_others_scan_where_the_first_has_died(place: Path) -> None:
    scans = place / "scans"
    first = start(place, "--part", "1/2", scan_seconds=60)
    wait_for(scans.exists, first)
    second = start(place, "--part", "2/2", scan_seconds=0)
    assert b"another run scans or makes 'b.mp4'; waiting for it" in second.stderr.readline()
    assert json.loads((folder(place) / "state.json").read_text())["film"] == "a.mp4"
    kill(first)
    _, err = second.communicate(timeout=60)
    assert second.returncode == 0, err
    assert scans.read_text().split() == [str(first.pid), str(second.pid)]
    assert finished(place, "2/2")


def test_with_a_plan_nobody_scans(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_run(place) as one:
        one.scan().save(place / "plan")
    stages: list[str] = []
    run_part(place, "1/2", lambda it: stages.append(it.stage), scan=ScanOptions(plan=place / "plan"))
    assert set(stages) == {"render"}
    stopped(place, 30, target="c.mp4")
    monkeypatch.setattr(pipeline, "make_plan", None)
    with open_run(place, target="c.mp4", part=Part(2, 2)) as one:  # a stopped run has left its plan
        one.render_part(one.scan())

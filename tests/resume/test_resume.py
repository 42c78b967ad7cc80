"""A run that is stopped, and the one that goes on."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from fake_run import FakePool
from kill_and_resume import kill_and_resume
from processes import SUPPORT
from stopped_runs import FRAMES, kept, names, run, stop_at, stopped
from tiny_runs import draw_mask

import subremover
from subremover import pipeline
from subremover.cli import command as cli
from subremover.errors import ContainerError, FilmChangedError, OutputError, PlanError
from subremover.options import (
    BorrowOptions,
    EncodeOptions,
    FitOptions,
    PaintOptions,
    PoolOptions,
    ScanOptions,
)
from subremover.progress import Progress
from subremover.render import rendering
from subremover.resume.fingerprint import find_fingerprint
from subremover.resume.folder import WorkFolder
from subremover.resume.names import find_folder
from subremover.resume.stopped import describe_work
from subremover.video.encode.spool import SpoolWriter
from subremover.video.write import assemble as assemble_module

IN_THE_WAY = r"is in the way of this run's own folder; move it away"
ROOT = Path(subremover.__file__).parents[1]


@pytest.mark.parametrize("frames", [1, 12, 13, 45, 70])
def test_a_stopped_run_goes_on(place: Path, reference: bytes, frames: int) -> None:
    stopped(place, frames)
    assert names(place) == [".b.mp4.subremover", "a.mp4", "mask.png"]
    finished = [name for name in kept(place) if name.endswith(".picture")]
    assert kept(place) == [*finished, "lock", "plan", "state.json"]
    assert len(finished) == {1: 0, 12: 0, 13: 1, 45: 3, 70: 5}[frames]
    seen: list[int] = []
    result = run(place, lambda progress: seen.append(progress.done))
    ends = [0, 12, 24, 36, 48, 60][len(finished)]
    assert result.frames_resumed == ends
    assert seen == list(range(ends + 1, FRAMES + 1))  # nor is anything scanned
    assert (place / "b.mp4").read_bytes() == reference
    assert names(place) == ["a.mp4", "b.mp4", "mask.png"]


def test_the_shares_are_those_of_the_whole_film(place: Path) -> None:
    whole = run(place, target="c.mp4", provenance=place / "c_from.mp4")
    stopped(place, provenance=place / "b_from.mp4")
    assert sum(name.endswith(".origins") for name in kept(place)) == 4
    resumed = run(place, provenance=place / "b_from.mp4")
    assert (resumed.shares, resumed.event_shares) == (whole.shares, whole.event_shares)
    assert (place / "b_from.mp4").read_bytes() == (place / "c_from.mp4").read_bytes()


def test_what_can_only_fail_again_leaves_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ContainerError("cannot hold the times")

    monkeypatch.setattr(assemble_module, "check_frames", fail)
    with pytest.raises(ContainerError) as caught:
        run(place)
    assert not hasattr(caught.value, "__notes__")
    assert names(place) == ["a.mp4", "mask.png"]


def test_of_a_film_that_was_changed_nothing_is_kept(place: Path) -> None:
    def change(progress: Progress) -> None:
        if (progress.stage, progress.done) == ("render", 30):
            os.utime(place / "a.mp4", ns=(1, 1))

    with pytest.raises(FilmChangedError, match="was changed while it was read; start again") as caught:
        run(place, change)
    assert not hasattr(caught.value, "__notes__")
    assert names(place) == ["a.mp4", "mask.png"]


def test_the_note_says_that_the_command_goes_on(place: Path) -> None:
    with pytest.raises(KeyboardInterrupt) as caught:
        run(place, stop_at("render", 30))
    assert caught.value.__notes__ == ["what is finished is kept: the same command goes on where it stopped"]


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"paint": PaintOptions(FitOptions(steps=3))}, "was begun with other options; starting afresh"),
        ({"encode": EncodeOptions(crf=20)}, "was begun with other options"),
        ({"borrow": BorrowOptions(False, 9)}, "was begun with other options"),
        ({"provenance": Path("from.mp4")}, "was begun with other options"),
    ],
)
def test_other_options_start_afresh(
    place: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    choices: dict,
    message: str,
) -> None:
    monkeypatch.chdir(place)
    stopped(place)
    assert run(place, **choices).frames_resumed == 0
    assert message in caplog.text


@pytest.mark.parametrize(
    "choices", [{"pool": PoolOptions("cpu", 3)}, {"encode": EncodeOptions(overwrite=True)}]
)
def test_what_does_not_change_the_film_may_change(place: Path, reference: bytes, choices: dict) -> None:
    stopped(place)
    assert run(place, **choices).frames_resumed == 48
    assert (place / "b.mp4").read_bytes() == reference


def test_another_film_or_mask_starts_afresh(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    stopped(place)
    before = (place / "mask.png").stat()
    cv2.imwrite(str(place / "mask.png"), np.roll(draw_mask((96, 96)), 3, 0))
    os.utime(place / "mask.png", (before.st_atime, before.st_mtime))
    stopped(place)
    assert "other options" in caplog.text
    data = bytearray((place / "a.mp4").read_bytes())
    data[len(data) // 2] ^= 1  # of the same size, name and times
    (place / "a.mp4").write_bytes(data)
    assert run(place).frames_resumed == 0
    assert "'b.mp4' was begun with another film; starting afresh" in caplog.text


def test_another_kind_of_device_renders_afresh(
    place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stopped(place)
    seen: list[str] = []
    monkeypatch.setattr(FakePool, "devices", ("mps",))
    result = run(place, lambda progress: seen.append(progress.stage))
    assert (result.frames_resumed, set(seen)) == (0, {"render"})  # the plan is the same
    assert "was begun on another device (cpu); its frames are rendered afresh" in caplog.text


@pytest.mark.parametrize("change", [{"encoder": "h264_nvenc"}, {"pix_fmt": "yuv422p"}])
def test_another_encoder_starts_afresh(
    place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, change: dict
) -> None:
    """As where a hardware encoder is gone, or another of the same codec takes its place."""
    with monkeypatch.context() as patch:
        patch.setattr(
            pipeline,
            "find_fingerprint",
            lambda film, options, encoding, *more: find_fingerprint(
                film, options, replace(encoding, **change), *more
            ),
        )
        stopped(place)
    assert run(place).frames_resumed == 0
    assert "was begun with another encoder;" in caplog.text


def test_another_processor_starts_afresh(
    place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(cv2, "checkHardwareSupport", lambda _: False)
        stopped(place)
    assert run(place).frames_resumed == 0
    assert "'b.mp4' was begun with another processor; starting afresh" in caplog.text


def test_the_size_is_matched_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = EncodeOptions(match_size=True)
    run(place, target="c.mp4", encode=options)
    stopped(place, encode=options)
    state = json.loads((find_folder(place / "b.mp4") / "state.json").read_text())
    assert 10 < state["decisions"]["crf"] < 51
    monkeypatch.setattr(rendering, "match_size", None)
    assert run(place, encode=options).frames_resumed == 48
    assert (place / "b.mp4").read_bytes() == (place / "c.mp4").read_bytes()


def test_segments_of_another_quality_are_made_again(place: Path) -> None:
    """As if somebody had changed the state."""
    options = EncodeOptions(match_size=True)
    stopped(place, encode=options)
    file = find_folder(place / "b.mp4") / "state.json"
    state = json.loads(file.read_text())
    state["decisions"]["crf"] += 1
    file.write_text(json.dumps(state))
    assert run(place, encode=options).frames_resumed == 0


def test_a_damaged_segment_is_made_again(
    place: Path, reference: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    stopped(place)
    first, second, third, _ = sorted(find_folder(place / "b.mp4").glob("*.picture"))
    data = bytearray(first.read_bytes())
    data[len(data) // 2] ^= 1
    first.write_bytes(data)
    second.write_bytes(second.read_bytes()[:-9])
    third.unlink()
    (third.parent / ".half.part-1.picture").write_text("half")
    assert run(place).frames_resumed == 12
    assert caplog.text.count("is of no use and is made again") == 2
    assert (place / "b.mp4").read_bytes() == reference


@pytest.mark.parametrize("name", ["state.json", "*.picture"])
def test_a_pipe_is_not_waited_for(place: Path, reference: bytes, name: str) -> None:
    stopped(place)
    file = min(find_folder(place / "b.mp4").glob(name))
    file.unlink()
    os.mkfifo(file)
    assert describe_work(place / "a.mp4", place / "b.mp4")
    run(place)
    assert (place / "b.mp4").read_bytes() == reference


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "[" * 100_000, '{"format": "subremover run", "version": 1, "film": 1}', "\xff\xfe"],
)
def test_a_damaged_state_starts_afresh(place: Path, caplog: pytest.LogCaptureFixture, text: str) -> None:
    stopped(place)
    state = find_folder(place / "b.mp4") / "state.json"
    state.write_text(text, encoding="latin-1")
    assert "there is no run to go on with" in describe_work(place / "a.mp4", place / "b.mp4")
    assert run(place).frames_resumed == 0
    assert "is damaged; starting afresh" in caplog.text


def test_a_state_with_nonsense_in_it(place: Path) -> None:
    stopped(place)
    file = find_folder(place / "b.mp4") / "state.json"
    whole = json.loads(file.read_text())
    for part in (
        {"segments": [[0, -1, False]]},
        {"segments": [[0, 5]]},
        {"segments": 7},
        {"findings": [1]},
        {"fingerprint": []},
        {"film": None},
        {"device": 1},
        {"version": 9},
        {"decisions": None},
        {"decisions": {"is_whole": 1}},
        {"decisions": {"crf": float("nan")}},
        {"decisions": {"crf": "20"}},
        {"decisions": {"colour": 1}},
    ):
        file.write_text(json.dumps(whole | part))
        assert "there is no run to go on with" in describe_work(place / "a.mp4", place / "b.mp4")


def test_a_damaged_plan_is_made_again(place: Path, reference: bytes) -> None:
    stopped(place)
    (find_folder(place / "b.mp4") / "plan" / "plan.json").write_text("[]")
    run(place)
    assert (place / "b.mp4").read_bytes() == reference


def test_nothing_is_kept_without_resume(place: Path) -> None:
    stopped(place)
    stopped(place, encode=EncodeOptions(resume=False))
    assert names(place) == ["a.mp4", "mask.png"]
    assert run(place, encode=EncodeOptions(resume=False)).frames_resumed == 0


def test_an_error_before_the_work_leaves_nothing(place: Path) -> None:
    with pytest.raises(PlanError):
        run(place, scan=ScanOptions(mask=place / "gone.png"))
    with pytest.raises(KeyboardInterrupt):
        run(place, stop_at("scan", 3))
    assert names(place) == ["a.mp4", "mask.png"]


def test_a_full_disk(place: Path, reference: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The third segment does not fit; then there is space again, but not for the film."""
    with monkeypatch.context() as patch:
        commit = SpoolWriter.commit

        def full(self: SpoolWriter, *arguments: object) -> None:
            if len(list(find_folder(place / "b.mp4").glob("0*.picture"))) == 2:
                raise OSError(errno.ENOSPC, "No space left on device")
            commit(self, *arguments)

        patch.setattr(SpoolWriter, "commit", full)
        with pytest.raises(OutputError, match=r"no space left .*; free some") as caught:
            run(place)
    assert "the same command goes on" in caught.value.__notes__[0]
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space")))
        with pytest.raises(OutputError, match=r"no space left|cannot write"):
            run(place)
    assert names(place) == [".b.mp4.subremover", "a.mp4", "mask.png"]
    assert len([name for name in kept(place) if name.endswith(".picture")]) == 2
    assert run(place).frames_resumed == 24
    assert (place / "b.mp4").read_bytes() == reference


def test_little_space_is_said(
    place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    usage = shutil.disk_usage(place)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    run(place)
    assert "there may be too little space for" in caplog.text


def test_two_runs_to_one_target(place: Path) -> None:
    with WorkFolder(place / "b.mp4", place / "a.mp4", {"film": "x"}):
        with pytest.raises(
            OutputError, match=r"another run is making .*b.mp4'; wait for it to end"
        ) as caught:
            run(place)
        assert "a run: being scanned" in describe_work(place / "a.mp4", place / "b.mp4")
    assert caught.value.exit_code == 4
    run(place)
    assert names(place) == ["a.mp4", "b.mp4", "mask.png"]


@pytest.mark.parametrize("is_link", [True, False])
def test_something_in_the_way(place: Path, is_link: bool) -> None:
    folder = find_folder(place / "b.mp4")
    (place / "else").mkdir()
    (place / "else" / "precious").touch()
    if is_link:
        folder.symlink_to(place / "else")
    else:
        folder.write_text("precious")
    with pytest.raises(OutputError, match=IN_THE_WAY):
        run(place)
    assert names(place / "else") == ["precious"]


@pytest.mark.parametrize("resume", [True, False])
@pytest.mark.parametrize(
    "files",
    [["precious"], ["lock"], ["lock", "state.json"], ["plan/plan.json"], ["00000000_00000012.picture"]],
)
def test_a_folder_of_somebody_else_stays_as_it_is(place: Path, files: list[str], resume: bool) -> None:
    folder = find_folder(place / "b.mp4")
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("precious")
    with pytest.raises(OutputError, match=IN_THE_WAY):
        run(place, encode=EncodeOptions(resume=resume))
    assert sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()) == files
    assert all((folder / name).read_text() == "precious" for name in files)
    assert not (place / "b.mp4").exists()


@pytest.mark.parametrize("name", ["lock", "state.json", "00000000_00000012.picture"])
def test_nothing_is_written_through_a_link_in_the_folder(place: Path, name: str) -> None:
    stopped(place)
    (place / "precious").write_text("precious")
    file = find_folder(place / "b.mp4") / name
    file.unlink()
    file.symlink_to(place / "precious")
    with pytest.raises(OutputError, match=IN_THE_WAY):
        run(place)
    assert (place / "precious").read_text() == "precious"


def test_what_somebody_puts_into_the_folder_stays(
    place: Path, reference: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    stopped(place)
    (find_folder(place / "b.mp4") / "precious").write_text("precious")
    run(place)
    assert kept(place) == ["lock", "precious"]
    assert "stays, for there is something in it that no run has made" in caplog.text
    stopped(place, target="b.mp4", encode=EncodeOptions(overwrite=True))
    run(place, encode=EncodeOptions(overwrite=True))
    assert kept(place) == ["lock", "precious"]
    assert (place / "b.mp4").read_bytes() == reference


def test_a_run_that_was_killed_before_it_began(place: Path, reference: bytes) -> None:
    folder = find_folder(place / "b.mp4")
    folder.mkdir()
    (folder / "lock").touch()
    run(place)
    assert (place / "b.mp4").read_bytes() == reference
    assert names(place) == ["a.mp4", "b.mp4", "mask.png"]


def test_the_target_may_be_a_link_or_have_a_long_name(place: Path, reference: bytes) -> None:
    (place / "disk").mkdir()
    (place / "b.mp4").symlink_to(place / "disk" / "c.mp4")
    stopped(place)
    assert names(place / "disk") == [".c.mp4.subremover"]
    run(place)
    assert (place / "disk" / "c.mp4").read_bytes() == reference
    folder = find_folder(place / ("x" * 251 + ".mp4"))
    assert folder.parent == place
    assert len(folder.name) < 100


def test_files_that_a_stopped_run_has_written_stay(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same command goes on though they exist; files of somebody else do not."""
    monkeypatch.chdir(place)
    words = ["--mask", "mask.png", "--no-borrow", "--srt", "a.srt", "--save-plan", "plan", "-q"]
    with monkeypatch.context() as patch:
        patch.setattr(rendering, "assemble", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        assert cli.run(["a.mp4", "-o", "b.mp4", *words]) == 130
    (place / "a.srt").write_text("edited")
    assert cli.run(["a.mp4", "-o", "b.mp4", *words]) == 0
    assert (place / "a.srt").read_text() == "edited"
    assert cli.run(["a.mp4", "-o", "c.mp4", *words]) == 4
    assert names(place) == ["a.mp4", "a.srt", "b.mp4", "mask.png", "plan"]


def test_an_edited_plan_is_not_replaced(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    words = ["a.mp4", "--mask", "mask.png", "--no-borrow", "--save-plan", "plan", "-q"]
    with monkeypatch.context() as patch:
        patch.setattr(rendering, "assemble", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        assert cli.run([*words, "-o", "b.mp4"]) == 130
    (place / "plan" / "plan.json").write_text("edited")
    assert cli.run([*words, "-o", "b.mp4"]) == 0  # it goes on, and the plan is of this run
    for where in (["--scan-only"], ["-o", "c.mp4"]):
        assert cli.run([*words, *where]) == 4
        said = "'plan/plan.json' exists; add --overwrite or give another folder"
        assert said in capsys.readouterr().err
    assert (place / "plan" / "plan.json").read_text() == "edited"
    assert names(place) == ["a.mp4", "b.mp4", "mask.png", "plan"]
    assert cli.run([*words, "--scan-only", "--overwrite"]) == 0
    assert json.loads((place / "plan" / "plan.json").read_text())["events"]


def test_the_film_of_origins_may_be_there_when_the_run_goes_on(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    command = ["a.mp4", "-o", "b.mp4", "--mask", "mask.png", "--provenance", "from.mp4", "-q"]
    with monkeypatch.context() as patch:
        patch.setattr(rendering, "assemble", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        assert cli.run(command) == 130
    made = (place / "from.mp4").read_bytes()
    assert cli.run(command) == 0
    assert (place / "from.mp4").read_bytes() == made
    (place / "b.mp4").unlink()
    assert cli.run(command) == 4
    assert names(place) == ["a.mp4", "from.mp4", "mask.png"]


def test_status(place: Path) -> None:
    source, target = place / "a.mp4", place / "b.mp4"
    assert describe_work(source, target) == f"{target}: there is no run to go on with"
    target.touch()
    assert describe_work(source, target) == f"{target}: there is a film, and no run to go on with"
    target.unlink()
    stopped(place)
    expected = "a stopped run: 48 of 70 frames (4 of 6 segments) are finished"
    assert describe_work(source, target) == f"{target}: {expected}"
    assert "of another film, 'a.mp4'," in describe_work(place / "z.mp4", target)
    before = {path: path.stat().st_mtime_ns for path in find_folder(target).iterdir()}
    result = subprocess.run(
        [sys.executable, "-m", "subremover", "a.mp4", "-o", "b.mp4", "--status"],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (result.stdout, result.stderr) == (f"b.mp4: {expected}\n", "")
    assert before == {path: path.stat().st_mtime_ns for path in find_folder(target).iterdir()}


@pytest.fixture
def command() -> list[str]:
    return [sys.executable, str(SUPPORT / "fake_run.py")]


def test_killed_runs_go_on(place: Path, command: list[str]) -> None:
    """The quick form of examples/benchmarks/kill_and_resume.py."""
    words = [*command, "0.1", "--mask", str(place / "mask.png"), "--no-borrow"]
    rows = list(kill_and_resume(words, place / "a.mp4", place / "out", kills=3, seed=1))
    assert len(rows) == 3
    assert all(row.is_same for row in rows)
    assert names(place / "out") == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_keeps_what_is_finished(
    place: Path, command: list[str], number: signal.Signals, code: int
) -> None:
    words = ["a.mp4", "-o", "b.mp4", "--mask", "mask.png", "--no-borrow"]
    process = subprocess.Popen(
        [*command, "0.5", *words],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # noqa: PLW1509, whoever runs the tests may ignore it
    )
    deadline = time.monotonic() + 60
    while not list(find_folder(place / "b.mp4").glob("0*.picture")):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == code
    note = "subremover: what is finished is kept: the same command goes on where it stopped"
    assert err.splitlines()[-1] == note
    assert "Traceback" not in err
    assert names(place) == [".b.mp4.subremover", "a.mp4", "mask.png"]
    finished = [name for name in kept(place) if name.endswith(".picture")]
    assert kept(place) == [*finished, "lock", "plan", "state.json"]

"""prove_cuda keeps what was found, whatever becomes of its parts; without a GPU these do what they can."""

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import prove_batch
import prove_cuda
import prove_films
import prove_fit
import prove_limits
import prove_process
import prove_speed
import prove_wheels
import pytest
import torch
from prove_process import Found, Job, Outcome, Part, SkippedError
from prove_report import format_outcome

BENCHMARKS = Path(prove_cuda.__file__).parent
FAKES = """
import os, signal, subprocess, time
from pathlib import Path
from prove_process import SkippedError

def good(found, job):
    found.note(figure=1.5, table=[1, 2])
    print("said")

def wrong(found, job):
    found.check("water is dry", False)
    found.check("water is wet", True)
    found.note(after=2)

def raises(found, job):
    found.note(before=3)
    raise ValueError("no such thing\\nand more")

def crashes(found, job):
    found.note(before=4)
    os.kill(os.getpid(), signal.SIGSEGV)

def leaves(found, job):
    os._exit(0)

def skips(found, job):
    raise SkippedError("not here")

def hangs(found, job):
    child = subprocess.Popen(["sleep", "60"])
    found.note(child=child.pid, own=os.getpid())
    Path(job.out, "hanging").touch()
    time.sleep(60)

def wheel(found, job):
    import carried
    found.note(carried=carried.VALUE)
"""


def part(name: str, seconds: float = 20, least: float = 0) -> Part:
    return Part(name, f"fakes:{name}", seconds, least)


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the fake parts, which processes find."""
    (tmp_path / "fakes.py").write_text(FAKES, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def prove(folder: Path, *parts: Part, budget: float = 100, **more: Any) -> list[Outcome]:
    (folder / "scratch").mkdir(exist_ok=True)
    job = Job(budget, str(folder / "scratch"), str(folder), **more)
    return prove_cuda.prove(parts, job, budget, threading.Event())


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_part_that_fails_costs_nothing_of_the_others(fakes: Path) -> None:
    names = ("wrong", "raises", "crashes", "leaves", "skips", "good")
    outcomes = prove(fakes, *map(part, names))
    assert [outcome.status for outcome in outcomes] == [*["failed"] * 4, "skipped", "passed"]
    assert [outcome.reasons for outcome in outcomes] == [
        ["water is dry"],
        ["ValueError: no such thing"],
        ["crashed by SIGSEGV amid its work"],
        ["ended amid its work"],
        ["not here"],
        [],
    ]
    assert [outcome.figures for outcome in outcomes] == [
        *({"after": 2}, {"before": 3}, {"before": 4}, {}, {}),
        {"figure": 1.5, "table": [1, 2]},
    ]
    assert "Segmentation fault" in "\n".join(outcomes[2].log)
    assert not outcomes[5].log
    found = json.loads((fakes / "prove.json").read_text())
    assert [one["status"] for one in found["parts"]] == [outcome.status for outcome in outcomes]
    table = (fakes / "prove.md").read_text().splitlines()
    assert table[2].startswith("| wrong | ")
    assert table[2].endswith(" | FAILED (water is dry) | after 2 |")
    assert table[7].endswith(" | passed | figure 1.5 |")


def test_a_part_that_hangs_is_killed_with_all_its_processes(fakes: Path) -> None:
    hanging, good = prove(fakes, part("hangs", 1.5), part("good"))
    assert hanging.status == "failed"
    assert hanging.reasons == ["killed at its limit of 2 s amid its work"]
    assert 1.5 <= hanging.seconds < 10
    assert not is_alive(hanging.figures["child"])
    assert not is_alive(hanging.figures["own"])
    assert "in hangs" in "\n".join(hanging.log)  # where it hung
    assert good.status == "passed"


def test_the_budget_cuts_parts_short_and_skips_them(fakes: Path) -> None:
    hanging, late, later = prove(fakes, part("hangs", 20), part("good"), part("good", least=1), budget=1.2)
    assert hanging.reasons == ["cut short by the budget"]
    assert late.status == later.status == "skipped"
    assert later.reasons == ["0 s of the budget are left"]


def start(folder: Path, *parts: str) -> "subprocess.Popen[bytes]":
    """The whole command with fake parts, the second of which hangs; waits until it does."""
    listed = ", ".join(f"Part('{name}', 'fakes:{name}', 30, 0)" for name in parts)
    code = f"import sys, prove_cuda as p; from prove_process import Part; p.PARTS = ({listed},); "
    environment = {**os.environ, "PYTHONPATH": f"{BENCHMARKS}:{folder}", "TMPDIR": str(folder)}
    process = subprocess.Popen(
        [sys.executable, "-c", code + "sys.exit(p.main(sys.argv[1:]))", str(folder / "out")],
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    while not (folder / "out" / "hanging").exists():
        assert process.poll() is None
        time.sleep(0.02)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_whole_table(fakes: Path, number: signal.Signals) -> None:
    process = start(fakes, "good", "hangs", "skips")
    process.send_signal(number)
    assert process.wait(10) == 128 + number
    good, hanging, rest = json.loads((fakes / "out" / "prove.json").read_text())["parts"]
    assert (good["status"], rest["status"]) == ("passed", "skipped")
    assert hanging["reasons"] == ["stopped by a signal amid its work"]
    assert rest["reasons"] == ["stopped by a signal"]
    assert not is_alive(hanging["figures"]["child"])
    assert not list(fakes.glob("prove_cuda_*"))
    assert (fakes / "out" / "prove.md").read_text().count("\n| ") == 4


def test_a_kill_of_the_whole_leaves_what_was_done_and_no_process(fakes: Path) -> None:
    process = start(fakes, "good", "hangs")
    (lines,) = fakes.glob("prove_cuda_*/fakes_hangs.lines")
    child = json.loads(lines.read_text().splitlines()[0])[1]
    process.kill()
    process.wait()
    good, hanging = json.loads((fakes / "out" / "prove.json").read_text())["parts"]
    assert good["status"] == "passed"
    assert (hanging["status"], hanging["reasons"]) == ("skipped", ["not reached"])
    end = time.monotonic() + 10
    while is_alive(child["child"]) or is_alive(child["own"]):
        assert time.monotonic() < end
        time.sleep(0.02)


def make_wheel(folder: Path) -> Path:
    path = folder / "carried-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("carried.py", "VALUE = 7\n")
        wheel.writestr("imageio_ffmpeg/binaries/ffmpeg-linux", "large")
        wheel.writestr(
            "carried-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: carried\nVersion: 1.0\n"
        )
        wheel.writestr(
            "carried-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("carried-1.0.dist-info/RECORD", "")
    return path


def test_wheels_are_made_small_and_installed_for_the_parts_alone(fakes: Path) -> None:
    wheel = make_wheel(fakes)
    prove_wheels.compress(wheel)
    with zipfile.ZipFile(wheel) as packed:
        assert "imageio_ffmpeg/binaries/ffmpeg-linux" not in packed.namelist()
        assert packed.read("carried.py") == b"VALUE = 7\n"
        assert packed.getinfo("carried.py").compress_type == zipfile.ZIP_LZMA
    install = Part("install", "prove_wheels:install", 60)
    outcomes = prove(fakes, install, part("wheel"), wheels=str(fakes))
    assert [outcome.status for outcome in outcomes] == ["passed", "passed"], outcomes
    assert outcomes[1].figures == {"carried": 7}
    assert not importlib.util.find_spec("carried")


def test_what_is_fetched_is_pinned_and_never_torch() -> None:
    pinned = {
        line.partition("==")[0] for line in (prove_wheels.ROOT / "constraints.txt").read_text().splitlines()
    }
    assert set(prove_wheels.LACKING) <= pinned
    assert not {"torch", "triton", "numpy"} & set(prove_wheels.LACKING)


def test_all_parts_are_there() -> None:
    for own in prove_cuda.PARTS:
        module, _, name = own.function.partition(":")
        assert callable(getattr(importlib.import_module(module), name))
    assert len({own.function for own in prove_cuda.PARTS}) == len(prove_cuda.PARTS)


def test_a_row_stays_one_line() -> None:
    row = format_outcome(Outcome("a", "failed", ["one|two\nthree"], 1.25, {"few_things": 1234.5678}))
    assert row == ["a", "1.2", "FAILED (one/two three)", "few things 1,235"]


def do(function: Callable[[Found, Job], None], folder: Path, seconds: float = 60) -> Outcome:
    """A part in this process."""
    lines, log = folder / "part.lines", folder / "part.log"
    lines.unlink(missing_ok=True)
    log.touch()
    found = Found(lines)
    try:
        function(found, Job(seconds, str(folder), str(folder)))
    except SkippedError as reason:
        found.skip(str(reason))
    found.end()
    return prove_process._read_outcome(part("part"), lines, log, 0, "", is_short=False)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(
    ("function", "figures"),
    [
        (prove_fit.prove_blurs, {"error_with_TF32", "error_without_TF32"}),
        (prove_fit.prove_graph, {"error", "error_without_kernels"}),
        (prove_fit.prove_company, {"same_bits", "mean_levels_apart", "most_levels_apart"}),
        (prove_fit.prove_making, {"B2_first_seconds", "B4_again_seconds"}),
        pytest.param(
            prove_speed.prove_profile, {"step_ms", "launches", "busy_share"}, marks=pytest.mark.slow
        ),
        (prove_speed.prove_speed, {"row_steps", "share", "ratio"}),
        (prove_limits.prove_forward, {"first", "without", "again", "apart"}),
    ],
)
def test_a_part_without_a_gpu(
    function: Callable[[Found, Job], None], figures: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(prove_speed, "TURN_SECONDS", 0.01)
    monkeypatch.setattr(prove_speed, "fit_frame", lambda *_: None)
    monkeypatch.setattr(prove_speed, "PROFILED_STEPS", 1)
    monkeypatch.setattr(
        prove_speed, "measure_rates", lambda *_, **__: prove_speed.Rates(1e9, {"float32": 1e9})
    )
    outcome = do(function, tmp_path)
    assert outcome.status == "passed", outcome
    assert figures <= set(outcome.figures)
    assert any(reason.startswith("no GPU: ") for reason in outcome.reasons)


@pytest.mark.parametrize("function", [prove_limits.prove_elements, prove_limits.prove_memory])
def test_limits_need_a_gpu(
    function: Callable[[Found, Job], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    outcome = do(function, tmp_path)
    assert outcome.status == "skipped"
    assert outcome.reasons[0].startswith("no GPU: ")


def test_what_is_wrong_fails_its_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(prove_fit, "blur", lambda values, _: values + 1e-3 * torch.rand_like(values))
    assert do(prove_fit.prove_blurs, tmp_path).status == "failed"
    monkeypatch.setattr(prove_fit, "fit", lambda rows, _steps: torch.rand_like(rows.targets))
    assert do(prove_fit.prove_graph, tmp_path).status == "failed"
    assert do(prove_fit.prove_company, tmp_path).status == "failed"


def test_batches_do_without_kernels_and_graphs_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    captured = []
    monkeypatch.setattr(prove_batch.batched_adam, "capture", lambda step, _: captured.append(step) or step)
    rows = prove_batch.draw_rows(prove_fit.TINY, "cpu")
    prove_batch.open_batch(rows)
    assert len(captured) == 1
    with prove_batch.limited_to(graph=False, kernels=False):
        assert not prove_batch.is_replayed(prove_batch.open_batch(rows))
        assert not prove_batch.losses.are_usable(torch.device("cuda"))
    assert len(captured) == 1


def test_pieces_are_joined_to_one_film(tmp_path: Path) -> None:
    for seed in range(2):
        prove_films._draw_piece(tmp_path / f"{seed}.mp4", (64, 48), seed)
    pieces = [tmp_path / f"{seed}.mp4" for seed in (0, 1, 0)]
    assert prove_films.join_pieces(pieces, tmp_path / "joined.mp4") == 3 * 48
    with av.open(str(tmp_path / "joined.mp4")) as container:
        times = [frame.time for frame in container.decode(container.streams.video[0])]
    assert times == pytest.approx([index / 24 for index in range(144)], abs=1e-3)


def test_the_long_film_is_as_long_as_there_is_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    joined = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(prove_films, "draw_pieces", lambda _folder, _size, count: [Path("piece")] * count)
    monkeypatch.setattr(
        prove_films, "join_pieces", lambda pieces, _: joined.append(len(pieces)) or 48 * len(pieces)
    )
    monkeypatch.setattr(
        prove_films, "_run", lambda *_: (joined[-1] * 2.0, {"start": 1.0, "render: fit": 2.0})
    )
    for seconds, expected in ((60, [3, 23]), (1000, [3, 30]), (10, [3])):
        joined.clear()
        outcome = do(prove_films.prove_long_film, tmp_path, seconds)
        assert joined == expected
        assert outcome.figures["frames_per_second"] == 24
        assert outcome.figures["bounds"] == "render: fit"

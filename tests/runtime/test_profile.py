"""Where the time goes: what counts as whose work, in one thread and in several."""

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from media import draw_film, read_packets

from subremover.api import remove_subtitles
from subremover.cli import command as cli
from subremover.options import FitOptions, Options, PaintOptions, PoolOptions, ScanOptions
from subremover.runtime import profile
from subremover.runtime.prefetch import prefetch
from subremover.runtime.profile import Profile, Work, measure, note, stage, timed

TINY = PaintOptions(FitOptions(steps=2, channels=4, levels=3), warm_steps=1, decoders=1)


class Clock:
    """Stands still until it is turned on."""

    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        return self.now

    def turn(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(profile, "time", clock)
    return clock


def seconds(measured: Profile) -> dict[str, float]:
    return {name: work.seconds for name, work in measured.stages.items()}


def test_a_stage_inside_another_is_counted_once(clock: Clock) -> None:
    with measure() as measured:
        clock.turn(1)
        with stage("scan: follow", frames=2):
            clock.turn(2)
            with stage("scan: strokes"):
                clock.turn(4)
                with stage("scan: follow"):
                    clock.turn(8)
            clock.turn(16)
        with stage("scan: read"):
            clock.turn(32)
    assert seconds(measured) == {"scan: follow": 26, "scan: strokes": 4, "scan: read": 32}
    assert measured.stages["scan: follow"].frames == 2
    assert measured.seconds == 63


def test_a_stage_that_fails_ends(clock: Clock) -> None:
    @stage("scan: read")
    def fail() -> None:
        clock.turn(2)
        raise ValueError("no")

    with measure() as measured, stage("scan: follow"):
        with pytest.raises(ValueError, match="no"):
            fail()
        clock.turn(1)
    assert seconds(measured) == {"scan: follow": 1, "scan: read": 2}


def test_what_a_consumer_does_is_not_the_makers_work(clock: Clock) -> None:
    def make() -> Iterator[int]:
        for number in range(3):
            clock.turn(1)
            yield number

    with measure() as measured:
        for _ in timed("render: decode", make()):
            clock.turn(10)
            with stage("render: fill"):
                clock.turn(100)
    assert measured.stages == {"render: decode": Work(3, 3), "render: fill": Work(300)}


def test_closing_reaches_the_maker() -> None:
    closed = []

    def make() -> Iterator[int]:
        try:
            yield 1
        finally:
            closed.append(True)

    frames = timed("render: decode", make())
    next(frames)
    frames.close()
    assert closed


def test_a_prefetch_works_for_its_consumers_run_and_waiting_is_no_work() -> None:
    def make() -> Iterator[int]:
        for number in range(3):
            with stage("scan: decode", frames=1):
                time.sleep(0.05)
            yield number

    with measure() as measured:
        for _ in prefetch(make(), depth=1):
            with stage("scan: follow"):
                pass
    assert measured.stages["scan: decode"].frames == 3
    assert measured.stages["scan: decode"].seconds >= 0.15
    assert measured.stages["scan: follow"].seconds < 0.05


def test_runs_in_two_threads_do_not_mix() -> None:
    measured: dict[str, Profile] = {}
    both = threading.Barrier(2)

    def run(name: profile.Stage) -> None:
        with measure() as own:
            both.wait(5)
            for _ in range(100):
                with stage(name, frames=1):
                    pass
            both.wait(5)
        measured[name] = own

    threads = [threading.Thread(target=run, args=(name,)) for name in ("scan: read", "copy")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert {name: list(own.stages) for name, own in measured.items()} == {
        "scan: read": ["scan: read"],
        "copy": ["copy"],
    }
    assert all(own.stages[name].frames == 100 for name, own in measured.items())


def test_threads_of_one_run_add_up() -> None:
    with measure() as measured:
        threads = [
            threading.Thread(target=lambda: [measured.add("scan: read", 0.5, 1) for _ in range(500)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert measured.stages == {"scan: read": Work(1000, 2000)}


def test_outside_of_a_run_nothing_is_counted(clock: Clock) -> None:
    with stage("copy"):
        clock.turn(1)
    with measure() as measured:
        pass
    with stage("copy"):
        clock.turn(1)
    assert list(timed("copy", iter("ab"))) == ["a", "b"]
    assert measured.stages == {}


def test_what_works_on_what_is_noted_and_logged_once_a_run(caplog: pytest.LogCaptureFixture) -> None:
    def make() -> Iterator[int]:
        for number in range(2):
            note("fit", f"cuda:{number}")
            yield number

    caplog.set_level(logging.INFO, profile.__name__)
    note("scan", "what is not measured")
    assert [record.message for record in caplog.records] == ["scan on what is not measured"]
    caplog.clear()
    for _ in range(2):
        with measure() as measured:
            note("scan", "CPU")
            note("scan", "CPU")
            assert list(prefetch(make(), depth=1)) == [0, 1]
        assert measured.notes == {"scan": ["CPU"], "fit": ["cuda:0", "cuda:1"]}
        assert [record.message for record in caplog.records] == [
            "scan on CPU",
            "fit on cuda:0",
            "fit on cuda:1",
        ]
        caplog.clear()


def test_a_devices_work_adds_up() -> None:
    found = Profile()
    for seconds in (0.25, 0.0, 0.25):
        found.add_device("cuda:1", seconds)
    found.add_device("cpu", 0.0)
    assert found.device_seconds == {"cuda:1": 0.5}


def test_the_table_is_in_the_order_of_the_stages() -> None:
    stages = {"render: fit": Work(2, 10), "scan: decode": Work(5, 0), "report": Work(0.001)}
    notes = {"scan": ["CPU"], "fit": ["cuda:0, Triton kernels", "cuda:1, plain torch"]}
    first, *rows, scan, fit = str(Profile(8, 12, stages, {"cuda:0": 4}, notes)).splitlines()
    assert first.split() == ["stage", "seconds", "share", "frames/s"]
    cores = profile.count_cores()
    assert [row.split() for row in rows] == [
        ["scan:", "decode", "5.00", "62%"],
        ["render:", "fit", "2.00", "25%", "5.0"],
        ["whole", "run", "8.00"],
        ["CPU", "busy", "12.00", f"{1.5 / cores:.0%}", "of", str(cores), "cores"],
        ["cuda:0", "busy", "4.00", "50%"],
    ]
    assert scan.split() == ["scan", "on", "CPU"]
    assert fit == "fit on           cuda:0, Triton kernels; cuda:1, plain torch"


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A short film; its mask lies beside it."""
    drawn = draw_film(tmp_path / "a.mkv", frames=12, codec="ffv1", subtitles=((4, 7, "Hi"),))
    cv2.imwrite(str(tmp_path / "mask.png"), np.uint8(255) * drawn.masks[4])
    return drawn.path


def test_a_run_from_python_has_its_profile(film: Path) -> None:
    options = Options(
        ScanOptions(mask=film.with_name("mask.png")), paint=TINY, pool=PoolOptions(device="cpu")
    )
    result = remove_subtitles(film, film.with_name("b.mkv"), options)
    frames = {name: work.frames for name, work in result.profile.stages.items()}
    assert frames["scan: decode"] == frames["scan: follow"] == frames["render: decode"] == 12
    assert frames["render: encode"] == frames["render: fill"] == frames["render: fit"] == 12
    assert result.profile.seconds >= result.seconds > 0
    assert result.profile.cpu_seconds > 0
    assert max(seconds(result.profile).values()) < result.profile.seconds
    threads = torch.get_num_threads()
    assert result.profile.notes == {
        "borrow": ["CPU"],
        "fit": [f"CPU, {threads} thread{'s' * (threads != 1)}"],
    }


def test_profile_prints_and_changes_nothing(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = film.parent
    words = ["--mask", str(folder / "mask.png"), "--steps", "2", "--channels", "4", "--device", "cpu", "-q"]
    for name, more in (("plain", []), ("told", ["--profile"])):
        assert cli.run([str(film), "-o", str(folder / f"{name}.mkv"), *words, *more]) == 0
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("a.mkv:\nstage " if more else "")
        assert ("render: fill" in err) == ("CPU busy" in err) == ("borrow on " in err) == bool(more)
    plain, told = (read_packets(folder / f"{name}.mkv", "video") for name in ("plain", "told"))
    assert plain == told


def test_profile_of_a_scan_alone_and_of_several_films(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = draw_film(film.with_name("c.mp4"), frames=12).path
    words = ["--scan-only", "--mask", str(film.with_name("mask.png")), "--profile"]
    assert cli.run([str(film), str(other), *words]) == 0
    err = capsys.readouterr().err
    assert err.index("a.mkv:\nstage") < err.index("c.mp4:\nstage")
    assert err.count("whole run") == 2
    assert "render" not in err.replace("render 0", "")

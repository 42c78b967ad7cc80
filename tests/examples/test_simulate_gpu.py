"""The simulated GPU takes the time that it should, and what is counted as the cores' is theirs."""

import time
from pathlib import Path

import pytest
import simulate_gpu
import torch
from click.testing import CliRunner
from simulate_gpu import Gpu, SimulatedAdam, SimulatedCopy, SimulatedMark, measure, simulated_gpu

import subremover
from subremover.options import FitOptions


def test_a_step_takes_its_traffic_or_its_launches() -> None:
    gpu = Gpu()
    large = SimulatedAdam(gpu, FitOptions(channels=64), 64, (160, 640))
    assert large._seconds == pytest.approx(64 * 160 * 640 * (357 + 19.0 * 64) / 4.3e12)
    assert SimulatedAdam(gpu, FitOptions(), 4, (32, 64))._seconds == pytest.approx(118e-6)


def test_the_queue_empties_by_the_clock() -> None:
    with simulated_gpu() as gpu:
        start = time.perf_counter()
        first = SimulatedMark(torch.device("cpu"))
        gpu.queue(0.05)
        copy, last = SimulatedCopy([]), SimulatedMark(torch.device("cpu"))
        assert not copy.is_done()
        last.wait()
        assert copy.is_done()
        assert time.perf_counter() - start >= 0.05
        assert last.seconds_since(first) == pytest.approx(0.05, abs=0.01)
    assert gpu.busy_seconds == pytest.approx(0.05)


def test_lists_are_filled_by_it() -> None:
    found = measure("fills", 1, lambda: simulate_gpu.fill_lists(32, 64, 2))
    assert (found.part, found.frames) == ("fills", 64)
    assert 0 < found.gpu_share <= 1
    assert found.core_seconds > 0


def test_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulate_gpu, "CROPS", ((32, 64),))
    monkeypatch.setattr(simulate_gpu, "fit_much", lambda: simulate_gpu.fill_lists(32, 64, 1))
    monkeypatch.setattr(simulate_gpu, "draw_film", lambda *_: tmp_path)
    monkeypatch.setattr(subremover, "scan", lambda _: None)
    for name in ("fill_frames", "render_film"):
        monkeypatch.setattr(simulate_gpu, name, lambda *_: simulate_gpu.fill_lists(32, 64, 1))
    words = [str(tmp_path), "--cores", "1", "--lists", "1"]
    run = CliRunner().invoke(simulate_gpu.main, words, catch_exceptions=False)
    parts = [line.split("|")[1].strip() for line in run.output.splitlines() if line.startswith("|")][2:]
    assert parts == ["paper", "fills 32x64", "frames", "encoded", "film"]
    assert (tmp_path / "simulated.json").exists()
    many = CliRunner().invoke(simulate_gpu.main, [str(tmp_path), "--cores", "4096"])
    assert many.exit_code == 2
    assert "not 4096" in many.output

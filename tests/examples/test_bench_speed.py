"""What bench_speed measures is what it says: the textbook loop, the limits, and the films."""

import contextlib
import json
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import bench_film
import bench_fit
import bench_speed
import numpy as np
import pytest
import speed_limit
import textbook
import torch
from bench_film import FilmCase, FilmRun, choose_cases, fit_growth, read_stages
from bench_fit import Case, Speed, format_speeds
from click.testing import CliRunner
from clip_tables import Cost
from make_sample import make_events
from speed_limit import Rates, count_work

from subremover.cli import command as cli
from subremover.runtime.profile import Profile, Work
from subremover.untrained.deep_decoder import decode, draw_weights
from subremover.untrained.losses import prepare_loss

TINY = ["--device", "cpu", "--steps", "2", "--channels", "4"]
RATES = Rates(1e9, {"float32": 1e9, "TF32": 4e9})


def pictures(height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    one = torch.rand(1, 3, height, width, generator=generator)
    return one, (one + 0.2 * torch.rand(1, 3, height, width, generator=generator)).clamp(0, 1)


@pytest.mark.parametrize("size", [(64, 96), (160, 192), (176, 192)])
def test_the_textbooks_loss_is_ours_where_all_is_known(size: tuple[int, int]) -> None:
    output, target = pictures(*size)
    known = torch.ones(1, 1, *size)
    theirs = textbook.prepare_loss(target, known)(output)
    ours = prepare_loss("mix", target, known)(output)
    torch.testing.assert_close(theirs, ours[0], rtol=1e-4, atol=1e-6)


def test_the_textbooks_loss_does_not_see_the_hole() -> None:
    output, target = pictures(64, 96)
    known = torch.ones(1, 1, 64, 96)
    known[..., 20:40, 30:60] = 0
    loss = textbook.prepare_loss(target, known)
    changed = torch.where(known > 0, output, torch.rand_like(output))
    torch.testing.assert_close(loss(output), loss(changed))
    assert loss(output) > loss(target)


def test_the_textbooks_decoder_is_ours() -> None:
    generator = torch.Generator().manual_seed(3)
    code = torch.rand(8, 3, 5, generator=generator)
    weights = draw_weights([code], 8, 3, [0])
    network = textbook.make_decoder(8, 3)
    convolutions = [layer for layer in network if isinstance(layer, torch.nn.Conv2d)]
    for layer, mix in zip(convolutions, (*weights.mixes, weights.head), strict=True):
        layer.weight.data = mix[0][..., None, None]
    torch.testing.assert_close(network(code[None]), decode(weights, "relu"), rtol=1e-4, atol=1e-5)


def test_the_textbook_fits() -> None:
    crop, known = bench_fit.draw_crop(32, 64)
    loss = textbook.prepare_loss(crop, known)
    torch.manual_seed(0)
    few, many = (textbook.fit_frame(crop, known, 8, 3, steps) for steps in (1, 40))
    assert loss(many) < 0.8 * loss(few)


def test_the_limit_of_a_case_done_by_hand() -> None:
    # 4x4 px, K = 2, L = 1: the level's convolution gives 2x2 pixels of 2 channels
    values, code, planes, weights = 6 * 4 * 2, 2 * 4 * 2, 23 * 16 * 4 // 3, 9 * (2 * 2 + 2 * 2 + 3 * 2)
    products = 3 * (4 * 2 * 2 + 16 * 3 * 2) - 4 * 2 * 2
    work = count_work(4, 4, 2, 1)
    assert work == speed_limit.Work(4 * (values + code + planes + weights), 2 * products)
    assert RATES.memory_limit(work) == 1e9 / work.memory_bytes
    assert RATES.operations_limit(work) == 4e9 / work.operations
    assert RATES.limit(work) == 1e9 / work.memory_bytes


def test_rates_are_measured() -> None:
    rates = speed_limit.measure_rates(torch.device("cpu"), quick=True)
    assert rates.copied_bytes > 1e8
    assert list(rates.operations) == ["float32"]
    assert rates.operations["float32"] > 1e8


def test_a_crop_has_a_hole_like_a_subtitle() -> None:
    crop, known = bench_fit.draw_crop(96, 288)
    assert crop.shape == (1, 3, 96, 288)
    assert crop.dtype == known.dtype == torch.float32
    assert 0 <= crop.min() < crop.max() <= 1
    assert 0.05 < 1 - known.mean() < 0.4
    assert known[..., 0, :].all()


class HereExecutor(ThreadPoolExecutor):
    """In the place of a process; the allocator is left as it is."""

    def __init__(self, count: int, _context: object, _initializer: object = None) -> None:
        super().__init__(count)


def test_bench_fit_prints_and_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    restore, rows = bench_fit.restore, []

    def fit(crops: torch.Tensor, *others: Any, **more: Any) -> object:
        rows.append(len(crops))
        if crops.shape[2] == 64:
            raise torch.OutOfMemoryError
        return restore(crops, *others, **more)

    monkeypatch.setattr(bench_fit, "restore", fit)
    monkeypatch.setattr(bench_fit, "ProcessPoolExecutor", HereExecutor)
    monkeypatch.setattr(bench_speed, "find_rates", lambda *_: RATES)
    words = ["--sizes", "32x64,64x64", "--channels", "4", "--batches", "3", "--steps", "2", "--repeats", "2"]
    result = CliRunner().invoke(bench_speed.main, ["fit", str(tmp_path), "--device", "cpu", *words])
    assert result.exit_code == 0, result.output
    assert rows == [3] * 3 + [3] * 3  # a turn to warm up, and two that count
    table = [line.split(" | ") for line in result.stdout.splitlines() if line.startswith("| ")]
    assert [row[:3] for row in table[2:]] == [["| 32x64", "4", "3"], ["| 64x64", "4", "3"]]
    assert table[3][3] == "out of memory"
    assert table[3][5] == table[3][8].rstrip(" |") == ""
    found = json.loads((tmp_path / "fit.json").read_text())
    assert [len(speed["textbook"]) for speed in found["speeds"]] == [2, 2]
    assert found["speeds"][1]["ours"] is None
    assert found["rates"]["copied_bytes"] == 1e9


def test_the_ratio_is_the_median_of_the_turns() -> None:
    speed = Speed(Case(32, 64, 4, 8), [100, 2400, 300], [10, 12, 15])
    row = format_speeds([speed], RATES).splitlines()[-1].split(" | ")
    share = 300 / RATES.limit(count_work(32, 64, 4, bench_fit.LEVELS))
    assert row[3:6] == ["300", "12", "20.00"]
    assert row[-1] == f"{share:.1%} |"


def test_the_films_of_the_curve() -> None:
    cases = choose_cases(60, (1920, 1080))
    assert len({case.name for case in cases}) == len(cases) == 11
    for case in cases:
        shown = sum(event.last + 1 - event.first for event in make_events(case.options))
        assert shown / case.options.frame_count == case.share


def test_a_film_is_drawn_once_and_large_letters_are_larger(tmp_path: Path) -> None:
    small, large = (FilmCase(1.5, 1, letters, (320, 192)) for letters in ("small", "large"))
    path = bench_film.draw_film(small, tmp_path)
    before = path.stat()
    assert bench_film.draw_film(small, tmp_path).stat() == before
    masks = [max(int((f.mask > 0).sum()) for f in bench_film.draw_frames(c.options)) for c in (small, large)]
    assert masks[1] > 1.5 * masks[0]


def make_run(frames: int, holes_px: int, seconds: float) -> FilmRun:
    return FilmRun(FilmCase(frames / 24, 0.5), frames, holes_px, Cost(seconds, 1 << 30), {}, "")


def test_growth_is_found() -> None:
    sizes = ((24, 0), (48, 10**6), (96, 0), (96, 10**7))
    runs = [make_run(frames, holes_px, 3 + 0.02 * frames + 5e-6 * holes_px) for frames, holes_px in sizes]
    growth = fit_growth(runs)
    found = (growth.seconds, growth.seconds_per_frame, growth.seconds_per_megapixel, growth.worst_seconds)
    np.testing.assert_allclose(found, (3, 0.02, 5, 0), atol=1e-8)
    assert "| 4 | 96 | 50% | small | 10.00 | 54.9 | 1.7 | 54.9 | 1.00 |" in bench_film.format_curve(runs)
    scan = make_run(24, 0, 1.74)
    assert "24 frames without subtitles: 3.5 s, its scan alone 1.7 s: 2.00 times" in bench_film.format_growth(
        runs, scan
    )


def test_stages_are_read_from_what_profile_prints() -> None:
    stages = {"scan: decode": Work(1.5, 24), "render: fit": Work(20.25), "start": Work(1)}
    table = f"warning: nothing\na.mp4:\n{Profile(30, 40, stages)}"
    assert read_stages(table) == {"start": 1, "scan: decode": 1.5, "render: fit": 20.25}


def run_here(command: Sequence[str], said: IO[str]) -> Cost:
    """In the place of `measure_command`: without a process of its own."""
    assert list(command[:3]) == [sys.executable, "-m", "subremover"]
    with contextlib.redirect_stderr(said):
        assert cli.run(command[3:]) == 0
    return Cost(2.0, None)


def test_bench_film_prints_and_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(keep_signals())
    monkeypatch.setattr(bench_film, "measure_command", run_here)
    words = ["--seconds", "3", "--size", "320x180", "--no-curve", "--", "--no-borrow", "--end", "1.7", *TINY]
    result = CliRunner().invoke(bench_speed.main, ["film", str(tmp_path), *words])
    assert result.exit_code == 0, result.output
    assert "320x180, 72 frames, subtitles on 50% of them: 2.0 s, 36.0 frames/s" in result.stdout
    assert "render: encode" in result.stdout
    (run,) = json.loads((tmp_path / "film.json").read_text())["runs"]
    assert run["holes_px"] > 1000
    assert run["stages"]["render: fit"] > 0


def keep_signals() -> Callable[[], None]:
    """What undoes that `cli.run` takes SIGTERM for the whole process."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    return restore


def test_wrong_sizes_are_refused(tmp_path: Path) -> None:
    for words in (["fit", "--sizes", "96"], ["fit", "--batches", "1,x"], ["film", "--size", "0x10"]):
        result = CliRunner().invoke(bench_speed.main, [words[0], str(tmp_path), *words[1:]])
        assert result.exit_code == 2
        assert "give" in result.stderr

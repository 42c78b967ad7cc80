"""The hourglass against the deep decoder: what is counted, what is told of a course, and the command."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from prior import Curve, count_kept, count_parameters, draw_tasks, list_entrants, main

from subremover.untrained.deep_decoder import DeepDecoder
from subremover.untrained.hourglass import Hourglass

pytestmark = pytest.mark.usefixtures("one_thread")


def test_what_is_lost_after_the_best_step() -> None:
    curve = Curve(step_seconds=0.5)
    for step, value in ((1, 10.0), (4, 27.0), (20, 29.0), (100, 26.5)):
        curve.add(step, value, np.full((2, 2, 3), step, np.float32))
    assert (curve.best, curve.best_step) == (29.0, 20)
    assert (curve.last, curve.lost) == (26.5, 2.5)
    assert curve.best_picture is not None
    assert curve.best_picture.max() == 20
    assert curve.last_picture is not None
    assert curve.last_picture.max() == 100
    assert [curve.after(seconds) for seconds in (0.1, 9.9, 10.0, 1000)] == [10.0, 27.0, 29.0, 26.5]


def test_nothing_is_lost_where_the_last_is_the_best() -> None:
    curve = Curve()
    for step, value in ((1, 10.0), (2, 11.0)):
        curve.add(step, value, np.zeros((2, 2, 3), np.float32))
    assert curve.lost == 0


def test_parameters_are_counted() -> None:
    image = torch.zeros(1, 3, 64, 64)
    decoder = DeepDecoder((64, 64), levels=5, channels=16)
    assert count_parameters(decoder, image) == 5 * 16 * 16 + 5 * 2 * 16 + 16 * 3
    assert count_parameters(Hourglass((64, 64)), image) > 100 * image.numel()


def test_what_a_gradient_keeps_is_counted() -> None:
    small, large = torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 128, 128)
    for build in (
        lambda side: DeepDecoder((side, side), levels=3, channels=8),
        lambda side: Hourglass((side, side), levels=3, channels=8),
    ):
        kept, more = count_kept(build(64), small), count_kept(build(128), large)
        weights = 4 * count_parameters(build(64), small)
        assert kept > weights + 4 * 8 * 64 * 64  # one plane of each channel at least
        assert (more - weights) / (kept - weights) == pytest.approx(4, rel=0.1)


def test_tasks_hide_only_what_the_mask_says() -> None:
    noise, *holes = draw_tasks(2, 64)
    assert noise.known is None
    assert noise.rate(noise.images[0], 0) == pytest.approx(20, abs=2)  # 10 % noise
    for task in holes:
        assert task.holes is not None
        for image, clean, hole in zip(task.images, task.clean, task.holes, strict=True):
            assert image.shape == (64, 64, 3)
            assert 0.05 < hole.mean() < 0.5
            assert (image[~hole] == clean[~hole]).all()
            assert np.abs(image - clean)[hole].max() > 0.3


def test_entrants_differ_in_the_network_only() -> None:
    task = draw_tasks(1, 64)[0]
    entrants = list_entrants(task, 50, quick=False)
    assert {(e.options.steps, e.options.loss, e.options.learning_rate) for e in entrants} == {
        (50, "mse", 0.01)
    }
    image = torch.zeros(1, 3, 64, 64)
    counts = [count_parameters(entrant.build(64), image) for entrant in entrants]
    assert counts[0] > counts[1]
    assert counts[2] == counts[4] > 10 * max(counts[0], counts[3])


def test_the_command(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(tmp_path), "--quick", "--device", "cpu"])
    assert result.exit_code == 0, result.output
    for name in ("prior_noise_mse", "prior_holes_mix"):
        for ending in (".md", ".json", ".png", "_steps.png", "_seconds.png"):
            assert (tmp_path / f"{name}{ending}").stat().st_size > 0
        told = json.loads((tmp_path / f"{name}.json").read_text())
        decoder, hourglass = told["rows"]
        assert told["run"]["in_the_time"] == pytest.approx(told["run"]["steps"] * decoder["s / step"])
        assert decoder["in the time"] == decoder["at the end"]
        assert decoder["a sample"] < 1 < hourglass["a sample"]
        assert decoder["s / step"] > 0
        for row in (decoder, hourglass):
            assert row["best PSNR"] - row["lost"] == pytest.approx(row["at the end"])
            assert row["best PSNR"] > 8
            assert row["kept, MB"] > 0


def test_what_cannot_be_is_said(tmp_path: Path) -> None:
    for option, value in (("--side", "63"), ("--count", "0"), ("--steps", "many")):
        result = CliRunner().invoke(main, [str(tmp_path), option, value])
        assert result.exit_code == 2
        assert option in result.output

"""What a search of the presets measures: holes and nothing else, at no more than a preset's cost."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import presets
import pytest
import settings
from cases import FRAMES, Scene, draw_case
from click.testing import CliRunner
from presets import Tuning, evaluate, find_front, main, read_setting
from settings import STANDARD, Prices, Setting
from trials import Outcome, Trial

from subremover.options import FitOptions, PaintOptions

pytestmark = pytest.mark.usefixtures("one_thread")

SCENE = Scene("astronaut", "pan", "white", "Not today.", 120)
FAST = Setting(PaintOptions.preset("fast"))


@pytest.fixture
def prices(monkeypatch):
    """Of a machine where a step's time is in proportion to the channels."""
    monkeypatch.setattr(settings, "time_step", lambda options, _device: options.channels / 100)
    return Prices([draw_case(SCENE, 0)], "cpu", 1)


def test_a_case_hides_what_the_subtitle_stands_on_and_the_camera_moves():
    case = draw_case(SCENE, 3)
    assert len(case.jobs) == FRAMES
    for job, truth in zip(case.jobs, case.truths, strict=True):
        assert np.isinf(job.error[job.hole]).all()
        assert not job.image[job.hole].any()
        assert (job.image[~job.hole] == truth[~job.hole]).all()
    assert np.abs(case.truths[0] - case.truths[-1]).mean() > 0.02


def test_other_seeds_change_the_decoders_alone():
    one, other = draw_case(SCENE, 1), draw_case(SCENE, 2)
    assert (one.truths[0] == other.truths[0]).all()
    assert {job.group for job in one.jobs}.isdisjoint(job.group for job in other.jobs)


def test_only_the_hole_is_measured():
    case = draw_case(SCENE, 0)
    pictures = [np.where(j.hole[..., None], t + 0.1, 0) for j, t in zip(case.jobs, case.truths, strict=True)]
    assert case.measure(pictures) == pytest.approx(20, abs=1e-3)


def test_the_price_is_that_of_all_decoders_and_frames(prices):
    assert STANDARD.count_row_steps() == 2 * 2 * 60 + 24 * 2 * 8
    assert prices.price(STANDARD) == 1
    assert prices.price(FAST) == pytest.approx(0.25)  # half the steps, cold and warm, of half the channels
    assert prices.price(replace(STANDARD, deeper=1)) >= 1


@pytest.mark.parametrize("most", [1.0, 0.5])
def test_what_would_cost_more_takes_fewer_steps_of_both_kinds(prices, most):
    wanted = Setting(PaintOptions(FitOptions(steps=200, channels=48), warm_steps=30, decoders=3))
    limited = prices.limit(wanted, most)
    assert 0.95 * most < prices.price(limited) <= most
    assert limited.options.fit.steps / limited.options.warm_steps == pytest.approx(200 / 30, rel=0.3)
    assert limited.with_steps(200, 30) == wanted
    assert prices.limit(FAST, most) == FAST
    assert prices.limit(wanted, 0.1) is None


def test_a_hopeless_trial_is_given_up_halfway_and_has_no_value(prices, monkeypatch):
    cases = [draw_case(SCENE, seed) for seed in range(4)]
    monkeypatch.setattr(presets, "paint", lambda case, _setting, _device: [t + 0.1 for t in case.truths])
    assert evaluate(cases, STANDARD, "cpu", "", [20.5] * 4) == pytest.approx([20] * 4, abs=1e-3)
    assert len(evaluate(cases, STANDARD, "cpu", "", [30] * 4)) == 2
    for level, value in ((20.5, pytest.approx(20, abs=1e-3)), (30, None)):
        tuning = Tuning("standard", STANDARD, prices, cases, "cpu", [level] * 4)
        ((index, outcome),) = tuning.evaluate([STANDARD.tell()])
        assert (index, outcome.value) == (0, value)
        assert outcome.figures["cost"] == 1


def test_a_trial_is_read_back_with_the_steps_that_it_took():
    parameters = {**STANDARD.tell(), "steps": 200, "deeper": -1}
    trial = Trial(0, parameters, Outcome(25.0, {"steps": 50.0, "warm_steps": 7.0}))
    assert read_setting(trial) == replace(STANDARD.with_steps(50, 7), deeper=-1)


def test_the_front_holds_what_nothing_cheaper_equals():
    assert find_front([(1, 20), (0.5, 21), (0.5, 19), (0.7, 21), (0.9, 22)]) == [(0.5, 21), (0.9, 22)]


def test_the_command(tmp_path: Path):
    done = CliRunner().invoke(main, [str(tmp_path), "--quick"], catch_exceptions=False)
    assert done.exit_code == 0
    names = ("presets.png", "presets.md", "presets_fast_course.png", "presets_fast_values.json")
    assert all((tmp_path / name).stat().st_size for name in names)
    preset, *best, smooth = json.loads((tmp_path / "presets.json").read_text(encoding="utf-8"))["rows"]
    assert preset["setting"] == "fast"
    assert preset["gain"] == preset["worst gain"] == 0
    assert 15 < preset["PSNR unseen"] < 45
    assert abs(smooth["PSNR unseen"] - preset["PSNR unseen"]) < 5
    for row in best:
        assert row["cost"] <= preset["cost"]
        assert row["gain"] == pytest.approx(row["PSNR unseen"] - preset["PSNR unseen"])
        assert row["worst gain"] <= row["gain"]

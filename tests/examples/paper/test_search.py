"""Searches go on where they were ended, take no other for theirs, and value trials for what they are."""

import fcntl
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import numpy as np
import pytest
import search
from click.testing import CliRunner, Result
from denoise import draw_pairs
from denoising import TABLE_1, Denoising, choose_space
from findings import compare_values, share_between
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.samplers import TPESampler
from study import Study
from trials import Outcome, Parameters, Search

pytestmark = pytest.mark.usefixtures("one_thread")

SPACE = {"K": CategoricalDistribution([8, 16]), "sigma_r": FloatDistribution(1e-10, 1e-1, log=True)}
FIRST = {"K": 8, "sigma_r": 1e-5}


class EndedError(Exception):
    """What a kill would do."""


def value(parameters: Parameters) -> float:
    return -abs(math.log10(parameters["sigma_r"]) + 4) + parameters["K"] / 100


def evaluate(parameters: Sequence[Parameters]) -> Iterator[tuple[int, Outcome]]:
    """The last first, as trials of one shape may come."""
    for index in reversed(range(len(parameters))):
        yield index, Outcome(value(parameters[index]), {"twice": 2 * value(parameters[index])})


def open_search(tmp_path: Path, name: str = "a", **more: object) -> Search:
    return Search(tmp_path / f"{name}.journal", SPACE, {"steps": 3}, **{"first": [FIRST], **more})


def tell_parameters(search: Search) -> list[str]:
    return sorted(str(sorted(trial.parameters.items())) for trial in search.trials)


def test_ended_search_goes_on_with_what_it_would_have_tried(tmp_path: Path) -> None:
    whole = open_search(tmp_path, "whole")
    whole.run(20, evaluate)

    def end(parameters: Sequence[Parameters]) -> Iterator[tuple[int, Outcome]]:
        for told, pair in enumerate(evaluate(parameters)):
            if told == 5:
                raise EndedError
            yield pair

    with pytest.raises(EndedError):
        open_search(tmp_path).run(12, end)
    kept = open_search(tmp_path)
    assert len(kept.trials) == 5
    before = tell_parameters(kept)
    kept.run(12, evaluate, batch=4)
    assert len(kept.trials) == 12
    again = open_search(tmp_path)
    again.run(20, evaluate)
    assert tell_parameters(again) == tell_parameters(whole)
    assert set(before) <= set(tell_parameters(again))
    assert len(set(tell_parameters(again))) == 20
    best = again.ranking[0]
    assert best.outcome.value == max(value(trial.parameters) for trial in again.trials)
    assert best.outcome.figures["twice"] == 2 * best.outcome.value
    again.run(7, lambda _: pytest.fail("there is nothing left to do"))


def test_search_is_taken_for_no_other(tmp_path: Path) -> None:
    open_search(tmp_path).run(2, evaluate)
    file = tmp_path / "a.journal"
    with pytest.raises(click.UsageError, match=r"another search \(steps: 3, now 4\).*another OUT"):
        Search(file, SPACE, {"steps": 4}, first=[FIRST])
    with pytest.raises(click.UsageError, match="another search \\(space"):
        Search(file, {"K": CategoricalDistribution([8])}, {"steps": 3}, first=[FIRST])
    with pytest.raises(click.UsageError, match="another search"):
        open_search(tmp_path, minimize=True)
    for content in (b"hello\n\nworld\n", b"\xff\xfe{}\n[]\n3\n", b"[]\n", b'{"op_code": 77}\n'):
        (tmp_path / "b.journal").write_bytes(content)
        with pytest.raises(click.UsageError, match="no file of trials"):
            open_search(tmp_path, "b")


def test_second_run_leaves_the_first_ones_trials_alone(tmp_path: Path) -> None:
    one = open_search(tmp_path)
    with one.file.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(click.UsageError, match="another run"):
            open_search(tmp_path).run(2, evaluate)


def test_sampler_that_learns_comes_nearer(tmp_path: Path) -> None:
    search = open_search(tmp_path, sampler=TPESampler)
    search.run(40, evaluate, batch=2)
    values = [trial.outcome.value for trial in search.trials]
    assert np.mean(values[20:]) > np.mean(values[:20])


@pytest.mark.parametrize("minimize", [False, True])
def test_trials_without_a_value_are_the_worst(tmp_path: Path, minimize: bool) -> None:
    def some(parameters: Sequence[Parameters]) -> Iterator[tuple[int, Outcome]]:
        for index, own in enumerate(parameters):
            yield index, Outcome(None if own["K"] == 8 else math.nan if index == 1 else value(own))

    search = open_search(tmp_path, first=[{"K": 16, "sigma_r": 1e-4}, {"K": 16}], minimize=minimize)
    search.run(20, some)
    values = [trial.outcome.value for trial in search.ranking]
    count = sum(v is not None for v in values)
    assert 2 < count < 20
    assert all(v is None for v in values[count:])
    assert values[:count] == sorted(values[:count], reverse=not minimize)
    rows = {(row["parameter"], row["value"]): row for row in compare_values(search)}
    assert (rows["K", "8"]["with a value"], rows["K", "8"]["mean"], rows["K", "8"]["median"]) == (
        0,
        None,
        None,
    )
    assert rows["K", "16"]["with a value"] == count
    assert rows["K", "16"]["best"] == values[0]


def test_values_tell_what_mattered(tmp_path: Path) -> None:
    search = open_search(tmp_path)
    search.run(60, evaluate)
    rows = compare_values(search)
    assert sum(row["trials"] for row in rows) == 2 * 60
    shares = {row["parameter"]: (row["share"], row["by chance"]) for row in rows}
    assert shares["sigma_r"][0] > 0.5 > shares["K"][0]
    assert shares["sigma_r"][1] < 0.01 < shares["K"][1]
    parts = {row["value"]: row for row in rows if row["parameter"] == "sigma_r"}
    assert list(parts) == ["1e-10 to 1e-07", "1e-07 to 0.0001", "0.0001 to 0.1"]
    inside = [value(t.parameters) for t in search.trials if 1e-7 <= t.parameters["sigma_r"] < 1e-4]
    assert parts["1e-07 to 0.0001"]["mean"] == pytest.approx(np.mean(inside))
    assert parts["1e-07 to 0.0001"]["trials"] == len(inside)


def test_share_is_that_of_the_ranks() -> None:
    share, chance = share_between([1, 2, 30, 1, 2, 30], [0, 0, 0, 1, 1, 1])
    assert (share, chance) == (0, 1)
    share, chance = share_between([1, 2, 3, 4, 50, math.inf], [0, 0, 0, 2, 2, 2])
    assert share == pytest.approx(13.5 / 17.5)
    assert chance == pytest.approx(2 / 20, abs=0.03)  # two of the 20 ways to choose three of six
    assert share_between([5, 5], [0, 1]) == (0, 1)


def test_papers_space() -> None:
    space = choose_space(wide=False, quick=False)
    assert space["K"].choices == (128, 196)
    assert space["L"].choices == (3, 4, 5, 6)
    assert (space["sigma_r"].low, space["sigma_r"].high, space["sigma_r"].log) == (1e-10, 0.1, True)
    assert all(space[name]._contains(space[name].to_internal_repr(own)) for name, own in TABLE_1.items())


def draw(tmp_path: Path, reach: tuple[float, float] | None = None, steps: int = 40) -> Denoising:
    return Denoising(Study(tmp_path, True, "cpu"), draw_pairs(2, 32), steps, reach)


def shape(K: int, sigma_r: float) -> Parameters:
    return {"K": K, "L": 3, "sigma_r": sigma_r, "activation": "relu", "input": "noise"}


def test_trials_of_one_shape_are_fitted_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trials = [shape(4, 0), shape(8, 0), shape(4, 0.05)]
    denoising = draw(tmp_path, steps=10)
    alone = [next(denoising.evaluate([own]))[1].value for own in trials]
    rows = []
    restore = Study.restore

    def count(study: Study, images: object, *args: object, **more: object) -> object:
        rows.append(len(images))
        return restore(study, images, *args, **more)

    monkeypatch.setattr(Study, "restore", count)
    together = dict(denoising.evaluate(trials))
    assert rows == [4, 2]
    assert [together[index].value for index in range(3)] == pytest.approx(alone, abs=1e-3)
    assert abs(alone[0] - alone[2]) > 0.01


def test_reach_is_the_first_step_that_has_both(tmp_path: Path) -> None:
    after = {steps: next(draw(tmp_path, steps=steps).evaluate([shape(8, 0)]))[1] for steps in (20, 40)}
    assert after[40].figures["PSNR"] > after[20].figures["PSNR"]
    level = (after[20].figures["PSNR"], 0.0)
    steps = []
    denoising = draw(tmp_path, level)
    own = denoising.study.restore
    object.__setattr__(denoising, "study", _Watched(own, steps))
    (outcome,) = dict(denoising.evaluate([shape(8, 0)])).values()
    assert outcome.value <= 20
    assert outcome.figures["PSNR"] >= level[0]
    assert max(steps) == outcome.value, "it went on"
    (missed,) = dict(draw(tmp_path, (level[0], 0.999)).evaluate([shape(8, 0)])).values()
    assert missed.value is None
    assert missed.figures["PSNR"] == pytest.approx(after[40].figures["PSNR"], abs=1e-3)


class _Watched:
    """A study that counts the steps."""

    def __init__(self, restore: object, steps: list[int]) -> None:
        self._restore, self._steps = restore, steps

    def restore(self, *args: object, watch: object, **more: object) -> object:
        def see(step: int, *rest: object) -> None:
            self._steps.append(step)
            watch(step, *rest)

        return self._restore(*args, watch=see, **more)


def run(out: Path, *options: str) -> Result:
    return CliRunner().invoke(search.main, [str(out), "--quick", *options], catch_exceptions=False)


def test_quick_search(tmp_path: Path) -> None:
    assert run(tmp_path, "--trials", "2").exit_code == 0
    first = {row["trial"]: row for row in json.loads((tmp_path / "search.json").read_text())["rows"]}
    assert run(tmp_path).exit_code == 0
    told = json.loads((tmp_path / "search.json").read_text())
    rows = {row["trial"]: row for row in told["rows"]}
    assert told["run"]["trials"] == 4
    assert len(rows) == 5  # and the noisy images
    assert all(rows[name]["PSNR"] == row["PSNR"] for name, row in first.items())
    assert {name: rows["Table 1"][name] for name in ("L", "activation")} == {
        "L": 4,
        "activation": "leaky-relu",
    }
    found = [row["PSNR"] for row in told["rows"][:-1]]
    assert found == sorted(found, reverse=True)
    again = json.loads((tmp_path / "search_again.json").read_text())["rows"]
    assert again[0][""] == "Table 1"
    assert all(row["lowest"] <= row["mean value"] <= row["highest"] for row in again)
    values = json.loads((tmp_path / "search_values.json").read_text())["rows"]
    assert sum(row["trials"] for row in values if row["parameter"] == "L") == 4
    assert (tmp_path / "search_parameters.png").stat().st_size > 10_000
    assert (tmp_path / "search_course.png").exists()
    refused = run(tmp_path, "--reach", "10", "0.1")
    assert refused.exit_code == 2
    assert "another search" in refused.output


def test_quick_search_for_the_fewest_steps(tmp_path: Path) -> None:
    assert run(tmp_path / "a", "--trials", "3", "--reach", "99", "0.999").exit_code == 0
    rows = json.loads((tmp_path / "a" / "search.json").read_text())["rows"]
    assert all(row["steps to 99 dB and 0.999"] is None for row in rows)
    assert run(tmp_path / "b", "--trials", "3", "--reach", "5", "0").exit_code == 0
    rows = json.loads((tmp_path / "b" / "search.json").read_text())["rows"]
    assert all(1 <= row["steps to 5 dB and 0"] <= 10 for row in rows[:-1])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (["--image", "IMAGE"], "with its --truth"),
        (["--image", "IMAGE", "--truth", "IMAGE"], "no image that can be read"),
        (["--crop", "12"], "at least 16 px"),
        (["--reach", "nan", "1"], "two numbers"),
        (["--reach", "30", "2"], "range"),
    ],
)
def test_wrong_options_are_told(tmp_path: Path, options: list[str], match: str) -> None:
    image = tmp_path / "broken.png"
    image.write_bytes(b"no image")
    result = run(tmp_path / "out", *(str(image) if option == "IMAGE" else option for option in options))
    assert result.exit_code == 2
    assert match in " ".join(result.output.split())

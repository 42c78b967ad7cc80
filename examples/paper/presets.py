"""Section 4.6 of the paper, for what matters here: a search of the presets of subremover.

    python examples/paper/presets.py OUT                             # both presets, 40 trials each
    python examples/paper/presets.py OUT --preset fast --trials 80   # goes on where a run of OUT ended

Subtitles of several sizes and styles are drawn over photographs under a moving camera, cut out as subremover
cuts them, and painted as it paints them: nothing is borrowed, the middle frame is the anchor, its decoders
are tried, the other frames start warm. A trial draws how. One that would cost more than the preset takes
fewer steps, until it does not. The best of each search are held against the preset once more, on other
photographs and with other seeds; only that tells whether they are better.

    PSNR    in the hole, dB, of all frames of a case together; the mean of the cases
    cost    of a subtitle of 24 frames, in that of the preset `standard`: steps times the time that one takes
    gain    dB over the preset, mean over cases and seeds; and the standard error of that mean
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial

import click
import numpy as np
from cases import SEEN, UNSEEN, Case, Scene, draw_case
from findings import write_search
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import TPESampler
from settings import Prices, Setting, paint
from study import Row, Study, study_command
from tqdm import tqdm
from trials import Outcome, Parameters, Search, Trial

from subremover.fill.composite import join_seamlessly
from subremover.options import PaintOptions, PresetName

PRESETS: tuple[PresetName, ...] = ("fast", "standard")
SPACE: Mapping[str, BaseDistribution] = {
    "channels": CategoricalDistribution([8, 16, 24, 32, 48, 64]),
    "decoders": IntDistribution(1, 4),
    "steps": IntDistribution(15, 240, log=True),
    "warm_steps": IntDistribution(2, 32, log=True),
    "learning_rate": FloatDistribution(0.002, 0.05, log=True),
    "loss": CategoricalDistribution(["mix", "l1", "mse", "ssim", "ms-ssim"]),
    "activation": CategoricalDistribution(["relu", "relu6", "leaky-relu", "sigmoid"]),
    "input": CategoricalDistribution(["noise", "downsampled"]),
    "input_noise": CategoricalDistribution([0.0, 0.003, 0.03, 0.1]),
    "deeper": IntDistribution(-1, 1),
}
"""`deeper`: levels more than the hole's size asks for. The rest is of `FitOptions` and `PaintOptions`."""
STARTUP = 12
"""Trials drawn blindly, before what was found guides those that follow."""
HOPELESS_DB = 1.0
"""Below the preset after half of its cases, a trial is given up."""
SEARCH_SEEDS, CHECK_SEEDS, FINALISTS = (0, 1, 2), (11, 12), 3
"""The first is that of the trials; the preset's figure is the mean of three, lest they beat one bad draw."""


def evaluate(
    cases: Sequence[Case], setting: Setting, device: str, what: str, least: Sequence[float] = ()
) -> list[float]:
    """PSNR of each case; of the first half only, where they are far below `least` on the mean."""
    values: list[float] = []
    with tqdm(cases, desc=what, unit="case", leave=False) as bar:
        for case in bar:
            values.append(case.measure(paint(case, setting, device)))
            is_half = len(values) == len(cases) // 2
            if is_half and least and np.mean(values) < np.mean(least[: len(values)]) - HOPELESS_DB:
                break
    return values


@dataclass(slots=True)
class Tuning:
    """The search for something better than a preset."""

    name: PresetName
    preset: Setting
    prices: Prices
    cases: Sequence[Case]
    """That are searched."""
    device: str
    psnr: list[float] = field(default_factory=list)
    """Of the preset, each case; the mean of seeds."""

    @property
    def cost(self) -> float:
        return self.prices.price(self.preset)

    def evaluate(self, asked: Sequence[Parameters]) -> Iterator[tuple[int, Outcome]]:
        """See `trials.Evaluate`."""
        for index, parameters in enumerate(asked):
            setting = self.prices.limit(Setting.of(parameters), self.cost)
            if setting is None:
                yield index, Outcome(None)
                continue
            start = time.process_time()
            values = evaluate(self.cases, setting, self.device, f"instead of {self.name}", self.psnr)
            figures = {
                "steps": float(setting.options.fit.steps),
                "warm_steps": float(setting.options.warm_steps),
                "cost": self.prices.price(setting),
                "seconds": time.process_time() - start,
            }
            is_whole = len(values) == len(self.cases)
            yield index, Outcome(float(np.mean(values)) if is_whole else None, figures)


def read_setting(trial: Trial) -> Setting:
    """With the steps that it took."""
    found = Setting.of(trial.parameters)
    steps, warm = (int(trial.outcome.figures[name] or 0) for name in ("steps", "warm_steps"))
    return found.with_steps(steps, warm)


def check(study: Study, tuning: Tuning, search: Search, scenes: Sequence[Scene]) -> list[Row]:
    """The preset and the best of its search, on cases and with seeds that the search did not see."""
    drawn = [trial for trial in search.ranking if trial.parameters != tuning.preset.tell()]
    best = [trial for trial in drawn if trial.outcome.value is not None][:FINALISTS]
    settings = {tuning.name: tuning.preset} | {
        f"{tuning.name}, trial {trial.number}": read_setting(trial) for trial in best
    }
    searched = [float(np.mean(tuning.psnr)), *(trial.outcome.value for trial in best)]
    cases = [draw_case(scene, seed) for seed in CHECK_SEEDS for scene in scenes]
    rows: list[Row] = []
    first: np.ndarray | None = None
    for (name, setting), value in zip(settings.items(), searched, strict=True):
        start = time.process_time()
        values = np.array(evaluate(cases, setting, study.device, name))
        seconds = time.process_time() - start
        first = values if first is None else first
        gains = values - first
        rows.append(
            {
                "setting": name,
                **setting.tell(),
                "cost": tuning.prices.price(setting),
                "PSNR searched": value,
                "PSNR unseen": float(values.mean()),
                "gain": float(gains.mean()),
                "its error": float(gains.std(ddof=1) / math.sqrt(len(gains))),
                "worst gain": float(gains.min()),
                "seconds": seconds,
            }
        )
    return rows


def measure_smooth(cases: Sequence[Case]) -> float:
    """Mean PSNR of the smooth continuation of the surroundings: what is painted without any decoder."""
    return float(
        np.mean(
            [
                c.measure([join_seamlessly(np.zeros_like(j.image), j.image, j.hole) for j in c.jobs])
                for c in cases
            ]
        )
    )


def find_front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Those (cost, PSNR) that nothing cheaper equals, by rising cost."""
    front: list[tuple[float, float]] = []
    for cost, value in sorted(points, key=lambda point: (point[0], -point[1])):
        if not front or value > front[-1][1]:
            front.append((cost, value))
    return front


def guide(preset: int, seed: int) -> TPESampler:
    """Guided by what was found, and another for each preset."""
    return TPESampler(seed=seed + preset, n_startup_trials=STARTUP, multivariate=True)


def plot(study: Study, tunings: Sequence[Tuning], searches: Sequence[Search], smooth: float) -> None:
    """All trials that were not given up, the front of them, the presets, and what no decoder gives."""
    trials = [trial for search in searches for trial in search.trials if trial.outcome.value is not None]
    points = [(float(trial.outcome.figures["cost"] or 0), trial.outcome.value or 0.0) for trial in trials]
    front = find_front([(0.0, smooth), *points])
    series = {
        "trials": points,
        "best at the cost": front,
        "no decoder": [(0.0, smooth)],
        **{f"preset {t.name}": [(t.cost, float(np.mean(t.psnr)))] for t in tunings},
    }
    columns = {name: ([x for x, _ in some], [y for _, y in some]) for name, some in series.items()}
    study.write_plot("presets", columns, "cost, standard = 1", "PSNR in the hole, dB", points=True)


@study_command(__doc__)
@click.option(
    "--preset", "names", type=click.Choice(PRESETS), multiple=True, help="To search for; default: both."
)
@click.option("--trials", "count", type=click.IntRange(1), default=40, show_default=True, help="Of each.")
def main(study: Study, names: tuple[PresetName, ...], count: int) -> None:
    seen, unseen = (SEEN[:1], UNSEEN[:1]) if study.quick else (SEEN, UNSEEN)
    if study.quick:
        seen, unseen = ([replace(scene, height=64) for scene in some] for some in (seen, unseen))
        count = min(count, 2)
    small = {"channels": CategoricalDistribution([8, 16]), "decoders": IntDistribution(1, 2)}
    space = {**SPACE, **small} if study.quick else SPACE
    cases = [draw_case(scene, 0) for scene in seen]
    prices = Prices(cases, study.device, 1 if study.quick else 3)
    tunings, searches = [], []
    for name in names or (PRESETS[:1] if study.quick else PRESETS):
        preset = Setting(PaintOptions.preset(name))
        if study.quick:
            fit = replace(preset.options.fit, steps=15, channels=8)
            preset = replace(preset, options=replace(preset.options, fit=fit, warm_steps=2, decoders=1))
        tuning = Tuning(name, preset, prices, cases, study.device)
        about = {"preset": asdict(preset.options), "scenes": [asdict(scene) for scene in seen]}
        file, sampler = study.out / f"presets_{name}.journal", partial(guide, PRESETS.index(name))
        search = Search(file, space, about, first=[preset.tell()], sampler=sampler)
        seeds = SEARCH_SEEDS[:1] if study.quick else SEARCH_SEEDS
        drawn = [[draw_case(scene, seed) for scene in seen] for seed in seeds]
        tuning.psnr = np.mean([evaluate(some, preset, study.device, name) for some in drawn], 0).tolist()
        search.run(count, tuning.evaluate, batch=1)
        tunings.append(tuning)
        searches.append(search)
        write_search(study, f"presets_{name}", search, "PSNR in the hole, dB")
    smooth = measure_smooth(cases)
    plot(study, tunings, searches, smooth)
    rows = [row for t, s in zip(tunings, searches, strict=True) for row in check(study, t, s, unseen)]
    lone = {"setting": "no decoder", "cost": 0.0, "PSNR searched": smooth}
    drawn = [draw_case(scene, 0) for scene in unseen]
    rows.append({**dict.fromkeys(rows[0]), **lone, "PSNR unseen": measure_smooth(drawn)})
    study.write_table("presets", rows, trials=count, cases=len(unseen), seeds=len(CHECK_SEEDS))


if __name__ == "__main__":
    main()

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
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from findings import write_search
from images import psnr
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import TPESampler
from study import Row, Study, study_command
from torch import Tensor
from tqdm import tqdm
from trials import Outcome, Parameters, Search, Trial

sys.path.append(str(Path(__file__).resolve().parents[1]))  # where sample films are drawn
from sample_picture import Shot, ShotPainter, add_grain
from sample_subtitles import STYLES, draw_overlay, load_font

from subremover.fill.decoder import choose_levels
from subremover.fill.holes import find_holes
from subremover.fill.jobs import FitJob
from subremover.fill.restore import restore
from subremover.fill.schedule import fit_jobs
from subremover.options import FitOptions, PresetName

PRESETS: tuple[PresetName, ...] = ("fast", "standard")
EVENT_FRAMES = 24
"""Frames that share an anchor in a film: half of those of a window, on nine clips."""
SHOT_FRAMES, FRAMES, EVERY = 120, 4, 6
"""Of a shot, those in its middle that are painted: the anchor and three others, so many frames apart."""
GRAIN_LEVELS = 2.0
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
"""`deeper`: levels more than the hole's size asks for. The rest is of `FitOptions`."""
TAKES_TIME = ("channels", "activation", "loss", "input")
"""What makes one step of one decoder take longer than another, beside the noise."""
STEPS_TIMED = 6
STARTUP = 12
"""Trials drawn blindly, before what was found guides those that follow."""
HOPELESS_DB = 1.0
"""Below the preset after half of its cases, a trial is given up."""
SEARCH_SEEDS, CHECK_SEEDS, FINALISTS = (0, 1, 2), (11, 12), 3
"""The first is that of the trials; the preset's figure is the mean of three, lest they beat one bad draw."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A subtitle over a photograph under a camera."""

    photograph: str
    camera: str
    style: str
    text: str
    height: int
    """Of the picture, in px."""


SEEN = (
    Scene("astronaut", "pan", "white", "Not today.", 240),
    Scene("coffee", "pan", "box", "Quiet!", 480),
    Scene("astronaut", "pan", "plain", "I know.", 480),
    Scene("coffee", "hand", "yellow", "Who told you?", 240),
    Scene("astronaut", "hand", "top", "Leave him.", 360),
    Scene("coffee", "zoom", "lines", "Go!\nNow!", 360),
)
UNSEEN = (
    Scene("chelsea", "hand", "white", "Was it yours?", 240),
    Scene("rocket", "pan", "yellow", "Run!", 360),
    Scene("chelsea", "pan", "lines", "I see.\nSo what?", 300),
    Scene("rocket", "hand", "plain", "At noon.", 480),
    Scene("chelsea", "zoom", "box", "Tell me.", 300),
    Scene("rocket", "zoom", "top", "It is here.", 300),
)


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """The holes of a drawn subtitle, and what they hide."""

    jobs: list[FitJob]
    truths: list[np.ndarray]
    """(h, w, 3) float32 in [0, 1], of each job."""

    @property
    def levels(self) -> int:
        """L, as subremover chooses it."""
        return max(choose_levels(job.hole, job.hole.shape) for job in self.jobs)

    def count_px(self, deeper: int) -> int:
        """Of the pictures that decoders paint: what their levels make of the crop's sides."""
        cell = 2 ** (self.levels + deeper)
        return math.prod(side + -side % cell for side in self.jobs[0].hole.shape)

    def measure(self, pictures: Sequence[np.ndarray]) -> float:
        """PSNR in the holes, dB."""
        painted, truth = (
            np.concatenate([picture[job.hole] for picture, job in zip(some, self.jobs, strict=True)])
            for some in (pictures, self.truths)
        )
        return psnr(painted, truth)


@dataclass(frozen=True, slots=True)
class Setting:
    """How to paint."""

    options: FitOptions
    """`levels` None."""
    deeper: int = 0
    """Levels more than the hole's size asks for."""

    @classmethod
    def of(cls, parameters: Parameters) -> Setting:
        """As a trial has it."""
        own = dict(parameters)
        deeper = own.pop("deeper")
        return cls(FitOptions(**own), deeper)

    def count_row_steps(self) -> int:
        """Of all decoders, under a subtitle of EVENT_FRAMES."""
        o = self.options
        return o.decoders * ((2 if o.trial else 1) * o.steps + o.warm_steps * (EVENT_FRAMES - 1))

    def tell(self) -> dict[str, Any]:
        """What differs from one to the next."""
        found = asdict(self.options)
        return {name: found[name] for name in SPACE if name != "deeper"} | {"deeper": self.deeper}


STANDARD = Setting(FitOptions.preset("standard"))


def draw_case(scene: Scene, seed: int) -> Case:
    """The subtitle, cut out of the frames as subremover does.

    Args:
        scene: What is drawn.
        seed: Of the decoders; camera and grain do not depend on it.
    """
    width, style = round(scene.height * 16 / 9), STYLES[scene.style]
    overlay = draw_overlay(scene.text, style, load_font(scene.height, None), (width, scene.height))
    mask = np.zeros((scene.height, width), bool)
    h, w = overlay.coverage.shape
    mask[overlay.y : overlay.y + h, overlay.x : overlay.x + w] = overlay.coverage > 0
    shot = Shot(0, SHOT_FRAMES - 1, scene.photograph, scene.camera, None)
    painter = ShotPainter(shot, width, scene.height, Fraction(24), 0)
    first = (SHOT_FRAMES - FRAMES * EVERY) // 2
    pictures = [
        add_grain(painter.paint(frame), GRAIN_LEVELS, 0, frame)
        for frame in range(first, first + FRAMES * EVERY, EVERY)
    ]
    jobs, truths = [], []
    for hole in find_holes([(frame, mask) for frame in range(FRAMES)], set()):
        truth = np.float32(pictures[hole.frame][hole.box.slices]) / np.float32(255)
        error = np.where(hole.mask, np.float32(np.inf), np.float32(0))
        image = np.where(hole.mask[..., None], np.float32(0), truth)
        jobs.append(FitJob(image, hole.mask, hole.frame, 100 * seed + hole.group, error))
        truths.append(truth)
    return Case(jobs, truths)


def paint(case: Case, setting: Setting, device: str) -> list[np.ndarray]:
    """The jobs' pictures."""
    levels = case.levels + setting.deeper if setting.deeper else None
    (fills,) = fit_jobs([case.jobs], replace(setting.options, levels=levels), device)
    return [fill.picture for fill in fills]


class Prices:
    """What settings cost, in units of `standard`: decoders' steps, times pixels, times a pixel's time."""

    def __init__(self, cases: Sequence[Case], device: str, rounds: int) -> None:
        """Be ready; `rounds` is how often a step is timed."""
        self._cases, self._device, self._rounds = cases, device, rounds
        self._timed = replace(STANDARD.options, steps=STEPS_TIMED)
        self._times = {self._timed: 1.0}

    def price(self, setting: Setting) -> float:
        steps = setting.count_row_steps() / STANDARD.count_row_steps()
        px = [sum(case.count_px(deeper) for case in self._cases) for deeper in (setting.deeper, 0)]
        return steps * px[0] / px[1] * self._compare_steps(setting.options)

    def limit(self, setting: Setting, most: float) -> Setting | None:
        """The same, with fewer steps of both kinds where it would cost more; None: one is too many."""
        price, o = self.price(setting), setting.options
        if price <= most:
            return setting
        row_steps = most / price * setting.count_row_steps() / o.decoders
        warm = max(1, round(o.warm_steps * most / price))
        steps = int((row_steps - (EVENT_FRAMES - 1) * warm) / (2 if o.trial else 1))  # what warm steps leave
        if steps < 1:
            return None
        return replace(setting, options=replace(o, steps=min(o.steps, steps), warm_steps=warm))

    def _compare_steps(self, options: FitOptions) -> float:
        """Time of a step over that of one of `standard`; in turns, so that others' load is in both."""
        alike = replace(self._timed, **{name: getattr(options, name) for name in TAKES_TIME})
        alike = replace(alike, input_noise=1e-3 if options.input_noise else 0.0)
        if alike not in self._times:
            both = alike, self._timed
            pairs = [[time_step(each, self._device) for each in both] for _ in range(self._rounds)]
            self._times[alike] = float(np.median([own / other for own, other in pairs]))
        return self._times[alike]


def time_step(options: FitOptions, device: str) -> float:
    """Seconds, the median of all steps but the first; two crops of 64x160 px at once."""
    times: list[float] = []

    def watch(_step: int, _rows: range, _pictures: Tensor, losses: Tensor) -> None:
        float(losses[0])  # a GPU is waited for
        times.append(time.perf_counter())

    restore(torch.full((2, 3, 64, 160), 0.5), replace(options, levels=5), device=device, watch=watch)
    return float(np.median(np.diff(times)))


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
                "steps": float(setting.options.steps),
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
    return replace(found, options=replace(found.options, steps=steps, warm_steps=warm))


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


def plot(study: Study, tunings: Sequence[Tuning], searches: Sequence[Search]) -> None:
    """All trials that were not given up, the front of them, and the presets."""
    trials = [trial for search in searches for trial in search.trials if trial.outcome.value is not None]
    points = [(float(trial.outcome.figures["cost"] or 0), trial.outcome.value or 0.0) for trial in trials]
    front = find_front(points)
    series = {
        "trials": points,
        "best at the cost": front,
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
    cases = [draw_case(scene, 0) for scene in seen]
    prices = Prices(cases, study.device, 1 if study.quick else 3)
    tunings, searches = [], []
    for name in names or (PRESETS[:1] if study.quick else PRESETS):
        preset = Setting(FitOptions.preset(name))
        if study.quick:
            preset = replace(
                preset, options=replace(preset.options, steps=15, warm_steps=8, decoders=1, channels=16)
            )
        tuning = Tuning(name, preset, prices, cases, study.device)
        about = {"preset": asdict(preset.options), "scenes": [asdict(scene) for scene in seen]}
        file, sampler = study.out / f"presets_{name}.journal", partial(guide, PRESETS.index(name))
        search = Search(file, SPACE, about, first=[preset.tell()], sampler=sampler)
        seeds = SEARCH_SEEDS[:1] if study.quick else SEARCH_SEEDS
        drawn = [[draw_case(scene, seed) for scene in seen] for seed in seeds]
        tuning.psnr = np.mean([evaluate(some, preset, study.device, name) for some in drawn], 0).tolist()
        search.run(count, tuning.evaluate, batch=1)
        tunings.append(tuning)
        searches.append(search)
        write_search(study, f"presets_{name}", search, "PSNR in the hole, dB")
    plot(study, tunings, searches)
    rows = [row for t, s in zip(tunings, searches, strict=True) for row in check(study, t, s, unseen)]
    study.write_table("presets", rows, trials=count, cases=len(unseen), seeds=len(CHECK_SEEDS))


if __name__ == "__main__":
    main()

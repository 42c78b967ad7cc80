"""What a search of hyperparameters found, as tables and plots."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from optuna.distributions import BaseDistribution, CategoricalDistribution
from study import Row, Study
from trials import Search

SHUFFLES = 1000
PARTS = 3
"""That the range of a number is cut into to be told value by value."""


def write_search(study: Study, name: str, search: Search, label: str) -> None:
    """What was found, as OUT/NAME_values.md and .json, and as OUT/NAME_parameters.png and NAME_course.png.

    Args:
        study: Where to.
        name: Of the files.
        search: With at least one trial that has a value.
        label: What the value is, and its unit.
    """
    study.write_table(f"{name}_values", compare_values(search), value=label, trials=len(search.trials))
    trials = search.trials
    figure = Figure(figsize=(3 * len(search.space), 3.2), dpi=150, layout="constrained")
    for axis, parameter in zip(
        figure.subplots(1, len(search.space), squeeze=False, sharey=True)[0], search.space, strict=True
    ):
        _draw_parameter(axis, parameter, search)
    figure.axes[0].set_ylabel(label)
    figure.savefig(study.out / f"{name}_parameters.png")
    figure = Figure(figsize=(7, 4), dpi=150, layout="constrained")
    axis = figure.subplots()
    numbers = list(range(1, len(trials) + 1))
    _draw_points(axis, numbers, [trial.outcome.value for trial in trials], search.minimize)
    best = np.minimum if search.minimize else np.maximum
    none = math.inf if search.minimize else -math.inf
    values = [none if trial.outcome.value is None else trial.outcome.value for trial in trials]
    axis.step(numbers, best.accumulate(values), where="post", label="best so far")
    axis.set_xlabel("trials")
    axis.set_ylabel(label)
    axis.legend(fontsize=8)
    figure.savefig(study.out / f"{name}_course.png")


def compare_values(search: Search) -> list[Row]:
    """What each value of each parameter, or each part of a number's range, went along with.

    The mean is of the trials that have a value; in the median and the count all are told. The share is that
    of the variance of places in the ranking that lies between the values of one parameter, and beside it
    stands how often shuffled places have as much: of few trials some parameter always seems to matter.
    (Of 24 trials in the paper's space PED-ANOVA, which Optuna has for this, gave 0.79 of all to the noise's
    scale; by ranks that has 0.05, and chance as much in 58 of 100 cases.)
    """
    worst = math.inf if search.minimize else -math.inf
    values_of_all = [worst if t.outcome.value is None else t.outcome.value for t in search.trials]
    rows: list[Row] = []
    for name, kind in search.space.items():
        parts = _cut(kind)
        found = [trial.parameters[name] for trial in search.trials]
        groups = [next(i for i, (_, holds) in enumerate(parts) if holds(value)) for value in found]
        share, chance = share_between(values_of_all, groups)
        for label, holds in parts:
            some = [trial.outcome.value for trial in search.trials if holds(trial.parameters[name])]
            values = [value for value in some if value is not None]
            median = float(np.median([*values, *[worst] * (len(some) - len(values))])) if some else math.nan
            rows.append(
                {
                    "parameter": name,
                    "share": share,
                    "by chance": chance,
                    "value": label,
                    "trials": len(some),
                    "with a value": len(values),
                    "mean": float(np.mean(values)) if values else None,
                    "median": median if math.isfinite(median) else None,
                    "best": (min(values) if search.minimize else max(values)) if values else None,
                }
            )
    return rows


def share_between(values: Sequence[float], groups: Sequence[int]) -> tuple[float, float]:
    """The share of the variance of the values' ranks that lies between groups, and how often chance has it.

    Args:
        values: n; ties share a rank.
        groups: n, from 0.
    """
    ordered = np.sort(values)
    ranks = (np.searchsorted(ordered, values) + np.searchsorted(ordered, values, "right")) / 2
    ranks -= ranks.mean()
    spread = np.square(ranks).sum()
    if spread == 0:
        return 0.0, 1.0
    is_member = np.eye(max(groups) + 1)[groups]  # (n, groups)
    is_member /= np.sqrt(is_member.sum(0).clip(1))
    generator = np.random.default_rng(0)
    shuffled = np.stack([ranks, *(generator.permutation(ranks) for _ in range(SHUFFLES))])
    shares = np.square(shuffled @ is_member).sum(1) / spread
    return float(shares[0]), float((shares[1:] >= shares[0] - 1e-9).mean())


def _cut(kind: BaseDistribution) -> list[tuple[str, Callable[[Any], bool]]]:
    """Names of values, or of parts of a range, and what tells whether a value is of it."""
    if isinstance(kind, CategoricalDistribution):
        return [(str(choice), lambda value, choice=choice: value == choice) for choice in kind.choices]
    low, high = kind.low, kind.high
    edges = np.geomspace(low, high, PARTS + 1) if kind.log else np.linspace(low, high, PARTS + 1)
    parts = []
    for first, last in pairwise(edges):
        is_top = last == edges[-1]
        parts.append(
            (
                f"{first:.3g} to {last:.3g}",
                lambda value, first=first, last=last, is_top=is_top: (
                    first <= value and (is_top or value < last)
                ),
            )
        )
    return parts


def _draw_parameter(axis: Axes, name: str, search: Search) -> None:
    """The value of each trial over one parameter, and the means of choices."""
    kind = search.space[name]
    values = [trial.outcome.value for trial in search.trials]
    found = [trial.parameters[name] for trial in search.trials]
    axis.set_xlabel(name)
    if not isinstance(kind, CategoricalDistribution):
        _draw_points(axis, found, values, search.minimize)
        if kind.log:
            axis.set_xscale("log")
        return
    spread = np.random.default_rng(0).uniform(-0.2, 0.2, len(found))
    places = [kind.choices.index(value) for value in found]
    _draw_points(axis, list(places + spread), values, search.minimize)
    for place in range(len(kind.choices)):
        some = [v for v, p in zip(values, places, strict=True) if p == place and v is not None]
        if some:
            axis.hlines(np.mean(some), place - 0.35, place + 0.35, colors="tab:orange", label="mean")
    axis.set_xticks(range(len(kind.choices)), [str(choice) for choice in kind.choices], fontsize=7)


def _draw_points(axis: Axes, across: Sequence[float], values: Sequence[float | None], minimize: bool) -> None:
    """Those that have no value stand at the bad end."""
    pairs = list(zip(across, values, strict=True))
    axis.plot(*zip(*((x, y) for x, y in pairs if y is not None), strict=True), "o", markersize=3)
    if none := [x for x, y in pairs if y is None]:
        transform = axis.get_xaxis_transform()
        axis.plot(
            none,
            [0.98 if minimize else 0.02] * len(none),
            "x",
            color="tab:red",
            transform=transform,
            label="no value",
        )
    axis.margins(y=0.1)
    axis.grid(alpha=0.3)

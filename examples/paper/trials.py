"""A search of hyperparameters: trials that are drawn, evaluated side by side and kept in a file.

What is searched, and what for, is not its business (`search`, `presets`). A script does:

    search = Search(study.out / "search.journal", space, {"steps": 1000, "images": digest})
    search.run(100, evaluate)  # goes on from what the file holds
    write_search(study, "search", search, "PSNR, dB")  # of `findings`
"""

from __future__ import annotations

import fcntl
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np
import optuna
from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.samplers import BaseSampler, RandomSampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState
from tqdm import tqdm

Parameters = Mapping[str, Any]
Space = Mapping[str, BaseDistribution]
DONE = (TrialState.COMPLETE, TrialState.PRUNED)

optuna.logging.set_verbosity(optuna.logging.ERROR)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one trial gave."""

    value: float | None
    """What is searched for; None: the trial did not get so far, and is worse than any that did."""
    figures: Mapping[str, float | None] = field(default_factory=dict)
    """What else is to be kept of it, e.g. seconds."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One that is done."""

    number: int
    parameters: Parameters
    outcome: Outcome


Evaluate = Callable[[Sequence[Parameters]], Iterable[tuple[int, Outcome]]]
"""Parameters of n trials -> for each its index and what it gave, in any order, as soon as it is known: what
was yielded is kept, whatever ends the run."""


class Search:
    """Trials in a file. Many may be asked at once; those that a killed run left are tried again."""

    def __init__(
        self,
        file: Path,
        space: Space,
        about: Mapping[str, Any],
        *,
        first: Sequence[Parameters] = (),
        minimize: bool = False,
        sampler: Callable[..., BaseSampler] = RandomSampler,
    ) -> None:
        """The trials of a file, or a new file.

        Args:
            file: Where.
            space: Each parameter's name and distribution.
            about: What else makes the value what it is: objective, images, steps. In JSON's types.
            first: What is to be tried before anything is drawn.
            minimize: Whether low values are good.
            sampler: Called with `seed`.

        Raises:
            click.UsageError: The file is of another search, or no such file.
        """
        self.file, self.space, self.minimize = file, dict(space), minimize
        self._sampler = sampler
        told = {
            **json.loads(json.dumps(about)),
            "first": [dict(parameters) for parameters in first],
            "space": {name: json.loads(distribution_to_json(kind)) for name, kind in space.items()},
            "minimize": minimize,
        }
        direction = "minimize" if minimize else "maximize"
        try:
            storage = JournalStorage(JournalFileBackend(str(file)))
            self._study = optuna.create_study(
                storage=storage, study_name="search", direction=direction, load_if_exists=True
            )
        except (OSError, ValueError, KeyError, TypeError, AssertionError) as error:
            raise click.UsageError(f"'{file}' is no file of trials that can be read or written") from error
        found = self._study.user_attrs.get("about")
        if found is None:
            for parameters in first:
                self._study.enqueue_trial(dict(parameters))
            self._study.set_user_attr("about", told)
        elif found != told:
            other = next(key for key in [*told, *found] if found.get(key) != told.get(key))
            raise click.UsageError(
                f"'{file}' holds another search ({other}: {found.get(other)}, now {told.get(other)}); "
                "give another OUT, or the options that it began with"
            )

    @property
    def trials(self) -> list[Trial]:
        """Those that are done, in the order in which they were drawn."""
        return [_read(trial) for trial in self._study.get_trials(deepcopy=False, states=DONE)]

    @property
    def ranking(self) -> list[Trial]:
        """Those that are done, the best first."""

        def order(trial: Trial) -> float:
            value = trial.outcome.value
            return math.inf if value is None else value if self.minimize else -value

        return sorted(self.trials, key=order)

    def run(self, count: int, evaluate: Evaluate, batch: int | None = None) -> None:
        """Go on until so many trials are done.

        Args:
            count: Of trials, earlier runs' included.
            evaluate: What to do.
            batch: How many are asked at once; None: all. A sampler that learns wants few.
        """
        with _lock(self.file):
            self._retry()
            with tqdm(total=count, initial=min(count, len(self.trials)), desc="trials", unit="trial") as bar:
                while (left := count - len(self.trials)) > 0:
                    asked = [self._ask() for _ in range(min(left, batch or left))]
                    for index, outcome in evaluate([trial.params for trial in asked]):
                        self._tell(asked[index], outcome)
                        bar.update()

    def _ask(self) -> optuna.Trial:
        """Trial n depends on n and, if the sampler learns, on what is told: not on when a run was ended."""
        all_trials = self._study.get_trials(deepcopy=False)
        drawn = sum(trial.state != TrialState.FAIL for trial in all_trials)  # one that failed was put back
        seed = np.random.SeedSequence((0, drawn)).generate_state(1)[0]
        self._study.sampler = self._sampler(seed=int(seed))
        return self._study.ask(self.space)

    def _tell(self, trial: optuna.Trial, outcome: Outcome) -> None:
        for name, value in outcome.figures.items():
            trial.set_user_attr(name, value)
        if outcome.value is None or not math.isfinite(outcome.value):
            self._study.tell(trial, state=TrialState.PRUNED)
        else:
            self._study.tell(trial, outcome.value)

    def _retry(self) -> None:
        for trial in self._study.get_trials(states=[TrialState.RUNNING]):
            self._study.enqueue_trial(trial.params)
            self._study.tell(trial.number, state=TrialState.FAIL)


def _read(trial: FrozenTrial) -> Trial:
    value = trial.value if trial.state == TrialState.COMPLETE else None
    return Trial(trial.number, trial.params, Outcome(value, trial.user_attrs))


@contextmanager
def _lock(file: Path) -> Iterator[None]:
    """Of two runs the second would take the first one's trials for left."""
    with file.open("rb") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise click.UsageError(f"another run is at '{file}'") from error
        yield

"""How to paint subtitles, and what that costs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from cases import Case
from torch import Tensor
from trials import Parameters

from subremover.fill.paint.pool import Pool
from subremover.options import FitOptions, PaintOptions, PoolOptions
from subremover.untrained.restore import restore

EVENT_FRAMES = 24
"""Frames that share an anchor in a film: 23 on the mean of nine clips."""
TAKES_TIME = ("channels", "activation", "loss", "input")
"""What makes one step of one decoder take longer than another, beside the noise."""
STEPS_TIMED = 6


@dataclass(frozen=True, slots=True)
class Setting:
    """How to paint."""

    options: PaintOptions
    """`levels` None."""
    deeper: int = 0
    """Levels more than the hole's size asks for."""

    @classmethod
    def of(cls, parameters: Parameters) -> Setting:
        """As a trial has it."""
        own = dict(parameters)
        deeper, warm_steps, decoders = (own.pop(name) for name in ("deeper", "warm_steps", "decoders"))
        return cls(PaintOptions(FitOptions(**own), warm_steps, decoders), deeper)

    def with_steps(self, steps: int, warm_steps: int) -> Setting:
        """The same with other steps of both kinds."""
        fit = replace(self.options.fit, steps=steps)
        return replace(self, options=replace(self.options, fit=fit, warm_steps=warm_steps))

    def count_row_steps(self) -> int:
        """Of all decoders, under a subtitle of EVENT_FRAMES none of which looks like the anchor."""
        o = self.options
        return o.decoders * ((2 if o.holdout else 1) * o.fit.steps + o.warm_steps * EVENT_FRAMES)

    def tell(self) -> dict[str, Any]:
        """What differs from one to the next."""
        found = asdict(self.options.fit)
        del found["levels"]
        own = {"warm_steps": self.options.warm_steps, "decoders": self.options.decoders}
        return {**found, **own, "deeper": self.deeper}


STANDARD = Setting(PaintOptions.preset("standard"))


def paint(case: Case, setting: Setting, device: str) -> list[np.ndarray]:
    """The jobs' pictures."""
    levels = case.levels + setting.deeper if setting.deeper else None
    options = replace(setting.options, fit=replace(setting.options.fit, levels=levels))
    with Pool(options, PoolOptions(device)) as pool:
        (fills,) = pool.fit([case.jobs])
    return [fill.picture for fill in fills]


class Prices:
    """What settings cost, in units of `standard`: decoders' steps, times pixels, times a pixel's time."""

    def __init__(self, cases: Sequence[Case], device: str, rounds: int) -> None:
        """Be ready; `rounds` is how often a step is timed."""
        self._cases, self._device, self._rounds = cases, device, rounds
        self._timed = replace(STANDARD.options.fit, steps=STEPS_TIMED)
        self._times = {self._timed: 1.0}

    def price(self, setting: Setting) -> float:
        steps = setting.count_row_steps() / STANDARD.count_row_steps()
        px = [sum(case.count_px(deeper) for case in self._cases) for deeper in (setting.deeper, 0)]
        return steps * px[0] / px[1] * self._compare_steps(setting.options.fit)

    def limit(self, setting: Setting, most: float) -> Setting | None:
        """The same, with fewer steps of both kinds where it would cost more; None: one is too many."""
        price, o = self.price(setting), setting.options
        if price <= most:
            return setting
        row_steps = most / price * setting.count_row_steps() / o.decoders
        warm = max(1, round(o.warm_steps * most / price))
        steps = int((row_steps - EVENT_FRAMES * warm) / (2 if o.holdout else 1))  # what warm steps leave
        if steps < 1:
            return None
        return setting.with_steps(min(o.fit.steps, steps), warm)

    def _compare_steps(self, options: FitOptions) -> float:
        """Time of a step over that of one of `standard`, taken in turns."""
        alike = replace(self._timed, **{name: getattr(options, name) for name in TAKES_TIME})
        alike = replace(alike, input_noise=1e-3 if options.input_noise else 0.0)
        if alike not in self._times:
            both = alike, self._timed
            pairs = [[time_step(each, self._device) for each in both] for _ in range(self._rounds)]
            own, others = np.min(pairs, axis=0)  # the least disturbed
            self._times[alike] = float(own / others)
        return self._times[alike]


def time_step(options: FitOptions, device: str) -> float:
    """Seconds, the least of all steps but the first; two crops of 96x160 px at once."""
    times: list[float] = []
    clock = time.perf_counter if device.startswith("cuda") else time.process_time

    def watch(_step: int, _rows: range, _pictures: Tensor, losses: Tensor) -> None:
        float(losses[0])  # a GPU is waited for
        times.append(clock())

    restore(torch.full((2, 3, 96, 160), 0.5), replace(options, levels=5), device=device, watch=watch)
    return float(np.diff(times).min())

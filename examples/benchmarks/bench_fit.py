"""Frame-steps a second of the fit, beside the textbook loop and the physical limit; for bench_speed.py.

Ours runs as a worker of the pool does: on the CPU batches in threads of one core each, freed memory kept. The
textbook loop runs as torch has it. As that is a matter of the process, each has one of its own; they take
turns, so that both see the same machine.
"""

from __future__ import annotations

import gc
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np
import torch
from clip_tables import format_rows
from speed_limit import Rates, count_work, measure_rates, synchronize
from textbook import fit_frame
from torch import Tensor

from subremover.options import FitOptions
from subremover.runtime.allocator import keep_freed_memory
from subremover.runtime.device_errors import is_out_of_memory
from subremover.untrained.device_memory import choose_batch_size, count_row_bytes
from subremover.untrained.restore import restore

LEVELS = 5
WARM_UP_STEPS = 2


@dataclass(frozen=True, slots=True)
class Case:
    """What is fitted."""

    height: int
    width: int
    channels: int
    batch: int
    """Frames that are there to be fitted at once."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Frame-steps a second of both on one case; None where memory did not suffice."""

    case: Case
    ours: list[float] | None
    """Of each turn."""
    textbook: list[float] | None


def measure_speeds(cases: Sequence[Case], device: str, steps: int, repeats: int) -> Iterator[Speed]:
    """Measure ours and the textbook loop in turns.

    Args:
        cases: What to fit.
        device: A torch device.
        steps: Of each fit.
        repeats: Turns of each case.
    """
    context = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        ours = stack.enter_context(ProcessPoolExecutor(1, context, keep_freed_memory))
        textbook = stack.enter_context(ProcessPoolExecutor(1, context))
        for case in cases:
            turns: list[tuple[float | None, float | None]] = []
            for turn in range(repeats + 1):
                todo = (case, device, steps if turn else WARM_UP_STEPS)
                turns.append(
                    (ours.submit(run_ours, *todo).result(), textbook.submit(run_textbook, *todo).result())
                )
                if turns[0] == (None, None):
                    break
            columns = (list(column) for column in zip(*turns[1:] or turns, strict=True))
            yield Speed(case, *(None if None in column else column for column in columns))


def find_rates(device: str, quick: bool) -> Rates:
    """The device's own rates, measured in a process that ends before anything else is measured."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(measure_rates, torch.device(device), quick).result()


def run_ours(case: Case, device: str, steps: int) -> float | None:
    """Frame-steps a second of a batch; None if memory does not suffice."""
    place = torch.device(device)
    crop, known = draw_crop(case.height, case.width)
    crops = crop.to(place).expand(case.batch, -1, -1, -1)
    knowns = known.to(place).expand(case.batch, -1, -1, -1)
    options = replace(FitOptions(), steps=steps, channels=case.channels, levels=LEVELS, loss="mix")

    def fit(rows: range) -> None:
        cut = slice(rows.start, rows.stop)
        restore(crops[cut], options, known=knowns[cut], seeds=rows)

    def fit_all() -> None:
        if place.type != "cpu":
            fit(range(case.batch))
            return
        row_bytes = count_row_bytes(case.channels, case.height, case.width)
        size = choose_batch_size(place, row_bytes, case.height * case.width)
        parts = [range(first, min(first + size, case.batch)) for first in range(0, case.batch, size)]
        one_each = partial(torch.set_num_threads, 1)
        with ThreadPoolExecutor(torch.get_num_threads(), initializer=one_each) as threads:
            list(threads.map(fit, parts))

    return _count_steps(fit_all, place, case.batch * steps)


def run_textbook(case: Case, device: str, steps: int) -> float | None:
    """Frame-steps a second of one frame alone, as all frames take their turn; None: too little memory."""
    place = torch.device(device)
    crop, known = (tensor.to(place) for tensor in draw_crop(case.height, case.width))
    return _count_steps(lambda: fit_frame(crop, known, case.channels, LEVELS, steps), place, steps)


def draw_crop(height: int, width: int) -> tuple[Tensor, Tensor]:
    """A picture (1, 3, h, w) in [0, 1] and what is known of it (1, 1, h, w), a subtitle being the hole."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    noise = np.random.default_rng(0).standard_normal((height, width)).astype(np.float32)
    waves = [np.sin(x / 17 + y / 29), np.cos(x / 31 - y / 13), np.sin(y / 23)]
    picture = np.stack([0.5 + 0.3 * wave + 0.02 * noise for wave in waves]).clip(0, 1)
    known = torch.from_numpy(1 - draw_letters(height, width).astype(np.float32))
    return torch.from_numpy(picture)[None], known[None, None]


def draw_letters(height: int, width: int) -> np.ndarray:
    """A line of subtitle all across a crop, (h, w) uint8, 0 or 1."""
    letters = np.zeros((height, width), np.uint8)
    text, font, thickness = "It is only the wind", cv2.FONT_HERSHEY_SIMPLEX, max(2, height // 16)
    scale = 0.8 * width / cv2.getTextSize(text, font, 1, 1)[0][0]
    cv2.putText(letters, text, (width // 10, 2 * height // 3), font, scale, 1, thickness)
    return letters


def format_speeds(speeds: Sequence[Speed], rates: Rates) -> str:
    """A Markdown table of frame-steps a second, medians of all turns."""
    rows = [
        [
            *("size", "K", "batch", "ours", "textbook", "ratio"),
            *("limit by memory", "limit by arithmetic", "share of the limit"),
        ]
    ]
    rows.append(["---"] * len(rows[0]))
    for speed in speeds:
        case, ours, textbook = speed.case, speed.ours, speed.textbook
        work = count_work(case.height, case.width, case.channels, LEVELS)
        ratio = share = ""
        if ours and textbook:
            ratio = f"{statistics.median(a / b for a, b in zip(ours, textbook, strict=True)):.2f}"
        if ours:
            share = f"{statistics.median(ours) / rates.limit(work):.1%}"
        rows.append(
            [
                *(f"{case.height}x{case.width}", str(case.channels), str(case.batch)),
                *(_format_rate(turns) for turns in (ours, textbook)),
                *(ratio, _round(rates.memory_limit(work)), _round(rates.operations_limit(work)), share),
            ]
        )
    return format_rows(rows)


def _format_rate(turns: list[float] | None) -> str:
    return "out of memory" if turns is None else _round(statistics.median(turns))


def _round(value: float) -> str:
    """To three digits."""
    return f"{float(f'{value:.3g}'):,.10g}"


def _count_steps(fit: Callable[[], object], device: torch.device, steps: int) -> float | None:
    """Steps a second; None if memory does not suffice. Leaves the device's memory to the others."""
    try:
        synchronize(device)
        start = time.perf_counter()
        fit()
        synchronize(device)
        return steps / (time.perf_counter() - start)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return None
    finally:
        if device.type == "cuda":
            gc.collect()
            torch.cuda.empty_cache()

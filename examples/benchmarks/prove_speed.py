"""Row-steps a second beside the limit and the textbook loop, and a step by its kernels; for prove_cuda.py.

A row-step is one step of Adam of one decoder (L = 5, the mix of MS-SSIM and L1). The limit is that of
speed_limit.py, by the copy rate that is measured first.
"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from bench_fit import LEVELS, Case, draw_crop
from clip_tables import format_rows
from prove_batch import ENDLESS, draw_rows, limited_to, open_batch, put_rows, timed
from prove_process import Found, Job
from speed_limit import Rates, count_work, measure_rates
from textbook import fit_frame
from torch.profiler import ProfilerActivity, profile

from subremover.runtime.device_errors import is_out_of_memory

SHAPES = ((160, 640, 64), (160, 640, 32), (96, 288, 64), (96, 288, 32))
"""Height, width and K; the first has the goals."""
TINY_SHAPES = ((32, 64, 4),)
BATCHES, TINY_BATCHES = (64, 256, 16, 1), (2, 1)
LEAST_RATIO = 40
"""Times as fast as the textbook loop."""
LEAST_SHARE = 0.4
"""Of the limit by memory traffic."""
TURN_SECONDS = 0.2
TURNS = 3
CASE_SECONDS = 4.0
"""With less time left no further case is begun."""
TEXTBOOK_STEPS = 30
PROFILED_STEPS = 5
KERNELS = (
    *("upsample", "gather_level", "fold_norm", "unfold_norm"),
    *("paint", "pull_sigmoid_back", "sum_products", "gather"),
    *("halve", "measure", "combine", "spread", "advance_parameters", "advance_pictures"),
)
"""The Triton kernels of a step, by name."""


def prove_speed(found: Found, job: Job) -> None:
    """Row-steps a second, with and without kernels."""
    shapes, batches = (SHAPES, BATCHES) if job.is_cuda else (TINY_SHAPES, TINY_BATCHES)
    if not job.is_cuda:
        found.say("no GPU: tiny, on the CPU")
    rates = measure_rates(torch.device(job.device), quick=not job.is_cuda)
    found.note(copied_GB_per_second=rates.copied_bytes / 1e9, operations=rates.operations)
    textbook: dict[tuple[int, int, int], float] = {}
    lines: list[dict[str, Any]] = []
    for case, kernels in _choose_cases(shapes, batches):
        if job.left < CASE_SECONDS:
            found.say(f"out of time before {case}")
            break
        shape = (case.height, case.width, case.channels)
        if shape not in textbook:
            textbook[shape] = _time_textbook(case, job.device)
        with limited_to(kernels=kernels):
            rate = _time_replays(case, job.device)
        lines.append(_describe(case, kernels, rate, textbook[shape], rates))
        found.note(cases=lines)
        _write_table(Path(job.out) / "prove_speed.md", lines, rates)
    first = [line for line in lines if line["size"] == _name_size(*shapes[0]) and line["kernels"]]
    if not first:
        found.check("there was no time for a single case", False)
        return
    best = max(first, key=lambda line: line["row_steps"] or 0)
    found.note(**{name: best[name] for name in ("size", "B", "row_steps", "share", "ratio")})
    if job.is_cuda:
        ratio, share = best["ratio"] or 0, best["share"] or 0
        found.check(f"{ratio:.1f} times the textbook loop, the goal is {LEAST_RATIO}", ratio >= LEAST_RATIO)
        found.check(f"{share:.1%} of the limit, the goal is {LEAST_SHARE:.0%}", share >= LEAST_SHARE)


def _choose_cases(
    shapes: tuple[tuple[int, int, int], ...], batches: tuple[int, ...]
) -> Iterator[tuple[Case, bool]]:
    """What matters most comes first."""
    for kernels in (True, False):
        for height, width, channels in shapes:
            for batch in batches:
                yield Case(height, width, channels, batch), kernels


def _time_replays(case: Case, device: str) -> float | None:
    """Row-steps a second, the median of some turns; None: out of memory."""
    gc.collect()  # graphs hold their memory
    torch.cuda.empty_cache()
    try:
        rows = draw_rows(case, device)
        adam = open_batch(rows)
        put_rows(adam, rows, ENDLESS)
        timed(adam.step, device)
        count = max(1, round(TURN_SECONDS / timed(adam.step, device)[0]))
        turns = [timed(partial(adam.step, count), device)[0] for _ in range(TURNS)]
        return case.batch * count / statistics.median(turns)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return None


def _time_textbook(case: Case, device: str) -> float:
    """Steps a second of the textbook loop, which takes one row at a time."""
    crop, known = (tensor.to(device) for tensor in draw_crop(case.height, case.width))
    run = partial(fit_frame, crop, known, case.channels, LEVELS)
    run(3)
    return TEXTBOOK_STEPS / timed(partial(run, TEXTBOOK_STEPS), device)[0]


def _describe(case: Case, kernels: bool, rate: float | None, textbook: float, rates: Rates) -> dict[str, Any]:
    limit = rates.memory_limit(count_work(case.height, case.width, case.channels, LEVELS))
    return {
        "size": _name_size(case.height, case.width, case.channels),
        "B": case.batch,
        "kernels": kernels,
        "row_steps": rate,
        "limit": limit,
        "share": rate and rate / limit,
        "textbook": textbook,
        "ratio": rate and rate / textbook,
    }


def _name_size(height: int, width: int, channels: int) -> str:
    return f"{height}x{width} K{channels}"


def _write_table(path: Path, lines: list[dict[str, Any]], rates: Rates) -> None:
    rows = [
        ["size", "B", "kernels", "row-steps/s", "limit by memory", "share of it", "textbook", "times as fast"]
    ]
    rows.append(["---"] * len(rows[0]))
    for line in lines:
        rate, share, ratio = line["row_steps"], line["share"], line["ratio"]
        rows.append(
            [
                *(line["size"], str(line["B"]), "yes" if line["kernels"] else "no"),
                "out of memory" if rate is None else f"{rate:,.0f}",
                *(f"{line['limit']:,.0f}", "" if share is None else f"{share:.1%}"),
                *(f"{line['textbook']:.1f}", "" if ratio is None else f"{ratio:.1f}"),
            ]
        )
    told = f"Copied {rates.copied_bytes / 1e9:,.0f} GB/s, read plus written."
    path.write_text(f"{format_rows(rows)}\n\n{told}\n", encoding="utf-8")


def prove_profile(found: Found, job: Job) -> None:
    """A replayed step by its kernels, as OUT/prove_profile.md."""
    case = Case(160, 640, 32, 64) if job.is_cuda else Case(32, 64, 4, 2)
    rows = draw_rows(case, job.device)
    adam = open_batch(rows)
    put_rows(adam, rows, ENDLESS)

    run = partial(adam.step, PROFILED_STEPS)
    run()
    seconds, _ = timed(run, job.device)
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if job.is_cuda else [])]
    with profile(activities=activities) as measured:
        timed(run, job.device)
    kind = "CUDA" if job.is_cuda else "CPU"
    events = [event for event in measured.key_averages() if event.device_type.name == kind]
    time_of = {
        event.key: event.self_device_time_total if job.is_cuda else event.self_cpu_time_total
        for event in events
    }
    counts = {event.key: event.count for event in events}
    busy = sum(time_of.values()) / 1e6 / PROFILED_STEPS
    step = seconds / PROFILED_STEPS
    found.note(step_ms=1000 * step, launches=sum(counts.values()) / PROFILED_STEPS)
    if job.is_cuda:
        found.note(kernels_ms=1000 * busy, busy_share=busy / step)
    names = sorted(time_of, key=lambda name: -time_of[name])
    total = sum(time_of.values()) or 1
    table = [["kernel", "launches a step", "ms a step", "share"], ["---"] * 4]
    table += [
        [
            *(name[:140].replace("|", "/"), f"{counts[name] / PROFILED_STEPS:g}"),
            *(f"{time_of[name] / 1000 / PROFILED_STEPS:.4f}", f"{time_of[name] / total:.1%}"),
        ]
        for name in names
    ]
    told = (
        f"{_name_size(case.height, case.width, case.channels)}, B {case.batch}: {1000 * step:.3f} ms a step"
    )
    text = f"{told}\n\n{format_rows(table)}\n"
    (Path(job.out) / "prove_profile.md").write_text(text, encoding="utf-8")
    if not job.is_cuda:
        found.say("no GPU: tiny, operations on the CPU")
        return
    for name in names[:3]:
        found.note(**{name[:60]: f"{time_of[name] / total:.0%}"})
    found.check("no kernel was seen", bool(events))
    missing = [name for name in KERNELS if not any(key.split("_0")[0] == name for key in names)]
    found.check(f"not among the kernels of a step: {', '.join(missing)}", not missing)

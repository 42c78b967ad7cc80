"""Proofs of the fit on a device: kernels, blurs, graphs, rows alone and in company; for prove_cuda.py."""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch
from bench_fit import Case
from prove_batch import (
    differ,
    draw_rows,
    fit,
    have_kernels,
    is_replayed,
    limited_to,
    name_paths,
    open_batch,
    put_rows,
    take_pictures,
    timed,
)
from prove_process import Found, Job, SkippedError

from subremover.untrained.gaussian import blur, blur_back

TINY = Case(32, 64, 4, 4)
"""Where there is no GPU."""
LEVELS_8_BIT = 255
MOST_BLUR_ERROR = 1e-6
MOST_GRAPH_ERROR = 1e-5
MOST_COMPANY_LEVELS = 0.5
"""Mean difference between a row alone and in company, in levels of 255: the steps let rounding grow."""


def prove_kernels(found: Found, job: Job) -> None:
    """A batch that is opened first in a fresh process uses the kernels."""
    if not job.is_cuda:
        _interpret_kernels(found)
        return
    device = job.device
    found.note(device_seconds=timed(partial(torch.zeros, 1, device=device), device)[0])
    for name, channels in (("first_K32", 32), ("first_K64", 64), ("second_K32", 32)):
        rows = draw_rows(Case(96, 288, channels, 4), device)
        seconds, adam = timed(partial(open_batch, rows), device)
        found.note(**{f"{name}_seconds": seconds})
        paths = name_paths(adam, device)
        found.note(**paths)
        for part, module in paths.items():
            found.check(f"no kernel computes the {part} (K {channels}), but {module}", ".kernels." in module)
    found.check("the kernels are not usable", have_kernels(device))
    cache = os.environ.get("TRITON_CACHE_DIR")
    found.note(compiled=sum(1 for _ in Path(cache).rglob("*.cubin")) if cache else "not counted")


def _interpret_kernels(found: Found) -> None:
    """In Triton's interpreter, against their plain twins."""
    if importlib.util.find_spec("triton") is None:
        raise SkippedError("no GPU, and no triton for its interpreter")
    os.environ["TRITON_INTERPRET"] = "1"  # read when triton is first imported
    from subremover.untrained.kernels.check import check_kernels

    found.say("no GPU: in Triton's interpreter")
    found.note(seconds=timed(partial(check_kernels, torch.device("cpu")), "cpu")[0])


def prove_blurs(found: Found, job: Job) -> None:
    """Gaussian means on the device are the CPU's, whatever the caller lets matrix products be rounded to."""
    if not job.is_cuda:
        found.say("no GPU: float32 against float64 on the CPU")
    device = torch.device(job.device)
    height, width = (160, 640) if job.is_cuda else (32, 64)
    generator = torch.Generator().manual_seed(0)
    for allowed in (False, True):
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allowed
        worst = 0.0
        for channels in (1, 3, 6):
            values = torch.rand(4, channels, height, width, generator=generator)
            expected = values if job.is_cuda else values.double()
            for function in (blur, blur_back):
                result = function(values.to(device), 11).cpu()
                worst = max(worst, differ(result, function(expected, 11)))
        found.note(**{f"error_{'with' if allowed else 'without'}_TF32": worst})
        fault = f"blurs are off by {worst:.2g}, TF32 {'on' if allowed else 'off'}"
        found.check(fault, worst <= MOST_BLUR_ERROR)


def prove_graph(found: Found, job: Job) -> None:
    """A replayed step is the eager one, the same twice, and waits for nothing."""
    case = Case(96, 288, 32, 8) if job.is_cuda else TINY
    steps = 20 if job.is_cuda else 3
    rows = draw_rows(case, job.device)
    one, other = fit(rows, steps), fit(rows, steps)
    found.check("the same fit twice gives other bits", torch.equal(one, other))
    pictures = []
    for name, kernels in (("error", True), ("error_without_kernels", False)):
        with limited_to(kernels=kernels):
            replayed = fit(rows, steps)
        pictures.append(replayed)
        with limited_to(kernels=kernels, graph=False):
            error = differ(replayed, fit(rows, steps))
        found.note(**{name: error})
        found.check(f"replayed and eager steps differ by {error:.2g} ({name})", error <= MOST_GRAPH_ERROR)
    found.note(kernels_apart=differ(*pictures))
    if not job.is_cuda:
        found.say("no GPU: without a graph, on the CPU")
        return
    adam = open_batch(rows)
    found.check("no graph was captured", is_replayed(adam))
    put_rows(adam, rows, 100)
    with limited_to(graph=False):
        eager = open_batch(rows)
    put_rows(eager, rows, 100)
    torch.cuda.synchronize()
    for name, batch in (("replayed", adam), ("eager", eager)):
        try:
            with _sync_debug("error"):
                batch.step(4)
        except RuntimeError as error:
            found.check(f"a step ({name}): {str(error).splitlines()[0]}", False)
    calls: dict[str, Callable[[], object]] = {
        "put": lambda: put_rows(adam, rows, 100),
        "take": lambda: take_pictures(adam, range(case.batch)),
    }
    for name, call in calls.items():
        places = _find_syncs(call)
        found.note(**{f"syncs_in_{name}": sum(places.values()), f"places_in_{name}": places})


@contextmanager
def _sync_debug(mode: str) -> Iterator[None]:
    """Have torch warn of, or refuse, whatever waits for the device."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that not all is detected
        torch.cuda.set_sync_debug_mode(mode)
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def _find_syncs(call: Callable[[], object]) -> dict[str, int]:
    """How often a call waits for the device, by file and line."""
    with _sync_debug("warn"), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    told = [warning for warning in caught if "synchronizing CUDA operation" in str(warning.message)]
    return dict(Counter(f"{Path(warning.filename).name}:{warning.lineno}" for warning in told))


def prove_company(found: Found, job: Job) -> None:
    """A row alone becomes what it becomes among 64."""
    case = Case(96, 288, 32, 64) if job.is_cuda else TINY
    place, steps = case.batch // 3, 60 if job.is_cuda else 4
    rows = draw_rows(case, job.device)
    among = fit(rows, steps)[place : place + 1]
    alone = fit(rows.select([place]), steps)
    levels = LEVELS_8_BIT * (alone - among).abs()
    found.note(
        same_bits=torch.equal(alone, among),
        mean_levels_apart=float(levels.mean()),
        most_levels_apart=float(levels.max()),
    )
    found.check(f"a row alone is {levels.mean():.2g} levels off", bool(levels.mean() <= MOST_COMPANY_LEVELS))
    if not job.is_cuda:
        found.say("no GPU: on the CPU")
        found.check("a row alone has other bits, on the CPU", torch.equal(alone, among))


def prove_making(found: Found, job: Job) -> None:
    """How long it takes to open a batch, at first and again, and what it takes of the memory."""
    if not job.is_cuda:
        found.say("no GPU: on the CPU")
    device = job.device
    for count in (16, 248) if job.is_cuda else (2, 4):
        case = Case(160, 640, 32, count) if job.is_cuda else Case(32, 64, 4, count)
        rows = draw_rows(case, device)
        if job.is_cuda:
            torch.cuda.reset_peak_memory_stats()
        for name in ("first", "again"):
            seconds, adam = timed(partial(open_batch, rows), device)
            found.note(**{f"B{count}_{name}_seconds": seconds})
        found.note(**{f"B{count}_put_seconds": timed(partial(put_rows, adam, rows, 1), device)[0]})
        if job.is_cuda:
            found.note(**{f"B{count}_GiB": torch.cuda.max_memory_reserved() / 2**30})

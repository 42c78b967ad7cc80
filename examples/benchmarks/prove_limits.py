"""Proofs of what happens at a device's limits, each in a process of its own; for prove_cuda.py."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from bench_fit import draw_crop
from prove_batch import differ, limited_to
from prove_process import Found, Job, SkippedError
from torch import Tensor

from subremover.errors import SubremoverError
from subremover.fill.paint.jobs import Fill, FitJob
from subremover.fill.paint.pool import Pool
from subremover.options import FitOptions, PaintOptions, PoolOptions
from subremover.untrained.restore import restore

LARGE_BATCHES = (
    ("paper_plain", False, 256, 84, (160, 640)),
    ("standard", True, 32, 248, (416, 672)),
    ("standard_plain", False, 32, 248, (416, 672)),
)
"""Name, whether by kernels, K, rows, height and width; the rows times K times the pixels are over 2^31."""
MOST_ELEMENTS = 2**31 - 1
FREE_BYTES = 3 * 2**29
"""What the filler leaves."""
MOST_ERROR = 1e-2
"""Between rows of a large batch and the same alone, after two steps."""
MOST_LEVELS = 1.0
"""Mean difference in holes, of 255."""


def prove_elements(found: Found, job: Job) -> None:
    """Rows become what one becomes alone, if there are so many that a level would have over 2^31 elements."""
    if not job.is_cuda:
        raise SkippedError("no GPU: takes more memory than time allows")
    for name, kernels, channels, count, size in LARGE_BATCHES:
        options = FitOptions(steps=2, channels=channels, levels=5)
        crop, known = draw_crop(*size)
        rows: list[int] = []

        def watch(_step: int, own: range, *_: Tensor, rows: list[int] = rows) -> None:
            rows.append(len(own))

        with limited_to(kernels=kernels):
            many = restore(
                crop.expand(count, -1, -1, -1), options, known=known, device=job.device, watch=watch
            )
            seeds = [count - 1]
            alone = restore(crop, options, known=known, seeds=seeds, device=job.device)
        error = differ(many.pictures[-1:], alone.pictures)
        found.note(**{f"{name}_rows": max(rows), f"{name}_error": error})
        elements = max(rows) * size[0] * size[1] * channels
        found.note(**{f"{name}_elements": elements})
        if elements <= MOST_ELEMENTS:
            found.say(f"{name}: batches were kept below 2^31 elements")
        found.check(f"a row of {max(rows)} is off by {error:.2g} ({name})", error <= MOST_ERROR)
        torch.cuda.empty_cache()


def prove_memory(found: Found, job: Job) -> None:
    """Batches that do not fit into what a filler leaves of the memory are made smaller, and fill alike."""
    if not job.is_cuda:
        raise SkippedError("no GPU: a CPU's memory is not to be filled")
    options = PaintOptions(FitOptions(steps=10, channels=32), warm_steps=4)
    jobs = [_make_job(frame) for frame in range(48)]
    whole = _paint(jobs, options, job.device)
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info()
    filler = torch.empty(max(0, free - FREE_BYTES), dtype=torch.uint8, device=job.device)
    found.note(filler_GiB=filler.numel() / 2**30, free_GiB=torch.cuda.mem_get_info()[0] / 2**30)
    parts = _paint(jobs, options, job.device)
    del filler
    levels = [
        255 * float(np.abs(one.picture - other.picture)[own.hole].mean())
        for one, other, own in zip(whole, parts, jobs, strict=True)
    ]
    found.note(fills=len(parts), mean_levels_apart=float(np.mean(levels)), worst_levels_apart=max(levels))
    found.check(f"fills in little memory are {max(levels):.2g} levels off", max(levels) <= MOST_LEVELS)


def _make_job(frame: int) -> FitJob:
    """A crop of 160x640 px with a subtitle for a hole, of which nothing was borrowed."""
    crop, known = draw_crop(160, 640)
    hole = known[0, 0].numpy() == 0
    image = crop[0].permute(1, 2, 0).numpy() * np.float32(1 - 0.002 * frame)
    return FitJob(image, hole, frame, 0, np.where(hole, np.float32(np.inf), np.float32(0)))


def _paint(jobs: list[FitJob], options: PaintOptions, device: str) -> list[Fill]:
    """All in one batch, as far as memory suffices."""
    with Pool(options, PoolOptions(device, 2 * len(jobs))) as pool:
        (fills,) = pool.fit([jobs])
    return fills


def prove_forward(found: Found, job: Job) -> None:
    """A forward model that waits for the device, which no graph can hold, works or is refused in words."""
    steps = 20 if job.is_cuda else 2
    size = (96, 288) if job.is_cuda else (32, 64)
    options = FitOptions(steps=steps, channels=16)
    crop, known = draw_crop(*size)

    def waiting(pictures: Tensor) -> Tensor:
        return pictures * (1.0 if bool(pictures.isfinite().all()) else 0.0)

    models: dict[str, Callable[[Tensor], Tensor] | None] = {
        "first": waiting,
        "without": None,
        "again": waiting,
    }
    pictures: dict[str, Tensor] = {}
    for name, forward in models.items():
        try:
            fitted = restore(crop, options, known=known, forward=forward, device=job.device)
        except SubremoverError as error:
            found.check(f"refused without a forward model: {error}", forward is not None)
            found.note(**{name: f"refused: {error}"})
            continue
        pictures[name] = fitted.pictures
        found.check(f"the picture ({name}) holds what is no number", bool(fitted.pictures.isfinite().all()))
        found.note(**{name: "works"})
        if job.is_cuda:
            torch.cuda.empty_cache()
    if "first" in pictures and "without" in pictures:
        apart = differ(pictures["first"], pictures["without"])
        found.note(apart=apart)
        found.check(f"a forward model that changes nothing makes a difference of {apart:.2g}", apart <= 1e-4)
    if not job.is_cuda:
        found.say("no GPU: on the CPU, which captures nothing")

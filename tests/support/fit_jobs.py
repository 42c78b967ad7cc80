"""Jobs for the pool, and their fills."""

from collections.abc import Sequence

import numpy as np

from subremover.fill.paint.jobs import Fill, FitJob
from subremover.fill.paint.pool import Pool
from subremover.options import FitOptions, PaintOptions, PoolOptions

ENDLESS = PaintOptions(FitOptions(steps=10_000_000, channels=4, levels=2))


def make_jobs(group: int, width: int = 24, frames: int = 2) -> list[FitJob]:
    """A list whose pictures are `width` wide, to tell lists apart."""
    hole = np.zeros((16, width), np.bool_)
    hole[6:10, 6:-6] = True
    image = np.random.default_rng(group).random((16, width, 3), np.float32)
    error = np.where(hole, np.float32(np.inf), np.float32(0))
    return [FitJob(image, hole, frame, group, error) for frame in range(frames)]


def fill(
    jobs: Sequence[FitJob],
    options: PaintOptions,
    device: str = "cpu",
    batch_size: int | None = None,
    *,
    max_bytes: int | None = None,
) -> list[Fill]:
    """The fills of a list."""
    with Pool(options, PoolOptions(device, batch_size), max_bytes=max_bytes) as pool:
        (fills,) = pool.fit([list(jobs)])
    return fills

"""Jobs for the pool."""

import numpy as np

from subremover.fill.paint.jobs import FitJob
from subremover.options import FitOptions, PaintOptions

ENDLESS = PaintOptions(FitOptions(steps=10_000_000, channels=4, levels=2))


def make_jobs(group: int, width: int = 24, frames: int = 2) -> list[FitJob]:
    """A list whose pictures are `width` wide, to tell lists apart."""
    hole = np.zeros((16, width), np.bool_)
    hole[6:10, 6:-6] = True
    image = np.random.default_rng(group).random((16, width, 3), np.float32)
    error = np.where(hole, np.float32(np.inf), np.float32(0))
    return [FitJob(image, hole, frame, group, error) for frame in range(frames)]

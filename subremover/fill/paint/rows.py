"""A decoder to be fitted to a job, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from subremover.fill.paint.jobs import FitJob
from subremover.untrained.deep_decoder import DecoderWeights, cover

Key = tuple[Literal["anchor", "holdout", "warm"], int, int]
"""What rows are told apart by: what they are for, which job, which decoder."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One decoder to be fitted to one job."""

    job: FitJob
    decoder: int
    """Its number; with the job's group, its seed."""
    levels: int
    steps: int
    start: DecoderWeights | None = None
    """Of one row, to start warm from; None: a cold start."""
    hidden: np.ndarray | None = None
    """(h, w) bool: known pixels that it is not to see."""

    @property
    def canvas(self) -> tuple[int, int]:
        """Height and width in px, multiples of 2^levels, of what it paints."""
        height, width = self.job.hole.shape
        return cover((height, width), self.levels)

    @property
    def unknown(self) -> np.ndarray:
        """(h, w) float32 in [0, 1]: how little it sees of each pixel."""
        unknown = self.job.unknown
        return unknown if self.hidden is None else np.where(self.hidden, np.float32(1), unknown)


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What became of a row."""

    picture: np.ndarray
    """(h, w, 3) float32 in [0, 1], painted everywhere."""
    batch_weights: DecoderWeights
    """Of all rows of its batch."""
    place: int
    """Its own among them."""

    @property
    def weights(self) -> DecoderWeights:
        """Of this row alone; copied only when asked for, which no warm start is."""
        return self.batch_weights.select([self.place])

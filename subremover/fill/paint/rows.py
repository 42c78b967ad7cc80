"""The rows of a batch: a decoder to be fitted to a job, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from subremover.fill.paint.jobs import FitJob
from subremover.untrained.deep_decoder import DecoderWeights, cover

Key = tuple[Literal["anchor", "holdout", "warm"], int, int]
"""What tells rows apart: what they are for, the number of the job, the number of the decoder."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One decoder to be fitted to one job."""

    job: FitJob
    decoder: int
    """Its number; with the job's group, its seed."""
    levels: int
    """L, the decoder's depth."""
    steps: int
    """Of the fit."""
    start: DecoderWeights | None = None
    """Weights of one row to start warm from; None: a cold start."""
    hidden: np.ndarray | None = None
    """(h, w) bool, True on known pixels that it is not to see."""

    @property
    def canvas(self) -> tuple[int, int]:
        """Height and width in px of what it paints, multiples of 2^levels."""
        height, width = self.job.hole.shape
        return cover((height, width), self.levels)

    @property
    def unknown(self) -> np.ndarray:
        """(h, w) float32 in [0, 1]: how little it sees of each pixel; 1 where it sees nothing."""
        unknown = self.job.unknown
        return unknown if self.hidden is None else np.where(self.hidden, np.float32(1), unknown)


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What became of a row."""

    picture: np.ndarray
    """(h, w, 3) float32, RGB in [0, 1], painted everywhere."""
    batch_weights: DecoderWeights
    """Those of all rows that were done at the same time."""
    place: int
    """Its own place among them."""

    @property
    def weights(self) -> DecoderWeights:
        """The weights of this row alone; copied when asked for, which those of warm starts never are."""
        return self.batch_weights.select([self.place])

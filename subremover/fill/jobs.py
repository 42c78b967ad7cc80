"""What the pool is asked and what it answers: plain arrays, no torch, cheap to send to a process."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class FitJob:
    """One crop of one frame whose hole wants a decoder."""

    image: np.ndarray
    """(h, w, 3) float32, RGB in [0, 1]; anything in the hole."""
    hole: np.ndarray
    """(h, w) bool, True where the decoder paints."""
    frame: int
    """Frame index, for the order of warm starts and for the seed."""
    group: int
    """Jobs of one group show the same place of the same shot under the same event: they share an anchor."""

    def __post_init__(self) -> None:
        if self.image.ndim != 3 or self.image.shape[2] != 3 or self.image.dtype != np.float32:
            raise ValueError(f"image must be (h, w, 3) float32, got {self.image.shape} {self.image.dtype}")
        if self.hole.shape != self.image.shape[:2] or self.hole.dtype != np.bool_:
            raise ValueError(
                f"hole must be {self.image.shape[:2]} bool, got {self.hole.shape} {self.hole.dtype}"
            )

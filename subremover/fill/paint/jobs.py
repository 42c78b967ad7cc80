"""What the pool is asked and what it answers: plain arrays, no torch, cheap to send to a process."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

KNOWN_ERROR = 4 / 255
"""Borrowed pixels that are expected to be this far off count half in a fit: as much as coding and grain."""
CPU_BATCH_PX = 1 << 17
"""Pixels of one batch on the CPU. A step of 96x288 px took 37, 33, 30 and 28 ms a row with 1, 2, 4 and 8."""


@dataclass(frozen=True, slots=True, eq=False)
class FitJob:
    """One crop of one frame whose hole wants a decoder."""

    image: np.ndarray
    """(h, w, 3) float32, RGB in [0, 1]; in the hole what was borrowed, anything where nothing was."""
    hole: np.ndarray
    """(h, w) bool, True where the subtitle stands."""
    frame: int
    """Frame index, for the order of warm starts and for the seed."""
    group: int
    """Jobs of one group show the same place of the same shot under the same event: they share an anchor."""
    error: np.ndarray
    """(h, w) float32, in [0, 1]: how far off the image in the hole is to be expected; inf where anything
    stands there, 0 outside the hole. The decoder paints where it expects to be nearer to the truth."""

    def __post_init__(self) -> None:
        if self.image.ndim != 3 or self.image.shape[2] != 3 or self.image.dtype != np.float32:
            raise ValueError(f"image must be (h, w, 3) float32, got {self.image.shape} {self.image.dtype}")
        if self.hole.shape != self.image.shape[:2] or self.hole.dtype != np.bool_:
            raise ValueError(
                f"hole must be {self.image.shape[:2]} bool, got {self.hole.shape} {self.hole.dtype}"
            )
        if self.error.shape != self.hole.shape or self.error.dtype != np.float32:
            raise ValueError(
                f"error must be {self.hole.shape} float32, got {self.error.shape} {self.error.dtype}"
            )

    @property
    def unknown(self) -> np.ndarray:
        """(h, w) float32 in [0, 1]: how little is known of each pixel; 1 where nothing was borrowed."""
        with np.errstate(divide="ignore"):
            return np.where(self.hole, 1 / (1 + (KNOWN_ERROR / self.error) ** 2), 0).astype(np.float32)

    def open_share(self, error: float) -> float:
        """Share of the hole that is expected to be farther off than this; the bare pixels are in it."""
        return float((self.hole & (self.error > error)).sum()) / max(int(self.hole.sum()), 1)


@dataclass(frozen=True, slots=True, eq=False)
class Fill:
    """A crop whose hole is filled."""

    picture: np.ndarray
    """(h, w, 3) float32, RGB in [0, 1]: the image, its hole filled."""
    fitted: np.ndarray
    """(h, w) float32, in [0, 1]: share of the decoder in each pixel, the rest is the job's own image."""


def count_row_bytes(channels: int, height: int, width: int) -> int:
    """Memory that one decoder takes; counted, not measured.

    Its finest level holds up to six tensors of K channels, the loss some 120 planes.
    """
    return 4 * height * width * (6 * channels + 120)

"""What the pool is asked and what it answers: plain arrays, without torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Protocol, Self

import numpy as np

KNOWN_ERROR = 4 / 255
"""Expected error, in [0, 1], at which a borrowed pixel counts half in a fit. See docs/measurements.md,
"fill/paint/jobs: known error"."""


@dataclass(frozen=True, eq=False)
class FitJob:
    """One crop of one frame whose hole is to be painted."""

    image: np.ndarray
    """(h, w, 3) float32, RGB in [0, 1]; in the hole what was borrowed, any values where nothing was."""
    hole: np.ndarray
    """(h, w) bool, True in the hole."""
    frame: int
    """Frame index, for the order of warm starts and for the seed."""
    group: int
    """Number that jobs share which show the same place of the same shot under the same event: they share an
    anchor."""
    error: np.ndarray
    """(h, w) float32, in [0, 1]: how far off the image is to be expected in the hole; inf where nothing was
    borrowed, 0 outside the hole. The decoder paints where it expects to be nearer to the truth."""

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

    @cached_property
    def unknown(self) -> np.ndarray:
        """(h, w) float32 in [0, 1]: how little is known of each pixel; 1 where nothing was borrowed."""
        with np.errstate(divide="ignore"):
            return np.where(self.hole, 1 / (1 + (KNOWN_ERROR / self.error) ** 2), 0).astype(np.float32)

    def open_share(self, error: float) -> float:
        """Share of the hole, in [0, 1], whose image is expected to be farther off than an error.

        Args:
            error: In [0, 1]; where nothing was borrowed the image is always farther off.
        """
        return float((self.hole & (self.error > error)).sum()) / max(int(self.hole.sum()), 1)


@dataclass(frozen=True, slots=True, eq=False)
class Fill:
    """A crop whose hole is filled."""

    picture: np.ndarray
    """(h, w, 3) float32, RGB in [0, 1]: the image, its hole filled."""
    fitted: np.ndarray
    """(h, w) float32, in [0, 1]: share of the decoder in each pixel; the rest is the job's own image."""


class Painter(Protocol):
    """What paints holes: a context manager whose `fit` takes lists of jobs and gives their fills.

    `pool.Pool` is one.
    """

    @property
    def devices(self) -> Sequence[str]:
        """Names of torch devices; the first tells of which kind all are."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def fit(self, batches: Iterable[list[FitJob]]) -> Iterator[list[Fill]]:
        """Paint the holes of all jobs, list by list and in order; see `pool.Pool.fit`.

        Args:
            batches: Lists of jobs.

        Yields:
            For each list its fills, in the list's order.
        """
        ...

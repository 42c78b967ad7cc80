"""Measures how visible a line is on a frame, and fits its fade to that.

Told by the line's own edges, not by the detector.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

CHUNKS = 6
"""Number of parts of a line, side by side, whose opacities are compared: what wipes over a line covers some
parts and not the others."""
LEAST_STRENGTH = 1e-3
"""Least Sobel magnitude of an edge; a plain picture has none."""
LEVEL_NOISE = 0.03
"""Noise of a measured opacity; closer than that, fits of a fade are all equally good."""
RAMP_COST = 3.0
"""By how much the log-likelihood of a fade must exceed that of a sudden start to be preferred."""


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """What a line looks like: its strong edges."""

    rows: np.ndarray
    """(n,) intp, rows of the edge pixels in the line's box."""
    columns: np.ndarray
    """(n,) intp, their columns."""
    edges: np.ndarray
    """(2, n) float32, derivatives of the luma there, over their squared length."""
    weights: np.ndarray
    """(n,) float32, lengths of the edges, of sum 1."""
    height: int
    """Of the line's box, in px."""
    width: int
    """Likewise."""

    @classmethod
    def of(cls, lumas: list[np.ndarray]) -> Template:
        """The edges that several pictures of a line have in common; those of a moving background drop out.

        Args:
            lumas: (h, w) uint8 each, the line's box on several frames; at least one.
        """
        vectors = np.mean([edge_vectors(luma) for luma in lumas], axis=0)
        strength = np.hypot(*vectors)
        rows, columns = np.nonzero(strength > max(0.3 * float(np.percentile(strength, 97)), LEAST_STRENGTH))
        lengths = strength[rows, columns]
        edges = vectors[:, rows, columns] / lengths**2
        return cls(rows, columns, edges, lengths / max(float(lengths.sum()), 1e-6), *strength.shape)

    def opacity(self, vectors: np.ndarray, dx: int = 0, dy: int = 0) -> float:
        """How much of the line shows.

        Args:
            vectors: (2, h, w) float32, `edge_vectors` of a picture that holds the line's box.
            dx: Column of the box in that picture, in px.
            dy: Row of the box in that picture, in px.

        Returns:
            1 where all edges show at least as strongly as in the template, 0 where none does; below 0 where
            the opposite edges show.
        """
        # Clipped edge by edge: a brighter or busier background makes no line more present.
        return float(np.clip(self._shares(vectors, dx, dy), -1, 1) @ self.weights)

    def spread(self, vectors: np.ndarray) -> float:
        """How unevenly the line shows.

        Args:
            vectors: (2, h, w) float32, `edge_vectors` of the line's box.

        Returns:
            Standard deviation of the opacity over the parts of the line, 0 to 0.5.
        """
        shares = np.clip(self._shares(vectors, 0, 0), 0, 1) * self.weights
        along = self.columns if self.width >= self.height else self.rows
        part = along * CHUNKS // max(self.width, self.height)
        weights = np.bincount(part, self.weights, CHUNKS)
        opacities = np.bincount(part, shares, CHUNKS)[weights > 0] / weights[weights > 0]
        return float(np.std(opacities)) if len(opacities) else 0.0

    def thin(self, count: int) -> Template:
        """A template of about `count` of the edges, evenly chosen."""
        step = max(1, len(self.rows) // count)
        weights = self.weights[::step] / max(float(self.weights[::step].sum()), 1e-6)
        rows, columns = self.rows[::step], self.columns[::step]
        return Template(rows, columns, self.edges[:, ::step], weights, self.height, self.width)

    def _shares(self, vectors: np.ndarray, dx: int, dy: int) -> np.ndarray:
        rows, columns = self.rows + dy, self.columns + dx
        shares: np.ndarray = (
            vectors[0][rows, columns] * self.edges[0] + vectors[1][rows, columns] * self.edges[1]
        )
        return shares


def edge_vectors(luma: np.ndarray) -> np.ndarray:
    """(2, h, w) float32, Sobel derivatives of an (h, w) uint8 luma across and down."""
    return np.stack([cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1)])


@dataclass(frozen=True, slots=True)
class Rise:
    """How a line comes, or, with the frames in reverse, goes."""

    first: int
    """Index into the opacities of the first one on which it is visible at all."""
    frames: float
    """Length of the fade from invisible to opaque; 0: from one frame to the next."""
    floor: float
    """The opacity that is measured at the place without the line."""

    def opacity(self, index: int) -> float:
        """Opacity of the line alone, 0 to 1, at an index into the opacities."""
        if index < self.first:
            return 0.0
        if not self.frames:
            return 1.0
        # `first` is the first whole frame after the true start; half a frame after it on average.
        return float(np.clip((index - self.first + 0.5) / self.frames, 0.0, 1.0))


def find_rise(opacities: np.ndarray) -> Rise:
    """Fit a floor, a straight rise and a plateau to measured opacities.

    Most fades are linear. A fit over all frames finds where one begins better than any threshold, because the
    faintest frames drown in the noise.

    Args:
        opacities: (n,) float, in the order in which the line becomes visible, the last one plainly so.

    Returns:
        The best fit; a sudden start unless a fade fits clearly better.
    """
    count = len(opacities)
    below = np.flatnonzero(opacities < 0.5)
    hard = min(int(below[-1]) + 1, count - 1) if len(below) else 0
    if not hard:
        return Rise(0, 0.0, 0.0)
    starts, lengths = np.meshgrid(np.arange(2 * hard) / 2, np.arange(4, 2 * count) / 2)
    fits = (starts + lengths >= hard - 1) & (starts + lengths / 2 <= hard + 1)
    # The first candidate is the hard cut.
    begins, spans = np.append(hard - 1.0, starts[fits]), np.append(1.0, lengths[fits])
    shape = np.clip((np.arange(count) - begins[:, None]) / spans[:, None], 0, 1)  # (candidates, count)
    basis = np.stack([1 - shape, shape], axis=1)
    gram = basis @ basis.transpose(0, 2, 1) + 1e-6 * np.eye(2)
    levels = np.linalg.solve(gram, basis @ opacities[:, None])[..., 0]  # (candidates, floor and top)
    error = ((levels[:, None] @ basis)[:, 0] - opacities) ** 2
    cost = count / 2 * np.log(error.mean(axis=1) + LEVEL_NOISE**2)
    cost[1:] += RAMP_COST
    cost[levels[:, 1] < levels[:, 0] + 0.3] = np.inf
    best = int(cost.argmin())
    length = float(spans[best]) if best else 0.0
    # A fade's faintest frame drowns in the noise, so that the fit tends to begin late.
    first = int(np.floor(begins[best] - 0.3 * bool(best))) + 1
    return Rise(min(max(first, 0), hard), length, float(levels[best, 0]))

"""Tells where something new stands still: the cheap test on every frame, made before any detector runs.

Lettering laid over a film is sharp and does not move. What appears at a place and shows the same edges
on three frames running is worth a look; what moves, and what has been looked at before, is not. What is
found there is up to the caller.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from subremover.geometry import Box

BLOCK_PX = 8
"""Side of the blocks, in px of the small picture, whose edges are added up."""
EDGE_LEVEL = 24
"""Sobel magnitude (8 times the slope in levels a px) from which an edge counts; above coding noise."""
RISE, NEW_ENERGY = 1.5, 32.0
"""A block is new when the energy of its standing edges exceeds RISE times what was known there by NEW_ENERGY.
Energy is the mean edge strength (absolute Sobel values, across plus down) over the block's pixels.
See docs/measurements.md, "detect/candidates/novelty: thresholds"."""
HABITUATION, DECAY = 2.0, 0.98
"""After a look, the block's known energy is multiplied by HABITUATION, and that falls off by DECAY a frame:
a shaking camera stands still every few frames, and is not to be looked at each time.
See docs/measurements.md, "detect/candidates/novelty: thresholds"."""
CROWDED_ENERGY = 100.0
"""Energy from which a block is as full of edges as lettering itself.
See docs/measurements.md, "detect/candidates/novelty: crowded"."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where to look, and on which frame it shows best."""

    index: int
    """Of the frame."""
    box: Box
    """In px of the small picture."""
    blocks: tuple[Box, ...] = ()
    """Those of its blocks that are new; none are told where everything is looked at."""


class Novelty:
    """Tells where something new stands still; call `feed` with every small picture, `take` now and then."""

    def __init__(self, height: int, width: int) -> None:
        """Prepare for small pictures of this size, in px."""
        self._size = (height, width)
        self._blocks = (-(-height // BLOCK_PX), -(-width // BLOCK_PX))
        self._edges: np.ndarray | None = None
        self._energy = np.zeros(self._blocks, np.float32)
        self._known = np.zeros(self._blocks, np.float32)
        self._seen: list[tuple[int, np.ndarray]] = []

    def feed(self, index: int, small: np.ndarray) -> None:
        """Take the next picture.

        Args:
            index: Of the frame.
            small: (h, w) uint8 luma.
        """
        edges = np.stack([cv2.Sobel(small, cv2.CV_16S, 1, 0), cv2.Sobel(small, cv2.CV_16S, 0, 1)])
        energy = np.zeros(self._blocks, np.float32) if self._edges is None else self._standing(edges)
        self._seen.append((index, np.minimum(energy, self._energy)))
        self._edges, self._energy = edges, energy

    def take(self) -> list[Place]:
        """Where something new has stood since the last call; from now on it counts as known.

        Returns:
            Places, each with the frame since the last call that shows it best.
        """
        peak = np.max([energy for _, energy in self._seen], axis=0)
        is_new = peak > RISE * self._known + NEW_ENERGY
        found = list(self._places(is_new)) if is_new.any() else []
        fading = peak + (self._known - peak) * DECAY ** len(self._seen)
        self._known = np.where(peak < self._known, fading, peak)
        for place in found:
            self._known[_blocks_of(place.box)] *= HABITUATION
        self._seen = self._seen[-1:]
        return found

    @property
    def is_crowded(self) -> bool:
        """Whether most of the picture is so full of sharp edges that lettering adds little to them."""
        return float(np.median(self._known)) > CROWDED_ENERGY

    def forget(self, box: Box | None = None) -> None:
        """Count what stands in a box as new again.

        Args:
            box: In px of the small picture; None: all of it.
        """
        where = _blocks_of(box) if box else ...
        self._known[where] = 0
        for _, energy in self._seen:  # what stood there until now would make it known again
            energy[where] = 0

    def _standing(self, edges: np.ndarray) -> np.ndarray:
        """(rows, columns) float32, each block's energy of edges that were in the last picture, too."""
        before, (height, width), (rows, columns) = self._edges, self._size, self._blocks
        assert before is not None
        strength = cv2.add(np.abs(edges[0]), np.abs(edges[1]))
        change = cv2.add(cv2.absdiff(edges[0], before[0]), cv2.absdiff(edges[1], before[1]))
        stands = (strength > EDGE_LEVEL) & (4 * change < strength)
        pads = (0, rows * BLOCK_PX - height, 0, columns * BLOCK_PX - width)
        standing = cv2.copyMakeBorder(
            np.where(stands, strength, 0).astype(np.float32), *pads, cv2.BORDER_CONSTANT
        )
        energy: np.ndarray = cv2.resize(standing, (columns, rows), interpolation=cv2.INTER_AREA)
        return energy

    def _places(self, blocks: np.ndarray) -> list[Place]:
        """Groups of at least three new blocks near each other, with a block's margin around them."""
        joined = cv2.dilate(blocks.astype(np.uint8), np.ones((3, 7), np.uint8))
        count, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
        found = []
        for label in range(1, count):
            ys, xs = np.nonzero(blocks & (labels == label))
            if len(ys) < 3:
                continue
            best = max(self._seen, key=lambda seen: float(seen[1][ys, xs].sum()))[0]
            x, y, width, height = (int(value) * BLOCK_PX for value in stats[label, :4])
            whole = Box(0, 0, self._size[1], self._size[0])
            if box := Box(x, y, width, height).grow(BLOCK_PX, BLOCK_PX).intersect(whole):
                corners = zip((xs * BLOCK_PX).tolist(), (ys * BLOCK_PX).tolist(), strict=True)
                found.append(Place(best, box, tuple(Box(*corner, BLOCK_PX, BLOCK_PX) for corner in corners)))
        return found


def _blocks_of(box: Box) -> tuple[slice, slice]:
    """Rows and columns of the blocks that a box touches."""
    left, top = max(box.x, 0) // BLOCK_PX, max(box.y, 0) // BLOCK_PX
    return slice(top, -(-box.bottom // BLOCK_PX)), slice(left, -(-box.right // BLOCK_PX))

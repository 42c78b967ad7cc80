"""Makes borrowed fills agree from frame to frame: each is averaged with its neighbours', moved along."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from subremover.motion.align import View, Warp, warp_flow, warp_still
from subremover.motion.normalised_convolution import NormalisedConvolution
from subremover.motion.scoring import Places

SIGMAS_PX = (5.0, 12.0)
"""Scales, as standard deviations in px, over which the known pixels tell how well a neighbour fits."""
STILL_ERROR = 2.5
"""Greatest error, in levels, up to which a neighbour that stands as it is needs no flow."""
LEAST_ERROR = 1.5
"""Least error that is assumed of any pixel, in levels: that of the coding."""


@dataclass(frozen=True, slots=True, eq=False)
class Filled:
    """A crop of a frame with its hole filled."""

    frame: int
    picture: np.ndarray
    """(h, w, 3) float32, RGB in [0, 255]."""
    hole: np.ndarray
    """(h, w) bool, True in the hole."""
    known: np.ndarray
    """(h, w) bool, True on what is not in or near the hole or lettering."""
    error: np.ndarray
    """(h, w) float32, levels: how far off the fill is to be expected in the hole; inf where there is none."""
    lettering: np.ndarray
    """(h, w) bool, True on lettering that stays, in the hole or not: what does not move with the film."""


def smooth_over_time(fills: Sequence[Filled], run: Callable[..., Iterator[Filled]] = map) -> list[Filled]:
    """Average each fill with those of the frames right before and after it.

    Neighbours count by their own expected error and by how well they fit around the hole. Lettering that
    stays is not averaged, nor averaged from.
    See docs/measurements.md, "fill/temporal_smoothing: neighbours".

    Args:
        fills: Of one box and shot, ascending.
        run: How to go through them: `map`, or that of an executor.

    Returns:
        The same fills, with the mean picture and its expected error in their holes.
    """
    views = [View(cv2.convertScaleAbs(fill.picture), ~fill.lettering) for fill in fills]

    def smooth(number: int) -> Filled:
        near = [
            n for n in (number - 1, number + 1)
            if 0 <= n < len(fills) and abs(fills[n].frame - fills[number].frame) == 1
        ]  # fmt: skip
        return _average(fills[number], views[number], [(fills[n], views[n]) for n in near])

    return list(run(smooth, range(len(fills))))


def _average(fill: Filled, view: View, near: list[tuple[Filled, View]]) -> Filled:
    """A fill averaged with its neighbours, each as it stands or moved by the flow, whichever fits better."""
    is_filled = fill.hole & np.isfinite(fill.error) & ~fill.lettering
    if not near or not is_filled.any():
        return fill
    places = Places(is_filled, view.step_px)
    own = places.take(fill.error) ** 2 + LEAST_ERROR**2
    total, weight, square = places.take(fill.picture) / own[..., None], 1 / own, np.ones_like(own)
    step = slice(None, None, view.step_px)
    known = fill.known[step, step].astype(np.float32)

    def misfit(warp: Warp) -> np.ndarray:
        off = cv2.subtract(warp.glimpse().picture, view.picture[step, step], dtype=cv2.CV_32F)
        off = cv2.transform(cv2.multiply(off, off), np.full((1, 3), 1 / 3, np.float32))
        return NormalisedConvolution(known, view.step_px).mean(cv2.multiply(off, known), SIGMAS_PX)

    for other, there in near:
        warp, around = warp_still(there), misfit(warp_still(there))
        if around.max() >= STILL_ERROR**2:
            flow = warp_flow(view, there)
            warp, around = min((warp, around), (flow, misfit(flow)), key=lambda pair: float(pair[1].mean()))
        error = np.where(other.hole, np.minimum(other.error, 255), 0)
        error = np.where(other.lettering, np.float32(255), error)
        error = warp.carry(error, places.x, places.y) ** 2
        error = error + places.on_grid(around) + LEAST_ERROR**2
        total += warp.carry(other.picture, places.x, places.y) / error[..., None]
        weight += 1 / error
        square += 1
    return replace(
        fill,
        picture=places.put(fill.picture, total / weight[..., None]),
        error=places.put(fill.error, np.sqrt(square / weight)),
    )

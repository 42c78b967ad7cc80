"""Fits deep decoders to the known pixels of equal crops: how deep they are and what they start from.

A step of them all is in `slots`; crops that come and go, of any size, are the business of `batches`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import torch.nn.functional as F
from torch import Tensor

from subremover.fill.codes import draw_code, shrink
from subremover.fill.slots import Slots
from subremover.fill.weights import Weights, draw_weights
from subremover.options import FitOptions

DEFAULT_LEVELS = 5


class FitStoppedError(Exception):
    """The fit was asked to stop before it was done; not a failure."""


def fit_batch(
    crops: Tensor,
    known: Tensor,
    options: FitOptions,
    seeds: Sequence[int],
    *,
    start: Weights | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> tuple[Tensor, Weights]:
    """Paint the holes of B crops, each by its own untrained decoder.

    Rows never interact: beyond rounding, a crop's result depends neither on B nor on its place. Crops
    whose sides are no multiples of 2^L are painted on a larger canvas whose margin has no weight.
    The picture is the mean of those of the last steps: it costs nothing and flickers less than the last.

    Args:
        crops: (B, 3, h, w) float32, RGB in [0, 1]; anything finite in the hole.
        known: (B, 1, h, w) float32, weight of each pixel in the loss; 0 where nothing is known.
        options: Steps, widths, loss; `levels` None: by the deepest hole of the batch.
        seeds: B seeds of the weights and inputs drawn; not looked at with `start`, save for input noise.
        start: Weights to start warm from, of the same crop size; then the learning rate is lower.
        should_stop: Asked before every step.

    Returns:
        (B, 3, h, w) in [0, 1] (known pixels are fitted, not copied), and the weights after the last step.

    Raises:
        FitStoppedError: `should_stop` said so.
    """
    height, width = crops.shape[2:]
    if start is not None:
        levels = len(start.mixes)
    else:
        levels = options.levels or choose_levels((known == 0).any(0)[0].cpu().numpy(), (height, width))
    margin = (0, -width % 2**levels, 0, -height % 2**levels)
    known = F.pad(known, margin)
    crops = F.pad(crops, margin) * (known > 0)
    weights = start_weights(crops, known, options, levels=levels, seeds=seeds, start=start)
    slots = Slots(len(crops), weights, options)
    every = range(len(crops))
    steps = [options.steps] * len(crops)
    slots.put(every, crops, known, weights, seeds=seeds, steps=steps, is_warm=start is not None)
    for _ in range(options.steps):
        if should_stop():
            raise FitStoppedError
        slots.step()
    pictures, weights = slots.take(every)
    return pictures[:, :, :height, :width], weights


def choose_levels(hole: np.ndarray, size: tuple[int, int]) -> int:
    """How many levels a decoder needs to see across a hole.

    A coarse cell of 2^L px that lies wholly in the hole is painted as its random input has it, so half
    a cell must reach well over the hole's greatest inner radius: at a radius of 31 px L = 6 gave 20 to
    39 dB, by the seed, and L = 7 38 to 39 dB. Deeper than that does harm as well (3 dB at 23 px).

    Args:
        hole: (h, w) bool, True where the decoder paints.
        size: Height and width of the crop, in px.

    Returns:
        L, 1 to 9; never so deep that one cell is more than the canvas around the crop.
    """
    padded = np.pad(hole.astype(np.uint8), 1, mode="edge")  # what lies beyond the crop is not known
    radius_px = float(cv2.distanceTransform(padded, cv2.DIST_L2, 5).max()) if hole.any() else 0.0
    if hole.all():
        radius_px = min(size) / 2
    levels = DEFAULT_LEVELS
    while 2 ** (levels - 1) <= 1.25 * radius_px:
        levels += 1
    return max(1, min(levels, (min(size) - 1).bit_length(), 9))


def start_weights(
    crops: Tensor,
    known: Tensor,
    options: FitOptions,
    *,
    levels: int,
    seeds: Sequence[int],
    start: Weights | None,
) -> Weights:
    """What B rows start from, on the device of the crops: fresh weights and inputs, or those given.

    Args:
        crops: (B, 3, h, w), sides multiples of 2^levels.
        known: (B, 1, h, w)
        options: Widths and input.
        levels: L.
        seeds: B; not looked at with `start`.
        start: Of B rows, fitted to crops of the same size; only with the input "downsampled" the code is new.
    """
    size = (crops.shape[2], crops.shape[3])
    if start is not None:
        if start.size != size:
            raise ValueError(f"expected start weights of {size[0]}x{size[1]} px, got {start.size}")
        is_own = options.input == "downsampled"
        return start.with_code(shrink(crops, known, levels)) if is_own else start
    if options.input == "noise":
        codes = [draw_code(options.channels, size, levels, seed) for seed in seeds]
    else:
        codes = list(shrink(crops, known, levels).cpu())
    weights = draw_weights(codes, options.channels, levels, seeds)
    return weights.map(lambda tensor: tensor.to(crops.device))

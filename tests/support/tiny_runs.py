"""Runs that are over in a moment: a tiny fit on the CPU, and a mask for it."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from subremover.options import FitOptions, PaintOptions, PoolOptions

TINY = PaintOptions(FitOptions(steps=2, channels=4, levels=3), warm_steps=1, decoders=1)


CPU = PoolOptions(device="cpu")


def change_fit(options: PaintOptions, **fields: Any) -> PaintOptions:
    """The same but for some fields of `FitOptions`."""
    return replace(options, fit=replace(options.fit, **fields))


def draw_mask(size: tuple[int, int]) -> np.ndarray:
    """(H, W) uint8: a disc and a bar that start and end on odd rows and columns."""
    mask = np.zeros((size[1], size[0]), np.uint8)
    cv2.circle(mask, (41, 51), 6, 255, -1)
    mask[71:80, 33:62] = 255
    return mask

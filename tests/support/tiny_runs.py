"""Runs that are over in a moment: a tiny fit on the CPU, and a mask for it."""

import cv2
import numpy as np

from subremover.options import FitOptions, PoolOptions

TINY = FitOptions(steps=2, warm_steps=1, decoders=1, channels=4, levels=3)


CPU = PoolOptions(device="cpu")


def draw_mask(size: tuple[int, int]) -> np.ndarray:
    """(H, W) uint8: a disc and a bar that start and end on odd rows and columns."""
    mask = np.zeros((size[1], size[0]), np.uint8)
    cv2.circle(mask, (41, 51), 6, 255, -1)
    mask[71:80, 33:62] = 255
    return mask

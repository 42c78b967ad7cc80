"""Photographs by Pillow's JPEG and JPEG 2000, of as many bytes as one likes."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from images import psnr
from PIL import Image


def code_jpeg(picture: np.ndarray, most_bytes: int) -> np.ndarray | None:
    """What comes back from the best JPEG of at most so many bytes; None: none is so small.

    Of all qualities, with full and halved colours, sequential and progressive.

    Args:
        picture: (h, w, 3) uint8; so is what comes back.
        most_bytes: Of the whole file.
    """
    found = []
    for subsampling, progressive in product((0, 2), (False, True)):
        how = {"format": "JPEG", "subsampling": subsampling, "progressive": progressive, "optimize": True}
        found.append(_code(picture, most_bytes, [how | {"quality": quality} for quality in range(1, 96)]))
    return max(
        (coded for coded in found if coded is not None),
        key=lambda coded: psnr_8bit(coded, picture),
        default=None,
    )


def code_jpeg2000(picture: np.ndarray, most_bytes: int) -> np.ndarray | None:
    """The same by the largest JPEG 2000: 9/7 wavelet, raw codestream."""
    how = {"format": "JPEG2000", "irreversible": True, "mct": 1, "no_jp2": True}
    ratios = np.geomspace(2, 0.8, 300) * picture.size / most_bytes
    return _code(picture, most_bytes, [how | {"quality_layers": [float(ratio)]} for ratio in ratios])


def psnr_8bit(found: np.ndarray, truth: np.ndarray) -> float:
    """dB, of values up to 255."""
    return psnr(np.float32(found) / 255, np.float32(truth) / 255)


def _code(picture: np.ndarray, most_bytes: int, settings: Sequence[dict[str, Any]]) -> np.ndarray | None:
    """By the last of these settings, ever finer, that takes no more bytes."""

    def write(place: int) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, **settings[place])
        return buffer.getvalue()

    count = bisect_right(range(len(settings)), most_bytes, key=lambda place: len(write(place)))
    return np.asarray(Image.open(io.BytesIO(write(count - 1))).convert("RGB")) if count else None

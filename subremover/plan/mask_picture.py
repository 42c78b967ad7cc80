"""Pictures of masks, drawn by a user or sent by somebody: looked at before they are decoded."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from subremover.errors import PlanError
from subremover.runtime.paths import read_small_file

MASK_LEVEL = 8
"""Grey level from which a mask's pixel counts as white: covers antialiased rims, spares coding noise."""

SUFFIXES = frozenset({".png", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg", ".webp"})
_FORMATS = ("PNG", "BMP", "TIFF", "JPEG", "WEBP")
_MOST_BYTES = 64 * 2**20
_REMEDY = "give a PNG, white where to remove"
# What Pillow raises for damaged pictures, as its decoders came across the damage.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    IndexError,
    KeyError,
    struct.error,
    zlib.error,
)


def read_mask(path: Path, size: tuple[int, int], remedy: str) -> np.ndarray:
    """A mask picture as (H, W) bool, True where it is white; turned by no tag.

    Pillow decodes it, for it tells a picture's size before it takes memory for it: OpenCV took 4 GB for a
    damaged PNG of 200 bytes.

    Args:
        path: PNG, BMP, TIFF, JPEG or WebP.
        size: Width and height in px that it must have.
        remedy: For a picture of another size: what it should fit, and what to do.

    Raises:
        PlanError: It cannot be read or decoded, or has another size.
    """
    data = read_small_file(path, "the mask", _REMEDY, _MOST_BYTES)
    return decode_mask(data, f"'{path}'", lambda found: found == size, remedy)


def decode_mask(
    data: bytes,
    name: str,
    is_right: Callable[[tuple[int, int]], bool],
    remedy: str,
    formats: tuple[str, ...] = _FORMATS,
) -> np.ndarray:
    """A mask picture's bytes as (H, W) bool, True where it is white.

    Args:
        data: Of a file.
        name: What messages call it.
        is_right: Whether it may have this width and height in px; asked before memory is taken for it.
        remedy: For a picture of another size: what it should fit, and what to do.
        formats: By Pillow's names.

    Raises:
        PlanError: It cannot be decoded, or has another size.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, about damaged tags and large pictures
            with Image.open(io.BytesIO(data), formats=formats) as image:
                if not is_right(image.size):
                    raise PlanError(f"{name} is {image.width}x{image.height} px, {remedy}")
                grey = _to_grey(image)
    except Image.DecompressionBombError as error:
        raise PlanError(f"{name} has far too many px, {remedy}") from error
    except _DAMAGE as error:
        raise PlanError(f"{name} is no picture; {_REMEDY}") from error
    mask: np.ndarray = grey >= MASK_LEVEL
    return mask


def _to_grey(image: Image.Image) -> np.ndarray:
    """(H, W) uint8 of a picture of any mode."""
    if image.mode.startswith("I;16"):  # which Pillow would clip, not scale
        return (np.asarray(image) >> 8).astype(np.uint8)
    return np.asarray(image.convert("L"))

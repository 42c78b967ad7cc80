"""Converts between a frame's own planes and RGB, and only the samples that are asked for.

Boxes here are of the coded frame; `to_coded` and `to_coded_box` lead there from the upright picture. What the
pixel formats are is in `formats`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from av.video.frame import VideoFrame

from subremover.geometry import Box
from subremover.video.film import Film
from subremover.video.pixels.formats import HD_LINES, is_full_range, is_planar, steps, swscale_matrix

# AVColorSpace (ITU-T H.273): weights of red and blue in luma
_LUMA_WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}


EDGE_SAMPLES = 2
"""Rows (or columns) of a bar beside the picture that may show some of it: where a film was scaled, and chroma
that a row of the bar shares with one of the picture."""
LEAST_EDGE_SHARE = 0.05
"""Share of the picture in such a row below which there is none but the coding's ringing."""


def views(frame: VideoFrame) -> list[np.ndarray]:
    """The planes of a frame as arrays that write through to it.

    Args:
        frame: Planar.

    Returns:
        For each plane (h, w) uint8, or uint16 for more than 8 bits; chroma planes may be smaller.
    """
    dtype = np.dtype(np.uint8 if frame.format.components[0].bits == 8 else np.uint16)
    found: list[np.ndarray] = []
    for plane in frame.planes:
        rows: np.ndarray[Any, Any] = np.frombuffer(plane, dtype)  # type: ignore[call-overload]
        found.append(rows.reshape(-1, plane.line_size // dtype.itemsize)[: plane.height, : plane.width])
    return found


def read_rgb(frame: VideoFrame, box: Box, picture: Box | None = None) -> np.ndarray:
    """Read a crop in RGB.

    By the frame's own matrix and range; untagged: BT.601 below 720 lines, BT.709 from there on. Chroma is
    taken as sited to the left (the default of MPEG-2, H.264 and their heirs) and interpolated bilinearly.

    Args:
        frame: Planar.
        box: Where, inside the coded frame.
        picture: The frame without its black bars, whose chroma is not mixed into it; None: it has none.

    Returns:
        (h, w, 3) float32, RGB, nominally in [0, 1]. Not clipped: a film may go beyond black and white, and
        `write_rgb` would not give that back.
    """
    layout = _Layout.of(frame)
    planes = views(frame)
    if layout.is_rgb:
        green, blue, red = (p[box.slices].astype(np.float32) / layout.peak for p in planes[:3])
        return (np.stack([red, green, blue], -1) - layout.rgb_black) / layout.rgb_span
    luma = (planes[0][box.slices].astype(np.float32) - layout.black) / layout.luma_span
    if len(planes) < 3:
        return np.repeat(luma[..., None], 3, -1)
    picture = picture or Box(0, 0, frame.width, frame.height)
    inside = _find_samples(picture, frame, planes[1], (layout.step_x, layout.step_y))
    rows = _taps(box.y, box.height, layout.step_y, (layout.step_y - 1) / 2, range(inside.y, inside.bottom))
    columns = _taps(box.x, box.width, layout.step_x, 0, range(inside.x, inside.right))
    cb, cr = ((_interpolate(p, rows, columns) - layout.middle) / layout.chroma_span for p in planes[1:3])
    kr, kb = layout.luma_weights
    red = luma + 2 * (1 - kr) * cr
    blue = luma + 2 * (1 - kb) * cb
    green = (luma - kr * red - kb * blue) / (1 - kr - kb)
    return np.stack([red, green, blue], -1).astype(np.float32)


def write_rgb(frame: VideoFrame, box: Box, rgb: np.ndarray, weight: np.ndarray) -> None:
    """Blend a crop into the frame's planes; calls `frame.make_writable()` first.

    A chroma sample gets the mean of the new chroma around its site over the samples that have a weight,
    blended by the greatest weight of its luma block. Samples of weight 0, and alpha, stay bit for bit.

    Args:
        frame: Planar.
        box: Where, inside the coded frame.
        rgb: (h, w, 3) float32 of the box's size, nominally in [0, 1]; not looked at where the weight is 0.
        weight: (h, w) float32 in [0, 1]; 0 keeps the old sample, 1 takes the new.

    Raises:
        ValueError: The arrays are not of the box's size.
    """
    if rgb.shape != (box.height, box.width, 3) or weight.shape != (box.height, box.width):
        raise ValueError(
            f"expected rgb {box.height}x{box.width}x3 and weight {box.height}x{box.width}, "
            f"got {rgb.shape} and {weight.shape}"
        )
    layout = _Layout.of(frame)
    frame.make_writable()
    planes = views(frame)
    rgb = np.where(weight[..., None] > 0, rgb, 0).astype(np.float32)
    if layout.is_rgb:
        coded = (rgb * layout.rgb_span + layout.rgb_black) * layout.peak
        for plane, channel in zip(planes[:3], (1, 2, 0), strict=True):
            _blend(plane[box.slices], coded[..., channel], weight, layout.peak)
        return
    kr, kb = layout.luma_weights
    red, green, blue = np.moveaxis(rgb, -1, 0)
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    _blend(planes[0][box.slices], luma * layout.luma_span + layout.black, weight, layout.peak)
    if len(planes) < 3:
        return
    for plane, chroma in (
        (planes[1], (blue - luma) / (2 * (1 - kb))),
        (planes[2], (red - luma) / (2 * (1 - kr))),
    ):
        left, top = box.x // layout.step_x, box.y // layout.step_y
        mean, greatest = _gather(chroma, weight, box, layout)
        part = plane[top : top + mean.shape[0], left : left + mean.shape[1]]
        _blend(part, mean * layout.chroma_span + layout.middle, greatest, layout.peak)


def fill_bars(frame: VideoFrame, picture: Box, hidden: np.ndarray) -> None:
    """Fill what is hidden of a frame's black bars with what they show elsewhere.

    In the rows at their edge that is some of the picture, as much as in the rest of the row: fill the picture
    first. Samples that are not hidden, or lie in the picture, stay bit for bit; nothing is converted.

    Args:
        frame: Planar.
        picture: The frame without its bars.
        hidden: (H, W) bool of the frame's size, True where it is hidden.
    """
    layout = _Layout.of(frame)
    frame.make_writable()
    for number, plane in enumerate(views(frame)[:3]):
        step_x, step_y = (layout.step_x, layout.step_y) if number and not layout.is_rgb else (1, 1)
        inside = _find_samples(picture, frame, plane, (step_x, step_y))
        padded = np.pad(hidden, ((0, -frame.height % step_y), (0, -frame.width % step_x)))
        blocks = padded.reshape(plane.shape[0], step_y, plane.shape[1], step_x)
        mask = np.logical_or.reduce(blocks, axis=(1, 3))
        for samples, its_mask, first in (
            (plane, mask, inside.y),
            (plane[::-1], mask[::-1], plane.shape[0] - inside.bottom),
            (plane.T, mask.T, inside.x),
            (plane.T[::-1], mask.T[::-1], plane.shape[1] - inside.right),
        ):
            if its_mask[:first].any():
                _fill_bar(samples[: first + 1], its_mask[: first + 1])


def _fill_bar(samples: np.ndarray, mask: np.ndarray) -> None:
    """Fill the masked ones of (rows + 1, columns) samples: a bar and, last, the first row of the picture."""
    known: np.ndarray = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
    bar, inner = samples[:-1], samples[-1].astype(np.float32)
    level = int(np.median(bar[known[:-1]] if known[:-1].any() else bar))
    bar[mask[:-1]] = level
    for row in range(max(0, len(bar) - EDGE_SAMPLES), len(bar)):
        use = known[row] & known[-1]
        light = inner[use] - level
        product = float(((bar[row][use].astype(np.float32) - level) * light).sum())
        share = min(product / max(float((light**2).sum()), 1.0), 1.0)
        if share >= LEAST_EDGE_SHARE:
            bar[row][mask[row]] = np.rint(level + share * (inner[mask[row]] - level)).astype(bar.dtype)


def _find_samples(picture: Box, frame: VideoFrame, plane: np.ndarray, steps_px: tuple[int, int]) -> Box:
    """The samples of a frame's plane, so many px apart, that lie wholly in a part of it; one at the least."""

    def along(start: int, stop: int, side: int, step: int, samples: int) -> tuple[int, int]:
        first, end = -(-start // step), samples if stop == side else stop // step
        return (first, end - first) if first < end else (start // step, 1)

    x, width = along(picture.x, picture.right, frame.width, steps_px[0], plane.shape[1])
    y, height = along(picture.y, picture.bottom, frame.height, steps_px[1], plane.shape[0])
    return Box(x, y, width, height)


def upright_rgb(frame: VideoFrame, rotation: int) -> np.ndarray:
    """The whole picture as a viewer sees it; for looking at, not for writing back.

    Args:
        frame: Of any format.
        rotation: See `Film.rotation`, in degrees, a multiple of 90.

    Returns:
        (H, W, 3) uint8, RGB, upright.
    """
    rgb = frame.to_ndarray(format="rgb24", src_colorspace=swscale_matrix(frame))
    return np.ascontiguousarray(np.rot90(rgb, rotation // 90))


class Picture:
    """A decoded frame as a viewer sees it, for looking at; the frame stays as it is."""

    def __init__(self, frame: VideoFrame, rotation: int) -> None:
        """Wrap a planar frame; `rotation` as in `upright_rgb`."""
        self._frame, self._rotation = frame, rotation

    @cached_property
    def luma(self) -> np.ndarray:
        """(H, W) uint8, in the frame's own range; a view where the frame has 8 bits and is not turned."""
        if _Layout.of(self._frame).is_rgb:
            luma = self._frame.to_ndarray(format="gray")
        else:
            luma = views(self._frame)[0]
            if luma.dtype != np.uint8:
                luma = np.right_shift(luma, self._frame.format.components[0].bits - 8).astype(np.uint8)
        return np.ascontiguousarray(np.rot90(luma, self._rotation // 90)) if self._rotation else luma

    def rgb(self) -> np.ndarray:
        """(H, W, 3) uint8, RGB, converted anew at every call, as keeping it would fill the memory."""
        return upright_rgb(self._frame, self._rotation)


def to_coded(array: np.ndarray, film: Film) -> np.ndarray:
    """Turn an array, (h, w) or (h, w, c), from the upright to the coded picture; a view of it."""
    return np.rot90(array, -film.rotation // 90)


def to_coded_box(box: Box, film: Film) -> Box:
    """Where a box of the upright picture lies in the coded one."""
    width, height = film.upright_size
    for _ in range(film.rotation // 90 % 4):  # a quarter clockwise each
        box = Box(height - box.bottom, box.x, box.height, box.width)
        width, height = height, width
    return box


@dataclass(frozen=True, slots=True)
class _Layout:
    """What the numbers in a frame's planes mean."""

    is_rgb: bool
    peak: int
    """The greatest number of a sample."""
    is_full: bool
    """Whether black is 0 and white the peak."""
    step_x: int
    """How many luma samples share a chroma sample, across."""
    step_y: int
    """Likewise, down."""
    luma_weights: tuple[float, float]
    """Weights of red and of blue in luma."""

    @classmethod
    def of(cls, frame: VideoFrame) -> _Layout:
        if not is_planar(frame.format):
            raise ValueError(f"expected a planar frame, got {frame.format.name}; use to_planar")
        form = frame.format
        return cls(
            form.is_rgb,
            (1 << form.components[0].bits) - 1,
            is_full_range(frame),
            *steps(form),
            _LUMA_WEIGHTS.get(frame.colorspace, _LUMA_WEIGHTS[1 if frame.height >= HD_LINES else 6]),
        )

    @property
    def unit(self) -> int:
        """How many numbers make one step of an 8-bit scale."""
        return (self.peak + 1) // 256

    @property
    def black(self) -> int:
        return 0 if self.is_full else 16 * self.unit

    @property
    def luma_span(self) -> int:
        return self.peak if self.is_full else 219 * self.unit

    @property
    def middle(self) -> int:
        return (self.peak + 1) // 2

    @property
    def chroma_span(self) -> int:
        return self.peak if self.is_full else 224 * self.unit

    @property
    def rgb_black(self) -> float:
        return self.black / self.peak

    @property
    def rgb_span(self) -> float:
        return self.luma_span / self.peak


def _taps(start: int, count: int, step: int, site: float, samples: range) -> tuple[np.ndarray, np.ndarray]:
    """For `count` luma places from `start` on: the chroma sample at or before each, and the next one's share.

    `site` is where the first sample lies among the luma of its block; `samples` are those that count.
    """
    at = np.clip((np.arange(start, start + count) - site) / step, samples[0], samples[-1])
    first = np.minimum(at.astype(np.intp), max(samples[-1] - 1, samples[0]))
    return first, (at - first).astype(np.float32)


def _interpolate(
    plane: np.ndarray, rows: tuple[np.ndarray, np.ndarray], columns: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """(h, w) float32, a plane interpolated bilinearly at rows and columns given as by `_taps`."""
    (y, share_y), (x, share_x) = rows, columns
    part = plane[y[0] : y[-1] + 2, x[0] : x[-1] + 2].astype(np.float32)
    y, x = y - y[0], x - x[0]
    below, right = np.minimum(y + 1, part.shape[0] - 1), np.minimum(x + 1, part.shape[1] - 1)
    lines = part[y] + (part[below] - part[y]) * share_y[:, None]
    between: np.ndarray = lines[:, x] + (lines[:, right] - lines[:, x]) * share_x
    return between


def _gather(
    chroma: np.ndarray, weight: np.ndarray, box: Box, layout: _Layout
) -> tuple[np.ndarray, np.ndarray]:
    """Mean chroma at chroma resolution, and the greatest weight of each block of luma samples.

    Across, by a triangle around the left site, as the counterpart of the reading; down, the block's mean.
    """
    step_x, step_y = layout.step_x, layout.step_y
    reach = step_x - 1
    pad_y = (box.y % step_y, -box.bottom % step_y)
    pad_x = (box.x % step_x, -box.right % step_x)
    weight = np.pad(weight, (pad_y, (pad_x[0] + reach, pad_x[1])))
    total = weight * np.pad(chroma, (pad_y, (pad_x[0] + reach, pad_x[1])))
    # (rows of blocks, step_y, columns): sums over the rows of a block
    heights = (weight.shape[0] // step_y, step_y, weight.shape[1])
    sums, weights = total.reshape(heights).sum(1), weight.reshape(heights).sum(1)
    columns = (weight.shape[1] - reach) // step_x
    mean, norm = np.zeros((2, heights[0], columns), np.float32)
    for tap in range(-reach, reach + 1):
        at = slice(reach + tap, reach + tap + step_x * (columns - 1) + 1, step_x)
        mean += (step_x - abs(tap)) * sums[:, at]
        norm += (step_x - abs(tap)) * weights[:, at]
    blocks = weight[:, reach:].reshape(heights[0], step_y, columns, step_x)
    greatest: np.ndarray = blocks.max((1, 3))
    return mean / np.maximum(norm, 1e-12), greatest


def _blend(samples: np.ndarray, new: np.ndarray, weight: np.ndarray, peak: int) -> None:
    """Mix new values into some samples, by weights in [0, 1]; those of weight 0 stay bit for bit."""
    touched = weight > 0
    old = samples[touched].astype(np.float32)
    blended = old + (new[touched] - old) * weight[touched]
    samples[touched] = np.clip(np.rint(blended), 0, peak).astype(samples.dtype)

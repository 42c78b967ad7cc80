"""How well a clip was cleaned: an output held against the clip's truth. No running, no printing.

A clip is a folder with clean.mp4 (the truth), subbed.mp4 (the input) and mask.mkv (8-bit gray, above 0
where the subtitle touched a pixel). Pictures are compared as 8-bit BGR, or as OpenCV's gray of it where
luma is said.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

PERFECT_DB = 99.0
"""Stands for the PSNR of equal pictures."""

NEAR_PX = 16
"""Outside means at least this far from the mask: nearer, encoders carry a change of the hole over."""

CONTEXT_PX = 24
"""Around a mask, so that SSIM on a crop gives what it gives on the whole picture."""

GHOST_SIGMA_PX, GHOST_PX = 8.0, 48
"""What changes over more than the first is no ghost; how large a part of a line is held against its own
letters."""

BGR_TO_YCRCB = np.array(
    [[0.114, 0.587, 0.299], [-0.081312, -0.418688, 0.5], [0.5, -0.331264, -0.168736]], np.float32
)

READABLE_COVERAGE = 40
"""Leftover text is looked for where the subtitle covers more than this, of 255."""


@dataclass(slots=True)
class ErrorSum:
    """Squared errors, summed up; PSNR over all of them."""

    squares: float = 0.0
    count: int = 0

    def add(self, errors: np.ndarray) -> None:
        self.squares += float(np.square(errors, dtype=np.float64).sum())
        self.count += errors.size

    @property
    def psnr(self) -> float | None:
        if self.count == 0:
            return None
        if self.squares == 0:
            return PERFECT_DB
        return 10 * math.log10(255**2 * self.count / self.squares)


@dataclass(slots=True)
class Mean:
    """A mean of many values."""

    total: float = 0.0
    count: int = 0

    def add(self, values: np.ndarray) -> None:
        self.total += float(values.sum(dtype=np.float64))
        self.count += values.size

    @property
    def value(self) -> float | None:
        return self.total / self.count if self.count else None


@dataclass(frozen=True, slots=True)
class HoleScore:
    """How close the filled holes are to the truth; all None for a clip without subtitles."""

    psnr: float | None
    """dB over all masked samples of all frames together."""
    psnr_worst: float | None
    """dB of the worst frame."""
    ssim: float | None
    """Mean of the luma SSIM map (11 px window, sigma 1.5) over the masked pixels."""
    flicker: float | None
    """In levels: how far the output's change from frame to frame is from the truth's, mean over the hole."""
    ghost: float | None
    """In levels, luma and the worse of chroma's planes added: how much of the strokes' own pattern the error
    holds, the faint letters that an eye sees and PSNR does not. Mean over frames; see `measure_ghost`."""


@dataclass(frozen=True, slots=True)
class ClipScore:
    """All that is measured on the pictures, times and sound of one output."""

    frames: int
    missing_frames: int
    extra_frames: int
    bad_pts: int
    """Frames that are shown more than a millisecond away from their time."""
    is_audio_same: bool
    """Every audio packet equals the source's."""
    outside_psnr: float | None
    """dB against subbed.mp4, luma, at least 16 px away from the mask and on frames without one."""
    hole: HoleScore


@dataclass(frozen=True, slots=True)
class Leftover:
    """Frames on which a text detector still sees a line where the subtitle stood and the truth has none."""

    checked: int
    frames: tuple[int, ...]


@dataclass(slots=True)
class HoleMeter:
    """Collects a HoleScore frame by frame."""

    errors: ErrorSum = field(default_factory=ErrorSum)
    worst: float | None = None
    similarity: Mean = field(default_factory=Mean)
    flicker: Mean = field(default_factory=Mean)
    ghost: Mean = field(default_factory=Mean)
    _before: tuple[np.ndarray, np.ndarray] | None = None
    """The previous frame's result - clean, (H, W, 3) int16, and its mask."""

    def add(self, clean: np.ndarray, result: np.ndarray, mask: np.ndarray) -> None:
        """Note one frame: (H, W, 3) uint8 BGR twice, (H, W) bool."""
        error = result.astype(np.int16) - clean
        if mask.any():
            frame = ErrorSum()
            frame.add(error[mask])
            self.errors.squares += frame.squares
            self.errors.count += frame.count
            self.worst = frame.psnr if self.worst is None else min(self.worst, frame.psnr or 0)
            crop = crop_around(mask, CONTEXT_PX)
            self.similarity.add(ssim_map(luma(clean[crop]), luma(result[crop]))[mask[crop]])
            self.ghost.add(np.array([measure_ghost(error[crop], mask[crop])]))
            if self._before is not None:
                error_before, mask_before = self._before
                both = mask & mask_before
                self.flicker.add(np.abs(error[both] - error_before[both]))
        self._before = error, mask

    def score(self) -> HoleScore:
        return HoleScore(
            self.errors.psnr, self.worst, self.similarity.value, self.flicker.value, self.ghost.value
        )


def score_clip(clip: Path, output: Path) -> ClipScore:
    """Hold an output against the truth of its clip.

    Raises:
        ValueError: The output's picture has another size, or the clip's own films differ in length.
    """
    outside, hole = ErrorSum(), HoleMeter()
    frames = bad_pts = missing = 0
    results = read_frames(output)
    inputs = zip(read_frames(clip / "subbed.mp4"), read_truth(clip), strict=True)
    for (seconds, subbed), (clean, coverage) in inputs:
        found = next(results, None)
        if found is None:
            missing += 1
            continue
        result_seconds, result = found
        if result.shape != clean.shape:
            raise ValueError(f"{output} must be as its clip {clean.shape}, got {result.shape}")
        frames += 1
        bad_pts += abs(result_seconds - seconds) > Fraction(1, 1000)
        mask = coverage > 0
        far = ~grow(mask, NEAR_PX)
        outside.add(luma(result)[far].astype(np.int16) - luma(subbed)[far])
        hole.add(clean, result, mask)
    return ClipScore(
        frames=frames,
        missing_frames=missing,
        extra_frames=sum(1 for _ in results),
        bad_pts=bad_pts,
        is_audio_same=hash_audio(output) == hash_audio(clip / "subbed.mp4"),
        outside_psnr=outside.psnr,
        hole=hole.score(),
    )


def find_leftover(clip: Path, output: Path, every: int) -> Leftover:
    """Look for text on every n-th frame, by RapidOCR's detector on a crop around the subtitle."""
    from rapidocr import RapidOCR

    detector = RapidOCR(params={"Global.log_level": "error"})
    checked, left = 0, []
    pairs = zip(read_frames(output), read_truth(clip), strict=False)
    for index, ((_, result), (clean, coverage)) in enumerate(pairs):
        readable = coverage > READABLE_COVERAGE
        if index % every or not readable.any():
            continue
        crop = crop_around(readable, 40, 60)
        checked += 1
        lines = detect_lines(detector, result[crop])
        # The truth is only looked at where it decides: most frames of a good output show no line at all.
        suspects = [line for line in lines if _share_inside(line, readable[crop]) > 0.15]
        if suspects:
            true_lines = detect_lines(detector, clean[crop])
            if any(all(_overlap(line, true) <= 0.5 for true in true_lines) for line in suspects):
                left.append(index)
    return Leftover(checked, tuple(left))


def read_frames(path: Path, pix_fmt: str = "bgr24") -> Iterator[tuple[Fraction, np.ndarray]]:
    """Time in seconds and picture of each frame of a film."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            yield frame.pts * stream.time_base, frame.to_ndarray(format=pix_fmt)


def read_truth(clip: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The clean picture and the mask's coverage of each frame of a clip."""
    masks = read_frames(clip / "mask.mkv", "gray")
    for (_, clean), (_, coverage) in zip(read_frames(clip / "clean.mp4"), masks, strict=True):
        yield clean, coverage


def hash_audio(path: Path) -> list[list[bytes]]:
    """Hashes of the packets of each audio stream, in order."""
    with av.open(str(path)) as container:
        streams = list(container.streams.audio)
        hashes: dict[int, list[bytes]] = {stream.index: [] for stream in streams}
        for packet in container.demux(streams) if streams else ():
            if packet.size:
                hashes[packet.stream.index].append(hashlib.sha256(bytes(packet)).digest())
        return list(hashes.values())


def luma(picture: np.ndarray) -> np.ndarray:
    """(H, W) uint8 of a (H, W, 3) uint8 BGR picture."""
    return cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)


def grow(mask: np.ndarray, radius_px: int) -> np.ndarray:
    """A bool mask grown by that many px in all eight directions."""
    side = 2 * radius_px + 1
    return cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0


def crop_around(mask: np.ndarray, pad_y_px: int, pad_x_px: int | None = None) -> tuple[slice, slice]:
    """Rows and columns of the box around a mask that is not empty, padded, inside the picture."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    pad_x_px = pad_y_px if pad_x_px is None else pad_x_px
    return (
        slice(max(0, rows[0] - pad_y_px), rows[-1] + pad_y_px),
        slice(max(0, columns[0] - pad_x_px), columns[-1] + pad_x_px),
    )


def ssim_map(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """SSIM at each pixel of two (H, W) uint8 pictures (Wang et al. 2004, its constants and window)."""
    x, y = a.astype(np.float32), b.astype(np.float32)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_x, mean_y = _blur(x), _blur(y)
    var_x, var_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    numerator = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return numerator / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))


def measure_ghost(error: np.ndarray, mask: np.ndarray) -> float:
    """How much of the mask's own pattern is in an error: by least squares, around each place.

    Pattern and error are taken without what changes slowly (a Gaussian of `GHOST_SIGMA_PX`); places count
    where a square of `GHOST_PX` around them has more than a quarter of the pattern that the richest has.

    Args:
        error: (h, w, 3) int16, BGR, levels.
        mask: (h, w) bool, True somewhere.

    Returns:
        Mean size of the factor, of luma and of the worse of chroma's two planes, added; in levels.
    """
    pattern = _remove_mean(mask.astype(np.float32))
    power = _sum_around(pattern * pattern)
    is_rich = power > 0.25 * power.max()
    if not is_rich.any():
        return 0.0
    # The differences' YCrCb is the difference of the YCrCb.
    planes = cv2.split(cv2.transform(error.astype(np.float32), BGR_TO_YCRCB))
    luma_, *chroma = (
        float(np.abs(_sum_around(pattern * _remove_mean(plane))[is_rich] / power[is_rich]).mean())
        for plane in planes
    )
    return luma_ + max(chroma)


def detect_lines(detector: Any, picture: np.ndarray) -> np.ndarray:
    """(n, 4) float, left, top, right and bottom of the text lines in a BGR picture."""
    quads = detector(picture, use_det=True, use_rec=False, use_cls=False).boxes
    if quads is None or len(quads) == 0:
        return np.empty((0, 4))
    quads = np.asarray(quads, np.float64)  # (n, 4 corners, 2)
    return np.concatenate([quads.min(axis=1), quads.max(axis=1)], axis=1)


def _remove_mean(plane: np.ndarray) -> np.ndarray:
    return plane - cv2.GaussianBlur(plane, (0, 0), GHOST_SIGMA_PX)


def _sum_around(plane: np.ndarray) -> np.ndarray:
    return cv2.boxFilter(plane, -1, (GHOST_PX, GHOST_PX), normalize=False)


def _blur(picture: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(picture, (11, 11), 1.5)


def _share_inside(line: np.ndarray, mask: np.ndarray) -> float:
    """How much of a line's box is masked."""
    left, top, right, bottom = line.astype(int)
    part = mask[max(0, top) : bottom + 1, max(0, left) : right + 1]
    return float(part.mean()) if part.size else 0.0


def _overlap(line: np.ndarray, other: np.ndarray) -> float:
    """How much of a line's box lies in another's."""
    width = min(line[2], other[2]) - max(line[0], other[0])
    height = min(line[3], other[3]) - max(line[1], other[1])
    area = max(1e-6, (line[2] - line[0]) * (line[3] - line[1]))
    return max(0.0, width) * max(0.0, height) / area

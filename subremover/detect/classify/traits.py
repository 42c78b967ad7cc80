"""Measures what a line looks like and how it behaves: the evidence that `classifier` weighs.

What is laid over a film stands still to a fraction of a px, is drawn sharper and more evenly than what a
camera saw, and comes and goes while the picture stays. How a line stands to the film's other lines is
measured in `company`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from subremover.detect.masking.gradient import disc

SPREAD_CROPS = 8
"""Crops, spread over a line's life, that are compared with each other."""
LEAST_DEVIATION = 1.0
"""Levels added to deviations over time before their logarithm is taken; coding noise is about as large."""
MOST_SHIFT_PX = 2.0
"""A line that seems to move by more, in px, has moved; how much more says nothing."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What was measured on one line's own pixels; colours are shares of the strokes, 0 to 1."""

    sharpness: float
    """Natural logarithm of the strokes' |Laplacian|, its 90th percentile, over the picture's 99th."""
    stillness: float
    """Natural logarithm of the deviation over time around the strokes over that on them."""
    around_deviation: float
    """Natural logarithm of the deviation over time around the strokes, in levels, plus one."""
    unrest: float
    """Natural logarithm of how far the strokes move about their mean place, in px plus 0.03: the 80th
    percentile over the crops."""
    arrival: float
    """Natural logarithm of the change of the strokes over that around them as the line comes; 0: unknown."""
    departure: float
    """Likewise as it goes."""
    outline: float
    """Between the median lumas of the fill and of the strokes' rim, levels / 255."""
    contrast: float
    """Between the median colour of the fill and that around the line, levels of the worst channel / 255."""
    unevenness: float
    """Natural logarithm of the standard deviation of luma within the fill's strokes, in levels plus 1."""
    density: float
    """Share of the strokes' own box that they cover."""
    slope: float
    """Rise of the strokes' middle along the line, in its heights over its whole length; absolute."""
    plainness: float
    """Standard deviation of luma between and right around the strokes, levels / 255."""
    on_board: bool
    """Whether it stands on a plain ground of its own, as signs do; see `is_on_board`."""
    yellow: float
    saturated: float


def measure(
    shown: np.ndarray,
    strokes: np.ndarray,
    line: np.ndarray,
    frame_sharpness: float,
    changes: Sequence[tuple[np.ndarray, np.ndarray] | None] = (None, None),
) -> Traits:
    """Measure a line.

    Args:
        shown: (n, h, w, 3) uint8, RGB, crops with all of the line, in the order of time.
        strokes: (h, w) bool, True on the line's pixels, at least one.
        line: (h, w) bool, True in the detector's box.
        frame_sharpness: The 99th percentile of |Laplacian| of a whole frame's luma.
        changes: As the line comes, and as it goes: the nearest crops (h, w, 3) uint8 without it and with all
            of it; None where no frame of the shot is without it.

    Returns:
        The traits.
    """
    few = shown[np.unique(np.linspace(0, len(shown) - 1, SPREAD_CROPS).round().astype(int))]
    lumas = np.stack([cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY) for crop in few]).astype(np.float32)
    median = np.median(lumas, axis=0).astype(np.float32)
    picture = np.median(few, axis=0).astype(np.float32)
    outside = ~cv2.dilate((strokes | line).astype(np.uint8), disc(2)).astype(bool)
    if not outside.any():
        outside = ~strokes if not strokes.all() else strokes
    core = _core(strokes)
    deviation = lumas.std(axis=0)
    around, on = float(deviation[outside].mean()), float(np.median(deviation[core]))
    laplacian = np.abs(cv2.Laplacian(median, cv2.CV_32F))
    fill, unevenness = _fill(median, strokes, core, float(np.median(median[outside])))
    rim = strokes & ~core if (strokes & ~core).any() else strokes
    ground = np.median(picture[outside], axis=0)
    rows, columns = np.nonzero(strokes)
    box_area = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
    between = line & ~strokes
    colours = picture[strokes]
    high, low = colours.max(axis=1), colours.min(axis=1)
    is_yellow = (colours[:, 0] > 150) & (colours[:, 1] > 130) & (colours[:, 2] < 120)
    return Traits(
        sharpness=float(np.log((np.percentile(laplacian[strokes], 90) + 8) / (frame_sharpness + 8))),
        stillness=float(np.log((around + LEAST_DEVIATION) / (on + LEAST_DEVIATION))),
        around_deviation=float(np.log1p(around)),
        unrest=float(np.log(_shift(lumas, median, strokes) + 0.03)),
        arrival=_jump(changes[0], core, outside),
        departure=_jump(changes[1], core, outside),
        outline=abs(float(np.median(median[fill])) - float(np.median(median[rim]))) / 255,
        contrast=float(np.abs(np.median(picture[fill], axis=0) - ground).max()) / 255,
        unevenness=float(np.log1p(unevenness)),
        density=len(rows) / float(box_area),
        slope=_slope(strokes),
        plainness=float(median[between].std()) / 255 if between.sum() > 8 else 0.0,
        on_board=is_on_board(picture, strokes, line),
        yellow=float(is_yellow.mean()),
        saturated=float((high - low > 90).mean()),
    )


def _jump(change: tuple[np.ndarray, np.ndarray] | None, core: np.ndarray, outside: np.ndarray) -> float:
    """How much more the strokes change than what is around them, from a crop without the line to one with."""
    if change is None:
        return 0.0
    off = cv2.absdiff(*change).max(axis=2).astype(np.float32)
    return float(np.log((off[core].mean() + LEAST_DEVIATION) / (off[outside].mean() + LEAST_DEVIATION)))


def _core(strokes: np.ndarray) -> np.ndarray:
    """The strokes less their rim, or all of them where they are thin."""
    core = cv2.erode(strokes.astype(np.uint8), disc(1)).astype(bool)
    return core if core.sum() > 0.2 * strokes.sum() else strokes


def _fill(luma: np.ndarray, strokes: np.ndarray, core: np.ndarray, ground: float) -> tuple[np.ndarray, float]:
    """The strokes' fill, (h, w) bool, and how uneven its luma is: the half of them farther off the ground."""
    values = luma[core]
    bright, dark = float(np.percentile(values, 92)), float(np.percentile(values, 8))
    level = bright if abs(bright - ground) >= abs(dark - ground) else dark
    # Fill is flat: the neighbourhood's range is small on it, and large on rims.
    spread = cv2.dilate(luma, disc(1)) - cv2.erode(luma, disc(1))
    near = core & (np.abs(luma - level) < 48)
    if near.sum() < 8:
        return strokes, float(values.std())
    flat = near & (spread <= np.percentile(spread[near], 50))
    return near, float(luma[flat].std())


def _shift(lumas: np.ndarray, median: np.ndarray, strokes: np.ndarray) -> float:
    """How far, in px, crops are moved against their median, on the strokes alone."""
    across, down = cv2.Sobel(median, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(median, cv2.CV_32F, 0, 1) / 8
    steep = strokes & (np.hypot(across, down) > 8)
    if steep.sum() < 24 or len(lumas) < 3:
        return 0.0
    slopes = np.stack([across[steep], down[steep], np.ones(int(steep.sum()), np.float32)], axis=1)
    moves = []
    for luma in lumas:
        off = luma[steep] - median[steep]
        kept = np.abs(off) <= max(24.0, float(np.percentile(np.abs(off), 80)))
        (x, y, _), *_ = np.linalg.lstsq(slopes[kept], off[kept], rcond=None)
        moves.append(float(np.hypot(x, y)))
    return min(float(np.percentile(moves, 80)), MOST_SHIFT_PX)


def _slope(strokes: np.ndarray) -> float:
    """How far the strokes rise from one end of the line to the other, in their heights."""
    marks = strokes if strokes.shape[1] >= strokes.shape[0] else strokes.T
    count = marks.sum(axis=0)
    columns = np.flatnonzero(count)
    if len(columns) < 8:
        return 0.0
    middles = (marks * np.arange(len(marks))[:, None]).sum(axis=0)[columns] / count[columns]
    rise = np.polyfit(columns, middles, 1, w=np.sqrt(count[columns]))[0]
    rows = np.flatnonzero(marks.any(axis=1))
    return min(abs(float(rise)) * float(columns[-1] - columns[0]) / float(np.ptp(rows) + 1), 1.0)


def is_on_board(picture: np.ndarray, strokes: np.ndarray, line: np.ndarray) -> bool:
    """Whether a line stands on a sign: the ground between its strokes is plain, not black, and ends near it.

    Args:
        picture: (h, w, 3) uint8, RGB, the line with its surroundings.
        strokes: (h, w) bool, True on the line's pixels.
        line: (h, w) bool, True in the detector's box.
    """
    inside, outside = (
        picture[line & ~strokes].astype(np.float32),
        picture[~line & ~strokes].astype(np.float32),
    )
    if len(inside) < 32 or len(outside) < 32:
        return False
    ground = np.median(inside, axis=0)
    is_plain = float(np.median(np.abs(inside - ground))) < 6
    is_black = float(ground.max()) < 48  # a box behind subtitles, not a board
    is_like_around = float((np.abs(outside - ground).max(axis=1) < 24).mean()) > 0.7
    return is_plain and not is_black and not is_like_around

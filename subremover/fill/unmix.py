"""Takes a subtitle off where the picture shows through it: a fade, or a see-through box.

What shows is a mix, opacity * light + (1 - opacity * cover) * background, so the background can be computed,
at the cost of the coding noise growing as 1 / (1 - opacity * cover). Works on plain arrays; which frames to
take is decided in `overlays`. Unless said otherwise, pictures are (h, w, 3) float32, RGB in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

UNMIXED_LOSS, FITTED_LOSS = 0.25, 0.5
"""Share of the background that is lost: up to the first value the unmixed picture is taken as it is, from the
second on the fitted one, between them a mix of both.
See docs/measurements.md, "fill/unmix: opacities"."""
LEAST_OPACITY = 0.005
"""Below this opacity nothing is taken off."""
SWAY_LEVELS = 5.0
"""How much the background must vary from frame to frame, in levels, to tell what covers it."""
LETTER_LEVELS = 10.0, 40.0
"""Difference from its smooth surroundings, in levels, up to which a pixel is no lettering, and from which it
surely is; for backgrounds that do not vary."""
COVERED = 0.8
"""Cover from which pixels are used to measure the opacity, if enough have it."""
LEAST_UNDERLAY = 0.15
"""Underlay below which there is none but noise. See docs/measurements.md, "fill/unmix: underlay"."""
PANE_REST = 0.2, 0.8
"""Least and greatest share of the background that comes through a see-through box; with less there is nothing
to gain, with more there is no box."""
PANE_SHARE = 0.3
"""Least share of an event's strokes that a see-through box must explain."""
PANE_CORRELATION = 0.9
"""Least correlation of a box's pixels with the background; without one, an opaque plate on a plain background
would explain as much."""
PANE_LEVELS = 12.0
"""Greatest difference of a box's pixel from the mix, in levels; letters differ by more."""
NOISE_LEVELS = 2.5
"""Error of an unmixed pixel where the whole background comes through, in levels; it grows as less does."""
LEAST_REST = 0.05
"""Least share of the background that is divided by."""


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """An event at full opacity: what shows is light + (1 - cover) * background."""

    strokes: np.ndarray
    """(h, w) bool, the pixels of which this is known."""
    cover: np.ndarray
    """(h, w) float32 in [0, 1], share of the background that is hidden; 0 outside the strokes."""
    light: np.ndarray
    """(h, w, 3) float32, RGB, what the event adds; 0 outside the strokes."""

    def __post_init__(self) -> None:
        if self.cover.shape != self.strokes.shape or self.light.shape != (*self.strokes.shape, 3):
            raise ValueError(
                f"cover and light must be of the strokes' size {self.strokes.shape}, "
                f"got {self.cover.shape} and {self.light.shape}"
            )


@dataclass(frozen=True, slots=True)
class Mix:
    """How much of an event one frame of a fade shows."""

    opacity: float
    """Measured on the condition that all that is not the event's is the background's."""
    own_opacity: float
    """Measured without that condition, together with `rest`."""
    rest: float
    """Share of the background where it is covered, as measured."""


def learn_overlay(shown: np.ndarray, strokes: np.ndarray) -> Overlay:
    """What an event looks like and how much it covers, from frames at full opacity.

    Where a pixel varies as the background around it does, it is not covered. Where nothing varies, what
    differs from its smooth surroundings counts as covered; that does no harm where it is wrong.

    Args:
        shown: (n, h, w, 3) float32, RGB in [0, 1], the event with its surroundings, nearest the fade first.
        strokes: (h, w) bool, True on the event.

    Returns:
        The event at full opacity.
    """
    backgrounds = np.stack([_smooth(picture, strokes) for picture in shown])
    sway, behind = shown - shown.mean(0), backgrounds - backgrounds.mean(0)
    common = cv2.GaussianBlur((sway * behind).sum((0, 3)), (0, 0), 0.7)
    power = cv2.GaussianBlur((behind**2).sum((0, 3)), (0, 0), 0.7)
    picture, background = (np.median(stack[:5], axis=0) for stack in (shown, backgrounds))
    difference = cv2.GaussianBlur(np.abs(picture - background).max(-1), (0, 0), 0.7) * 255
    bare = np.interp(difference, LETTER_LEVELS, (1, 0))
    prior = 3 * len(shown) * (SWAY_LEVELS / 255) ** 2
    rest = np.where(strokes, np.clip((common + prior * bare) / (power + prior), 0, 1), 1)
    light = np.where(strokes[..., None], picture - rest[..., None] * background, 0)
    return Overlay(strokes, (1 - rest).astype(np.float32), light.astype(np.float32))


def measure_mix(picture: np.ndarray, overlay: Overlay) -> Mix:
    """How much of an event a frame of its fade shows.

    The smooth surroundings stand in for the background: the detail that they lack is not the lettering's, and
    averages out.

    Args:
        picture: (h, w, 3) float32, RGB in [0, 1], of the overlay's box.
        overlay: What the event looks like.

    Returns:
        Its opacity, measured in two ways.
    """
    background = _smooth(picture, overlay.strokes)
    cover = overlay.cover[..., None]
    where = overlay.strokes & (overlay.cover > COVERED)
    if where.sum() < 50:
        where = overlay.strokes
    light, behind = overlay.light, cover * background
    (opacity,) = _regress((picture - background)[where], (light - behind)[where][..., None])
    own_opacity, rest = _regress((picture - background + behind)[where], np.stack([light, behind], -1)[where])
    return Mix(float(opacity), float(own_opacity), float(rest))


def measure_underlay(mixes: list[Mix]) -> float:
    """How much a layer beneath the letters hides at full opacity, seen only while they fade; 0 where none is.

    Players fade a subtitle layer by layer, so that a dark shadow comes through half-transparent letters. The
    background's share is then (1 - opacity) * (1 - opacity * underlay), times what the surroundings miss.

    Args:
        mixes: Of the frames of one fade.

    Returns:
        Share of the background that the layer hides, 0 to 1; 0 where the frames are too few to tell.
    """
    points = [(m.own_opacity, m.rest / (1 - m.own_opacity)) for m in mixes if 0.03 < m.own_opacity < 0.7]
    if len(points) < 4:
        return 0.0
    opacities, rests = np.array(points).T
    slope, start = np.polyfit(opacities, rests, 1, w=1 - opacities)
    underlay = float(np.clip(-slope / start, 0, 1)) if start > 0.3 else 0.0
    return underlay if underlay > LEAST_UNDERLAY else 0.0


def unmix(picture: np.ndarray, overlay: Overlay, opacity: float = 1.0, underlay: float = 0.0) -> np.ndarray:
    """Take an event off a picture.

    Args:
        picture: (h, w, 3) float32, RGB in [0, 1], of the overlay's box.
        overlay: What the event looks like at full opacity.
        opacity: Of the event on this frame.
        underlay: See `measure_underlay`; taken to be black.

    Returns:
        (h, w, 3) float32, RGB in [0, 1]; outside the strokes the picture as it was.
    """
    rest = _rest(overlay, opacity, underlay)[..., None]
    background = np.clip((picture - opacity * overlay.light) / rest, 0, 1)
    return np.where(overlay.strokes[..., None], background, picture).astype(np.float32)


def expect_error(overlay: Overlay, opacity: float = 1.0, underlay: float = 0.0) -> np.ndarray:
    """How far off an unmixed picture is to be expected.

    Args:
        overlay: What the event looks like at full opacity.
        opacity: Of the event on this frame.
        underlay: See `measure_underlay`.

    Returns:
        (h, w) float32, on the scale of [0, 1]; inf outside the strokes.
    """
    error = NOISE_LEVELS / 255 / _rest(overlay, opacity, underlay)
    return np.where(overlay.strokes, error, np.inf).astype(np.float32)


def _rest(overlay: Overlay, opacity: float, underlay: float) -> np.ndarray:
    """Share of the background that comes through: (h, w) float32."""
    cover = opacity * overlay.cover
    rest: np.ndarray = np.maximum((1 - cover) * (1 - underlay * cover), LEAST_REST)
    return rest


def trust(opacity: float, underlay: float = 0.0) -> float:
    """How far to trust an unmixed picture of a fade, against a fitted one.

    Args:
        opacity: Of the event on this frame.
        underlay: See `measure_underlay`.

    Returns:
        Weight of the unmixed picture: 1 down to 0 as less of the background shows through.
    """
    loss = 1 - (1 - opacity) * (1 - underlay * opacity)
    return float(np.interp(loss, (UNMIXED_LOSS, FITTED_LOSS), (1, 0)))


def learn_pane(shown: np.ndarray, clear: np.ndarray, strokes: np.ndarray) -> Overlay | None:
    """Find the see-through box of an event.

    Args:
        shown: (h, w, 3) float32, RGB in [0, 1], the first frame with the event.
        clear: Likewise, the frame before it.
        strokes: (h, w) bool, True on box and letters.

    Returns:
        The box without the letters; None where there is no see-through box.
    """
    inner = (
        cv2.erode(strokes.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    )  # its rim is half one, half the other
    outside = cv2.dilate(strokes.astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
    if inner.sum() < 100 or not outside.any():
        return None
    if abs(1 - _fit_pane(shown[outside], clear[outside], is_black=True)[0]) > 0.05:
        return None  # the whole picture grew darker
    picture, background = shown[inner], clear[inner]
    black, tinted = (_fit_pane(picture, background, is_black) for is_black in (True, False))
    rest, light, _ = black if black[2] <= 1.25 * tinted[2] else tinted  # most boxes are black
    error = np.abs(shown - rest * clear - light).max(-1) * 255
    is_pane = inner & (error < PANE_LEVELS)
    if not PANE_REST[0] <= rest <= PANE_REST[1] or is_pane.sum() < PANE_SHARE * inner.sum():
        return None
    one, other = shown[is_pane].mean(-1), clear[is_pane].mean(-1)
    spread = float(one.std() * other.std())
    if float(((one - one.mean()) * (other - other.mean())).mean()) < PANE_CORRELATION * max(spread, 1e-6):
        return None
    letters = cv2.dilate((inner & ~is_pane).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    is_pane &= ~letters
    cover = np.where(is_pane, 1 - rest, 0).astype(np.float32)
    return Overlay(is_pane, cover, np.where(is_pane[..., None], light, 0).astype(np.float32))


def _fit_pane(picture: np.ndarray, background: np.ndarray, is_black: bool) -> tuple[float, np.ndarray, float]:
    """Fit picture = rest * background + light to (n, 3) pixels: rest, light, lower quartile of the misses."""
    use = np.ones(len(picture), bool)
    rest, light, miss = 1.0, np.zeros(3, np.float32), picture.max(-1)
    for _ in range(8):
        one, other = picture[use], background[use]
        if not is_black:
            one, other = one - one.mean(0), other - other.mean(0)
        rest = float((one * other).sum() / max(float((other**2).sum()), 1e-9))
        if not is_black:
            light = picture[use].mean(0) - rest * background[use].mean(0)
        miss = np.abs(picture - rest * background - light).max(-1)
        use = miss <= 2.5 * np.median(miss[use]) + 1e-4
    return rest, light, float(np.percentile(miss, 25))


def _regress(values: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """Least squares without outliers: factors (k,) of (n, 3, k) terms that make up (n, 3) values."""
    count = terms.shape[-1]
    use, factors = np.ones(len(values), bool), np.zeros(count)
    for _ in range(6):
        rows = terms[use].reshape(-1, count).astype(np.float64)
        factors = np.linalg.solve(rows.T @ rows + 1e-9 * np.eye(count), rows.T @ values[use].ravel())
        miss = np.abs(values - terms @ factors).max(-1)
        use = miss <= 2.5 * np.median(miss[use]) + 1e-4
    return factors


def _smooth(picture: np.ndarray, strokes: np.ndarray) -> np.ndarray:
    """The picture, its strokes (grown by 1 px) filled after Telea; at half the size, as good and quicker."""
    hole = cv2.dilate(strokes.astype(np.uint8), np.ones((3, 3), np.uint8))
    height, width = hole.shape
    size = (-(-width // 2), -(-height // 2))
    pad = ((0, 2 * size[1] - height), (0, 2 * size[0] - width))
    known = np.pad(1 - hole, pad).astype(np.float32)
    clean = np.pad(np.clip(picture, 0, 1), (*pad, (0, 0))) * known[..., None]
    weight = cv2.resize(known, size, interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(clean, size, interpolation=cv2.INTER_AREA) / np.maximum(weight, 0.25)[..., None]
    filled = cv2.inpaint(
        np.rint(coarse * 255).astype(np.uint8), (weight == 0).astype(np.uint8), 3, cv2.INPAINT_TELEA
    )
    fine = cv2.resize(filled, (2 * size[0], 2 * size[1]), interpolation=cv2.INTER_LINEAR)[:height, :width]
    return np.where(hole[..., None] > 0, fine / np.float32(255), picture).astype(np.float32)

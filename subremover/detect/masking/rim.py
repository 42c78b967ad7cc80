"""Completes the rims of a line: outline, shadow and glow reach as far from one letter as from the others.

Where the picture has the rim's own colour nothing shows the rim, and the soft end of a glow drowns in the
picture's texture; the other letters tell how far it reaches there. The strokes are marked in `strokes`.
"""

from __future__ import annotations

import cv2
import numpy as np

SECTORS = 8
"""Directions in which a rim is measured: a shadow reaches further to one side."""
LEAST_SHARE = 0.6
"""Least share of the places where a rim of some width would show that show one."""
LEAST_SEEN = 0.15
"""Least share of all places where it shows, for a rim to be believed in."""
SAME_LEVELS = 24
"""Levels within which two colours are the same."""
SLOPE_PX, SLOPE_LEVELS = 3, 6.0
"""By so many levels the colour around the strokes changes over so many px as long as a glow goes on."""
FAINT_LEVELS, LEAST_GLOW_PX = 0.75, 4
"""A glow ends where it changes the picture by less than so many levels; what ends in fewer px beyond the
strokes is coding noise."""
GLOW_PARTS = 4
"""Parts of a line, side by side, that must all show the same glow.
See docs/measurements.md, "detect/masking/rim: completed"."""
FILL_SHARE = 0.12
"""Least share of the strokes that have the colour of the letters' inside."""


def complete_rim(
    mask: np.ndarray, steady: np.ndarray, line: np.ndarray, reach_px: int, strong: np.ndarray | None = None
) -> np.ndarray:
    """The strokes with the rim that most of them have put around all of them.

    See docs/measurements.md, "detect/masking/rim: completed".

    Args:
        mask: (h, w) bool, the pixels marked so far.
        steady: (h, w, 3) float32, RGB in [0, 255], median over the event's frames.
        line: (h, w) bool, the detector's box of the line.
        reach_px: Greatest width of a rim.
        strong: (h, w) bool, where the picture changes by more than coding noise; None: everywhere.

    Returns:
        (h, w) bool, all of the mask and what was added.
    """
    fill = find_fill(mask & line, steady)
    if not fill.any():
        return mask
    distance, nearest = cv2.distanceTransformWithLabels(
        (~fill).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    ring = np.ceil(distance - 0.25).astype(int)
    near = np.nonzero((ring >= 1) & (ring <= reach_px))
    ring, marked = ring[near], mask[near]
    if not (marked & (ring <= 2)).any():
        return mask
    places = np.empty((nearest.max() + 1, 2), int)  # of the pixel of the fill with each label
    places[nearest[fill]] = np.argwhere(fill)
    down, right = (np.stack(near, axis=1) - places[nearest[near]]).T
    sector = np.round(np.arctan2(down, right) * SECTORS / (2 * np.pi)).astype(int) % SECTORS
    colour = np.median(steady[near][marked & (ring <= 2)], axis=0)
    is_hidden = ~marked & (np.abs(steady[near] - colour).max(axis=1) < SAME_LEVELS)

    def count(which: np.ndarray) -> np.ndarray:
        """(reach_px, SECTORS) int, how many pixels of each distance and direction are so."""
        place = (ring - 1) * SECTORS + sector
        return np.bincount(place[which], minlength=reach_px * SECTORS).reshape(reach_px, SECTORS)

    is_seen = marked if strong is None else marked & strong[near]
    seen, shows, hidden = count(is_seen), count(~is_hidden), count(is_hidden)

    def is_rim(seen: np.ndarray, shows: np.ndarray, hidden: np.ndarray) -> np.ndarray:
        enough: np.ndarray = (seen >= LEAST_SHARE * shows) & (seen > LEAST_SEEN * (shows + hidden))
        return enough

    all_around = is_rim(*(which.sum(axis=1, keepdims=True) for which in (seen, shows, hidden)))
    has_rim = is_rim(seen, shows, hidden) | all_around
    width = np.logical_and.accumulate(has_rim, axis=0).sum(axis=0)  # (SECTORS,)
    completed = mask.copy()
    completed[near] |= ring <= width[sector]
    return completed


def grow_soft_rim(mask: np.ndarray, steady: np.ndarray, reach_px: int) -> np.ndarray:
    """The mask grown for as long as the picture around it becomes ever more unlike it: that is a glow.

    A picture that changes as much further off has no glow.

    Args:
        mask: (h, w) bool, the pixels marked so far.
        steady: (h, w, 3) float32, RGB in [0, 255], median over the event's frames.
        reach_px: By how much it is grown at most.

    Returns:
        (h, w) bool.
    """
    if not mask.any():
        return mask
    distance = np.ceil(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)).astype(int)
    most = min(int(distance.max()), 2 * reach_px + SLOPE_PX)
    if most <= reach_px + SLOPE_PX:
        return mask
    rings = (steady[distance == px] for px in range(1, most + 1))
    # Something that moves, or another line, lies on one side only.
    colours = np.stack([np.median(ring, axis=0) for ring in rings])  # (rings, 3)
    change = np.abs(colours[SLOPE_PX:] - colours[:-SLOPE_PX]).max(axis=1)
    usual = float(change[reach_px:].mean())
    goes_on = change[:reach_px] > max(SLOPE_LEVELS, 3 * usual)
    grown: np.ndarray = distance <= int(np.logical_and.accumulate(goes_on).sum())
    return grown


def follow_glow(mask: np.ndarray, change: np.ndarray, known: np.ndarray, reach_px: int) -> np.ndarray:
    """The mask grown to where a wide glow or shadow ends, which is too faint to be told pixel by pixel.

    Args:
        mask: (h, w) bool, the pixels marked so far.
        change: (h, w, 3) float32, levels by which the subtitle changes what is behind it.
        known: (h, w) bool, False where other lettering stands.
        reach_px: Half of the most by which it is grown.

    Returns:
        (h, w) bool, the mask itself if it ends where the subtitle does.
    """
    if not mask.any():
        return mask
    distance = np.ceil(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)).astype(int)
    most, furthest = 2 * reach_px, 3 * reach_px
    rings = np.where(known, np.minimum(distance, furthest + 1), 0)
    shares = np.linspace(0, 1, GLOW_PARTS + 1)[1:-1]
    parts = np.digitize(np.arange(mask.shape[1]), np.quantile(np.nonzero(mask)[1], shares))  # (w,)
    places = (rings * GLOW_PARTS + parts).ravel()
    ends = np.bincount(places, minlength=(furthest + 2) * GLOW_PARTS).cumsum()
    groups = np.split(change.reshape(-1, 3)[places.argsort()], ends)[GLOW_PARTS : (furthest + 1) * GLOW_PARTS]
    if not all(map(len, groups)):
        return mask
    medians = np.stack([np.median(group, axis=0) for group in groups]).reshape(furthest, GLOW_PARTS, 3)
    change = medians - medians[most:].mean(axis=0)  # (rings, parts, 3)
    # What moves lightens one part and darkens the next; so does coding.
    strength = np.maximum(change.min(axis=1), -change.max(axis=1)).max(axis=1)
    usual = np.abs(np.median(change[most:], axis=1)).max()
    falls = strength[:most] > strength[1 : most + 1]
    goes_on = (strength[:most] > max(FAINT_LEVELS, 2 * usual)) & falls
    width = int(np.logical_and.accumulate(goes_on).sum())
    return distance <= width if width >= LEAST_GLOW_PX else mask


def find_fill(strokes: np.ndarray, steady: np.ndarray) -> np.ndarray:
    """The inside of letters: of the strokes' two most frequent colours, the one that lies deeper in them.

    Args:
        strokes: (h, w) bool.
        steady: (h, w, 3) float32, RGB in [0, 255].

    Returns:
        (h, w) bool, True on strokes of that colour; nowhere if there are no strokes.
    """
    depth = cv2.distanceTransform(strokes.astype(np.uint8), cv2.DIST_L2, 5)[strokes]
    colours = steady[strokes]
    left = np.ones(len(colours), bool)
    best, deepest = left, 0.0
    for _ in range(2):
        if not left.any():
            break
        bins = (colours[left] / SAME_LEVELS).astype(int) @ (1, 16, 256)
        common = np.bincount(bins).argmax()
        centre = np.median(colours[left][bins == common], axis=0)
        alike = np.abs(colours - centre).max(axis=1) < SAME_LEVELS
        if alike.mean() > FILL_SHARE and depth[alike].mean() > deepest:
            best, deepest = alike, float(depth[alike].mean())
        left &= ~alike
    fill = np.zeros_like(strokes)
    fill[strokes] = best
    return fill

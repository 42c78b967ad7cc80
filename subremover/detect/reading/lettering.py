"""Draws what readers read: the letters of a line alone, dark on plain white ground, row by row.

The scan's strokes are letters, outline, shadow, box, and a rim of what is behind them. What the letters are
of all this is told by colour: theirs is far from all next to it, and does not reach the strokes' edge.
See docs/measurements.md, "detect/reading/lettering".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np

from subremover.geometry import Box
from subremover.runtime.profile import stage

ROW_PX = 72
"""Height in which a row is drawn, without its margin."""
MARGIN_PX = 12
"""White around a drawn row: readers pass over what touches the edge."""
MOST_WIDTH_PX = 6000
"""Of a drawn row; no line of words is longer for its height."""
MOST_COLOURS = 3
"""Colours that are tried: the letters' own is nearly always the first or the second."""
MOST_SAMPLES = 8000
"""Pixels that colours are found among."""
CLUSTERS, SAME_COLOUR = 6, 10.0
"""Colours that are told apart at first, and the distance in Lab below which two are one."""
LEAST_CONTRAST, MOST_CONTACT, LEAST_SPREAD = 12.0, 0.6, 0.12
"""Letters are at least so far in Lab from what is next to them, have at most this share of their pixels on
the strokes' edge, and show in at least this share of their columns."""
NARROW = 0.5
"""Share of the letters' contrast to what is next to them by which their own may vary, in a second try."""
PUREST = 0.7
"""Quantile of the letters' distances from what is around them, from which on they have their very colour."""
INK, SOLID = 0.4, 0.8
"""Opacity of a letter's pixel, and of one that is nothing but letter."""
EDGE_PX = 1.5
"""Width of the strokes' edge."""
MOST_EDGE = 0.3
"""Share of a letter's outline that may lie on the strokes' edge."""


TALL = 2.0
"""How many times as high as wide strokes are that may be a column of text."""


class Row(NamedTuple):
    """One row of letters."""

    box: Box
    """Around its letters, in the picture it was found in."""
    plain: np.ndarray
    """(h, w) uint8, dark letters on white, `ROW_PX` high and `MARGIN_PX` white around."""


@dataclass(frozen=True, slots=True, eq=False)
class Lettering:
    """The letters of a line, taken to be of one colour or of two that take turns."""

    colour: tuple[int, int, int]
    """RGB, of most of them."""
    rows: tuple[Row, ...]
    """In the order of reading: from top to bottom, or columns from right to left that lie on their left."""


@dataclass(frozen=True, slots=True, eq=False)
class _Colour:
    """A colour that may be the letters'."""

    lab: np.ndarray
    """(3,) float32."""
    contrast: float
    """Distance in Lab to what is next to it."""
    score: float
    """How likely it is the letters'; the more the likelier."""


@stage("scan: letters")
def find_letterings(picture: np.ndarray, strokes: np.ndarray) -> tuple[Lettering, ...]:
    """Find the letters of a line.

    Args:
        picture: (h, w, 3) uint8, RGB; the line with some surroundings, the median of its frames.
        strokes: (h, w) bool, True on all that covers the picture; parts of neighbouring rows do no harm.

    Returns:
        What they may be, the likeliest first; empty where nothing looks like letters.
    """
    if not strokes.any():
        return ()
    upright = _find_upright(picture, strokes)
    rows, columns = strokes.any(axis=1), strokes.any(axis=0)
    if np.ptp(np.flatnonzero(rows)) < TALL * np.ptp(np.flatnonzero(columns)):
        return upright
    # A column of text, or a lone tall letter: readers were taught columns that lie on their left side.
    lying = _find_upright(np.rot90(picture), np.rot90(strokes))
    return (*lying, *upright)


def _find_upright(picture: np.ndarray, strokes: np.ndarray) -> tuple[Lettering, ...]:
    """The letters of rows that run from side to side."""
    around = _bounds(strokes, margin_px=3)
    picture, strokes = np.ascontiguousarray(picture[around.slices]), strokes[around.slices]
    lab = _to_lab(picture)
    depth = cv2.distanceTransform(np.pad(strokes, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    edge = strokes & (depth <= EDGE_PX)
    colours = _find_colours(lab, strokes, edge, depth)
    opacities = [_opacity(lab, [colour]) for colour in colours]
    inks = [_find_ink(opacity, strokes, edge) for opacity in opacities]
    found = [([colour], ink) for colour, ink in zip(colours, inks, strict=True)]
    if len(colours) > 1 and _take_turns(
        *(i & (o > SOLID) for i, o in zip(inks[:2], opacities, strict=False))
    ):
        both = sorted(colours[:2], key=lambda colour: -int(inks[colours.index(colour)].sum()))
        found.insert(0, (both, _find_ink(_opacity(lab, both), strokes, edge)))
    # Where something of nearly the letters' colour is behind them, it is told from them by a narrower range.
    narrow = [replace(colour, contrast=NARROW * colour.contrast) for colour in colours[:2]]
    found += [([colour], _find_ink(_opacity(lab, [colour]), strokes, edge)) for colour in narrow]
    letterings = []
    for colour, ink in found:
        rows = [_draw_row(picture, colour, ink, span, around) for span in _find_rows(ink, edge)]
        if drawn := tuple(row for row in rows if row is not None):
            letterings.append(Lettering(_to_rgb(_find_purest(lab, ink, strokes)), drawn))
    return tuple(letterings)


def _find_colours(lab: np.ndarray, strokes: np.ndarray, edge: np.ndarray, depth: np.ndarray) -> list[_Colour]:
    """Colours that may be the letters', the likeliest first.

    Letters lie deeper in the strokes than their outline, and do not reach the edge.
    """
    pixels = lab[strokes]
    samples = np.ascontiguousarray(pixels[:: -(-len(pixels) // MOST_SAMPLES)])
    if len(samples) < CLUSTERS:
        return []
    cv2.setRNGSeed(1)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    _, labels, centres = cv2.kmeans(samples, CLUSTERS, np.empty(0), stop, 2, cv2.KMEANS_PP_CENTERS)
    counts = np.bincount(labels.ravel(), minlength=CLUSTERS)
    apart: list[np.ndarray] = []
    for centre in centres[np.argsort(-counts, kind="stable")]:
        if all(np.linalg.norm(centre - other) > SAME_COLOUR for other in apart):
            apart.append(centre)
    distances = np.stack([np.linalg.norm(lab - centre, axis=2) for centre in apart])
    nearest = distances.argmin(axis=0)
    columns = strokes.any(axis=0)
    colours = []
    for number, centre in enumerate(apart):
        own = strokes & (nearest == number)
        around = cv2.dilate(own.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool) & strokes & ~own
        if not own.any() or not around.any():
            continue
        contrast = float(np.quantile(distances[number][around], 0.6))
        contact = float(edge[own].mean())
        spread = float(own.any(axis=0)[columns].mean())
        if contrast >= LEAST_CONTRAST and contact <= MOST_CONTACT and spread >= LEAST_SPREAD:
            likelihood = contrast * (1 - contact) * float(depth[own].mean())
            colours.append(_Colour(centre, contrast, likelihood))
    return sorted(colours, key=lambda colour: -colour.score)[:MOST_COLOURS]


def _opacity(lab: np.ndarray, colours: Sequence[_Colour]) -> np.ndarray:
    """(h, w) float32 in [0, 1], how much of each pixel is letter of any of the colours."""
    shares = [
        np.clip(1.5 - np.linalg.norm(lab - colour.lab, axis=2) / (0.5 * colour.contrast), 0, 1)
        for colour in colours
    ]
    opacity: np.ndarray = np.max(shares, axis=0).astype(np.float32)
    return opacity


def _find_ink(opacity: np.ndarray, strokes: np.ndarray, edge: np.ndarray) -> np.ndarray:
    """(h, w) bool, the letters: what lies not along the edge, as a box or the ground does."""
    ink = (strokes & (opacity > INK)).astype(np.uint8)
    count, labels = cv2.connectedComponents(ink, connectivity=8)
    outline = (ink > 0) & (cv2.erode(ink, np.ones((3, 3), np.uint8), borderValue=0) == 0)
    on_edge = np.bincount(labels[edge & (ink > 0)], minlength=count)
    is_letter = on_edge <= MOST_EDGE * np.bincount(labels[outline], minlength=count)
    is_letter[0] = False
    found: np.ndarray = is_letter[labels]
    return found


def _find_purest(lab: np.ndarray, ink: np.ndarray, strokes: np.ndarray) -> np.ndarray:
    """(3,) Lab of the letters where they are least like what is around: elsewhere thin ones are mixed."""
    around = strokes & ~ink
    if not around.any() or not ink.any():
        return np.asarray(np.median(lab[ink | strokes], axis=0))
    distance = np.linalg.norm(lab[ink] - np.median(lab[around], axis=0), axis=1)
    return np.asarray(np.median(lab[ink][distance >= np.quantile(distance, PUREST)], axis=0))


def _take_turns(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether letters of two colours stand side by side, as the word that is sung beside the others."""
    first, second = one.sum(axis=0), other.sum(axis=0)
    common, less = int(np.minimum(first, second).sum()), int(min(first.sum(), second.sum()))
    return less > 0 and common < 0.3 * less


def _find_rows(ink: np.ndarray, edge: np.ndarray) -> list[tuple[int, int]]:
    """Top and bottom of each row of letters, from top to bottom."""
    profile = ink.sum(axis=1)
    if not profile.any():
        return []
    runs = _runs(profile > 0.12 * profile.max())
    tallest = max(bottom - top for top, bottom in runs)
    bodies = [run for run in runs if run[1] - run[0] >= 0.45 * tallest]
    rows = []
    for number, (begin, end) in enumerate(bodies):
        above = bodies[number - 1][1] if number else 0
        below = bodies[number + 1][0] if number + 1 < len(bodies) else len(profile)
        # Accents, ascenders and descenders reach out of the body by half its height, after a small gap.
        reach, gap = max(2, round(0.45 * (end - begin))), max(3, round(0.15 * (end - begin)))
        top, bottom = begin, end
        while top > max(above, begin - reach) and profile[max(0, top - gap) : top].any():
            top -= 1
        while bottom < min(below, end + reach) and profile[bottom : bottom + gap].any():
            bottom += 1
        rows.append((top, bottom))
    whole = [row for row in rows if not _is_cut(ink, edge, row)] or rows
    tallest = max(bottom - top for top, bottom in whole)
    return [row for row in whole if row[1] - row[0] >= 0.55 * tallest]


def _is_cut(ink: np.ndarray, edge: np.ndarray, row: tuple[int, int]) -> bool:
    """Whether most of a row's letters are cut by the strokes' edge: it is a neighbour of the line."""
    inside = np.zeros_like(ink)
    inside[row[0] : row[1]] = ink[row[0] : row[1]]
    count, labels, places, _ = cv2.connectedComponentsWithStats(inside.astype(np.uint8), connectivity=8)
    touches = np.zeros(count, bool)
    touches[np.unique(labels[edge & inside])] = True
    widths = places[1:, cv2.CC_STAT_WIDTH]
    return bool((widths * touches[1:]).sum() > 0.4 * widths.sum())


def _draw_row(
    picture: np.ndarray, colours: Sequence[_Colour], ink: np.ndarray, span: tuple[int, int], around: Box
) -> Row | None:
    """One row, dark on white; None where it is no row of words."""
    inside = np.zeros_like(ink)
    inside[slice(*span)] = ink[slice(*span)]
    tight = _bounds(inside, margin_px=0)
    box = tight.grow(2, 2).clip(ink.shape[1], ink.shape[0])
    scale = ROW_PX / box.height
    width = round(scale * box.width)
    if not 4 <= width <= MOST_WIDTH_PX:
        return None
    how = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    large = cv2.resize(np.ascontiguousarray(picture[box.slices]), (width, ROW_PX), interpolation=how)
    near = cv2.dilate(inside[box.slices].astype(np.uint8) * 255, np.ones((3, 3), np.uint8))
    near = cv2.resize(near, (width, ROW_PX), interpolation=cv2.INTER_LINEAR)
    opacity = _opacity(_to_lab(large), colours) * np.clip(near / 160, 0, 1)
    plain = np.pad((255 * (1 - opacity)).astype(np.uint8), MARGIN_PX, constant_values=255)
    return Row(tight.shift(around.x, around.y), plain)


def _bounds(mask: np.ndarray, margin_px: int) -> Box:
    """The box around what is marked, of which there is some, and a margin."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    left, top = int(columns[0]), int(rows[0])
    box = Box(left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top)
    return box.grow(margin_px, margin_px).clip(mask.shape[1], mask.shape[0])


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """Start and stop of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _to_lab(picture: np.ndarray) -> np.ndarray:
    """(h, w, 3) float32, Lab of an (h, w, 3) uint8 RGB picture: distances are as large as they look."""
    lab: np.ndarray = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    return lab


def _to_rgb(lab: np.ndarray) -> tuple[int, int, int]:
    """RGB in 0 to 255 of a (3,) float32 colour in Lab."""
    rgb = cv2.cvtColor(lab.reshape(1, 1, 3), cv2.COLOR_Lab2RGB)[0, 0]
    red, green, blue = (int(value) for value in np.clip(np.round(255 * rgb), 0, 255))
    return red, green, blue

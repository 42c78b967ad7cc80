"""Tells how far a row of letters leans, and sets it upright.

Stems are what leans: a row that is sheared until they stand has the sharpest profile of its columns.
See docs/measurements.md, "detect/reading/slant".
"""

from __future__ import annotations

import unicodedata

import cv2
import numpy as np

from subremover.detect.reading.scripts import Script, script_of

HEIGHT_PX = 40
"""Rows are made so high before: a third of the time, and no worse."""
MOST_WIDTH_PX = 1600
"""What is beyond of a long row leans as the rest does."""
TRIED_DEGREES = np.arange(-12, 27, 2)
"""Leans that are tried, and then about the best of these; so far to the left as stemless letters reach."""
LEAST_DEGREES, MOST_DEGREES = 5, 16
"""Lean of italics: what is steeper is an A or a 7."""
LEAST_LEAD, LEAST_ASYMMETRY = 0.9, 1.3
"""How many times as sharp the profile is at the lean of italics as at all less, and as it is mirrored."""
LEAST_STEMS = 2
"""Letters with a stem that a row must have, for its lean to say anything."""
_ITALIC: set[Script] = {"latin", "greek", "cyrillic"}
"""Scripts that have italics."""
_STEMLESS = frozenset(
    "acegosvwxyz\u00f8\u00e6\u0153ACGOQSVWXYZ\u00d8\u00c6\u0152"
    "\u0430\u0434\u0435\u0454\u0437\u043e\u043b\u0441\u0443\u0445\u044d\u0436"
    "\u0410\u0414\u0404\u0417\u041e\u041b\u0421\u0423\u0425\u042d\u0416"
    "\u03b1\u03b4\u03b5\u03b6\u03b8\u03bb\u03bd\u03be\u03bf\u03c2\u03c3\u03c5\u03c7\u03c9"
    "\u0391\u0394\u0398\u039b\u039e\u039f\u03a3\u03a5\u03a7\u03a9"
)
"""Letters of these scripts that are round, or lean when they are upright."""


def is_italic(plain: np.ndarray, text: str) -> bool:
    """Whether a row is in italics, which is said only where its letters leave no doubt.

    Args:
        plain: (h, w) uint8, dark letters on white, with some white around.
        text: What the row says.

    Returns:
        Whether it is; never of a script that has none, nor of fewer than `LEAST_STEMS` letters with a stem.
    """
    if script_of(text) not in _ITALIC or _count_stems(text) < LEAST_STEMS:
        return False
    return find_slant(plain) > 0


def find_slant(plain: np.ndarray) -> float:
    """How far the letters of a row lean to the right.

    Args:
        plain: (h, w) uint8, dark letters on white, with some white around.

    Returns:
        Degrees, `LEAST_DEGREES` to `MOST_DEGREES`; 0 for upright, and where no such lean is found.
    """
    width = min(MOST_WIDTH_PX, max(4, round(plain.shape[1] * HEIGHT_PX / plain.shape[0])))
    part = plain[:, : max(4, round(width * plain.shape[0] / HEIGHT_PX))]
    small = cv2.resize(part, (width, HEIGHT_PX), interpolation=cv2.INTER_AREA)
    ink = np.pad((255 - small).astype(np.float32) / 255, ((0, 0), (HEIGHT_PX // 2, HEIGHT_PX // 2)))
    sharpness = np.array([_sharpness(ink, degrees) for degrees in TRIED_DEGREES.tolist()])
    leaning = TRIED_DEGREES >= LEAST_DEGREES - 1
    best = int(TRIED_DEGREES[leaning][sharpness[leaning].argmax()])
    typical = (np.abs(TRIED_DEGREES) >= 8) & (np.abs(TRIED_DEGREES) <= 12)
    to_right, to_left = sharpness[typical & leaning].sum(), sharpness[typical & ~leaning].sum()
    lead = sharpness[TRIED_DEGREES.tolist().index(best)] - LEAST_LEAD * sharpness[~leaning].max()
    # Of slanted letters the best lean is a peak; upright ones are the sharper the less they are turned.
    if not LEAST_DEGREES <= best <= MOST_DEGREES or lead <= 0 or to_right < LEAST_ASYMMETRY * to_left:
        return 0.0
    return float(max((best - 1, best, best + 1), key=lambda degrees: _sharpness(ink, degrees)))


def set_upright(plain: np.ndarray, slant: float) -> np.ndarray:
    """A row with its letters sheared back.

    Args:
        plain: (h, w) uint8, dark letters on white.
        slant: Degrees that they lean to the right, in (-45, 45).

    Returns:
        (h, w) uint8 with as much white beside as the shear needs; the middle of the row stays where it was.
    """
    if not slant:
        return plain
    height, width = plain.shape
    shear = float(np.tan(np.radians(slant)))
    reach = int(np.ceil(abs(shear) * height / 2))
    turn = np.array([[1, shear, reach - shear * (height - 1) / 2], [0, 1, 0]], np.float32)
    size = (width + 2 * reach, height)
    upright = cv2.warpAffine(plain, turn, size, flags=cv2.INTER_LINEAR, borderValue=255)
    columns = np.flatnonzero((upright < 255).any(axis=0))
    if not len(columns):
        return plain
    # No wider than it has to be: readers make narrower rows larger.
    left, right = _white_beside(plain)
    padded = np.pad(upright, ((0, 0), (left, right)), constant_values=255)
    return np.ascontiguousarray(padded[:, columns[0] : columns[-1] + 1 + left + right])


def _white_beside(plain: np.ndarray) -> tuple[int, int]:
    """Columns of white at the left and at the right."""
    columns = np.flatnonzero((plain < 255).any(axis=0))
    return (int(columns[0]), plain.shape[1] - 1 - int(columns[-1])) if len(columns) else (0, 0)


def _sharpness(ink: np.ndarray, degrees: float) -> float:
    """How sharp the profile of the columns is, of ink that is sheared to the left."""
    shear = float(np.tan(np.radians(degrees)))
    turn = np.array([[1, shear, -shear * ink.shape[0] / 2], [0, 1, 0]], np.float32)
    sheared = cv2.warpAffine(ink, turn, (ink.shape[1], ink.shape[0]), flags=cv2.INTER_LINEAR)
    return float((np.diff(sheared.sum(axis=0)) ** 2).sum())


def _count_stems(text: str) -> int:
    """How many letters of a text have a stem."""
    return sum(letter.isalpha() and letter not in _STEMLESS for letter in unicodedata.normalize("NFD", text))

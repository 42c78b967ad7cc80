"""Subtitles as players and studios burn them in: what is to be found beside all other lettering."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from camera import Film
from lettering import Ink, Patch, choose_font, draw_row, draw_rows, list_scripts, put_on_board
from signs import SIGN_KINDS, Lettering
from wordings import SPEECH, choose_script

MAY_LIE_BELOW = (*SIGN_KINDS, "watermark", "page")
"""Nobody minds these."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One row of a subtitle, for as long as it stands."""

    text: str
    event: int
    """Rows of one event come and go together."""
    first: int
    last: int
    """Both included."""
    patch: Patch


def draw_cues(rng: random.Random, film: Film) -> list[Row]:
    """The subtitles of a film, all in one style."""
    width, height = film.size
    small = min(1.25 * width, height)
    script = choose_script(rng, list_scripts())
    font = choose_font(rng, script)
    size = max(15.0, small * rng.uniform(0.042, 0.075))
    fill = rng.choices(
        ((255, 255, 255), (255, 255, 0), (255, 230, 90), (235, 235, 235), (0, 255, 255)), (8, 2, 1, 1, 1)
    )[0]
    outline = min(4.0, rng.choice((0.05, 0.07, 0.1, 0.13)) * size)
    board = rng.choice((None, None, None, None, 0.55, 1.0))
    ink = Ink(
        fill,
        (0, 0, 0),
        outline if board is None else 0,
        rng.choice((0, 0, 0.05)) * size if board is None else 0,
    )
    place = rng.choices(("bottom", "top", "middle"), (8, 1, 1))[0]
    margin = rng.uniform(0.03, 0.08) * height
    rows: list[Row] = []
    for event, (first, last) in enumerate(_choose_times(rng, len(film.frames), film.cuts)):
        texts = rng.choice(SPEECH[script]).split("\n")
        drawn = [draw_row(text, font, size, ink) for text in texts]
        widest = max(image.shape[1] for image in drawn)
        if widest > 0.9 * width:
            drawn = [draw_row(text, font, size * 0.9 * width / widest, ink) for text in texts]
        if board is not None:
            drawn = [put_on_board(image, (0, 0, 0), (0.25 * size, 0.12 * size), board) for image in drawn]
        gap = 0 if board is not None else 0.12 * size
        total = draw_rows(drawn, gap).shape[0]
        y = {"bottom": height - margin - total, "top": margin, "middle": (height - total) / 2}[place]
        for text, image in zip(texts, drawn, strict=True):
            patch = Patch(image, round((width - image.shape[1]) / 2), round(y))
            rows.append(Row(text, event, first, last, patch))
            y += image.shape[0] + round(gap)
    return rows


def keep_clear(rows: list[Row], others: list[Lettering], film: Film) -> list[Lettering]:
    """Those of the other overlays that no subtitle stands upon, as who sets subtitles would see to."""
    width, height = film.size
    boxes = [box for row in rows if (box := row.patch.box(width, height))]

    def is_clear(other: Lettering) -> bool:
        middle = (other.first + other.last) // 2
        patch = other.draw(middle, film.frames[middle])
        box = patch.box(width, height) if patch else None
        return box is None or not any(_is_over(box, row) for row in boxes)

    return [other for other in others if other.kind in MAY_LIE_BELOW or is_clear(other)]


def row_alone(row: Row, width: int, height: int) -> np.ndarray:
    """(height, width) uint8: how much of each pixel a row hides, 255 = all."""
    mask = np.zeros((height, width), np.uint8)
    patch = row.patch
    left, top = max(0, patch.x), max(0, patch.y)
    right, bottom = min(width, patch.x + patch.image.shape[1]), min(height, patch.y + patch.image.shape[0])
    mask[top:bottom, left:right] = patch.image[
        top - patch.y : bottom - patch.y, left - patch.x : right - patch.x, 3
    ]
    return mask


def _is_over(one: list[int], other: list[int]) -> bool:
    return all(one[i] < other[i] + other[i + 2] and other[i] < one[i] + one[i + 2] for i in (0, 1))


def _choose_times(rng: random.Random, count: int, cuts: tuple[int, ...]) -> list[tuple[int, int]]:
    """First and last frame of each event."""
    way = rng.choices(("typical", "back to back", "always", "cut to cut"), (6, 2, 1, 2 if cuts else 0))[0]
    if way == "always":
        return [(0, count - 1)]
    if way == "cut to cut":
        starts = (0, *cuts, count)
        return [(a, b - 1) for a, b in pairwise(starts) if b - a > 5]
    times, first = [], rng.choice((0, rng.randrange(2, 14)))
    while first < count - 10:
        last = min(count - 1, first + rng.randrange(20, 56))
        times.append((first, last))
        first = last + (1 if way == "back to back" else rng.randrange(3, 18))
    return times

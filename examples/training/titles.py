"""Titles and opening credits over a picture, and what any overlay needs that stands for a while and fades."""

from __future__ import annotations

import random

import cv2
import numpy as np
from camera import Film
from lettering import Colour, Ink, Patch, choose_font, draw_rows, fade, fit_row, list_scripts
from signs import Lettering
from wordings import CREDITS, NAMES, TITLES, choose_script

WHITE: Colour = (255, 255, 255)
BRIGHT: tuple[Colour, ...] = (WHITE, WHITE, (255, 225, 60), (90, 220, 255), (120, 255, 140), (255, 120, 90))


def draw_title(rng: random.Random, film: Film) -> list[Lettering]:
    """A title over the picture: large, alone, mostly in its middle, for a part of the film or all of it."""
    width, height = film.size
    script = choose_script(rng, list_scripts())
    text = rng.choice(TITLES[script])
    size = min(width, height) * rng.uniform(0.09, 0.2)
    ink = _choose_ink(rng, size)
    font = choose_font(rng, script)
    spaced = [" ".join(row) if rng.random() < 0.15 and script == "latin" else row for row in text.split("\n")]
    rows = [
        fit_row(row, font, size * (1 if index == 0 else 1.2), ink, 0.86 * width)
        for index, row in enumerate(spaced)
    ]
    image = draw_rows(rows, 0.4 * size)
    x = width / 2 if rng.random() < 0.75 else width * rng.uniform(0.35, 0.65)
    place = x, height * rng.choice((0.5, 0.45, 0.38, 0.6, 0.3))
    first, last = choose_span(rng, len(film.frames))
    ramp = rng.choice((0, 6, 12, 20))
    growth = rng.choice((0, 0, 0.0015))

    def draw(frame: int, _: np.ndarray) -> Patch:
        drawn = fade(image, ramp_at(frame, first, last, ramp))
        if growth:
            factor = 1 + growth * (frame - first)
            drawn = cv2.resize(drawn, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
        return _centred(drawn, *place)

    return [Lettering("title", text, first, last, draw)]


def draw_opening_credits(rng: random.Random, film: Film) -> list[Lettering]:
    """Who made the film, one after the other, to the side or in the middle of the picture."""
    width, height = film.size
    size = min(width, height) * rng.uniform(0.045, 0.075)
    font = choose_font(rng, "latin")
    ink = _choose_ink(rng, size)
    count, shown, first = len(film.frames), [], rng.randrange(0, 12)
    ramp = rng.choice((0, 5, 10))
    while first < count - 20:
        last = min(count - 1, first + rng.randrange(24, 60))
        role, name = rng.choice(CREDITS), rng.choice(NAMES)
        rows = [
            fit_row(role, font, 0.65 * size, ink, 0.6 * width),
            fit_row(name.upper(), font, size, ink, 0.7 * width),
        ]
        image = draw_rows(rows, 0.35 * size, rng.choice(("left", "center")))
        x = rng.choice((0.08 * width, 0.92 * width - image.shape[1], (width - image.shape[1]) / 2))
        y = height * rng.choice((0.65, 0.7, 0.45, 0.2))
        text = f"{role}\n{name.upper()}"
        shown.append(still("credits", text, image, (x, y), (first, last), ramp=ramp))
        first = last + rng.randrange(4, 15)
    return shown


def still(
    kind: str,
    text: str,
    image: np.ndarray,
    at: tuple[float, float],
    span: tuple[int, int],
    *,
    ramp: int = 0,
) -> Lettering:
    """What stands with its upper left corner `at` a place, and fades in and out within `ramp` frames."""
    place = round(at[0]), round(at[1])

    def draw(frame: int, _: np.ndarray) -> Patch:
        return Patch(fade(image, ramp_at(frame, *span, ramp)) if ramp else image, *place)

    return Lettering(kind, text, *span, draw)


def _choose_ink(rng: random.Random, size: float) -> Ink:
    outline, shadow = rng.choice(((0, 0), (0, 0), (0, 0.05), (0.04, 0), (0.08, 0)))
    return Ink(rng.choice(BRIGHT), (0, 0, 0), outline * size, shadow * size)


def choose_span(rng: random.Random, count: int) -> tuple[int, int]:
    """First and last frame, now and then from the film's first or to its last one."""
    length = rng.randrange(max(6, count // 3), max(8, count))
    first = rng.choice((0, rng.randrange(0, max(1, count - length))))
    return first, min(count - 1, first + length) if rng.random() < 0.8 else count - 1


def ramp_at(frame: int, first: int, last: int, frames: int) -> float:
    """Opacity from 0 to 1 of what comes and goes within `frames`."""
    return min(1.0, (min(frame - first, last - frame) + 1) / (frames + 1))


def _centred(image: np.ndarray, x: float, y: float) -> Patch:
    return Patch(image, round(x - image.shape[1] / 2), round(y - image.shape[0] / 2))

"""Overlays that are no subtitles: logos, watermarks, clocks, scores, name boards, tickers, games, phones."""

from __future__ import annotations

import random
from collections.abc import Callable

import cv2
import numpy as np
from camera import Film
from lettering import (
    Colour,
    Ink,
    Patch,
    choose_font,
    draw_board,
    draw_row,
    draw_rows,
    fade,
    fit_row,
    lay_over,
    list_scripts,
    put_on_board,
)
from signs import Lettering
from titles import BRIGHT, WHITE, choose_span, draw_opening_credits, draw_title, ramp_at, still
from wordings import (
    LOGOS,
    MARKS,
    NAMES,
    NEWS,
    PLACES,
    POSTS,
    QUESTS,
    ROLES,
    TEAMS,
)

BOARDS: tuple[Colour, ...] = (
    (15, 15, 18),
    (20, 50, 120),
    (150, 20, 30),
    (245, 245, 245),
    (20, 100, 80),
    (70, 40, 110),
)


def draw_overlays(rng: random.Random, film: Film) -> list[Lettering]:
    """One to three kinds of overlay over a film."""
    painters: dict[Callable[[random.Random, Film], list[Lettering]], int] = {
        **{_draw_logo: 3, _draw_watermark: 3, _draw_clock: 3, _draw_dash_camera: 3, _draw_scores: 5},
        **{_draw_name_board: 3, _draw_ticker: 2, _draw_live_badge: 1, _draw_game: 1, _draw_phone: 2},
        **{draw_title: 3, draw_opening_credits: 2},
    }
    chosen: list[Callable[[random.Random, Film], list[Lettering]]] = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        painter = rng.choices(list(painters), list(painters.values()))[0]
        chosen += [painter] if painter not in chosen else []
    return [lettering for painter in chosen for lettering in painter(rng, film)]


def _draw_logo(rng: random.Random, film: Film) -> list[Lettering]:
    text = rng.choice(LOGOS)
    size = min(film.size) * rng.uniform(0.035, 0.08)
    ink = Ink(rng.choice(BRIGHT), (0, 0, 0), rng.choice((0, 0, 0.05 * size)), 0, rng.uniform(0.3, 1))
    image = draw_row(text, choose_font(rng, _script_of(text)), size, ink)
    if rng.random() < 0.4:
        image = put_on_board(
            image, rng.choice(BOARDS), (0.3 * size, 0.2 * size), rng.uniform(0.4, 1), 0.2 * size
        )
    return [_in_corner(rng, film, "logo", text, image)]


def _draw_watermark(rng: random.Random, film: Film) -> list[Lettering]:
    text = rng.choice(MARKS)
    width, height = film.size
    size = min(width, height) * rng.uniform(0.04, 0.14)
    ink = Ink(rng.choice((WHITE, WHITE, (0, 0, 0), (200, 200, 200))), (0, 0, 0), 0, 0, rng.uniform(0.18, 0.6))
    image = fit_row(text, choose_font(rng, "latin"), size, ink, 0.9 * width)
    way = rng.choice(("middle", "slanted", "tiled", "corner", "low"))
    if way == "corner":
        return [_in_corner(rng, film, "watermark", text, image)]
    if way in ("slanted", "tiled"):
        image = _turn(image, rng.choice((-30, 30, -20, 45)))
    if way == "tiled":
        sheet = np.zeros((height, width, 4), np.uint8)
        if image.shape[1] > width / 2:
            image = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        gap = rng.uniform(1.1, 1.8)
        for row in range(6):
            for column in range(6):
                x = round((column + 0.5 * (row % 2) - 0.3) * gap * image.shape[1])
                sheet = lay_over(sheet, image, x, round(row * gap * image.shape[0]))
        return [still("watermark", text, sheet, (0, 0), film.span)]
    y = height * (rng.uniform(0.8, 0.93) if way == "low" else rng.uniform(0.4, 0.6))
    at = (width - image.shape[1]) / 2, y - image.shape[0] / 2
    return [still("watermark", text, image, at, film.span)]


def _draw_clock(rng: random.Random, film: Film) -> list[Lettering]:
    start = rng.randrange(86400)
    date = rng.choice(("2024-05-11", "11/05/2023", "05.11.2022", "2021年03月09日", "MON 14 JUN", ""))
    way = rng.choice(("clock", "timecode", "counter"))

    def write(seconds: float) -> str:
        now = start + seconds
        hours, minutes = int(now // 3600) % 24, int(now // 60) % 60
        if way == "counter":
            return f"{int(seconds // 60):02d}:{seconds % 60:05.2f}"
        if way == "timecode":
            frame = int(seconds * film.rate) % round(film.rate)
            return f"TCR {hours:02d}:{minutes:02d}:{int(now) % 60:02d}:{frame:02d}"
        return f"{date} {hours:02d}:{minutes:02d}:{int(now) % 60:02d}".strip()

    clock = _changing_row(rng, film, "clock", write, _script_of(date))
    if rng.random() < 0.4:
        text = rng.choice(PLACES)
        size = min(film.size) * rng.uniform(0.035, 0.05)
        image = draw_row(text, choose_font(rng, _script_of(text)), size, Ink(WHITE, (0, 0, 0), 0.06 * size))
        return [clock, _in_corner(rng, film, "place", text, image)]
    return [clock]


def _draw_dash_camera(rng: random.Random, film: Film) -> list[Lettering]:
    start, speed = rng.randrange(86400), rng.uniform(20, 110)
    north, east = rng.uniform(30, 60), rng.uniform(2, 30)
    maker = rng.choice(("", "ROADCAM X2 ", "DR-90 "))

    def write(seconds: float) -> str:
        now = int(start + seconds)
        driven = speed + 4 * np.sin(0.9 * seconds)
        place = f"N:{north + 0.0002 * seconds:.4f} E:{east + 0.0003 * seconds:.4f}"
        time = f"{now // 3600:02d}:{now // 60 % 60:02d}:{now % 60:02d}"
        return f"{maker}2023/04/11 {time} {driven:.0f}KM/H {place}"

    return [_changing_row(rng, film, "dash camera", write, "latin", at_foot=True)]


def _changing_row(
    rng: random.Random,
    film: Film,
    kind: str,
    write: Callable[[float], str],
    script: str,
    *,
    at_foot: bool = False,
) -> Lettering:
    """A row that says something else as time goes on, from the first frame to the last."""
    width, height = film.size
    size = min(width, height) * rng.uniform(0.035, 0.06)
    font = choose_font(rng, script, is_fixed=True)
    ink = Ink(rng.choice(BRIGHT), (0, 0, 0), rng.choice((0, 0.05, 0.09)) * size)
    first = fit_row(write(0), font, size, ink, 0.94 * width)
    size *= min(1, 0.94 * width / draw_row(write(0), font, size, ink).shape[1])
    place = rng.choice(("left", "left", "middle", "right"))
    x = {
        "left": 0.03 * width,
        "middle": (width - first.shape[1]) / 2,
        "right": 0.97 * width - first.shape[1],
    }[place]
    y = height * (rng.uniform(0.9, 0.95) if at_foot else rng.choice((0.03, 0.05, 0.85, 0.91)))
    drawn: dict[str, np.ndarray] = {}

    def draw(frame: int, _: np.ndarray) -> Patch:
        text = write(frame / float(film.rate))
        if text not in drawn:
            drawn[text] = draw_row(text, font, size, ink)
        return Patch(drawn[text], round(x), min(round(y), height - drawn[text].shape[0] - 2))

    return Lettering(kind, write(0), *film.span, draw)


def _draw_scores(rng: random.Random, film: Film) -> list[Lettering]:
    width, height = film.size
    size = min(width, height) * rng.uniform(0.035, 0.055)
    teams, board = rng.sample(TEAMS, 2), rng.choice(BOARDS)
    ink = Ink((15, 15, 15) if sum(board) > 500 else WHITE)
    font = choose_font(rng, "latin")
    scores = [rng.randrange(0, 7), rng.randrange(0, 7)]
    change, start = rng.randrange(len(film.frames)), rng.randrange(300, 5000)
    is_stacked = rng.random() < 0.5

    def paint(frame: int) -> np.ndarray:
        won = scores[0] + (frame >= change)
        now = start + int(frame / film.rate)
        texts = [f"{teams[0]}  {won}", f"{teams[1]}  {scores[1]}", f"{now // 60}:{now % 60:02d}"]
        if is_stacked:
            return draw_rows([draw_row(text, font, size, ink) for text in texts[:2]], 0.4 * size, "left")
        return draw_row(f"{texts[0]} - {scores[1]}  {teams[1]}   {texts[2]}", font, size, ink)

    sample = paint(0)
    frame_size = sample.shape[1] + round(1.2 * size), sample.shape[0] + round(0.8 * size)
    back = draw_board(*frame_size, board, rng.uniform(0.6, 1), rng.choice((0, 0.2)) * size)
    x = rng.choice((0.03 * width, (width - frame_size[0]) / 2))
    y = rng.choice((0.04 * height, 0.04 * height, 0.9 * height - frame_size[1]))

    def draw(frame: int, _: np.ndarray) -> Patch:
        return Patch(lay_over(back, paint(frame), round(0.6 * size), round(0.4 * size)), round(x), round(y))

    return [Lettering("scores", " ".join(teams), *film.span, draw)]


def _draw_name_board(rng: random.Random, film: Film) -> list[Lettering]:
    """Name and role on coloured boards, in the lower third, sliding or fading in and out."""
    width, height = film.size
    size = min(width, height) * rng.uniform(0.045, 0.07)
    font = choose_font(rng, "latin")
    name, role = rng.choice(NAMES), rng.choice(ROLES)
    board, other = rng.sample(BOARDS, 2)

    def ink(below: Colour) -> Ink:
        return Ink((15, 15, 15) if sum(below) > 500 else WHITE)

    pad, opacity = (0.5 * size, 0.25 * size), rng.choice((1, 1, 0.75, 0.5))
    upper = put_on_board(fit_row(name, font, size, ink(board), 0.7 * width), board, pad, opacity)
    lower = put_on_board(fit_row(role, font, 0.7 * size, ink(other), 0.7 * width), other, pad, opacity)
    image = draw_rows([upper, lower], rng.choice((0, 0, 0.1 * size)), "left")
    first, last = choose_span(rng, len(film.frames))
    x = width * rng.choice((0.05, 0.05, 0.08)) if rng.random() < 0.75 else (width - image.shape[1]) / 2
    y = height * rng.uniform(0.68, 0.8)
    ramp, slides = rng.choice((0, 5, 10)), rng.random() < 0.4

    def draw(frame: int, _: np.ndarray) -> Patch:
        share = ramp_at(frame, first, last, ramp)
        if slides:
            return Patch(image, round(x - (1 - share) * (x + image.shape[1])), round(y))
        return Patch(fade(image, share), round(x), round(y))

    return [Lettering("name board", f"{name}\n{role}", first, last, draw)]


def _draw_ticker(rng: random.Random, film: Film) -> list[Lettering]:
    width, height = film.size
    size = min(width, height) * rng.uniform(0.04, 0.055)
    board = rng.choice(BOARDS)
    ink = Ink((15, 15, 15) if sum(board) > 500 else WHITE)
    text = "   +++   ".join(rng.sample(NEWS, 3))
    row = draw_row(text, choose_font(rng, "latin"), size, ink)
    band = draw_board(width, round(1.7 * size), board, rng.uniform(0.7, 1))
    y = height - band.shape[0] - height * rng.choice((0, 0, 0.04))
    speed, start = width * rng.uniform(0.004, 0.012), width * rng.uniform(-0.3, 1)

    def draw(frame: int, _: np.ndarray) -> Patch:
        return Patch(
            lay_over(band, row, round(start - speed * frame), (band.shape[0] - row.shape[0]) // 2),
            0,
            round(y),
        )

    return [Lettering("ticker", text, *film.span, draw)]


def _draw_live_badge(rng: random.Random, film: Film) -> list[Lettering]:
    size = min(film.size) * rng.uniform(0.035, 0.05)
    text = rng.choice(("LIVE", "● LIVE", "REC", "EN DIRECT", "REPLAY", "BREAKING NEWS"))
    row = draw_row(text, choose_font(rng, "latin"), size, Ink())
    image = put_on_board(row, (200, 20, 30), (0.4 * size, 0.25 * size), 1, rng.choice((0, 0.2)) * size)
    return [_in_corner(rng, film, "badge", text, image)]


def _draw_game(rng: random.Random, film: Film) -> list[Lettering]:
    """Counters and hints of a game, at its corners and anywhere else."""
    width, height = film.size
    size = min(width, height) * rng.uniform(0.035, 0.06)
    font = choose_font(rng, "latin")
    ink = Ink(rng.choice(BRIGHT), (0, 0, 0), rng.choice((0, 0.06, 0.1)) * size)
    shown = []
    places = [(0.03, 0.04), (0.72, 0.04), (0.03, 0.88), (0.72, 0.88), (0.38, 0.1), (0.36, 0.7)]
    for (x, y), text in zip(rng.sample(places, rng.choice((2, 3, 4))), rng.sample(QUESTS, 4), strict=False):
        image = fit_row(text, font, size, ink, 0.26 * width)
        span = film.span if rng.random() < 0.6 else choose_span(rng, len(film.frames))
        at = x * width, y * height
        shown.append(still("game", text, image, at, span, ramp=rng.choice((0, 0, 4))))
    return shown


def _draw_phone(rng: random.Random, film: Film) -> list[Lettering]:
    """A telephone's or a network's own words around the picture."""
    width, height = film.size
    size = min(width, height) * rng.uniform(0.035, 0.05)
    font = choose_font(rng, "latin")
    ink = Ink(WHITE, (0, 0, 0), 0, rng.choice((0, 0.05)) * size)
    texts = rng.sample(POSTS, rng.choice((2, 3, 4)))
    rows = [fit_row(text, font, size, ink, 0.7 * width) for text in texts]
    y = height * 0.95 - sum(row.shape[0] + 0.5 * size for row in rows)
    shown = []
    for text, row in zip(texts, rows, strict=True):
        shown.append(still("phone", text, row, (0.04 * width, y), film.span))
        y += row.shape[0] + 0.5 * size
    clock = fit_row("14:07", font, size, ink, width)
    return [*shown, still("phone", "14:07", clock, (0.05 * width, 0.02 * height), film.span)]


def _in_corner(rng: random.Random, film: Film, kind: str, text: str, image: np.ndarray) -> Lettering:
    """In one of the corners for the whole film."""
    width, height = film.size
    margin = min(width, height) * rng.uniform(0.03, 0.07)
    x = rng.choice((margin, width - margin - image.shape[1]))
    y = rng.choice((margin, margin, height - margin - image.shape[0]))
    return still(kind, text, image, (x, y), film.span)


def _turn(image: np.ndarray, degrees: float) -> np.ndarray:
    """An (h, w, 4) drawing, turned, with all of it kept."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    size = round(width * cos + height * sin), round(width * sin + height * cos)
    matrix[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    flat = image.copy()
    flat[..., :3] = image[image[..., 3] == image[..., 3].max()][0, :3]
    return cv2.warpAffine(flat, matrix, size, flags=cv2.INTER_LINEAR)


def _script_of(text: str) -> str:
    """A script whose fonts have all letters of a short text."""
    if any("぀" <= char <= "鿿" for char in text):
        return (
            "ja"
            if "ja" in list_scripts() and "駐" in text
            else "hans"
            if "hans" in list_scripts()
            else "latin"
        )
    if any("Ͱ" <= char <= "Ͽ" for char in text):
        return "el"
    return "cyr" if any("Ѐ" <= char <= "ӿ" for char in text) else "latin"

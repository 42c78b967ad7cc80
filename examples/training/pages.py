"""Films that are mostly lettering: slides, software, title cards, opening titles and end credits.

Nothing in them is a subtitle; those that `cues` may lay over them come later.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from camera import Film
from lettering import (
    Colour,
    Font,
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
from titles import draw_title, still
from wordings import BULLETS, BUTTONS, CODE, CREDITS, MENUS, NAMES, TITLES, choose_script

SIZES = ((640, 360), (854, 480), (960, 540), (640, 480), (480, 854), (720, 720), (720, 404))
RATES = (Fraction(24), Fraction(24000, 1001), Fraction(25), Fraction(30), Fraction(15), Fraction(30000, 1001))

THEMES: tuple[tuple[Colour, Colour, Colour], ...] = (
    *(((255, 255, 255), (30, 30, 30), (20, 70, 160)), ((250, 248, 240), (50, 40, 30), (160, 50, 30))),
    *(((18, 22, 34), (235, 235, 240), (255, 200, 60)), ((20, 60, 120), (255, 255, 255), (255, 230, 110))),
    *(((236, 240, 244), (40, 50, 60), (0, 120, 110)), ((40, 42, 46), (220, 220, 220), (120, 200, 255))),
)
"""Ground, text and accent."""

BLACK: Colour = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Board:
    """What is written upon: the measures of a film that is drawn here."""

    size: tuple[int, int]
    rate: Fraction
    count: int
    """Frames it is to have."""


def draw_pages(rng: random.Random, clip: Film) -> tuple[Film, list[Lettering]]:
    """A film of one kind and what is written in it; some show a clip behind or beside the lettering."""
    board = Board(rng.choice(SIZES), rng.choice(RATES), rng.randrange(60, 150))
    kinds: dict[Callable[[random.Random, Board, Film], tuple[list[np.ndarray], list[Lettering]]], int] = {
        **{
            _draw_slides: 5,
            _draw_screen: 3,
            _draw_cards: 3,
            _draw_titles: 2,
            _draw_credits: 2,
            _draw_roll: 1,
        },
    }
    draw = rng.choices(list(kinds), list(kinds.values()))[0]
    frames, lettering = draw(rng, board, clip)
    return Film(frames, board.rate, clip.name, tuple(_find_page_turns(lettering, board.count))), lettering


def _draw_slides(rng: random.Random, board: Board, clip: Film) -> tuple[list[np.ndarray], list[Lettering]]:
    """Pages with a heading and bullets; they turn at once, fade or push, and points may come one by one."""
    width, height = board.size
    ground, ink_colour, accent = rng.choice(THEMES)
    script = choose_script(rng, list_scripts())
    font = choose_font(rng, script)
    size = min(width, height) * rng.uniform(0.05, 0.075)
    way = rng.choice(("cut", "cut", "fade", "push"))
    one_by_one = rng.random() < 0.4
    centred = rng.random() < 0.2
    frames = [_paper(board, ground, accent, rng.choice((0, 1, 2)))] * board.count
    lettering: list[Lettering] = []
    for first, last in _pages(rng, board.count):
        y = 0.08 * height
        rows = [(rng.choice(BULLETS[script]), 1.4 * size, accent)]
        rows += [
            (text, size, ink_colour)
            for text in rng.sample(BULLETS[script], min(len(BULLETS[script]), rng.randint(1, 5)))
        ]
        for index, (text, row_size, colour) in enumerate(rows):
            mark = "• " if index and script != "hi" and not centred else ""
            image = fit_row(mark + text, font, row_size, Ink(colour), 0.86 * width)
            x = (width - image.shape[1]) / 2 if centred else (0.07 if not index else 0.1) * width
            if y + image.shape[0] > 0.97 * height:
                break
            begin = first + (index * (last - first) // (len(rows) + 1) if one_by_one else 0)
            lettering.append(
                _turning(text, image, (x, y), (begin, last), way=way if first else "cut", width=width)
            )
            y += image.shape[0] + row_size * rng.uniform(0.6, 0.9)
        if rng.random() < 0.6:
            foot = draw_row(f"{len(lettering)} / {rng.randint(20, 60)}", font, 0.55 * size, Ink(ink_colour))
            lettering.append(still("page", "page number", foot, (0.9 * width, 0.94 * height), (first, last)))
    if rng.random() < 0.4:
        lettering.append(_pointer(rng, board))
    if rng.random() < 0.35:
        frames = _with_speaker(rng, frames, clip)
    return frames, lettering


def _draw_screen(rng: random.Random, board: Board, clip: Film) -> tuple[list[np.ndarray], list[Lettering]]:
    """A window of a program: menu, lines that are typed or scrolled, a dialogue that opens, a pointer."""
    width, height = board.size
    ground, ink_colour, accent = rng.choice(THEMES)
    size = min(width, height) * rng.uniform(0.032, 0.045)
    ink = Ink(ink_colour)
    plain, fixed = choose_font(rng, "latin"), choose_font(rng, "latin", is_fixed=True)
    lettering: list[Lettering] = []
    last = board.count - 1
    x = 0.02 * width
    for text in rng.sample(MENUS, 5):
        image = draw_row(text, plain, size, ink)
        lettering.append(still("page", text, image, (x, 0.02 * height), (0, last)))
        x += image.shape[1] + size
    step, y, lines = 1.5 * size, 0.1 * height, rng.sample(CODE, len(CODE))
    begin, pace = 0, rng.choice((0, 4, 9))
    is_scrolled = rng.random() < 0.3
    for text in lines:
        if y > 0.92 * height:
            break
        image = draw_row(text.strip(), fixed, size, Ink(rng.choice((ink_colour, ink_colour, accent))))
        x = 0.05 * width + 0.6 * size * (len(text) - len(text.lstrip()))
        if is_scrolled:
            lettering.append(_scrolling("page", text, image, (x, y), board.count, speed=-step / 12))
        elif pace and begin + len(text) // 2 < last:
            lettering.append(_typed(text.strip(), image, (x, y), (begin, last)))
            begin += pace + len(text) // 2
        else:
            lettering.append(still("page", text, image, (x, y), (0, last)))
        y += step
    if rng.random() < 0.5:
        text = rng.choice(BUTTONS)
        button = put_on_board(
            draw_row(text, plain, 1.2 * size, Ink((255, 255, 255))), accent, (size, 0.5 * size), 1, 0.3 * size
        )
        box = put_on_board(button, (225, 228, 232), (3 * size, 1.5 * size), 1, 0.4 * size)
        first = rng.randrange(5, max(6, board.count // 2))
        at = (width - box.shape[1]) / 2, height * rng.uniform(0.3, 0.7)
        lettering.append(still("page", text, box, at, (first, min(last, first + rng.randrange(20, 80)))))
    lettering.append(_pointer(rng, board))
    bar = tuple(int(0.85 * level + 20) for level in ground)
    paper = _paper(board, ground, accent, 0)
    paper[: round(0.075 * height)] = bar
    frames = [paper] * board.count
    return (_with_speaker(rng, frames, clip) if rng.random() < 0.25 else frames), lettering


def _draw_cards(rng: random.Random, board: Board, _: Film) -> tuple[list[np.ndarray], list[Lettering]]:
    """Title cards on one colour, one after the other, at once or fading; some framed as of old."""
    width, height = board.size
    script = choose_script(rng, list_scripts())
    font = choose_font(rng, script)
    ground = rng.choice((BLACK, BLACK, (12, 14, 30), (30, 8, 10), (240, 238, 230)))
    size = min(width, height) * rng.uniform(0.055, 0.12)
    ink = Ink(
        (20, 20, 20) if sum(ground) > 500 else rng.choice(((255, 255, 255), (235, 225, 200), (255, 215, 90)))
    )
    ramp = rng.choice((0, 0, 6, 14))
    paper = _paper(board, ground, ink.fill, 0)
    if rng.random() < 0.3:
        inset = round(0.06 * height)
        cv2.rectangle(paper, (inset, inset), (width - inset, height - inset), ink.fill, 2)
    lettering = []
    for first, last in _pages(rng, board.count):
        texts = rng.choice(TITLES[script] + BULLETS[script]).split("\n")
        texts = [row for text in texts for row in _break(text, 18)]
        rows = [fit_row(text, font, size, ink, 0.8 * width) for text in texts]
        image = draw_rows(rows, 0.4 * size)
        y = (height - image.shape[0]) / 2 + height * rng.choice((0, 0, 0.15, -0.15))
        gap = 0 if ramp == 0 else rng.randrange(0, 6)
        span = first, max(first, last - gap)
        at = (width - image.shape[1]) / 2, y
        lettering.append(still("title", "\n".join(texts), image, at, span, ramp=ramp))
    return [paper] * board.count, lettering


def _draw_titles(rng: random.Random, board: Board, clip: Film) -> tuple[list[np.ndarray], list[Lettering]]:
    """A title over a picture that the camera draws near to, or that is dimmed or blurred."""
    width, height = board.size
    picture = cv2.resize(rng.choice(clip.frames), (width, height), interpolation=cv2.INTER_CUBIC)
    dim, blur, growth = rng.choice((1, 0.7, 0.4)), rng.choice((0, 0, 6)), rng.choice((0.0004, 0.001, 0.002))
    if blur:
        picture = cv2.GaussianBlur(picture, (0, 0), blur)
    noise = np.random.default_rng(rng.randrange(1 << 30))
    frames = []
    for index in range(board.count):
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 0, 1.02 + growth * index)
        seen = dim * cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LINEAR).astype(
            np.float32
        )
        seen += noise.normal(0, 1.5, (height, width, 1))
        frames.append(np.rint(np.clip(seen, 0, 255)).astype(np.uint8))
    return frames, draw_title(rng, Film(frames, board.rate, clip.name))


def _draw_credits(rng: random.Random, board: Board, _: Film) -> tuple[list[np.ndarray], list[Lettering]]:
    """End credits in blocks that stand, one after the other."""
    width, height = board.size
    font, size = choose_font(rng, "latin"), min(width, height) * rng.uniform(0.04, 0.055)
    ramp = rng.choice((0, 5, 12))
    align = rng.choice(("center", "center", "left"))
    lettering = []
    for first, last in _pages(rng, board.count):
        image = _credit_block(rng, font, size, rng.randint(2, 5), align=align, width=width)
        x = (width - image.shape[1]) / 2 if align == "center" else 0.12 * width
        at = x, (height - image.shape[0]) / 2
        lettering.append(still("credits", "credits", image, at, (first, last), ramp=ramp))
    return [_paper(board, BLACK, BLACK, 0)] * board.count, lettering


def _draw_roll(rng: random.Random, board: Board, _: Film) -> tuple[list[np.ndarray], list[Lettering]]:
    """End credits that roll up."""
    width, height = board.size
    font, size = choose_font(rng, "latin"), min(width, height) * rng.uniform(0.04, 0.055)
    image = _credit_block(rng, font, size, 14, align="center", width=width)
    speed = -height * rng.uniform(0.006, 0.02)
    at = (width - image.shape[1]) / 2, 0.6 * height
    roll = _scrolling("credits", "credits", image, at, board.count, speed=speed)
    return [_paper(board, BLACK, BLACK, 0)] * board.count, [roll]


def _credit_block(
    rng: random.Random, font: Font, size: float, count: int, *, align: str, width: int
) -> np.ndarray:
    rows = []
    for _ in range(count):
        rows.append(fit_row(rng.choice(CREDITS), font, 0.75 * size, Ink((190, 190, 190)), 0.8 * width))
        rows.append(fit_row(rng.choice(NAMES).upper(), font, size, Ink(), 0.8 * width))
    return draw_rows(rows, 0.45 * size, align)


def _pages(rng: random.Random, count: int) -> Iterator[tuple[int, int]]:
    """First and last frame of each page."""
    first = 0
    while first < count:
        last = first + rng.randrange(18, 60)
        last = count - 1 if count - 1 - last < 12 else last
        yield first, last
        first = last + 1


def _find_page_turns(lettering: list[Lettering], count: int) -> list[int]:
    """First frames of pages where all lettering that comes and goes changes at once, as at a cut."""
    starts = {other.first for other in lettering if other.kind in ("page", "title", "credits")}
    ends = {other.last + 1 for other in lettering if other.kind in ("page", "title", "credits")}
    standing = [other for other in lettering if other.kind == "page"]
    return sorted(
        turn
        for turn in starts & ends
        if 0 < turn < count and not any(other.first < turn <= other.last for other in standing)
    )


def _turning(
    text: str, image: np.ndarray, at: tuple[float, float], span: tuple[int, int], *, way: str, width: int
) -> Lettering:
    """What comes as its page does: at once, fading in, or pushed in from the right."""
    x, y = (round(place) for place in at)

    def draw(frame: int, _: np.ndarray) -> Patch:
        share = 1.0 if way == "cut" else min(1.0, (frame - span[0] + 1) / 8)
        if way == "push":
            return Patch(image, x + round((1 - share) * width), y)
        return Patch(fade(image, share), x, y)

    return Lettering("page", text, *span, draw)


def _scrolling(
    kind: str, text: str, image: np.ndarray, at: tuple[float, float], count: int, *, speed: float
) -> Lettering:
    """What moves down by `speed` px a frame, through all `count` frames."""

    def draw(frame: int, _: np.ndarray) -> Patch:
        return Patch(image, round(at[0]), round(at[1] + speed * frame))

    return Lettering(kind, text, 0, count - 1, draw)


def _typed(text: str, image: np.ndarray, at: tuple[float, float], span: tuple[int, int]) -> Lettering:
    """A row that is typed, two letters a frame."""

    def draw(frame: int, _: np.ndarray) -> Patch:
        shown = min(1.0, 2 * (frame - span[0] + 1) / max(1, len(text)))
        return Patch(image[:, : max(1, round(shown * image.shape[1]))], round(at[0]), round(at[1]))

    return Lettering("page", text, *span, draw)


def _pointer(rng: random.Random, board: Board) -> Lettering:
    """A mouse pointer that goes from place to place."""
    width, height = board.size
    stops = [(rng.uniform(0.1, 0.9) * width, rng.uniform(0.1, 0.9) * height) for _ in range(5)]
    shape = np.int32([[2, 2], [2, 18], [6, 14], [9, 21], [12, 20], [9, 13], [14, 13]])
    image = np.zeros((24, 18, 4), np.uint8)
    cv2.fillPoly(image, [shape], (255, 255, 255, 255), cv2.LINE_AA)
    cv2.polylines(image, [shape], True, (0, 0, 0, 255), 1, cv2.LINE_AA)

    def draw(frame: int, _: np.ndarray) -> Patch:
        part = frame / board.count * (len(stops) - 1)
        share = min(1.0, 2 * (part % 1))
        one, other = stops[int(part)], stops[int(part) + 1]
        return Patch(image, *(round(a + share * (b - a)) for a, b in zip(one, other, strict=True)))

    return Lettering("pointer", "", 0, board.count - 1, draw)


def _paper(board: Board, ground: Colour, accent: Colour, ornament: int) -> np.ndarray:
    """(H, W, 3) uint8: a page without words. Ornament: 0 = none, 1 = a band at the foot, 2 = shaded."""
    width, height = board.size
    paper = np.full((height, width, 3), ground, np.uint8)
    if ornament == 1:
        paper[round(0.96 * height) :] = accent
    if ornament == 2:
        shade = np.linspace(1, 0.82, height)[:, None, None]
        paper = np.rint(paper * shade).astype(np.uint8)
    return paper


def _with_speaker(rng: random.Random, frames: list[np.ndarray], clip: Film) -> list[np.ndarray]:
    """The frames with a clip in a corner, as a speaker is shown."""
    height, width = frames[0].shape[:2]
    side = round(0.3 * min(width, height))
    left, top = rng.choice((width - side - 8, 8)), rng.choice((height - side - 8, height - side - 8, 8))
    disc = draw_board(side, side, (255, 255, 255), 1, rng.choice((0, side / 2)))
    result = []
    for index, frame in enumerate(frames):
        # Back and forth, so that the speaker does not jump where the clip ends.
        turn = index % (2 * len(clip.frames) - 1)
        seen = clip.frames[min(turn, 2 * len(clip.frames) - 2 - turn)]
        crop = min(seen.shape[:2])
        y, x = (seen.shape[0] - crop) // 2, (seen.shape[1] - crop) // 2
        face = disc.copy()
        face[..., :3] = cv2.resize(
            seen[y : y + crop, x : x + crop], (side, side), interpolation=cv2.INTER_AREA
        )
        opaque = np.dstack([frame, np.full((height, width), 255, np.uint8)])
        result.append(lay_over(opaque, face, left, top)[..., :3])
    return result


def _break(text: str, letters: int) -> list[str]:
    """Rows of about that many letters, broken between words where there are any."""
    rows = [""]
    for word in text.split(" "):
        if rows[-1] and len(rows[-1]) + len(word) > letters:
            rows.append("")
        rows[-1] = f"{rows[-1]} {word}".strip()
    return rows

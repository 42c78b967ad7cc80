"""Words that the tables of hard cases are written in."""

from __future__ import annotations

from functools import partial

from case_drawings import Plate, Text
from case_film import Thing
from sample_subtitles import LINE_SPACING, Colour, Style

OUTLINED = Style(outline=0.09)
BOLD = partial(Style, bold=0.035)


def at(x: float, y: float) -> tuple[tuple[float, float, float], ...]:
    """The path of what stays where it is."""
    return ((0, x, y),)


def subtitle(
    text: str | Text,
    first: int,
    last: int,
    style: Style = OUTLINED,
    *,
    y: float = 0.95,
    fade_frames: tuple[int, int] = (0, 0),
) -> Thing:
    """A subtitle in the middle whose last line ends at height y; a Text has a style of its own."""
    drawing = Text(text, style) if isinstance(text, str) else text
    top = y - LINE_SPACING * drawing.size * (drawing.text.count("\n") + 1)
    return Thing(drawing, at(0.5, top), first, last, fade_frames, "subtitle")


def sign(text: str, x: float, y: float) -> tuple[Thing, ...]:
    """A painted board on the wall."""
    lettering = Text(text, BOLD(fill=(238, 230, 205), box=(24, 60, 52), box_alpha=1.0), 0.07)
    return (Thing(lettering, at(x, y)),)


def board(letter: str, path: tuple[tuple[float, float, float], ...]) -> tuple[Thing, ...]:
    """A wooden block with a letter on it that goes along a path."""
    wood: Colour = (206, 164, 104)
    block = Thing(Plate(0.16, 0.16, wood), path)
    on_block = tuple((frame, x, y + 0.012) for frame, x, y in path)
    return block, Thing(Text(letter, BOLD(fill=(120, 30, 24)), 0.12), on_block)

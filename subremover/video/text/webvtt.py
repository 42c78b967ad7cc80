"""WebVTT files and cues, which browsers show."""

from __future__ import annotations

import html
from collections.abc import Sequence

from subremover.plan.cue_text import split_tags
from subremover.plan.cues import Cue
from subremover.plan.model import Colour
from subremover.video.text.layout import Layout
from subremover.video.text.stamps import round_span, write_stamp

RATE = 1000
"""Ticks a second."""
# Classes that players know without a style sheet.
_COLOURS: dict[str, Colour] = {
    "white": (255, 255, 255),
    "lime": (0, 255, 0),
    "cyan": (0, 255, 255),
    "red": (255, 0, 0),
    "yellow": (255, 255, 0),
    "magenta": (255, 0, 255),
    "blue": (0, 0, 255),
    "black": (0, 0, 0),
}


def format_webvtt(cues: Sequence[Cue], size: tuple[int, int], *, speaker_colours: bool = False) -> str:
    """The text of a WebVTT file.

    Args:
        cues: By start.
        size: Width and height of the upright picture, in px.
        speaker_colours: Whether to say the colour of cues that have another one than most.
    """
    layout = Layout.of(cues, size)
    return "WEBVTT\n" + "".join(
        "\n{} --> {}{}\n{}\n".format(
            *(write_stamp(ticks, RATE, ".") for ticks in round_span(cue, RATE)),
            "" if layout.is_bottom_centre(cue) else _write_settings(cue, size),
            mark_up(cue, layout if speaker_colours else None),
        )
        for cue in cues
    )


def mark_up(cue: Cue, layout: Layout | None = None) -> str:
    """What a cue says, with its colour where it is not the layout's."""
    parts = split_tags(cue.text)
    text = "".join(part if n % 2 else html.escape(part, quote=False) for n, part in enumerate(parts))
    if layout is None or cue.colour is None or not layout.is_speakers_colour(cue):
        return text
    colour = cue.colour
    name = min(_COLOURS, key=lambda name: _distance(_COLOURS[name], colour))
    return f"<c.{name}>{text}</c>"


def _write_settings(cue: Cue, size: tuple[int, int]) -> str:
    """Where a cue stands: its top edge, and the side on which its rows are flush, or their middle."""
    assert cue.box is not None  # a cue without a place stands at the bottom centre
    width, height = size
    box = cue.box
    x = {"left": box.x, "centre": (box.x + box.right) / 2, "right": box.right}[cue.alignment]
    align = {"left": "left", "centre": "center", "right": "right"}[cue.alignment]
    return f" line:{100 * box.y / height:.1f}% position:{100 * x / width:.1f}% align:{align}"


def _distance(one: Colour, other: Colour) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))

"""SRT files and cues, in plain form; how files of others are read: `read_srt`."""

from __future__ import annotations

from collections.abc import Sequence

from subremover.plan.cues import Cue
from subremover.plan.model import write_colour
from subremover.video.text.layout import Layout
from subremover.video.text.stamps import round_span, write_stamp

RATE = 1000
"""Ticks a second."""


def format_srt(cues: Sequence[Cue], size: tuple[int, int], *, speaker_colours: bool = False) -> str:
    """The text of an SRT file with these cues, numbered from 1.

    Args:
        cues: By start.
        size: Width and height of the upright picture, in px.
        speaker_colours: Whether to say the colour of cues that have another one than most.
    """
    layout = Layout.of(cues, size) if speaker_colours else None
    return "\n".join(
        "{}\n{} --> {}\n{}\n".format(
            number,
            *(write_stamp(ticks, RATE, ",") for ticks in round_span(cue, RATE)),
            mark_up(cue, layout),
        )
        for number, cue in enumerate(cues, 1)
    )


def mark_up(cue: Cue, layout: Layout | None = None) -> str:
    """What a cue says, with its colour where it is not the layout's."""
    if layout is None or cue.colour is None or not layout.is_speakers_colour(cue):
        return cue.text
    return f'<font color="{write_colour(cue.colour)}">{cue.text}</font>'

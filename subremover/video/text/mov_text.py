"""Cues as text tracks of mp4 and mov hold them: 3GPP timed text, by FFmpeg's name mov_text.

FFmpeg's encoder is not asked: it takes braces for those of ASS, however they are escaped.
"""

from __future__ import annotations

import struct

from subremover.plan.cue_text import split_tags
from subremover.plan.cues import Cue
from subremover.video.text.layout import WHITE, Layout

HEADER = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Alignment
Style: Default,Arial,16,&Hffffff,2

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
"""Of an ASS file, out of which FFmpeg makes the style that every such track must state."""
_FONT, _FONT_SIZE = 1, 16
"""Those of the style."""
_ITALIC = 2
_MOST = 0xFFFF
"""Bytes of a text, and runs of letters that look otherwise."""


def pack_cue(cue: Cue, layout: Layout | None = None) -> bytes:
    """A cue as its packet: the text, and which of its letters are slanted or coloured.

    Args:
        cue: With a text of at most 64 KiB; of a longer one the end is lost.
        layout: Tells whether its colour is another one than most; None: all are white.
    """
    is_coloured = layout is not None and cue.colour is not None and layout.is_speakers_colour(cue)
    colour = cue.colour if is_coloured and cue.colour is not None else WHITE
    text, is_slanted, runs = "", False, []
    for number, part in enumerate(split_tags(cue.text)):
        if number % 2:
            is_slanted = part == "<i>"
        elif part:
            start, text = len(text), text + part
            if is_slanted or is_coloured:
                span = (
                    min(start, _MOST),
                    min(len(text), _MOST),
                    _FONT,
                    _ITALIC * is_slanted,
                    _FONT_SIZE,
                    *colour,
                    255,
                )
                runs.append(struct.pack(">HHHBB4B", *span))
    data, runs = text.encode()[:_MOST].decode(errors="ignore").encode(), runs[:_MOST]
    styles = struct.pack(">I4sH", 10 + 12 * len(runs), b"styl", len(runs)) + b"".join(runs) if runs else b""
    return struct.pack(">H", len(data)) + data + styles

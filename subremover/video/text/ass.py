"""ASS files and cues, which say where a cue stands and in which colour."""

from __future__ import annotations

from collections.abc import Sequence

from subremover.geometry import Box
from subremover.plan.cue_text import split_tags
from subremover.plan.cues import Alignment, Cue
from subremover.plan.model import Colour
from subremover.video.text.layout import Layout, find_row_px
from subremover.video.text.stamps import round_span, write_stamp

RATE = 100
"""Ticks a second."""
OUTLINE = 0.06
"""Width of the letters' outline, as a share of a row."""
_WORD_JOINER = "\u2060"
_TAGS = {"<i>": "{\\i1}", "</i>": "{\\i0}"}


def format_ass(cues: Sequence[Cue], size: tuple[int, int]) -> str:
    """The text of an ASS file: cues at the usual place by the style alone, the others where they stand.

    Args:
        cues: By start.
        size: Width and height of the upright picture, in px.
    """
    layout = Layout.of(cues, size)
    return write_header(layout) + "".join(
        "Dialogue: 0,{},{},Default,,0,0,0,,{}\n".format(
            *(write_stamp(ticks, RATE, ".", hour_digits=1) for ticks in round_span(cue, RATE)),
            mark_up(cue, layout),
        )
        for cue in cues
    )


def write_header(layout: Layout) -> str:
    """An ASS file up to its cues."""
    margin = max(0, layout.height - layout.bottom)
    style = ",".join(
        (
            *("Default", "Arial", f"{layout.row_px:.0f}", f"&H00{_write_colour(layout.colour)}"),
            *("&H000000FF", "&H00000000", "&H80000000", "0,0,0,0,100,100,0,0,1"),
            *(f"{OUTLINE * layout.row_px:.1f}", "0", "2", "0", "0", str(margin), "1"),
        )
    )
    return (
        "[Script Info]\n"
        "ScriptType: v4.00+\n"
        f"PlayResX: {layout.width}\n"
        f"PlayResY: {layout.height}\n"
        "ScaledBorderAndShadow: yes\n"
        "\n"
        "[V4+ Styles]\n"
        "Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, "
        "Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, "
        "Alignment, MarginL, MarginR, MarginV, Encoding\n"
        f"Style: {style}\n"
        "\n"
        "[Events]\n"
        "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    )


def mark_up(cue: Cue, layout: Layout) -> str:
    """What a cue says, with its place and colour where these are not the usual ones."""
    is_usual = layout.is_usual(cue) and cue.alignment == "centre"
    place = "" if is_usual or cue.box is None else _place(cue.box, cue.alignment)
    size = ""
    if cue.box is not None and not layout.is_usual_size(cue):
        size = f"\\fs{find_row_px(cue.text, cue.box):.0f}"
    tags = place + size + _colour(cue, layout)
    return (f"{{{tags}}}" if tags else "") + _escape(cue.text)


def pack_cue(cue: Cue, layout: Layout, number: int) -> bytes:
    """A cue as its packet in Matroska, which has its times itself.

    Args:
        cue: What to say.
        layout: Of the header.
        number: Of the cue, in order of time.
    """
    return f"{number},0,Default,,0,0,0,,{mark_up(cue, layout)}".encode()


def _escape(text: str) -> str:
    """A text for ASS that obeys nothing in it but `<i>`."""
    parts = split_tags(text)
    for place, part in enumerate(parts):
        # As FFmpeg has it: libass takes a brace behind a backslash for itself; to players that do not, the
        # empty override that follows ends the one that they see begin. A backslash alone begins nothing.
        joined = part.replace("\\", "\\" + _WORD_JOINER).replace("{", "\\{{}")
        parts[place] = _TAGS[part] if place % 2 else joined
    return "".join(parts).replace("\n", "\\N")


def _colour(cue: Cue, layout: Layout) -> str:
    """The override of a cue's colour; none where that is the usual one."""
    if cue.colour is None or layout.is_usual_colour(cue):
        return ""
    return f"\\c&H{_write_colour(cue.colour)}&"


def _place(box: Box, alignment: Alignment) -> str:
    """The override of a cue's place, by the middle of its height, where fonts differ the least."""
    anchor, x = {"left": (4, box.x), "centre": (5, (box.x + box.right) // 2), "right": (6, box.right)}[
        alignment
    ]
    return f"\\an{anchor}\\pos({x},{(box.y + box.bottom) // 2})"


def _write_colour(colour: Colour) -> str:
    """A colour as ASS has it: blue, green, red."""
    red, green, blue = colour
    return f"{blue:02X}{green:02X}{red:02X}"

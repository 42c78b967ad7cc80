"""Writes cues to a file, in the format that its name asks for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from subremover.errors import UsageError
from subremover.plan.cues import Cue
from subremover.runtime.atomic_file import new_file
from subremover.video.text.ass import format_ass
from subremover.video.text.srt import format_srt
from subremover.video.text.webvtt import format_webvtt

SUFFIXES = (".srt", ".vtt", ".ass")
"""Of the names of subtitle files that can be written."""


def write_subtitles(
    cues: Sequence[Cue], file: Path, size: tuple[int, int], *, speaker_colours: bool = False
) -> None:
    """Write a subtitle file, in UTF-8; one that exists is replaced.

    Args:
        cues: By start.
        file: Where to; its name ends with .srt, .vtt or .ass.
        size: Width and height of the upright picture, in px.
        speaker_colours: Whether to say the colour of cues that have another one than most; ASS always does.

    Raises:
        UsageError: The name ends otherwise.
        OutputError: It cannot be written.
    """
    check_subtitle_name(file)
    match file.suffix.lower():
        case ".vtt":
            text = format_webvtt(cues, size, speaker_colours=speaker_colours)
        case ".ass":
            text = format_ass(cues, size)
        case _:
            text = format_srt(cues, size, speaker_colours=speaker_colours)
    with new_file(file) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def check_subtitle_name(file: Path) -> None:
    """Check that a file's name says in which format cues are to be written.

    Raises:
        UsageError: It does not.
    """
    if file.suffix.lower() not in SUFFIXES:
        raise UsageError(f"'{file}' names no kind of subtitle file; let it end with .srt, .vtt or .ass")

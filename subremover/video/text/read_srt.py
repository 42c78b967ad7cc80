"""Reads SRT files in all the forms that are about. FFmpeg does the parsing."""

from __future__ import annotations

import re
from pathlib import Path

from subremover.errors import PlanError
from subremover.plan.cues import Cue
from subremover.runtime.paths import read_small_file
from subremover.video.text.text_track import parse_srt

_MOST_BYTES = 16 * 2**20
"""Size of the largest file that is read, in bytes; the longest films have some 3,000 cues in 300 kB."""
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe\0\0", "utf-32"), (b"\xff\xfe", "utf-16"))
_TAG = re.compile(r"<[^<>\n]{1,80}>|\{\\[^{}\n]{1,80}\}")
_REMEDY = "give a SubRip file (.srt)"


def read_srt(file: Path) -> tuple[Cue, ...]:
    """Read an SRT file.

    Understood are UTF-8, UTF-16, UTF-32, Windows-1251 and Windows-1252; CR LF; times with a dot; cues without
    a number, with a position behind the times, or with blank lines in their text.

    Args:
        file: Of at most `_MOST_BYTES`.

    Returns:
        The cues by start, without tags; those that do not end after they start are left out.

    Raises:
        PlanError: It cannot be read, is too large, or has no cue.
    """
    data = read_small_file(file, "the times", _REMEDY, _MOST_BYTES)
    found = parse_srt(_decode(data))
    cues = tuple(Cue(start, end, _TAG.sub("", text)) for start, end, text in found if 0 <= start < end)
    if not cues:
        raise PlanError(f"no subtitle was found in '{file}'; {_REMEDY}")
    return cues


def _decode(data: bytes) -> str:
    """The text in whichever encoding it is, told by its mark or by what the bytes look like."""
    name = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    if data.startswith((b"\0\0\xfe\xff", b"\xfe\xff")):
        name = "utf-32" if data[0] == 0 else "utf-16"
    if name is None and data[:2000].count(0) > len(data[:2000]) // 4:
        name = "utf-16-be" if data[0] == 0 else "utf-16-le"
    if name is None:
        try:
            return data.decode()
        except UnicodeDecodeError:
            name = _guess_codepage(data)
    return data.decode(name, errors="replace")


def _guess_codepage(data: bytes) -> str:
    """Windows-1251 or 1252: Cyrillic words are runs of high bytes, western ones have them amid ASCII."""
    high = re.findall(rb"[\xa8\xb8\xc0-\xff]+", data)
    return "cp1251" if sum(map(len, high)) > 2 * len(high) else "cp1252"

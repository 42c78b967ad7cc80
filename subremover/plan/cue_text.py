"""What texts of subtitles have in common, and how they are put together; in any script.

Their only mark-up are `<i>` and `</i>`, in pairs within a row.
"""

from __future__ import annotations

import functools
import re
import unicodedata

MOST_LETTERS = 42
"""Of a usual line."""
WIDE = MOST_LETTERS / 20
"""Letters that a Chinese, Japanese or Korean one counts for: 20 of them are a usual line."""
LEAST_LETTERS = 8
"""Shorter texts are the same only where they are the same letter by letter."""
LETTERS_A_SLIP, MOST_SLIPS = 12, 6
"""Letters of a text for each that may have been read otherwise; one always may, and no more than so many."""
_TAG = re.compile(r"(</?i>)")
_SENTENCE_END = re.compile(r"[.?!…。？！؟।۔]['\")\]»”’」』]*$")  # noqa: RUF001
# Chinese, Japanese, Thai, Lao, Burmese and Khmer put no spaces between words; Korean does.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef"
_UNSPACED_START = re.compile(f"[{_UNSPACED}\U00020000-\U0003ffff]")
_UNSPACED_END = re.compile(f"[{_UNSPACED}\U00020000-\U0003ffff]$")
_LETTERS_A_WORD = 3
"""Of a script without spaces."""


def clean_text(text: str) -> str:
    """A text as a cue can hold it: its rows, without empty ones, control characters and tags without a pair.

    What SRT takes for times is none any more.
    """
    rows = (
        "".join(c for c in row if unicodedata.category(c) not in ("Cc", "Cs")).replace("-->", "->").strip()
        for row in text.splitlines()
    )
    return "\n".join(_pair_tags(row) for row in rows if strip_tags(row).strip())


def strip_tags(text: str) -> str:
    """A text without `<i>` and `</i>`."""
    return _TAG.sub("", text)


def split_tags(text: str) -> list[str]:
    """A text cut at its tags; those at the odd places are tags."""
    return _TAG.split(text)


def is_same_text(one: str, other: str) -> bool:
    """Whether two readings are of one text, of which a letter or so was read otherwise; no digit is."""
    if strip_tags(one) == strip_tags(other):
        return True
    first, second = fold(one), fold(other)
    most = _count_slips(first)
    if min(len(first), len(second)) < LEAST_LETTERS or _digits(first) != _digits(second):
        return False
    return _are_near(first, second, most)


def begins_with(text: str, start: str) -> bool:
    """Whether a text goes on where another one ends, of which a letter or so may have been read otherwise."""
    whole, piece = strip_tags(text), strip_tags(start)
    if piece and whole != piece and whole.startswith(piece):
        return True
    whole, piece = fold(text), fold(start)
    if not piece or len(whole) <= len(piece):
        return False
    if len(piece) < LEAST_LETTERS:
        return whole.startswith(piece)
    head = whole[: len(piece)]
    return _digits(head) == _digits(piece) and _are_near(head, piece, _count_slips(piece))


@functools.lru_cache(maxsize=1024)
def fold(text: str) -> str:
    """The letters and digits of a text, capitals as small ones."""
    return "".join(c for c in strip_tags(text).casefold() if unicodedata.category(c)[0] in "LMN")


def count_words(text: str) -> int:
    """How many words a text has; in scripts without spaces, how many it may have."""
    words = 0
    for part in strip_tags(text).split():
        letters = len(fold(part))
        words += -(-letters // _LETTERS_A_WORD) if _UNSPACED_START.search(part) else min(letters, 1)
    return words


def ends_sentence(text: str) -> bool:
    """Whether a sentence ends with it."""
    return _SENTENCE_END.search(strip_tags(text)) is not None


def fits_line(text: str) -> bool:
    """Whether a text is no longer than a usual line."""
    return sum(WIDE if is_wide(c) else 1 for c in strip_tags(text)) <= MOST_LETTERS


def is_wide(character: str) -> bool:
    """Whether it is as wide as it is high, as in Chinese, Japanese and Korean."""
    return unicodedata.east_asian_width(character) in "WF"


def is_right_to_left(text: str) -> bool:
    """Whether a text is of a script that is written from right to left, told by its first letter."""
    directions = (unicodedata.bidirectional(c) for c in text)
    return next((way for way in directions if way in ("L", "R", "AL")), "L") != "L"


def join_words(one: str, other: str) -> str:
    """One text after another in one row, with a space between them where the script has spaces."""
    is_unspaced = _UNSPACED_END.search(strip_tags(one)) and _UNSPACED_START.match(strip_tags(other))
    joined = f"{one}{'' if is_unspaced else ' '}{other}"
    return re.sub(r"</i>( ?)<i>", r"\1", joined)


def _pair_tags(row: str) -> str:
    """A row with only those tags that make pairs around something."""
    paired = re.sub(r"<i>((?:(?!</?i>).)+)</i>", "\x01\\1\x02", row)
    return strip_tags(paired).replace("\x01", "<i>").replace("\x02", "</i>")


def _count_slips(text: str) -> int:
    return min(max(1, len(text) // LETTERS_A_SLIP), MOST_SLIPS)


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


def _are_near(one: str, other: str, most: int) -> bool:
    """Whether at most so many letters must be changed, added or taken out to make one text of another."""
    if abs(len(one) - len(other)) > most:
        return False
    beyond = most + 1
    costs = [min(column, beyond) for column in range(len(other) + 1)]
    for place, letter in enumerate(one, 1):
        before, costs[0] = costs[0], place
        least = place
        for column in range(max(1, place - beyond), min(len(other), place + beyond) + 1):
            change = before + (letter != other[column - 1])
            before = costs[column]
            costs[column] = min(change, before + 1, costs[column - 1] + 1, beyond)
            least = min(least, costs[column])
        if least > most:
            return False
    return costs[-1] <= most

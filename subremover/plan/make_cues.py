"""Makes cues of a plan's events: what a person would have written down, not what the scan came across.

To the scan an event ends with every cut, every word that is added and every row that moves up. What texts
have in common is told by `cue_text`, what stands at once is joined by `cue_states`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from subremover.plan.cue_states import (
    FEW_FRAMES,
    MOST_AT_ONCE,
    State,
    are_in_row,
    in_order,
    join_at_once,
    join_below,
    join_beside,
    join_doubles,
)
from subremover.plan.cue_text import (
    begins_with,
    count_words,
    ends_sentence,
    fits_line,
    is_right_to_left,
    is_same_text,
    join_words,
)
from subremover.plan.cues import Cue
from subremover.plan.model import Event
from subremover.plan.rolling_rows import leave_out_rolled

SHORT_SECONDS = 1.0
"""Words that pop up stand for less; what stands longer is a subtitle of its own."""
HELD_SECONDS = 2.0
"""The last of at least three words that pop up may stand for as long."""
LONGEST_SECONDS = 6.0
"""What words that pop up make together stands no longer."""
MOST_WORDS = 2
"""That pop up at once."""
FIXED_ROWS, ALIKE_ROWS = 0.35, 0.2
"""How far a side of a caption may move that grows, and both sides of one that was read otherwise; in row
heights. One letter more moves both sides of a centred row by 0.25."""
APART_ROWS = 2.0
"""How far beside each other words may stand that pop up in one row, in row heights."""


def make_cues(events: Iterable[Event], times: np.ndarray) -> tuple[Cue, ...]:
    """The cues of all subtitles that are removed and were read, in order of time, then from top to bottom.

    One text on both sides of a cut is one cue, and so are rows that stand at once in one block. Words that
    pop up one after another become lines, captions that grow are taken as they end, and of those that roll
    up each row is taken once. Subtitles that follow each other stay apart, and so do those at other places.

    Args:
        events: Of a plan.
        times: (frame_count + 1,) float64, seconds of each frame and of the end of the last.
    """
    states = [State.of(event) for event in events if event.kind == "subtitle" and event.remove]
    states = leave_out_rolled(join_at_once(states, join_doubles), times)
    lines = _join_in_time(join_at_once(states, join_beside), times)
    return tuple(
        Cue(float(times[s.first]), float(times[s.last + 1]), s.text, s.box, s.colour, s.alignment)
        for s in in_order(join_at_once(lines, join_below))
    )


def _join_in_time(states: Iterable[State], times: np.ndarray) -> list[State]:
    """Captions that come in several states, each as one; what was not read is left out."""
    lines: list[list[State]] = []  # words that pop up one after another, each as it grew
    active: list[list[State]] = []
    for state in in_order(states):
        active = [words for words in active if words[-1].reach >= state.first - FEW_FRAMES - 1]
        active = active[-MOST_AT_ONCE:]
        if state.text:
            is_taken = any(_go_on(words, state, times) for words in reversed(active))
        else:
            is_taken = _carry(active, state, times)
        if not is_taken:
            lines.append([state])
            # what was not read is asked last: it may belong to a caption that goes on
            active.insert(len(active) if state.text else 0, lines[-1])
    return [_put_together(words) for line in lines if line[0].text for words in _split(line)]


def _carry(active: Sequence[list[State]], state: State, times: np.ndarray) -> bool:
    """Have captions last through a state that was not read; whether one of them was not read either."""
    carried = [
        words
        for words in active
        if _is_same_place(words[-1], state)
        and state.first <= words[-1].reach + 1
        and _seconds(state, times) < SHORT_SECONDS
    ]
    for words in carried:
        words[-1] = replace(words[-1], reach=max(words[-1].reach, state.last))
    return any(not words[-1].text for words in carried)


def _go_on(words: list[State], state: State, times: np.ndarray) -> bool:
    """Have a caption go on with a state, if it does."""
    before = words[-1]
    is_next = state.first <= before.reach + 1
    if state.first <= before.last - FEW_FRAMES or before.last > state.last:  # both stand at once
        return False
    if before.text == state.text and before.last + 1 == state.first:  # wherever it stands after a cut
        words[-1] = before.take_up(state)
    elif not _is_same_place(before, state):
        return False
    elif _grows(before, state, times):
        words[-1] = replace(state, first=before.first, colour=state.colour or before.colour)
    elif is_next and is_same_text(before.text, state.text) and _looks_alike(before, state):
        words[-1] = before.take_up(state)
    elif _pops_up(words, state, times):
        words.append(state)
    else:
        return False
    return True


def _is_same_place(before: State, state: State) -> bool:
    one, other = before.box, state.box
    gap_px = max(one.x, other.x) - min(one.right, other.right)
    return are_in_row(one, other) and gap_px <= APART_ROWS * min(before.row_px, state.row_px)


def _looks_alike(before: State, state: State) -> bool:
    """Whether nearly one text is one: it is, or is as wide in both states."""
    one, other, slack_px = before.box, state.box, ALIKE_ROWS * state.row_px
    is_as_wide = abs(one.x - other.x) <= slack_px and abs(one.right - other.right) <= slack_px
    return is_as_wide or before.text == state.text


def _grows(before: State, state: State, times: np.ndarray) -> bool:
    """Whether a caption says more now than before: in place, or so soon that nobody reads it as two."""
    one, other, slack_px = before.box, state.box, FIXED_ROWS * state.row_px
    starts = (one.right, other.right) if is_right_to_left(state.text) else (one.x, other.x)
    is_fixed = abs(starts[0] - starts[1]) <= slack_px and abs(one.y - other.y) <= slack_px
    if not before.text:  # its first words may be what could not be read
        is_soon = times[before.reach + 1] - times[before.first] < SHORT_SECONDS
        return is_soon and is_fixed and one.width + slack_px < other.width and state.first > before.last
    if not begins_with(state.text, before.text):
        return False
    own_seconds = times[before.last + 1] - times[max(before.first, before.last + 1 - before.frames)]
    if own_seconds < SHORT_SECONDS:
        return True
    is_whole = ends_sentence(before.text) and _seconds(state, times) >= SHORT_SECONDS
    return is_fixed and not is_whole


def _pops_up(words: Sequence[State], state: State, times: np.ndarray) -> bool:
    """Whether a state is the next word of a line."""
    before = words[-1]
    said = functools.reduce(join_words, [word.text for word in (*words, state)])
    most = SHORT_SECONDS if len(words) == 1 else HELD_SECONDS
    return (
        bool(before.text)
        and state.first <= before.last + 1 + FEW_FRAMES
        and "\n" not in said
        and not is_same_text(before.text, state.text)
        and all(count_words(word.text) <= MOST_WORDS for word in (before, state))
        and _seconds(before, times) < SHORT_SECONDS
        and _seconds(state, times) < most
        and not ends_sentence(before.text)
        and fits_line(said)
        and float(times[state.last + 1] - times[words[0].first]) <= LONGEST_SECONDS
    )


def _split(line: Sequence[State]) -> Iterator[list[State]]:
    """The words of a line, those apart that have grown to lines of their own."""
    words: list[State] = []
    for word in line:
        if words and max(count_words(words[-1].text), count_words(word.text)) > MOST_WORDS:
            yield words
            words = []
        words.append(word)
    yield words


def _put_together(words: Iterable[State]) -> State:
    return functools.reduce(lambda one, other: one.join(other, join_words(one.text, other.text)), words)


def _seconds(state: State, times: np.ndarray) -> float:
    """For how long it is on screen."""
    return float(times[state.last + 1] - times[state.first])

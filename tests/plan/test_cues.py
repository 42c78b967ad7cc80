import numpy as np
import pytest

from subremover.geometry import Box
from subremover.plan.cues import Cue, leave_untimed, make_cues, stack_cues
from subremover.plan.model import Event, EventKind

TIMES = np.arange(101) / 10
"""Ten frames a second."""


def event(
    first: int, last: int, text: str, *, y: int = 80, kind: EventKind = "subtitle", remove: bool = True
) -> Event:
    return Event(first, last, Box(10, y, 4, 2), np.ones((2, 4), bool), text=text, kind=kind, remove=remove)


def test_a_cue_lasts_to_the_end_of_its_last_frame() -> None:
    times = np.array([0.0, 0.1, 0.5, 0.55, 2.0])  # a varying rate; the last is the end of frame 3
    assert make_cues([event(1, 2, "a"), event(3, 3, "b")], times) == (
        Cue(0.1, 0.55, "a"),
        Cue(0.55, 2.0, "b"),
    )


def test_only_removed_subtitles_that_were_read() -> None:
    events = [event(0, 4, "left", remove=False), event(0, 4, "sign", kind="scene"), event(0, 4, " \n ")]
    assert make_cues([*events, event(0, 4, "logo", kind="logo"), event(5, 9, "said")], TIMES) == (
        Cue(0.5, 1.0, "said"),
    )


def test_those_at_once_stay_apart_from_top_to_bottom() -> None:
    cues = make_cues([event(5, 9, "later"), event(0, 9, "below", y=80), event(0, 6, "above", y=5)], TIMES)
    assert [(cue.text, cue.start_seconds) for cue in cues] == [("above", 0), ("below", 0), ("later", 0.5)]


def test_the_same_text_on_both_sides_of_a_cut_is_one_cue() -> None:
    parts = [event(0, 4, "same"), event(5, 9, "same"), event(10, 14, "same"), event(16, 20, "same")]
    assert make_cues([*parts, event(5, 9, "other", y=5)], TIMES) == (
        Cue(0.0, 1.5, "same"),
        Cue(0.5, 1.0, "other"),
        Cue(1.6, 2.1, "same"),
    )


def test_a_text_cannot_break_out_of_its_cue() -> None:
    text = "one\n\n2\r\n00:00:01,000 --> 00:00:02,000\n\x1b[2Jtwo\ud800"
    assert make_cues([event(0, 1, text)], TIMES)[0].text == "one\n2\n00:00:01,000 -> 00:00:02,000\n[2Jtwo"


def test_stacked_cues_never_overlap() -> None:
    cues = (Cue(0, 5, "a"), Cue(1, 2, "b"), Cue(2, 3, "c"), Cue(4, 6, "d"), Cue(8, 9, "e"))
    assert stack_cues(cues) == (
        Cue(0, 1, "a"),
        Cue(1, 2, "a\nb"),
        Cue(2, 3, "a\nc"),
        Cue(3, 4, "a"),
        Cue(4, 5, "a\nd"),
        Cue(5, 6, "d"),
        Cue(8, 9, "e"),
    )
    assert stack_cues(()) == ()


@pytest.mark.parametrize(
    ("first", "last", "is_removed"),
    [
        (0, 4, False),  # ends at 0.5, the cue with its slack starts there
        (0, 5, True),
        (10, 12, True),
        (24, 30, True),
        (25, 30, False),  # starts at 2.5, where the slack ends
        (34, 40, False),
        (0, 99, True),
    ],
)
def test_only_what_shows_during_a_cue_is_removed(first: int, last: int, is_removed: bool) -> None:
    (found,) = leave_untimed([event(first, last, "")], TIMES, [Cue(1.0, 2.0, "")])
    assert found.remove == is_removed


def test_long_and_short_cues_in_any_order() -> None:
    cues = [Cue(8, 8.1, ""), Cue(0, 6, ""), Cue(1, 1.1, "")]
    found = leave_untimed([event(n, n, "") for n in range(100)], TIMES, cues)
    assert [e.first for e in found if not e.remove] == [*range(65, 75), *range(86, 100)]


def test_what_was_left_alone_stays_so() -> None:
    (found,) = leave_untimed([event(10, 12, "sign", remove=False)], TIMES, [Cue(1.0, 2.0, "")])
    assert not found.remove

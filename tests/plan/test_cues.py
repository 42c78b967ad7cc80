import numpy as np
import pytest

from subremover.geometry import Box
from subremover.plan.cues import Cue, leave_untimed, stack_cues
from subremover.plan.model import Event

TIMES = np.arange(101) / 10
"""Ten frames a second."""


def event(first: int, last: int, text: str, *, remove: bool = True) -> Event:
    return Event(first, last, Box(10, 80, 4, 2), np.ones((2, 4), bool), text=text, remove=remove)


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


def test_stacked_cues_of_one_colour_keep_it() -> None:
    yellow = (255, 255, 0)
    cues = (Cue(0, 3, "a", None, yellow), Cue(1, 3, "b", None, yellow), Cue(2, 3, "c"))
    assert [cue.colour for cue in stack_cues(cues)] == [yellow, yellow, None]


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

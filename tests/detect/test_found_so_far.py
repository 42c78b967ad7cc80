"""Events are told of while the scan goes on."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from drawn_lines import CUT_TO_CUT, DRAWN, FILM, FILMED, make_line

from subremover.detect import found_so_far
from subremover.detect.classify.classifier import Verdict
from subremover.detect.classify.line import Line
from subremover.detect.found_so_far import MOST_LINES, FoundSoFar
from subremover.detect.scope import Scope
from subremover.plan.model import Event

RATE = int(FILM.rate)


class Listener:
    """Notes what is told, and when."""

    def __init__(self, scope: Scope | None = None) -> None:
        self.told: list[tuple[int, list[Event]]] = []
        self.frame = 0
        self.so_far = FoundSoFar(self.tell, FILM, scope or Scope())

    def tell(self, events: Sequence[Event]) -> None:
        self.told.append((self.frame, list(events)))

    def scan(self, lines: Sequence[Line], frames: int, delay: int = 15) -> list[tuple[int, int]]:
        """What was told of when lines were seen to be gone that late; first and last frames."""
        ended = sorted(lines, key=lambda line: line.last)
        for self.frame in range(frames):
            gone = [line for line in ended if line.last + delay <= self.frame]
            self.so_far.update(self.frame, gone)
        return [(event.first, event.last) for _, events in self.told for event in events]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """So many seconds later than it was, each time that it is looked at."""
    seconds, step = [0.0], [10.0]

    def tick() -> float:
        seconds[0] += step[0]
        return seconds[0]

    monkeypatch.setattr(found_so_far.time, "monotonic", tick)
    return step


def test_each_event_is_told_once_a_little_after_it_is_gone() -> None:
    lines = [make_line((320, 320), span=(100 * n, 100 * n + 50)) for n in range(4)]
    listener = Listener()
    assert listener.scan(lines, 400) == [(0, 50), (100, 150), (200, 250), (300, 350)]
    assert [frame for frame, _ in listener.told] == [50 + RATE + 100 * n for n in range(4)]
    event = listener.told[0][1][0]
    assert (event.kind, event.remove, event.text) == ("subtitle", True, "Good morning to you")
    assert event.probability > 0.5
    assert event.reasons


def test_lines_that_come_and_go_together_are_one_event() -> None:
    """Also where the last frame of one is seen a little earlier."""
    rows = [make_line((320, 300), span=(10, 60)), make_line((320, 326), span=(11, 61))]
    listener = Listener()
    assert listener.scan(rows, 120) == [(10, 61)]
    assert listener.told[0][1][0].text == "Good morning to you\nGood morning to you"


def test_a_line_that_was_followed_in_two_parts_is_one_event() -> None:
    assert Listener().scan([make_line((320, 320), span=span) for span in ((0, 50), (44, 58))], 120) == [
        (0, 58)
    ]


def test_a_line_of_which_a_part_was_told_of_is_not_told_of_again() -> None:
    rows = [make_line((320, 300), span=(10, 60)), make_line((320, 326), span=(10, 60))]
    listener = Listener()
    listener.frame = 100
    listener.so_far.update(100, rows[:1])
    listener.so_far.update(101, rows)
    listener.so_far.update(102, rows)
    assert [[event.text for event in events] for _, events in listener.told] == [["Good morning to you"]]


def test_what_stays_is_told_of_with_its_kind() -> None:
    sign = make_line((100, 100), (60, 20), (40, 80), traits=FILMED, life=CUT_TO_CUT, text="EXIT")
    for scope, remove in ((Scope(), False), (Scope(everything=True), True)):
        listener = Listener(scope)
        listener.scan([make_line((320, 320)), sign], 300)
        events = [event for _, events in listener.told for event in events]
        assert [(e.kind, e.remove) for e in events] == [("scene", remove), ("subtitle", True)]


def test_the_clock_says_how_often(clock: list[float]) -> None:
    """An event more or less is no reason to judge all lines again."""
    clock[0] = 0.1
    lines = [make_line((320, 320), span=(10 * n, 10 * n + 8)) for n in range(10)]
    listener = Listener()
    listener.scan(lines, 160)
    frames = [frame for frame, _ in listener.told]
    assert all(later - earlier >= 20 for earlier, later in pairwise(frames))
    assert 2 <= len(frames) < len(lines)


def test_no_more_is_judged_in_a_long_film(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[int] = []
    real = found_so_far.classify

    def classify(lines: Sequence[Line], *given: Any, **more: Any) -> list[Verdict]:
        judged.append(len(lines))
        return real(lines, *given, **more)

    monkeypatch.setattr(found_so_far, "classify", classify)
    lines = [make_line((320, 320), span=(4 * n, 4 * n + 2), traits=DRAWN) for n in range(3 * MOST_LINES)]
    listener = Listener()
    listener.scan(lines[: 2 * MOST_LINES : 8], 1000)
    listener.so_far.update(5000, lines)
    assert max(judged) <= 2 * MOST_LINES


def test_a_callback_that_raises_ends_the_scan() -> None:
    def stop(_: Sequence[Event]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FoundSoFar(stop, FILM, Scope()).update(500, [make_line((320, 320))])

"""What stays is told in words that are right for one and for many, and with what would have it removed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from subremover.geometry import Box
from subremover.left_alone import describe_left_alone
from subremover.options import ScanOptions
from subremover.plan.model import Event, FilmKey, Passage, Plan, Shot

FILM = FilmKey(640, 360, 100, "0")


def draw(x: int, y: int, kind: Any = "scene", first: int = 0, last: int = 99, **how: Any) -> Event:
    """An event whose middle lies there, left alone."""
    box = Box(x - 20, y - 5, 40, 10)
    return Event(first, last, box, np.ones((10, 40), bool), **{"kind": kind, "remove": False, **how})


def tell(
    *events: Event,
    passages: tuple[Passage, ...] = (),
    frames: range = range(100),
    is_given: bool = False,
    **options: Any,
) -> tuple[str, ...]:
    plan = Plan(FILM, (Shot(0, 99),), events, passages)
    return describe_left_alone(plan, ScanOptions(**options), frames, is_given=is_given)


def test_as_the_last_line_has_it() -> None:
    events = [draw(60 + 250 * n, 100 + 60 * n) for n in range(3)]
    assert tell(*events, draw(600, 20, "logo")) == (
        "a logo at the top right (--logos)",
        "3 signs (--everything; see --report)",
    )


def test_what_is_removed_is_not_told() -> None:
    assert tell(draw(320, 340, "subtitle", remove=True)) == ()


@pytest.mark.parametrize(
    ("x", "y", "place"),
    [
        (30, 20, "at the top left"),
        (320, 20, "at the top"),
        (30, 180, "at the left"),
        (320, 180, "in the middle"),
        (610, 180, "at the right"),
        (320, 340, "at the bottom"),
        (610, 340, "at the bottom right"),
    ],
)
def test_places(x: int, y: int, place: str) -> None:
    assert tell(draw(x, y, "logo")) == (f"a logo {place} (--logos)",)


def test_one_is_quoted() -> None:
    (phrase,) = tell(draw(30, 180, text="EXIT\n{0}"))
    assert phrase == 'a sign "EXIT {0}" at the left (--everything; see --report)'
    (phrase,) = tell(draw(30, 180, text="a very long text of many words, and more"))
    assert phrase.startswith('a sign "a very long text of many wo..." at the left')


def test_the_same_in_the_same_place_is_one() -> None:
    """As where cuts part it."""
    logos = [draw(600, 20, "logo", first, first + 9, text=f"B{first}C") for first in (0, 10, 20)]
    signs = [draw(30, 180, first=first, last=first + 4, text="EXIT") for first in (0, 50)]
    assert tell(*logos, *signs) == (
        "a logo at the top right (--logos)",
        'a sign "EXIT" at the left (--everything; see --report)',
    )
    assert tell(*logos, draw(30, 20, "logo")) == ("2 logos (--logos)",)
    assert tell(draw(320, 20, text="A"), draw(330, 20, text="B")) == (
        "2 signs at the top (--everything; see --report)",
    )


def test_what_another_sensitivity_would_take_for_a_subtitle() -> None:
    near, middle, far = (draw(320, 340, probability=p, text="Hi") for p in (0.6, 0.3, 0.1))
    assert tell(middle) == ('a line "Hi" at the bottom that may be a subtitle (--sensitivity high)',)
    assert tell(near, middle, far, sensitivity="low") == (
        'a line "Hi" at the bottom that may be a subtitle (--sensitivity normal)',
        'a line "Hi" at the bottom that may be a subtitle (--sensitivity high)',
        'a sign "Hi" at the bottom (--everything; see --report)',
    )
    assert tell(middle, far, sensitivity="high") == (
        'a sign "Hi" at the bottom (--everything; see --report)',
    )
    several = [draw(320, 340, probability=0.3, text=f"{n}") for n in range(2)]
    assert tell(*several) == ("2 lines at the bottom that may be subtitles (--sensitivity high)",)
    assert tell(draw(600, 20, "logo", probability=0.4)) == ("a logo at the top right (--logos)",)


def test_why_a_subtitle_stays() -> None:
    subtitle = draw(320, 340, "subtitle", probability=0.98)
    assert tell(subtitle, is_given=True) == ("a subtitle at the bottom (as the plan says)",)
    outside = "outside the cues of --times"
    assert tell(subtitle, subtitle, times=Path("a.srt")) == (f"2 subtitles at the bottom ({outside})",)
    logo = draw(600, 20, "logo")
    assert tell(logo, times=Path("a.srt"), logos=True) == (f"a logo at the top right ({outside})",)
    assert tell(logo, times=Path("a.srt")) == ("a logo at the top right (--logos)",)


def test_frames_that_were_not_asked_for_are_not_told_of() -> None:
    events = [draw(320, 340, "subtitle", 0, 9), draw(320, 20, "logo", 5, 10), draw(30, 180, first=20)]
    passages = (Passage(30, 40, Box(0, 0, 9, 9)),)
    assert tell(*events, passages=passages, frames=range(10, 20)) == ("a logo at the top (--logos)",)


def test_what_moves() -> None:
    bottom, top = Passage(0, 9, Box(300, 340, 90, 20)), Passage(50, 60, Box(300, 0, 90, 20))
    assert tell(passages=(bottom, bottom)) == ("lettering that moves at the bottom (--mask)",)
    assert tell(passages=(bottom, top)) == ("lettering that moves in several places (--mask)",)

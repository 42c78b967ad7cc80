import numpy as np
import pytest

from subremover.detect.tracking.rolling import SIGHTS, find_passages, find_rolls
from subremover.geometry import Box
from subremover.plan.model import Event, Passage

RATE = 24.0


def _pass(first, last, step, start, speed_px):
    """Sights of a line that moves by so many px a frame, one every so many frames."""
    (dx, dy), frames = speed_px, range(first, last + 1, step)
    return [(i, start.shift(round(dx * (i - first)), round(dy * (i - first)))) for i in frames]


TICKER = Box(300, 330, 200, 20)
CREDIT = Box(220, 300, 200, 20)


def test_a_ticker_runs():
    assert find_rolls(_pass(100, 220, 5, TICKER, (-4, 0)), RATE) == [(100, 220)]


def test_credits_roll():
    columns = CREDIT, Box(40, 300, 90, 20)
    rows = [_pass(20 * n, 20 * n + 60, 12, column, (0, -3)) for n in range(8) for column in columns]
    sights = [sight for row in rows for sight in row]
    assert find_rolls(sights, RATE) == [(0, 200)]


@pytest.mark.parametrize("speed_px", [(-8, 0), (5, 1), (0, -6)])
def test_a_van_that_drives_by_does_not(speed_px):
    assert find_rolls(_pass(100, 100 + int(1.8 * RATE), 5, CREDIT, speed_px), RATE) == []


def test_few_sights_are_no_proof():
    few = _pass(0, 40 * (SIGHTS - 2), 40, TICKER, (-1, 0))
    assert find_rolls(few, RATE) == []
    assert find_rolls([], RATE) == []
    assert find_rolls([*few, (40 * (SIGHTS - 1), TICKER)], RATE) == [(0, 40 * (SIGHTS - 1))]


def test_what_is_seen_all_over_the_picture_is_neither():
    rng = np.random.default_rng(0)
    sights = [(5 * n, Box(int(rng.integers(2000)), int(rng.integers(2000)), 90, 20)) for n in range(40)]
    assert find_rolls(sights, RATE) == []


def test_two_tickers_are_two_stretches_in_whatever_order_they_were_seen():
    sights = _pass(0, 100, 5, TICKER, (-4, 0)) + _pass(400, 500, 5, TICKER, (-4, 0))
    order = np.random.default_rng(0).permutation(len(sights))
    assert find_rolls([sights[i] for i in order], RATE) == [(0, 100), (400, 500)]


def test_stretches_that_overlap_are_one():
    sights = _pass(0, 100, 5, TICKER, (-4, 0)) + _pass(50, 200, 5, CREDIT.shift(0, -200), (-4, 0))
    assert find_rolls(sights, RATE) == [(0, 200)]


def test_a_pause_shorter_than_the_least_stretch_is_none():
    sights = _pass(0, 60, 5, TICKER, (-4, 0)) + _pass(60 + int(1.5 * RATE), 200, 5, TICKER, (-4, 0))
    assert [(first, last >= 195) for first, last in find_rolls(sights, RATE)] == [(0, True)]


def test_the_rate_makes_no_difference():
    assert find_rolls(_pass(0, 70, 3, TICKER, (-4, 0)), 60.0) == []
    assert find_rolls(_pass(0, 125, 3, TICKER, (-4, 0)), 60.0) == [(0, 123)]


PICTURE = Box(0, 0, 640, 360)


def test_what_shakes_or_passes_is_seen():
    shaking = [(frame, TICKER.shift(frame % 3, -frame % 5)) for frame in (10, 25, 31)]
    passing = _pass(12, 60, 6, Box(-30, 40, 90, 20), (10, 1))
    later = [(200, TICKER), (205, TICKER)]
    found = find_passages([*later, *passing, *shaking], [], RATE, PICTURE)
    assert [(passage.first, passage.last) for passage in found] == [(10, 31), (12, 60), (200, 205)]
    assert found[2] == Passage(200, 205, TICKER)
    assert found[1].box.x == 0


def test_a_single_sight_is_no_passage_nor_what_an_event_covers():
    event = Event(10, 40, TICKER, np.ones((TICKER.height, TICKER.width), bool))
    assert find_passages([(5, CREDIT)], [], RATE, PICTURE) == ()
    assert find_passages([(20, TICKER.shift(2, 1)), (41, TICKER)], [event], RATE, PICTURE) == ()
    assert len(find_passages([(42, TICKER), (43, TICKER)], [event], RATE, PICTURE)) == 1


def test_every_roll_is_a_passage_too():
    for sights in (_pass(100, 220, 5, TICKER, (-4, 0)), _pass(0, 200, 5, CREDIT, (0, -5))):
        (roll,) = find_rolls(sights, RATE)
        (passage,) = find_passages(sights, [], RATE, PICTURE)
        assert passage.first <= roll[0]
        assert passage.last >= min(roll[1], 60)

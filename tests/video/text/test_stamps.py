from fractions import Fraction

import numpy as np
import pytest

from subremover.plan.cues import Cue
from subremover.video.text.stamps import round_span, write_stamp

RATES = [Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(50), Fraction(60)]


@pytest.mark.parametrize("ticks", [1000, 100])
@pytest.mark.parametrize("rate", [*RATES, Fraction(60000, 1001)], ids=str)
def test_a_player_shows_a_cue_on_its_very_frames(rate: Fraction, ticks: int) -> None:
    """Whether it asks with the frame's time as it is, or rounds it to ms first, down or to the nearest."""
    times = np.array([float(frame / rate) for frame in range(4000)])
    for first, last in ((0, 0), (1, 7), (1233, 1233), (3000, 3998)):
        span = round_span(Cue(times[first], times[last + 1], "said"), ticks)
        start, end = (Fraction(tick, ticks) for tick in span)
        for known in (times, np.floor(times * 1000 + 1e-6) / 1000, np.round(times, 3)):
            shown = [frame for frame, at in enumerate(known) if start <= at + 1e-9 and at + 1e-9 < end]
            assert (shown[0], shown[-1]) == (first, last)


def test_a_time_that_is_on_a_tick_stays_there() -> None:
    for tick in range(5000):
        assert round_span(Cue(tick / 1000, (tick + 1) / 1000, ""), 1000) == (tick, tick + 1)


def test_no_cue_is_empty() -> None:
    assert round_span(Cue(0.1201, 0.1209, ""), 100) == (12, 13)


def test_how_times_are_written() -> None:
    assert write_stamp(3_723_004, 1000, ",") == "01:02:03,004"
    assert write_stamp(360_001_250, 1000, ".") == "100:00:01.250"
    assert write_stamp(123, 100, ".", hour_digits=1) == "0:00:01.23"
    assert write_stamp(-5, 1000, ",") == "00:00:00,000"

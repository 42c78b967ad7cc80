import numpy as np
import pytest

from subremover.geometry import Box
from subremover.plan.model import Event
from subremover.provenance import Origins, Shares, Tally


def fill(origins: Origins, box: Box, fitted: float, distance: float) -> None:
    shape = box.height, box.width
    full = np.ones(shape, np.float32)
    origins.fill(box, full > 0, fitted * full, distance * full)


def test_shares_of_a_pixel_add_up_to_one() -> None:
    origins = Origins([Box(10, 10, 4, 2), Box(20, 30, 5, 5)])
    assert origins.box == Box(10, 10, 15, 25)
    fill(origins, Box(10, 10, 4, 2), 0.25, 7)
    origins.blend(Box(10, 10, 2, 2), np.full((2, 2), 0.5, np.float32))
    total = origins.borrowed + origins.unmixed + origins.fitted
    assert total[:2, :4] == pytest.approx(1)
    assert total.sum() == pytest.approx(8)
    assert (origins.borrowed[0, 0], origins.unmixed[0, 0], origins.fitted[0, 0]) == (0.375, 0.5, 0.125)
    assert origins.distance[0, 0] == 7


def test_a_film_and_its_events_have_shares() -> None:
    strokes = np.zeros((4, 10), bool)
    strokes[:2] = True
    events = [Event(0, 1, Box(0, 0, 10, 4), strokes), Event(1, 1, Box(0, 50, 10, 4), strokes)]
    tally = Tally(events, 100)
    for frame, boxes in enumerate(([Box(0, 0, 10, 2)], [Box(0, 0, 10, 2), Box(0, 50, 10, 2)])):
        origins = Origins(boxes)
        for box in boxes:
            fill(origins, box, 1.0 if box.y else 0.0, 0 if box.y else 3 + 2 * frame)
        tally.add(frame, origins)
    assert tally.by_event == (Shares(borrowed=1, distance=3), Shares(fitted=1))
    assert (tally.total.borrowed, tally.total.fitted) == pytest.approx((2 / 3, 1 / 3))


def test_nothing_counted() -> None:
    tally = Tally([Event(0, 1, Box(0, 0, 1, 1), np.ones((1, 1), bool))], 100)
    assert (tally.total, tally.by_event) == (Shares(), (Shares(),))
    assert Shares().describe() == ""


def test_words() -> None:
    assert Shares(0.93, 0, 0.07, 7).describe() == "93 % borrowed (median from 7 frames away), 7 % painted"
    assert Shares(1, 0, 0, 1).describe() == "100 % borrowed (median from 1 frame away)"
    assert Shares(0, 0.4, 0.6).describe() == "40 % unmixed, 60 % painted"

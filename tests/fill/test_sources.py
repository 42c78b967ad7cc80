import numpy as np

from subremover.fill.holes import Hole
from subremover.fill.sources import MORE_SOURCES, MOST_WAYS, Source, choose, promise
from subremover.geometry import Box

BOX = Box(8, 8, 32, 16)
HOLE = Hole(10, BOX, np.pad(np.ones((8, 24), bool), 4), 0)


def _sources(*frames: int) -> list[Source]:
    return [Source(frame, BOX, np.eye(3)) for frame in frames]


def test_what_gave_most_in_the_searches_nearby_is_promised():
    shares = {
        4: {(1, "flow"): 80, (2, "camera"): 20},
        12: {(2, "flow"): 60, (3, "plane"): 40},
        90: {(80, "flow"): 9},
    }
    assert promise(8, shares) == {1: {"flow"}, 2: {"camera", "flow"}, 3: {"plane"}}


def test_the_nearer_search_counts_more_and_few_ways_are_promised():
    many = {(100 + i, "flow"): 10 for i in range(3 * MOST_WAYS)}
    promised = promise(5, {4: {(1, "flow"): 10}, 12: many})
    assert sum(map(len, promised.values())) == MOST_WAYS
    assert 1 in promised


def test_what_gave_next_to_nothing_is_not_promised():
    assert promise(5, {4: {(1, "flow"): 990, (2, "flow"): 10}}) == {1: {"flow"}}


def test_no_frame_is_promised_to_itself():
    assert promise(8, {4: {(8, "flow"): 100, (9, "flow"): 1}}) == {9: {"flow"}}


def test_others_are_asked_only_where_the_promised_show_nothing():
    hidden = np.ones((40, 60), bool)
    shown = choose(HOLE, _sources(9, 11, 8, 12, 30), lambda frame: hidden if frame < 12 else None, {9, 11})
    assert {9, 11, 12} <= {source.frame for source in shown}
    every = choose(HOLE, _sources(*range(11, 40)), lambda _frame: None, {12, 13})
    assert len(every) <= 2 + MORE_SOURCES

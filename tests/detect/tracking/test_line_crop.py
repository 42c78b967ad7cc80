import numpy as np

from subremover.detect.tracking.line_crop import correlate


def test_where_nothing_is_to_be_compared_nothing_has_changed():
    """A line between others on a black bar has no surroundings of its own."""
    edges = np.random.default_rng(0).normal(size=(2, 8, 8)).astype(np.float32)
    assert correlate(edges, -edges, np.zeros((8, 8), bool)) == 1.0


def test_a_picture_is_like_itself_and_unlike_its_negative():
    edges = np.random.default_rng(0).normal(0, 100, (2, 8, 8)).astype(np.float32)
    where = np.ones((8, 8), bool)
    assert correlate(edges, edges, where) > 0.99
    assert correlate(edges, -edges, where) < -0.99

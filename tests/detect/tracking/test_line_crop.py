"""How alike the surroundings of a line are."""

import numpy as np

from subremover.detect.tracking.line_crop import correlate


def test_where_a_line_fills_its_crop_nothing_is_unlike():
    edges = np.random.default_rng(0).normal(0, 50, (2, 8, 8)).astype(np.float32)
    assert correlate(edges, -edges, np.zeros((8, 8), bool)) == 1
    assert correlate(edges, -edges, np.ones((8, 8), bool)) < -0.9

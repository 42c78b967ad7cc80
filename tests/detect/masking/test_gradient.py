import numpy as np
from media import draw_subtitle

from subremover.detect.masking.gradient import find_lines, mark_strokes


def _calm_picture():
    rows = np.linspace(60, 140, 180)[:, None, None]
    return np.broadcast_to(rows, (180, 320, 3)).astype(np.uint8)


def test_strokes_are_marked_and_the_calm_picture_is_not():
    picture, truth = draw_subtitle(_calm_picture(), "Hello there")
    marked = mark_strokes(picture)
    assert (marked & truth).sum() >= 0.99 * truth.sum()
    assert marked.sum() < 2.5 * truth.sum()


def test_a_line_is_found_where_it_stands():
    picture, truth = draw_subtitle(_calm_picture(), "Hello there")
    (line,) = find_lines(picture)
    inside = np.zeros_like(truth)
    inside[line.grow(3, 3).clip(320, 180).slices] = True
    assert (truth & inside).sum() >= 0.99 * truth.sum()


def test_a_calm_picture_has_no_line():
    assert find_lines(_calm_picture()) == []

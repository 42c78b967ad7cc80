from dataclasses import replace

import numpy as np
from drawn_lines import make_line

from subremover.detect.classify.merging import merge_broken


def test_a_line_that_was_followed_in_parts_is_one():
    first, second = (
        make_line((320, 320), span=(0, 40)),
        make_line((321, 320), span=(30, 90), text="Good", confidence=0.5),
    )
    (line,) = merge_broken([second, first])
    assert (line.first, line.last) == (0, 90)
    assert line.text == "Good morning to you"
    assert len(line.opacities) == 91
    assert line.opacities.min() == 1
    assert line.strokes.shape == (line.stroke_box.height, line.stroke_box.width)


def test_lines_that_follow_each_other_stay_two():
    assert len(merge_broken([make_line((320, 320), span=(0, 40)), make_line((320, 320), span=(41, 90))])) == 2


def test_lines_of_other_strokes_stay_two():
    one, other = make_line((320, 320), span=(0, 40)), make_line((320, 320), span=(30, 90))
    strokes = np.zeros_like(one.strokes)
    strokes[:, ::2] = True
    assert len(merge_broken([replace(one, strokes=strokes), replace(other, strokes=~strokes)])) == 2


def test_rows_of_a_block_stay_two():
    assert len(merge_broken([make_line((320, 290)), make_line((320, 320))])) == 2

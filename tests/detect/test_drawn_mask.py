import numpy as np

from subremover.detect.drawn_mask import events_from_masks
from subremover.geometry import Box


def test_frames_with_the_same_mask_are_one_event():
    empty, left, right = np.zeros((3, 40, 60), bool)
    left[30:34, 5:20] = True
    right[30:34, 40:50] = True
    masks = [empty, left, left, right, empty, right]
    events = list(events_from_masks(enumerate(masks)))
    assert [(e.first, e.last) for e in events] == [(1, 2), (3, 3), (5, 5)]
    assert events[0].box == Box(5, 30, 15, 4)
    assert events[0].strokes.all()

import pytest

from subremover.geometry import Box, bounding_box, group_boxes


def test_box_refuses_to_be_empty():
    with pytest.raises(ValueError, match="positive size"):
        Box(3, 4, 0, 5)


def test_boxes_clip_to_the_picture_and_refuse_to_leave_it():
    assert Box(-3, 90, 20, 20).clip(160, 96) == Box(0, 90, 17, 6)
    with pytest.raises(ValueError, match="outside"):
        Box(200, 0, 5, 5).clip(160, 96)


def test_bounding_box_holds_all():
    assert bounding_box([Box(5, 6, 2, 2), Box(1, 9, 3, 4)]) == Box(1, 6, 6, 7)


def test_boxes_group_transitively():
    boxes = [Box(0, 0, 4, 4), Box(20, 0, 4, 4), Box(6, 0, 4, 4), Box(11, 0, 4, 4)]
    assert group_boxes(boxes, 3, 3) == [[0, 2, 3], [1]]

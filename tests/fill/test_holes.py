import numpy as np

from subremover.fill.holes import find_holes


def _mask(*boxes):
    mask = np.zeros((200, 400), bool)
    for x, y, width, height in boxes:
        mask[y : y + height, x : x + width] = True
    return mask


def test_a_standing_subtitle_is_one_group_with_one_crop():
    mask = _mask((100, 150, 200, 20))
    holes = list(find_holes([(i, mask) for i in range(5, 9)], cuts=set()))
    assert [h.frame for h in holes] == [5, 6, 7, 8]
    assert {h.group for h in holes} == {0}
    assert len({h.box for h in holes}) == 1
    assert all((h.mask == mask[h.box.slices]).all() for h in holes)


def test_no_group_goes_across_a_cut_a_gap_or_another_subtitle():
    first, other = _mask((100, 150, 200, 20)), _mask((180, 150, 40, 20))
    frames = [(0, first), (1, first), (2, first), (4, first), (5, other)]
    groups = {h.frame: h.group for h in find_holes(frames, cuts={2})}
    assert groups[0] == groups[1]
    assert len(set(groups.values())) == 4


def test_distant_holes_get_crops_of_their_own():
    mask = _mask((100, 10, 200, 20), (100, 160, 200, 20))
    holes = list(find_holes([(0, mask)], cuts=set()))
    assert len(holes) == 2
    assert holes[0].group != holes[1].group
    assert sum(int(h.mask.sum()) for h in holes) == mask.sum()

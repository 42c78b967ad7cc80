"""Boxes around holes, weights at their rims, and the seam."""

import numpy as np
import pytest

from subremover.fill.composite import confine, crop_boxes, join_seamlessly, share_of_fit
from subremover.geometry import Box


def make_mask(*boxes: Box, size: tuple[int, int] = (200, 300)) -> np.ndarray:
    mask = np.zeros(size, np.bool_)
    for box in boxes:
        mask[box.slices] = True
    return mask


def test_one_hole_has_one_box_with_its_surroundings() -> None:
    assert crop_boxes(make_mask(Box(100, 90, 40, 10)), 24) == [Box(76, 66, 88, 58)]


def test_boxes_stay_in_the_picture() -> None:
    assert crop_boxes(make_mask(Box(0, 195, 300, 5)), 24) == [Box(0, 171, 300, 29)]


def test_no_hole_no_box() -> None:
    assert crop_boxes(make_mask()) == []


def test_near_holes_share_a_box_and_far_ones_do_not() -> None:
    near = make_mask(Box(50, 50, 20, 10), Box(90, 50, 20, 10))
    assert crop_boxes(near, 16) == [Box(34, 34, 92, 42)]
    far = make_mask(Box(50, 20, 20, 10), Box(50, 150, 20, 10))
    assert crop_boxes(far, 16) == [Box(34, 4, 52, 42), Box(34, 134, 52, 42)]


def test_boxes_never_overlap_and_hold_all_holes() -> None:
    generator = np.random.default_rng(5)
    for _ in range(20):
        mask = generator.random((120, 160)) > 0.999
        boxes = crop_boxes(mask, 9)
        covered = np.zeros(mask.shape, int)
        for box in boxes:
            covered[box.slices] += 1
        assert covered.max(initial=0) <= 1
        assert (covered[mask] == 1).all()


def test_joining_keeps_known_pixels_and_leaves_no_seam() -> None:
    y, x = np.mgrid[:60, :90].astype(np.float32)
    image = np.stack([x / 90, y / 60, 0.5 + 0.2 * np.sin(x / 20)], -1).astype(np.float32)
    hole = make_mask(Box(25, 20, 40, 16), size=(60, 90))
    scribbled = image.copy()
    scribbled[hole] = 1
    for offset in (-0.1, 0.0, 0.1):
        smoothed = join_seamlessly((image + offset).astype(np.float32), scribbled, hole)
        np.testing.assert_array_equal(smoothed[~hole], image[~hole])
        assert np.abs(smoothed - image)[hole].max() < 0.02
        assert smoothed.dtype == np.float32


def test_joining_does_not_look_into_the_hole() -> None:
    generator = np.random.default_rng(1)
    fitted, image, other = (generator.random((41, 33, 3), np.float32) for _ in range(3))
    hole = make_mask(Box(8, 10, 15, 20), size=(41, 33))
    other = np.where(hole[..., None], other, image)
    np.testing.assert_array_equal(join_seamlessly(fitted, image, hole), join_seamlessly(fitted, other, hole))


@pytest.mark.parametrize("size", [(1, 1), (2, 7), (31, 2), (63, 65)])
def test_joining_any_size(size: tuple[int, int]) -> None:
    generator = np.random.default_rng(2)
    fitted, image = (generator.random((*size, 3), np.float32) for _ in range(2))
    for hole in (np.zeros(size, np.bool_), np.ones(size, np.bool_), generator.random(size) > 0.5):
        smoothed = join_seamlessly(fitted, image, hole)
        assert np.isfinite(smoothed).all()
        np.testing.assert_array_equal(smoothed[~hole], image[~hole])


def test_joining_keeps_detail_by_how_well_it_is_known() -> None:
    image = np.full((40, 60, 3), 0.5, np.float32)
    image[10:30, 15:45] += 0.1 * np.random.default_rng(5).choice((-1, 1), (20, 30, 1))
    hole = make_mask(Box(15, 10, 30, 20), size=(40, 60)).astype(np.float32)
    fitted = np.full_like(image, 0.5)
    kept = [
        float(join_seamlessly(fitted, image, hole * np.float32(u))[10:30, 15:45].std())
        for u in (0.02, 0.5, 1)
    ]
    assert kept[0] > 0.09
    assert 0.04 < kept[1] < 0.09
    assert kept[2] == pytest.approx(0, abs=1e-3)


def test_half_a_fit_is_joined_as_half_its_detail() -> None:
    """So that weighted sums of fits can be joined at once."""
    generator = np.random.default_rng(4)
    image, fitted = (0.3 + 0.4 * generator.random((40, 50, 3), np.float32) for _ in range(2))
    hole = make_mask(Box(10, 10, 30, 20), size=(40, 50))
    none, half, whole = (join_seamlessly(np.float32(share) * fitted, image, hole) for share in (0, 0.5, 1))
    np.testing.assert_allclose(half, (none + whole) / 2, atol=1e-5)


def test_the_nearer_to_the_truth_shows() -> None:
    error = np.zeros((20, 60), np.float32)
    error[5:15, 10:20], error[5:15, 20:30], error[5:15, 30:40], error[5:15, 40:50] = 0.02, 0.05, 0.2, np.inf
    share = share_of_fit(error, 0.1)
    assert (share[:, :10] == 0).all()
    assert (share[5:15, 10:20] == 0).all()
    assert (share[5:15, 20:30] < 0.1).all()
    assert (share[5:15, 30:36] > 0.9).all()
    assert (share[5:15, 40:50] == 1).all()


def test_no_edge_between_what_was_borrowed_and_what_was_not() -> None:
    error = np.zeros((20, 60), np.float32)
    error[5:15, 10:50] = 0.01
    error[5:15, 30:50] = np.inf
    share = share_of_fit(error, 0.1)
    assert np.abs(np.diff(share[10, 10:50])).max() <= 0.26
    assert (share[10, 10:24] == 0).all()
    assert (share[:5] == 0).all()  # and none of it outside the hole


def test_a_fill_is_confined_to_what_surrounds_it() -> None:
    rng = np.random.default_rng(0)
    image = (0.7 + rng.normal(0, 0.01, (60, 90, 3))).astype(np.float32)
    hole = np.zeros((60, 90), bool)
    hole[20:40, 20:70] = True
    blot = image.copy()
    blot[28:32, 40:50] = 0.2
    confined = confine(blot, image, hole)
    assert np.abs(confined[hole] - 0.7).max() < 0.06
    assert (confined[~hole] == image[~hole]).all()

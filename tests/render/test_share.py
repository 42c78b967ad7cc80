"""Which segments a part has."""

import numpy as np
import pytest

from subremover.parsing import Part
from subremover.render.share import MASKED_COST, find_share
from subremover.video.segments import Segment


def cut(*lengths: int, copied: tuple[int, ...] = ()) -> list[Segment]:
    """Segments of these lengths; some are copied."""
    ends = np.cumsum([0, *lengths]).tolist()
    return [Segment(ends[n], ends[n + 1], n in copied) for n in range(len(lengths))]


def share_all(segments: list[Segment], is_masked: np.ndarray, count: int) -> list[list[Segment]]:
    return [find_share(segments, is_masked, Part(number, count)) for number in range(1, count + 1)]


@pytest.mark.parametrize("count", range(1, 12))
def test_every_rendered_segment_is_in_one_part(count: int) -> None:
    segments = cut(20, 3, 250, 9, 125, 80, 20, copied=(1, 4))
    is_masked = np.random.default_rng(count).random(507) < 0.3
    shares = share_all(segments, is_masked, count)
    assert len(shares) == count
    assert [it for share in shares for it in share] == [it for it in segments if not it.is_copied]


@pytest.mark.parametrize(
    ("lengths", "count", "expected"),
    [
        ([20] * 8, 4, [2, 2, 2, 2]),
        ([20] * 5, 4, [2, 1, 1, 1]),
        ([20] * 2, 4, [1, 1, 0, 0]),
        ([10, 10, 100, 10], 2, [2, 2]),
        ([10, 10, 100, 10], 3, [2, 1, 1]),
    ],
)
def test_no_part_costs_more_than_it_must(lengths: list[int], count: int, expected: list[int]) -> None:
    shares = share_all(cut(*lengths), np.zeros(sum(lengths), bool), count)
    assert [len(share) for share in shares] == expected


def test_frames_with_holes_cost_more() -> None:
    is_masked = np.zeros(120, bool)
    is_masked[:20] = True
    first, second = share_all(cut(20, 20, 20, 20, 20, 20), is_masked, 2)
    assert (len(first), len(second)) == (1, 5)
    assert MASKED_COST > 5


def test_where_all_is_copied_no_part_has_anything() -> None:
    assert share_all(cut(20, 30, copied=(0, 1)), np.zeros(50, bool), 2) == [[], []]

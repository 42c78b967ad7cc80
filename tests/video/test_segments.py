from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from subremover.video import segments
from subremover.video.film import Film
from subremover.video.segments import Segment, by_segment, cut_rendered, cut_segments


def make_film(frames: int, keys: list[int]) -> Film:
    return Film(
        Path("a.mp4"),
        stream_index=0,
        width=16,
        height=16,
        rotation=0,
        pix_fmt="yuv420p",
        codec="h264",
        time_base=Fraction(1, 25),
        frame_rate=Fraction(25),
        pts=np.arange(frames, dtype=np.int64),
        key_frames=np.array(keys, np.int64),
    )


def starts(frames: int, keys: list[int], masked: range = range(0)) -> list[int]:
    is_masked = np.zeros(frames, bool)
    is_masked[list(masked)] = True
    found = cut_segments(make_film(frames, keys), is_masked)
    assert found[0].start == 0
    assert found[-1].stop == frames
    assert all(one.stop == other.start for one, other in pairwise(found))
    assert all(s.stop - s.start <= segments.SEGMENT_FRAMES for s in found)
    return [segment.start for segment in found]


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "SEGMENT_FRAMES", 100)


def test_a_segment_begins_at_the_last_key_frame_that_is_near() -> None:
    assert starts(100, [0, 60]) == [0]
    assert starts(101, [0, 60]) == [0, 60]
    assert starts(250, [0, 60, 80, 130, 220]) == [0, 80, 130, 220]
    assert starts(250, [0]) == [0, 100, 200]
    assert starts(150, [0, 40]) == [0, 100]  # too short a segment


def test_a_segment_begins_where_no_subtitle_is_on_if_it_can() -> None:
    assert starts(150, [0, 60, 90], range(80, 95)) == [0, 60]
    assert starts(150, [0, 80], range(70, 110)) == [0, 80]  # the encoder's place counts more
    assert starts(150, [0], range(70, 110)) == [0, 70]
    assert starts(150, [0], range(150)) == [0, 100]


def test_a_part_of_a_film() -> None:
    found = list(cut_rendered(range(30, 200), np.array([0, 90]), np.zeros(300, bool)))
    assert found == [Segment(30, 90), Segment(90, 190), Segment(190, 200)]
    assert list(cut_rendered(range(0), np.array([0]), np.zeros(3, bool))) == []


def test_items_by_segment() -> None:
    taken: list[int] = []

    def items() -> Iterator[tuple[int, str]]:
        for index in (0, 1, 2, 5, 9):  # the frames 3, 4, 6, 7 and 8 are lost
            taken.append(index)
            yield index, str(index)

    found = []
    for segment, some in by_segment(items(), [Segment(0, 3), Segment(3, 5), Segment(5, 7), Segment(7, 10)]):
        found.append((segment.start, [index for index, _ in some]))
        if segment.start == 0:
            assert taken == [0, 1, 2]  # nobody waits for what follows the last frame
    assert found == [(0, [0, 1, 2]), (3, []), (5, [5]), (7, [9])]


def test_no_segment_is_empty() -> None:
    with pytest.raises(ValueError, match="0 <= start < stop"):
        Segment(3, 3)

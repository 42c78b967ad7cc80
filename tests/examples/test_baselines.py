"""The baselines restore what they must where the answer is known, and look no further than they may."""

import os
from pathlib import Path

import baselines
import cv2
import numpy as np
import pytest
from make_sample import Sample, SampleOptions, draw_sample

from subremover.geometry import Box

SIZE = (144, 240)
HOLE = Box(80, 100, 80, 20).slices
OPTIONS = SampleOptions(
    size=(160, 96), seconds=0.8, shot_seconds=0.4, event_seconds=0.3, gap_seconds=0.1, styles=("white",)
)


def draw_texture(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Corners to follow, and nothing that repeats."""
    noise = np.random.default_rng(seed).integers(0, 256, (size[0] // 4, size[1] // 4, 3), np.uint8)
    return cv2.resize(noise, size[::-1], interpolation=cv2.INTER_CUBIC)


def cover(truth: list[np.ndarray], frames: range, area: tuple[slice, slice] = HOLE) -> tuple[list, list]:
    """The pictures with a bright plate over some, and the holes that makes."""
    pictures, holes = [], []
    for index, picture in enumerate(truth):
        hole = np.zeros(picture.shape[:2], bool)
        hole[area] = index in frames
        pictures.append(np.where(hole[..., None], np.uint8(255), picture))
        holes.append(hole)
    return pictures, holes


def measure(results: list[np.ndarray], truth: list[np.ndarray], holes: list[np.ndarray]) -> float:
    """Worst mean error in a hole, in levels; outside nothing may have changed."""
    errors = []
    for result, clean, hole in zip(results, truth, holes, strict=True):
        difference = cv2.absdiff(result, clean)
        assert not difference[~hole].any()
        errors += [float(difference[hole].mean())] if hole.any() else []
    return max(errors)


def test_nearest_restores_what_stands_still() -> None:
    truth = [draw_texture(0)] * 12
    pictures, holes = cover(truth, range(2, 9))
    assert measure(list(baselines.fill_from_nearest(pictures, holes)), truth, holes) == 0


def test_nearest_takes_the_nearest_frame_back_first() -> None:
    truth = [np.full((8, 8, 3), level, np.uint8) for level in range(7)]
    pictures, holes = cover(truth, range(2, 5), (slice(3, 5), slice(3, 5)))
    results = list(baselines.fill_from_nearest(pictures, holes))
    assert [int(result[3, 3, 0]) for result in results] == [0, 1, 1, 1, 5, 5, 6]


@pytest.mark.parametrize("speed", [3, -17])
def test_aligned_restores_a_pan(speed: int) -> None:
    wide = draw_texture(1, (144, 640))
    truth = [wide[:, 200 + speed * frame : 440 + speed * frame] for frame in range(12)]
    pictures, holes = cover(truth, range(12), Box(80, 100, 12, 20).slices)
    assert measure(list(baselines.fill_from_aligned(pictures, holes)), truth, holes) < 1
    assert measure(list(baselines.fill_by_telea(pictures, holes)), truth, holes) > 20


def test_aligned_is_not_misled_by_what_passes() -> None:
    scene = draw_texture(2)
    truth = [scene] * 12
    pictures, holes = cover(truth, range(6, 7))
    pictures[5] = pictures[5].copy()
    pictures[5][HOLE] = 0  # on one frame something stands where the subtitle will
    result = list(baselines.fill_from_aligned(pictures, holes))[6]
    assert cv2.absdiff(result, scene).max() <= 1


def test_median_counts_known_pixels_only() -> None:
    pictures = np.array([10, 20, 90, 7], np.uint8)[:, None, None, None].repeat(3, axis=3)
    known = np.array([True, True, True, False])[:, None, None]
    median, is_known = baselines.median_of_known(pictures, known)
    assert (median.tolist(), is_known.tolist()) == ([[[20] * 3]], [[True]])
    median, is_known = baselines.median_of_known(pictures[:2], known[:2])
    assert median[0, 0, 0] == 15
    assert not baselines.median_of_known(pictures, ~known & False)[1].any()


@pytest.mark.parametrize("fill", [baselines.fill_from_nearest, baselines.fill_from_aligned])
def test_what_no_frame_shows_is_left_to_telea(fill: baselines.Fill) -> None:
    pictures, holes = cover([draw_texture(3)] * 3, range(3))
    for result, expected in zip(fill(pictures, holes), baselines.fill_by_telea(pictures, holes), strict=True):
        np.testing.assert_array_equal(result, expected)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return draw_sample(tmp_path_factory.mktemp("sample"), OPTIONS)


def test_no_baseline_sees_across_a_cut(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = []

    def note_length(pictures: list, holes: list) -> list:
        assert len(pictures) == len(holes)
        lengths.append(len(pictures))
        return pictures

    monkeypatch.setattr(baselines, "BASELINES", {"note": note_length})
    scores = baselines.score_baselines(sample.clean.parent)
    assert lengths == [10, 9]
    assert scores["note"].psnr is not None
    assert scores["note"].psnr < 15  # the subtitle is still there


def test_scores_are_kept_until_a_film_changes(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip, cache = sample.clean.parent, tmp_path / "baselines.json"
    first = baselines.load_baselines(clip, cache)
    assert set(first) == set(baselines.BASELINES)
    monkeypatch.setattr(baselines, "score_baselines", _fail)
    assert baselines.load_baselines(clip, cache) == first
    os.utime(sample.subbed, (1, 1))
    with pytest.raises(AssertionError, match="measured again"):
        baselines.load_baselines(clip, cache)


def _fail(clip: Path) -> None:
    raise AssertionError(f"{clip} is measured again")

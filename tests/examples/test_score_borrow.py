"""What score_borrow measures is what the render did."""

import json
from pathlib import Path

import numpy as np
import pytest
import score_borrow
from click.testing import CliRunner
from make_sample import Sample, SampleOptions, draw_sample

from subremover.fill.paint.jobs import FitJob
from subremover.geometry import Box
from subremover.options import FitOptions, PaintOptions
from subremover.provenance import Origins

OPTIONS = SampleOptions(
    size=(160, 96), seconds=0.3, shot_seconds=0.3, event_seconds=0.1, gap_seconds=0.1, styles=("white",)
)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return draw_sample(tmp_path_factory.mktemp("sample"), OPTIONS)


def test_pixels_are_traced_to_where_they_came_from() -> None:
    origins = Origins([Box(2, 1, 5, 1)])
    hole, fitted = np.array([[1, 1, 1, 1, 0]], bool), np.array([[0, 0, 0.4, 0.6, 0]], np.float32)
    origins.fill(Box(2, 1, 5, 1), hole, fitted, np.array([[1, 33.4, 7.6, 2, 0]], np.float32))
    origins.blend(Box(2, 1, 1, 1), np.array([[0.7]], np.float32))
    traced = [score_borrow.SOURCES[source] for source in score_borrow.trace(origins, (3, 8))[1]]
    outside = "not masked"
    assert traced == [outside, outside, "unmixed", "32+", "8-15", "painted", outside, outside]
    assert (score_borrow.trace(None, (1, 1)) == score_borrow.SOURCES.index(outside)).all()


def test_a_smooth_fill_keeps_what_is_borrowed_and_continues_the_rest() -> None:
    image = np.full((24, 24, 3), 0.5, np.float32)
    hole, error = np.zeros((24, 24), bool), np.zeros((24, 24), np.float32)
    hole[8:16, 8:16], error[8:12, 8:16], error[12:16, 8:16] = True, 0.1, np.inf
    image[8:12, 8:16], image[12:16, 8:16] = 0.6, 9.0  # borrowed; anything
    fill = score_borrow.fill_smoothly(FitJob(image, hole, 0, 0, error))
    np.testing.assert_array_equal(fill.picture[8:12], image[8:12])
    assert fill.picture[12:16, 8:16].min() > 0.45
    assert fill.picture[12:16, 8:16].max() < 0.65
    np.testing.assert_array_equal(fill.fitted, np.isinf(error))


def test_score_borrow_renders_and_scores_all_variants(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty = PaintOptions(FitOptions(steps=2, channels=8, levels=3), warm_steps=1, decoders=1)
    monkeypatch.setattr(PaintOptions, "preset", lambda _: hasty)
    result = CliRunner().invoke(score_borrow.main, [str(sample.clean.parent), str(tmp_path)])
    assert result.exit_code == 0, result.output
    header = "| dB / SSIM / flicker | decoder alone | borrowing alone | both | shown | s/frame |"
    assert header in result.output
    (clip,) = json.loads((tmp_path / "borrow.json").read_text(encoding="utf-8"))["clips"]
    decoder, borrowing, both = (clip["variants"][variant] for variant in score_borrow.VARIANTS)
    assert decoder["sources"]["painted"]["count"] == sum(s["count"] for s in decoder["sources"].values()) > 0
    assert decoder["borrow_seconds"] == 0 < borrowing["borrow_seconds"]
    assert borrowing["sources"]["painted"]["count"] <= both["sources"]["painted"]["count"]
    assert borrowing["hole"]["psnr"] > decoder["hole"]["psnr"]  # the drawn scene is seen before and after

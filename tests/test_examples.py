"""The drawn film keeps its promises, and the scores are right where the answer is known."""

import json
from pathlib import Path

import clip_score
import cv2
import numpy as np
import pytest
import score_clips
from before_after import main as before_after
from click.testing import CliRunner
from make_sample import Sample, SampleOptions, draw_frames, draw_sample, make_events
from make_sample import main as make_sample
from sample_subtitles import STYLES

OPTIONS = SampleOptions(
    size=(160, 96),
    seconds=1.5,
    shot_seconds=0.8,
    event_seconds=0.5,
    gap_seconds=0.15,
    styles=("white", "box"),
)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return draw_sample(tmp_path_factory.mktemp("sample"), OPTIONS)


@pytest.fixture(scope="module")
def clip(sample: Sample) -> Path:
    return sample.clean.parent


@pytest.mark.parametrize("style", STYLES)
def test_subtitle_changes_masked_pixels_only(style: str) -> None:
    options = SampleOptions(size=(160, 96), seconds=0.5, event_seconds=0.3, gap_seconds=0.1, styles=(style,))
    masked_frames = []
    for index, frame in enumerate(draw_frames(options)):
        is_equal = (frame.clean == frame.subbed).all(axis=-1)
        assert is_equal[frame.mask == 0].all()
        opaque = frame.mask > 200
        assert np.count_nonzero(is_equal & opaque) <= 0.2 * np.count_nonzero(opaque)
        masked_frames += [index] if frame.mask.any() else []
    (event,) = make_events(options)
    assert masked_frames == list(range(event.first, event.last + 1))


def test_events_match_the_mask_as_written(sample: Sample, clip: Path) -> None:
    shown = {index for event in sample.events for index in range(event.first, event.last + 1)}
    masks = [coverage for _, coverage in clip_score.read_truth(clip)]
    assert {index for index, mask in enumerate(masks) if mask.any()} == shown
    drawn = [frame.mask for frame in draw_frames(OPTIONS)]
    np.testing.assert_array_equal(masks, drawn)
    facts = json.loads((clip / "events.json").read_text(encoding="utf-8"))
    assert facts["frames"] == len(masks) == 36
    assert facts["cuts"] == [19]
    assert [event["style"] for event in facts["events"]] == ["white", "box"]


def test_films_keep_time_sound_and_picture(sample: Sample) -> None:
    frames = list(clip_score.read_frames(sample.subbed))
    for index, (seconds, _) in enumerate(frames):
        assert seconds == index / OPTIONS.frame_rate
    (packets,) = clip_score.hash_audio(sample.subbed)
    assert len(packets) >= 1.5 * 48000 // 1024
    error = clip_score.ErrorSum()
    for (_, decoded), drawn in zip(clip_score.read_frames(sample.clean), draw_frames(OPTIONS), strict=True):
        error.add(decoded.astype(int) - drawn.clean[..., ::-1])
    assert error.psnr is not None
    assert error.psnr > 30  # colour is halved in both directions


def test_input_as_output_scores_perfect_outside_and_bad_inside(sample: Sample, clip: Path) -> None:
    score = clip_score.score_clip(clip, sample.subbed)
    assert score.outside_psnr == clip_score.PERFECT_DB
    assert score.is_audio_same
    assert (score.frames, score.missing_frames, score.extra_frames, score.bad_pts) == (36, 0, 0, 0)
    assert score.hole.psnr is not None
    assert score.telea.psnr is not None
    assert score.hole.psnr < 15 < score.telea.psnr


def test_truth_as_output_scores_perfect_inside(sample: Sample, clip: Path) -> None:
    hole = clip_score.score_clip(clip, sample.clean).hole
    assert hole == clip_score.HoleScore(99.0, 99.0, pytest.approx(1), 0.0)


def test_hole_meter_measures_what_it_says() -> None:
    meter = clip_score.HoleMeter()
    clean = np.full((40, 40, 3), 100, np.uint8)
    mask = np.zeros((40, 40), bool)
    mask[10:20, 10:20] = True
    for error in (5, 5, 9):  # flicker: 0, then 4 levels
        meter.add(clean, clean + np.uint8(error), mask)
    score = meter.score()
    assert score.flicker == 2
    assert score.psnr == pytest.approx(10 * np.log10(255**2 / ((25 + 25 + 81) / 3)))
    assert score.psnr_worst == pytest.approx(20 * np.log10(255 / 9))


def test_leftover_text_is_found_in_the_input_and_not_in_the_truth(tmp_path: Path) -> None:
    options = SampleOptions(size=(320, 180), seconds=0.3, event_seconds=0.3, gap_seconds=0, styles=("white",))
    sample = draw_sample(tmp_path, options)
    assert clip_score.find_leftover(tmp_path, sample.subbed, every=10) == clip_score.Leftover(1, (0,))
    assert clip_score.find_leftover(tmp_path, sample.clean, every=10) == clip_score.Leftover(1, ())


def test_score_clips_scores_outputs_that_exist(sample: Sample, clip: Path, tmp_path: Path) -> None:
    (tmp_path / f"{clip.name}.mp4").write_bytes(sample.clean.read_bytes())
    arguments = [str(clip.parent), str(tmp_path), "--only", clip.name, "--skip-run", "--every", "0"]
    result = CliRunner().invoke(score_clips.main, arguments)
    assert result.exit_code == 0, result.output
    assert f"| {clip.name} | 36 | 99.0 / " in result.output
    scores = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert scores["clips"][0]["score"]["hole"]["psnr"] == 99


def test_before_after_stacks_two_labelled_frames(sample: Sample, tmp_path: Path) -> None:
    picture = tmp_path / "before_after.png"
    arguments = [str(sample.subbed), str(sample.clean), str(picture), "--frame", "8"]
    result = CliRunner().invoke(before_after, arguments)
    assert result.exit_code == 0, result.output
    assert cv2.imread(str(picture)).shape == (2 * 96, 160, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--styles", "white,wite"], "unknown style 'wite'"),
        (["--size", "161x96"], "must be even"),
        (["--seconds", "0"], "no film"),
    ],
)
def test_make_sample_says_what_is_wrong(arguments: list[str], message: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(make_sample, [str(tmp_path), *arguments])
    assert result.exit_code == 2
    assert message in result.output

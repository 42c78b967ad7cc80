"""The drawn film keeps its promises, and the scores are right where the answer is known."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import clip_score
import clip_truth
import cv2
import numpy as np
import pytest
import scan_score
import score_clips
import score_scan
from before_after import main as before_after
from bench_frames import main as bench_frames
from click.testing import CliRunner
from clip_tables import Result, Run, format_quality
from make_sample import Sample, SampleOptions, draw_frames, draw_sample, make_events
from make_sample import main as make_sample
from sample_subtitles import STYLES

from subremover import Plan, ScanOptions, Shot, scan
from subremover.detect.drawn_mask import events_from_masks
from subremover.geometry import Box
from subremover.plan.model import FilmKey
from subremover.video.read.probe import probe

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
    assert score.hole.psnr < 15


def test_truth_as_output_scores_perfect_inside(sample: Sample, clip: Path) -> None:
    hole = clip_score.score_clip(clip, sample.clean).hole
    assert hole == clip_score.HoleScore(99.0, 99.0, pytest.approx(1), 0.0, 0.0)


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


def test_a_ghost_is_what_the_error_has_of_the_letters() -> None:
    mask = np.zeros((60, 200), bool)
    mask[20:40, 20:180:8] = mask[20:40, 21:180:8] = mask[20:40, 22:180:8] = True
    noise = np.random.default_rng(0).normal(0, 6, (*mask.shape, 3)).astype(np.int16)
    letters = np.where(mask[..., None], np.int16(6), np.int16(0))
    ghost, chance = clip_score.measure_ghost(noise + letters, mask), clip_score.measure_ghost(noise, mask)
    assert ghost == pytest.approx(6, abs=1.2)
    assert chance < 1.5
    tint = np.where(mask[..., None], np.int16([12, 0, 0]), np.int16(0))
    assert clip_score.measure_ghost(tint, mask) == pytest.approx(0.114 * 12 + 0.5 * 12, rel=0.05)


def test_leftover_text_is_found_in_the_input_and_not_in_the_truth(tmp_path: Path) -> None:
    options = SampleOptions(size=(320, 180), seconds=0.3, event_seconds=0.3, gap_seconds=0, styles=("white",))
    sample = draw_sample(tmp_path, options)
    assert clip_score.find_leftover(tmp_path, sample.subbed, every=10) == clip_score.Leftover(1, (0,))
    assert clip_score.find_leftover(tmp_path, sample.clean, every=10) == clip_score.Leftover(1, ())


def test_score_clips_scores_outputs_that_exist(sample: Sample, clip: Path, tmp_path: Path) -> None:
    (tmp_path / f"{clip.name}.mp4").write_bytes(sample.subbed.read_bytes())
    (tmp_path / f"{clip.name}.true.mp4").write_bytes(sample.clean.read_bytes())
    arguments = [str(clip.parent), str(tmp_path), "--only", clip.name, "--skip-run", "--every", "0"]
    result = CliRunner().invoke(score_clips.main, arguments)
    assert result.exit_code == 0, result.output
    assert "| hole PSNR, dB | ours, own masks | ours, true mask | Telea | nearest frame |" in result.output
    assert "| ahead of all others | 0 of 1 | 1 of 1 |  |  |  |" in result.output
    assert "- true mask: flicker 0.00 levels in the mean, 0.00 of Telea's" in result.output
    assert f"| {clip.name} | 36 | " in result.output
    scores = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert scores["clips"][0]["runs"]["true mask"]["score"]["hole"]["psnr"] == 99
    assert 15 < scores["clips"][0]["baselines"]["Telea"]["psnr"] < 99


def test_true_mask_is_white_wherever_the_subtitle_is(sample: Sample, clip: Path, tmp_path: Path) -> None:
    path = score_clips.write_true_mask(clip, tmp_path)
    masks = [mask for _, mask in clip_score.read_frames(path, "gray")]
    truth = [np.where(coverage > 0, 255, 0) for _, coverage in clip_score.read_truth(clip)]
    np.testing.assert_array_equal(masks, truth)
    plan = scan(sample.subbed, ScanOptions(mask=path))
    assert np.flatnonzero(plan.masked_frames()).tolist() == [i for i, mask in enumerate(masks) if mask.any()]


def test_summary_counts_and_names_the_worst() -> None:
    def result(clip: str, ours: float, telea: float, copied: float) -> Result:
        hole, *others = (
            clip_score.HoleScore(psnr, psnr, psnr / 100, 100 - psnr, 0) for psnr in (ours, telea, copied)
        )
        score = clip_score.ClipScore(9, 0, 0, 0, True, 50.0, hole)
        return Result(
            clip, {"true mask": Run(None, score, None)}, dict(zip(("Telea", "copy"), others, strict=True))
        )

    text = format_quality([result("a", 30, 20, 25), result("b", 20, 21, 10), result("c", 28, 20, 28)])
    assert "| a | **30.00** | 20.00 | 25.00 |" in text
    assert "| ahead of all others | 1 of 3 |  |  |" in text
    assert "- true mask: hole PSNR 26.00 dB in the mean" in text
    assert "- true mask: least gain over Telea -1.00 dB (b)" in text
    assert "- true mask: flicker 74.00 levels in the mean, 0.93 of Telea's" in text


def _true_plan(clip: Path) -> Plan:
    """The plan that masks what the truth masks."""
    masks = [coverage > 0 for _, coverage in clip_score.read_truth(clip)]
    film = probe(clip / "subbed.mp4")
    key, shots = FilmKey.of(film.upright_size, film.pts), (Shot(0, len(masks) - 1),)
    return Plan(key, shots, tuple(events_from_masks(enumerate(masks))))


@pytest.mark.usefixtures("sample")
def test_the_truth_as_plan_scores_perfect(clip: Path) -> None:
    score = scan_score.score_plan(clip, _true_plan(clip))
    assert (score.recall, score.precision, score.area, score.frame_precision) == (1, 1, 1, 1)
    assert (score.stray, score.wrong, score.missed, score.worst_end) == (0, [], 0, 0)
    assert score.text_error is None  # nothing was read


def test_a_plan_is_blamed_for_what_it_has_too_much_and_too_little(sample: Sample, clip: Path) -> None:
    true = _true_plan(clip)
    first = replace(true.events[0], last=true.events[0].last + 2, text="Where did you leave the cat?")
    aside = replace(first, first=0, last=9, box=Box(2, 2, 6, 4), strokes=np.ones((4, 6), bool))
    left = replace(aside, remove=False, kind="logo")
    score = scan_score.score_plan(clip, replace(true, events=(first, aside, left)))
    found, missed = score.events
    assert (found.first_error, found.last_error, found.recall) == (0, 2, 1)
    assert found.text_error == pytest.approx(1 / len(sample.events[0].text))
    assert (missed.first_error, missed.recall) == (None, 0)
    assert score.false_frames == sample.events[0].first + 2
    assert [(event.first, event.last, event.box) for event in score.wrong] == [(0, 9, (2, 2, 6, 4))]
    assert [event.kind for event in score.left_alone] == ["logo"]


@pytest.mark.usefixtures("sample")
def test_score_scan_scores_plans_that_exist(clip: Path, tmp_path: Path) -> None:
    _true_plan(clip).save(tmp_path / clip.name)
    arguments = [str(clip), "--plans", str(tmp_path), "--json", str(tmp_path / "scores.json")]
    result = CliRunner().invoke(score_scan.main, arguments)
    assert result.exit_code == 0, result.output
    assert f"| {clip.name} | 36 |  |  | 1.0000 | 1.00 | 1.000 | 0 | 0 of " in result.output
    scores = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert scores["clips"][0]["score"]["events"][0]["first_error"] == 0


def test_events_are_traced_through_masks_that_fade_and_change() -> None:
    pictures = np.zeros((3, 90, 160), np.uint8)
    for picture, text in zip(pictures, ("", "Good day", "See you"), strict=True):
        cv2.putText(picture, text, (20, 80), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 2)
    _, one, other = pictures
    blank = np.zeros_like(one)
    traced = clip_truth.trace_events([blank, one // 200, one // 3, one, one // 2, other, other, blank, one])
    assert [(event.first, event.last) for event in traced] == [(1, 4), (5, 6), (8, 8)]


def test_ass_dialogue_is_read_without_its_tags(tmp_path: Path) -> None:
    path = tmp_path / "subs.ass"
    text = r"{\fad(300,0)}Well, {\i1}tell{\i0} him\NI called."
    path.write_text(f"[Events]\nDialogue: 0,0:00:01.50,0:01:02.25,Style,,0,0,0,,{text}\n", encoding="utf-8")
    (line,) = clip_truth.read_ass(path)
    assert line == (Fraction(3, 2), Fraction(249, 4), "Well, tell him\nI called.")


@pytest.mark.parametrize(("a", "b", "edits"), [("", "abc", 3), ("kitten", "sitting", 3), ("ab", "ba", 2)])
def test_edits_are_counted(a: str, b: str, edits: int) -> None:
    assert scan_score.count_edits(a, b) == edits


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


def test_bench_frames_times_every_way_of_asking(tmp_path: Path, sample: Sample) -> None:
    arguments = [str(tmp_path), "--film", str(sample.clean), "--width", "80", "--repeats", "2"]
    result = CliRunner().invoke(bench_frames, arguments)
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "frames.json").read_text(encoding="utf-8"))
    assert found["film"] == ["h264", 160, 96, 36]
    assert [row["way"] for row in found["rows"]][:2] == ["cold, anywhere", "cold, a key frame"]
    assert all(0 < row["median"] <= row["greatest"] for row in found["rows"])

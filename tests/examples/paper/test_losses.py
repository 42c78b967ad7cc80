"""The study of losses: which frames it takes, and how it tells which loss arrives first."""

import json
from pathlib import Path

import click
import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from losses import LOSSES, Curve, compare, follow, main
from make_sample import SampleOptions, draw_sample
from study import Study
from subtitles import draw_case, read_case, read_clips

from subremover import FitOptions

pytestmark = pytest.mark.usefixtures("one_thread")


def told(*psnr: float) -> Curve:
    return Curve([4, 10, 20, 40], list(psnr), [0.5] * len(psnr))


def test_a_loss_arrives_where_it_is_as_good_as_mse_ever_gets() -> None:
    slow, fast, never = told(10, 20, 25, 30), told(20, 29.6, 33, 28), told(10, 11, 12, 13)
    first = {**dict.fromkeys(LOSSES, never), "mse": slow, "mix": fast}
    second = {**first, "ssim": told(30, 30, 30, 50)}
    rows = {row["loss"]: row for row in compare([first, second])}
    assert rows["MS-SSIM + L1"]["arrives at step"] == 10
    assert rows["MS-SSIM + L1"]["times as fast as MSE"] == 4
    assert rows["MS-SSIM + L1"]["best PSNR"] == 33
    assert rows["MS-SSIM + L1"]["PSNR after 40"] == 28
    assert rows["MSE"]["times as fast as MSE"] == 1
    assert rows["SSIM"]["arrives at step"] == 40  # as the mean of the two does
    assert rows["SSIM"]["arrives by itself in"] == "1 of 2"
    assert rows["L1"]["arrives by itself in"] == "0 of 2"
    assert rows["L1"]["times as fast as MSE"] is None


def test_the_drawn_subtitle_lies_in_its_hole() -> None:
    case = draw_case(128)
    assert case.truth is not None
    changed = np.abs(case.image - case.truth).max(-1) > 0
    assert changed.any()
    assert not (changed & ~case.hole).any()
    cropped = case.crop(8)
    assert cropped.hole.sum() == case.hole.sum()
    assert cropped.hole.shape[0] < 64


def test_the_segmenter_marks_what_stands_below(tmp_path: Path) -> None:
    case = draw_case(256)
    cv2.imwrite(str(tmp_path / "frame.png"), np.uint8(case.image[..., ::-1] * 255))
    found = read_case(tmp_path / "frame.png", None, None)
    assert found.hole[case.hole].mean() > 0.7
    assert not found.hole[: 256 * 2 // 3].any()


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    for name, size, level in (("frame", 48, 90), ("small", 40, 255), ("black", 48, 0)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((size, size, 3), level, np.uint8))
    frame, small, black = (tmp_path / f"{name}.png" for name in ("frame", "small", "black"))
    with pytest.raises(click.BadParameter, match=r"small\.png' is 40x40 px, .*frame\.png' 48x48"):
        read_case(frame, small, None)
    with pytest.raises(click.BadParameter, match="no subtitle is marked"):
        read_case(frame, black, None)
    with pytest.raises(click.BadParameter, match="holds subbed"):
        read_clips(tmp_path)


def test_a_clip_gives_the_frame_that_is_covered_most(tmp_path: Path) -> None:
    draw_sample(
        tmp_path / "clip",
        SampleOptions(
            size=(160, 96),
            seconds=0.8,
            shot_seconds=0.8,
            event_seconds=0.4,
            gap_seconds=0.2,
            styles=("white",),
        ),
    )
    (case,) = read_clips(tmp_path)
    assert case.truth is not None
    missed = np.abs(case.image - case.truth).max(-1)
    assert missed[case.hole].mean() > 5 * missed[~case.hole].mean()


def test_early_pictures_are_not_those_of_the_end(tmp_path: Path) -> None:
    curve = follow(Study(tmp_path, True, "cpu"), draw_case(64), FitOptions(steps=40, channels=8, loss="mse"))
    assert curve.early is not None
    assert curve.late is not None
    assert np.abs(curve.early - curve.late).mean() > 0.02
    assert curve.steps == [4, 10, 20, 30, 40]


def test_quick_form(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(tmp_path), "--quick"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    rows = json.loads((tmp_path / "losses.json").read_text())["rows"]
    assert len(rows) == len(LOSSES)
    assert all(row["PSNR after 40"] > row["PSNR after 4"] for row in rows)
    for name in ("losses_astronaut.png", "losses_psnr.png", "losses_ssim.png"):
        assert (tmp_path / name).stat().st_size > 1000


@pytest.mark.parametrize(
    ("options", "message"),
    [(["--mask"], "belong to an --image"), (["--clips", ".", "--image"], "not both")],
)
def test_options_that_exclude_each_other(tmp_path: Path, options: list[str], message: str) -> None:
    picture = tmp_path / "a.png"
    picture.touch()
    result = CliRunner().invoke(main, [str(tmp_path), *options, str(picture)])
    assert result.exit_code == 2
    assert message in result.output

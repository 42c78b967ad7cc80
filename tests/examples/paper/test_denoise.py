"""The denoising benchmark: which pairs are read, and what its tables tell."""

import json
from pathlib import Path

import click
import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from denoise import average, draw_pairs, main, read_pairs
from images import psnr, ssim

pytestmark = pytest.mark.usefixtures("one_thread")


def write_pair(folder: Path, name: str, size: tuple[int, int] = (8, 9)) -> None:
    for kind, level in (("real", 90), ("mean", 100)):
        cv2.imwrite(str(folder / f"{name}_{kind}.png"), np.full((*size, 3), level, np.uint8))


def test_fewer_pairs_are_spread_over_all(tmp_path: Path) -> None:
    for name in "abcde":
        write_pair(tmp_path, name)
    assert [pair.name for pair in read_pairs(tmp_path, 3)] == ["a", "c", "e"]
    pairs = read_pairs(tmp_path, None)
    assert len(pairs) == 5
    assert pairs[0].noisy == pytest.approx(90 / 255)
    assert pairs[0].clean == pytest.approx(100 / 255)


def test_pairs_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(click.BadParameter, match="holds no pairs"):
        read_pairs(tmp_path, None)
    write_pair(tmp_path, "a")
    (tmp_path / "a_mean.png").unlink()
    with pytest.raises(click.BadParameter, match=r"has no 'a_mean\.png' beside it"):
        read_pairs(tmp_path, None)
    cv2.imwrite(str(tmp_path / "a_mean.png"), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(click.BadParameter, match="differ in size"):
        read_pairs(tmp_path, None)
    (tmp_path / "a_mean.png").write_bytes(b"")
    with pytest.raises(click.BadParameter, match="no image that can be read"):
        read_pairs(tmp_path, None)


def test_drawn_noise_is_always_the_same_and_stronger_in_the_light() -> None:
    pair, again = draw_pairs(1, 64)[0], draw_pairs(2, 64)[0]
    np.testing.assert_array_equal(pair.noisy, again.noisy)
    missed = np.abs(pair.noisy - pair.clean)
    assert missed[pair.clean > 0.6].mean() > 1.5 * missed[pair.clean < 0.2].mean()


def test_metrics_know_equal_pictures_and_masks() -> None:
    picture = draw_pairs(1, 32)[0].clean
    assert ssim(picture, picture) == pytest.approx(1)
    where = np.zeros((32, 32), bool)
    where[:8] = True
    wrong = picture.copy()
    wrong[:8] += 0.1
    assert psnr(wrong, picture, where) == pytest.approx(20, abs=1e-3)
    assert psnr(wrong, picture) == pytest.approx(20 + 10 * np.log10(4), abs=1e-3)
    assert ssim(wrong, picture, ~where) > ssim(wrong, picture, where)


def test_means_are_over_all_images() -> None:
    rows = [{"image": "a", "PSNR": 30.0}, {"image": "b", "PSNR": 34.0}]
    assert average(rows) == {"image": "mean of 2", "PSNR": 32.0}


def test_quick_form(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(tmp_path / "out"), "--quick"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "out" / "denoise.json").read_text())
    *images, mean, paper = found["rows"]
    assert len(images) == 2
    assert mean["PSNR"] == pytest.approx(np.mean([row["PSNR"] for row in images]))
    assert paper["PSNR"] == 37.1929
    assert all(15 < row["PSNR"] < row["noisy PSNR"] + 10 for row in images)
    assert "the paper's mean" in (tmp_path / "out" / "denoise.md").read_text()
    assert (tmp_path / "out" / "denoise.png").stat().st_size > 1000

"""The study of deblurring: the kernel, what is seen through it, and what filters make of that."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from blurs import GaussianBlur, Sight, list_filters
from click.testing import CliRunner
from deblur import average, main
from images import draw_photograph, psnr, to_picture, to_tensor
from scipy.ndimage import gaussian_filter

pytestmark = pytest.mark.usefixtures("one_thread")

BLUR = GaussianBlur(1.5)


@pytest.mark.parametrize("sigma_px", [0.3, 1.5, 3.0, 20.0])
def test_a_kernel_adds_up_to_one_and_leaves_a_constant(sigma_px: float) -> None:
    blur = GaussianBlur(sigma_px)
    assert blur.kernel.sum() == pytest.approx(1, abs=1e-6)
    side = 2 * blur.reach_px + 5
    blurred = blur(torch.full((1, 2, side, side + 3), 0.7))
    assert blurred.shape == (1, 2, 5, 8)
    torch.testing.assert_close(blurred, torch.full_like(blurred, 0.7))


def test_it_blurs_as_scipy_does() -> None:
    picture = draw_photograph("coffee", 64)[:, :50]
    expected = BLUR.trim(gaussian_filter(picture, (1.5, 1.5, 0)))
    np.testing.assert_allclose(to_picture(BLUR(to_tensor(picture))[0]), expected, atol=1e-6)


def test_its_gradient_is_its_transpose() -> None:
    pictures = torch.rand(1, 1, 20, 24, dtype=torch.float32, requires_grad=True)
    back = torch.rand(1, 1, 8, 12)
    (gradient,) = torch.autograd.grad((BLUR(pictures) * back).sum(), pictures)
    other = torch.rand(1, 1, 20, 24)
    assert (gradient * other).sum().item() == pytest.approx((BLUR(other) * back).sum().item(), rel=1e-5)


def test_what_is_seen_is_blurred_and_noisy_and_in_levels() -> None:
    still, noisy = (Sight.of("coffee", 64, BLUR, noise) for noise in (0, 4 / 255))
    assert still.blurred.shape == still.truth.shape == (52, 52, 3)
    levels = noisy.blurred * 255
    np.testing.assert_allclose(levels, levels.round(), atol=1e-4)
    grain = (noisy.blurred - still.blurred) * 255
    assert grain.std() == pytest.approx(4, rel=0.1)
    worse = still.truth.copy()
    worse[: BLUR.reach_px] = 0  # which is not measured
    worse[BLUR.reach_px :] += 0.1
    assert still.measure(worse) == pytest.approx(20, abs=0.01)


def test_filters_sharpen_and_the_best_setting_is_chosen() -> None:
    sight = Sight.of("coffee", 64, BLUR, 0)
    for method, filters in list_filters(BLUR).items():
        setting, picture = sight.choose(filters)
        assert picture.shape == sight.truth.shape, method
        assert sight.measure(picture) > sight.measure(sight.blurred) + 1, method
        assert setting in filters
    settings = {"wrong": lambda wide: wide * 0, "right": lambda wide: wide}
    setting, picture = sight.choose(settings)
    assert setting == "right"
    np.testing.assert_array_equal(picture, sight.blurred)


def test_means_are_of_one_blur_and_noise() -> None:
    rows = [
        {"image": name, "sigma, px": 2.0, "noise, levels": noise, "Wiener": value}
        for name, noise, value in (("a", 0.0, 30.0), ("b", 0.0, 34.0), ("a", 1.0, 20.0), ("b", 1.0, 21.0))
    ]
    assert average(rows) == [
        {"image": "mean of 2", "sigma, px": 2.0, "noise, levels": 0.0, "Wiener": 32.0},
        {"image": "mean of 2", "sigma, px": 2.0, "noise, levels": 1.0, "Wiener": 20.5},
    ]


def test_quick_form(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(tmp_path), "--quick"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    *_, row = json.loads((tmp_path / "deblur_psnr.json").read_text())["rows"]
    assert row["image"] == "mean of 1"
    assert row["Wiener, best"] >= row["unsupervised Wiener"] > row["blurred"] + 1
    assert row["deep decoder"] > max(row["blurred"], row["no forward model"]) + 1
    assert (tmp_path / "deblur_1.5px.png").stat().st_size > 1000


def test_quick_search(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(tmp_path), "--quick", "--search"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    rows = json.loads((tmp_path / "deblur_search.json").read_text())["rows"]
    assert [row["K"] for row in rows] == [8, 16]
    assert all(row["best PSNR"] > 15 for row in rows)


def test_a_photograph_of_ones_own(tmp_path: Path) -> None:
    sight = Sight.of("coffee", 60, BLUR, 0)
    image = tmp_path / "blurred.png"
    cv2.imwrite(str(image), np.uint8(sight.blurred[..., ::-1] * 255 + 0.5))
    command = [str(tmp_path), "--quick", "--image", str(image), "--sigma", "1.5"]
    result = CliRunner().invoke(main, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found = cv2.imread(str(tmp_path / "deblurred.png"))[..., ::-1] / np.float32(255)
    assert found.shape == sight.blurred.shape
    assert psnr(found, sight.truth) > 15


def test_an_image_that_is_too_small_is_refused_in_a_line(tmp_path: Path) -> None:
    image = tmp_path / "dot.png"
    cv2.imwrite(str(image), np.zeros((2, 3, 3), np.uint8))
    result = CliRunner().invoke(main, [str(tmp_path), "--quick", "--image", str(image), "--sigma", "0.3"])
    assert result.exit_code == 1
    message = "Error: 3 levels paint pictures of at least 8 px a side, not of 5x4"
    assert result.output.splitlines()[-1].endswith(message)


@pytest.mark.parametrize("options", [["--sigma", "2"], ["--image", __file__], ["--sigma", "nan"]])
def test_options_that_make_no_sense(tmp_path: Path, options: list[str]) -> None:
    result = CliRunner().invoke(main, [str(tmp_path), "--quick", *options])
    assert result.exit_code == 2
    assert result.output.splitlines()[-1].startswith("Error: ")

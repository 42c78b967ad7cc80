"""The losses: against pytorch_msssim where all is known, and blind to the hole where it is not."""

import math
from typing import Any, get_args

import pytest
import torch
import torch.nn.functional as F
from pytorch_msssim import ms_ssim as reference_ms_ssim
from pytorch_msssim import ssim as reference_ssim
from skimage.metrics import structural_similarity
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from subremover.options import LossName
from subremover.untrained.losses import count_scales, prepare_loss

LOSSES: tuple[LossName, ...] = get_args(LossName)


def draw_pair(rows: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Smooth pictures and noisy ones, (rows, 3, height, width)."""
    generator = torch.Generator().manual_seed(height)
    coarse = torch.rand(rows, 3, height // 8 + 2, width // 8 + 2, generator=generator)
    clean = F.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1)
    noise = torch.randn(clean.shape, generator=generator)
    return clean, (clean + 0.08 * noise).clamp(0, 1)


def draw_known(height: int, width: int) -> Tensor:
    known = torch.ones(1, 1, height, width)
    known[..., height // 3 : height // 2, width // 4 : width // 2] = 0
    return known


@pytest.mark.parametrize(
    ("size", "tolerance"), [((176, 192), 1e-5), ((192, 320), 1e-5), ((161, 203), 1e-3), ((250, 333), 1e-3)]
)
def test_ms_ssim_is_the_usual_one_where_all_is_known(size: tuple[int, int], tolerance: float) -> None:
    clean, noisy = draw_pair(2, *size)  # odd sides differ a little: no zeros are averaged in at the border
    expected = reference_ms_ssim(noisy, clean, data_range=1, size_average=False)
    found = 1 - prepare_loss("ms-ssim", clean, torch.ones(2, 1, *size))(noisy)
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerance)


def test_ssim_is_the_usual_one_where_all_is_known() -> None:
    clean, noisy = draw_pair(2, 40, 60)
    found = prepare_loss("ssim", clean, torch.ones(2, 1, 40, 60))(noisy)
    expected = 1 - reference_ssim(noisy, clean, data_range=1, size_average=False)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_is_that_of_scikit_image(channels: int) -> None:
    clean, noisy = (pictures[:, :channels].contiguous() for pictures in draw_pair(1, 45, 64))
    found = 1 - prepare_loss("ssim", clean, torch.ones(1, 1, 45, 64))(noisy)
    expected = structural_similarity(
        clean[0].numpy(),
        noisy[0].numpy(),
        channel_axis=0,
        data_range=1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert found.item() == pytest.approx(expected, abs=1e-5)


def test_mix_is_that_of_zhao() -> None:
    clean, noisy = draw_pair(1, 64, 80)
    known = draw_known(64, 80)
    mix, similarity, absolute = (prepare_loss(name, clean, known)(noisy) for name in ("mix", "ms-ssim", "l1"))
    torch.testing.assert_close(mix, 0.84 * similarity + 0.16 * absolute)


@pytest.mark.parametrize("name", LOSSES)
def test_the_hole_counts_for_nothing(name: LossName) -> None:
    clean, noisy = draw_pair(1, 70, 91)
    known = draw_known(70, 91)
    hole = (known == 0).expand_as(clean)
    output = noisy.clone().requires_grad_(True)
    loss = prepare_loss(name, clean, known)(output)
    loss.sum().backward()
    assert output.grad is not None
    assert not output.grad[hole].any()
    assert output.grad[~hole].any()
    scribbled = prepare_loss(name, clean.masked_fill(hole, 1), known)(noisy.masked_fill(hole, 0))
    torch.testing.assert_close(scribbled, loss.detach(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_rows_have_their_own_loss_and_equal_pictures_none(name: LossName) -> None:
    clean, noisy = draw_pair(3, 48, 50)
    known = draw_known(48, 50).expand(3, -1, -1, -1)
    output = torch.stack([clean[0], noisy[1], noisy[2]])
    together = prepare_loss(name, clean, known)(output)
    assert together.shape == (3,)
    assert together[0].item() == pytest.approx(0, abs=1e-5)
    assert together[1] > 1e-4
    alone = prepare_loss(name, clean[2:], known[2:])(output[2:])
    torch.testing.assert_close(together[2:], alone)


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (10, 10), (11, 30), (21, 22), (100, 37)])
@pytest.mark.parametrize("name", LOSSES)
def test_crops_of_any_size(name: LossName, size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(1)
    target = torch.rand(1, 3, *size, generator=generator)
    output = torch.rand(1, 3, *size, generator=generator).requires_grad_(True)
    loss = prepare_loss(name, target, torch.ones(1, 1, *size))(output)
    loss.sum().backward()
    assert math.isfinite(loss.item())
    assert output.grad is not None
    assert output.grad.isfinite().all()


def test_nothing_known_is_no_nan() -> None:
    output = torch.rand(1, 3, 20, 20, requires_grad=True)
    for name in LOSSES:
        prepare_loss(name, torch.rand(1, 3, 20, 20), torch.zeros(1, 1, 20, 20))(output).sum().backward()
    assert output.grad is not None
    assert output.grad.isfinite().all()


def test_coarse_scales_are_left_out_of_low_crops() -> None:
    sides = (5, 20, 21, 41, 81, 160, 161, 500)
    assert [count_scales(side, 400) for side in sides] == [1, 1, 2, 3, 4, 4, 5, 5]


def test_a_step_halves_the_picture_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    clean, noisy = draw_pair(1, 48, 50)
    loss = prepare_loss("mix", clean, draw_known(48, 50))
    real, halved = F.avg_pool2d, []

    def watch(values: Tensor, *others: Any, **options: Any) -> Tensor:
        halved.append(values.shape)
        return real(values, *others, **options)  # type: ignore[no-any-return]

    monkeypatch.setattr(F, "avg_pool2d", watch)
    loss(noisy)
    assert halved == [(1, 3, 48, 50), (1, 3, 24, 25)]


class NothingNew(TorchDispatchMode):
    """No operation makes a constant, or moves a tensor, or asks for a value."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = function._schema.name.removeprefix("aten::")
        assert name not in {"scalar_tensor", "_to_copy", "_local_scalar_dense"}
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", LOSSES)
def test_constants_are_brought_to_a_device_once(name: LossName, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time would be waited for; on tensors without values."""
    target, known = torch.rand(2, 3, 41, 52, device="meta"), torch.ones(2, 1, 41, 52, device="meta")
    prepare_loss(name, target, known)
    monkeypatch.delattr(torch, "tensor")
    with NothingNew():
        assert prepare_loss(name, target, known)(target).shape == (2,)

"""The Gaussian window: the same by products and by convolution, which must never round to TF32."""

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.backends import cuda, cudnn

from subremover.untrained import gaussian
from subremover.untrained.gaussian import blur, blur_back

TOLERANCE = 1e-6
"""Greatest deviation from the banded products. Rounding to TF32 makes a hundred times as much."""


@pytest.fixture
def tf32() -> Iterator[None]:
    """TF32 wherever the process may choose it, as cuDNN does by itself."""
    allowed = cuda.matmul.allow_tf32, cudnn.allow_tf32
    cuda.matmul.allow_tf32 = cudnn.allow_tf32 = True
    yield
    cuda.matmul.allow_tf32, cudnn.allow_tf32 = allowed


def round_to_tf32(values: Tensor) -> Tensor:
    """To the nearest of those with 11 significant bits, ties to even; as a GPU does, emulated."""
    bits = values.contiguous().view(torch.int32)
    return ((bits + 0xFFF + ((bits >> 13) & 1)) & ~0x1FFF).view(torch.float32)


def draw(channels: int, device: str = "cpu") -> Tensor:
    return torch.rand(2, channels, 24, 37, generator=torch.Generator().manual_seed(channels)).to(device)


def deviate(channels: int) -> float:
    """How far convolving is from the products, there and back."""
    values = draw(channels)
    there = gaussian._convolve(values, 11, 0) - blur(values, 11)
    back = gaussian._convolve(values, 11, 10) - blur_back(values, 11)
    return max(there.abs().max().item(), back.abs().max().item())


@pytest.mark.parametrize("channels", [1, 3])
def test_convolving_is_the_banded_product(channels: int) -> None:
    assert deviate(channels) < TOLERANCE


def test_a_convolution_rounded_to_tf32_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    real = F.conv2d
    monkeypatch.setattr(
        F,
        "conv2d",
        lambda values, window, **options: real(round_to_tf32(values), round_to_tf32(window), **options),
    )
    assert deviate(1) > 100 * TOLERANCE


@pytest.mark.usefixtures("tf32")
def test_convolutions_are_never_rounded_to_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    real, found = F.conv2d, []

    def watch(*tensors: Tensor, **options: object) -> Tensor:
        found.append((cuda.matmul.allow_tf32, cudnn.allow_tf32))
        return real(*tensors, **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(F, "conv2d", watch)
    values = draw(1, "meta")
    assert blur_back(blur(values, 11), 11).shape == values.shape
    assert found == [(False, False)] * 4
    assert (cuda.matmul.allow_tf32, cudnn.allow_tf32) == (True, True)


@pytest.mark.cuda
@pytest.mark.usefixtures("tf32")
@pytest.mark.parametrize("channels", [1, 3])
def test_cuda_blurs_as_the_cpu(cuda: str, channels: int) -> None:
    values = draw(channels)
    for function in (blur, blur_back):
        found = function(values.to(cuda), 11).cpu()
        torch.testing.assert_close(found, function(values, 11), rtol=0, atol=TOLERANCE)

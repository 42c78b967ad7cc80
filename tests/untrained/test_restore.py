"""Restoring images: any number, channels, forward model and network; what cannot be is said."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import subremover
from subremover.errors import DeviceError, UsageError
from subremover.options import FitOptions
from subremover.untrained import restore as restore_module
from subremover.untrained.batched_adam import BatchedAdam
from subremover.untrained.deep_decoder import DecoderWeights, DeepDecoder
from subremover.untrained.hourglass import Hourglass
from subremover.untrained.network import Weights
from subremover.untrained.restore import restore

pytestmark = pytest.mark.usefixtures("one_thread")

OPTIONS = FitOptions(steps=120, channels=16, levels=3, loss="mse")


def draw(count: int = 1, channels: int = 3, size: tuple[int, int] = (32, 48)) -> Tensor:
    """(count, channels, *size): soft waves, another one in each plane."""
    y, x = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    planes = [torch.sin(x / (5 + i) + y / (7 + 2 * i) + i) for i in range(count * channels)]
    return 0.5 + 0.4 * torch.stack(planes).view(count, channels, *size)


def psnr(found: Tensor, truth: Tensor) -> float:
    return -10 * (found - truth).square().mean().log10().item()


def blur(pictures: Tensor) -> Tensor:
    channels = pictures.shape[1]
    taps = torch.tensor([1.0, 4, 6, 4, 1]) / 16
    kernel = torch.outer(taps, taps).expand(channels, 1, 5, 5)
    return F.conv2d(pictures, kernel, groups=channels)


def test_it_is_public() -> None:
    assert subremover.restore is restore
    with pytest.raises(AttributeError, match="no attribute 'repair'"):
        _ = subremover.repair


def test_noise_is_left_out() -> None:
    truth = draw(2)
    noisy = (truth + 0.1 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    restored = restore(noisy, replace(OPTIONS, channels=8))
    assert psnr(restored.pictures, truth) > psnr(noisy, truth) + 2


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("loss", ["mse", "mix"])
def test_pictures_have_as_many_channels_as_images(channels: int, loss: str) -> None:
    truth = draw(1, channels)
    restored = restore(truth, replace(OPTIONS, loss=loss))
    assert restored.pictures.shape == truth.shape
    assert psnr(restored.pictures, truth) > 22


def test_the_forward_model_is_undone() -> None:
    truth = (4 * draw() - 1.5).clamp(0, 1)  # with edges
    fine = truth[:, :, 2:-2, 2:-2]
    options = replace(OPTIONS, channels=32, steps=200)
    restored = restore(blur(truth), options, forward=blur, size=(32, 48))
    assert restored.pictures.shape == truth.shape
    assert psnr(restored.pictures[:, :, 2:-2, 2:-2], fine) > psnr(blur(truth), fine) + 3


def test_the_picture_may_be_larger_than_the_image() -> None:
    truth = draw(size=(30, 44))
    restored = restore(F.avg_pool2d(truth, 2), OPTIONS, forward=lambda p: F.avg_pool2d(p, 2), size=(30, 44))
    assert restored.pictures.shape == truth.shape
    assert psnr(restored.pictures, truth) > 20


def test_any_network_of_its_own_size() -> None:
    truth = draw(2, 1, (32, 40))
    network = DeepDecoder((64, 64), 4, 12, outputs=1)
    restored = restore(truth, OPTIONS, network=network)
    assert restored.pictures.shape == truth.shape
    assert psnr(restored.pictures, truth) > 20


def test_images_do_not_mix() -> None:
    images = draw(3)
    together = restore(images, replace(OPTIONS, steps=10), seeds=[4, 5, 6]).pictures
    alone = restore(images[1:2], replace(OPTIONS, steps=10), seeds=[5]).pictures
    torch.testing.assert_close(together[1:2], alone, rtol=0, atol=1e-3)


def test_each_image_by_its_own_steps_rate_and_noise() -> None:
    images = draw(1).expand(3, -1, -1, -1)
    each = [OPTIONS, replace(OPTIONS, steps=20), replace(OPTIONS, input_noise=0.3, learning_rate=0.02)]
    together = restore(images, each, seeds=[7, 7, 7]).pictures
    for picture, options in zip(together, each, strict=True):
        alone = restore(images[:1], options, seeds=[7]).pictures[0]
        assert psnr(picture, alone) > 30
    assert psnr(together[0], together[1]) < 30


def test_every_step_can_be_watched() -> None:
    images, seen = draw(2), []

    def watch(step: int, rows: range, pictures: Tensor, losses: Tensor) -> None:
        seen.append((step, rows, pictures.shape, losses.tolist()))

    restore(images, replace(OPTIONS, steps=30), watch=watch)
    assert [step for step, *_ in seen] == list(range(1, 31))
    assert {(rows, shape) for _, rows, shape, _ in seen} == {(range(2), images.shape)}
    assert all(last < first for first, last in zip(seen[0][3], seen[-1][3], strict=True))


def test_whatever_watching_raises_ends_it() -> None:
    def watch(step: int, *_: object) -> None:
        if step == 3:
            raise StopIteration

    with pytest.raises(StopIteration):
        restore(draw(), OPTIONS, watch=watch)


def test_memory_that_does_not_suffice_halves_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    class Cramped(BatchedAdam[DecoderWeights]):
        def __init__(self, network: Any, like: Any, targets: tuple[int, int, int, int], **more: Any) -> None:
            sizes.append(targets[0])
            if targets[0] > limit:
                raise torch.OutOfMemoryError
            super().__init__(network, like, targets, **more)

    monkeypatch.setattr(restore_module, "BatchedAdam", Cramped)
    limit, quick = 2, replace(OPTIONS, steps=2)
    assert restore(draw(5), quick).pictures.shape == (5, 3, 32, 48)
    assert sizes == [5, 2, 2, 1]
    limit = 0
    with pytest.raises(DeviceError, match="less than 16 channels"):
        restore(draw(1), quick)


def test_the_hourglass_paints_too() -> None:
    truth = draw(2, 1, (24, 40))
    known = torch.ones(1, 1, 24, 40)
    known[..., 8:14, 10:30] = 0
    network = Hourglass.covering((24, 40), levels=2, channels=8, outputs=1)
    restored = restore(truth * known, replace(OPTIONS, steps=80), known=known, network=network)
    hole = (known == 0).expand_as(truth)
    assert psnr(restored.pictures[hole], truth[hole]) > 15
    alone = restore(truth[1:] * known, replace(OPTIONS, steps=3), known=known, network=network, seeds=[1])
    both = restore(truth * known, replace(OPTIONS, steps=3), known=known, network=network)
    torch.testing.assert_close(both.pictures[1:], alone.pictures, rtol=0, atol=1e-3)


def test_the_hourglass_has_the_authors_weights() -> None:
    network = Hourglass((64, 64))
    weights = network.start(torch.zeros(1, 3, 64, 64), torch.ones(1, 1, 64, 64), [0])
    assert weights.code.shape == (1, 32, 64, 64)
    # as their notebooks count, less the biases of convolutions before norms
    assert sum(tensor.numel() for tensor in weights.parameters) == 2_217_831 - 2_580


class Glass(nn.Module):
    """A level of the authors' network, and all below it, put together of torch's own layers."""

    def __init__(self, inputs: int, channels: int, skips: int, levels: int) -> None:
        super().__init__()
        self.skip = self.block(inputs, skips, 1)
        self.down = nn.Sequential(self.block(inputs, channels, 3, 2), self.block(channels, channels, 3))
        self.below = Glass(channels, channels, skips, levels - 1) if levels > 1 else nn.Identity()
        self.enlarge = nn.Upsample(scale_factor=2, mode="bilinear")
        joined = nn.BatchNorm2d(skips + channels)
        up = self.block(skips + channels, channels, 3), self.block(channels, channels, 1)
        self.up = nn.Sequential(joined, *up)

    @staticmethod
    def block(inputs: int, outputs: int, side: int, stride: int = 1) -> nn.Sequential:
        convolution = nn.Conv2d(inputs, outputs, side, stride, side // 2, padding_mode="reflect", bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2))

    def forward(self, values: Tensor) -> Tensor:
        joined = torch.cat([self.skip(values), self.enlarge(self.below(self.down(values)))], 1)
        result: Tensor = self.up(joined)
        return result

    def list_parameters(self) -> list[nn.Parameter]:
        """In the hourglass's order: all of the way down, and then all of the way up."""
        below = self.below.list_parameters() if isinstance(self.below, Glass) else []
        return [*self.skip.parameters(), *self.down.parameters(), *below, *self.up.parameters()]


def test_the_hourglass_paints_as_the_authors_does() -> None:
    network = Hourglass((16, 24), levels=2, channels=6, skips=2, inputs=5)
    weights = network.start(torch.zeros(2, 3, 16, 24), torch.ones(2, 1, 16, 24), [3, 4])
    varied = [tensor + 0.1 * torch.randn_like(tensor) for tensor in weights.parameters]
    weights = Weights(weights.code, tuple(varied))
    pictures = network.paint(weights, weights.code)
    for row in range(2):
        glass, head = Glass(5, 6, 2, 2), nn.Conv2d(6, 3, 1)
        theirs = [*glass.list_parameters(), *head.parameters()]
        for parameter, tensor in zip(theirs, varied, strict=True):
            parameter.data.copy_(tensor[row])
        expected = head(glass(weights.code[row : row + 1])).sigmoid()
        torch.testing.assert_close(pictures[row : row + 1], expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (replace(OPTIONS, levels=6), "6 levels paint pictures of at least 64 px a side, not of 48x32"),
        ([OPTIONS, OPTIONS], "1 images want as many seeds and options, got 1 and 2"),
    ],
)
def test_what_cannot_be_is_said(options: FitOptions, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        restore(draw(), options)


@pytest.mark.parametrize(
    "wrong",
    [
        {"network": DeepDecoder((32, 32), 3, 8)},
        {"network": DeepDecoder((32, 48), 3, 8, outputs=1)},
        {"forward": blur},
        {"forward": lambda pictures: F.avg_pool2d(pictures, 2), "size": (32, 48)},
    ],
)
def test_pictures_must_come_out_as_the_images_are(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"come out as \(.*\), the images are \(3, 32, 48\)"):
        restore(draw(), OPTIONS, **wrong)


def test_options_of_one_fit_share_a_shape() -> None:
    with pytest.raises(UsageError, match="may differ in steps, rate and noise only"):
        restore(draw(2), [OPTIONS, replace(OPTIONS, channels=8)])


@pytest.mark.parametrize(
    ("images", "known"),
    [
        (torch.zeros(3, 8, 8), None),
        (torch.zeros(0, 3, 8, 8), None),
        (torch.zeros(1, 3, 8, 8, dtype=torch.float64), None),
        (torch.zeros(1, 3, 8, 8), torch.ones(1, 1, 8, 9)),
        (torch.zeros(2, 3, 8, 8), torch.ones(3, 1, 8, 8)),
    ],
)
def test_shapes_are_checked(images: Tensor, known: Tensor | None) -> None:
    with pytest.raises(UsageError, match="must be"):
        restore(images, OPTIONS, known=known)


@pytest.mark.parametrize("switch", [torch.no_grad, torch.inference_mode])
def test_it_works_out_gradients_where_the_caller_has_none(switch: Callable[[], Any]) -> None:
    image, options = torch.rand(1, 3, 16, 16), FitOptions(steps=2, channels=4, levels=2)
    expected = restore(image, options).pictures
    with switch():
        found = restore(image, options).pictures
    assert torch.equal(found, expected)

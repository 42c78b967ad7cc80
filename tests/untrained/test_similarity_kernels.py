"""The similarity's Triton kernels against plain torch: on a CUDA device, else in Triton's interpreter."""

import os
from collections import Counter
from collections.abc import Callable
from typing import Any, get_args

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # read when triton is first imported
pytest.importorskip("triton")

from subremover.options import LossName
from subremover.untrained import losses
from subremover.untrained.gaussian import gaussian
from subremover.untrained.kernels import check, similarity
from subremover.untrained.losses import Loss, prepare_loss

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
LOSSES: tuple[LossName, ...] = get_args(LossName)
TOLERANCE = 1e-4
"""Greatest deviation of losses from plain torch in float64; windows of a pixel vary by rounding alone."""


def draw(rows: int, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures, targets and known weights; a third is unknown, and of the last of several rows all."""
    generator = torch.Generator().manual_seed(height)
    target = torch.rand(rows, 3, height, width, generator=generator)
    noise = torch.rand(rows, 3, height, width, generator=generator)
    known = torch.rand(rows, 1, height, width, generator=generator).round(decimals=1)
    known[..., : width // 3] = 0
    known[1:][-1:] = 0
    return 0.7 * target + 0.3 * noise, target, known


def prepare(
    name: LossName, target: Tensor, known: Tensor, monkeypatch: pytest.MonkeyPatch, scales: int | None = None
) -> tuple[Loss, Loss]:
    """With the kernels, and in plain torch and float64; with so many scales, however small the picture."""
    with monkeypatch.context() as patch:
        if scales:
            patch.setattr(losses, "count_scales", lambda *_: scales)
        patch.setattr(losses, "are_usable", lambda _: True)
        fused = prepare_loss(name, target, known)
        patch.setattr(losses, "are_usable", lambda _: False)
        return fused, prepare_loss(name, target.double(), known.double())


def differentiate(loss: Loss, picture: Tensor) -> tuple[Tensor, Tensor]:
    """The losses, and the gradient of their sum weighted by 1/2, 2/2, 3/2..."""
    picture = picture.clone().requires_grad_(True)
    found = loss(picture)
    (gradient,) = torch.autograd.grad(found, picture, torch.arange(1, len(found) + 1).to(found) / 2)
    return found.detach(), gradient


def check_loss(
    name: LossName,
    size: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
    *,
    rows: int = 1,
    scales: int | None = None,
    device: str = DEVICE,
) -> None:
    picture, target, known = (tensor.to(device) for tensor in draw(rows, *size))
    fused, plain = prepare(name, target, known, monkeypatch, scales)
    found, gradient = differentiate(fused, picture)
    expected, slope = differentiate(plain, picture.double())
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=TOLERANCE)
    assert (gradient - slope).abs().max() < check.TOLERANCE * slope.abs().max()
    assert not gradient[(known == 0).expand_as(gradient)].any()


def test_a_loss_of_two_scales_is_that_of_plain_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    check_loss("mix", (3, 5), monkeypatch, scales=2)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ssim", "ms-ssim", "mix"])
@pytest.mark.parametrize(
    ("size", "scales", "rows"), [((12, 13), 1, 2), ((7, 10), 2, 3), ((10, 9), 3, 1), ((18, 15), 4, 2)]
)
def test_a_loss_is_that_of_plain_torch(
    name: LossName, size: tuple[int, int], scales: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_loss(name, size, monkeypatch, scales=scales, rows=rows)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "scales"), [((13, 18), 5), ((23, 17), 2)])
def test_a_loss_in_many_strips_is_that_of_plain_torch(
    size: tuple[int, int], scales: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(similarity, "BLOCK_X", 16)
    monkeypatch.setattr(similarity, "ROWS", 10)
    monkeypatch.setattr(similarity, "BLOCK_HALF", 32)
    monkeypatch.setattr(similarity, "BLOCK_PARTS", 4)
    check_loss("mix", size, monkeypatch, scales=scales)


def test_a_picture_of_which_nothing_is_known_has_no_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, target, known = (tensor.to(DEVICE) for tensor in draw(1, 1, 2))
    fused, plain = prepare("mix", target, known * 0, monkeypatch)
    found, gradient = differentiate(fused, picture)
    torch.testing.assert_close(found.double(), differentiate(plain, picture.double())[0])
    assert not gradient.any()


class Launches(TorchDispatchMode):
    """Counts what is launched: torch's own operations but views, and, in their place, the kernels."""

    QUIET = ("view", "expand", "select", "unbind", "detach", "alias", "empty", "new_empty")

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()
        for name in ("halve", "measure", "combine", "spread"):
            monkeypatch.setattr(similarity, name, self._count(name))

    def _count(self, name: str) -> dict[Any, Callable[..., None]]:
        found = self.found

        class Kernel(dict[Any, Callable[..., None]]):
            def __missing__(self, grid: object) -> Callable[..., None]:
                return lambda *_, **__: found.update([name])

        return Kernel()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = function._schema.name.removeprefix("aten::")
        if not name.strip("_").startswith(self.QUIET):
            self.found[name] += 1
        return function(*args, **(kwargs or {}))


def test_a_step_launches_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """On tensors without values, as for any accelerator."""
    gaussian.cache_clear()
    target, known = torch.zeros(4, 3, 165, 201, device="meta"), torch.zeros(4, 1, 165, 201, device="meta")
    monkeypatch.setattr(losses, "are_usable", lambda _: True)
    loss = prepare_loss("mix", target, known)
    picture = target.clone().requires_grad_(True)
    with Launches(monkeypatch) as launches:
        (gradient,) = torch.autograd.grad(loss(picture).sum(), picture)
    assert gradient.shape == target.shape
    assert launches.found.pop("sum") == 1
    assert launches.found.pop("ones_like") == 1
    assert launches.found == {
        "new_zeros": 1, "halve": 4, "measure": 5, "combine": 1, "mul": 1, "spread": 5
    }  # fmt: skip


def test_what_the_kernels_are_given_is_contiguous() -> None:
    _, target, known = draw(2, 23, 25)
    swapped = target.to(memory_format=torch.channels_last)
    loss = prepare_loss("mix", swapped, known[:1].expand(2, -1, -1, -1))
    assert len(loss.scales) == 2
    for scale in loss.scales:
        assert all(tensor.is_contiguous() for tensor in (*scale.tensors, scale.window))


@pytest.mark.slow
def test_equal_pictures_give_equal_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    check_bits((17, 19), monkeypatch)


def check_bits(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch, device: str = DEVICE) -> None:
    picture, target, known = (tensor.to(device) for tensor in draw(2, *size))
    fused, _ = prepare("mix", target, known, monkeypatch)
    first, second = (differentiate(fused, picture) for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


@pytest.mark.cuda
def test_cuda_gives_equal_bits_twice(cuda: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_bits((161, 643), monkeypatch, cuda)


@pytest.mark.cuda
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("size", [(96, 288), (161, 643)])
def test_cuda_computes_the_loss(
    cuda: str, name: LossName, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    check_loss(name, size, monkeypatch, rows=5, device=cuda)


def test_the_twin_in_the_check_is_the_plain_loss() -> None:
    picture, target, known = draw(2, 23, 26)
    plain = prepare_loss("mix", target.double(), known.double())
    scales = check.prepare_scales(target, known, len(plain.scales))
    found = check.compare_plainly(picture.double(), scales, plain.exponents, plain.share, losses.MIX_SHARE)
    torch.testing.assert_close(found, plain(picture.double()), rtol=0, atol=1e-5)


def test_the_check_prepares_in_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    """Convolutions of float32 would be rounded to TF32 on a GPU."""
    real, found = check.F.conv2d, []

    def watch(values: Tensor, *others: Any, **options: Any) -> Tensor:
        found.append(values.dtype)
        return real(values, *others, **options)

    monkeypatch.setattr(check.F, "conv2d", watch)
    _, target, known = draw(1, 12, 13)
    scales = check.prepare_scales(target, known, 2)
    assert set(found) == {torch.float64}
    assert {tensor.dtype for tensor in (scales[1].known, scales[1].inverse)} == {torch.float32}

"""The network: shapes, rows that do not mix, seeds, and gradients against plain torch."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from subremover.options import ActivationName
from subremover.untrained.codes import draw_code
from subremover.untrained.deep_decoder import DecoderWeights, decode, draw_weights
from subremover.untrained.level import NORM_EPSILON, Level


def draw(
    seeds: list[int], channels: int = 8, levels: int = 3, size: tuple[int, int] = (16, 24)
) -> DecoderWeights:
    codes = [draw_code(channels, size, levels, seed) for seed in seeds]
    return draw_weights(codes, channels, levels, seeds)


def decode_plainly(weights: DecoderWeights, row: int, activation: ActivationName) -> Tensor:
    """Section 4.1 of the paper, word by word, for one row: (3, h, w)."""
    functions = {"relu": F.relu, "relu6": F.relu6, "sigmoid": torch.sigmoid}
    values = weights.code[row : row + 1]
    for mix, scale, shift in zip(weights.mixes, weights.scales, weights.shifts, strict=True):
        values = F.conv2d(values, mix[row][:, :, None, None])
        values = F.interpolate(values, scale_factor=2, mode="bilinear", align_corners=False)
        values = F.leaky_relu(values, 0.1) if activation == "leaky-relu" else functions[activation](values)
        values = F.instance_norm(values, weight=scale[row], bias=shift[row], eps=NORM_EPSILON)
    return F.conv2d(values, weights.head[row][:, :, None, None]).sigmoid()[0]


@pytest.mark.parametrize("activation", ["relu", "relu6", "leaky-relu", "sigmoid"])
def test_decode_does_what_the_paper_says(activation: ActivationName) -> None:
    weights = draw([3, 4])
    weights.scales[0].uniform_(0.5, 2)
    weights.shifts[1].uniform_(-1, 1)
    pictures = decode(weights, activation)
    for row in range(2):
        expected = decode_plainly(weights, row, activation)
        torch.testing.assert_close(pictures[row], expected, rtol=1e-4, atol=2e-5)


def test_gradients_equal_those_of_plain_torch() -> None:
    weights = draw([5, 6], channels=6, levels=2, size=(8, 12)).map(lambda tensor: tensor.double())
    target = torch.rand(2, 3, 8, 12, dtype=torch.double)
    found, expected = (weights.map(lambda tensor: tensor.clone()) for _ in range(2))
    for copy in (found, expected):
        for tensor in copy.parameters:
            tensor.requires_grad_(True)
    (decode(found, "leaky-relu") * target).sum().backward()
    plain = torch.stack([decode_plainly(expected, row, "leaky-relu") for row in range(2)])
    (plain * target).sum().backward()
    for one, other in zip(found.parameters, expected.parameters, strict=True):
        torch.testing.assert_close(one.grad, other.grad)


@pytest.mark.parametrize(("channels", "levels", "size"), [(4, 1, (2, 2)), (5, 2, (12, 4)), (16, 5, (32, 96))])
def test_any_width_and_depth(channels: int, levels: int, size: tuple[int, int]) -> None:
    weights = draw([0], channels, levels, size)
    picture = decode(weights, "relu")
    assert picture.shape == (1, 3, *size)
    assert weights.size == size
    assert 0 <= picture.min() <= picture.max() <= 1


def test_a_row_is_the_same_wherever_it_stands() -> None:
    alone = draw([7])
    among = draw([1, 7, 2])
    for one, many in zip((alone.code, *alone.parameters), (among.code, *among.parameters), strict=True):
        torch.testing.assert_close(one[0], many[1], rtol=0, atol=0)
    assert not torch.equal(among.code[0], among.code[1])
    torch.testing.assert_close(decode(alone, "relu")[0], decode(among, "relu")[1])


def test_gradients_do_not_mix_rows() -> None:
    weights = draw([1, 2])
    for tensor in weights.parameters:
        tensor.requires_grad_(True)
    decode(weights, "relu")[1].sum().backward()
    for tensor in weights.parameters:
        assert tensor.grad is not None
        assert not tensor.grad[0].any()
        assert tensor.grad[1].any()


def test_rows_can_be_cut_copied_and_joined() -> None:
    weights = draw([1, 2, 3])
    twice = weights.select([2, 0, 2])
    assert len(twice) == 3
    torch.testing.assert_close(twice.head[0], weights.head[2])
    torch.testing.assert_close(twice.head[2], weights.head[2])
    joined = DecoderWeights.concatenate([weights.select([0]), weights.select([1, 2])])
    torch.testing.assert_close(joined.mixes[1], weights.mixes[1])
    twice.head.zero_()
    assert weights.head.any()


def test_weights_check_their_rows() -> None:
    weights = draw([1, 2])
    with pytest.raises(ValueError, match="same number of rows"):
        weights.with_code(weights.code[:1])


class Convolutions(TorchDispatchMode):
    """Keeps what convolutions were told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[dict[str, Any]] = []

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if "convolution" in function._schema.name:
            names = [argument.name for argument in function._schema.arguments]
            self.told.append(dict(zip(names, args, strict=False)))
        return function(*args, **(kwargs or {}))


def test_an_up_sampling_is_never_pulled_back_in_tf32() -> None:
    """Whatever the process allows."""
    values = torch.rand(2, 3, 4, 5).requires_grad_(True)
    weights = torch.rand(2, 6, 5), torch.rand(2, 5), torch.rand(2, 5)
    mixed = Level.apply(values, *weights, "relu")
    with Convolutions() as seen:
        mixed.sum().backward()
    assert [(told["allow_tf32"], told["deterministic"]) for told in seen.told] == [(False, True)]

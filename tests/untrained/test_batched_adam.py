"""Batched Adam: as torch has it, rows that come and go without touching the others, the fall-back."""

import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from subremover.fill.paint.batches import WARM_RATE, BatchFitter
from subremover.fill.paint.jobs import FitJob
from subremover.fill.paint.rows import Fitted, Key, Row
from subremover.options import ActivationName, FitOptions
from subremover.untrained import deep_decoder, losses
from subremover.untrained.batched_adam import BatchedAdam, ItemSettings
from subremover.untrained.codes import draw_code
from subremover.untrained.cuda_graph import capture
from subremover.untrained.deep_decoder import DecoderWeights, DeepDecoder, decode, draw_weights
from subremover.untrained.level import paint_last_level
from subremover.untrained.losses import compare, prepare_loss

SIZE = (16, 24)
OPTIONS = FitOptions(channels=6, levels=3, steps=8)


def draw(seed: int) -> tuple[Tensor, Tensor, DecoderWeights]:
    """A crop, its known pixels and the weights it starts from, each of one row."""
    generator = torch.Generator().manual_seed(seed)
    known = torch.ones(1, 1, *SIZE)
    known[..., 6:10, 4:20] = 0
    code = draw_code(OPTIONS.channels, SIZE, 3, seed)
    return torch.rand(1, 3, *SIZE, generator=generator) * known, known, draw_weights([code], 6, 3, [seed])


def make_adam(count: int) -> BatchedAdam[DecoderWeights]:
    network = DeepDecoder.of(OPTIONS, SIZE, 3)
    return BatchedAdam(network, draw(0)[2], (count, 3, *SIZE), loss=OPTIONS.loss)


def put(adam: BatchedAdam[DecoderWeights], slot: int, seed: int, steps: int, is_warm: bool = False) -> None:
    rate = OPTIONS.learning_rate * (WARM_RATE if is_warm else 1)
    adam.put([slot], *draw(seed), [ItemSettings(seed, steps, rate)])


def fit_by_torch(seed: int, steps: int, is_warm: bool) -> tuple[Tensor, DecoderWeights]:
    """The same with torch's own Adam: the mean of the last quarter's pictures, and the weights."""
    crop, known, weights = draw(seed)
    parameters = [tensor.requires_grad_(True) for tensor in weights.parameters]
    optimizer = torch.optim.Adam(parameters, lr=OPTIONS.learning_rate * (WARM_RATE if is_warm else 1))
    loss, pictures = prepare_loss("mix", crop, known), []
    for _ in range(steps):
        output = decode(weights, "relu")
        optimizer.zero_grad()
        loss(output).sum().backward()
        optimizer.step()
        pictures.append(output.detach())
    return torch.stack(pictures[-max(1, steps // 4) :]).mean(0), weights.map(lambda tensor: tensor.detach())


@pytest.mark.parametrize(("steps", "is_warm"), [(1, False), (9, False), (9, True)])
def test_a_row_is_fitted_as_torch_would(steps: int, is_warm: bool) -> None:
    adam = make_adam(2)
    put(adam, 1, 5, steps, is_warm)
    for _ in range(steps):
        adam.step()
    picture, weights = adam.take([1])
    expected, torchs = fit_by_torch(5, steps, is_warm)
    torch.testing.assert_close(picture, expected, rtol=0, atol=1e-4)
    for one, other in zip(weights.parameters, torchs.parameters, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_rows_come_and_go_without_touching_the_others() -> None:
    adam = make_adam(3)
    put(adam, 0, 1, 8)
    put(adam, 2, 2, 3)
    for _ in range(3):
        adam.step()
    assert adam.steps_left == [5, 0, 0]
    first, _ = adam.take([2])
    put(adam, 2, 3, 4, is_warm=True)
    for _ in range(5):
        adam.step()
    assert adam.steps_left == [0, 0, 0]
    found, _ = adam.take([0, 2])
    for picture, seed, steps, is_warm in (
        (found[0], 1, 8, False),
        (first[0], 2, 3, False),
        (found[1], 3, 4, True),
    ):
        alone = make_adam(1)
        put(alone, 0, seed, steps, is_warm)
        for _ in range(steps):
            alone.step()
        assert torch.equal(picture, alone.take([0])[0][0])


def test_a_row_that_is_done_stays_as_it_is() -> None:
    adam = make_adam(1)
    put(adam, 0, 1, 4)
    for _ in range(4):
        adam.step()
    (picture, weights), _ = adam.take([0]), adam.step()
    later, same = adam.take([0])
    assert torch.equal(picture, later)
    assert torch.equal(weights.head, same.head)


def test_nothing_known_and_empty_slots_are_no_nan() -> None:
    adam = make_adam(2)
    crop, known, weights = draw(1)
    adam.put([0], 0 * crop, 0 * known, weights, [ItemSettings(1, 5, OPTIONS.learning_rate)])
    for _ in range(5):
        adam.step()
    assert adam.take([0, 1])[0].isfinite().all()


def test_the_parts_that_the_device_wants_are_those_used(monkeypatch: pytest.MonkeyPatch) -> None:
    used = []

    def count_last_level(*tensors: Tensor, size: tuple[int, int], activation: ActivationName) -> Tensor:
        used.append("last level")
        return paint_last_level(*tensors, size=size, activation=activation)

    def count_compare(*loss: Any) -> Tensor:
        used.append("compare")
        return compare(*loss)

    monkeypatch.setattr(deep_decoder, "_choose_last_level", lambda *_: count_last_level)
    monkeypatch.setattr(losses, "_choose_compare", lambda *_: count_compare)
    some = make_adam(1)
    put(some, 0, 1, 1)
    some.step()
    assert set(used) == {"last level", "compare"}


def make_row(seed: int, steps: int) -> tuple[Key, Row]:
    hole = np.zeros(SIZE, np.bool_)
    hole[6:10, 4:20] = True
    image = np.random.default_rng(seed).random((*SIZE, 3), np.float32)
    job = FitJob(image, hole, 0, seed, np.where(hole, np.float32(np.inf), np.float32(0)))
    return ("anchor", seed, 0), Row(job, 0, 3, steps)


def test_a_row_that_is_done_makes_room_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    steps_of = {1: 9, 2: 3, 3: 5, 4: 2, 5: 7}
    taken = []
    real = BatchedAdam.step
    monkeypatch.setattr(BatchedAdam, "step", lambda self: (taken.append(self.steps_left), real(self)))
    fitter = BatchFitter(OPTIONS, torch.device("cpu"), batch_size=2)
    found = dict(fitter._fit_queue(deque(make_row(*item) for item in steps_of.items())))
    assert set(found) == {("anchor", seed, 0) for seed in steps_of}
    assert len(taken) < 18  # 26 steps of one row each
    for key, fitted in found.items():
        alone: Fitted = dict(fitter._fit_queue(deque([make_row(key[1], steps_of[key[1]])])))[key]
        np.testing.assert_array_equal(fitted.picture, alone.picture)
        assert torch.equal(fitted.weights.head, alone.weights.head)


def test_rows_may_follow_from_what_others_gave() -> None:
    fitter = BatchFitter(OPTIONS, torch.device("cpu"))
    fitter.add(dict([make_row(1, 4)]))
    seen = []
    for key, _ in fitter.finished():
        seen.append(key[1])
        if len(seen) < 3:
            fitter.add(dict([make_row(key[1] + 1, 2)]))
    assert seen == [1, 2, 3]


@pytest.fixture
def fake_cuda(monkeypatch: pytest.MonkeyPatch) -> list[Exception | None]:
    """torch.cuda without a device; what is put in here is raised when the capture ends."""
    errors: list[Exception | None] = [None]

    class Stand:
        def __init__(self, *_args: object) -> None: ...
        def wait_stream(self, _other: object) -> None: ...
        def replay(self) -> None: ...

    @contextmanager
    def record(*_args: object, **_more: object) -> Iterator[None]:
        yield
        if errors[0] is not None:
            raise errors[0]

    for name in ("Stream", "CUDAGraph", "current_stream"):
        monkeypatch.setattr(torch.cuda, name, Stand)
    monkeypatch.setattr(torch.cuda, "graph", record)
    monkeypatch.setattr(torch.cuda, "stream", nullcontext)
    return errors


def test_a_step_that_cannot_be_captured_is_taken_as_it_is(
    fake_cuda: list[Exception | None], caplog: pytest.LogCaptureFixture
) -> None:
    def step() -> None: ...

    device = torch.device("cuda:0")
    assert capture(step, torch.device("cpu")) is step
    assert capture(step, device) is not step
    fake_cuda[0] = RuntimeError("operation not permitted when stream is capturing")
    with caplog.at_level(logging.WARNING):
        assert capture(step, device) is step
    assert len(caplog.records) == 1
    fake_cuda[0] = torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(torch.OutOfMemoryError):
        capture(step, device)

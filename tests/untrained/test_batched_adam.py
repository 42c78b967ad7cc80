"""Batched Adam: as torch has it, rows that come and go without touching the others, capture, waits."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from subremover.errors import WorkerError
from subremover.fill.paint.rows import WARM_RATE
from subremover.options import ActivationName, FitOptions
from subremover.untrained import batched_adam, cuda_graph, deep_decoder, losses
from subremover.untrained import network as network_module
from subremover.untrained.adam import advance
from subremover.untrained.batched_adam import BatchedAdam, ItemSettings
from subremover.untrained.codes import InputNoise, draw_code
from subremover.untrained.cuda_graph import capture, empty_cache, find_wait
from subremover.untrained.deep_decoder import DecoderWeights, DeepDecoder, decode, draw_weights
from subremover.untrained.level import paint_levels
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

    def count_levels(*tensors: Any, activation: ActivationName) -> Tensor:
        used.append("levels")
        return paint_levels(*tensors, activation=activation)

    def count_advance(*state: Any) -> None:
        used.append("advance")
        advance(*state)

    def count_compare(*loss: Any) -> Tensor:
        used.append("compare")
        return compare(*loss)

    monkeypatch.setattr(batched_adam, "_choose_advance", lambda _: count_advance)
    monkeypatch.setattr(deep_decoder, "_choose_paint_levels", lambda *_: count_levels)
    monkeypatch.setattr(losses, "_choose_compare", lambda *_: count_compare)
    some = make_adam(1)
    put(some, 0, 1, 1)
    some.step()
    assert set(used) == {"levels", "compare", "advance"}


def test_several_steps_are_as_many_single_ones() -> None:
    one, other = make_adam(2), make_adam(2)
    for adam in (one, other):
        put(adam, 0, 1, 5)
        put(adam, 1, 2, 3)
    for _ in range(4):
        one.step()
    other.step(4)
    assert one.steps_left == other.steps_left == [1, 0]
    assert torch.equal(one.take([0, 1])[0], other.take([0, 1])[0])


def test_places_are_taken_in_any_order() -> None:
    adam = make_adam(3)
    for place, seed in enumerate((1, 2, 3)):
        put(adam, place, seed, 2)
    adam.step(2)
    pictures, weights = adam.take([0, 1, 2])
    some, own = adam.take([2, 0])
    assert torch.equal(some, pictures[[2, 0]])
    for found, expected in zip(own.parameters, weights.parameters, strict=True):
        assert torch.equal(found, expected[[2, 0]])
    assert torch.equal(own.code, weights.code[[2, 0]])


def test_a_device_draws_the_noise_of_all_rows_at_once() -> None:
    """Nothing is copied to it in a step; meta tensors take a GPU's branches."""
    network = DeepDecoder.of(OPTIONS, SIZE, 3)
    with torch.device("meta"):
        noise = InputNoise(2, torch.device("meta"))
    assert not noise._generators
    assert network.levels == 3
    of_rows = InputNoise(2, torch.device("cpu"))
    of_rows.begin(1, 7)
    first = of_rows.draw((3, 4))
    alone = InputNoise(1, torch.device("cpu"))
    alone.begin(0, 7)
    assert torch.equal(first[1:], alone.draw((3, 4)))


class Crossings(TorchDispatchMode):
    """Operators that touch tensors of two devices, which copies do that may wait."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        leaves = tree_leaves((args, kwargs, result))
        if len({leaf.device.type for leaf in leaves if isinstance(leaf, Tensor)}) > 1:
            self.found.append(func.overloadpacket.__name__)
        return result


def test_only_what_is_new_goes_to_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """And that by `send`, which does not wait; a step and a take send nothing but the numbers of places."""
    sent = []

    def send(array: np.ndarray, device: torch.device) -> Tensor:
        sent.append(array.size)
        return torch.empty(array.shape, dtype=torch.from_numpy(array).dtype, device=device)

    for module in (batched_adam, network_module, deep_decoder):
        monkeypatch.setattr(module, "send", send)
    targets, known = (part.to("meta") for part in draw(0)[:2])
    network = DeepDecoder.of(OPTIONS, SIZE, 3)
    with Crossings() as crossings:
        weights = network.start(targets, known, [0])
        adam = BatchedAdam(network, weights, (2, 3, *SIZE), loss="mse")
        adam.put([1], targets, known, weights, [ItemSettings(0, 3, 0.1)])
        sent.clear()
        adam.take([0, 1])
    assert sent == [2]
    assert not crossings.found


class Stand:
    """Of torch.cuda's classes."""

    def __init__(self, *_args: object) -> None: ...
    def wait_stream(self, _other: object) -> None: ...
    def replay(self) -> None: ...


@pytest.fixture
def fake_cuda(monkeypatch: pytest.MonkeyPatch) -> list[Exception | None]:
    """torch.cuda without a device; what is put in here is raised when the capture ends."""
    errors: list[Exception | None] = [None]

    @contextmanager
    def record(*_args: object, **_more: object) -> Iterator[None]:
        yield
        if errors[0] is not None:
            raise errors[0]

    for name in ("CUDAGraph", "current_stream"):
        monkeypatch.setattr(torch.cuda, name, Stand)
    monkeypatch.setattr(cuda_graph, "find_stream", Stand)
    monkeypatch.setattr(torch._C, "_cuda_clearCublasWorkspaces", lambda: None, raising=False)
    monkeypatch.setattr(torch.cuda, "graph", record)
    monkeypatch.setattr(torch.cuda, "stream", nullcontext)
    monkeypatch.setattr(torch.cuda, "device", nullcontext)
    return errors


def test_a_step_is_captured_in_tf32_and_the_process_keeps_its_precision(
    fake_cuda: list[Exception | None],
) -> None:
    seen, before = [], torch.backends.cuda.matmul.allow_tf32  # which other tests may have chosen

    def step() -> None:
        seen.append(torch.backends.cuda.matmul.allow_tf32)

    assert capture(step, torch.device("cpu")) is step
    assert capture(step, torch.device("cuda:0")).__func__ is Stand.replay  # type: ignore[attr-defined]
    assert seen == [True] * 4
    assert torch.backends.cuda.matmul.allow_tf32 == before
    assert fake_cuda == [None]


@pytest.mark.parametrize(
    ("wait", "reason"),
    [
        (lambda x: x.sum().item(), "_local_scalar_dense"),
        (lambda x: x[x > 0], "index"),
        (lambda x: x.nonzero(), "nonzero"),
        (lambda x: torch.autograd.grad(Waits.apply(x).sum(), x), "_local_scalar_dense"),
        (lambda x: torch.equal(x, x), "equal"),
    ],
)
def test_a_step_that_waits_is_not_captured(
    wait: Callable[[Tensor], object],
    reason: str,
    fake_cuda: list[Exception | None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A capture that fails could not be undone."""
    fake_cuda[0] = RuntimeError("operation not permitted when stream is capturing")
    values = torch.arange(3.0, requires_grad=True)
    taken = []

    def step() -> None:
        wait(values)
        taken.append(torch.backends.cuda.matmul.allow_tf32)

    found = capture(step, torch.device("cuda:0"))
    assert [reason in record.getMessage() for record in caplog.records] == [True]
    taken.clear()
    found()
    assert taken == [True]


class Waits(torch.autograd.Function):
    """Waits in its backward pass."""

    @staticmethod
    def forward(_ctx: Any, x: Tensor) -> Tensor:
        return x * 2

    @staticmethod
    def backward(_ctx: Any, gradient: Tensor) -> Tensor:
        return gradient * float(gradient.sum())


def test_a_copy_between_devices_waits() -> None:
    values = torch.zeros(3)
    assert find_wait(lambda: values.to("meta")) == "_to_copy between cpu and meta"
    assert find_wait(lambda: values + 1) is None


def test_the_fit_itself_never_waits() -> None:
    adam = make_adam(2)
    put(adam, 0, 1, 3)
    assert find_wait(adam._step_all) is None


def test_a_capture_that_fails_ends_the_work(fake_cuda: list[Exception | None]) -> None:
    fake_cuda[0] = RuntimeError("operation not permitted when stream is capturing")
    with pytest.raises(WorkerError, match=r"cuda:0 cannot record a step .*not permitted.*--device cpu"):
        capture(lambda: None, torch.device("cuda:0"))
    fake_cuda[0] = torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(torch.OutOfMemoryError):
        capture(lambda: None, torch.device("cuda:0"))


def test_memory_is_not_given_back_amid_a_recording(
    fake_cuda: list[Exception | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch asserts that, for all devices at once."""
    happened: list[str] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: happened.append("emptied"))
    emptying = threading.Thread(target=empty_cache)

    def step() -> None:
        if not emptying.is_alive() and not happened:
            emptying.start()
            emptying.join(0.2)
            happened.append("stepped")

    capture(step, torch.device("cuda:0"))
    emptying.join(10)
    assert happened == ["stepped", "emptied"]
    assert fake_cuda == [None]


def test_the_last_pictures_are_kept_for_those_who_ask() -> None:
    adam = make_adam(1)
    with pytest.raises(ValueError, match="not kept"):
        adam.latest()
    network = DeepDecoder.of(OPTIONS, SIZE, 3)
    kept = BatchedAdam(network, draw(0)[2], (1, 3, *SIZE), loss="mix", keeps_last=True)
    for own in (adam, kept):
        put(own, 0, 1, 4)
        own.step(4)
    assert torch.equal(adam.take([0])[0], kept.take([0])[0])
    assert torch.equal(kept.latest()[0], kept.take([0])[0])  # of four steps the mean is over the last

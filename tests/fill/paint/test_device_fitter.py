"""The fitter of a GPU, on the CPU: places that are filled as they fall free, memory, stops and failures."""

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from fit_jobs import make_jobs

from subremover.errors import DeviceError, WorkerError
from subremover.fill.paint import device_fitter, rows
from subremover.fill.paint.cpu_fitter import CpuFitter
from subremover.fill.paint.device_fitter import BLOCK_STEPS, BLOCKS_AHEAD, DeviceFitter
from subremover.fill.paint.jobs import FitJob
from subremover.fill.paint.rows import FitStoppedError, Row
from subremover.options import FitOptions
from subremover.untrained.batched_adam import BatchedAdam
from subremover.untrained.device_memory import choose_batch_size, count_row_bytes

pytestmark = pytest.mark.usefixtures("one_thread")

OPTIONS = FitOptions(channels=4, levels=2)
ENDLESS = 1 << 24


def make_row(group: int = 0, steps: int = 4, width: int = 24) -> Row:
    return Row(make_jobs(group, width, 1)[0], 0, 2, steps)


@pytest.fixture
def fitter() -> Iterator[DeviceFitter]:
    fitter = DeviceFitter(OPTIONS, "cpu")
    yield fitter
    fitter.close()
    assert not fitter._thread.is_alive()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Places of the batches that were made."""
    sizes: list[int] = []

    def note(network: Any, like: Any, targets: tuple[int, ...], **more: Any) -> BatchedAdam[Any]:
        sizes.append(targets[0])
        return BatchedAdam(network, like, targets, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(rows, "BatchedAdam", note)
    return sizes


def test_rows_come_out_as_on_a_cpu(fitter: DeviceFitter) -> None:
    asked = [make_row(group, steps, width) for group, steps, width in ((1, 3, 24), (2, 40, 24), (3, 5, 40))]
    expected = CpuFitter(OPTIONS)
    for one, other in zip(fitter.fit(asked), expected.fit(asked), strict=True):
        np.testing.assert_array_equal(one.result(30).picture, other.result(30).picture)
    warm = [Row(row.job, 0, 2, 3, one.result()) for row, one in zip(asked, fitter.fit(asked), strict=True)]
    cpus = [Row(row.job, 0, 2, 3, one.result()) for row, one in zip(asked, expected.fit(asked), strict=True)]
    for one, other in zip(fitter.fit(warm), expected.fit(cpus), strict=True):
        np.testing.assert_array_equal(one.result(30).picture, other.result(30).picture)
    expected.close()


def test_a_later_row_joins_a_batch_at_work(fitter: DeviceFitter, made: list[int]) -> None:
    fitter.fit([make_row(1, ENDLESS)])
    for group in range(6):
        (future,) = fitter.fit([make_row(group)])
        assert future.result(30).picture.shape == (16, 24, 3)
    assert made == [4]


def test_batches_are_kept_and_as_large_as_need_be(fitter: DeviceFitter, made: list[int]) -> None:
    """Each is recorded as a graph of its own, which takes its time."""
    for count in (6, 3, 6, 2, 16):
        for future in fitter.fit([make_row(group) for group in range(count)]):
            future.result(30)
    assert made == [16, 4]


def test_no_more_is_queued_than_ends_soon(fitter: DeviceFitter, monkeypatch: pytest.MonkeyPatch) -> None:
    queued, most = [0], [0]
    marks: list[int] = []
    total = [0]
    real = BatchedAdam.step

    class Mark:
        def __init__(self, _: torch.device) -> None:
            self.at = total[0]

        def wait(self) -> None:
            queued[0] = total[0] - self.at
            marks.append(self.at)

        def seconds_since(self, other: "Mark") -> float:
            return (self.at - other.at) / 1000

    def step(self: BatchedAdam[Any], count: int = 1) -> None:
        total[0] += count
        queued[0] += count
        most[0] = max(most[0], queued[0])
        real(self, count)

    monkeypatch.setattr(device_fitter, "Mark", Mark)
    monkeypatch.setattr(BatchedAdam, "step", step)
    (future,) = fitter.fit([make_row(1, 200)])
    future.result(30)
    assert total == [200]
    assert len(marks) > 200 / BLOCK_STEPS - BLOCKS_AHEAD
    assert most[0] <= BLOCK_STEPS * (BLOCKS_AHEAD + 1)
    fitter.close()
    assert fitter.take_busy_seconds() == pytest.approx(0.2)
    assert fitter.take_busy_seconds() == 0


def cramp(monkeypatch: pytest.MonkeyPatch, most: int, error: Exception) -> list[int]:
    """Let memory suffice for so many places; those that were asked for."""
    sizes: list[int] = []

    def cramped(network: Any, like: Any, targets: tuple[int, ...], **more: Any) -> BatchedAdam[Any]:
        sizes.append(targets[0])
        if targets[0] > most:
            raise error
        return BatchedAdam(network, like, targets, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(rows, "BatchedAdam", cramped)
    return sizes


def test_what_memory_held_is_remembered(fitter: DeviceFitter, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = cramp(monkeypatch, 2, torch.OutOfMemoryError("CUDA out of memory"))
    asked = [make_row(group) for group in range(5)]
    for _ in range(2):
        found = [future.result(30).picture for future in fitter.fit(asked)]
    assert sizes == [16, 8, 4, 2]
    free = CpuFitter(OPTIONS)
    for one, future in zip(found, free.fit(asked), strict=True):
        np.testing.assert_array_equal(one, future.result(30).picture)
    free.close()


def test_a_crop_too_large_is_an_error_with_a_remedy(
    fitter: DeviceFitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as context:
        cramp(context, 0, torch.OutOfMemoryError("CUDA out of memory"))
        with pytest.raises(
            DeviceError, match=r"ran out of memory fitting 1 crop of 24x16 px; try .*--device"
        ):
            fitter.fit([make_row(), make_row()])[1].result(30)
    assert fitter.fit([make_row()])[0].result(30).picture.shape == (16, 24, 3)


@pytest.mark.parametrize(
    ("error", "expected", "message"),
    [
        (
            RuntimeError("CUDA error: an illegal memory access\nand more"),
            WorkerError,
            "illegal .*--device cpu",
        ),
        (ValueError("a bug"), ValueError, "^a bug$"),
    ],
)
def test_a_failure_reaches_all_who_wait_and_all_who_come(
    error: Exception, expected: type[Exception], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitter = DeviceFitter(OPTIONS, "cpu")
    endless = fitter.fit([make_row(1, ENDLESS)])
    cramp(monkeypatch, 0, error)
    waiting = fitter.fit([make_row(2, width=40), make_row(3, width=60)])
    for future in (*endless, *waiting):
        with pytest.raises(expected, match=message):
            future.result(30)
    with pytest.raises(expected, match=message):
        fitter.fit([make_row()])[0].result(30)
    fitter.close()


def test_idle_batches_make_room_for_others(fitter: DeviceFitter, made: list[int]) -> None:
    fitter._most_bytes = 10 * count_row_bytes(4, 16, 24)
    for width in (24, 28, 24, 32, 24):
        fitter.fit([make_row(width=width)])[0].result(30)
    assert made == [4, 4, 4]
    assert [kind[1][1] for kind, _ in fitter._batches] == [32, 24]


def test_a_batch_without_room_waits_for_those_at_work(fitter: DeviceFitter, made: list[int]) -> None:
    fitter._most_bytes = 5 * count_row_bytes(4, 16, 28)
    first = fitter.fit([make_row(steps=400)])
    (second,) = fitter.fit([make_row(width=28)])
    assert second.result(30).picture.shape == (16, 28, 3)
    assert first[0].done()
    assert made == [4, 4]


def test_two_that_fit_alone_and_not_together_take_turns(
    fitter: DeviceFitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory that another batch fills is no reason to give a crop up."""
    held: weakref.WeakSet[BatchedAdam[Any]] = weakref.WeakSet()

    def cramped(*args: Any, **more: Any) -> BatchedAdam[Any]:
        gc.collect()
        if held:
            raise torch.OutOfMemoryError("CUDA out of memory")
        held.add(made := BatchedAdam(*args, **more))
        return made

    monkeypatch.setattr(rows, "BatchedAdam", cramped)
    fitter._batch_size = 1
    asked = fitter.fit([make_row(1, 40), make_row(2, 40, width=28), make_row(3, 40, width=32)])
    assert [future.result(60).picture.shape[1] for future in asked] == [24, 28, 32]


def test_a_batch_size_that_is_asked_for_has_its_bound_too(fitter: DeviceFitter) -> None:
    fitter._batch_size, fitter._most_bytes = 10**9, 1 << 60
    assert fitter._choose_size((5, (32, 64)), 10**9) == device_fitter.SIZES[-1]
    fitter._options = FitOptions(channels=256)
    assert 1 < fitter._choose_size((5, (160, 640)), 10**9) <= (2**31 - 1) // (160 * 640 * 256)


@pytest.mark.parametrize(
    ("size", "levels", "canvas"),
    [
        ((61, 280), 5, (64, 384)),
        ((96, 288), 5, (128, 384)),
        ((130, 1283), 7, (256, 1408)),
        ((9, 9), 2, (64, 128)),
    ],
)
def test_canvases_on_a_gpu_have_few_sizes(
    size: tuple[int, int], levels: int, canvas: tuple[int, int]
) -> None:
    """For each a graph is recorded."""
    hole = np.ones(size, bool)
    error = np.full(size, np.inf, np.float32)
    row = Row(FitJob(np.zeros((*size, 3), np.float32), hole, 0, 0, error), 0, levels, 1)
    assert device_fitter.choose_canvas(row, torch.device("cuda")) == canvas
    assert device_fitter.choose_canvas(row, torch.device("cpu")) == row.canvas
    assert all(side % 2**levels == 0 for side in canvas)


def test_what_lies_beyond_a_crop_on_its_canvas_does_not_show(
    fitter: DeviceFitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_fitter, "choose_canvas", lambda *_: (64, 128))
    jobs = make_jobs(0, 40, 2)
    (one,) = fitter.fit([Row(jobs[0], 0, 2, 60)])
    assert one.result(30).picture.shape == (16, 40, 3)
    known = ~jobs[0].hole
    assert np.abs(one.result().picture - jobs[0].image)[known].mean() < 0.3
    (warm,) = fitter.fit([Row(jobs[1], 0, 2, 4, one.result())])
    assert warm.result(30).picture.shape == (16, 40, 3)


@pytest.mark.parametrize(
    ("height", "width", "channels"), [(160, 640, 256), (96, 288, 32), (544, 512, 32), (1088, 1920, 256)]
)
def test_no_tensor_of_a_batch_has_too_many_elements(height: int, width: int, channels: int) -> None:
    """The up-sampling refuses 2^31 on CUDA, in words that are none of memory."""
    row_bytes = count_row_bytes(channels, height, width)
    most = choose_batch_size(torch.device("cuda"), row_bytes, height * width, 1 << 50)
    assert 1 <= most <= (2**31 - 1) // (height * width * channels)


def test_stop_ends_what_is_under_way_and_what_is_asked_for_until_it_goes_on(fitter: DeviceFitter) -> None:
    begun = fitter.fit([make_row(group, ENDLESS) for group in range(5)])
    fitter.stop()
    late = fitter.fit([make_row()])
    for future in (*begun, *late):
        with pytest.raises(FitStoppedError):
            future.result(30)
    fitter.resume()
    assert fitter.fit([make_row()])[0].result(30).picture.shape == (16, 24, 3)


@pytest.mark.parametrize("close", [DeviceFitter.close, CpuFitter.close])
def test_nothing_waits_for_a_fitter_that_was_closed(close: Callable[[Any], None]) -> None:
    fitter = DeviceFitter(OPTIONS, "cpu") if close is DeviceFitter.close else CpuFitter(OPTIONS)
    asked = fitter.fit([make_row(1, ENDLESS), make_row(2, ENDLESS, width=40)])
    closing = threading.Thread(target=close, args=(fitter,))
    closing.start()
    for future in asked:
        with pytest.raises(FitStoppedError):
            future.result(30)
    closing.join(30)
    assert not closing.is_alive()


def test_the_crop_of_several_decoders_is_copied_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []
    real = rows.empty_to_send

    def note(shape: tuple[int, ...], device: torch.device) -> torch.Tensor:
        sent.append(shape)
        return real(shape, device).fill_(torch.nan)

    monkeypatch.setattr(rows, "empty_to_send", note)
    jobs, cpu = make_jobs(0, frames=3), torch.device("cpu")
    targets, known = rows.stack_crops([Row(job, i, 4, 4) for job in jobs for i in range(2)], (16, 32), cpu)
    assert sent == [(3, 16, 32, 3), (6, 1, 16, 32)]
    assert targets.shape == (6, 3, 16, 32)
    assert torch.equal(targets[0], targets[1])
    assert not targets[..., 24:].any()
    assert not known[..., 24:].any()
    for job, target, weight in zip(jobs, targets[::2], known[::2], strict=True):
        expected = np.where(job.hole, 0, job.image.transpose(2, 0, 1))
        np.testing.assert_array_equal(target[..., :24].numpy(), expected)
        np.testing.assert_array_equal(weight[0, :, :24].numpy(), 1 - job.unknown)

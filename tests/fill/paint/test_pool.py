"""The pool: order, errors, and that nothing is left behind. Runs in this process and in spawned ones."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fit_jobs import ENDLESS, make_jobs
from processes import SUPPORT

from subremover.errors import DeviceError, WorkerError
from subremover.fill.paint import batches, schedule
from subremover.fill.paint.jobs import Fill, FitJob
from subremover.fill.paint.pool import Pool, resolve_device
from subremover.options import FitOptions, PaintOptions, PoolOptions
from subremover.runtime.profile import measure

QUICK = PaintOptions(FitOptions(steps=4, channels=4, levels=2), warm_steps=2)
HERE = PoolOptions(device="cpu")
SPAWNED = PoolOptions(device="cpu", workers=2)


def children() -> list[multiprocessing.Process]:
    return multiprocessing.active_children()  # type: ignore[return-value]


@pytest.mark.parametrize("options", [HERE, SPAWNED], ids=["thread", "processes"])
def test_results_come_in_order_and_do_not_depend_on_the_workers(options: PoolOptions) -> None:
    lists = [make_jobs(group, width=20 + group, frames=1 + group % 3) for group in range(5)]
    with Pool(QUICK, options) as pool:
        with measure() as profile:
            found = list(pool.fit(lists))
        again = list(pool.fit(lists[:2]))
    assert profile.stages["render: fit"].frames == sum(len(jobs) for jobs in lists)
    assert profile.stages["render: fit"].seconds > 0
    assert [[fill.picture.shape for fill in fills] for fills in found] == [
        [(16, 20 + group, 3)] * (1 + group % 3) for group in range(5)
    ]
    for jobs, fills in zip([*lists, *lists[:2]], [*found, *again], strict=True):
        for fill, expected in zip(fills, schedule.fit_jobs([jobs], QUICK, "cpu")[0], strict=True):
            np.testing.assert_allclose(
                fill.picture, expected.picture, rtol=0, atol=1e-3
            )  # rounding by threads
    assert not children()


def test_few_lists_are_in_flight() -> None:
    taken = []

    def draw_lists() -> Iterator[list[FitJob]]:
        for group in range(10):
            taken.append(group)
            yield make_jobs(group)

    with Pool(QUICK, HERE) as pool:
        results = pool.fit(draw_lists())
        for done in range(4):
            next(results)
            assert len(taken) <= done + 2


def test_a_cuda_device_is_given_several_lists_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lists = [make_jobs(group, width=20 + group) for group in range(6)]
    asked, fit_jobs = [], schedule.fit_jobs

    def note(lists: list[list[FitJob]], *options: Any, **more: Any) -> list[list[Fill]]:
        asked.append(len(lists))
        return fit_jobs(lists, *options, **more)

    monkeypatch.setattr(schedule, "fit_jobs", note)
    with Pool(QUICK, HERE) as pool:
        alone = list(pool.fit(lists))
        monkeypatch.setattr(pool, "devices", ["cuda:0"])  # its worker stays on the CPU
        together = list(pool.fit(lists))
    assert asked == [1] * 6 + [4, 2]
    for some, others in zip(together, alone, strict=True):
        for one, other in zip(some, others, strict=True):
            np.testing.assert_array_equal(one.picture, other.picture)


def test_an_empty_list_gives_an_empty_list() -> None:
    with Pool(QUICK, HERE) as pool:
        assert list(pool.fit([[], []])) == [[], []]
        assert list(pool.fit([])) == []


def test_an_error_reaches_the_consumer_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_more: object) -> object:
        raise DeviceError("cuda:0 ran out of memory; try something")

    monkeypatch.setattr(batches, "BatchedAdam", fail)
    with Pool(QUICK, HERE) as pool, pytest.raises(DeviceError, match="try something"):
        list(pool.fit([make_jobs(0), make_jobs(1)]))


def test_an_error_of_a_spawned_worker_reaches_the_consumer() -> None:
    with Pool(QUICK, SPAWNED) as pool:
        with pytest.raises(AttributeError):
            list(pool.fit([make_jobs(0), [None]]))  # type: ignore[list-item]
        assert len(list(pool.fit([make_jobs(0)]))) == 1  # and the pool lives on
    assert not children()


def test_an_error_of_the_source_reaches_the_consumer() -> None:
    def draw_lists() -> Iterator[list[FitJob]]:
        yield make_jobs(0)
        raise OSError("disk gone")

    with Pool(QUICK, HERE) as pool, pytest.raises(OSError, match="disk gone"):
        list(pool.fit(draw_lists()))


def test_a_dead_worker_is_an_error_with_a_remedy() -> None:
    with Pool(ENDLESS, SPAWNED) as pool:
        results = pool.fit([make_jobs(0)] * 9)
        with pytest.raises(WorkerError, match=r"died.*--workers 1"):
            next(_kill_a_child_then(results))
    assert not children()


def _kill_a_child_then(results: Iterator[list[Fill]]) -> Iterator[list[Fill]]:
    import threading

    def kill() -> None:
        while not children():
            time.sleep(0.05)
        time.sleep(0.5)
        for child in children():
            child.kill()

    threading.Thread(target=kill, daemon=True).start()
    yield from results


@pytest.mark.parametrize("options", [HERE, SPAWNED], ids=["thread", "processes"])
def test_closing_ends_fits_under_way(options: PoolOptions) -> None:
    endless = [make_jobs(group) for group in range(5)]
    with Pool(ENDLESS, options) as pool:
        pending = [pool._submit([jobs]) for jobs in endless]
        time.sleep(0.3)
        assert not any(future.done() for future, _ in pending)
        leaving = time.monotonic()
    assert time.monotonic() - leaving < 40  # a worker that is still loading torch ends after that
    assert all(future.done() for future, _ in pending)
    assert not children()


def test_a_closed_iterator_leaves_the_pool_usable() -> None:
    with Pool(QUICK, HERE) as pool:
        results = pool.fit([make_jobs(group) for group in range(6)])
        next(results)
        results.close()  # type: ignore[attr-defined]
        assert len(list(pool.fit([make_jobs(9)]))) == 1


def test_workers_without_shared_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container without /dev/shm, where the locks of processes cannot be made."""

    def fail(*_: object) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(multiprocessing.get_context("spawn").__class__, "Event", fail)
    with pytest.raises(WorkerError, match=r"no shared memory .*mount /dev/shm .*--workers 1") as caught:
        Pool(QUICK, SPAWNED).__enter__()
    assert caught.value.exit_code == 7
    with Pool(QUICK, HERE) as pool:
        assert len(list(pool.fit([make_jobs(0)]))) == 1


CTRL_C = """
import os, signal, sys, threading
sys.path.insert(0, {tests!r})
from fit_jobs import ENDLESS, make_jobs
from subremover.fill.paint.pool import Pool
from subremover.options import PoolOptions
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell has it ignored
    with Pool(ENDLESS, PoolOptions(device="cpu", workers={workers})) as pool:
        print("ready", flush=True)
        list(pool.fit([make_jobs(0)] * 4))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal to a process group")
@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_ends_everything(tmp_path: Path, workers: int) -> None:
    script = tmp_path / "endless.py"
    script.write_text(CTRL_C.format(tests=str(SUPPORT), workers=workers))
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=pipe, stderr=pipe, text=True, start_new_session=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(2)  # into the fit, or, with spawned workers, into their loading of torch
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)  # a worker ends once it has loaded torch
    assert re.search(r"KeyboardInterrupt\s*$", errors)
    assert errors.count("Traceback") == errors.count("KeyboardInterrupt")  # workers keep quiet
    with pytest.raises(ProcessLookupError):  # noqa: PT012
        for _ in range(100):  # multiprocessing's own tracker leaves a moment after its parent
            os.killpg(process.pid, 0)
            time.sleep(0.1)


def test_devices() -> None:
    assert resolve_device("cpu") == ["cpu"]
    assert resolve_device("auto")


def test_absent_devices_are_errors_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == ["cpu"]
    for name in ("cuda", "cuda:1"):
        with pytest.raises(DeviceError, match=r"no CUDA device.*--device cpu"):
            resolve_device(name)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="--device cpu"):
        resolve_device("mps")


def test_every_cuda_device_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("auto") == resolve_device("cuda") == ["cuda:0", "cuda:1"]
    assert resolve_device("cuda:1") == ["cuda:1"]
    with pytest.raises(DeviceError, match=r"cuda:7.*sees 2.*cuda:0 to cuda:1"):
        resolve_device("cuda:7")


def test_importing_the_pool_does_not_load_torch() -> None:
    code = "import sys, subremover.fill.paint.pool; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.cuda
def test_cuda_worker(cuda: str) -> None:
    with Pool(QUICK, PoolOptions(device=cuda)) as pool:
        assert [len(fills) for fills in pool.fit([make_jobs(0), make_jobs(1)])] == [2, 2]
    assert not children()

"""The pool: order, errors, and that nothing is left behind. All of it runs in this process."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fit_jobs import ENDLESS, fill, make_jobs
from processes import SUPPORT

from subremover.errors import DeviceError
from subremover.fill.paint import pool as pool_module
from subremover.fill.paint import rows
from subremover.fill.paint.cpu_fitter import CpuFitter
from subremover.fill.paint.device_fitter import DeviceFitter
from subremover.fill.paint.devices import resolve_device
from subremover.fill.paint.jobs import FitJob
from subremover.fill.paint.pool import Pool
from subremover.fill.paint.rows import Fitted, Fitter, Row
from subremover.options import FitOptions, PaintOptions, PoolOptions
from subremover.runtime.profile import measure

QUICK = PaintOptions(FitOptions(steps=4, channels=4, levels=2), warm_steps=2)
HERE = PoolOptions(device="cpu")


@pytest.fixture(params=["a CPU", "a GPU"])
def options(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> PoolOptions:
    """The fitter of a GPU works on the CPU as well."""
    if request.param == "a GPU":
        monkeypatch.setattr(
            Pool,
            "_make_fitter",
            lambda self, _: DeviceFitter(self._paint.fit, "cpu", self._options.batch_size),
        )
    return HERE


def threads() -> set[str]:
    """Those of the pool."""
    return {thread.name for thread in threading.enumerate() if thread.name.startswith(("fit", "fill"))}


def test_results_come_in_order_and_depend_on_their_list_alone(options: PoolOptions) -> None:
    lists = [make_jobs(group, width=20 + group, frames=1 + group % 3) for group in range(5)]
    with Pool(QUICK, options) as pool:
        with measure() as profile:
            found = list(pool.fit(lists))
        again = list(pool.fit(lists[:2]))
    assert profile.stages["render: fit"].frames == sum(len(jobs) for jobs in lists)
    assert 0 < profile.stages["render: fit"].seconds <= profile.seconds
    assert [[one.picture.shape for one in fills] for fills in found] == [
        [(16, 20 + group, 3)] * (1 + group % 3) for group in range(5)
    ]
    for jobs, fills in zip([*lists, *lists[:2]], [*found, *again], strict=True):
        for one, expected in zip(fills, fill(jobs, QUICK), strict=True):
            np.testing.assert_array_equal(one.picture, expected.picture)
    assert not threads()


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


def test_a_gpu_has_more_lists_in_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that anchors of one are fitted along with other frames of another."""
    lists = [make_jobs(group) for group in range(8)]
    taken = []
    monkeypatch.setattr(Pool, "_make_fitter", lambda self, _: DeviceFitter(self._paint.fit, "cpu"))
    pool = Pool(PaintOptions(replace(QUICK.fit, steps=300), warm_steps=2), HERE)
    pool.devices = ["cuda:0"]
    with pool:
        next(pool.fit(taken.append(jobs) or jobs for jobs in lists))  # type: ignore[func-returns-value]
        assert len(taken) == pool_module.DEVICE_LISTS


def test_lists_are_shared_out_to_all_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, int] = {}

    class Counting(CpuFitter):
        def __init__(self, device: str) -> None:
            super().__init__(QUICK.fit)
            self._name = device

        def fit(self, rows: Sequence[Row]) -> list[Future[Fitted]]:
            made[self._name] = made.get(self._name, 0) + bool(rows)
            return super().fit(rows)

    monkeypatch.setattr(Pool, "_make_fitter", lambda _, device: Counting(device))
    pool = Pool(QUICK, HERE)
    pool.devices = ["cuda:0", "cuda:1"]
    with pool:
        assert len(list(pool.fit([make_jobs(group) for group in range(12)]))) == 12
    assert set(made) == {"cuda:0", "cuda:1"}


def test_an_empty_list_gives_an_empty_list() -> None:
    with Pool(QUICK, HERE) as pool:
        assert list(pool.fit([[], []])) == [[], []]
        assert list(pool.fit([])) == []


def test_an_error_reaches_the_consumer_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_more: object) -> object:
        raise DeviceError("cuda:0 ran out of memory; try something")

    monkeypatch.setattr(rows, "BatchedAdam", fail)
    with Pool(QUICK, HERE) as pool, pytest.raises(DeviceError, match="try something"):
        list(pool.fit([make_jobs(0), make_jobs(1)]))


def test_an_error_leaves_the_pool_usable() -> None:
    with Pool(QUICK, HERE) as pool:
        with pytest.raises(AttributeError):
            list(pool.fit([make_jobs(0), [None]]))  # type: ignore[list-item]
        assert len(list(pool.fit([make_jobs(0)]))) == 1


def test_an_error_of_the_source_reaches_the_consumer() -> None:
    def draw_lists() -> Iterator[list[FitJob]]:
        yield make_jobs(0)
        raise OSError("disk gone")

    with Pool(QUICK, HERE) as pool, pytest.raises(OSError, match="disk gone"):
        list(pool.fit(draw_lists()))


def test_leaving_the_context_ends_fits_under_way(options: PoolOptions) -> None:
    pool = Pool(ENDLESS, options)
    with pool:
        filling = [pool._lists.submit(pool._fill_list, make_jobs(group), "cpu") for group in range(5)]
        time.sleep(0.3)
        assert not any(future.done() for future in filling)
        leaving = time.monotonic()
    assert time.monotonic() - leaving < 10
    assert all(future.done() for future in filling)
    assert not threads()


def test_the_context_may_be_entered_again_inside(options: PoolOptions) -> None:
    """As by the films of one command: what was begun on a device is kept."""
    with Pool(QUICK, options) as pool:
        with pool:
            list(pool.fit([make_jobs(0)]))
            (fitter,) = pool._fitters.values()
        with pool:
            list(pool.fit([make_jobs(1)]))
            assert list(pool._fitters.values()) == [fitter]
    assert not threads()
    with Pool(QUICK, options) as pool:
        pass
    with pool:
        assert len(list(pool.fit([make_jobs(0)]))) == 1


def test_a_closed_iterator_leaves_the_pool_usable() -> None:
    with Pool(QUICK, HERE) as pool:
        results = pool.fit([make_jobs(group) for group in range(6)])
        next(results)
        results.close()  # type: ignore[attr-defined]
        assert len(list(pool.fit([make_jobs(9)]))) == 1


def test_a_stop_reaches_lists_that_have_no_fitter_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch takes seconds to load, in which Ctrl-C may come."""
    find = Pool._find_fitter

    def find_late(self: Pool, device: str) -> Fitter:
        time.sleep(0.3)
        return find(self, device)

    def draw_lists() -> Iterator[list[FitJob]]:
        yield make_jobs(0)
        raise ValueError("no more")

    monkeypatch.setattr(Pool, "_find_fitter", find_late)
    with Pool(QUICK, HERE) as pool:
        with pytest.raises(ValueError, match="no more"):
            list(pool.fit(draw_lists()))
        assert not pool._fitters
        assert len(list(pool.fit([make_jobs(0)]))) == 1


UNGUARDED = """
import sys, threading
sys.path.insert(0, {tests!r})
from fit_jobs import make_jobs
from subremover.fill.paint.device_fitter import DeviceFitter
from subremover.fill.paint.pool import Pool
from subremover.options import FitOptions, PaintOptions, PoolOptions
print("this script runs", flush=True)
Pool._make_fitter = lambda self, device: DeviceFitter(self._paint.fit, "cpu")
pool = Pool(PaintOptions(FitOptions(steps=2, channels=4, levels=2)), PoolOptions("cpu"))
pool.devices = ["cuda:0", "cuda:1"]
with pool:
    print(len(list(pool.fit([make_jobs(0)] * 3))), "lists")
"""


def test_a_script_needs_no_guard(tmp_path: Path) -> None:
    """It would be run again in a process that is spawned."""
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED.format(tests=str(SUPPORT)))
    run = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert (run.stdout, run.returncode) == ("this script runs\n3 lists\n", 0), run.stderr


CTRL_C = """
import os, signal, sys, threading
sys.path.insert(0, {tests!r})
from fit_jobs import ENDLESS, make_jobs
from subremover.fill.paint.pool import Pool
from subremover.options import PoolOptions
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell has it ignored
    with Pool(ENDLESS, PoolOptions(device="cpu")) as pool:
        print("ready", flush=True)
        list(pool.fit([make_jobs(0)] * 4))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal to a process group")
def test_ctrl_c_ends_everything(tmp_path: Path) -> None:
    script = tmp_path / "endless.py"
    script.write_text(CTRL_C.format(tests=str(SUPPORT)))
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=pipe, stderr=pipe, text=True, start_new_session=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(2)  # into the fit
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert re.search(r"KeyboardInterrupt\s*$", errors)
    assert errors.count("Traceback") == errors.count("KeyboardInterrupt")
    with pytest.raises(ProcessLookupError):  # noqa: PT012
        for _ in range(100):
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

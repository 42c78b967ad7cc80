"""Whether the Triton kernels are used, and if not why; for a CUDA device that need not be there."""

import logging
import os
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # read when triton is first imported
pytest.importorskip("triton")

from subremover.options import FitOptions
from subremover.untrained import batched_adam, deep_decoder, kernels, losses
from subremover.untrained.batched_adam import BatchedAdam
from subremover.untrained.deep_decoder import DeepDecoder
from subremover.untrained.kernels import adam as kernel_adam
from subremover.untrained.kernels import are_usable, check, describe, levels, similarity

HERE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
THERE = torch.device("cuda", 5)


@pytest.fixture(autouse=True)
def device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`THERE` seems to be a device that nothing is known of yet, of a machine where Triton can compile."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "kernel").touch()
    (tmp_path / "Python.h").touch()
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("CC", "sh")
    monkeypatch.setattr(kernels.sysconfig, "get_paths", lambda _scheme: {"include": str(tmp_path)})
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: (9, 0))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _device: "NVIDIA H100")
    monkeypatch.setattr(kernels, "_obstacles", {})


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check compares plain torch with itself, which takes less time than the interpreter."""
    for check_those in ("check_level", "check_adam"):
        monkeypatch.setattr(check, check_those, lambda *_: None)
    monkeypatch.setattr(check, "compare", check.compare_plainly)


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("mode", [torch.no_grad(), torch.inference_mode(), torch.enable_grad()])
def test_the_check_has_gradients_whatever_the_caller_has(mode: AbstractContextManager[None]) -> None:
    with mode:
        check.check_kernels(HERE)


@pytest.mark.slow
@pytest.mark.parametrize("mode", [torch.no_grad(), torch.inference_mode()])
def test_the_kernels_pass_the_check_without_gradients(mode: AbstractContextManager[None]) -> None:
    with mode:
        check.check_kernels(HERE)


@pytest.mark.usefixtures("plain")
def test_a_fit_that_is_the_first_to_ask_has_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which `BatchedAdam` does with gradients switched off."""
    check_kernels = check.check_kernels
    monkeypatch.setattr(check, "check_kernels", lambda _device: check_kernels(HERE))
    for module in (batched_adam, deep_decoder, losses):
        monkeypatch.setattr(module, "are_usable", lambda _device: are_usable(THERE))
    network = DeepDecoder.of(FitOptions(channels=4), (16, 16), 2)
    target, known = torch.rand(1, 3, 16, 16, device=HERE), torch.ones(1, 1, 16, 16, device=HERE)
    painted, paint = [], levels.paint_levels

    def count(*arguments: Any, **settings: Any) -> Tensor:
        painted.append(paint(*arguments, **settings))
        return painted[-1]

    monkeypatch.setattr(levels, "paint_levels", count)
    adam = BatchedAdam(network, network.start(target, known, [0]), (1, 3, 16, 16), loss="mix")
    assert painted
    assert adam._loss.compare is similarity.compare
    assert adam._advance is kernel_adam.advance


def test_whatever_goes_wrong_means_plain_torch(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_device: torch.device) -> None:
        raise RuntimeError("no such kernel\nand a page about it")

    monkeypatch.setattr(check, "check_kernels", fail)
    caplog.set_level(logging.WARNING, kernels.__name__)
    assert not any(are_usable(THERE) for _ in range(2))
    assert "RuntimeError: no such kernel" in caplog.text
    assert len(caplog.text.splitlines()) == 1
    assert describe(THERE) == "cuda:5 (NVIDIA H100), plain torch: RuntimeError: no such kernel"


def test_threads_that_ask_at_once_wait_for_one_check(monkeypatch: pytest.MonkeyPatch) -> None:
    checked = []

    def check_slowly(device: torch.device) -> None:
        time.sleep(0.05)
        checked.append(device)

    monkeypatch.setattr(check, "check_kernels", check_slowly)
    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(are_usable, [THERE] * 4))
    assert checked == [THERE]


def hide_compiler(monkeypatch: pytest.MonkeyPatch, _folder: Path) -> None:
    monkeypatch.delenv("CC")
    monkeypatch.setattr(kernels.shutil, "which", lambda _name: None)


def name_another_compiler(monkeypatch: pytest.MonkeyPatch, _folder: Path) -> None:
    monkeypatch.setenv("CC", "no-such-cc")


def hide_header(_monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "Python.h").unlink()


def block_cache(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("TRITON_CACHE_DIR", str(folder / "Python.h" / "cache"))


def use_an_old_device(monkeypatch: pytest.MonkeyPatch, _folder: Path) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: (7, 5))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (hide_compiler, r"no C compiler \(gcc or clang\); install gcc"),
        (name_another_compiler, r"no C compiler \('no-such-cc', which CC names\); install gcc"),
        (hide_header, r"needs '.*/Python\.h'; install Python's headers \(python3-dev\)"),
        (block_cache, r"cannot write to '.*/cache' \(Not a directory\); set TRITON_CACHE_DIR"),
        (use_an_old_device, r"its compute capability is 7\.5, they need 8\.0"),
    ],
)
def test_what_is_missing_is_named_with_the_remedy(spoil, reason, monkeypatch, tmp_path, caplog) -> None:
    def compile_nothing(_device: torch.device) -> None:
        raise AssertionError("what cannot succeed is not tried")

    monkeypatch.setattr(check, "check_kernels", compile_nothing)
    spoil(monkeypatch, tmp_path)
    assert not are_usable(THERE)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert re.search(f"no Triton kernels on cuda:5, .*{reason}", record.message)


@pytest.mark.parametrize(("is_first", "level"), [(True, "WARNING"), (False, "INFO")])
def test_compiling_is_told_beforehand(is_first, level, monkeypatch, tmp_path, caplog) -> None:
    said = []
    monkeypatch.setattr(check, "check_kernels", lambda _device: said.extend(caplog.records))
    if is_first:
        monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path / "new"))
    caplog.set_level(logging.INFO, kernels.__name__)
    assert are_usable(THERE)
    assert are_usable(THERE)
    (record,) = said
    assert caplog.records == said
    assert record.levelname == level
    assert "compiling Triton kernels for cuda:5" in record.message
    assert str(tmp_path) in record.message
    assert describe(THERE) == "cuda:5 (NVIDIA H100), Triton kernels"
    with kernels._lock:  # as long as another device is tried, which may wait for this one's recording to end
        asked = threading.Thread(target=are_usable, args=(THERE,), daemon=True)
        asked.start()
        asked.join(10)
        assert not asked.is_alive()


def test_triton_keeps_what_it_compiles_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TRITON_CACHE_DIR")
    monkeypatch.delenv("TRITON_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert kernels._open_cache() == tmp_path / ".triton" / "cache"
    monkeypatch.setenv("TRITON_HOME", str(tmp_path / "there"))
    assert kernels._open_cache() == tmp_path / "there" / ".triton" / "cache"


def test_the_cpu_needs_no_kernels(caplog) -> None:
    assert not are_usable(torch.device("cpu"))
    assert not caplog.text

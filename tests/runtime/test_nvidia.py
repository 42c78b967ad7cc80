"""A GPU that torch was not built for is told of, once, and no other."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from subremover.fill.paint.devices import resolve_device
from subremover.runtime import nvidia


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Without a GPU, and with a torch of the CPU."""
    monkeypatch.setattr(nvidia, "GPUS", tmp_path)
    monkeypatch.setattr(nvidia.shutil, "which", lambda _name: None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    nvidia.warn_of_unused_gpu.cache_clear()
    yield
    nvidia.warn_of_unused_gpu.cache_clear()


def show_by_driver(_monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "0000:01:00.0").mkdir()


def show_by_tool(monkeypatch: pytest.MonkeyPatch, _folder: Path) -> None:
    monkeypatch.setattr(nvidia.shutil, "which", lambda name: f"/usr/bin/{name}")


@pytest.mark.parametrize("show", [show_by_driver, show_by_tool])
def test_a_gpu_that_torch_was_not_built_for_is_told_of_once(show, monkeypatch, tmp_path, caplog) -> None:
    show(monkeypatch, tmp_path)
    assert resolve_device("cpu") == ["cpu"]  # somebody knows what they want
    assert not caplog.records
    assert resolve_device("auto") == resolve_device("auto") == ["cpu"]
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert f"torch {torch.__version__} is a build without CUDA" in record.message
    assert "install the CUDA build" in record.message


def test_without_a_gpu_nothing_is_said(caplog) -> None:
    assert resolve_device("auto") == ["cpu"]
    assert not caplog.records


def test_of_a_build_with_cuda_nothing_is_said(monkeypatch, tmp_path, caplog) -> None:
    show_by_driver(monkeypatch, tmp_path)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert resolve_device("auto") == ["cpu"]
    assert not caplog.records

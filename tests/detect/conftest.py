"""Fixtures of several files."""

from collections.abc import Sequence
from typing import Any

import pytest

PROVIDERS = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]


@pytest.fixture
def gpu_build(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """For each session that is made, the providers asked for; onnxruntime seems to be its build for GPUs."""
    import onnxruntime
    from rapidocr.inference_engine.onnxruntime import main, provider_config

    asked: list[list[str]] = []

    class Session(onnxruntime.InferenceSession):
        def __init__(self, *arguments: Any, providers: Sequence[Any], **settings: Any) -> None:
            asked.append([p if isinstance(p, str) else p[0] for p in providers])
            super().__init__(*arguments, providers=["CPUExecutionProvider"], **settings)

    for module in (onnxruntime, provider_config):
        monkeypatch.setattr(module, "get_available_providers", lambda: PROVIDERS)
        monkeypatch.setattr(module, "get_device", lambda: "GPU")
    for module in (onnxruntime, main):
        monkeypatch.setattr(module, "InferenceSession", Session)
    return asked

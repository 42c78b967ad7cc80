"""Fixtures of several files."""

import os
from collections.abc import Iterator

import pytest
import torch


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Pictures this small only wait for a second thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def cuda() -> str:
    """A CUDA device; without one the test is skipped, or fails under SUBREMOVER_REQUIRE_CUDA=1."""
    if not torch.cuda.is_available():
        if os.environ.get("SUBREMOVER_REQUIRE_CUDA") == "1":
            pytest.fail("SUBREMOVER_REQUIRE_CUDA=1, but torch sees no CUDA device")
        pytest.skip("needs a CUDA device")
    return "cuda:0"

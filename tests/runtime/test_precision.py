"""TF32 for a moment: on inside, off inside, and afterwards as the process had it."""

import threading
from collections.abc import Iterator

import pytest
from torch.backends import cuda, cudnn

from subremover.runtime.precision import float32_products


def read() -> list[object]:
    found: list[object] = []
    if hasattr(cuda.matmul, "fp32_precision"):
        found += [cuda.matmul.fp32_precision, cudnn.conv.fp32_precision, cudnn.rnn.fp32_precision]
    return [*found, cuda.matmul.allow_tf32, cudnn.allow_tf32]


@pytest.fixture
def flags() -> Iterator[None]:
    allowed = cuda.matmul.allow_tf32
    yield
    cuda.matmul.allow_tf32 = allowed


@pytest.mark.parametrize("tf32", [False, True])
@pytest.mark.parametrize("chosen", [False, True])
@pytest.mark.usefixtures("flags")
def test_the_process_keeps_what_it_has_chosen(tf32: bool, chosen: bool) -> None:
    cuda.matmul.allow_tf32 = chosen
    before = read()
    with float32_products(tf32=tf32):
        assert (cuda.matmul.allow_tf32, cudnn.allow_tf32) == (tf32, tf32)
        with float32_products(tf32=False):
            assert (cuda.matmul.allow_tf32, cudnn.allow_tf32) == (False, False)
        assert (cuda.matmul.allow_tf32, cudnn.allow_tf32) == (tf32, tf32)
    assert read() == before


def test_an_error_changes_nothing() -> None:
    before = read()
    with pytest.raises(RuntimeError, match="inside"), float32_products(tf32=True):
        raise RuntimeError("inside")
    assert read() == before


@pytest.mark.skipif(not hasattr(cuda.matmul, "fp32_precision"), reason="this torch has one set of flags")
@pytest.mark.usefixtures("flags")
def test_a_choice_by_the_newer_flags_is_kept() -> None:
    cuda.matmul.fp32_precision = "tf32"  # from now on the older flag cannot be read
    with float32_products(tf32=False):
        assert not cuda.matmul.allow_tf32
    assert cuda.matmul.fp32_precision == "tf32"


def test_threads_take_turns() -> None:
    inside, left = threading.Event(), threading.Event()
    seen = []

    def queue() -> None:
        inside.wait()
        with float32_products(tf32=False):
            seen.append(left.is_set())

    thread = threading.Thread(target=queue)
    thread.start()
    with float32_products(tf32=True):
        inside.set()
        thread.join(0.2)
        left.set()
    thread.join()
    assert seen == [True]

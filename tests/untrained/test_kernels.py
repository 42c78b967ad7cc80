"""The Triton kernels against plain torch: on a CUDA device if there is one, else in Triton's interpreter."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # read when triton is first imported
pytest.importorskip("triton")

from subremover.options import ActivationName
from subremover.untrained.deep_decoder import decode, draw_weights
from subremover.untrained.kernels import are_usable, check, last_level
from subremover.untrained.kernels.check import compare_with_plain, paint_plainly

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def check_last_level(
    rows: int, size: tuple[int, int], channels: int, activation: ActivationName, device: str = DEVICE
) -> None:
    generator = torch.Generator().manual_seed(channels)
    height, width = size
    inputs = [
        torch.randn(rows, height * width, channels, generator=generator) * 3 + 1,
        torch.randn(rows, 3, channels, generator=generator) / channels**0.5,
        torch.rand(rows, channels, generator=generator) + 0.5,
        torch.randn(rows, channels, generator=generator),
    ]
    compare_with_plain(
        lambda *tensors: [last_level.paint_last_level(*tensors, size=size, activation=activation)],
        lambda *tensors: [paint_plainly(*tensors, size=size, activation=activation)],
        [tensor.to(device) for tensor in inputs],
    )


@pytest.mark.parametrize(
    ("rows", "size", "channels", "activation"), [(1, (2, 3), 3, "relu"), (2, (2, 2), 20, "leaky-relu")]
)
def test_last_level_is_that_of_plain_torch(
    rows: int,
    size: tuple[int, int],
    channels: int,
    activation: ActivationName,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(last_level, "ROWS", 1)  # many programs, each with next to nothing
    monkeypatch.setattr(last_level, "BLOCK_VALUES", 2 * channels)
    check_last_level(rows, size, channels, activation)


def test_last_level_is_the_decoders() -> None:
    weights = draw_weights([torch.rand(16, 2, 3)], 16, 1, [7]).map(lambda tensor: tensor.to(DEVICE))
    values = torch.einsum("bchw,bkc->bhwk", weights.code, weights.mixes[0]).flatten(1, 2)
    found = last_level.paint_last_level(
        values, weights.head, weights.scales[0], weights.shifts[0], size=(2, 3), activation="relu"
    )
    torch.testing.assert_close(found, decode(weights, "relu"), rtol=0, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("activation", check.ACTIVATIONS)
@pytest.mark.parametrize("channels", [3, 16, 20, 64, 256])
def test_last_level_at_any_width(channels: int, activation: ActivationName) -> None:
    check_last_level(2, (5, 6), channels, activation)


COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from subremover.untrained.kernels import last_level_jit, similarity_jit

def compile(kernel, constants):
    numbers = {"h": "i32", "w": "i32", "windows_h": "i32", "windows_w": "i32", "C1": "fp32", "C2": "fp32"}
    signature, values = {}, {}
    for index, name in enumerate(kernel.arg_names):
        signature[name] = "constexpr" if name in constants else numbers.get(name, "*fp32")
        if name in constants:
            values[(index,)] = constants[name]
    triton.compile(ASTSource(kernel, signature, values), target=GPUTarget("cuda", 90, 32))

strip = {"K": 20, "ACTIVATION": "leaky-relu", "ROWS": 16, "BLOCK_X": 32, "BLOCK_K": 32}
for kernel in ("sum_activations", "paint", "sum_products", "gather"):
    compile(getattr(last_level_jit, kernel), strip)
compile(similarity_jit.measure, {"LUMINANCE": True, "ROWS": 32, "BLOCK_X": 128})
compile(similarity_jit.spread, {"ROWS": 32, "BLOCK_X": 128})
"""


@pytest.mark.slow
def test_the_compiler_takes_what_the_interpreter_does(tmp_path: Path) -> None:
    """It is stricter about types; for an H100, which need not be there."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment["TRITON_CACHE_DIR"] = str(tmp_path)
    run = subprocess.run(
        [sys.executable, "-c", COMPILE], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.slow
def test_the_check_passes_where_the_kernels_run() -> None:
    check.check_kernels(torch.device(DEVICE))


def test_a_kernel_that_is_off_is_found() -> None:
    inputs = [torch.rand(2, 3)]

    def compare(kernel: Callable[[Tensor], Tensor]) -> None:
        compare_with_plain(lambda x: [kernel(x)], lambda x: [x.square()], inputs)

    compare(torch.square)
    with pytest.raises(RuntimeError, match="result 0 off by"):
        compare(lambda x: 1.01 * x.square())
    with pytest.raises(RuntimeError, match="result 1 off by"):
        compare(lambda x: x.square().detach() + 0 * x)
    with pytest.raises(RuntimeError, match="off by nan"):
        compare(lambda x: x.square() / 0 * 0)


@pytest.mark.cuda
@pytest.mark.parametrize("channels", [64, 128, 256])
def test_cuda_paints_the_last_level(cuda: str, channels: int) -> None:
    assert are_usable(torch.device(cuda))
    check_last_level(5, (48, 144), channels, "relu", cuda)
    check_last_level(2, (81, 323), channels, "leaky-relu", cuda)

"""The Triton kernels against plain torch: on a CUDA device if there is one, else in Triton's interpreter."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from torch import Tensor

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # read when triton is first imported
pytest.importorskip("triton")

from subremover.options import ActivationName, FitOptions, LossName
from subremover.runtime.precision import float32_products
from subremover.untrained import batched_adam, deep_decoder, losses
from subremover.untrained.batched_adam import BatchedAdam, ItemSettings
from subremover.untrained.deep_decoder import DeepDecoder, decode, draw_weights
from subremover.untrained.kernels import are_usable, check, last_level, level, levels, norm, strip
from subremover.untrained.kernels.check import compare_with_plain

COMPILE = Path(__file__).parents[2] / "examples" / "benchmarks" / "compile_kernels.py"
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def check_level(
    rows: int, size: tuple[int, int], channels: int, activation: ActivationName, device: str = DEVICE
) -> None:
    generator = torch.Generator().manual_seed(channels)

    def draw(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator).to(device)

    check.check_level(draw, (rows, *size, channels), activation)


@pytest.fixture
def many_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with next to nothing."""
    monkeypatch.setattr(strip, "MOST_ROWS", 1)
    monkeypatch.setattr(norm, "BLOCK_VALUES", 64)
    for module in (level, last_level):
        monkeypatch.setattr(module, "BLOCK_VALUES", 32)


@pytest.mark.usefixtures("many_programs")
@pytest.mark.parametrize(
    ("rows", "size", "channels", "activation"),
    [(1, (3, 5), 5, "sigmoid"), (1, (2, 3), 3, "relu"), (2, (2, 2), 20, "relu6")],
)
def test_a_level_is_that_of_plain_torch(
    rows: int, size: tuple[int, int], channels: int, activation: ActivationName
) -> None:
    check_level(rows, size, channels, activation)


def test_a_step_of_adam_is_that_of_plain_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    check.check_adam(lambda *shape: torch.rand(shape, generator=generator).to(DEVICE))


def fit(
    loss: LossName, size: tuple[int, int], steps: int, with_kernels: bool, monkeypatch: pytest.MonkeyPatch
) -> list[Tensor]:
    """What some steps make of one row."""
    for module in (batched_adam, deep_decoder, losses):
        monkeypatch.setattr(module, "are_usable", lambda _device: with_kernels)
    network = DeepDecoder.of(FitOptions(channels=5), size, 2)
    generator = torch.Generator().manual_seed(0)
    known = (torch.rand(1, 1, *size, generator=generator) > 0.3).float().to(DEVICE)
    target = torch.rand(1, 3, *size, generator=generator).to(DEVICE) * known
    start = network.start(target, known, [1])
    rows = BatchedAdam(network, start, (1, 3, *size), loss=loss)
    rows.put([0], target, known, start, [ItemSettings(1, steps, 0.01)])
    for _ in range(steps):
        rows.step()
    return [getattr(rows._state, field.name) for field in fields(rows._state)]


@pytest.mark.parametrize(
    ("loss", "size", "steps"), [("l1", (8, 12), 1), pytest.param("mix", (12, 16), 2, marks=pytest.mark.slow)]
)
def test_a_whole_step_is_that_of_plain_torch(
    loss: LossName, size: tuple[int, int], steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = fit(loss, size, steps, False, monkeypatch)
    found = fit(loss, size, steps, True, monkeypatch)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_levels_are_the_decoders() -> None:
    weights = draw_weights([torch.rand(16, 2, 3)], 16, 1, [7]).map(lambda tensor: tensor.to(DEVICE))
    expected = decode(weights, "relu")
    found = decode(weights, "relu", paint_levels=levels.paint_levels)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("activation", check.ACTIVATIONS)
@pytest.mark.parametrize("channels", [3, 16, 20, 64, 256])
def test_a_level_at_any_width(channels: int, activation: ActivationName) -> None:
    check_level(2, (5, 6), channels, activation)


def compile_kernels(folder: Path, *arguments: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment["TRITON_CACHE_DIR"] = str(folder)
    command = [sys.executable, str(COMPILE), *arguments]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("\n") > 2


def test_a_kernel_compiles_and_does_not_spill(tmp_path: Path) -> None:
    compile_kernels(tmp_path, "--targets", "90", "--kernels", "advance_pictures")


@pytest.mark.slow
def test_all_kernels_compile_and_none_spills(tmp_path: Path) -> None:
    """The compiler is stricter than the interpreter; for GPUs that need not be there."""
    compile_kernels(tmp_path)


@pytest.mark.slow
def test_the_check_passes_where_the_kernels_run() -> None:
    check.check_kernels(torch.device(DEVICE))


def test_the_check_is_not_rounded_to_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or products between the kernels, not they, would fail it."""
    allowed = []
    monkeypatch.setattr(check, "check_adam", lambda _draw: None)
    monkeypatch.setattr(
        check, "compare_with_plain", lambda *_: allowed.append(torch.backends.cuda.matmul.allow_tf32)
    )
    with float32_products(tf32=True):
        check.check_kernels(torch.device("cpu"))
    assert allowed == [False] * 4


@pytest.mark.parametrize(("h", "w", "K"), [(3, 9, 64), (5, 20, 20), (80, 320, 64), (1, 1, 256)])
def test_strips_cover_a_level_whatever_the_batch(h: int, w: int, K: int) -> None:
    (strips, rows_of_batch), (rows, block_x, block_k) = strip.divide(7, h, w, K, 512, 2)
    assert rows_of_batch == 7
    assert block_k >= K
    across, down = -(-w // block_x), -(-h // rows)
    assert strips == across * down
    assert strips >= min(32, across * -(-h // 2))
    assert strip.divide(1, h, w, K, 512, 2)[0] == (strips, 1)


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
def test_cuda_computes_a_level(cuda: str, channels: int) -> None:
    assert are_usable(torch.device(cuda))
    with float32_products(tf32=False):
        check_level(5, (24, 72), channels, "relu", cuda)
        check_level(2, (41, 163), channels, "leaky-relu", cuda)


@pytest.mark.cuda
def test_cuda_gives_equal_bits_twice(cuda: str) -> None:
    """No sum is left to the order in which programs end."""
    weights = draw_weights([torch.rand(32, 6, 18)] * 3, 32, 4, [1, 2, 3]).map(lambda tensor: tensor.to(cuda))
    found = []
    for _ in range(2):
        flat = weights.flatten().requires_grad_(True)
        painted = decode(weights.with_parameters(flat), "relu", paint_levels=levels.paint_levels)
        found.append((painted, *torch.autograd.grad(painted.square().sum(), flat)))
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))

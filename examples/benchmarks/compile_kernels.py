"""Compiles the Triton kernels for GPUs that need not be there, and says what they take of them.

    python examples/benchmarks/compile_kernels.py [--targets 80,90,120] [--kernels NAME ...]

Prints a Markdown table of each kernel's registers a thread, the greatest of all targets, what it spills into
local memory and what it shares, in bytes, and ends with an error if a kernel spills or takes more registers
than it may. Triton brings along what it needs for that; it must not be in its interpreter
(`TRITON_INTERPRET` unset).
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clip_tables import format_rows

try:
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource
except ModuleNotFoundError:
    sys.exit("no Triton here; it comes with CUDA builds of torch, and with pip install '.[dev]'")

from subremover.untrained.kernels import (
    adam,
    adam_jit,
    last_level,
    last_level_jit,
    level,
    level_jit,
    norm_jit,
    similarity,
    similarity_jit,
)
from subremover.untrained.kernels.launch import OPTIONS
from subremover.untrained.kernels.norm import choose_fold_blocks, choose_unfold_blocks
from subremover.untrained.kernels.strip import divide

TARGETS = (80, 90, 120)
"""Compute capabilities, times ten: A100, H100 and RTX 50."""
FLOATS = {"C1", "C2", "LEAST_WEIGHT", "LEAST_SIMILARITY", "STRUCTURE"}
"""Arguments that are numbers. Others are pointers, or integers where Triton does not compile for each."""


@dataclass(frozen=True)
class Case:
    """One kernel as the fit starts it."""

    kernel: Any
    constants: dict[str, Any]
    most_registers: int
    """That it may take, of 255; a multiprocessor has 65,536 and runs 2,048 threads at most."""
    warps: int = 4

    @property
    def name(self) -> str:
        """The kernel's own."""
        return str(self.kernel.__name__)


@dataclass(frozen=True)
class Usage:
    """What one kernel takes of a GPU."""

    registers: int
    """A thread."""
    spilled: int
    """Bytes of local memory a thread."""
    shared: int
    """Bytes of shared memory a block."""


def name_blocks(parts: int, outputs: int, channels: int) -> dict[str, int]:
    """By the names that the norm's kernels have for them."""
    return {"BLOCK_P": parts, "BLOCK_J": outputs, "BLOCK_K": channels}


def list_cases() -> Iterator[Case]:
    """All kernels, for some widths of the network."""
    for K, activation in ((32, "relu"), (64, "relu"), (64, "sigmoid"), (128, "relu")):
        net: dict[str, Any] = {"K": K, "ACTIVATION": activation}
        _, (_, *blocks) = divide(1, 80, 320, K, level.BLOCK_VALUES, level.LEAST_ROWS)
        middle = net | dict(zip(("BLOCK_X", "BLOCK_K"), blocks, strict=True))
        for ends in ({}, {"bias": None}):
            yield Case(level_jit.upsample, middle | ends, 80)
        for ends in ({}, {"parts": None}):
            yield Case(level_jit.gather_level, middle | ends, 104)
        _, (rows, *blocks) = divide(1, 80, 320, K, last_level.BLOCK_VALUES, last_level.LEAST_ROWS)
        last = net | dict(zip(("BLOCK_X", "BLOCK_K"), blocks, strict=True))
        warps = last_level.WIDE["num_warps"]
        yield Case(level_jit.upsample, {"pixels": None, **last}, 80, warps)
        yield Case(last_level_jit.paint, last, 80, warps)
        yield Case(last_level_jit.pull_sigmoid_back, {"BLOCK": 4 * rows * blocks[0]}, 80)
        yield Case(last_level_jit.sum_products, last, 144)
        yield Case(last_level_jit.gather, last, 168)
    for J, K in ((32, 32), (3, 32), (64, 64), (3, 64), (128, 128), (3, 128)):
        blocks = name_blocks(*choose_fold_blocks(J, K))
        yield Case(norm_jit.fold_norm, {"EPSILON": 1e-5, "J": J, "K": K, **blocks}, 80)
        blocks = name_blocks(*choose_unfold_blocks(J, K))
        yield Case(norm_jit.unfold_norm, {"J": J, "K": K, **blocks}, 96)
    betas = {"BETA1": 0.9, "BETA2": 0.999, "LOG_BETA1": -0.1, "LOG_BETA2": -0.001}
    yield Case(adam_jit.advance_parameters, {**betas, "EPSILON": 1e-8, "TAIL": 4, "BLOCK": adam.BLOCK}, 80)
    for ends in ({}, {"last": None}):
        yield Case(adam_jit.advance_pictures, {**ends, "BLOCK": adam.BLOCK}, 64)
    strips = {"ROWS": similarity.ROWS, "BLOCK_X": similarity.BLOCK_X}
    yield Case(similarity_jit.halve, {"BLOCK": similarity.BLOCK_HALF}, 64)
    for luminance in (False, True):
        yield Case(similarity_jit.measure, {"LUMINANCE": luminance, **strips}, 128)
    yield Case(similarity_jit.combine, {"BLOCK": similarity.BLOCK_PARTS}, 80)
    for coarsest in ({}, {"half_known": None, "grad_half": None}):
        yield Case(similarity_jit.spread, {**coarsest, **strips}, 128)


def compile_case(case: Case, target: int) -> Usage:
    """Compile a kernel as Triton does when it is first started.

    Args:
        case: What to compile.
        target: Compute capability times ten.
    """
    signature: dict[str, str] = {}
    values: dict[tuple[int], Any] = {}
    attributes: dict[tuple[int], Any] = {}
    for parameter in case.kernel.params:
        index, name = parameter.num, parameter.name
        if name in case.constants:
            signature[name], values[index,] = "constexpr", case.constants[name]
        elif name in FLOATS:
            signature[name] = "fp32"
        elif not parameter.do_not_specialize or name in similarity_jit.VIEWS:
            signature[name] = "*fp32"
            if not parameter.do_not_specialize:
                attributes[index,] = [["tt.divisibility", 16]]
        else:
            signature[name] = "i32"
    source = ASTSource(case.kernel, signature, values, attributes)
    compiled = triton.compile(
        source, target=GPUTarget("cuda", target, 32), options={"num_warps": case.warps, **OPTIONS}
    )
    return _read_usage(compiled.asm["cubin"])


def _read_usage(binary: bytes) -> Usage:
    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    with tempfile.TemporaryDirectory() as folder:
        file, copy = Path(folder, "kernel.cubin"), Path(folder, "cuobjdump")
        file.write_bytes(binary)
        copy.write_bytes(tool.read_bytes())  # wheels come without the right to run it
        copy.chmod(0o700)
        command = [str(copy), "-res-usage", str(file)]
        said = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"REG:(\d+) STACK:(\d+) SHARED:(\d+) LOCAL:(\d+)", said.stdout + said.stderr)
    assert found, said
    registers, stack, shared, local = (int(number) for number in found.groups())
    return Usage(registers, stack + local, shared)


def main() -> None:
    """Compile all of them, and print the table."""
    parser = argparse.ArgumentParser(description="Compiles the Triton kernels, and says what they take.")
    parser.add_argument(
        "--targets", default=",".join(map(str, TARGETS)), help="compute capabilities times ten"
    )
    parser.add_argument("--kernels", nargs="*", help="only these")
    options = parser.parse_args()
    if not re.fullmatch(r"(80|86|89|90|100|120)(,(80|86|89|90|100|120))*", options.targets):
        parser.error(f"{options.targets!r} are no such targets; give some such as 80,90,120")
    targets = [int(target) for target in options.targets.split(",")]
    columns = [f"registers, sm_{target}" for target in targets]
    rows = [["kernel", "compiled for", *columns, "may be", "spilled", "shared"]]
    rows.append(["---"] * len(rows[0]))
    failed = False
    for case in list_cases():
        if options.kernels and case.name not in options.kernels:
            continue
        usages = [compile_case(case, target) for target in targets]
        values = {**case.constants, "warps": case.warps}
        constants = ", ".join(f"{name}={value}" for name, value in values.items())
        spilled = max(usage.spilled for usage in usages)
        registers = [usage.registers for usage in usages]
        rows.append(
            [
                *(case.name, constants, *(str(count) for count in registers), str(case.most_registers)),
                *(str(spilled), str(max(usage.shared for usage in usages))),
            ]
        )
        failed |= spilled > 0 or max(registers) > case.most_registers
    print(format_rows(rows))
    sys.exit(failed)


if __name__ == "__main__":
    main()

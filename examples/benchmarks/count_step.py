"""Counts what a step of the fit asks of a CUDA device, and what putting rows in and taking them out does.

    python examples/benchmarks/count_step.py [--sizes 96x288,160x640] [--channels 32,64] [--batch 16]

It needs no such device: the fit runs on torch's meta tensors, which have shapes and no values, and takes the
branches that it takes on CUDA. Triton's kernels are counted and not run, or said to be lacking if Triton is.
A launch is an operator of torch or a kernel; a few operators launch several. Bytes are what those read and
write, each tensor once a launch, so caches are left out. A synchronisation is where the host waits for the
device: values that pass between them, but for those that are copied without waiting.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import torch
from clip_tables import format_rows
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from subremover.options import FitOptions
from subremover.untrained import kernels
from subremover.untrained.batched_adam import BatchedAdam, ItemSettings
from subremover.untrained.deep_decoder import DeepDecoder

LEVELS = 5
FREE = {
    "empty",
    "empty_like",
    "empty_strided",
    "new_empty",
    "new_empty_strided",
    "lift_fresh",
    "_unsafe_view",
}
"""Operators that launch nothing, besides those that give views."""
OVERWRITING = {"copy_", "fill_", "index_fill_", "zero_"}
"""Operators that do not read what they change."""
ASKING = {"_local_scalar_dense", "nonzero", "equal", "is_nonzero"}
"""Operators whose result's value or size the host waits for."""


@dataclass
class Work:
    """What was asked of the device."""

    launches: Counter[str] = field(default_factory=Counter)
    """By operator or kernel."""
    bytes: int = 0
    """Read and written."""
    synchronisations: Counter[str] = field(default_factory=Counter)
    """By operator."""


class _CountingCopies(TorchFunctionMode):
    """Counts tensors that are made on the device of the host's lists, which no operator shows."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.work = work

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        if function in {torch.tensor, torch.as_tensor, Tensor.new_tensor} and result.is_meta:
            self.work.launches["copy of a list"] += 1
            self.work.synchronisations["copy of a list"] += 1
        return result


class _Counting(TorchDispatchMode):
    """Adds up what torch's operators do while it is entered."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.work = work

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = function._schema.name.split("::")[1]
        # torch's own for meta tensors forgets the order in memory
        run = _upsample if name == "upsample_bilinear2d" else function
        result = run(*args, **kwargs)
        if not function.is_view and name not in FREE:
            self._add(name, function, args, kwargs, result)
        return result

    def _add(
        self, name: str, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
    ) -> None:
        given = {argument.name for argument in function._schema.arguments if argument.is_out}
        read = _find_tensors([args, {key: value for key, value in kwargs.items() if key not in given}])
        written = _find_tensors(result)
        if not any(tensor.device.type == "meta" for tensor in (*read, *written)):
            return  # the host's own
        self.work.launches[name] += 1
        if name == "baddbmm":  # what is added is spread over the result first
            self.work.launches["copy of a bias"] += 1
            read += written * 2
        if name == "index":
            read = written
        elif name == "index_put_":
            read = written = _find_tensors(args[2])
        elif name == "index_copy_":
            read = written = [args[3]]
        elif name in OVERWRITING:
            read = read[1:]
        self.work.bytes += sum(_count_bytes(tensor) for tensor in (*read, *written))
        crosses = (
            len({tensor.device for tensor in (*_find_tensors([args, kwargs]), *written) if tensor.dim()}) > 1
        )
        if name in ASKING or (crosses and not kwargs.get("non_blocking")):
            self.work.synchronisations[name] += 1


def _find_tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _count_bytes(tensor: Tensor) -> int:
    """Of what it takes in memory; what it only repeats counts once."""
    count = tensor.element_size()
    for length, stride in zip(tensor.shape, tensor.stride(), strict=True):
        count *= length if stride else 1
    return count


def _upsample(values: Tensor, *_args: Any) -> Tensor:
    B, K, height, width = values.shape
    return values.new_empty(B, 2 * height, 2 * width, K).permute(0, 3, 1, 2)


@contextmanager
def _with_kernels(work: Work, are_used: bool) -> Iterator[None]:
    """Triton's kernels taken for usable, or not, and counted instead of started."""
    modules = [module for name, module in sys.modules.items() if name.startswith("subremover.")]
    users = [module for module in modules if getattr(module, "are_usable", None) is kernels.are_usable]

    def count(kernel: Any, _grid: Any) -> Callable[..., None]:
        def launch(*args: Any, **_options: Any) -> None:
            work.launches[kernel.__name__] += 1
            work.bytes += sum(_count_bytes(tensor) for tensor in _find_tensors(args))

        return launch

    patches = [patch.object(module, "are_usable", lambda _device: are_used) for module in users]
    if are_used:
        from triton.runtime.jit import KernelInterface

        patches.append(patch.object(KernelInterface, "__getitem__", count))
    for each in patches:
        each.start()
    try:
        yield
    finally:
        for each in patches:
            each.stop()


def count_work(size: tuple[int, int], channels: int, batch: int, with_kernels: bool) -> dict[str, Work]:
    """What a step, a put of all rows and a take of all rows ask of the device.

    Args:
        size: Height and width of the crop in px.
        channels: K.
        batch: B.
        with_kernels: Whether Triton's kernels are used.

    Returns:
        By "step", "put" and "take", each after a first time that sets up what lasts.
    """
    options = FitOptions(channels=channels, levels=LEVELS, loss="mix")
    network = DeepDecoder.of(options, size, LEVELS)
    targets, known = (torch.zeros(batch, count, *size, device="meta") for count in (3, 1))
    starts = network.start(targets, known, list(range(batch)))
    settings = [ItemSettings(seed, 60, 0.01) for seed in range(batch)]
    ignored, works = Work(), {name: Work() for name in ("step", "put", "take")}
    with _with_kernels(ignored, with_kernels):
        adam = BatchedAdam(network, starts, tuple(targets.shape), loss="mix")
    ways = {
        "step": adam.step,
        "put": lambda: adam.put(list(range(batch)), targets, known, starts, settings),
        "take": lambda: adam.take(list(range(batch))),
    }
    for name, way in ways.items():
        for work in (ignored, works[name]):
            with _with_kernels(work, with_kernels), _CountingCopies(work), _Counting(work):
                way()
    return works


def format_works(cases: dict[tuple[str, int], list[dict[str, Work]]], batch: int) -> str:
    """A Markdown table: what is asked in plain torch, and with kernels if those were counted.

    Args:
        cases: By crop and K, plain and perhaps with kernels.
        batch: B.
    """
    ways = ["plain", "kernels"][: len(next(iter(cases.values())))]
    rows = [
        [
            "crop",
            "K",
            "part",
            *(f"{what}, {way}" for way in ways for what in ("launches", "MB a row", "syncs")),
        ]
    ]
    rows.append(["---"] * len(rows[0]))
    for (crop, channels), counted in cases.items():
        for part in counted[0]:
            rows.append([crop, str(channels), part])
            for works in counted:
                work = works[part]
                megabytes = f"{work.bytes / batch / 1e6:.1f}"
                rows[-1] += [str(work.launches.total()), megabytes, str(work.synchronisations.total())]
    return format_rows(rows)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Counts what a step of the fit asks of a CUDA device.")
    parser.add_argument("--sizes", default="96x288,160x640", help="crops in px, height x width")
    parser.add_argument("--channels", default="32,64", help="widths of the hidden levels, K")
    parser.add_argument("--batch", type=int, default=16, help="rows that are fitted at once, B")
    options = parser.parse_args()
    try:
        import triton  # noqa: F401

        ways = [False, True]
    except ImportError:
        print("no Triton here: its kernels are left out")
        ways = [False]
    cases = {}
    for size in options.sizes.split(","):
        height, width = (int(side) for side in size.split("x"))
        for channels in (int(count) for count in options.channels.split(",")):
            cases[size, channels] = [
                count_work((height, width), channels, options.batch, way) for way in ways
            ]
    print(format_works(cases, options.batch))


if __name__ == "__main__":
    main()

"""CUDA graphs: a step of a hundred small kernels, recorded once and then started as one.

Not yet run on a GPU.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from subremover.errors import WorkerError
from subremover.runtime.cuda_streams import find_stream
from subremover.runtime.device_errors import is_out_of_memory
from subremover.runtime.precision import float32_products

log = logging.getLogger(__name__)

_recording = threading.Lock()

WARM_UP_STEPS = 3
"""Steps taken before a capture: what torch and cuBLAS set up in their first calls must not be recorded."""
_WAITING = ("_local_scalar_dense", "item", "nonzero", "is_nonzero", "masked_select", "equal", "unique")
"""Operators that wait for the device, by the beginnings of their names."""


def capture(step: Callable[[], None], device: torch.device) -> Callable[[], None]:
    """Record a step as a CUDA graph, which rounds the factors of products to TF32.

    A capture that fails leaves torch's allocator and the stream in the middle of it. So whether a step can be
    recorded is told before, from the operators that it calls.

    Args:
        step: Works in place on tensors that stay where they are, and may be taken a few times before it
            counts.
        device: Where its tensors are.

    Returns:
        What replays the graph; where the step waits for the device, what takes it as it is; elsewhere than on
        CUDA the step itself.

    Raises:
        RuntimeError: The device's memory does not suffice.
        WorkerError: The capture failed. CUDA cannot be used any further in this process.
    """
    if device.type != "cuda":
        return step
    with _recording, torch.cuda.device(device), float32_products(tf32=True):
        stream = find_stream(device, "capture")
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):
            reason = find_wait(step)
            for _ in range(WARM_UP_STEPS - 1):
                step()
        torch.cuda.current_stream(device).wait_stream(stream)
        if reason is not None:
            log.warning("%s: a step waits for the device (%s), so each is started anew", device, reason)
            return start_anew(step, device)
        graph = torch.cuda.CUDAGraph()
        try:
            # cuBLAS keeps a workspace for each stream; each graph is to have its own, in its own memory
            torch._C._cuda_clearCublasWorkspaces()
            with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                step()
            torch._C._cuda_clearCublasWorkspaces()
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            raise WorkerError(
                f"{device} cannot record a step as a CUDA graph: {error}; use --device cpu, in a new process"
            ) from error
    replay: Callable[[], None] = graph.replay
    return replay


def empty_cache() -> None:
    """Give back what torch keeps of CUDA devices' memory; not while a step is recorded, which forbids it."""
    with _recording:
        torch.cuda.empty_cache()


def start_anew(step: Callable[[], None], device: torch.device) -> Callable[[], None]:
    """What takes a step kernel by kernel, rounded as one that was recorded; off CUDA the step itself."""
    if device.type != "cuda":
        return step

    def take() -> None:
        with float32_products(tf32=True):
            step()

    return take


def find_wait(step: Callable[[], object]) -> str | None:
    """Take a step; what in it waits for the device, in a few words; None: nothing does."""
    watch = _Watch()
    with watch:
        step()
    return watch.found


class _Watch(TorchDispatchMode):
    """Notes an operator that waits for the device, in the backward pass as well."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: str | None = None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        tensors = [leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, Tensor)]
        name = func.overloadpacket.__name__
        kinds = {tensor.device.type for tensor in tensors if tensor.dim() or "copy" in name}
        by_mask = name.startswith("index") and any(tensor.dtype == torch.bool for tensor in tensors[1:])
        if name.startswith(_WAITING) or by_mask or len(kinds) > 1:
            self.found = name + (f" between {' and '.join(sorted(kinds))}" if len(kinds) > 1 else "")
        return result

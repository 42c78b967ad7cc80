"""CUDA graphs: a step of a hundred small kernels started as one.

Not yet run on a GPU.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch

log = logging.getLogger(__name__)

WARM_UP_STEPS = 3
"""Before a capture: what torch and cuBLAS set up in their first calls must not be recorded."""


def capture(step: Callable[[], None], device: torch.device) -> Callable[[], None]:
    """The same step, on CUDA as a graph that is replayed; elsewhere, and where capturing fails, as it is.

    Args:
        step: Works in place on tensors that stay where they are, asks the device for nothing, and may be
            taken a few times before it counts.
        device: Where those tensors are.

    Raises:
        RuntimeError: The device's memory does not suffice.
    """
    if device.type != "cuda":
        return step
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP_STEPS):
            step()
    torch.cuda.current_stream(device).wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            step()
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        log.warning("%s: a step cannot be captured as a CUDA graph, so it is slower: %s", device, error)
        return step
    replay: Callable[[], None] = graph.replay
    return replay

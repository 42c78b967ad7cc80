"""What torch's errors on a device mean: too little memory, or a device that has failed.

torch is loaded by those who ask, not here.
"""

from __future__ import annotations

import re

from subremover.errors import WorkerError

SIGNS = (
    "out of memory",  # CUDA's allocator and runtime, Triton's driver, MPS
    "can't allocate memory",  # the CPU
    "not enough memory",  # the CPU, on Windows
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",  # up to cuDNN 8
    "CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
)
"""What torch's errors say where memory did not suffice. What only may come of that is not among them, such as
`CUBLAS_STATUS_NOT_INITIALIZED` and `CUDNN_STATUS_INTERNAL_ERROR`: a bug must not pass for want of memory."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice, on any device."""
    import torch

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign.lower() in text for sign in SIGNS)


def explain_failure(error: BaseException, device: str, work: str) -> BaseException:
    """What callers are told of an error on a device: of CUDA's own what to do, others as they are.

    Args:
        error: Not for want of memory.
        device: Name of the torch device.
        work: What was done there, such as "fitting".
    """
    if not isinstance(error, RuntimeError) or not re.search("CUDA|cuBLAS|cuDNN", str(error)):
        return error
    first = str(error).splitlines()[0]
    explained = WorkerError(
        f"{work} on {device} failed: {first}; what is finished is kept: run again, perhaps with --device cpu"
    )
    explained.__cause__ = error
    return explained

"""How many networks are fitted at once: what a device holds.

torch is loaded by those who ask for a device, not here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

CPU_BATCH_PX = 1 << 17
"""Pixels of one batch on the CPU. See docs/measurements.md, "untrained/device_memory: batch on the CPU"."""
CUDA_MEMORY_SHARE = 0.6
"""Share of a CUDA device's free memory that fits may fill."""
MOST_BATCH_BYTES = 24 * (2**31 - 1)
"""Most memory of one batch on CUDA: torch's up-sampling takes tensors of less than 2^31 elements of 4 bytes,
and a row's largest one is at most a sixth of its memory."""

MOST_ROWS = 65535 // 3
"""Most rows of one batch on CUDA: a kernel has three programs for each, one beside the other."""


def choose_batch_size(
    device: torch.device, row_bytes: int, row_px: int, free_bytes: int | None = None
) -> int:
    """How many rows to fit at once: as many as a CUDA device holds, few on a CPU.

    Args:
        device: Where they are fitted.
        row_bytes: Memory that the fit of one row takes.
        row_px: Pixels of one row.
        free_bytes: Memory that they may fill on CUDA; None: `count_free_bytes`.

    Returns:
        At least 1.
    """
    if device.type != "cuda":
        return max(1, CPU_BATCH_PX // row_px)
    free_bytes = count_free_bytes(device) if free_bytes is None else free_bytes
    return max(1, min(free_bytes // row_bytes, count_most_rows(row_bytes)))


def count_most_rows(row_bytes: int) -> int:
    """Most rows that a batch on CUDA may have, whatever its memory; at least 1.

    Args:
        row_bytes: Memory that the fit of one row takes.
    """
    return max(1, min(MOST_BATCH_BYTES // row_bytes, MOST_ROWS))


def count_free_bytes(device: torch.device) -> int:
    """Memory of a CUDA device that fits may fill, in bytes: a share of what is free or cached."""
    import torch

    free_bytes, _ = torch.cuda.mem_get_info(device)
    free_bytes += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(free_bytes * CUDA_MEMORY_SHARE)


def count_row_bytes(channels: int, height: int, width: int) -> int:
    """Memory that the fit of one decoder takes, counted, not measured.

    Its finest level holds up to six tensors of K channels, the loss some 120 planes.
    """
    return 4 * height * width * (6 * channels + 120)

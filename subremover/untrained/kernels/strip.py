"""How a level is divided among the programs of a kernel: strips, which are walked down line by line.

A program keeps the lines above in registers, so that device memory gives each value about once.
"""

from __future__ import annotations

import triton

MOST_ROWS, LEAST_STRIPS = 16, 32
"""Number of lines that a program walks down at most, and of strips that a level has rather than so long ones:
a GPU runs some hundred programs at once, and each waits for its own lines. The lines above and below a strip
are read besides."""


def divide(
    B: int, h: int, w: int, K: int, values: int, least_rows: int
) -> tuple[tuple[int, int], tuple[int, int, int]]:
    """The grid of programs for a level, which does not depend on B but for having as many rows.

    Args:
        B: Rows of the batch.
        h: Height before the up-sampling, in px.
        w: Width.
        K: Channels.
        values: Of a block, of columns times channels.
        least_rows: Number of lines that a program walks down at least.

    Returns:
        The strips and B; the lines of a strip, and what the kernels take as BLOCK_X and BLOCK_K.
    """
    block_k = triton.next_power_of_2(K)
    block_x = max(1, min(values // block_k, triton.next_power_of_2(w)))
    across, rows = triton.cdiv(w, block_x), MOST_ROWS
    while rows > least_rows and across * triton.cdiv(h, rows) < LEAST_STRIPS:
        rows //= 2
    return (across * triton.cdiv(h, rows), B), (rows, block_x, block_k)

"""glibc's allocator: what is freed is kept for the next step, or given back to the kernel."""

from __future__ import annotations

import ctypes
import sys


def release_freed_memory() -> None:
    """Give back to the kernel what this process has freed, for what is kept lies in pieces and grows.

    No other libc than glibc is touched. See docs/measurements.md, "runtime/allocator: freed memory".
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def keep_freed_memory() -> None:
    """Let glibc reuse freed tensors instead of giving them back to the kernel, which would clear their pages.

    No other libc is touched. See docs/measurements.md, "runtime/allocator: freed memory".
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        trim_threshold, mmap_threshold = -1, -3
        libc.mallopt(mmap_threshold, 1 << 30)
        libc.mallopt(trim_threshold, 1 << 29)

"""How many cores and OpenCV threads this process may use."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import cv2

_lock = Lock()
_most_cores: int | None = None
_numbers_found: list[int] = []
"""OpenCV's number of threads, as each `one_opencv_thread` under way has found it."""


def count_cores() -> int:
    """Number of cores that this process may use."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return there if _most_cores is None else min(there, _most_cores)


def limit_cores(most: int) -> None:
    """Have this process use so many cores from now on, where others have their share of the machine.

    Args:
        most: At least 1; what torch does is not limited by it.
    """
    global _most_cores  # noqa: PLW0603, a process has its cores only once
    _most_cores = most
    cv2.setNumThreads(most)


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Let OpenCV work in one thread inside the `with` body; for use where threads of ours fill the cores.

    The number is the process's, so where several bodies run at once, the last to end gives back what the
    first has found. See docs/measurements.md, "runtime/cpu: OpenCV threads".
    """
    with _lock:
        _numbers_found.append(cv2.getNumThreads())
        cv2.setNumThreads(1)
    try:
        yield
    finally:
        with _lock:
            first = _numbers_found[0]
            _numbers_found.pop()
            if not _numbers_found:
                cv2.setNumThreads(first)

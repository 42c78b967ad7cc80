"""Keeps encoders from taking the machine for themselves."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def keeping_priority() -> Iterator[None]:
    """Give all threads the priority back that the caller had, where the body has changed it.

    SVT-AV1, run by root, makes its own threads and the one that opens it real-time (SCHED_FIFO 99), and so
    all that are started later. An AV1 film first, then one in VP8, in one process, did not end: libvpx waits
    actively, for threads that were then never given a core.
    """
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        for thread in Path("/proc/self/task").iterdir():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                if os.sched_getscheduler(int(thread.name)) != policy:
                    os.sched_setscheduler(int(thread.name), policy, parameters)

"""Keeps encoders from taking all CPU time for themselves."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def keeping_priority() -> Iterator[None]:
    """A context after which all threads of the process have the scheduling that the caller had before it.

    SVT-AV1, run by root, makes its threads real-time, and the one that opens it, and thereby all that are
    started later. See docs/measurements.md, "video/encode/priority: real-time threads".
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

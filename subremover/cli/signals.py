"""Signals that end a run, so that what it has begun is cleaned up."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from types import FrameType

PATIENCE_SECONDS = 10.0
"""How long what cleans up is not disturbed. A signal that comes later ends the process at once: something
may hang."""

_received = 0
_received_seconds = 0.0
"""When, by the monotonic clock."""


def watch_signals() -> None:
    """Have Ctrl-C, SIGTERM and SIGHUP end the run by an exception; those that nohup has ignored stay so.

    Further ones do not cut short what cleans up after the first, unless it takes longer than it should.
    """
    global _received  # noqa: PLW0603, a process has its signals only once
    _received = 0
    for number in _find_numbers():
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _on_signal)


def raise_signal() -> None:
    """Raise what a signal has raised before: Python drops an exception that is raised amid a finalizer.

    Raises:
        KeyboardInterrupt: Of Ctrl-C.
        SystemExit: Of another signal, with the code that a shell gives it: 143 for SIGTERM.
    """
    if _received == signal.SIGINT:
        raise KeyboardInterrupt
    if _received:
        raise SystemExit(128 + _received)


def leave_if_signalled() -> None:
    """End the process if a signal has ended the run, without waiting for threads that still load something.

    An interrupt amid an import can leave Python's import lock taken, for which such a thread waits for ever;
    and Python takes its handlers away before it has ended, so that a further signal would kill it.
    """
    if _received:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(128 + _received)


def _find_numbers() -> list[signal.Signals]:
    numbers = (getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP"))
    return [number for number in numbers if number is not None]  # Windows has no SIGHUP


def _on_signal(number: int, _frame: FrameType | None) -> None:
    global _received, _received_seconds
    if _received:
        if time.monotonic() - _received_seconds > PATIENCE_SECONDS:
            os._exit(128 + _received)
        return
    _received, _received_seconds = number, time.monotonic()
    raise_signal()

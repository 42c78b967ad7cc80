"""Signals that end a run, so that what it has begun is cleaned up."""

from __future__ import annotations

import atexit
import os
import signal
import time
from types import FrameType

PATIENCE_SECONDS = 10.0
"""How long what cleans up is not disturbed. A signal that comes later ends the process at once: a thread may
hang, as an interrupt amid an import can leave Python's import lock taken."""

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


def _find_numbers() -> list[signal.Signals]:
    numbers = (getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP"))
    return [number for number in numbers if number is not None]  # Windows has no SIGHUP


def _on_signal(number: int, _frame: FrameType | None) -> None:
    global _received, _received_seconds  # noqa: PLW0603
    if _received:
        if time.monotonic() - _received_seconds > PATIENCE_SECONDS:
            os._exit(128 + _received)
        return
    _received, _received_seconds = number, time.monotonic()
    atexit.register(_ignore_signals)
    raise_signal()


def _ignore_signals() -> None:
    """Ignore further ones by the system's means: Python takes its handlers away before it has ended."""
    for number in _find_numbers():
        signal.signal(number, signal.SIG_IGN)

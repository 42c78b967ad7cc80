"""Signals that end a run, so that what it has begun is cleaned up."""

from __future__ import annotations

import signal
from types import FrameType

_received = 0


def watch_signals() -> None:
    """Have Ctrl-C, SIGTERM and SIGHUP end the run by an exception; those that nohup has ignored stay so.

    The first that comes is the last: what cleans up after it is not to be cut short.
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
    global _received  # noqa: PLW0603
    if _received:  # two came at once
        return
    _received = number
    for other in _find_numbers():  # not by a handler: Python takes those away before it has ended
        signal.signal(other, signal.SIG_IGN)
    raise_signal()

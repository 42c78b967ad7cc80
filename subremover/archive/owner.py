"""Which process it is that has claimed a film, so that one of this very machine is known to be gone."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Owner:
    """A process."""

    host: str
    boot: str
    """Since when its machine runs, and among which processes it counts: containers of one machine may share
    the name and have numbers of their own. Empty: the system does not say."""
    pid: int
    started: str
    """By the machine's own ticks: another process may come by the same number."""

    @property
    def is_gone(self) -> bool:
        """Whether it surely has ended; of a process of another machine nothing can be told."""
        here = find_owner()
        if not here.boot or (self.host, self.boot) != (here.host, here.boot):
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:  # another user's, of which /proc may be silent
            return False
        return _find_start(self.pid) != self.started


@cache
def _find_boot() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {(_PROC / 'self/ns/pid').readlink()}"
    except (OSError, ValueError):
        return ""


def find_owner() -> Owner:
    """This process."""
    return Owner(socket.gethostname(), _find_boot(), os.getpid(), _find_start(os.getpid()))


def _find_start(pid: int) -> str:
    """When a process began; empty where there is none, or it has ended and is yet to be waited for."""
    try:
        state, *values = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        return "" if state in "ZX" else values[18]
    except (OSError, ValueError, IndexError):
        return ""

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
        process = _PROC / str(self.pid)
        return _read_start(process) != self.started or not _is_running(process)


@cache
def _find_boot() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {(_PROC / 'self/ns/pid').readlink()}"
    except (OSError, ValueError):
        return ""


def find_owner() -> Owner:
    """This process."""
    return Owner(socket.gethostname(), _find_boot(), os.getpid(), _read_start(_PROC / "self"))


def _read_start(process: Path) -> str:
    """When a process began; empty where there is none."""
    return "".join(_read_values(process)[19:20])


def _is_running(process: Path) -> bool:
    """Whether any of its threads runs: while one yet writes to a disk, its locks are held."""
    try:
        threads = list((process / "task").iterdir())
    except OSError:
        return False
    return any(_read_values(thread)[:1] not in ([], ["Z"], ["X"]) for thread in threads)


def _read_values(process: Path) -> list[str]:
    """What the system says of a process or thread, behind its name: its state first; empty: it is gone."""
    try:
        return (process / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except (OSError, ValueError):
        return []

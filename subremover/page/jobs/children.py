"""The commands that jobs run in: started, asked whether they live, stopped.

A command's stdout is a file that it holds locked for as long as it lives, whoever its parent is: so a server
finds those again that another one has left running.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import subremover
from subremover.errors import OutputError
from subremover.page.jobs.job import Job
from subremover.resume.lock import is_locked, lock_file

COMMAND = (sys.executable, "-P", "-m", "subremover")
"""-P: in a folder of films there may be anything, also what is called as a module of Python's."""
_AGAIN_SECONDS, _KILL_SECONDS = 12.0, 40.0
"""After which a command that was told to stop is told again, which ends it at once, and is killed."""


class Children:
    """Commands of jobs, by the number of the job; to be used by one thread at a time.

    Whoever asks whether a file is locked holds the lock for a moment, which another one who asks would see.
    """

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        """Start nothing.

        Args:
            command: What the arguments of a job are given to.
        """
        self._command = tuple(command)
        self._own: dict[int, subprocess.Popen[bytes]] = {}
        self._told: dict[int, tuple[float, int]] = {}
        """When each was told to stop, and how often."""

    def start(self, job: Job) -> int:
        """Start a job's command.

        Returns:
            Its pid.

        Raises:
            OSError, OutputError: It cannot be started.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        lines = os.open(job.lines, flags, 0o644)
        try:
            if not lock_file(lines):
                raise OutputError("its command still runs; wait for it to end")
            os.ftruncate(lines, 0)
            errors = os.open(job.errors, flags | os.O_TRUNC, 0o644)
            try:
                child = subprocess.Popen(
                    [*self._command, *job.arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=lines,
                    stderr=errors,
                    env=_make_environment(),
                    start_new_session=True,  # Ctrl-C is for the server, which tells it to its jobs
                )
            finally:
                os.close(errors)
        finally:
            os.close(lines)
        self._own[job.number] = child
        self._told.pop(job.number, None)
        return child.pid

    def is_alive(self, job: Job) -> bool:
        """Whether a job's command lives."""
        child = self._own.get(job.number)
        return is_locked(job.lines) if child is None else child.poll() is None

    def find_exit_code(self, job: Job) -> int | None:
        """Of a command that has ended; None where it was another server's child."""
        child = self._own.get(job.number)
        return None if child is None else child.poll()

    def stop(self, job: Job, number: signal.Signals = signal.SIGINT) -> None:
        """Tell a command to stop, unless it was; one that does not listen is told again, then killed."""
        now = time.monotonic()
        since, times = self._told.setdefault(job.number, (now, 0))
        if times == 0 or (times == 1 and now - since > _AGAIN_SECONDS):
            self._told[job.number] = since, times + 1
            self._signal(job, number)
        elif now - since > _KILL_SECONDS:
            self._signal(job, signal.SIGKILL)

    def forget(self, job: Job) -> None:
        """A command that has ended."""
        self._own.pop(job.number, None)
        self._told.pop(job.number, None)

    def _signal(self, job: Job, number: signal.Signals) -> None:
        child = self._own.get(job.number)
        if child is not None:
            child.send_signal(number)
        elif job.pid and self.is_alive(job):
            with contextlib.suppress(OSError):
                if os.getsid(job.pid) == job.pid:  # else the command is gone, and something it started lives
                    os.kill(job.pid, number)


def _make_environment() -> dict[str, str]:
    """The server's, and where this package is if it was not installed: `-P` leaves out the current folder."""
    parent = Path(subremover.__file__).parents[1]
    if parent.name in ("site-packages", "dist-packages"):
        return dict(os.environ)
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(parent), *paths])}

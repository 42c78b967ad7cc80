"""The claim of a process on a film, on a disk that several machines share.

A claim is a file that only one of them can make. Its owner changes what it says every few seconds. Whoever
has watched it for long enough without a change takes it for dead, by a clock of their own: those of several
machines differ. Locks of files are not relied on, for not all network disks have them.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import stat
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from subremover.archive.names import claim_file, dead_file
from subremover.archive.owner import Owner, find_owner
from subremover.errors import OutputError
from subremover.runtime.atomic_file import output_errors
from subremover.runtime.paths import exists

BEAT_SECONDS, DEAD_SECONDS = 10.0, 60.0
"""How often an owner changes its claim, and after how long without a change it is dead: a disk may hang for
some beats."""
_START = b'{"format": "subremover claim"'
_MOST_BYTES = 4096
_COUNT_DIGITS = 12
_MOST_PID = 1 << 31
_RELEASE_TRIES, _PAUSE_SECONDS = 5, 0.05
"""Another process may just have given the claim another name, see `Sighting.take_away`; and how long a file
that was just made may be empty."""


class Claim:
    """The claim of this process on the film of one output."""

    def __init__(self, output: Path) -> None:
        """Be ready; nothing is there before `take`.

        Args:
            output: The film's first.
        """
        self._output, self._file, self._dead = output, claim_file(output), dead_file(output)
        self._token, self._count, self._owner = secrets.token_hex(16), 0, find_owner()
        self._state: Literal["none", "taking", "held", "lost"] = "none"
        self._ends, self._lock = threading.Event(), threading.Lock()
        self._thread = threading.Thread(target=self._beat_on, name="claim", daemon=True)

    def take(self) -> bool:
        """Make the claim, if nobody else has one.

        Raises:
            OutputError: The file cannot be made.
        """
        with output_errors(self._output):
            self._state = "taking"  # until it is known whose the file is: a signal may come any time
            try:
                descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            except FileExistsError:
                self._state = "none"
                return False
            try:
                os.write(descriptor, self._say())
            finally:
                os.close(descriptor)
            self._state = "held"
            self._thread.start()
        return True

    def check(self) -> None:
        """See that the claim is still this process's, as of the last beat.

        Raises:
            OutputError: Another process has taken it.
        """
        if self._state == "lost":
            raise OutputError(
                f"another process has taken over '{self._output}', for this one was not heard of for "
                f"{DEAD_SECONDS:.0f} s; leave it to that one"
            )

    def beat(self) -> None:
        """Change the claim, so that others see that its owner is alive; or find out that it is lost.

        A disk that cannot be reached is waited for: whether it was too long for others is seen afterwards.
        """
        with self._lock, contextlib.suppress(OSError):
            if self._state != "held":
                return
            self._count += 1
            try:
                self._write()
            except FileNotFoundError:
                if self._is_own(self._dead):  # somebody had it in hand, and was perhaps killed amid that
                    _put_back(self._dead, self._file)
                elif not self._is_own(self._file):
                    self._state = "lost"

    def release(self) -> None:
        """Give the film free, if it is still this process's."""
        self._ends.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._state == "taking":
            time.sleep(_PAUSE_SECONDS)  # if the file is another's it says so by then
        with contextlib.suppress(OSError):
            for _ in range(_RELEASE_TRIES if self._state in ("taking", "held") else 0):
                if self._is_own(self._file):
                    self._file.unlink(missing_ok=True)
                    self._dead.unlink(missing_ok=True)  # that somebody left who was killed
                    break
                if self._is_own(self._dead):
                    self._dead.unlink(missing_ok=True)
        self._state = "none"

    def _beat_on(self) -> None:
        while not self._ends.wait(BEAT_SECONDS) and self._state == "held":
            self.beat()

    def _say(self) -> bytes:
        """Of the same length each time: it is written in place."""
        said = {"format": "subremover claim", **asdict(self._owner)}
        return json.dumps({**said, "token": self._token, "count": f"{self._count:0{_COUNT_DIGITS}}"}).encode()

    def _write(self) -> None:
        # opened anew each time, and closed: so a network disk tells what is there and sends what is written
        descriptor = os.open(self._file, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
        try:
            if self._token.encode() in os.read(descriptor, _MOST_BYTES):
                os.lseek(descriptor, 0, os.SEEK_SET)
                os.write(descriptor, self._say())
            else:
                self._state = "lost"
        finally:
            os.close(descriptor)

    def _is_own(self, file: Path) -> bool:
        said = _read(file)
        return said is not None and (self._token.encode() in said or (self._state == "taking" and not said))


@dataclass(frozen=True, slots=True)
class Sighting:
    """Another process's claim, as it was seen."""

    output: Path
    said: bytes
    seconds: float
    """Since when it says so, as far as was seen, by the monotonic clock."""

    @property
    def is_dead(self) -> bool:
        """Whether its owner is gone, or has not been heard of for too long."""
        owner = _parse_owner(self.said)
        return (owner is not None and owner.is_gone) or time.monotonic() - self.seconds >= DEAD_SECONDS

    def take_away(self) -> None:
        """Remove a dead claim, unless another one has come in its place meanwhile.

        It gets another name first: what lies there is looked at once more, and put back if it lives.

        Raises:
            OutputError: It cannot be removed.
        """
        file, dead = claim_file(self.output), dead_file(self.output)
        with output_errors(self.output):
            try:
                file.rename(dead)
            except FileNotFoundError:  # another process was quicker
                return
            if _read(dead) != self.said:
                _put_back(dead, file)
            dead.unlink(missing_ok=True)


def look_at_claim(output: Path, before: Sighting | None = None) -> Sighting | None:
    """What the claim on an output says now.

    Args:
        output: A film's first.
        before: What it was seen to say before; None: it was not looked at.

    Returns:
        What it says and since when; None: there is none any longer.

    Raises:
        OutputError: What is there is no claim, or cannot be read.
    """
    file = claim_file(output)
    with output_errors(output):
        said = _read(file)
    if said is None:
        return None
    if said and not said.startswith(_START):
        raise OutputError(f"'{file}' is in the way of this film's claim; move it away")
    if before is not None and before.said == said:
        return before
    return Sighting(output, said, time.monotonic())


def _put_back(dead: Path, file: Path) -> None:
    """Give a claim its name back, unless there is another by now: then its owner will see that it is lost."""
    try:
        os.link(dead, file)
    except (FileExistsError, FileNotFoundError):
        return
    except OSError:  # some disks have no links
        if not exists(file):
            dead.rename(file)


def _read(file: Path) -> bytes | None:
    """The first bytes of a file; None: it is not there. What no claim can be says what no claim does."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        if not stat.S_ISREG(file.lstat().st_mode):
            return b"no file"
        descriptor = os.open(file, flags)
        try:
            return os.read(descriptor, _MOST_BYTES)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ESTALE):  # the latter: a network disk, where it has just gone
            return None
        raise


def _parse_owner(said: bytes) -> Owner | None:
    """Who a claim is of; None: it does not say."""
    try:
        found = json.loads(said)
        owner = Owner(found["host"], found["boot"], found["pid"], found["started"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    kinds = [type(owner.host), type(owner.boot), type(owner.pid), type(owner.started)]
    return owner if kinds == [str, str, int, str] and 0 < owner.pid < _MOST_PID else None

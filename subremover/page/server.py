"""The server on its port: what it is made of, how it is told to stop, and how long it may be kept waiting."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import signal
import socket
import stat
from pathlib import Path
from types import FrameType
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from subremover.page.answers.films import FilmAnswers
from subremover.page.answers.jobs import JobAnswers
from subremover.page.answers.plans import PlanAnswers
from subremover.page.app import make_app
from subremover.page.guard import Hosts
from subremover.page.jobs.queue import Queue
from subremover.page.library import Library
from subremover.page.pictures.pictures import Pictures
from subremover.page.plans.plans import Plans
from subremover.runtime.atomic_file import new_file, output_errors

TOKEN_NAME = "token"
MOST_CONNECTIONS = 64
HEAD_SECONDS = 15.0
"""How long a connection may take to say what it wants: or some that say nothing keep out all others."""
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_ANY = ("0.0.0.0", "::")


def make_site(library: Library, plans: Plans, queue: Queue, pictures: Pictures) -> ASGIApp:
    """All that is answered, to be put behind a guard."""
    return make_app(
        [
            *FilmAnswers(library, plans, queue, pictures).addresses(),
            *PlanAnswers(library, plans).addresses(),
            *JobAnswers(library, plans, queue, pictures).addresses(),
        ]
    )


class Server(uvicorn.Server):
    """Serves an app until it is told to stop."""

    def __init__(self, app: ASGIApp, place: socket.socket) -> None:
        """Be ready.

        Args:
            app: Behind its guard.
            place: A socket that is listened at.
        """
        self._place, self._signal = place, 0
        config = uvicorn.Config(
            app,
            http=_ImpatientProtocol,
            ws="none",
            lifespan="off",
            limit_concurrency=MOST_CONNECTIONS,
            server_header=False,
            proxy_headers=False,
            access_log=False,
            log_level="warning",
            timeout_graceful_shutdown=5,
        )
        super().__init__(config)

    def serve_here(self) -> None:
        """Serve until a signal says otherwise.

        Raises:
            KeyboardInterrupt, SystemExit: Which signal it was.
        """
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._on_signal)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background of a script
        self.run(sockets=[self._place])
        if self._signal:
            raise SystemExit(128 + self._signal)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        """SIGHUP, which uvicorn does not know; or any, once it has ended or before it serves."""
        if self.started and not self.should_exit:
            self.should_exit, self._signal = True, number
            return
        raise SystemExit(128 + number)


class _ImpatientProtocol(H11Protocol):
    """Closes connections that do not come to say what they want."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _wait(self) -> None:
        """Count the seconds from the beginning, or a request's first byte, to the end of its head."""
        is_waiting = self.conn.their_state is h11.IDLE
        if is_waiting and self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)
        elif not is_waiting and self._timer is not None:
            self._timer.cancel()
            self._timer = None


def make_hosts(place: socket.socket, name: str) -> Hosts:
    """Names of a server that listens at a socket, which was bound by a name."""
    host, port = place.getsockname()[:2]
    if host in ("127.0.0.1", "::1"):
        return Hosts(port)
    names = [f"[{it}]" if ":" in it else it for it in (host, name, socket.gethostname())]
    return Hosts(port, names, takes_any_address=host in _ANY)


def open_socket(host: str, port: int | None, usual: int) -> socket.socket:
    """A socket bound at an address.

    Args:
        host: Name or address of this machine.
        port: That it must have; None: the usual one, or if that is taken any that is free.
        usual: That one.

    Raises:
        OSError: There is no such address, or the port is taken.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
    for number in (usual, 0) if port is None else (port,):
        place = socket.socket(family, kind, protocol)
        try:
            if os.name == "posix":  # elsewhere it would let two servers have one port
                place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            place.bind((address[0], number, *address[2:]))
            place.listen(128)  # now, so that the address that is printed can be opened at once
        except OSError:
            place.close()
            if number == 0 or port is not None:
                raise
        else:
            return place
    raise AssertionError("a port of 0 is never taken")


def read_token(folder: Path, is_kept: bool) -> str:
    """The token of a folder's page.

    Args:
        folder: Where it is kept, so that open tabs go on when the server is started again.
        is_kept: False: make a new one. For who listens to other machines, one that came with the folder from
            somebody else will not do.

    Raises:
        OutputError: It cannot be written.
    """
    file = folder / TOKEN_NAME
    with output_errors(file):
        if is_kept and (token := read_private(file)):
            return token
        token = secrets.token_urlsafe(32)
        file.unlink(missing_ok=True)
        with new_file(file) as part:
            os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            part.write_text(token)
        return token


def read_private(file: Path) -> str:
    """The token in a file that is nobody else's; empty where there is none."""
    try:
        found = file.lstat()
        is_own = stat.S_ISREG(found.st_mode) and not found.st_mode & 0o077
        if not is_own or (hasattr(os, "geteuid") and found.st_uid != os.geteuid()) or found.st_size > 100:
            return ""
        text = file.read_text().strip()
    except (OSError, ValueError):
        return ""
    return text if _TOKEN.fullmatch(text) else ""

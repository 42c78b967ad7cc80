"""Begins and ends the connection with Ray, and nothing else of this process with it."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from subremover.errors import ClusterError, UsageError
from subremover.resume.lock import lock_file
from subremover.runtime.cpu import count_cores
from subremover.runtime.paths import tell

AUTO = "auto"
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z_.-]+):([0-9]{1,5})")
_STORE_BYTES = 1 << 30
"""Of the object store of a Ray of our own: some segments' packets, a plan, pieces of a film that is sent."""
_PREFIX, _LOCK = "subremover-", "subremover.lock"
_ANSWER_SECONDS, _LEAVE_SECONDS = 5.0, 0.5
_REMEDY = (
    "have this machine join it first, 'ray start --address={}', with the same Ray, Python, RAY_AUTH_MODE and "
    "RAY_AUTH_TOKEN"
)
_LONGEST_FOLDER = 20
"""Bytes: Ray has sockets in a folder inside, whose names may have 107 bytes in all."""


def check_address(address: str) -> str:
    """An address of a cluster as Ray takes it.

    Args:
        address: `auto`, or host and port.

    Raises:
        UsageError: It is neither.
    """
    if address == AUTO:
        return address
    if "://" in address:
        raise UsageError(
            f"a cluster is named by host and port, as 10.0.0.1:6379, got '{address}'; "
            "have this machine join it by 'ray start --address=HOST:PORT' first"
        )
    found = _ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found[2]) < 1 << 16:
        raise UsageError(f"a cluster is 'auto' or host and port, as 10.0.0.1:6379, got '{address}'")
    return address


def import_ray() -> Any:
    """The module.

    Raises:
        UsageError: It is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else it would tell its makers of every run
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise UsageError(
            f"a cluster needs Ray, which cannot be imported ({error}); pip install 'subremover[ray]'"
        ) from error
    return ray


@contextlib.contextmanager
def connect(address: str) -> Iterator[Any]:
    """Be connected with a Ray inside of the `with` body.

    Args:
        address: Of `check_address`; `auto`: a Ray of our own on this machine, that ends with the body.

    Yields:
        The module.

    Raises:
        UsageError: Ray is not installed, or this process is connected with one already.
        ClusterError: There is no such cluster, or it does not let us in.
    """
    with contextlib.ExitStack() as stack:
        if address == AUTO and "ray" not in sys.modules:  # it is read when Ray is imported
            stack.enter_context(_set_token())
        ray = import_ray()
        if ray.is_initialized():
            raise UsageError("this process is connected with a Ray already; leave that first: ray.shutdown()")
        options: dict[str, Any] = {"address": address}
        if address == AUTO:
            options = {
                "address": "local",
                "num_cpus": count_cores(),
                "object_store_memory": _STORE_BYTES,
                "include_dashboard": False,
                "_temp_dir": str(stack.enter_context(_make_folder())),
            }
        else:
            _check_there(address)
        presence: Presence | None = None
        stack.callback(lambda: _leave(ray, presence))
        with _keep_signals():
            _join(ray, address, options)
        presence = Presence(ray)
        yield ray


def _check_there(address: str) -> None:
    """Raise a ClusterError where nothing answers as Ray does: `ray.init` itself would wait for minutes."""
    host, _, port = address.rpartition(":")
    ask = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER_SECONDS).close()
        subprocess.run(ask, check=True, capture_output=True, timeout=4 * _ANSWER_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        reason = tell(error) if isinstance(error, OSError) else "nothing there answers as Ray does"
        raise ClusterError(f"no Ray at {address} ({reason}); {_REMEDY.format(address)}") from error


def _join(ray: Any, address: str, options: dict[str, Any]) -> None:
    try:
        ray.init(**options, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, OSError, ray.exceptions.RayError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if address == AUTO:
            raise ClusterError(f"cannot start a Ray on this machine ({reason})") from error
        raise ClusterError(
            f"the Ray at {address} does not take this run ({reason}); {_REMEDY.format(address)}"
        ) from error
    # What Ray has to say of workers that died it would print to stdout, amid what programs read there.
    ray._private.worker._worker_logs_enabled = False


class Presence:
    """Tells whether the Ray of this machine is there; soon after it is gone, Ray ends this process, too."""

    def __init__(self, ray: Any) -> None:
        """Find out where it listens.

        Args:
            ray: The module, connected.
        """
        own = ray.get_runtime_context().get_node_id()
        sockets = (node.get("RayletSocketName") for node in ray.nodes() if node["NodeID"] == own)
        self._name: str | None = next(sockets, None)

    def is_there(self) -> bool:
        """Whether it answers; True where it is not known how to ask."""
        if not self._name:
            return True
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.connect(self._name)
        except OSError:
            return False
        return True


def _leave(ray: Any, presence: Presence | None) -> None:
    """End the connection; one with a Ray that is gone may not end, and is not waited for."""
    if presence is None or presence.is_there():
        with contextlib.suppress(Exception):  # whatever is left of it
            ray.shutdown()
    else:
        thread = threading.Thread(target=_leave, args=(ray, None), name="leave Ray", daemon=True)
        thread.start()
        thread.join(_LEAVE_SECONDS)


@contextlib.contextmanager
def _keep_signals() -> Iterator[None]:
    """Give signals back what handled them: `ray.init` takes SIGTERM for itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


@contextlib.contextmanager
def _set_token() -> Iterator[None]:
    """A token that only this process and its Ray know; Ray would keep one in the user's home."""
    kept = {name: os.environ.get(name) for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN")}
    os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
    try:
        yield
    finally:
        for name, value in kept.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextlib.contextmanager
def _make_folder() -> Iterator[Path]:
    """A folder of a Ray's own, with its logs and sockets; nothing of it stays.

    What runs have left that were killed goes as well: nobody has its lock.
    """
    usual = Path(tempfile.gettempdir())
    base = usual if len(str(usual)) <= _LONGEST_FOLDER else Path("/tmp")
    for left in base.glob(f"{_PREFIX}*/{_LOCK}"):
        with contextlib.suppress(OSError):
            _remove_unless_locked(left)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)  # Python's files are not inherited
    lock_file(lock)
    try:
        yield folder
    finally:
        with contextlib.suppress(OSError):
            _remove(folder)
        os.close(lock)


def _remove(folder: Path) -> None:
    """Delete a folder, its lock last: where something still writes there, the next run deletes the rest."""
    inside = [path for path in folder.iterdir() if path.name != _LOCK]
    for path in inside:
        shutil.rmtree(path, ignore_errors=True)
    if not any(path.exists() for path in inside):
        shutil.rmtree(folder, ignore_errors=True)


def _remove_unless_locked(file: Path) -> None:
    lock = os.open(file, os.O_RDWR | os.O_NOFOLLOW)
    try:
        if os.fstat(lock).st_uid == os.getuid() and lock_file(lock):
            _remove(file.parent)
    finally:
        os.close(lock)

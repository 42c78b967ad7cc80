"""Begins and ends the connection with Ray, and nothing else of this process with it."""

from __future__ import annotations

import contextlib
import logging
import os
import re
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
from subremover.runtime.cpu import count_cores
from subremover.runtime.paths import tell

AUTO = "auto"
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z_.-]+):([0-9]{1,5})")
_STORE_BYTES = 1 << 30
"""Of the object store of a Ray of our own: some segments' packets, a plan, pieces of a film that is sent."""
_ANSWER_SECONDS = 5.0
_REMEDY = (
    "have this machine join it first, 'ray start --address={}', with the same Ray, Python and RAY_AUTH_TOKEN"
)
_LONGEST_FOLDER = 30
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
    ray = import_ray()
    if ray.is_initialized():
        raise UsageError("this process is connected with a Ray already; leave that first: ray.shutdown()")
    with contextlib.ExitStack() as stack:
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
        stack.callback(_leave, ray)
        with _keep_signals():
            _join(ray, address, options)
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


def _leave(ray: Any) -> None:
    with contextlib.suppress(Exception):  # whatever is left of it
        ray.shutdown()


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
def _make_folder() -> Iterator[Path]:
    """A folder of a Ray's own, with its logs and sockets; nothing of it stays."""
    usual = tempfile.gettempdir()
    folder = tempfile.mkdtemp(prefix="subremover-", dir=usual if len(usual) <= _LONGEST_FOLDER else "/tmp")
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)

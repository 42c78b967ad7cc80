"""Addresses, and how Ray is begun and left."""

import builtins
import signal
import socket
from types import SimpleNamespace
from typing import Any

import pytest

from subremover.cluster import session
from subremover.cluster.session import check_address, connect
from subremover.errors import ClusterError, UsageError


@pytest.mark.parametrize("address", ["auto", "10.0.0.1:6379", "head-1.lan:1", "[fe80::1]:65535"])
def test_addresses(address: str) -> None:
    assert check_address(address) == address


@pytest.mark.parametrize("address", ["", "local", "10.0.0.1", ":6379", "a:0", "a:65536", "a b:1", "a:1\n"])
def test_what_is_none(address: str) -> None:
    with pytest.raises(UsageError, match=r"'auto' or host and port, as 10\.0\.0\.1:6379"):
        check_address(address)


def test_the_address_of_ray_s_client_is_told_apart() -> None:
    with pytest.raises(UsageError, match="ray start --address=HOST:PORT"):
        check_address("ray://10.0.0.1:10001")


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *arguments: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "ray":
            raise ModuleNotFoundError("No module named 'ray'")
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(UsageError, match=r"pip install 'subremover\[ray\]'"), connect("auto"):
        pass


def make_ray(**fields: Any) -> SimpleNamespace:
    exceptions = SimpleNamespace(RayError=type("RayError", (Exception,), {}))
    private = SimpleNamespace(worker=SimpleNamespace(_worker_logs_enabled=True))
    fields.setdefault("nodes", list)
    fields.setdefault("get_runtime_context", lambda: SimpleNamespace(get_node_id=lambda: "here"))
    calls = {"init": lambda **_: None, "shutdown": lambda: None, "is_initialized": lambda: False}
    return SimpleNamespace(exceptions=exceptions, _private=private, **{**calls, **fields})


def test_signals_are_ours_again_whatever_ray_does_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = make_ray(init=lambda **_: signal.signal(signal.SIGTERM, lambda *_: None))
    monkeypatch.setattr(session, "import_ray", lambda: ray)
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with connect("auto"):
        assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_a_ray_that_cannot_start_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    folders, ended = [], []

    def fail(**options: Any) -> None:
        folders.append(options["_temp_dir"])
        raise RuntimeError("no room\nat all")

    monkeypatch.setattr(session, "import_ray", lambda: make_ray(init=fail, shutdown=lambda: ended.append(1)))
    with (
        pytest.raises(ClusterError, match=r"cannot start a Ray on this machine \(no room\)$"),
        connect("auto"),
    ):
        pass
    assert ended
    with pytest.raises(FileNotFoundError):
        open(folders[0])  # noqa: PTH123, SIM115, it does not open


def test_where_nobody_listens_it_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "import_ray", make_ray)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    message = f"no Ray at {address} .*refused.*'ray start --address={address}'"
    with pytest.raises(ClusterError, match=message), connect(address):
        pass


def test_a_process_that_is_connected_already_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "import_ray", lambda: make_ray(is_initialized=lambda: True))
    with pytest.raises(UsageError, match=r"ray\.shutdown\(\)"), connect("auto"):
        pass

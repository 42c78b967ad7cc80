"""The server as a program on a port."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_server import wait_for
from starlette.responses import PlainTextResponse

from subremover.page import server as server_module
from subremover.page.server import Server, make_hosts, open_socket, read_token


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Of a server that soon loses its patience."""
    monkeypatch.setattr(server_module, "HEAD_SECONDS", 0.2)
    with open_socket("127.0.0.1", None, 0) as place:
        server = Server(PlainTextResponse("here"), place)
        thread = threading.Thread(target=lambda: server.run(sockets=[place]))
        thread.start()
        wait_for(lambda: server.started)
        yield place.getsockname()[1]
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize("data", [b"", b"G", b"GET / HTTP/1.1\r\nHost: x\r\nX: "])
def test_who_does_not_say_what_is_wanted_is_hung_up_on(port: int, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(data)
        assert connection.recv(10) == b""


def test_also_after_a_proper_request(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = connection.recv(1000)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"server:" not in answer.lower()
        connection.sendall(b"GET / HT")
        rest = connection.recv(1000)
        assert rest in (b"", b"here")


def test_a_taken_port_is_passed_over_unless_it_was_asked_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        with open_socket("127.0.0.1", None, number) as place:
            assert place.getsockname()[1] != number
        with pytest.raises(OSError, match="in use"):
            open_socket("127.0.0.1", number, 1)


def test_a_server_for_all_takes_addresses_and_its_own_names() -> None:
    with open_socket("0.0.0.0", None, 0) as place:
        port = place.getsockname()[1]
        hosts = make_hosts(place, "0.0.0.0")
    assert hosts.has(f"192.168.7.7:{port}")
    assert hosts.has(f"{socket.gethostname()}:{port}")
    assert not hosts.has(f"evil.example:{port}")


def test_a_token_that_others_could_read_or_have_put_there_is_not_taken(tmp_path: Path) -> None:
    token = read_token(tmp_path, is_kept=True)
    assert read_token(tmp_path, is_kept=True) == token
    assert read_token(tmp_path, is_kept=False) != token
    file, other = tmp_path / "token", tmp_path / "other"
    for text in ("", "short", "x" * 44, "é" * 43):
        file.write_text(text)
        assert read_token(tmp_path, is_kept=True) != text
    file.rename(other)
    file.symlink_to(other)
    token = other.read_text()
    assert read_token(tmp_path, is_kept=True) != token
    assert other.read_text() == token

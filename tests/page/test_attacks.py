"""What others may try against a server that runs."""

import concurrent.futures
import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from media import draw_film
from page_server import PageServer
from plan_entries import draw_strokes, make_entry, write_plan

from subremover.plan.model import FilmKey
from subremover.video.read.probe import probe

SECRET = b"nobody's business"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    draw_film(folder / "a.mp4", 24, (160, 96))
    return folder


@pytest.fixture(scope="module")
def server(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    place = tmp_path_factory.mktemp("served")
    folder = place / "films"
    shutil.copytree(drawn, folder)
    (folder / "broken.mp4").write_bytes(b"no film")
    (place / "secret.mp4").write_bytes(SECRET)
    (place / "secret.png").write_bytes(SECRET)
    (folder / "link.mp4").symlink_to(place / "secret.mp4")
    film = probe(folder / "a.mp4")
    key = FilmKey.of(film.upright_size, film.pts)
    values = {name: getattr(key, name) for name in ("width", "height", "frame_count", "times")}
    plan = folder / "subremover" / "plans" / "a.mp4"
    write_plan(plan, make_entry(strokes="event_0001.png"), film=values)
    (plan / "event_0002.png").symlink_to(place / "secret.png")
    server = PageServer(folder, errors=place / "errors.txt")
    yield server
    try:
        assert server.process.poll() is None
        assert b"Traceback" not in (place / "errors.txt").read_bytes()
    finally:
        server.stop()


@pytest.fixture(scope="module")
def film(server: PageServer) -> str:
    """The address of a film."""
    films = server.ask("GET", "/api/films")[1]["films"]
    return next(f"/api/films/{it['id']}" for it in films if it["name"] == "a.mp4")


def send_raw(server: PageServer, data: bytes, seconds: float = 5) -> bytes:
    """What a server answers to bytes of any kind, before it closes or says nothing more."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=seconds) as connection:
        connection.sendall(data)
        parts = []
        while True:
            try:
                parts.append(connection.recv(65536))
            except (TimeoutError, ConnectionError):
                break
            if not parts[-1]:
                break
        return b"".join(parts)


def test_the_page_is_there_for_whoever_has_its_address(server: PageServer) -> None:
    code, headers, _ = server.send("GET", f"/?token={server.token}")
    assert (code, headers["location"]) == (303, "/")
    code, headers, body = server.send("GET", "/", headers={"Cookie": headers["set-cookie"].partition(";")[0]})
    assert (code, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"<!doctype html>" in body.lower()
    assert "server" not in headers


def test_films_that_are_links_to_elsewhere_are_not_there(server: PageServer) -> None:
    names = [film["name"] for film in server.ask("GET", "/api/films")[1]["films"]]
    assert names == ["a.mp4", "broken.mp4"]


def test_nothing_is_there_for_others(server: PageServer, film: str) -> None:
    for path in ("/", "/api/films", f"{film}/frames/0.jpg", "/api/jobs", "/static/index.html", "/nothing"):
        assert server.send("GET", path)[0] == 403
        assert server.send("GET", path, headers={"Cookie": server.cookie, "Host": "evil.example"})[0] == 421


def test_other_sites_start_nothing(server: PageServer, film: str) -> None:
    jobs = server.ask("GET", "/api/jobs")
    for headers in (
        {"Content-Type": "application/json"},
        server.own(Origin="http://evil.example"),
        {"Cookie": server.cookie, "Content-Type": "application/json"},
        server.own(**{"Content-Type": "text/plain"}),
        server.own(**{"Sec-Fetch-Site": "cross-site"}),
        server.own(Host="evil.example"),
        server.own(Cookie=f"subremover_{server.port}=guess"),
    ):
        for path in (f"{film}/scan", f"{film}/run", "/api/jobs/1/cancel"):
            assert server.send("POST", path, b"{}", headers)[0] in (403, 415, 421)
    assert server.ask("GET", "/api/jobs") == jobs


@pytest.mark.parametrize(
    "path",
    [
        *("/static/../guard.py", "/static/..%2fguard.py", "/static/%2e%2e/guard.py", "/static//etc/passwd"),
        *("/static/..\\guard.py", "/static/index.html%00.js", "/static/.", "/static/", "/etc/passwd"),
        *("/api/films/..%2f..%2fsecret/brief", "/api/films/link.mp4/brief", "/api/films/a.mp4/frames/0.jpg"),
        *("/api/films/../../secret.mp4", "/api/films/%00/brief", "/api/jobs/..%2f1/found", "//api/films"),
        *("/api/jobs/1/pictures/..%2f..%2fx/0.jpg", "/api/jobs/99/pictures/after/0.jpg", "/api/films/"),
    ],
)
def test_paths_lead_nowhere_else(server: PageServer, path: str) -> None:
    code, headers, body = server.send("GET", path, headers={"Cookie": server.cookie})
    assert code in (400, 404)
    assert "content-security-policy" in headers
    assert SECRET not in body
    assert b"compare_digest" not in body


@pytest.mark.parametrize(
    "name", ["event_0002.png", "..%2f..%2f..%2fsecret.png", "plan.json", "%2e%2e%2fplan.json", "scanned.json"]
)
def test_only_pngs_of_the_plan_are_given(server: PageServer, film: str, name: str) -> None:
    code, _, body = server.send("GET", f"{film}/strokes/{name}", headers={"Cookie": server.cookie})
    assert code in (404, 409)
    assert SECRET not in body
    assert server.ask("GET", f"{film}/strokes/event_0001.png")[0] == 200


@pytest.mark.parametrize(
    ("path", "code"),
    [
        *(
            ("frames/24.jpg", 404),
            ("frames/-1.jpg", 404),
            (f"frames/{'9' * 5000}.jpg", 404),
            ("frames/a.jpg", 404),
        ),
        *(("frames/0.jpg?width=15", 400), ("frames/0.jpg?width=4000", 400), ("frames/0.jpg?width=1e3", 400)),
        *(("frames/0.jpg?width=16", 200), ("frames/23.jpg?v=x", 200), ("thumbnail.jpg", 200), ("times", 200)),
        *(("brief", 200), ("cleaned/0.jpg", 404), ("files/film", 404), ("files/..%2fa.mp4", 404)),
    ],
)
def test_numbers_out_of_range_are_refused(server: PageServer, film: str, path: str, code: int) -> None:
    assert server.ask("GET", f"{film}/{path}")[0] == code


def test_what_is_no_film_is_told_of(server: PageServer) -> None:
    films = server.ask("GET", "/api/films")[1]["films"]
    broken = next(film["id"] for film in films if film["name"] == "broken.mp4")
    for path in ("", "/brief", "/times", "/thumbnail.jpg", "/frames/0.jpg"):
        code, told = server.ask("GET", f"/api/films/{broken}{path}")
        assert code == 422
        assert "broken.mp4" in told["error"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\x00",
        b"[" * 500_000,
        b'{"frame": 1e999}',
        b'{"frame": NaN}',
        b'{"frame": ' + b"9" * 9000 + b"}",
    ],
)
def test_json_of_any_kind_is_refused(server: PageServer, film: str, body: bytes) -> None:
    for address in ("scan", "try", "run", "plan"):
        method = "PUT" if address == "plan" else "POST"
        code, headers, data = server.send(method, f"{film}/{address}", body, server.own())
        assert code == 400
        assert headers["content-type"] == "application/json"
        assert set(json.loads(data)) == {"error", "reason"}


@pytest.mark.parametrize(
    "values",
    [
        {"revision": 7, "events": []},
        {"revision": "x", "events": {}},
        {"events": []},
        {"revision": "x"},
        {"revision": None, "events": None},
    ],
)
def test_a_plan_of_wrong_types_changes_nothing(server: PageServer, film: str, values: Any) -> None:
    before = server.ask("GET", f"{film}/plan")
    assert server.ask("PUT", f"{film}/plan", values)[0] in (400, 409)
    assert server.ask("GET", f"{film}/plan") == before


def test_a_plan_is_changed_by_the_page(server: PageServer, film: str) -> None:
    code, told = server.send(
        "POST", f"{film}/strokes", draw_strokes(40, 12), server.own(**{"Content-Type": "image/png"})
    )[::2]
    assert code == 200
    plan = server.ask("GET", f"{film}/plan")[1]
    events = [make_entry(**json.loads(told)), make_entry(12, 14, x=60)]
    code, changed = server.ask("PUT", f"{film}/plan", {"revision": plan["revision"], "events": events})
    assert code == 200
    assert server.ask("PUT", f"{film}/plan", {"revision": plan["revision"], "events": []})[0] == 409
    assert server.ask("GET", f"{film}/plan")[1]["events"] == events
    code, refused = server.ask("POST", f"{film}/scan", {})
    assert (code, refused["reason"]) == (409, "mended")
    wrong = {"revision": changed["revision"], "events": [make_entry(2, 99)]}
    assert server.ask("PUT", f"{film}/plan", wrong)[0] == 400


def test_bodies_that_are_too_large_are_not_read(server: PageServer, film: str) -> None:
    head = f"POST {film}/scan HTTP/1.1\r\nHost: {server.host}\r\nOrigin: http://{server.host}\r\n"
    head += f"Cookie: {server.cookie}\r\nContent-Type: application/json\r\n"
    declared = send_raw(server, f"{head}Content-Length: 99999999999\r\n\r\n".encode())
    assert declared.startswith(b"HTTP/1.1 413 ")
    chunk = b"10000\r\n" + bytes(65536) + b"\r\n"
    chunked = send_raw(server, f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunk * 17)
    assert chunked.startswith(b"HTTP/1.1 413 ")
    head += "Connection: close\r\n"
    strange = send_raw(
        server, f"{head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode()
    )
    assert not strange.startswith(b"HTTP/1.1 2")


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(64),
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
        os.urandom(4096) + b"\r\n\r\n",
    ],
    ids=["tls", "no host", "old", "version", "absolute", "two hosts", "connect", "long", "headers", "noise"],
)
def test_what_is_no_proper_request_gets_nothing(server: PageServer, data: bytes) -> None:
    answer = send_raw(server, data, 0.5)
    assert not answer or answer[9:12] in (b"400", b"403", b"421", b"431")
    assert server.ask("GET", "/api/jobs")[0] == 200


def test_who_is_refused_is_not_listened_to_any_longer(server: PageServer, film: str) -> None:
    head = f"POST {film}/run HTTP/1.1\r\nHost: {server.host}\r\nContent-Length: 1000\r\n\r\n"
    start = time.monotonic()
    assert send_raw(server, f"{head}half".encode(), 10).startswith(b"HTTP/1.1 403 ")
    assert time.monotonic() - start < 3


def test_those_that_say_nothing_do_not_keep_others_out(server: PageServer, film: str) -> None:
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(50)]
    for number, connection in enumerate(idle):
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x"[: number % 24])
    assert server.ask("GET", film)[0] == 200
    for connection in idle:
        connection.close()


def test_a_thousand_requests_at_once_are_answered_or_put_off(server: PageServer, film: str) -> None:
    def ask(number: int) -> int:
        path = (f"{film}/frames/{number % 24}.jpg?width=64", "/api/films", "/api/jobs", film)[number % 4]
        try:
            return server.send("GET", path, headers={"Cookie": server.cookie})[0]
        except ConnectionError:  # closed on the client before it was read
            return 503

    with concurrent.futures.ThreadPoolExecutor(80) as pool:
        codes = list(pool.map(ask, range(1000)))
    assert set(codes) <= {200, 503}
    assert codes.count(200) > 20
    time.sleep(0.1)
    assert server.ask("GET", film)[0] == 200


def test_a_film_may_change_or_go_while_it_is_served(server: PageServer, drawn: Path) -> None:
    place = next(drawn.parent.glob("served*")) / "films"
    shutil.copy(drawn / "a.mp4", place / "b.mp4")
    time.sleep(1.1)
    films = server.ask("GET", "/api/films")[1]["films"]
    address = next(f"/api/films/{it['id']}" for it in films if it["name"] == "b.mp4")
    stamp = server.ask("GET", address)[1]["stamp"]
    (place / "b.mp4").write_bytes(b"no film any longer")
    assert server.ask("GET", f"{address}/frames/0.jpg?v={stamp}")[0] == 422
    (place / "b.mp4").unlink()
    for path in ("", "/brief", "/frames/0.jpg", "/plan"):
        assert server.ask("GET", f"{address}{path}")[0] == 404

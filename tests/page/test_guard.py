"""Who may ask the server: the page itself, in the browser that the printed address was opened in."""

import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from subremover.page import guard as guard_module
from subremover.page.guard import HEADERS, Guard, Hosts

TOKEN, PORT = "T" * 43, 8470
HOST = f"127.0.0.1:{PORT}"
COOKIE = f"subremover_{PORT}={TOKEN}"
OWN = {"host": HOST, "cookie": COOKIE, "origin": f"http://{HOST}", "content-type": "application/json"}


async def app(_: Scope, receive: Receive, send: Send) -> None:
    body = (await receive()).get("body", b"")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def ask(
    method: str = "GET",
    path: str = "/api/films",
    *,
    headers: dict[str, str] | list[tuple[str, str]] | None = None,
    query: str = "",
    chunks: tuple[bytes, ...] = (b"",),
    hosts: Hosts | None = None,
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of what is answered."""
    pairs = (
        list(headers.items()) if isinstance(headers, dict) else OWN.items() if headers is None else headers
    )
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in pairs],
    }
    waiting = list(chunks)
    sent: list[Message] = []

    async def receive() -> Message:
        if not waiting:
            await asyncio.sleep(60)
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(waiting) or body == b"..."}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(Guard(app, TOKEN, PORT, hosts or Hosts(PORT))(scope, receive, send))
    names = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], names, sent[1]["body"]


def status(**more: Any) -> int:
    return ask(**more)[0]


def change(**more: str | None) -> dict[str, str]:
    """The page's own headers but for some; None: without it."""
    headers = {**OWN, **{name.replace("_", "-"): value for name, value in more.items()}}
    return {name: value for name, value in headers.items() if value is not None}


def test_the_page_itself_may_ask() -> None:
    assert status() == status(method="HEAD") == status(method="POST") == status(method="PUT") == 200


def test_the_printed_address_gives_a_cookie_that_no_script_and_no_other_site_gets() -> None:
    code, headers, body = ask(path="/", query=f"token={TOKEN}", headers={"host": HOST})
    assert (code, headers["location"], body) == (303, "/", b"")
    assert headers["set-cookie"] == f"{COOKIE}; HttpOnly; SameSite=Strict; Path=/"


@pytest.mark.parametrize(
    "host",
    [
        *(
            "evil.example",
            f"evil.example:{PORT}",
            "127.0.0.1",
            "127.0.0.1:1",
            f"127.0.0.1:{PORT}.evil.example",
        ),
        *(
            f"localhost.evil.example:{PORT}",
            f"127.0.0.1.:{PORT}",
            f"user@127.0.0.1:{PORT}",
            f"[::1:{PORT}",
            "",
        ),
        *(
            f"192.168.0.7:{PORT}",
            f"127.0.0.1:{PORT} ",
            f"2130706433:{PORT}",
            f"0.0.0.0:{PORT}",
            f"[::]:{PORT}",
        ),
    ],
)
def test_a_name_that_was_made_to_lead_here_is_refused(host: str) -> None:
    assert status(headers=change(host=host, origin=f"http://{host}")) == 421


def test_two_hosts_or_none_are_refused() -> None:
    assert status(headers=[("host", HOST), ("host", HOST), ("cookie", COOKIE)]) == 421
    assert status(headers=change(host=None)) == 421


@pytest.mark.parametrize("host", [HOST, f"localhost:{PORT}", f"LOCALHOST:{PORT}", f"[::1]:{PORT}"])
def test_this_machine_has_several_names(host: str) -> None:
    assert status(method="POST", headers=change(host=host, origin=f"http://{host}")) == 200


def test_other_names_are_this_servers_only_if_it_was_told_so() -> None:
    hosts = Hosts(PORT, ["Studio.local"], takes_any_address=True)
    for host in ("studio.local", "192.168.0.7", "[fe80::1]"):
        assert status(headers=change(host=f"{host}:{PORT}"), hosts=hosts) == 200
        assert status(headers=change(host=f"{host}:{PORT}")) == 421
    assert status(headers=change(host=f"evil.example:{PORT}"), hosts=hosts) == 421


def test_the_usual_port_of_the_web_may_be_left_out() -> None:
    assert Hosts(80).has("localhost")
    assert not Hosts(8080).has("localhost")


@pytest.mark.parametrize(
    "cookie",
    [
        *(None, "", f"subremover_{PORT}=", f"subremover_{PORT}={TOKEN[:-1]}", f"subremover_{PORT}={TOKEN}x"),
        *(f"subremover_1={TOKEN}", f"SUBREMOVER_{PORT}={TOKEN}", TOKEN, f"subremover_{PORT}=caf\xe9"),
    ],
)
def test_without_the_token_there_is_nothing(cookie: str | None) -> None:
    code, _, body = ask(path="/", headers=change(cookie=cookie))
    assert code == 403
    assert b"open the address that the command printed" in body


def test_the_token_is_taken_from_the_address_of_the_page_alone() -> None:
    for path in ("/api/films", "/static/x.js", "//"):
        assert status(path=path, query=f"token={TOKEN}", headers={"host": HOST}) == 403
    assert status(path="/", method="POST", query=f"token={TOKEN}", headers=change(cookie=None)) == 403
    assert status(path="/", query="token=wrong", headers={"host": HOST}) == 403
    assert status(path="/", query="token=wrong") == 403


@pytest.mark.parametrize(
    "origin",
    [
        *(
            None,
            "",
            "null",
            "http://evil.example",
            f"https://{HOST}",
            f"http://localhost:{PORT}",
            "http://127.0.0.1",
        ),
        *(f"http://{HOST}/", f"http://{HOST}.evil.example", f"HTTP://{HOST}"),
    ],
)
def test_only_the_page_changes_anything(origin: str | None) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert status(method=method, headers=change(origin=origin)) == 403


@pytest.mark.parametrize(
    "kind", [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "image/jpeg"]
)
def test_forms_of_other_sites_have_no_content_type_that_is_taken(kind: str | None) -> None:
    assert status(method="POST", headers=change(content_type=kind)) == 415


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
def test_other_sites_may_not_even_look(site: str) -> None:
    for path in ("/", "/api/films", "/api/films/0/frames/1.jpg"):
        assert status(path=path, headers=change(sec_fetch_site=site)) == 403


def test_a_link_with_the_token_may_be_followed_from_anywhere() -> None:
    fetch = {"host": HOST, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    for dest, code in (("document", 200), ("iframe", 403), ("image", 403)):
        headers = {**fetch, "sec-fetch-dest": dest}
        assert status(path="/", query=f"token={TOKEN}", headers=headers) == code
    headers = {**fetch, "sec-fetch-dest": "document"}
    assert b"url=/" in ask(path="/", query=f"token={TOKEN}", headers=headers)[2]
    assert status(path="/", query="token=wrong", headers=headers) == 403
    assert status(headers=change(sec_fetch_site="same-origin")) == 200
    assert status(headers=change(sec_fetch_site="none")) == 200


def test_other_sites_are_never_allowed_anything() -> None:
    fetch = {**OWN, "access-control-request-method": "PUT", "origin": "http://evil.example"}
    answers = [ask(method="OPTIONS", headers=fetch), ask(), ask(headers=change(cookie=None))]
    assert answers[0][0] == 405
    for _, headers, _ in answers:
        assert not [name for name in headers if name.startswith("access-control")]


def test_every_answer_says_what_a_browser_may_do_with_it() -> None:
    for more in ({}, {"method": "OPTIONS"}, {"headers": {"host": "evil"}}, {"headers": {"host": HOST}}):
        headers = ask(**more)[1]
        assert {name: headers[name] for name in HEADERS} == HEADERS
        assert headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in HEADERS["content-security-policy"]
    assert "unsafe" not in HEADERS["content-security-policy"]


def test_a_body_arrives_whole() -> None:
    assert ask(method="POST", chunks=(b'{"a":', b"", b"1}"))[2] == b'{"a":1}'


@pytest.mark.parametrize(
    ("method", "path", "kind", "most"),
    [
        ("POST", "/api/films/0123456789abcdef/scan", "application/json", 1 << 20),
        ("POST", "/api/films/0123456789abcdef/strokes", "image/png", 4 << 20),
        ("PUT", "/api/films/0123456789abcdef/plan", "application/json", 32 << 20),
        ("POST", "/api/films/0123456789abcdef/plan", "application/json", 1 << 20),
        ("PUT", "/api/films/../plan", "application/json", 1 << 20),
    ],
)
def test_a_body_may_be_so_large_and_no_larger(method: str, path: str, kind: str, most: int) -> None:
    headers = change(content_type=kind)
    assert status(method=method, path=path, headers=headers, chunks=(bytes(most - 1), b"x")) == 200
    assert status(method=method, path=path, headers=headers, chunks=(bytes(most), b"x", b"...")) == 413
    declared = {**headers, "content-length": str(most + 1)}
    assert status(method=method, path=path, headers=declared, chunks=()) == 413


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_module, "BODY_SECONDS", 0.05)
    assert status(method="POST", chunks=(b"...",)) == 408

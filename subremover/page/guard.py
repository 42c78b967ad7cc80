"""Who may ask the server for anything: the outermost layer, which knows nothing of what is asked for.

Any website in the same browser can send requests to this address, and any name can be made to lead to it.
So a request must come with the cookie that only the printed address gives, name a host that is this server's,
and if it changes anything come from the page itself. Bodies are of a bounded size, read in bounded time.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
MOST_BYTES, MOST_PICTURE_BYTES, MOST_PLAN_BYTES = 1 << 20, 4 << 20, 32 << 20
BODY_SECONDS = 30.0
_PLAN = re.compile(r"/api/films/[0-9a-f]{16}/plan")
_FORWARD = '<!doctype html><title>subremover</title><meta http-equiv="refresh" content="0; url=/">'
_LOCAL = ("127.0.0.1", "localhost", "[::1]")
_UNCHANGING = ("GET", "HEAD")


class Hosts:
    """Names under which this server may be asked."""

    def __init__(self, port: int, names: Iterable[str] = (), takes_any_address: bool = False) -> None:
        """Note them.

        Args:
            port: Of the server.
            names: Besides those of this machine for itself.
            takes_any_address: Whether any IP address is one: no name can be made to lead here then.
        """
        self._ports = {f":{port}", ""} if port == 80 else {f":{port}"}
        self._names = {*_LOCAL, *(name.lower() for name in names)}
        self._takes_any_address = takes_any_address

    def has(self, host: str) -> bool:
        """Whether the value of a Host header is one of them."""
        match = re.fullmatch(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(:[0-9]{1,5})?", host.lower())
        if match is None or (match[2] or "") not in self._ports:
            return False
        return match[1] in self._names or (self._takes_any_address and _is_address(match[1].strip("[]")))


class Guard:
    """Passes on what may be asked, and puts its headers on every answer."""

    def __init__(self, app: ASGIApp, token: str, port: int, hosts: Hosts) -> None:
        """Stand before an app.

        Args:
            app: Which is asked for what passes.
            token: That the printed address holds.
            port: Of the server; cookies are not told apart by it, so it is in the cookie's name.
            hosts: Names of the server.
        """
        self._app, self._token, self._hosts = app, token, hosts
        self.cookie = f"subremover_{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Of ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        request = _Request(scope)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(message)
            await send(message)

        refusal = self._refuse(request)
        if refusal is None and request.method not in _UNCHANGING:
            body = await _read_body(request, receive)
            if isinstance(body, bytes):
                receive = _replay(body, receive)
            else:
                refusal = body
        if refusal is None:
            await self._app(scope, receive, answer)
        else:
            await _respond(answer, request, refusal)

    def _refuse(self, request: _Request) -> _Answer | None:
        """What is answered instead; None where it may pass."""
        if not self._hosts.has(request.one("host")):
            return _Answer(421, "this is another server than the one that was asked; use the printed address")
        if request.method == "OPTIONS":
            return _Answer(405, "nothing here is for other sites", {"allow": "GET, HEAD, POST, PUT"})
        token = request.token()
        is_own = request.one("sec-fetch-site") in ("", "none", "same-origin")
        if not is_own and not (token and request.is_navigation()):
            return _Answer(403, "no other site may ask this one for anything")
        if token:
            if not _is_same(token, self._token):
                return _Answer(403, "this address is no longer valid; open the one that the command printed")
            flags = "HttpOnly; SameSite=Strict; Path=/"
            cookie = {"set-cookie": f"{self.cookie}={self._token}; {flags}"}
            if is_own:
                return _Answer(303, "", {"location": "/", **cookie})
            # where another site's link redirects to, browsers send no strict cookie
            return _Answer(200, _FORWARD, {"content-type": "text/html; charset=utf-8", **cookie})
        if not any(_is_same(value, self._token) for value in request.cookies(self.cookie)):
            return _Answer(
                403, "open the address that the command printed, with all that stands behind the ?"
            )
        if request.method in _UNCHANGING:
            return None
        if request.one("origin") != f"http://{request.one('host')}":
            return _Answer(403, "only the page itself may change anything")
        kind = request.one("content-type").partition(";")[0].strip().lower()
        if kind not in ("application/json", "image/png"):
            return _Answer(415, "give JSON (application/json) or a PNG (image/png)")
        return None


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the guard answers itself."""

    status: int
    text: str
    headers: dict[str, str] = field(default_factory=dict)


class _Request:
    """What a request says of itself."""

    def __init__(self, scope: Scope) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self._query: bytes = scope["query_string"]
        self._headers: list[tuple[bytes, bytes]] = scope["headers"]

    def one(self, name: str) -> str:
        """The header of a name in lower case; empty where there is none, or more than one."""
        values = self._all(name)
        return values[0] if len(values) == 1 else "" if not values else "\0"

    def cookies(self, name: str) -> list[str]:
        """Values of the cookies of a name."""
        pairs = (pair.strip().partition("=") for line in self._all("cookie") for pair in line.split(";"))
        return [value for key, _, value in pairs if key == name]

    def token(self) -> str:
        """That of an address as it was printed."""
        if self.method != "GET" or self.path != "/" or len(self._query) > 1000:
            return ""
        return dict(parse_qsl(self._query.decode("latin-1"))).get("token", "")

    def is_navigation(self) -> bool:
        """Whether a person follows a link, in a tab of its own."""
        return (self.one("sec-fetch-mode"), self.one("sec-fetch-dest")) == ("navigate", "document")

    def limit(self) -> int:
        """Most bytes that its body may have."""
        if self.method == "PUT" and _PLAN.fullmatch(self.path):
            return MOST_PLAN_BYTES
        return MOST_PICTURE_BYTES if self.one("content-type").startswith("image/") else MOST_BYTES

    def length(self) -> int:
        """Bytes that it says to send; 0 where it does not say."""
        text = self.one("content-length")
        return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else 0

    def _all(self, name: str) -> list[str]:
        return [value.decode("latin-1") for key, value in self._headers if key == name.encode()]


async def _read_body(request: _Request, receive: Receive) -> bytes | _Answer:
    """A request's body; an answer if it is too large or too slow."""
    limit = request.limit()
    too_large = _Answer(413, f"the request has over {limit >> 20} MiB")
    if request.length() > limit:
        return too_large
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return _Answer(400, "the request was broken off")
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > limit:
                    return too_large
                if not message.get("more_body"):
                    return b"".join(parts)
    except TimeoutError:
        return _Answer(408, "the request took too long to arrive")


def _replay(body: bytes, receive: Receive) -> Receive:
    """Gives a body that was read; then whether the asker has gone."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


async def _respond(send: Send, request: _Request, answer: _Answer) -> None:
    """Answer with JSON where the page's script asks, with plain text where a person does."""
    is_script = request.path.startswith("/api/")
    reason = HTTPStatus(answer.status).phrase.lower()
    text = f"{answer.text}\n" if answer.text else ""
    data = (json.dumps({"error": answer.text, "reason": reason}) if is_script else text).encode()
    kind = "application/json" if is_script else "text/plain; charset=utf-8"
    headers = {"content-type": kind, "content-length": str(len(data)), **answer.headers}
    if answer.status >= HTTPStatus.BAD_REQUEST:  # else its body could be awaited for ever
        headers["connection"] = "close"
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
    await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else data})


def _add_headers(message: Message) -> None:
    headers = list(message.get("headers", ()))
    there = {name.lower() for name, _ in headers}
    for name, value in {**HEADERS, "cache-control": "no-store"}.items():
        if name.encode() not in there:
            headers.append((name.encode(), value.encode()))
    message["headers"] = headers


def _is_same(one: str, other: str) -> bool:
    return secrets.compare_digest(one.encode(), other.encode())


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True

"""The server's addresses: which function answers what, and how it is told that something is refused.

Functions take the request and its body, run in threads, and return an answer or raise.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from subremover.errors import SubremoverError
from subremover.page.refusals import Refusal, missing, refuse

log = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
}

Answer = Callable[[Request, bytes], Response]
"""Made of a request and its body, in a thread."""
Addresses = list[tuple[str, str, Answer]]
"""Method, address and what answers there."""


def make_app(addresses: Addresses) -> Starlette:
    """The app, without the guard that stands before it.

    Args:
        addresses: Of everything but the page itself.
    """
    own: Addresses = [("GET", "/", _send_index), ("GET", "/static/{name}", _send_static)]
    routes = [
        Route(path, _make_endpoint(answer), methods=[method]) for method, path, answer in own + addresses
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _tell_missing})
    app.router.redirect_slashes = False
    return app


def send_json(values: Any, status: int = 200) -> Response:
    """An answer of JSON."""
    try:
        text = json.dumps(values, ensure_ascii=True, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise Refusal(500, "what was found cannot be told", "failed") from error
    return Response(text, status, media_type="application/json")


def _make_endpoint(answer: Answer) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        try:
            # the guard has read it; of a GET nobody has asked for one
            body = b"" if request.method in ("GET", "HEAD") else await request.body()
            return await run_in_threadpool(answer, request, body)
        except Refusal as refusal:
            return send_json(refusal.body, refusal.status)
        except SubremoverError as error:
            told = refuse(error)
            return send_json(told.body, told.status)
        except (OSError, MemoryError) as error:
            log.warning("%s: %s", request.url.path, error)
            message = f"cannot do this: {getattr(error, 'strerror', None) or 'out of memory'}"
            return send_json({"error": message, "reason": "system"}, 507)
        except Exception:
            log.exception("%s failed", request.url.path)
            message = "the server failed; the terminal that it was started in says more"
            return send_json({"error": message, "reason": "failed"}, 500)

    return endpoint


async def _tell_missing(_: Request, error: Exception) -> Response:
    """Of an address that there is none of, or not for this method."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    response = send_json({"error": "there is no such address", "reason": "missing"}, error.status_code)
    response.headers.update(headers)
    return response


def _send_index(_: Request, __: bytes) -> Response:
    return _send_file("index.html")


def _send_static(request: Request, _: bytes) -> Response:
    return _send_file(request.path_params["name"])


def _send_file(name: str) -> Response:
    """A file of the page; only names that are there, so that none leads elsewhere."""
    for file in STATIC.iterdir():
        if file.name == name and file.suffix in _KINDS and file.is_file():
            return Response(file.read_bytes(), media_type=_KINDS[file.suffix])
    raise missing("such file of the page")

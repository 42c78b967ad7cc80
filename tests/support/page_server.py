"""A server of the page in a process of its own, and a browser's part of talking to it."""

import contextlib
import http.client
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from processes import ENVIRONMENT


class PageServer:
    """Started for a folder; `ask` comes with all that the page's own script would send."""

    def __init__(self, folder: Path, *arguments: str, errors: Path | None = None) -> None:
        self.folder = folder
        self._errors = (errors or folder / "errors.txt").open("a")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "subremover.page", str(folder), "--no-browser", *arguments],
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=ENVIRONMENT,
            text=True,
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        match = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\?token=([\w-]+)", self.address)
        assert match, self.address
        self.port, self.token = int(match[1]), match[2]
        self.host = f"127.0.0.1:{self.port}"
        self.cookie = f"subremover_{self.port}={self.token}"

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """A request with these headers and no others, but for Host unless it is given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return response.status, names, response.read()

    def own(self, **more: str) -> dict[str, str]:
        """Headers that the page's script sends."""
        origin = f"http://{self.host}"
        return {"Cookie": self.cookie, "Origin": origin, "Content-Type": "application/json", **more}

    def ask(self, method: str, path: str, values: Any = None) -> tuple[int, Any]:
        """What the page's script would be answered."""
        body = None if values is None else json.dumps(values).encode()
        status, headers, data = self.send(method, path, body, self.own())
        is_json = headers.get("content-type") == "application/json"
        return status, json.loads(data) if is_json else data

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it, and wait."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(30)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._errors.close()
        return code


def wait_for(is_so: Any, seconds: float = 30) -> Any:
    """What is asked for, once it is true."""
    deadline = time.monotonic() + seconds
    while not (found := is_so()):
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)
    return found

"""The command that serves the page: what it says, and when it refuses."""

import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from page_server import PageServer, wait_for
from processes import ENVIRONMENT


def run(*arguments: object, code: str = "") -> subprocess.CompletedProcess[str]:
    """The command, perhaps after some code, until it ends by itself."""
    program = f"{code}\nfrom subremover.page.command import main\nmain()"
    words = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(words, check=False, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.mp4").write_bytes(b"x")
    return tmp_path / "films"


def test_it_helps_without_loading_anything_large() -> None:
    loaded = "sorted({'torch', 'onnxruntime', 'av', 'cv2'} & {*sys.modules})"
    code = f"import atexit, sys\natexit.register(lambda: print({loaded}))"
    done = run("--help", code=code)
    assert done.returncode == 0
    assert "subremover-page films/" in done.stdout
    assert done.stdout.endswith("[]\n")


def test_missing_packages_are_named(folder: Path) -> None:
    done = run(folder, code="import sys\nsys.modules['uvicorn'] = None")
    assert done.returncode == 2
    assert (
        done.stderr == "subremover-page: the page needs two more packages: pip install 'subremover[page]'\n"
    )
    assert not (folder / "subremover").exists()


def test_what_is_no_folder_is_refused(folder: Path) -> None:
    for name in ("a.mp4", "none"):
        done = run(folder / name)
        assert (done.returncode, done.stdout) == (3, "")
        assert "give the folder that your films are in" in done.stderr


def test_a_folder_that_cannot_be_used_is_refused(folder: Path) -> None:
    (folder / "subremover").write_text("mine")
    done = run(folder)
    assert (done.returncode, done.stdout) == (4, "")
    assert "cannot write to" in done.stderr
    assert (folder / "subremover").read_text() == "mine"


@pytest.mark.parametrize(
    "arguments", [("--port", "70000"), ("--port", "x"), ("--what",), ("--host", "no such name")]
)
def test_wrong_usage_is_told(folder: Path, arguments: tuple[str, ...]) -> None:
    done = run(folder, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Error" in done.stderr or "cannot listen at" in done.stderr


def test_a_port_that_is_taken_is_refused_only_if_it_was_asked_for(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run(folder, "--port", taken.getsockname()[1])
    assert done.returncode == 2
    assert "cannot listen at" in done.stderr


def test_a_folder_has_one_server(folder: Path) -> None:
    server = PageServer(folder)
    try:
        done = run(folder)
        assert (done.returncode, done.stdout) == (4, "")
        assert f"at http://{server.host}/" in done.stderr
        assert f"?token={server.token}" in done.stderr  # the terminal that it was printed in may be closed
    finally:
        server.stop()


@pytest.mark.parametrize(("number", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_it_ends_when_it_is_told_to(folder: Path, number: str, code: int) -> None:
    server = PageServer(folder)
    assert server.ask("GET", "/api/films")[0] == 200
    assert server.stop(getattr(signal, number)) == code
    assert not (folder / "subremover" / "page" / "address.json").exists()


def test_open_tabs_go_on_when_it_is_started_again(folder: Path) -> None:
    first = PageServer(folder)
    first.process.kill()
    first.stop()
    second = PageServer(folder, "--port", str(first.port))
    assert second.address == first.address
    second.stop()


def test_the_token_is_nobody_elses(folder: Path) -> None:
    first = PageServer(folder)
    first.stop()
    file = folder / "subremover" / "page" / "token"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    second = PageServer(folder)
    second.stop()
    assert second.token != first.token
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_server_never_loads_what_only_jobs_need(folder: Path) -> None:
    server = PageServer(folder)
    server.ask("GET", "/api/options")
    server.ask("GET", "/api/films")
    maps = Path(f"/proc/{server.process.pid}/maps")
    if maps.exists():
        loaded = maps.read_text()
        assert "libav" in loaded
        assert "libtorch" not in loaded
        assert "onnxruntime" not in loaded
    server.stop()


def test_a_job_goes_on_with_the_next_server(folder: Path) -> None:
    """A film that is none: the job fails by what the real command says."""
    server = PageServer(folder)
    film = server.ask("GET", "/api/films")[1]["films"][0]["id"]
    code, job = server.ask("POST", f"/api/films/{film}/scan", {})
    assert (code, job["state"]) == (201, "queued")
    server.stop()
    server = PageServer(folder)
    try:
        job = wait_for(
            lambda: [j for j in server.ask("GET", "/api/jobs")[1]["jobs"] if j["state"] == "failed"]
        )[0]
        assert "cannot read" in job["error"]
        assert "a.mp4" in job["error"]
        assert server.ask("GET", "/api/films")[1]["films"][0]["state"] == "failed"
        assert server.ask("POST", f"/api/jobs/{job['id']}/cancel") == (200, {})
        assert server.ask("GET", "/api/jobs")[1]["jobs"] == []
        assert server.ask("POST", f"/api/jobs/{job['id']}/pause")[0] == 404
    finally:
        server.stop()


def test_a_foreign_folder_of_modules_is_not_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "torch.py").write_text("raise SystemExit('loaded from the folder of films')")
    monkeypatch.chdir(folder)
    server = PageServer(folder)
    film = server.ask("GET", "/api/films")[1]["films"][0]["id"]
    server.ask("POST", f"/api/films/{film}/run", {})
    try:
        job = wait_for(
            lambda: [j for j in server.ask("GET", "/api/jobs")[1]["jobs"] if j["state"] == "failed"]
        )[0]
        assert "loaded from" not in job["error"]
        assert os.listdir(folder / "subremover" / "cleaned") == []  # noqa: PTH208
    finally:
        server.stop()

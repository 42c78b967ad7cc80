"""The command `subremover-page`: looks at what it is given, and serves the page until it is stopped."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from subremover.cli.progress_bar import printable, say
from subremover.errors import EXIT_INTERRUPTED, OutputError, SubremoverError, UsageError
from subremover.resume.lock import is_locked, lock_folder

if TYPE_CHECKING:
    from subremover.page.library import Library

USUAL_PORT = 8470
LOCK_NAME, ADDRESS_NAME = "lock", "address.json"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path, readable=False))
@click.option(
    "--host",
    default="127.0.0.1",
    metavar="NAME",
    help="Address to listen at; any but the default can be reached from other machines, without encryption.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="NUMBER",
    show_default=f"{USUAL_PORT}, or any that is free",
    help="Port to listen at.",
)
@click.option(
    "--cluster",
    metavar="WHERE",
    show_default="this machine",
    help="Have films scanned and made by a Ray cluster, as subremover --cluster does.",
)
@click.option("--no-browser", is_flag=True, help="Do not open the page, only print its address.")
def command(folder: Path, *, host: str, port: int | None, cluster: str | None, no_browser: bool) -> None:
    """Remove burned-in subtitles from the films of FOLDER, on a page in the browser.

    \b
    subremover-page films/

    What is made of the films goes into FOLDER/subremover. Ctrl-C stops the server and its jobs; the next
    server goes on with them.
    """
    try:
        import starlette  # noqa: F401, only whether it is there
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise UsageError("the page needs two more packages: pip install 'subremover[page]'") from error
    from subremover.cluster.session import check_address
    from subremover.page.library import Library

    if cluster is not None:
        check_address(cluster)
    library = Library(folder)
    library.make_folders()
    lock = _lock(library)
    try:
        _serve(library, host, port, cluster=cluster, opens=not no_browser and _has_display())
    finally:
        os.close(lock)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and leave with its exit code."""
    try:
        command.main(
            sys.argv[1:] if arguments is None else list(arguments),
            prog_name="subremover-page",
            standalone_mode=False,
        )
    except click.ClickException as error:
        error.show()
        sys.exit(UsageError.exit_code)
    except SubremoverError as error:
        say(printable(f"subremover-page: {error}"))
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(EXIT_INTERRUPTED)


def _lock(library: Library) -> int:
    """Be the only server of a folder."""
    try:
        return lock_folder(library.page, LOCK_NAME, f"'{library.folder}'")
    except OutputError as error:
        if not is_locked(library.page / LOCK_NAME):
            raise
        raise OutputError(
            f"there is a page of '{library.folder}' already{_find_address(library.page)}; "
            "open that, or stop its server first"
        ) from error
    except OSError as error:
        raise OutputError(f"cannot use '{library.page}' ({error.strerror}); change its mode") from error


def _serve(library: Library, host: str, port: int | None, *, cluster: str | None, opens: bool) -> None:
    from subremover.page.guard import Guard
    from subremover.page.jobs.queue import Queue
    from subremover.page.pictures.pictures import Pictures
    from subremover.page.plans.plans import Plans
    from subremover.page.server import Server, make_hosts, make_site, open_socket, read_token

    try:
        place = open_socket(host, port, USUAL_PORT)
    except OSError as error:
        wanted = f"'{host}'" if port is None else f"'{host}', port {port}"
        raise UsageError(
            f"cannot listen at {wanted} ({error.strerror or error}); give another one"
        ) from error
    with place, contextlib.closing(Pictures()) as pictures:
        plans = Plans(library)
        queue = Queue(library, plans, cluster=cluster)
        token = read_token(library.page, is_kept=host in _LOOPBACK)
        site = make_site(library, plans, queue, pictures)
        guard = Guard(site, token, place.getsockname()[1], make_hosts(place, host))
        address = _name(place)
        _note_address(library.page, address)
        queue.start()
        try:
            _tell(f"{address}?token={token}", is_local=host in _LOOPBACK, opens=opens)
            Server(guard, place).serve_here()
        finally:
            queue.stop()
            with contextlib.suppress(OSError):
                (library.page / ADDRESS_NAME).unlink(missing_ok=True)


def _tell(address: str, *, is_local: bool, opens: bool) -> None:
    """Say where the page is, and show it."""
    print(address, flush=True)
    say("subremover-page: Ctrl-C stops the server; its jobs go on when it is started again")
    if not is_local:
        say("subremover-page: whoever has this address, or can listen in, can use the page")
    if opens:
        webbrowser.open(address)


def _name(place: socket.socket) -> str:
    """The address of what a socket is bound to, as a browser takes it."""
    host, port = place.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = socket.gethostname()
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _note_address(folder: Path, address: str) -> None:
    """Tell a second server where the first is."""
    from subremover.runtime.atomic_file import new_file

    with new_file(folder / ADDRESS_NAME) as part:
        part.write_text(json.dumps({"address": address}))


def _find_address(folder: Path) -> str:
    from subremover.page.server import TOKEN_NAME, read_private

    try:
        with (folder / ADDRESS_NAME).open("rb") as file:
            address = json.loads(file.read(1000))["address"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    if not isinstance(address, str) or not address.startswith("http://"):
        return ""
    token = read_private(folder / TOKEN_NAME)  # only of the same user, who may well have closed the terminal
    return f", at {address}{f'?token={token}' if token else ''}"


def _has_display() -> bool:
    """Whether a browser could show anything: over ssh it would open a text browser in the terminal."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))

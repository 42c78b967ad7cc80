"""The command: film by film, errors to text and exit code."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from subremover.cli.help import GroupedCommand
from subremover.cli.options import Session, declare_options
from subremover.cli.process_film import process_film
from subremover.cli.process_films import process_films
from subremover.cli.progress_bar import print_error, print_notes, print_out, printable, say
from subremover.cli.request import Request
from subremover.cli.signals import watch_signals
from subremover.errors import EXIT_INTERRUPTED, DeviceError, SubremoverError, UsageError
from subremover.fill.paint.jobs import Painter

if TYPE_CHECKING:
    from subremover.cluster.cluster import Cluster

EPILOG = """\b
Exit codes: 0 done, 1 some of several films failed, 2 wrong usage, 3 the film cannot be read,
4 the output cannot be written, 5 plan, mask or times do not fit, 6 no such device or too little
memory, 7 a GPU failed, 129 the terminal closed, 130 interrupted, 143 terminated."""


@click.command(
    cls=GroupedCommand,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
)
@declare_options
@click.pass_obj
def command(session: Session, /, **values: Any) -> int:
    """Remove burned-in subtitles from films.

    \b
    subremover movie.mp4 -o clean.mp4
    subremover *.mkv -o cleaned/
    subremover films/ -o cleaned/

    A folder as INPUT stands for the films in it. With several films, options that take a file or a folder
    take a folder, in which each film has its own; --mask, --ocr-model and --summary are one for all.
    """
    _set_logging(values["quiet"], values["verbose"])
    request = Request.read(values)
    if request.status:
        _print_status(request)
        return 0
    with _open_cluster(request) as cluster:
        if request.archive is None:
            process_film(request.films[0], request, session.painter, cluster)
            return 0
        return process_films(request, session.painter, cluster)


def _open_cluster(request: Request) -> AbstractContextManager[Cluster | None]:
    """The cluster that was asked for; None: this process does the work."""
    if request.cluster is None:
        return nullcontext()
    from subremover.cluster.cluster import Cluster

    return Cluster(request.cluster, send_film=request.send_film)


def run(arguments: Sequence[str], painter: Painter | None = None) -> int:
    """Run the command.

    Args:
        arguments: Without the program's name.
        painter: What paints the holes; None: as the options say.

    Returns:
        The exit code.
    """
    session = Session(any(a in {"-v", "--verbose"} for a in arguments), painter)
    watch_signals()
    try:
        return int(
            command.main(list(arguments), prog_name="subremover", standalone_mode=False, obj=session) or 0
        )
    except click.ClickException as error:
        error.show()
        return UsageError.exit_code
    except SubremoverError as error:
        print_error(error, session.is_verbose)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort) as error:
        say("subremover: interrupted")
        print_notes(error.__cause__ or error)  # click's own comes of Ctrl-C
        return EXIT_INTERRUPTED
    except SystemExit as error:
        print_notes(error)
        raise
    except (MemoryError, BlockingIOError) as error:  # the latter: no thread can be started
        say("subremover: out of memory; try --batch-size 1 or --preset fast")
        print_notes(error)
        return DeviceError.exit_code


def _print_status(request: Request) -> None:
    """How far the runs are that make these films."""
    from subremover.resume.stopped import describe_work

    for film in request.films:
        if film.outputs.film is None:
            raise UsageError("--status tells how far a film is; leave out --scan-only and --preview")
        print_out(describe_work(film.source, film.outputs.film))


def _set_logging(quiet: bool, verbose: bool) -> None:
    if quiet and verbose:
        raise UsageError("-q and -v exclude each other")
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("subremover: %(message)s"))
    logging.basicConfig(level=logging.ERROR if quiet else logging.WARNING, handlers=[handler])
    # not of all libraries: Pillow would tell of every chunk of a PNG
    logging.getLogger("subremover").setLevel(logging.DEBUG if verbose else logging.NOTSET)


class _OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))

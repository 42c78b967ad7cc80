"""What the command does with several films, and what it says of all of them.

They are made one after the other, but on a cluster, which has room for many.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from typing import TYPE_CHECKING

from subremover.archive.summary import Entry
from subremover.cli.process_film import process_film
from subremover.cli.progress_bar import print_error, printable, say
from subremover.cli.progress_lines import tell_summary
from subremover.cli.request import Request
from subremover.errors import ClusterError, InputError, SubremoverError

if TYPE_CHECKING:
    from subremover.archive.archive import Archive
    from subremover.archive.film import Done, FilmRequest
    from subremover.archive.summary import Summary
    from subremover.cluster.cluster import Cluster
    from subremover.fill.paint.jobs import Painter

MOST_FILMS = 64
"""In hand at once on a cluster: one of 90 minutes has work for hundreds of cores, and takes memory here."""


def process_films(request: Request, painter: Painter | None = None, cluster: Cluster | None = None) -> int:
    """Do to all films what the request says, and say what came of each.

    Args:
        request: What was asked for.
        painter: What paints the holes; None: as the options say.
        cluster: What scans and renders; None: this process.

    Returns:
        The exit code: 1 if some of several films failed.

    Raises:
        SubremoverError: The only film failed, the cluster is lost, or nothing can be begun.
    """
    archive = open_archive(request)
    for folder, why in request.inputs.unread.items():  # whoever reads the summary alone is to know
        archive.summary.set(str(folder), Entry.of_place(folder, InputError(why)))
    try:
        with archive, ExitStack() as stack:

            def make(film: FilmRequest) -> Done:
                return process_film(film, request, painter, cluster, check=partial(archive.check, film))

            if cluster is not None:
                _make_at_once(archive, make, request, cluster.slots)
            while (film := archive.next_film()) is not None:
                if painter is None:
                    painter = stack.enter_context(_share_painter(request))
                _make_film(film, archive, make, request)
    finally:
        _tell(archive.summary, request)
    return 1 if archive.summary.failed else 0


def open_archive(request: Request) -> Archive:
    """What hands out the films of a request, and notes what came of them."""
    from subremover.archive.archive import Archive
    from subremover.archive.arrivals import Arrivals
    from subremover.archive.options import ArchiveOptions

    arrivals = Arrivals(request.inputs.find) if request.watch else None
    return Archive(request.films, request.archive or ArchiveOptions(), arrivals=arrivals, request=request.ask)


def _make_film(
    film: FilmRequest, archive: Archive, make: Callable[[FilmRequest], Done], request: Request
) -> None:
    """Make a film, and note what came of it."""
    is_one = len(request.films) == 1 and not request.watch
    try:
        done = make(film)
    except SubremoverError as error:
        archive.note(film, error)
        if is_one or isinstance(error, ClusterError):  # without the cluster the next would fail as well
            raise
        print_error(error, request.verbose, f"{film.name}: ")
    else:
        archive.note(film, done)


def _make_at_once(archive: Archive, make: Callable[[FilmRequest], Done], request: Request, most: int) -> None:
    """Make all films, so many at once, each in a thread, which mostly waits.

    A signal ends the threads as it ends a run: their progress raises it.
    """

    def make_films() -> None:
        while (film := archive.next_film()) is not None:
            _make_film(film, archive, make, request)

    count = max(1, min(most, MOST_FILMS, sys.maxsize if request.watch else len(request.films)))
    with ThreadPoolExecutor(count, "film") as threads:
        try:
            made = [threads.submit(make_films) for _ in range(count)]
            for each in made:
                each.result()
        except BaseException:
            archive.close()
            raise


def _share_painter(request: Request) -> AbstractContextManager[Painter | None]:
    """What paints the holes of all films, so that a GPU keeps from film to film what was begun on it.

    None: each film has its own, as where its holes decide how much memory there is for fits.
    """
    options = request.options
    if request.scan_only or options.max_memory_bytes is not None:
        return nullcontext()
    from subremover.fill.paint.devices import prepare_device
    from subremover.fill.paint.pool import Pool

    prepare_device(options.pool.device)
    return Pool(options.paint, options.pool)


def _tell(summary: Summary, request: Request) -> None:
    """Say how many films are done, and once more which have failed: other lines may lie between."""
    if request.progress == "json":
        tell_summary(summary.describe())
    if request.quiet:
        return
    say(summary.tell())
    if len(summary.entries) > 1:
        for name, entry in summary.failed.items():
            say(printable(f"failed: {name}: {entry.error}"))

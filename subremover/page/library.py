"""The films of the folder, by their ids, and where everything lies that is made of them.

No path ever comes from a browser: it names a film by its id, and the film is looked for in the folder.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from subremover.cli.outputs import FILM_SUFFIXES
from subremover.errors import InputError, OutputError
from subremover.page.refusals import Refusal, missing
from subremover.runtime.paths import is_file, is_folder, tell

WORK_NAME = "subremover"
CONTAINERS = ("mkv", "mp4")
"""That a clean film can be asked for in, besides its source's."""
MOST_FILMS, MOST_DEPTH, MOST_ENTRIES = 10_000, 16, 500_000
_LIST_SECONDS = 1.0
"""How long what was listed is taken for what is there: a page asks for many films at once."""
_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class FilmFile:
    """A film of the folder."""

    relative: str
    """Its path in the folder; as Python has names that are not UTF-8, with surrogates."""
    path: Path

    @property
    def id(self) -> str:
        """By which a browser names it."""
        return hashlib.sha256(os.fsencode(self.relative)).hexdigest()[:16]

    @property
    def name(self) -> str:
        """To be shown."""
        return readable(self.relative)


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where what is made of a film goes."""

    film: Path
    srt: Path
    report: Path


class Library:
    """A folder of films."""

    def __init__(self, folder: Path) -> None:
        """Take a folder; `make_folders` makes what is needed in it.

        Raises:
            InputError: It is none.
        """
        if not is_folder(folder):
            what = "is no folder" if is_file(folder) else "does not exist"
            raise InputError(f"'{folder}' {what}; give the folder that your films are in")
        self.folder = Path(os.path.realpath(folder))
        self.work = self.folder / WORK_NAME
        self.page, self.plans, self.cleaned = (self.work / name for name in ("page", "plans", "cleaned"))
        self._lock = threading.Lock()
        self._listed: dict[str, FilmFile] = {}
        self._listed_at = -_LIST_SECONDS

    def make_folders(self) -> None:
        """Make those for what is made of films.

        Raises:
            OutputError: They cannot be made, or one of them leads elsewhere.
        """
        for folder in (self.work, self.plans, self.cleaned):
            try:
                folder.mkdir(exist_ok=True)
                if not os.access(folder, os.W_OK | os.X_OK):
                    raise PermissionError(13, "no permission to write there")
            except OSError as error:
                raise OutputError(
                    f"cannot write to '{folder}' ({tell(error)}); the page keeps what it makes there: "
                    f"change the mode of '{self.folder}', or give another folder"
                ) from error
            _check_is_here(folder)

    def list_films(self) -> list[FilmFile]:
        """All films, by path."""
        with self._lock:
            if time.monotonic() - self._listed_at >= _LIST_SECONDS:
                films = sorted(self._walk(), key=lambda film: film.relative)
                self._listed = {film.id: film for film in films[:MOST_FILMS]}
                self._listed_at = time.monotonic()
            return list(self._listed.values())

    def find(self, film_id: str) -> FilmFile:
        """The film with an id.

        Raises:
            Refusal: There is none.
        """
        if _ID.fullmatch(film_id):
            film = self._listed.get(film_id)
            if film is None or not self._is_inside(film.path):
                film = next((film for film in self.list_films() if film.id == film_id), None)
            if film is not None and self._is_inside(film.path):
                return film
        raise missing("such film in the folder")

    def plan_folder(self, film: FilmFile) -> Path:
        """Where a film's plan is.

        Raises:
            Refusal: Something there leads elsewhere.
        """
        return check_place(self.plans / film.relative)

    def outputs(self, film: FilmFile, container: str | None = None) -> Outputs:
        """Where what is made of a film goes, if it is asked for in some container.

        Where two films differ by their suffix alone, what is made of them is named by their whole names.

        Raises:
            Refusal: Something there leads elsewhere.
        """
        path = self.cleaned / film.relative
        stem = path.stem
        if any(self._is_inside(other) for other in _find_siblings(film.path)):
            stem = path.name
        is_same = container is None or path.suffix.lower() == f".{container}"
        return Outputs(
            check_place(path if is_same else path.with_name(f"{stem}.{container}")),
            check_place(path.with_name(f"{stem}.srt")),
            check_place(path.with_name(f"{stem}.html")),
        )

    def find_clean(self, film: FilmFile) -> Path | None:
        """The clean film, in whichever container it was made last; None: there is none."""
        found = [self.outputs(film, container).film for container in (None, *CONTAINERS)]
        there = [path for path in found if is_file(path)]
        return max(there, key=lambda path: path.stat().st_mtime_ns, default=None)

    def _walk(self) -> Iterator[FilmFile]:
        folders, left, count = [("", 0)], MOST_ENTRIES, 0
        while folders:
            folder, depth = folders.pop(0)
            try:
                entries = list(os.scandir(self.folder / folder))
            except OSError:  # closed, or gone
                continue
            left -= len(entries)
            for entry in entries if left > 0 else ():
                relative = os.path.join(folder, entry.name)  # noqa: PTH118, a Path drops nothing but takes long
                if entry.name.startswith(".") or relative == WORK_NAME:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if depth < MOST_DEPTH:
                        folders.append((relative, depth + 1))
                elif is_film_name(entry.name) and count < MOST_FILMS and self._is_inside(Path(entry.path)):
                    count += 1
                    yield FilmFile(relative, self.folder / relative)

    def _is_inside(self, path: Path) -> bool:
        """Whether it is a file that really lies in the folder."""
        return is_file(path) and Path(os.path.realpath(path)).is_relative_to(self.folder)


def is_film_name(name: str) -> bool:
    """Whether films are called so."""
    return os.path.splitext(name)[1].lower() in FILM_SUFFIXES  # noqa: PTH122


def readable(text: str) -> str:
    """A name as UTF-8 can tell it."""
    return os.fsencode(text).decode(errors="replace")


def check_place(path: Path) -> Path:
    """A place among what is made, whether or not anything is there.

    Raises:
        Refusal: A link on the way leads elsewhere.
    """
    try:
        _check_is_here(path)
    except OutputError as error:
        raise Refusal(409, str(error), "link") from error
    return path


def _check_is_here(path: Path) -> None:
    if os.path.realpath(path) != str(path):
        raise OutputError(f"'{path}' is a link, or lies behind one; put a folder or file of its own there")


def _find_siblings(path: Path) -> Iterator[Path]:
    """Files that are called as a film is but for the suffix."""
    for suffix in FILM_SUFFIXES:
        if suffix != path.suffix.lower():
            yield path.with_suffix(suffix)

"""The films of the folder, by their ids, and where everything lies that is made of them.

No path ever comes from a browser: it names a film by its id, and the film is looked for in the folder.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from subremover.archive.folders import FILM_SUFFIXES
from subremover.errors import InputError, OutputError
from subremover.page.refusals import Refusal, missing
from subremover.plan.model import PLAN_NAME
from subremover.runtime.paths import is_file, is_folder, tell

WORK_NAME = "subremover"
CONTAINERS = ("mkv", "mp4")
"""That a clean film can be asked for in, besides its source's."""
MOST_FILMS, MOST_DEPTH, MOST_ENTRIES = 10_000, 16, 500_000
_LIST_SECONDS, _LIST_TIMES = 1.0, 5.0
"""How long what was listed is taken for what is there, and how many times as long as it took to list: a page
asks for many films at once, and somebody may give their whole disk."""
_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class FilmFile:
    """A film of the folder."""

    relative: str
    """Its path in the folder; as Python has names that are not UTF-8, with surrogates."""
    path: Path
    has_sibling: bool = False
    """Whether another film beside it is called so but for the suffix."""

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
        self._listed_until = 0.0

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
            if (start := time.monotonic()) >= self._listed_until:
                found = sorted(self._walk())
                stems = Counter(os.path.splitext(relative)[0] for relative in found)  # noqa: PTH122
                films = (
                    FilmFile(name, self.folder / name, stems[os.path.splitext(name)[0]] > 1)  # noqa: PTH122
                    for name in found
                )
                self._listed = {film.id: film for film in films}
                now = time.monotonic()
                self._listed_until = now + max(_LIST_SECONDS, _LIST_TIMES * (now - start))
            return list(self._listed.values())

    def find_relative(self, relative: str) -> FilmFile:
        """The film with a path in the folder, as it would be if it is not there any longer."""
        film = FilmFile(relative, self.folder / relative)
        return next((other for other in self.list_films() if other.id == film.id), film)

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
        stem = path.name if film.has_sibling else path.stem
        return Outputs(
            check_place(self._list_clean(film, (container,))[0]),
            check_place(path.with_name(f"{stem}.srt")),
            check_place(path.with_name(f"{stem}.html")),
        )

    def find_clean(self, film: FilmFile) -> Path | None:
        """The clean film, in whichever container it was made last; None: there is none.

        Raises:
            Refusal: It leads elsewhere.
        """
        there = [path for path in self._list_clean(film) if is_file(path)]
        newest = max(there, key=lambda path: path.stat().st_mtime_ns, default=None)
        return None if newest is None else check_place(newest)

    def find_state(self, film: FilmFile) -> Literal["new", "scanned", "done"]:
        """How far a film is by what is there of it; quick, for it is asked of thousands."""
        if any(map(is_file, self._list_clean(film))):
            return "done"
        return "scanned" if is_file(self.plans / film.relative / PLAN_NAME) else "new"

    def _list_clean(
        self, film: FilmFile, containers: Iterable[str | None] = (None, *CONTAINERS)
    ) -> list[Path]:
        """What the clean film is called in these containers."""
        path = self.cleaned / film.relative
        stem = path.name if film.has_sibling else path.stem
        own = (None, path.suffix.lower()[1:])
        return [path if it in own else path.with_name(f"{stem}.{it}") for it in containers]

    def _walk(self) -> Iterator[str]:
        """Relative paths of all films, in no order."""
        folders, left, count = deque([("", 0)]), MOST_ENTRIES, 0
        while folders and left > 0:
            folder, depth = folders.popleft()
            try:
                with os.scandir(self.folder / folder) as entries:
                    for entry in entries:
                        relative = os.path.join(folder, entry.name)  # noqa: PTH118, for a Path takes long
                        left -= 1
                        if entry.name.startswith(".") or left < 0 or relative == WORK_NAME or _is_work(entry):
                            continue
                        if entry.is_dir(follow_symlinks=False):
                            if depth < MOST_DEPTH:
                                folders.append((relative, depth + 1))
                        elif is_film_name(entry.name) and self._is_film(entry):
                            yield relative
                            count += 1
                            if count == MOST_FILMS:
                                return
            except OSError:  # closed, or gone
                continue

    def _is_film(self, entry: os.DirEntry[str]) -> bool:
        """Whether it is a file; no folder on the way to it is a link."""
        return self._is_inside(Path(entry.path)) if entry.is_symlink() else entry.is_file()

    def _is_inside(self, path: Path) -> bool:
        """Whether it is a file that really lies in the folder."""
        return is_file(path) and Path(os.path.realpath(path)).is_relative_to(self.folder)


def _is_work(entry: os.DirEntry[str]) -> bool:
    """Whether it is what a page has made, of this folder or of one inside."""
    return entry.name == WORK_NAME and is_folder(Path(entry.path) / "page")


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

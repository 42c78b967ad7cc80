"""Which films are meant by the names that were given."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from subremover.archive.folders import FoundFilm, find_films
from subremover.cli.options import Given
from subremover.errors import InputError, UsageError
from subremover.runtime.paths import is_folder, resolve


class Inputs:
    """Films, and folders that stand for the films in them."""

    def __init__(
        self, given: Sequence[Given], *, is_recursive: bool, is_watched: bool, left_out: Collection[Path]
    ) -> None:
        """Look at what was given.

        Args:
            given: As the user wrote it.
            is_recursive: Whether a folder also stands for the films of all folders below it.
            is_watched: Whether films may come yet.
            left_out: Folders for outputs, which are not read where they lie inside of one that was given.

        Raises:
            UsageError: What is to be watched is no folder.
            InputError: It is an address.
        """
        for name in given:
            if name.is_address:
                raise InputError(f"reads files only, not addresses: download '{name.text}' first")
            if is_watched and not is_folder(name.path):
                raise UsageError(
                    f"--watch waits for films in folders; '{name.path}' is none: give its folder"
                )
        self._paths = [name.path for name in given]
        self._is_recursive, self._is_watched = is_recursive, is_watched
        self._left_out = {resolve(folder) for folder in left_out}
        self.unread: dict[Path, str] = {}
        """Folders below those given whose films are left out, and why."""

    @property
    def is_many(self) -> bool:
        """Whether outputs name folders."""
        return len(self._paths) > 1 or is_folder(self._paths[0])

    def find(self) -> list[FoundFilm]:
        """The films that are there now, as they were given, those of a folder by name.

        Raises:
            InputError: A folder cannot be read, or has no film in it though none may come yet.
            UsageError: A film was given twice.
        """
        found = [film for path in self._paths for film in self._list(path)]
        seen: set[Path] = set()
        for film in found:
            if film.source in seen:
                raise UsageError(f"'{film.source}' was given twice; give it once")
            seen.add(film.source)
        return found

    def _list(self, path: Path) -> Iterator[FoundFilm]:
        if not is_folder(path) and not self._is_watched:
            yield FoundFilm(path, Path(path.name))
            return
        films = find_films(path, self._is_recursive, self._left_out, self.unread)
        if not films and not self._is_watched:
            where = f"in the folder '{path}'{' or below it' if self._is_recursive else ''}"
            raise InputError(f"there is no film {where}; name a film, or a folder with films")
        yield from films

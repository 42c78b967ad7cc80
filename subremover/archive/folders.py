"""The films of a folder, and of all folders below it."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from subremover.errors import InputError
from subremover.runtime.paths import resolve, tell

log = logging.getLogger(__name__)

FILM_SUFFIXES = frozenset(
    {".3gp", ".asf", ".avi", ".divx", ".f4v", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg"}
    | {".mpg", ".mts", ".mxf", ".ogm", ".ogv", ".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv"}
)
"""By which films are known in a folder."""


@dataclass(frozen=True, slots=True)
class FoundFilm:
    """A film that was given, or lies in a folder that was."""

    source: Path
    relative: Path
    """In that folder, which is where it belongs in folders of outputs as well."""


def find_films(
    folder: Path,
    is_recursive: bool = False,
    left_out: Collection[Path] = (),
    unread: dict[Path, str] | None = None,
) -> list[FoundFilm]:
    """The films of a folder, by name, but for hidden ones.

    Links to folders are not followed. A folder below that cannot be read is warned of and left out.

    Args:
        folder: To look in.
        is_recursive: Whether to look in all folders below it too, but for hidden ones.
        left_out: Folders, without links on the way (`paths.resolve`), that are not looked into from above.
        unread: Folders below that could not be read before, and why; of these no warning is given again, and
            new ones are added.

    Raises:
        InputError: The folder itself cannot be read.
    """
    top, found, below = resolve(folder), [], [Path()]
    while below:
        inner = below.pop()
        try:
            for name, is_folder in _list(folder / inner):
                relative = inner / name
                if not is_folder:
                    if relative.suffix.lower() in FILM_SUFFIXES:
                        found.append(FoundFilm(folder / relative, relative))
                elif is_recursive and top / relative not in left_out:
                    below.append(relative)
        except OSError as error:
            why = f"cannot read the folder '{folder / inner}' ({tell(error)})"
            if inner == Path():
                raise InputError(f"{why}; check its mode") from error
            if unread is None or unread.get(folder / inner) != why:
                log.warning("%s; its films are left out", why)
            if unread is not None:
                unread[folder / inner] = why
    return sorted(found, key=lambda film: film.relative.parts)


def _list(folder: Path) -> Iterator[tuple[str, bool]]:
    """What is in a folder and not hidden, and whether it is a folder; links to folders are left out."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield entry.name, True
            elif not entry.is_symlink() or not os.path.isdir(entry.path):  # noqa: PTH112, never raises
                yield entry.name, False

"""Looks at what a user names, whatever it is: what cannot be looked at is not there, no pipe is waited for.

`Path.exists`, `is_file`, `is_dir` and `resolve` raise an error, on some Pythons and not on others, where a
folder must not be entered, a name is too long or holds a null byte, or links go in a circle.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from subremover.errors import PlanError, SubremoverError


def exists(path: Path) -> bool:
    """Whether there is anything, behind links as well."""
    return os.path.exists(path)  # noqa: PTH110, never raises


def is_file(path: Path) -> bool:
    """Whether it is a regular file, behind links as well: a pipe, which would be waited for, is none."""
    return os.path.isfile(path)  # noqa: PTH113, never raises


def is_folder(path: Path) -> bool:
    """Whether it is a folder, behind links as well."""
    return os.path.isdir(path)  # noqa: PTH112, never raises


def resolve(path: Path) -> Path:
    """The name without links, as far as one can look, which two names of one place have in common."""
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError):  # the current folder is gone, a null byte
        return path


def look(path: Path) -> os.stat_result | None:
    """What there is under a name, of a link the link itself; None where there is nothing.

    Raises:
        OSError: One cannot look.
        ValueError: The name holds a null byte.
    """
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def tell(error: Exception) -> str:
    """Why one cannot look, read or write, in the system's words."""
    return getattr(error, "strerror", None) or str(error)


def read_small_file(
    path: Path, what: str, remedy: str, most_bytes: int, *, kind: type[SubremoverError] = PlanError
) -> bytes:
    """All bytes of a file that an option names and that fits in memory.

    Args:
        path: As the user has named it.
        what: It should be, for the message.
        remedy: What to do otherwise.
        most_bytes: More are not read.
        kind: Of the error; by default that of files which say what is to be removed.

    Raises:
        SubremoverError: Of that kind: it cannot be read, is no regular file, or is too large.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise kind(f"{what} '{path}' is no regular file; {remedy}")
        if found.st_size > most_bytes:
            raise kind(f"{what} '{path}' has over {most_bytes >> 20} MiB; {remedy}")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise kind(
            f"cannot read {what} '{path}': {tell(error)}; check its name and its mode, or {remedy}"
        ) from error


def write_file(file: Path, data: bytes) -> None:
    """Write a file among those of a folder; one that exists is replaced.

    Raises:
        OSError: It cannot be written.
    """
    if exists(file) and not is_file(file):  # a pipe would be waited for
        raise FileExistsError(errno.EEXIST, f"'{file.name}' is no regular file")
    file.write_bytes(data)

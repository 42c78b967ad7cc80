"""Opens the file that a film is read from, and checks that it is one and that it stays the same."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import av
import av.error
from av.container import InputContainer

from subremover.errors import FilmChangedError, InputError
from subremover.runtime.paths import tell
from subremover.video.film import Film
from subremover.video.read.limits import open_options


@contextlib.contextmanager
def open_input(path: Path) -> Iterator[InputContainer]:
    """Open a film for reading; a context manager that closes it at the end.

    Args:
        path: Of the film.

    Yields:
        The container.

    Raises:
        InputError: The file cannot be opened, or FFmpeg fails in the body.
    """
    with input_errors(path):
        # absolute: FFmpeg reads what comes before a colon in a relative name as a protocol;
        # surrogateescape: old files carry tags in other encodings than UTF-8
        name, options = str(path.absolute()), open_options()
        with av.open(name, options=options, metadata_errors="surrogateescape") as container:
            yield container


@contextlib.contextmanager
def input_errors(path: Path) -> Iterator[None]:
    """Turn the body's errors of files and of FFmpeg into those of a film.

    Args:
        path: Of the film.

    Raises:
        InputError: The file cannot be opened, or FFmpeg fails.
    """
    try:
        yield
    except PermissionError as error:
        raise InputError(f"no permission to read '{path}'; change its mode or owner") from error
    except FileNotFoundError as error:
        raise InputError(f"'{path}' does not exist; check the name") from error
    except av.error.FFmpegError as error:
        raise InputError(
            f"cannot read '{path}' as a film ({error.strerror}); check that it is whole and plays elsewhere"
        ) from error


def read_stamp(path: Path) -> tuple[int, int]:
    """Check that a film's file can be read, and tell in what state it is.

    Args:
        path: Of the film.

    Returns:
        Its size in bytes, and when it was last written, in ns.

    Raises:
        InputError: It does not exist, is empty, is no regular file or must not be read.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        if path.is_symlink():
            raise InputError(f"'{path}' is a link to nothing; check where it leads") from error
        raise InputError(f"'{path}' does not exist; check the name") from error
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read '{path}' ({tell(error)}); check the name and its folder") from error
    if stat.S_ISDIR(found.st_mode):
        raise InputError(f"'{path}' is a directory; give a film file")
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"'{path}' is no regular file and cannot be read twice; save it to disk first")
    if found.st_size == 0:
        raise InputError(f"'{path}' is empty; download or copy it again")
    if not os.access(path, os.R_OK):
        raise InputError(f"no permission to read '{path}'; change its mode or owner")
    return found.st_size, found.st_mtime_ns


def check_unchanged(film: Film) -> None:
    """Check that a film's file is still as it was when it was probed.

    One that was deleted, or lies in a folder that is closed by now, passes.

    Args:
        film: As it was probed.

    Raises:
        FilmChangedError: The file was written to.
    """
    with contextlib.suppress(OSError):
        found = film.path.stat()
        if (found.st_size, found.st_mtime_ns) != film.stamp:
            raise FilmChangedError(
                f"'{film.path}' was changed while it was read; start again when it is whole"
            )

"""The file that a film is read from: whether there is one, what it contains, whether it stays the same."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import av
import av.error
from av.container import InputContainer

from subremover.errors import InputError
from subremover.runtime.paths import tell
from subremover.video.film import Film
from subremover.video.read.limits import open_options


@contextlib.contextmanager
def open_input(path: Path) -> Iterator[InputContainer]:
    """The container for reading, closed at the end.

    Raises:
        InputError: FFmpeg fails, here or in the body.
    """
    try:
        # absolute: FFmpeg reads what comes before a colon in a relative name as a protocol;
        # surrogateescape: old files carry tags in other encodings than UTF-8
        name, options = str(path.absolute()), open_options()
        with av.open(name, options=options, metadata_errors="surrogateescape") as container:
            yield container
    except PermissionError as error:
        raise InputError(f"no permission to read '{path}'; change its mode or owner") from error
    except FileNotFoundError as error:
        raise InputError(f"'{path}' does not exist; check the name") from error
    except av.error.FFmpegError as error:
        raise InputError(
            f"cannot read '{path}' as a film ({error.strerror}); check that it is whole and plays elsewhere"
        ) from error


def read_stamp(path: Path) -> tuple[int, int]:
    """Bytes of a film's file, and when it was last written in ns.

    Raises:
        InputError: It is no file that can be read.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
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
    """Find out whether what was read since it was probed can be of one film.

    One that is gone, or lies in a folder that is closed by now, may be.

    Raises:
        InputError: The file was written to.
    """
    with contextlib.suppress(OSError):
        found = film.path.stat()
        if (found.st_size, found.st_mtime_ns) != film.stamp:
            raise InputError(f"'{film.path}' was changed while it was read; start again when it is whole")

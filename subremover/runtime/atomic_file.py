"""Files that appear whole or not at all: written under another name beside their target, then renamed.

What is written into them is up to the callers.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from subremover.errors import OutputError
from subremover.runtime.paths import is_folder, look, resolve, tell

_NUMBERS = itertools.count()


class PartFile:
    """A file under a temporary name in the target's directory; `commit` gives it the target's."""

    def __init__(self, target: Path, folder: Path | None = None) -> None:
        """Choose the temporary name; nothing is created yet.

        Args:
            target: The final name. Where it is a link, the file behind it is replaced and the link stays.
            folder: Where to write instead, a folder that is cleared after runs that were killed. It must be
                on the target's disk; if it is not, the file is beside the target all the same, under one name
                in each run, so that there never is more than one.
        """
        self.target = resolve(target)  # through a link, so that the link stays one
        own = f"{os.getpid()}-{next(_NUMBERS)}" if folder is None else _hash(folder)
        # FFmpeg tells the container by the extension, so it stays last
        name = f".{shorten(self.target.stem)}.part-{own}{self.target.suffix[:32]}"
        self.path = self.target.parent / name
        if folder is not None and _can_move(folder / name, self.path):
            self.path = folder / name

    def open(self) -> BinaryIO:
        """Create the file under its temporary name, to be written and closed before `commit`.

        Raises:
            OSError: It cannot be made.
        """
        return self.path.open("wb")

    def commit(self) -> None:
        """Put the whole file in the target's place; its bytes are on disk before, and its name is after.

        Raises:
            OutputError: The disk fails or is full.
        """
        with output_errors(self.target):
            sync(self.path)
            self.path.replace(self.target)
            sync_folder(self.target.parent)

    def discard(self) -> None:
        """Remove the file under its temporary name, if there is one."""
        self.path.unlink(missing_ok=True)


class MemoryFile(io.BytesIO):
    """Takes a `PartFile`'s place where no file is wanted: what was written is `data`, once it is closed."""

    data = b""

    def open(self) -> BinaryIO:
        """Itself, to be written and closed."""
        return self

    def close(self) -> None:
        """Keep what was written."""
        if not self.closed:
            self.data = self.getvalue()
        super().close()

    def commit(self) -> None:
        """Nothing is to be done: it has no name."""

    def discard(self) -> None:
        """Nothing is to be done: it leaves nothing."""


def _hash(folder: Path) -> str:
    """A short name for a folder, the same in each run."""
    return hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]


def _can_move(old: Path, new: Path) -> bool:
    """Whether a file can be renamed from one place to another, tried with an empty file.

    Only trying tells: one disk may be mounted in two places.
    """
    try:
        old.touch()
        old.replace(new)
    except OSError:
        return False
    finally:
        for path in (old, new):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
    return True


def sync(path: Path) -> None:
    """Wait until a file's bytes are on disk and not only on their way there.

    Raises:
        OSError: The disk fails.
    """
    _sync(path, os.O_RDWR)


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on disk, where the system can do that."""
    with contextlib.suppress(OSError):  # Windows opens no folder, some network disks refuse
        _sync(path, os.O_RDONLY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def shorten(name: str) -> str:
    """The first 150 bytes of a file's name, which leave room for a prefix and a suffix: 255 are allowed."""
    return os.fsencode(name)[:150].decode(errors="ignore")


@contextlib.contextmanager
def new_file(target: Path, folder: Path | None = None) -> Iterator[Path]:
    """Write a file that appears under its name only when the `with` body has ended without an exception.

    Args:
        target: The final name; its directory is made if need be.
        folder: See `PartFile`.

    Yields:
        The name to write to meanwhile.

    Raises:
        OutputError: The file cannot be written, or not put in place.
    """
    part = None
    try:
        resolve(target).parent.mkdir(parents=True, exist_ok=True)
        part = PartFile(target, folder)
        yield part.path
        part.commit()
    except OSError as error:
        raise OutputError(f"cannot write '{target}': {tell(error)}; try another name or directory") from error
    finally:
        with contextlib.suppress(OSError):
            if part is not None:
                part.discard()


@contextlib.contextmanager
def output_errors(target: Path, *kinds: type[Exception]) -> Iterator[None]:
    """Turn the body's system errors, and those of some other kinds, into an OutputError about the target.

    Raises:
        OutputError: The body failed; the message says what to do.
        MemoryError: It failed for want of memory or threads.
    """
    caught: tuple[type[Exception], ...] = (OSError, ValueError, *kinds)  # ValueError: a null byte in a name
    try:
        yield
    except caught as error:
        if isinstance(error, (MemoryError, BlockingIOError)):  # the latter: no thread can be started
            raise MemoryError("out of memory") from error
        if getattr(error, "errno", None) == errno.ENOSPC:
            raise OutputError(
                f"no space left for '{target}'; free some, or write to another disk and start again"
            ) from error
        raise OutputError(
            f"cannot write '{target}': {tell(error)}; try another name, directory or container"
        ) from error


def check_file(source: Path, target: Path, overwrite: bool) -> None:
    """Check that the target can be written, by creating an empty file beside it and removing that.

    Args:
        source: The film to be cleaned.
        target: The file to be written.
        overwrite: Whether the target may exist.

    Raises:
        OutputError: It cannot be written, is the source, or exists and must not be replaced.
    """
    place = resolve(target)
    with output_errors(target):
        found, film = look(place), look(resolve(source))
    if found is not None and film is not None and os.path.samestat(found, film):
        raise OutputError(f"'{target}' is the film itself; give another name for the output")
    if found is not None and stat.S_ISDIR(found.st_mode):
        raise OutputError(f"'{target}' is a directory; give a file name")
    if found is not None and not stat.S_ISREG(found.st_mode):  # a link is one of a circle
        raise OutputError(f"'{target}' is no regular file; give another name for the output")
    if found is not None and not overwrite:
        raise OutputError(f"'{target}' exists; add --overwrite or give another name")
    if not is_folder(place.parent):
        named = place.parent if target.is_symlink() else target.parent
        raise OutputError(f"there is no directory '{named}'; create it first")
    part = PartFile(target)
    try:
        part.path.touch()
    except OSError as error:
        raise OutputError(
            f"cannot write to '{target.parent}' ({error.strerror}); choose another directory"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.discard()


def check_folder(folder: Path) -> bool:
    """Find out whether files can be written to a folder, which need not be there yet.

    Returns:
        Whether it is there already.

    Raises:
        OutputError: They cannot.
    """
    try:
        whole = folder.absolute()
        found = next(path for path in (whole, *whole.parents) if look(path) is not None)
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot write to '{folder}': {tell(error)}; choose another folder") from error
    if not is_folder(found):
        raise OutputError(f"cannot write to '{folder}': '{found}' is no folder; choose another folder")
    if not os.access(found, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write to '{folder}': no permission in '{found}'; choose another folder")
    return found == whole

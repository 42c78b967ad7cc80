"""Files that appear whole or not at all: beside their target until then, and nothing left of them if not."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from subremover.errors import OutputError

_NUMBERS = itertools.count()


class PartFile:
    """A file under a temporary name in the target's directory; `commit` gives it the target's."""

    def __init__(self, target: Path, folder: Path | None = None) -> None:
        """In a folder that is cleared behind runs that were killed, if one is given.

        That must be on the target's disk. If it is not, the file is beside the target all the same, under the
        same name in each run, so that there never is more than one.
        """
        self.target = _resolve(target)  # through a link, so that the link stays one
        own = f"{os.getpid()}-{next(_NUMBERS)}" if folder is None else _hash(folder)
        # FFmpeg tells the container by the extension, so it stays last
        name = f".{shorten(self.target.stem)}.part-{own}{self.target.suffix[:32]}"
        self.path = self.target.parent / name
        if folder is not None and _can_move(folder / name, self.path):
            self.path = folder / name

    def commit(self) -> None:
        """Put the whole file in the target's place; on disk before it gets there, and there for good."""
        with output_errors(self.target):
            sync(self.path)
            self.path.replace(self.target)
            sync_folder(self.target.parent)

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)


def _hash(folder: Path) -> str:
    return hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]


def _can_move(old: Path, new: Path) -> bool:
    """Whether a file can be given another name, found out with an empty one, of which nothing is left.

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
    """Have a file's bytes on disk and not only on their way there.

    Raises:
        OSError: The disk fails.
    """
    _sync(path, os.O_RDWR)


def sync_folder(path: Path) -> None:
    """The same for the names in a folder, where the system can do that."""
    with contextlib.suppress(OSError):  # Windows opens no folder, some network disks refuse
        _sync(path, os.O_RDONLY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def shorten(name: str) -> str:
    """As much of a file's name as leaves room for a prefix and a suffix: a name may have 255 bytes."""
    return os.fsencode(name)[:150].decode(errors="ignore")


def _resolve(target: Path) -> Path:
    return Path(os.path.realpath(target))  # Path.resolve fails on links in a circle


@contextlib.contextmanager
def new_file(target: Path, folder: Path | None = None) -> Iterator[Path]:
    """A name to write to; a whole body gives it the target's.

    Args:
        target: Its directory is made if need be.
        folder: See `PartFile`.

    Raises:
        OutputError: The body's file cannot be written, or not put in place.
    """
    part = None
    try:
        _resolve(target).parent.mkdir(parents=True, exist_ok=True)
        part = PartFile(target, folder)
        yield part.path
        part.commit()
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"cannot write '{target}': {reason}; try another name or directory") from error
    finally:
        with contextlib.suppress(OSError):
            if part is not None:
                part.discard()


@contextlib.contextmanager
def output_errors(target: Path, *kinds: type[Exception]) -> Iterator[None]:
    """Turn the body's system errors, and those of some other kinds, into an OutputError about the target."""
    caught: tuple[type[Exception], ...] = (
        OSError,
        ValueError,
        *kinds,
    )  # a null byte in a name; PyAV's checks
    try:
        yield
    except caught as error:
        if isinstance(error, (MemoryError, BlockingIOError)):  # the latter: no thread can be started
            raise MemoryError("out of memory") from error
        if getattr(error, "errno", None) == errno.ENOSPC:
            raise OutputError(
                f"no space left for '{target}'; free some, or write to another disk and start again"
            ) from error
        reason = getattr(error, "strerror", None) or error
        raise OutputError(
            f"cannot write '{target}': {reason}; try another name, directory or container"
        ) from error


def check_file(source: Path, target: Path, overwrite: bool) -> None:
    """Whether the target's file can be written, found out by creating one beside it.

    Raises:
        OutputError: It cannot, or it is the source, or it exists and is not to be replaced.
    """
    with output_errors(target):
        if target.exists() and target.samefile(source):
            raise OutputError(f"'{target}' is the film itself; give another name for the output")
        if target.is_dir():
            raise OutputError(f"'{target}' is a directory; give a file name")
        if _resolve(target).is_symlink() or (target.exists() and not target.is_file()):
            raise OutputError(f"'{target}' is no regular file; give another name for the output")
        if target.exists() and not overwrite:
            raise OutputError(f"'{target}' exists; add --overwrite or give another name")
        if not (folder := _resolve(target).parent).is_dir():
            named = folder if target.is_symlink() else target.parent
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

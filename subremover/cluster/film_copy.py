"""The same film on every machine: found there and compared, or sent there.

What is sent lies on a machine once, whoever works with it, in a folder of the user's own under the system's
folder for temporary files. Whoever works with a file has it locked; what nobody has locked goes.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from subremover.errors import InputError
from subremover.runtime.paths import tell

PIECE_BYTES = 64 << 20
"""Of a film that is sent, in the object store."""
END_BYTES = 1 << 20
"""Of a film's head and of its tail, that are compared."""
STALE_SECONDS = 24 * 3600.0
"""After so long a file that nobody works with is what a run has left that was killed."""
_LOCK = ".lock"


class OtherFilmError(Exception):
    """A machine does not have this film, but perhaps another one has."""


@dataclass(frozen=True, slots=True)
class FilmSource:
    """A film file as every machine is to have it."""

    path: Path
    """On the machine that the run was started on, and on the others unless it is sent."""
    size_bytes: int
    mtime_ns: int
    """When it was last written."""
    digest: str
    """SHA-256, in hex, of its head and its tail."""
    pieces: tuple[Any, ...] | None = None
    """References to its bytes in the object store; None: it is not sent."""

    @classmethod
    def of(cls, path: Path, put: Callable[[bytes], Any] | None = None) -> FilmSource:
        """Look at a film, and send it if asked to.

        Args:
            path: Of the film.
            put: Puts bytes into the object store and gives a reference; None: the film is not sent.

        Raises:
            InputError: It cannot be read.
        """
        path = path.absolute()
        try:
            size, mtime, digest = _identify(path)
            pieces = None if put is None else tuple(map(put, _read_pieces(path)))
        except OSError as error:
            raise InputError(f"cannot read '{path}' ({tell(error)}); check that it is still there") from error
        return cls(path, size, mtime, digest, pieces)

    @contextlib.contextmanager
    def open(self, get: Callable[[Any], bytes]) -> Iterator[Path]:
        """Have the film on this machine inside of the `with` body.

        Args:
            get: Gives the bytes of a reference.

        Yields:
            Where it is.

        Raises:
            OtherFilmError: It is not here, or is another one.
        """
        if self.pieces is not None:
            with _open_copy(self, get) as copy:
                yield copy
            return
        try:
            found = _identify(self.path)
        except OSError as error:
            raise OtherFilmError(f"cannot read '{self.path}' ({tell(error)})") from error
        for what, here, there in zip(
            ("size", "time", "content"), found, (self.size_bytes, self.mtime_ns, self.digest), strict=True
        ):
            if here != there:
                raise OtherFilmError(f"has another '{self.path}' (its {what} differs)")
        yield self.path


def discard_copies(digests: Sequence[str]) -> None:
    """Delete from this machine what was sent, unless somebody works with it, and what nobody did for long.

    Args:
        digests: Of the films that are no longer needed.
    """
    with contextlib.suppress(OSError):
        folder = _find_folder()
        for lock in folder.glob(f"*{_LOCK}"):
            is_stale = time.time() - lock.stat().st_mtime > STALE_SECONDS
            if is_stale or lock.name.removesuffix(_LOCK) in digests:
                _discard(lock)
        folder.rmdir()  # where nothing is left in it


@contextlib.contextmanager
def _open_copy(source: FilmSource, get: Callable[[Any], bytes]) -> Iterator[Path]:
    """The copy of a film that is sent, made if it is not here yet."""
    with contextlib.ExitStack() as stack:
        try:
            folder = _find_folder()
            path = folder / f"{source.digest}{source.path.suffix}"
            while not path.is_file():  # who deletes may have come between
                stack.close()
                lock = os.open(
                    folder / f"{source.digest}{_LOCK}", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600
                )
                stack.callback(os.close, lock)
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not path.is_file():
                    _write_copy(source, path, get)
                os.utime(lock)  # somebody works with it
                fcntl.flock(lock, fcntl.LOCK_SH)
        except OSError as error:
            raise OtherFilmError(f"cannot keep a copy of '{source.path.name}' ({tell(error)})") from error
        yield path


def _write_copy(source: FilmSource, path: Path, get: Callable[[Any], bytes]) -> None:
    """Write what was sent; whole or not at all."""
    half = path.with_suffix(".part")
    try:
        with half.open("wb") as file:
            for piece in source.pieces or ():
                file.write(get(piece))
        if half.stat().st_size != source.size_bytes:
            raise OSError(f"it came with {half.stat().st_size} of {source.size_bytes} bytes")
        os.utime(half, ns=(source.mtime_ns, source.mtime_ns))
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


def _discard(lock_path: Path) -> None:
    """Delete a copy and its lock, unless somebody has that."""
    lock = os.open(lock_path, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for file in lock_path.parent.glob(f"{lock_path.name.removesuffix(_LOCK)}.*"):
            file.unlink(missing_ok=True)
    except BlockingIOError:
        pass
    finally:
        os.close(lock)


def _find_folder() -> Path:
    """The folder of copies; an OSError where it is somebody else's."""
    folder = Path(tempfile.gettempdir()) / f"subremover-films-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(errno.EPERM, f"'{folder}' is not this user's alone")
    return folder


def _identify(path: Path) -> tuple[int, int, str]:
    """Size, time and digest of a film file."""
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        digest = hashlib.sha256(f"{found.st_size} {found.st_mtime_ns} ".encode())
        digest.update(file.read(END_BYTES))
        file.seek(max(0, found.st_size - END_BYTES))
        digest.update(file.read(END_BYTES))
    return found.st_size, found.st_mtime_ns, digest.hexdigest()


def _read_pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece

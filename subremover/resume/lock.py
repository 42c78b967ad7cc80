"""Keeps two runs from making one target: a file in their folder that only one of them can have locked.

The lock ends with its process, however that ends.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import stat
import time
from pathlib import Path

from subremover.errors import OutputError
from subremover.runtime.paths import look, tell

try:
    import fcntl
except ImportError:  # Windows: nothing keeps two runs apart there
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)

_MARK = b"subremover works in this folder"
_TRIES, _PAUSE_SECONDS = 5, 0.1
"""Whoever asks `is_locked` holds the lock for a moment."""
_WAIT_SECONDS = 0.5
"""Between two looks of a run that waits: hundreds may do so on one disk."""


def lock_folder(folder: Path, name: str, what: str, *, is_patient: bool = False) -> int:
    """Make a folder if need be, and be the only one who works there.

    The file that is locked says that the folder was made here. It is the first to come and the last to go:
    a folder without it that has anything in it is somebody else's.

    Args:
        folder: To work in.
        name: Of the file in it that is locked; it stays while the folder does.
        what: Is made there, for the message.
        is_patient: Whether to wait for whoever works there, however long that takes, and to say so once; then
            the disk must be one that has locks.

    Returns:
        The descriptor that holds the lock until it is closed.

    Raises:
        OutputError: Somebody else works there, there is something that was not made here, or files cannot be
            locked for those who would wait.
    """
    found = look(folder)
    if found is not None and not stat.S_ISDIR(found.st_mode):
        raise _in_the_way(folder)
    tries = 0
    while True:
        if tries == _TRIES:
            if not is_patient:
                raise OutputError(f"another run is making {what}; wait for it to end, or give another name")
            log.warning("another run scans or makes %s; waiting for it", what)
        tries += 1
        folder.mkdir(exist_ok=True)
        try:
            inside = [path.name for path in folder.iterdir()]
            if (inside and name not in inside) or (folder / name).is_symlink():
                raise _in_the_way(folder)
            lock = os.open(folder / name, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        except FileNotFoundError:  # the run before has just removed the folder
            continue
        except IsADirectoryError as error:
            raise _in_the_way(folder) from error
        except PermissionError as error:  # another user's
            raise OutputError(
                f"cannot use '{folder}', where what is finished is kept: {tell(error)}; "
                "change its mode or owner, or give the output another name"
            ) from error
        if _lock_for(lock, folder, is_patient) and _is_still(lock, folder / name):
            with contextlib.ExitStack() as stack:
                stack.callback(os.close, lock)
                if not _is_own(lock, folder):
                    raise _in_the_way(folder)
                stack.pop_all()
            return lock
        os.close(lock)
        time.sleep(_PAUSE_SECONDS if tries <= _TRIES else _WAIT_SECONDS)


def is_locked(file: Path) -> bool:
    """Whether somebody works where this file is."""
    try:
        lock = os.open(file, os.O_RDWR)
    except OSError:
        return False
    try:
        return not lock_file(lock)
    finally:
        os.close(lock)


def lock_file(lock: int, *, is_strict: bool = False) -> bool:
    """Lock an open file for as long as it is open, here and in processes that inherit it.

    Args:
        lock: The file's descriptor.
        is_strict: False: where there are no locks, it counts as locked.

    Returns:
        False: Somebody else has it locked.

    Raises:
        OSError: There are no locks on this disk, or in this system, and that does not do.
    """
    if fcntl is None:
        if is_strict:
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # some network disks have none
        if is_strict:
            raise
        log.debug("cannot lock: %s", error)
    return True


def _lock_for(lock: int, folder: Path, is_patient: bool) -> bool:
    """Whether the open file of a folder is locked now; it closes where several runs cannot be told apart."""
    try:
        return lock_file(lock, is_strict=is_patient)
    except OSError as error:
        os.close(lock)
        raise OutputError(
            f"'{folder}' is on a disk without locks, which parts need ({tell(error)}); "
            "render the film without --part, or on another disk"
        ) from error


def _is_still(lock: int, file: Path) -> bool:
    """Whether the name is still that of the file that was locked: the run before may have removed it."""
    try:
        return os.path.samestat(os.fstat(lock), file.stat())
    except FileNotFoundError:
        return False


def _is_own(lock: int, folder: Path) -> bool:
    """Whether the folder was made here and nothing in it leads elsewhere; marks a new one."""
    mark, inside = os.read(lock, len(_MARK) + 1), list(folder.iterdir())
    if not mark and len(inside) == 1:
        try:
            os.write(lock, _MARK)
            os.fsync(lock)  # before anything is there to be lost
        except OSError:
            inside[0].unlink()
            folder.rmdir()
            raise
        return True
    return mark == _MARK and not any(path.is_symlink() for path in inside)


def _in_the_way(folder: Path) -> OutputError:
    return OutputError(
        f"'{folder}' is in the way of this run's own folder; move it away, or give the output another name"
    )

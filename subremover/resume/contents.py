"""What runs have put into a work folder, and how it goes: nothing else in it is touched."""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from subremover.errors import OutputError
from subremover.parsing import Part
from subremover.resume.lock import is_locked
from subremover.resume.names import HALF_PLAN, LOCK, PLAN, STATE, is_half, is_segment, read_part
from subremover.runtime.atomic_file import output_errors
from subremover.runtime.paths import is_folder

log = logging.getLogger(__name__)


def find_own(folder: Path) -> Iterator[Path]:
    """What runs have put there, but for the lock and the folders of parts."""
    for path in _look_into(folder):
        if path.name in (STATE, PLAN, HALF_PLAN) or is_segment(path.name) or is_half(path.name):
            yield path


def find_parts(folder: Path) -> dict[Part, Path]:
    """The work folders of parts inside of a film's, in order."""
    found = ((read_part(path.name), path) for path in _look_into(folder))
    return dict(
        sorted(
            (part, path)
            for part, path in found
            if part is not None and is_folder(path) and not path.is_symlink()
        )
    )


def find_finished(*folders: Path) -> dict[str, list[Path]]:
    """Files of finished segments by name, as far as their names tell."""
    found: dict[str, list[Path]] = {}
    for folder in folders:
        for path in find_own(folder):
            if is_segment(path.name):
                found.setdefault(path.name, []).append(path)
    return found


def find_running(folder: Path) -> list[Part]:
    """The parts that are being rendered at this moment."""
    return [part for part, path in find_parts(folder).items() if is_locked(path / LOCK)]


def delete_own(folder: Path, is_meant: Callable[[str], bool] = lambda _: True) -> None:
    """Delete what runs have put there under names that are meant, but for the lock and the folders of parts.

    Raises:
        OutputError: It cannot be deleted.
    """
    with output_errors(folder):
        for path in [path for path in find_own(folder) if is_meant(path.name)]:
            if is_folder(path) and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def remove_folder(folder: Path) -> None:
    """Remove all that runs have put there, and the folder if there is nothing else in it.

    The lock goes last, so that nobody else begins in what is being removed.
    """
    with contextlib.suppress(OSError, OutputError):
        for part in find_parts(folder).values():
            remove_folder(part)
        delete_own(folder)
        if [path.name for path in folder.iterdir()] == [LOCK]:
            (folder / LOCK).unlink()
            folder.rmdir()
        else:
            log.warning("'%s' stays, for there is something in it that no run has made", folder)


def _look_into(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # it was removed or closed
        return []

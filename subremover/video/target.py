"""The file that is written: beside its target until it is whole, and nothing of it left if it fails."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import av
import av.error
from av.container import OutputContainer

from subremover.errors import OutputError


class PartFile:
    """A file under a temporary name in the target's directory; `commit` gives it the target's."""

    def __init__(self, target: Path, folder: Path | None = None) -> None:
        """In another folder of the same disk, if one is given."""
        self.target = target.resolve()  # through a link, so that the link stays one
        # FFmpeg tells the container by the extension, so it stays last
        name = f".{self.target.stem}.part-{os.getpid()}{self.target.suffix}"
        self.path = (folder or self.target.parent) / name

    def commit(self) -> None:
        """Put the whole file in the target's place; on disk before it gets there, and there for good."""
        with output_errors(self.target):
            sync(self.path)
            self.path.replace(self.target)
            sync(self.target.parent)

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Have a file's bytes, or the names in a folder, on disk and not only on their way there."""
    if os.name == "nt" and path.is_dir():  # cannot be opened there
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """A name to write to, in the target's directory, made if need be; a whole body gives it the target's.

    Raises:
        OutputError: The body's file cannot be written, or not put in place.
    """
    part = PartFile(target)
    try:
        part.path.parent.mkdir(parents=True, exist_ok=True)
        yield part.path
        part.commit()
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"cannot write '{target}': {reason}; try another name or directory") from error
    finally:
        with contextlib.suppress(OSError):
            part.discard()


@contextlib.contextmanager
def closing_output(out: OutputContainer) -> Iterator[None]:
    """Close a container behind the body; where that failed, how closing fails as well is not told."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError, ValueError, av.error.FFmpegError):
            out.close()
        raise
    out.close()


@contextlib.contextmanager
def output_errors(target: Path) -> Iterator[None]:
    """Turn the body's system and FFmpeg errors into an OutputError about the target."""
    try:
        yield
    except (OSError, av.error.FFmpegError) as error:
        if error.errno == errno.ENOSPC:
            raise OutputError(
                f"no space left for '{target}'; free some, or write to another disk and start again"
            ) from error
        reason = error.strerror or str(error)
        raise OutputError(
            f"cannot write '{target}': {reason}; try another name, directory or container"
        ) from error
    except ValueError as error:  # PyAV's own checks
        raise OutputError(f"cannot write '{target}': {error}; try another container, e.g. .mkv") from error


def find_format(target: Path) -> str:
    """FFmpeg's name of the container that a file's extension stands for.

    Raises:
        OutputError: None that is known.
    """
    try:
        with av.open(f"x{target.suffix}", "w") as container:  # opens no file before the first packet
            return container.format.name
    except (ValueError, av.error.FFmpegError) as error:
        raise OutputError(
            f"no container is known for '{target.name}'; give it an extension such as .mp4, .mkv or .mov"
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
        if target.exists() and not overwrite:
            raise OutputError(f"'{target}' exists; add --overwrite or give another name")
        if not target.resolve().parent.is_dir():
            raise OutputError(f"there is no directory '{target.parent}'; create it first")
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

"""Opens the container of the film to be made: its format, its options, its tags and its chapters."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import av
import av.error
from av.container import InputContainer, OutputContainer

from subremover.errors import OutputError
from subremover.runtime.atomic_file import output_errors
from subremover.video.container.carry import MATROSKA, MOV, STRICT, is_cover
from subremover.video.container.tags import MP4_TAGS, keep_tags
from subremover.video.container.transport import Program, read_programs

_MOVIE_CLOCK = (48_000, 1000)
"""Ticks a second in which mp4 and mov state the starts and lengths of tracks, where no number suits all of
them. The second is taken where the first would overflow."""


def open_output(source: InputContainer, file: str | io.BytesIO, target: Path) -> OutputContainer:
    """A new container in the target's format, with the source's tags and chapters and no stream yet.

    Args:
        source: The film, open.
        file: Name of the file to be written, or memory for a trial.
        target: The film to be made; its extension names the container.

    Raises:
        OutputError: No container is known by the target's extension.
    """
    name = find_format(target)
    tags = keep_tags(source.metadata)
    options = dict(STRICT)
    if name in MOV:
        options["movie_timescale"] = str(_movie_clock(source))
    if name in MATROSKA:  # the sound of mp4 begins before 0, by which its muxer would move all streams
        options["avoid_negative_ts"] = "disabled"
    if name == "mov" or (name in MOV and not has_cover(source) and tags.keys() - MP4_TAGS):
        options["movflags"] = "use_metadata_tags"
    if name == "mpegts" and len(programs := find_programs(source)) == 1:
        options["mpegts_service_id"] = str(programs[0].number)
        tags |= {"service_name": programs[0].name, "service_provider": programs[0].provider}
    out = av.open(file, "w", format=name, container_options=options, metadata_errors="surrogateescape")
    out.metadata.update({key: value for key, value in tags.items() if value})
    out.set_chapters(source.chapters())
    return out


def find_programs(source: InputContainer) -> list[Program]:
    """The programs of an MPEG transport stream; none for other containers and unreadable files."""
    if source.format.name != "mpegts":
        return []
    try:
        return read_programs(Path(source.name))
    except OSError:
        return []


def has_cover(source: InputContainer) -> bool:
    """Whether a film has cover art."""
    return any(is_cover(stream) for stream in source.streams)


def _movie_clock(source: InputContainer) -> int:
    """Ticks a second in which every track can start exactly where it did, unless that overflows 32 bits."""
    bases = [stream.time_base for stream in source.streams if stream.type != "attachment"]
    clocks = (math.lcm(*(base.denominator for base in bases if base)), *_MOVIE_CLOCK)
    seconds = (source.duration or 0) / av.time_base
    return next((clock for clock in clocks if clock * max(1, seconds) < 1 << 31), _MOVIE_CLOCK[-1])


@contextlib.contextmanager
def closing_output(out: OutputContainer) -> Iterator[None]:
    """Close a container after the body; if the body fails, its error is raised and not that of closing."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError, ValueError, av.error.FFmpegError):
            out.close()
        raise
    out.close()


def mux_errors(target: Path) -> AbstractContextManager[None]:
    """A context that turns the body's system and FFmpeg errors into an error about the target.

    Raises:
        OutputError: The body failed; the message names the target and says what to do.
        MemoryError: The body failed for want of memory or threads.
    """
    return output_errors(target, av.error.FFmpegError)


def find_format(target: Path) -> str:
    """FFmpeg's name of the container that a file's extension stands for.

    Args:
        target: The file; it need not exist and is not touched.

    Raises:
        OutputError: FFmpeg knows none by that extension, or one of several files (pictures, playlists).
    """
    try:
        with av.open(f"x{target.suffix}", "w") as container:  # opens no file before the first packet
            # they take the name for a pattern, or write more than one file: pictures, playlists
            if not container.format.flags & av.format.Flags.no_file.value:  # type: ignore[operator]
                return container.format.name
    except (ValueError, av.error.FFmpegError) as error:
        raise _no_container(target) from error
    raise _no_container(target)


def _no_container(target: Path) -> OutputError:
    return OutputError(
        f"no container is known for '{target.name}'; give it an extension such as .mp4, .mkv or .mov"
    )

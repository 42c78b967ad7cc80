"""Writes the sample aspect ratio of a film into Matroska and WebM, by FFmpeg's program: PyAV cannot.

PyAV gives Matroska's muxer no display size. Without one, players take the samples of VP8, VP9, AV1, ProRes
and others for square, and players that go by the container alone (Chromium) those of any codec. A copy that
FFmpeg's program makes with `-aspect` has a display size. "Shape" means this ratio, in messages too.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

from av.container import InputContainer
from av.stream import AttachmentStream, Stream

from subremover.errors import InputError
from subremover.video.container.carry import MATROSKA, is_cover
from subremover.video.container.tags import keep_tags
from subremover.video.film import Film
from subremover.video.read.source import open_input

log = logging.getLogger(__name__)


_PR_SET_PDEATHSIG = 1
"""Of Linux's prctl: a signal that this process gets when its parent ends."""
_TOLERANCE = 0.005
"""By how much of itself the ratio may be off when it is read back: WebM keeps whole pixels, 213 for 160
samples of 4:3."""


def foresee_shape(film: Film, source: InputContainer, format_name: str) -> list[str]:
    """Tell in advance whether the film's sample aspect ratio can be kept.

    Args:
        film: The source.
        source: The same, open.
        format_name: FFmpeg's name of the container to be written.

    Returns:
        A warning if it cannot; empty if it can, or if there is nothing to keep.
    """
    ratio = _missing_ratio(film, format_name)
    if ratio is None:
        return []
    # which the program turns into a second picture; WebM has none
    if format_name != "webm" and any(is_cover(stream) for stream in source.streams):
        return [f"the shape of the samples ({ratio}) cannot be kept in {format_name} beside cover art"]
    if find_program() is None:
        return [f"the shape of the samples ({ratio}) cannot be kept in {format_name} without an ffmpeg"]
    return []


def keep_shape(film: Film, source: InputContainer, path: Path, format_name: str) -> list[str]:
    """Write the film's sample aspect ratio into the finished new file, where it must be and can be.

    Args:
        film: The source.
        source: The same, open.
        path: The new file.
        format_name: FFmpeg's name of its container.

    Returns:
        A warning if the ratio could not be kept, else empty.

    Raises:
        InputError: The new file cannot be read.
        OSError: The copy that has the ratio cannot be put in the file's place.
    """
    ratio = _missing_ratio(film, format_name)
    known = foresee_shape(film, source, format_name)
    if ratio is None or known:
        return known
    if write_shape(path, ratio, format_name):
        return []
    return [f"the shape of the samples ({ratio}) could not be written into {format_name}"]


def _missing_ratio(film: Film, format_name: str) -> Fraction | None:
    """The sample aspect ratio if PyAV would lose it in such a container, else None."""
    ratio = film.sample_aspect_ratio
    return ratio if format_name in MATROSKA and ratio and ratio != 1 else None


def find_program() -> str | None:
    """Path of FFmpeg's program, imageio-ffmpeg's own or the system's; None where there is none."""
    import imageio_ffmpeg

    try:
        program: str = imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError:
        return None
    return program


def write_shape(path: Path, ratio: Fraction, format_name: str) -> bool:
    """Give a picture in a Matroska file its display size.

    The file is copied, and only a copy that has all of its streams, packets, tags, chapters and attachments
    takes its place.

    Args:
        path: The file.
        ratio: Width of a sample by its height.
        format_name: matroska or webm.

    Returns:
        Whether it was done; else the file is as it was.

    Raises:
        InputError: The file cannot be read.
        OSError: The copy cannot be put in the file's place.
    """
    import ffmpeg

    program = find_program()
    if program is None:
        return False
    with open_input(path) as container:
        # streams that could not be kept have changed the picture's place
        stream = next(s for s in container.streams.video if not is_cover(s))
        index, shape = stream.index, Fraction(stream.width, stream.height) * ratio
        kept = {f"disposition:{s.index}": _words(s) for s in container.streams}
    copy = path.with_name(f"{path.stem}.shape{path.suffix}")
    options = {
        "format": format_name,
        "map": 0,
        "codec": "copy",
        f"aspect:{index}": f"{shape.numerator}:{shape.denominator}",
        "avoid_negative_ts": "disabled",
        "max_interleave_delta": 0,
        "default_mode": "passthrough",  # else the muxer chooses default tracks
        "nostdin": None,
        "loglevel": "error",
        **kept,
    }
    # ffmpeg-python cannot encode every name, so these come in afterwards: absolute and with their protocol,
    # or FFmpeg would read what comes before a colon as one
    names = {"old": f"file:{path.absolute()}", "new": f"file:{copy.absolute()}"}
    job = ffmpeg.input("old", copyts=None).output("new", **options)
    command = [names.get(word, word) for word in job.compile(cmd=program, overwrite_output=True)]
    try:
        if not _run(command) or not _is_same(path, copy, index, ratio):
            return False
        copy.replace(path)
    finally:
        copy.unlink(missing_ok=True)
    return True


def _run(command: list[str]) -> bool:
    """Run FFmpeg's program to its end; whether it succeeded."""
    try:
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509, one call
        )
    except OSError as error:
        log.warning("cannot run '%s': %s", command[0], error.strerror)
        return False
    with process:
        try:
            _, said = process.communicate()
        finally:  # also where a signal ends the wait
            process.kill()
    if process.returncode:
        log.debug("FFmpeg's program failed: %s", said.decode(errors="replace").strip())
    return process.returncode == 0


def _die_with_parent() -> None:
    """Have Linux end the program when this process is killed; elsewhere it goes on to its end."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _words(stream: Stream) -> str:
    """A stream's disposition as FFmpeg's program takes it."""
    return "+".join(flag.name or "" for flag in stream.disposition) or "0"


def _is_same(path: Path, copy: Path, stream_index: int, ratio: Fraction) -> bool:
    """Whether a copy has all that the file has, and the picture its sample aspect ratio."""
    try:
        with open_input(path) as old, open_input(copy) as new:
            found = new.streams[stream_index].sample_aspect_ratio  # type: ignore[attr-defined]
            return (
                bool(found)
                and abs(found / ratio - 1) <= _TOLERANCE
                and _describe(old) == _describe(new)
                and _digest(old) == _digest(new)
            )
    except (InputError, IndexError, AttributeError):
        return False


def _describe(container: InputContainer) -> list[object]:
    """All but the packets, to be compared: kinds, dispositions and tags of streams, attachments, chapters."""
    streams = [
        (
            stream.type,
            int(stream.disposition),
            keep_tags(stream.metadata),
            (stream.name, stream.mimetype, stream.data) if isinstance(stream, AttachmentStream) else None,
        )
        for stream in container.streams
    ]
    return [*streams, keep_tags(container.metadata), container.chapters()]


def _digest(container: InputContainer) -> list[bytes]:
    """For each stream a digest of its packets, their times and their side data."""
    digests = [hashlib.blake2b() for _ in container.streams]
    for packet in container.demux():
        if packet.size:
            digest = digests[packet.stream.index]
            digest.update(f"{packet.pts} {packet.dts} {packet.is_keyframe} {packet.size} ".encode())
            digest.update(packet)  # packets are buffers
            for data in packet.iter_sidedata():
                digest.update(bytes(data))
    return [digest.digest() for digest in digests]

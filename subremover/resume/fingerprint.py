"""What a result depends on, in a few digests: the same for two runs that would make the same film."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import av
import cv2

from subremover._version import __version__
from subremover.errors import InputError
from subremover.options import Options
from subremover.plan.model import Plan
from subremover.runtime.paths import is_file, tell
from subremover.video.encode.encoders import Encoding
from subremover.video.film import Film

SAMPLE_COUNT, SAMPLE_BYTES = 64, 64 << 10
"""Parts of a film's file that are read, spread over it; 4 MiB take 10 ms and miss few changes. What they miss
changes the packets' times or sizes."""
_CPU_FEATURES = {"AVX2": 11, "FMA3": 12, "AVX-512": 13}
"""By OpenCV's numbers; libraries choose by these how they compute. Without the first two libx264 made other
packets of two drawn films; without the third, or of another number of threads, the very same, but torch was
not asked."""
_WHERE = ("overwrite", "resume")
"""Options of encoding that do not change what comes out; the batch size does not, nor does which device of a
kind it is."""


def find_fingerprint(
    film: Film, options: Options, encoding: Encoding, plan: Plan | None, has_provenance: bool
) -> dict[str, str]:
    """What makes one run another than the next, by what a user would call it.

    Args:
        film: The source.
        options: Of the run.
        encoding: Of the picture; a hardware encoder may be gone the next time.
        plan: That was given; None: there will be a scan.
        has_provenance: Whether a film of origins is made.

    Raises:
        InputError: The film cannot be read any longer.
    """
    machine = describe_machine()
    parts = {
        "film": (film.packets, sample_film(film.path)),
        "options": (describe_options(options, None if plan is None else plan.digest()), has_provenance),
        "encoder": (encoding.encoder, encoding.pix_fmt, machine.pop("FFmpeg")),
        "processor": machine.pop("processor"),
        "version of this program": machine,
    }
    return {name: _digest(json.dumps(part).encode()) for name, part in parts.items()}


def describe_machine() -> dict[str, str]:
    """What a result depends on besides film and options, by what it is: the same where the bytes are."""
    features = [name for name, number in _CPU_FEATURES.items() if cv2.checkHardwareSupport(number)]
    libraries = (
        "".join(c for c in f"{name} {v}" if c not in "()") for name, v in av.library_versions.items()
    )
    return {
        "subremover": __version__,
        "torch": version("torch"),
        "PyAV": av.__version__,
        "FFmpeg": f"{av.ffmpeg_version_info} ({'; '.join(libraries)})",
        "processor": f"{platform.machine()} with {', '.join(features) or 'nothing known'}",
    }


def describe_options(options: Options, plan: str | None) -> dict[str, Any]:
    """What JSON can hold of all options on which a result depends.

    Args:
        options: Of the run; files that they name are told by what they say, not by what they are called.
        plan: Digest of the plan that was given; None: there will be a scan.
    """
    scan = {**dataclasses.asdict(options.scan), "plan": plan}
    for name in ("mask", "times", "ocr_model"):
        scan[name] = hash_file(scan[name]) if scan[name] is not None else None
    encode = {k: v for k, v in dataclasses.asdict(options.encode).items() if k not in _WHERE}
    paint, borrow = dataclasses.asdict(options.paint), dataclasses.asdict(options.borrow)
    memory = options.max_memory_bytes  # a small one shortens windows
    return {"scan": scan, "borrow": borrow, "paint": paint, "encode": encode, "memory": memory}


def sample_film(path: Path) -> str:
    """Size, and a digest of some bytes of a film's file.

    Raises:
        InputError: It cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            for number in range(SAMPLE_COUNT):
                file.seek(max(0, size - SAMPLE_BYTES) * number // (SAMPLE_COUNT - 1))
                digest.update(file.read(SAMPLE_BYTES))
    except OSError as error:
        raise InputError(f"cannot read '{path}' ({tell(error)}); check that it is still there") from error
    return f"{size} {digest.hexdigest()}"


def hash_file(path: Path) -> str:
    """A digest of what a file says; empty where it cannot be read: whoever needs it will tell."""
    if not is_file(path):  # a pipe would be waited for
        return ""
    try:
        found = path.stat()
        return _hash_stamped(path, (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns))
    except (OSError, ValueError):
        return ""


@lru_cache(maxsize=16)
def _hash_stamped(path: Path, _stamp: tuple[int, ...]) -> str:
    """Once for thousands of films, which may share a mask of some gigabytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

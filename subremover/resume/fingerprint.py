"""What a result depends on, in a few digests: the same for two runs that would make the same film."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
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
        "film": (film.packets, _sample(film.path)),
        "options": (_describe(options, plan), has_provenance),
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


def _describe(options: Options, plan: Plan | None) -> dict[str, Any]:
    scan = dataclasses.asdict(options.scan)
    # not what these files are called, but what they say
    scan["plan"] = None if plan is None else plan.digest()
    for name in ("mask", "times"):
        scan[name] = _hash_file(scan[name]) if scan[name] is not None else None
    encode = {k: v for k, v in dataclasses.asdict(options.encode).items() if k not in _WHERE}
    paint, borrow = dataclasses.asdict(options.paint), dataclasses.asdict(options.borrow)
    memory = options.max_memory_bytes  # a small one shortens windows
    return {"scan": scan, "borrow": borrow, "paint": paint, "encode": encode, "memory": memory}


def _sample(path: Path) -> str:
    """Size and some bytes of a film's file."""
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


def _hash_file(path: Path) -> str:
    if not is_file(path):  # a pipe would be waited for
        return ""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):  # whoever reads it will tell
        return ""


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

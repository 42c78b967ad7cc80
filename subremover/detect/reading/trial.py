"""Tries models in a process of their own, before they are used here: a damaged one may end who loads it.

Which models there are, and what is said of those that cannot be used, is up to `available`.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from subremover.detect.reading.ctc_reader import MAX_WIDTH_PX, CtcReader, read_model, refuse
from subremover.detect.reading.reader import Reader
from subremover.detect.reading.tesseract_reader import TesseractData, TesseractReader
from subremover.errors import SubremoverError, UsageError
from subremover.runtime.paths import tell

_MOST_SECONDS = 30
"""Of one core, to load a model and to read the longest line there can be."""
_MOST_WAIT_SECONDS = 90
_MOST_BYTES = 3 << 30
_REFUSED = 3
"""Exit code where the error is one of ours, and printed."""


def try_model(path: Path) -> None:
    """Try a recogniser of PP-OCR.

    Raises:
        UsageError: It cannot be used.
    """
    read_model(path)
    code, text = _try_apart(("ctc", str(path)), _stamp([path]))
    if code:
        raise UsageError(text) if code == _REFUSED else refuse(path, text)


def try_data(found: Sequence[TesseractData]) -> list[bool]:
    """Try data of Tesseract.

    Returns:
        Of each, whether it can be used.
    """
    # All in one process: mostly all can be used, and a process takes longer to begin than to load one.
    if not found or _can_use(*found):
        return [True] * len(found)
    return [_can_use(data) for data in found]


def _can_use(*found: TesseractData) -> bool:
    pairs = [(str(data.folder), "+".join(data.names)) for data in found]
    files = [file for data in found for file in data.files]
    return not _try_apart(("tesseract", *(part for pair in pairs for part in pair)), _stamp(files))[0]


def _stamp(files: Sequence[Path]) -> tuple[int, ...]:
    """What changes when one of the files does."""
    try:
        found = [file.stat() for file in files]
    except (OSError, ValueError):
        return ()
    return tuple(part for each in found for part in (each.st_ino, each.st_size, each.st_mtime_ns))


@lru_cache(maxsize=64)
def _try_apart(arguments: tuple[str, ...], _files: tuple[int, ...]) -> tuple[int, str]:
    """Have another process load and use models, once for many films.

    Returns:
        Its exit code, 0 if they can be used, and otherwise why not.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_THREAD_LIMIT"), "1"),
    }
    try:
        child = subprocess.run(
            [sys.executable, "-P", "-m", __name__, str(_MOST_SECONDS), str(_MOST_BYTES), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_MOST_WAIT_SECONDS,
            start_new_session=True,  # Ctrl-C is for this process, which then ends that one
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 1, f"it takes over {_MOST_WAIT_SECONDS} seconds"
    except (OSError, ValueError) as error:
        return 1, f"it cannot be tried: {tell(error)}"
    if child.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        return child.returncode, f"it takes over {_MOST_SECONDS} seconds, or too much memory"
    if child.returncode < 0:
        return child.returncode, "it ends the process that loads it"
    return child.returncode, child.stdout.decode(errors="replace").strip()


def _main(seconds: str, memory_bytes: str, kind: str, *arguments: str) -> int:
    """Load and use models, under limits; exit code and what is printed are as `_try_apart` expects them."""
    for limit, most in (
        (resource.RLIMIT_CPU, int(seconds)),
        (resource.RLIMIT_DATA, int(memory_bytes)),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(limit)[1]
        resource.setrlimit(limit, (most if hard < 0 else min(most, hard), hard))
    width = MAX_WIDTH_PX // 2 if kind == "ctc" else 120  # as wide as a recogniser ever gets them
    line = np.full((24, width, 3), 255, np.uint8)
    cv2.putText(line, "Hey 123", (4, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (0, 0, 0), 2)
    try:
        for reader in _make_readers(kind, arguments):
            reader.read(line)
    except SubremoverError as error:
        print(error)
        return _REFUSED
    except Exception as error:  # whatever a library makes of a damaged model
        print(f"it fails: {(str(error).strip() or type(error).__name__).splitlines()[0][:120]}")
        return 1
    return 0


def _make_readers(kind: str, arguments: Sequence[str]) -> list[Reader]:
    if kind == "ctc":
        return [CtcReader(Path(arguments[0]))]
    pairs = zip(arguments[::2], arguments[1::2], strict=True)
    return [
        TesseractReader("latin", TesseractData(Path(folder), tuple(names.split("+"))))  # any script will do
        for folder, names in pairs
    ]


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))

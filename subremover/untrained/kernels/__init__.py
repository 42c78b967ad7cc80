"""Triton kernels for CUDA: the parts of a step that eager torch spends most of its memory traffic on.

The modules of this package import triton, which only CUDA builds of torch bring along; so ask `are_usable`
before importing one. They compute what `level`, `losses` and `adam` compute in plain torch, up to rounding.
None of it has run on a GPU yet: it is tested in Triton's interpreter, and compiled by Triton 3.9 for compute
capability 8.0, 9.0 and 12.0. Hence the check of every device, in `check`, before they are trusted.

Triton builds its own launcher when it is first used, and needs a C compiler and Python's headers for that.
"""

from __future__ import annotations

import logging
import os
import shutil
import sysconfig
import tempfile
import threading
from pathlib import Path

import torch

_log = logging.getLogger(__name__)
_obstacles: dict[torch.device, str | None] = {}
"""Of the devices that were tried."""
_lock = threading.Lock()
"""Held while one is tried: what is compiled for it lies ready for the next, and for other threads."""


def are_usable(device: torch.device) -> bool:
    """Whether the kernels can take the place of plain torch on this device; found out once a process.

    They can on CUDA devices of compute capability 8.0 or more, where triton can be imported and can compile,
    if they give there what plain torch gives. Anything that goes wrong on the way is logged and means no.
    """
    return device.type == "cuda" and find_obstacle(device) is None


def describe(device: torch.device) -> str:
    """What fits on a GPU, in a line: its name, and the kernels or why there are none.

    Tries the kernels, if that was not done yet.
    """
    if device.type != "cuda":
        return f"{device}, plain torch"
    obstacle = find_obstacle(device)
    how = "Triton kernels" if obstacle is None else f"plain torch: {obstacle}"
    return f"{device} ({torch.cuda.get_device_name(device)}), {how}"


def find_obstacle(device: torch.device) -> str | None:
    """Why the kernels cannot be used on a CUDA device, in a line; None: they can.

    Found out once a process, and logged. Trying them compiles them, unless that was done before.
    """
    if device not in _obstacles:  # where it is, a step that is being recorded must not wait for other devices
        with _lock:
            if device not in _obstacles:
                _obstacles[device] = _look_for_obstacle(device)
    return _obstacles[device]


def _look_for_obstacle(device: torch.device) -> str | None:
    try:
        _try_kernels(device)
    except _UnmetNeedError as error:
        obstacle = str(error)
    except Exception as error:  # whatever a driver, a compiler or an import may raise
        obstacle = f"{type(error).__name__}: {error}".splitlines()[0]  # compilers say a lot
    else:
        return None
    _log.warning("no Triton kernels on %s, so the fit is slower: %s", device, obstacle)
    return obstacle


class _UnmetNeedError(Exception):
    """Something that the kernels need is not there; says what, and what to do."""


def _try_kernels(device: torch.device) -> None:
    """Raise unless the kernels do on this device what they should."""
    capability = torch.cuda.get_device_capability(device)
    if capability < (8, 0):
        raise _UnmetNeedError(f"its compute capability is {capability[0]}.{capability[1]}, they need 8.0")
    from subremover.untrained.kernels.check import check_kernels

    _check_compiler()
    cache = _open_cache()
    _log.log(
        logging.INFO if any(cache.iterdir()) else logging.WARNING,
        "compiling Triton kernels for %s: half a minute the first time; they are kept in '%s'",
        device,
        cache,
    )
    check_kernels(device)


def _check_compiler() -> None:
    """Raise unless there is what Triton's `runtime/build.py` builds a launcher with."""
    named = os.environ.get("CC")
    if not any(shutil.which(name) for name in ([named] if named is not None else ["gcc", "clang"])):
        what = "gcc or clang" if named is None else f"'{named}', which CC names"
        raise _UnmetNeedError(f"Triton finds no C compiler ({what}); install gcc")
    scheme = sysconfig.get_default_scheme()
    paths = sysconfig.get_paths("posix_prefix" if scheme == "posix_local" else scheme)
    header = Path(paths["include"], "Python.h")
    if not header.exists():
        raise _UnmetNeedError(f"Triton's launcher needs '{header}'; install Python's headers (python3-dev)")


def _open_cache() -> Path:
    """The folder that Triton keeps in what it has compiled; raise unless it can be written to."""
    home = os.environ.get("TRITON_HOME")
    folder = os.environ.get("TRITON_CACHE_DIR") or (Path(home) if home else Path.home()) / ".triton" / "cache"
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise _UnmetNeedError(
            f"Triton cannot write to '{folder}' ({error.strerror}); set TRITON_CACHE_DIR to another folder"
        ) from error
    return Path(folder)

"""Triton kernels for CUDA: the parts of a step that eager torch spends most of its memory traffic on.

The modules of this package import triton, which only CUDA builds of torch bring along; so ask `are_usable`
before importing one. They compute what `level` and `losses` compute in plain torch, up to rounding. None of
it has run on a GPU yet: it is tested in Triton's interpreter, and compiled for compute capability 8.0 and 9.0
with Triton 3.5 and 3.9. Hence the check of every device, in `check`, before they are trusted.

Triton builds its own launcher when it is first used, and needs a C compiler for that.
"""

from __future__ import annotations

import functools
import logging

import torch

_log = logging.getLogger(__name__)


@functools.cache
def are_usable(device: torch.device) -> bool:
    """Whether the kernels can take the place of plain torch on this device; found out once a process.

    They can on CUDA devices of compute capability 8.0 or more, where triton can be imported, if they give
    there what plain torch gives (trying it compiles them, which takes some seconds). Anything that goes wrong
    on the way is logged and means no.
    """
    if device.type != "cuda":
        return False
    try:
        capability = torch.cuda.get_device_capability(device)
        if capability < (8, 0):
            raise RuntimeError(f"compute capability {capability[0]}.{capability[1]}, needed 8.0")
        from subremover.untrained.kernels.check import check_kernels

        check_kernels(device)
    except Exception as error:  # whatever a driver, a compiler or an import may raise
        _log.warning("no Triton kernels on %s, plain torch instead: %s", device, _first_line(error))
        return False
    return True


def _first_line(error: Exception) -> str:
    """The error's kind and the first line of its message: compilers say a lot."""
    return f"{type(error).__name__}: {error}".splitlines()[0]

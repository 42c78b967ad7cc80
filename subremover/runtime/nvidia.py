"""Tells of an NVIDIA GPU that torch was not built for; torch is loaded by those who ask, not here."""

from __future__ import annotations

import functools
import logging
import shutil
from pathlib import Path

log = logging.getLogger(__name__)

GPUS = Path("/proc/driver/nvidia/gpus")
"""Where the driver has a folder for each GPU."""


@functools.cache
def warn_of_unused_gpu() -> None:
    """Warn, once a process, where there is a GPU and torch is a build without CUDA."""
    import torch

    is_there = (GPUS.is_dir() and any(GPUS.iterdir())) or shutil.which("nvidia-smi") is not None
    if is_there and torch.version.cuda is None:
        log.warning(
            "there is an NVIDIA GPU, but torch %s is a build without CUDA, so the CPU does the work, slower; "
            'install the CUDA build that PyTorch\'s "Get started" page names, or say --device cpu',
            torch.__version__,
        )

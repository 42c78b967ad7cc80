"""Finds the torch devices that holes are painted on; torch is loaded only where that must be known."""

from __future__ import annotations

import importlib
import threading

from subremover.errors import DeviceError
from subremover.runtime.nvidia import warn_of_unused_gpu


def prepare_device(name: str) -> None:
    """Check that a device is there; for `auto` and `cpu`, which always are, only begin to load torch.

    Loading takes two seconds, which a scan has to spare on a second core.

    Args:
        name: As for `resolve_device`.

    Raises:
        DeviceError: There is no such device.
    """
    if name in ("auto", "cpu"):
        threading.Thread(target=importlib.import_module, args=("torch",), name="load torch").start()
    else:
        resolve_device(name)


def resolve_device(name: str) -> list[str]:
    """Names of the torch devices that an option's value stands for.

    Args:
        name: `auto` (every CUDA device, else the CPU), `cpu`, `cuda` (every one), `cuda:N` or `mps`.

    Returns:
        At least one name, all of one kind.

    Raises:
        DeviceError: There is no such device.
    """
    if name == "cpu":
        return ["cpu"]
    import torch

    if name == "mps":
        if not torch.backends.mps.is_available():
            raise DeviceError("MPS asked for, but torch sees no such device; use --device cpu")
        return ["mps"]
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        if count == 0:
            warn_of_unused_gpu()
        return [f"cuda:{index}" for index in range(count)] or ["cpu"]
    if count == 0:
        raise DeviceError(
            f"CUDA asked for ({name}), but torch {torch.__version__} sees no CUDA device; "
            "check the driver with nvidia-smi, install a CUDA build of torch, or use --device cpu"
        )
    if name == "cuda":
        return [f"cuda:{index}" for index in range(count)]
    if int(name.removeprefix("cuda:")) >= count:
        raise DeviceError(
            f"{name} asked for, but torch sees {count} CUDA device(s), cuda:0 to cuda:{count - 1}; "
            "use one of these or --device cpu"
        )
    return [name]

"""What `--version -v` tells of the machine: what a bug report needs."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version

from subremover._version import __version__
from subremover.runtime.cpu import count_cores

_PACKAGES = ("torch", "av", "opencv-python-headless", "numpy", "onnxruntime", "rapidocr", "imageio-ffmpeg")


def describe_versions(is_verbose: bool) -> str:
    """The version of this program; if verbose, those of what it stands on as well, and the devices.

    Loads PyAV and torch, if verbose, to ask them.
    """
    own = f"subremover, version {__version__}"
    return "\n".join([own, *_describe_machine()]) if is_verbose else own


def _describe_machine() -> Iterator[str]:
    yield f"Python {platform.python_version()} on {platform.platform()}, {count_cores()} cores"
    for package in _PACKAGES:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            yield f"{package} is not installed"
    yield _tell("FFmpeg in av", _find_ffmpeg)
    yield _tell("CUDA in torch", _find_cuda)


def _tell(what: str, find: Callable[[], str]) -> str:
    """What is found, or why it cannot be: the report is most needed where something does not load."""
    try:
        return f"{what}: {find()}"
    except Exception as error:
        return f"{what}: cannot be asked ({error})"


def _find_ffmpeg() -> str:
    import av

    return str(av.ffmpeg_version_info)


def _find_cuda() -> str:
    import torch

    if not torch.cuda.is_available():
        return f"{torch.version.cuda or 'not built in'}, no device"
    names = ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
    return f"{torch.version.cuda}, {names}"

"""CUDA streams by name. torch hands out 32 of each priority in turn, and so the same one twice before long.

torch is loaded by those who ask.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_streams: dict[tuple[torch.device, str], torch.cuda.Stream] = {}
_lock = threading.Lock()


def find_stream(device: torch.device, name: str, *, is_urgent: bool = False) -> torch.cuda.Stream:
    """This process's stream of that name on a CUDA device; no other name has the same one.

    Args:
        device: With its number.
        name: Of what it is for; at most 32 names that are urgent, and 32 others.
        is_urgent: Whether its kernels come first where others wait as well.
    """
    import torch

    with _lock:
        if (device, name) not in _streams:
            priority = -1 if is_urgent else 0
            _streams[device, name] = torch.cuda.Stream(device, priority)  # type: ignore[no-untyped-call]
        return _streams[device, name]

"""Copies to a device and back without waiting for it, and marks in its work. Not yet run on a GPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def send(array: np.ndarray, device: torch.device) -> Tensor:
    """The array as a tensor of its shape and dtype on the device; on the CPU they share their memory."""
    tensor = torch.from_numpy(array)
    return send_tensor(tensor.pin_memory() if device.type == "cuda" else tensor, device)


def send_tensor(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on the device; a CUDA device is not waited for if the tensor's memory is pinned."""
    return tensor.to(device, non_blocking=device.type == "cuda")  # MPS would read it when it may be gone


def empty_to_send(shape: Sequence[int], device: torch.device) -> Tensor:
    """A float32 tensor on the host, to be filled; for `send_tensor`."""
    return torch.empty(*shape, pin_memory=device.type == "cuda")


class AsyncCopy:
    """A tensor on its way from a device to the host."""

    def __init__(self, tensor: Tensor) -> None:
        """Begin the copy; on CUDA, what is done to the tensor from now on does not change what arrives."""
        self._event: torch.cuda.Event | None = None
        self._tensor = tensor
        if tensor.is_cuda:
            self._tensor = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
            self._tensor.copy_(tensor, non_blocking=True)
            self._event = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
            self._event.record()

    def is_done(self) -> bool:
        """Whether the tensor has arrived."""
        return self._event is None or bool(self._event.query())  # type: ignore[no-untyped-call]

    def read(self) -> np.ndarray:
        """The tensor as an array; waits until it has arrived."""
        if self._event is not None:
            self._event.synchronize()
        array: np.ndarray = self._tensor.cpu().numpy()
        return array


class Mark:
    """A point in the work that a device was given; elsewhere than on CUDA it has always passed."""

    def __init__(self, device: torch.device) -> None:
        """Mark the end of what the current stream was given so far."""
        self._event: torch.cuda.Event | None = None
        if device.type == "cuda":
            self._event = torch.cuda.Event(enable_timing=True, blocking=True)  # type: ignore[no-untyped-call]
            self._event.record()

    def wait(self) -> None:
        """Wait until the device has come to it."""
        if self._event is not None:
            self._event.synchronize()

    def seconds_since(self, other: Mark) -> float:
        """Time that the device took from another mark to this one; both have passed."""
        if self._event is None or other._event is None:
            return 0.0
        return float(other._event.elapsed_time(self._event)) / 1000

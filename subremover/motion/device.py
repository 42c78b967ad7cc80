"""Crops on a torch device: uploaded once, used by every borrowing thread, each on a stream.

What is computed with them is in `scoring_device`. Not yet run on a GPU: on the CPU there are no streams, and
nothing is copied.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from subremover.motion.align import View
from subremover.motion.normalised_convolution import SIGMAS_PX
from subremover.motion.normalised_convolution_device import DeviceNormalisedConvolution
from subremover.motion.scoring import OFFSET_SIGMAS_PX
from subremover.runtime.cpu import count_cores
from subremover.runtime.cuda_streams import find_stream
from subremover.runtime.lru_cache import LruCache
from subremover.runtime.transfer import AsyncCopy, send

MOST_STREAMS = 16
"""Of all threads that borrow in this process, on each device."""
MATRICES_BYTES = 16 << 20
"""Most memory of each stream for the matrices of the latest crop sizes; those of a hole all across a 1080p
frame have 4 MiB."""

_numbers = itertools.count()  # of the streams, in turn


@dataclass(frozen=True, slots=True, eq=False)
class Planes:
    """A view, on the device."""

    picture: Tensor
    """(h, w, 3) uint8, RGB."""
    masks: Tensor
    """(2, h, w) uint8, 0 or 1: known, and solid."""
    is_there: torch.cuda.Event | None
    """Recorded when it is uploaded; other streams wait for it. None on the CPU."""


class Size:
    """What all crops of one size need, on one stream."""

    def __init__(self, stream: DeviceStream, height: int, width: int, step_px: int) -> None:
        """Upload it for crops of a height and width in px, scored at places so many px apart."""
        x, y = (np.arange(0, side, step_px, dtype=np.float32) for side in (width, height))
        self.grid = stream.upload(np.stack(np.meshgrid(x, y), -1))
        """(rows, columns, 2) float32, px: x and y of the grid's places."""
        sides = np.array([width, height]), np.array([len(x), len(y)]) * step_px
        starts = 0.5, 0.5 * step_px  # of a place, from its edge in px
        self.in_picture, self.in_grid = (
            stream.upload(np.array([2 / side, 2 * start / side - 1], np.float32))
            for side, start in zip(sides, starts, strict=True)
        )
        """(2, 2) float32, factors and summands for x and y: from px to what `grid_sample` takes, -1 to 1 from
        edge to edge, of a picture and of levels on the grid."""
        self.offsets, self.errors = (
            DeviceNormalisedConvolution((len(y), len(x)), step_px, sigmas_px, stream.upload)
            for sigmas_px in (OFFSET_SIGMAS_PX, SIGMAS_PX)
        )
        """Means over the scales at which changes of light and errors are told."""
        self.byte_count = self.offsets.byte_count + self.errors.byte_count


class DeviceStream:
    """A thread's way to the device: a stream of its own."""

    def __init__(self, device: torch.device, views: _Views) -> None:
        """Take one of the process's streams for borrowing; `views` are shared by all of a device."""
        self._stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            name = f"borrow {next(_numbers) % MOST_STREAMS}"
            self._stream = find_stream(device, name, is_urgent=True)  # the host waits for what it brings
        self._device = device
        self._views = views
        self._sizes: LruCache[Size] = LruCache(MATRICES_BYTES, lambda size: size.byte_count)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Queue on this stream whatever is asked of torch inside, without gradients."""
        with torch.inference_mode(), torch.cuda.stream(self._stream):
            yield

    def upload(self, array: np.ndarray) -> Tensor:
        """The array as a tensor on the device; does not wait for the copy. On the CPU they share memory."""
        return send(array, self._device)

    def fetch(self, tensor: Tensor) -> np.ndarray:
        """The tensor as an array; waits until this stream, at work, has come to it."""
        return AsyncCopy(tensor).read()

    def size(self, view: View) -> Size:
        """What crops of this view's size need; kept for the latest sizes."""
        key = *view.known.shape, view.step_px
        return self._sizes.get(key, lambda: Size(self, *key))

    def planes(self, view: View) -> Planes:
        """A view on the device, where it stays as long as the view lives."""
        planes = self._views.get(view)
        if planes is None:
            picture = self.upload(np.ascontiguousarray(view.picture))
            masks = self.upload(np.stack([view.known, view.solid > 0]).view(np.uint8))
            planes = Planes(picture, masks, self._stream.record_event() if self._stream else None)
            self._views.put(view, planes)
        elif self._stream is not None and planes.is_there is not None:
            self._stream.wait_event(planes.is_there)
            for tensor in (planes.picture, planes.masks):
                tensor.record_stream(self._stream)  # its memory is not reused before this stream is through
        return planes


class DeviceStreams:
    """As many streams as threads are likely to borrow at once, and the views that these share."""

    def __init__(self, device: str) -> None:
        """Note the device; it is first touched when a thread asks for its stream.

        Args:
            device: Name of a torch device.
        """
        self._device = torch.device(device)
        self._views = _Views()
        self._streams: deque[DeviceStream] = deque()
        self._mine = threading.local()
        self._lock = threading.Lock()

    def mine(self) -> DeviceStream:
        """The calling thread's stream.

        Threads come and go with every group of holes, so streams are handed on, the one handed out longest
        ago first.
        """
        if not hasattr(self._mine, "stream"):
            with self._lock:
                is_new = len(self._streams) < count_cores()
                self._streams.append(
                    DeviceStream(self._device, self._views) if is_new else self._streams.popleft()
                )
                self._mine.stream = self._streams[-1]
        stream: DeviceStream = self._mine.stream
        return stream


class _Views:
    """Planes by view, as long as the view lives; safe to share by threads."""

    def __init__(self) -> None:
        self._planes: WeakKeyDictionary[View, Planes] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def get(self, view: View) -> Planes | None:
        with self._lock:
            return self._planes.get(view)

    def put(self, view: View, planes: Planes) -> None:
        with self._lock:
            self._planes[view] = planes

"""What is known of a film: its picture's shape, its clock, the time of every frame. `probe` finds it out."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from subremover.parsing import Position

# Half of what a time printed with three decimals may be off by.
_ROUNDING_SECONDS = 0.0005


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Film:
    """A film file that can be decoded."""

    path: Path
    stream_index: int
    """Of the picture, among all streams of the container."""
    width: int
    """As coded, before any rotation."""
    height: int
    rotation: int
    """Degrees counter-clockwise, a multiple of 90 in (-180, 180], by which a decoded frame must be turned
    to stand upright; what PyAV's `frame.rotation` says."""
    pix_fmt: str
    """As decoded; the reader turns packed formats into planar ones (`formats.to_planar`)."""
    codec: str
    """Canonical name: h264, hevc, vp9, ..."""
    time_base: Fraction
    """Seconds of one tick of `pts`."""
    frame_rate: Fraction
    """Nominal; the time of a frame is in `pts`."""
    pts: np.ndarray
    """(frame_count,) int64, rising: a frame's place here is its index everywhere."""
    key_frames: np.ndarray
    """Indices of the frames that decoding can start at, int64, rising. Of some (open GOP) only the frames
    from there on can be decoded, not those sent after it but shown before."""
    codec_tag: str = ""
    """The container's four letters for the codec, which tell a ProRes profile; empty where there are none."""
    sample_aspect_ratio: Fraction | None = None
    """Width of a sample by its height; None: not told."""
    refreshes: np.ndarray = field(default_factory=lambda: np.empty((0, 2), np.int64))
    """(n, 2) int64, indices: where decoding can start as well, and the first frame that is right then and so
    are all behind it. Rising in both."""
    start_seconds: float = 0.0
    """Where players start to count, in seconds of `pts`: the first moment of any stream."""
    warnings: tuple[str, ...] = ()
    """What is wrong with the film although it can be read."""
    packets: str = ""
    """Digest of the times and sizes of all packets of all streams."""
    stamp: tuple[int, int] = (0, 0)
    """Bytes of its file, and when it was last written in ns: what tells that it has changed since."""

    def __post_init__(self) -> None:
        if self.pts.dtype != np.int64 or self.pts.ndim != 1 or not len(self.pts):
            raise ValueError(f"pts must be a row of int64, got {self.pts.dtype} of {self.pts.shape}")
        if self.rotation % 90:
            raise ValueError(f"rotation must be a multiple of 90 degrees, got {self.rotation}")

    @property
    def frame_count(self) -> int:
        return len(self.pts)

    @property
    def duration_seconds(self) -> float:
        """From the first frame to the end of the last, at the nominal rate."""
        return float((int(self.pts[-1]) - int(self.pts[0])) * self.time_base + 1 / self.frame_rate)

    @property
    def is_regular(self) -> bool:
        """Whether every frame comes at the nominal rate, within the container's clock or a millisecond."""
        seconds = (self.pts - self.pts[0]) * float(self.time_base)
        expected = np.arange(self.frame_count) / float(self.frame_rate)
        return bool(np.abs(seconds - expected).max() <= max(float(self.time_base), 0.001))

    @property
    def times(self) -> np.ndarray:
        """(frame_count + 1,) float64, seconds (of `pts`) of each frame and of the end of the last."""
        tick = float(self.time_base)
        return np.append(self.pts * tick, int(self.pts[-1]) * tick + float(1 / self.frame_rate))

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height as shown."""
        return (self.height, self.width) if self.rotation % 180 else (self.width, self.height)

    def find_entries(self, frame: int) -> np.ndarray:
        """Where decoding can start so that a frame and all behind it come out right; the last comes first."""
        refreshes = self.refreshes[self.refreshes[:, 1] <= frame, 0]
        return np.union1d(self.key_frames[self.key_frames <= frame], refreshes)[::-1]

    def index_of(self, position: Position) -> int:
        """The first frame at or after a position; `frame_count` for one behind the end."""
        if position.frame is not None:
            return min(position.frame, self.frame_count)
        assert position.seconds is not None  # Position holds one or the other
        ticks = (position.seconds - _ROUNDING_SECONDS) / float(self.time_base)
        return int(np.searchsorted(self.pts - self.pts[0], ticks, side="left"))

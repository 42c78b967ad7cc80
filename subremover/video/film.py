"""What is known of a film: its picture's size, its clock, the time of every frame. `probe` finds it out."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from subremover.parsing import Position

_ROUNDING_SECONDS = 0.0005
"""Seconds by which a time printed with three decimals may be off."""


@dataclass(frozen=True, slots=True)
class Join:
    """Where the times in a file start again, as in transport streams joined end to end."""

    position: int
    """Of the first packet behind it, in bytes."""
    shift_seconds: float
    """What is to be added to the times from there on, up to the next join."""


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Film:
    """A film file that can be decoded."""

    path: Path
    """Of the file."""
    stream_index: int
    """Of the picture, among all streams of the container."""
    width: int
    """In px, as coded, before any rotation."""
    height: int
    """In px, as coded, before any rotation."""
    rotation: int
    """Degrees counter-clockwise, a multiple of 90 in (-180, 180], by which a decoded frame must be turned
    to stand upright; what PyAV's `frame.rotation` says."""
    pix_fmt: str
    """Pixel format as decoded; the reader makes packed formats planar (`formats.to_planar`)."""
    codec: str
    """FFmpeg's canonical name: h264, hevc, vp9, ..."""
    time_base: Fraction
    """Seconds of one tick of `pts`."""
    frame_rate: Fraction
    """Nominal, in frames a second; the time of a frame is in `pts`."""
    pts: np.ndarray
    """(frame_count,) int64, in ticks, rising: when each frame is shown. Its place here is a frame's index
    everywhere."""
    key_frames: np.ndarray
    """(k,) int64, rising: indices of the frames that decoding can start at. With an open GOP, frames that
    are sent after the key frame but shown before it cannot be decoded then."""
    codec_tag: str = ""
    """FourCC that the container has for the codec, which tells a ProRes profile; empty: it has none."""
    sample_aspect_ratio: Fraction | None = None
    """Width of a sample by its height; None: the film does not say."""
    refreshes: np.ndarray = field(default_factory=lambda: np.empty((0, 2), np.int64))
    """(n, 2) int64, rising in both columns, frame indices: where decoding can start besides key frames, and
    the first frame from which on all come out right then."""
    start_seconds: float = 0.0
    """Where players start to count, in seconds of `pts`: the first moment of any stream."""
    joins: tuple[Join, ...] = ()
    """In the order of the file; all times of a film are those with these shifts."""
    positions: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    """(frame_count,) int64, the byte where each frame's packet begins; empty without joins, where times
    tell the place."""
    warnings: tuple[str, ...] = ()
    """What is wrong with the film although it can be read, one line a thing."""
    packets: str = ""
    """SHA-256, in hex, of the times and sizes of all packets of all streams."""
    stamp: tuple[int, int] = (0, 0)
    """Size of the file in bytes, and when it was last written, in ns; if they differ it has changed since."""

    def __post_init__(self) -> None:
        if self.pts.dtype != np.int64 or self.pts.ndim != 1 or not len(self.pts):
            raise ValueError(f"pts must be a row of int64, got {self.pts.dtype} of {self.pts.shape}")
        if self.rotation % 90:
            raise ValueError(f"rotation must be a multiple of 90 degrees, got {self.rotation}")

    @property
    def frame_count(self) -> int:
        """Number of frames, those that cannot be decoded included."""
        return len(self.pts)

    @property
    def duration_seconds(self) -> float:
        """From the first frame to the end of the last, which lasts one frame of the nominal rate."""
        return float((int(self.pts[-1]) - int(self.pts[0])) * self.time_base + 1 / self.frame_rate)

    @property
    def is_regular(self) -> bool:
        """Whether every frame comes at the nominal rate, within the container's clock or a millisecond."""
        seconds = (self.pts - self.pts[0]) * float(self.time_base)
        expected = np.arange(self.frame_count) / float(self.frame_rate)
        return bool(np.abs(seconds - expected).max() <= max(float(self.time_base), 0.001))

    @property
    def times(self) -> np.ndarray:
        """(frame_count + 1,) float64, rising: seconds at which each frame is shown, and the last one ends."""
        tick = float(self.time_base)
        return np.append(self.pts * tick, int(self.pts[-1]) * tick + float(1 / self.frame_rate))

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height in px, rotated as the picture is shown."""
        return (self.height, self.width) if self.rotation % 180 else (self.width, self.height)

    def find_entries(self, frame: int) -> np.ndarray:
        """Where decoding can start so that a frame and all behind it come out right.

        Args:
            frame: Its index.

        Returns:
            (n,) int64, frame indices, falling: the nearest entry comes first.
        """
        refreshes = self.refreshes[self.refreshes[:, 1] <= frame, 0]
        return np.union1d(self.key_frames[self.key_frames <= frame], refreshes)[::-1]

    def index_of(self, position: Position) -> int:
        """Index of the first frame at or after a position.

        Args:
            position: A frame index, or seconds from the film's first frame.

        Returns:
            The index; `frame_count` for a position behind the end.
        """
        if position.frame is not None:
            return min(position.frame, self.frame_count)
        assert position.seconds is not None  # Position holds one or the other
        ticks = (position.seconds - _ROUNDING_SECONDS) / float(self.time_base)
        return int(np.searchsorted(self.pts - self.pts[0], ticks, side="left"))

"""Small valid films of many containers and codecs, to be damaged by fuzz.py."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import av.error
import cv2
import numpy as np

from subremover.video.encode.priority import keeping_priority

SIZE = (96, 64)
FRAMES, RATE = 18, 25
SOUND_RATE = 48000
MASK = (16, 44, 64, 12)
"""x, y, width and height of what is to be removed."""


@dataclass(frozen=True)
class Kind:
    """What a film is made with, by FFmpeg's names."""

    suffix: str
    encoder: str
    pix_fmt: str
    sound: str
    options: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        return f"{self.encoder}.{self.suffix}"


_X264 = (("preset", "ultrafast"), ("g", "6"), ("bf", "2"))
_X265 = (("preset", "ultrafast"), ("g", "6"), ("x265-params", "log-level=none:pools=1"))
_AV1 = (("preset", "12"), ("g", "6"), ("svtav1-params", "lp=1"))
_VPX = (("deadline", "realtime"), ("cpu-used", "8"), ("g", "6"))
_OLD = (("g", "6"),)
KINDS = (
    Kind("mp4", "libx264", "yuv420p", "aac", _X264),
    Kind("mov", "libx264", "yuv420p", "pcm_s16le", _X264),
    Kind("mkv", "libx264", "yuv420p", "ac3", _X264),
    Kind("ts", "libx264", "yuv420p", "aac", _X264),
    Kind("flv", "libx264", "yuv420p", "aac", _X264),
    Kind("avi", "libx264", "yuv420p", "libmp3lame", _X264),
    Kind("mp4", "libx265", "yuv420p", "aac", _X265),
    Kind("mkv", "libx265", "yuv420p10le", "flac", _X265),
    Kind("webm", "libvpx", "yuv420p", "libopus", _VPX),
    Kind("webm", "libvpx-vp9", "yuv420p", "libopus", _VPX),
    Kind("mp4", "libsvtav1", "yuv420p", "libopus", _AV1),
    Kind("mkv", "libsvtav1", "yuv420p", "libopus", _AV1),
    Kind("ogv", "libvpx", "yuv420p", "libopus", _VPX),
    Kind("mpg", "mpeg2video", "yuv420p", "mp2", _OLD),
    Kind("ts", "mpeg2video", "yuv420p", "mp2", _OLD),
    Kind("mxf", "mpeg2video", "yuv420p", "pcm_s16le", _OLD),
    Kind("avi", "mpeg4", "yuv420p", "libmp3lame", _OLD),
    Kind("mp4", "mpeg4", "yuv420p", "aac", _OLD),
    Kind("avi", "mjpeg", "yuvj420p", "pcm_s16le"),
    Kind("mov", "mjpeg", "yuvj420p", "pcm_s16le"),
    Kind("mov", "prores_ks", "yuv422p10le", "pcm_s16le"),
    Kind("mkv", "ffv1", "yuv420p", "flac"),
    Kind("avi", "ffv1", "yuv422p", "pcm_s16le"),
    Kind("wmv", "wmv2", "yuv420p", "wmav2", _OLD),
    Kind("nut", "mpeg4", "yuv420p", "libmp3lame", _OLD),
)


def draw_films(folder: Path) -> list[Path]:
    """A film of each kind that this FFmpeg can make, into a folder."""
    films = []
    for kind in KINDS:
        path = folder / kind.name
        try:
            draw_film(path, kind)
        except (ValueError, av.error.FFmpegError) as error:
            path.unlink(missing_ok=True)
            print(f"no {kind.name}: {error}")
            continue
        films.append(path)
    return films


def draw_mask() -> np.ndarray:
    """(H, W) uint8, white where to remove."""
    x, y, width, height = MASK
    mask = np.zeros(SIZE[::-1], np.uint8)
    mask[y : y + height, x : x + width] = 255
    return mask


def write_masks(path: Path) -> None:
    """A film of masks, without loss, for a film of the others."""
    pictures = [np.dstack([draw_mask() * (4 <= index < 14)] * 3) for index in range(FRAMES)]
    with av.open(str(path), "w") as out:
        _write_pictures(out, pictures, Kind("mkv", "ffv1", "yuv420p", ""))


@keeping_priority()
def draw_film(path: Path, kind: Kind) -> None:
    """A short film of one kind, with a subtitle and sound."""
    pictures = [_draw_picture(index) for index in range(FRAMES)]
    with av.open(str(path), "w") as out:
        sound = out.add_stream(kind.sound, rate=SOUND_RATE)
        assert isinstance(sound, av.AudioStream)
        sound.layout, sound.bit_rate = "stereo", 128_000
        _write_pictures(out, pictures, kind)
        _write_tone(out, sound)


def _draw_picture(index: int) -> np.ndarray:
    """(H, W, 3) uint8 RGB: a gradient that moves, with a subtitle on the frames in the middle."""
    x, y = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    red, green = 127 + 100 * np.sin((x + 3 * index) / 9), 3 * y
    picture = np.stack([red, green, 255 - green], -1).astype(np.uint8)
    if 4 <= index < 14:
        for colour, thickness in ((0, 3), (255, 1)):
            cv2.putText(picture, "Words", (20, 54), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (colour,) * 3, thickness)
    return picture


def _write_pictures(out: av.container.OutputContainer, pictures: list[np.ndarray], kind: Kind) -> None:
    video = out.add_stream(kind.encoder, rate=RATE, options=dict(kind.options))
    assert isinstance(video, av.VideoStream)
    video.width, video.height, video.pix_fmt = *SIZE, kind.pix_fmt
    video.codec_context.thread_count = 1
    for index, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format=kind.pix_fmt)
        frame.pts = index
        out.mux(video.encode(frame))
    out.mux(video.encode(None))


def _write_tone(out: av.container.OutputContainer, sound: av.AudioStream) -> None:
    times = np.arange(SOUND_RATE * FRAMES // RATE) / SOUND_RATE
    wave = np.sin(times * 2 * np.pi * 440).astype(np.float32) / 4
    for start in range(0, len(wave), 960):
        part = np.repeat(wave[None, start : start + 960], 2, 0)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), "fltp", "stereo")
        frame.sample_rate, frame.pts = SOUND_RATE, start
        out.mux(sound.encode(frame))
    out.mux(sound.encode(None))

"""Films drawn for the tests: moving gradients, a tone, and subtitles whose truth is kept."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from subremover.video.container.tags import keep_tags
from subremover.video.encode.priority import keeping_priority

NTSC_FILM = Fraction(24000, 1001)


@dataclass(frozen=True, eq=False)
class DrawnFilm:
    """What was put into a drawn film, before encoding."""

    path: Path
    clean: list[np.ndarray]
    """(H, W, 3) uint8 RGB each, without subtitles."""
    masks: list[np.ndarray]
    """(H, W) bool each, True where a subtitle was drawn."""
    pts: list[int]


def known_to_fail(reason: str) -> pytest.MarkDecorator:
    """For what is known to be wrong; says so when it no longer does."""
    return pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason)


def draw_picture(index: int, size: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) uint8 RGB: gradients that move with the frame's index, no two frames alike."""
    width, height = size
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    red = 127 + 100 * np.sin((x + 3 * index) / 17)
    green = 40 + 170 * (y + index) / (height + index)
    blue = 127 + 90 * np.cos((x - y + 2 * index) / 23)
    return np.stack([red, green, blue], -1).astype(np.uint8)


def draw_subtitle(picture: np.ndarray, text: str) -> tuple[np.ndarray, np.ndarray]:
    """White text with a black outline in the lower third; the picture (H, W, 3) and its (H, W) bool mask."""
    height, width = picture.shape[:2]
    scale, thickness = max(0.4, height / 200), max(1, height // 120)
    (text_width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
    at = (max(0, (width - text_width) // 2), int(height * 0.86))
    drawn, mask = picture.copy(), np.zeros((height, width), np.uint8)
    cv2.putText(drawn, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), thickness * 3)
    cv2.putText(drawn, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), thickness)
    cv2.putText(mask, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thickness * 3)
    return drawn, mask > 0


def fade_subtitle(picture: np.ndarray, text: str, opacity: float) -> np.ndarray:
    """The picture with what `draw_subtitle` draws, at an opacity of 0 to 1."""
    drawn, _ = draw_subtitle(picture, text)
    return cv2.addWeighted(drawn, opacity, picture, 1 - opacity, 0)


def draw_texture(size: tuple[int, int], shift_px: tuple[float, float] = (0, 0), seed: int = 0) -> np.ndarray:
    """(H, W, 3) uint8 RGB: as rich in edges as a photograph, moved right and down, without an end."""
    turn = np.array([[1, 0, shift_px[0]], [0, 1, shift_px[1]]], np.float32)
    return cv2.warpAffine(_texture(size, seed), turn, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP)


@lru_cache(maxsize=8)
def _texture(size: tuple[int, int], seed: int) -> np.ndarray:
    """(H, W, 3) uint8: noise of the spectrum of photographs, 1 / frequency, blurred as by a lens."""
    width, height = size
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    noise = np.fft.fft2(np.random.default_rng(seed).standard_normal((height, width)))
    spectrum = noise * np.exp(-2 * (np.pi * frequency) ** 2) / np.maximum(frequency, 1 / 200)
    texture = np.fft.ifft2(spectrum).real
    luma = 120 + 45 * texture[..., None] / texture.std()
    return np.clip(luma + np.array([12, 0, -12]), 0, 255).astype(np.uint8)


def add_grain(picture: np.ndarray, level: float, seed: int) -> np.ndarray:
    """An (H, W, 3) uint8 picture with noise of that many levels on its luma."""
    noise = level * np.random.default_rng(seed).standard_normal((*picture.shape[:2], 1), np.float32)
    return np.clip(picture + np.rint(noise).astype(np.int16), 0, 255).astype(np.uint8)


class DrawnPicture:
    """An (H, W, 3) uint8 RGB array as the scan sees a picture."""

    def __init__(self, picture: np.ndarray) -> None:
        self.luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        self._picture = picture

    def rgb(self) -> np.ndarray:
        return self._picture


@keeping_priority()
def draw_film(
    path: Path,
    frames: int = 24,
    size: tuple[int, int] = (160, 96),
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    rate: Fraction = NTSC_FILM,
    first_pts: int = 0,
    vfr: bool = False,
    audio: bool = True,
    subtitles: tuple[tuple[int, int, str], ...] = (),
    rotation: int = 0,
    sample_aspect_ratio: Fraction = Fraction(1),
    color: tuple[int, int, int, int] | None = None,
    metadata: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
    pictures: list[np.ndarray] | None = None,
) -> DrawnFilm:
    """Draw and encode a film; the container follows from the file's name.

    Args:
        path: Where to.
        frames: How many.
        size: Width and height in px, as coded.
        codec: Encoder by FFmpeg's name.
        pix_fmt: As coded.
        rate: Frames a second; the time base is its thousandth part where the container allows it.
        first_pts: Frames that the picture starts late by.
        vfr: Draw out every third frame's time by a half.
        audio: Add a stereo tone as AAC (Vorbis-free containers: Opus in webm).
        subtitles: First frame, last frame (included) and text of each.
        rotation: Degrees counter-clockwise that a player is told to turn the picture by.
        sample_aspect_ratio: Width of a sample by its height.
        color: Range, primaries, transfer and matrix by FFmpeg's numbers.
        metadata: Tags of the container.
        options: Of the encoder; by default a key frame every 12.
        pictures: (H, W, 3) uint8 RGB each, instead of gradients that move.
    """
    clean, masks, pts = [], [], []
    time = first_pts * 1000
    with av.open(str(path), "w", options={"movflags": "use_metadata_tags"} if metadata else {}) as out:
        out.metadata.update(metadata or {})
        video = out.add_stream(codec, rate=rate, options=options or {"g": "12"})
        video.width, video.height, video.pix_fmt = *size, pix_fmt
        context = video.codec_context
        is_fixed_rate = codec in ("mpeg4", "mpeg2video")
        context.time_base = 1 / rate if is_fixed_rate else 1 / (rate * 1000)
        context.sample_aspect_ratio = sample_aspect_ratio
        if color:
            context.color_range, context.color_primaries, context.color_trc, context.colorspace = color
        if rotation:
            video.set_display_rotation(rotation)
        tone = _add_tone(out, path) if audio else None
        for index in range(frames):
            picture = draw_picture(index, size) if pictures is None else pictures[index]
            clean.append(picture)
            mask = np.zeros(picture.shape[:2], bool)
            for first, last, text in subtitles:
                if first <= index <= last:
                    picture, drawn = draw_subtitle(picture, text)
                    mask |= drawn
            masks.append(mask)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24").reformat(
                format=pix_fmt
            )
            frame.pts = time // 1000 if is_fixed_rate else time
            frame.time_base = context.time_base
            if color:
                frame.color_range, frame.color_primaries, frame.color_trc, frame.colorspace = color
            pts.append(frame.pts)
            time += 1500 if vfr and index % 3 == 0 else 1000
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if tone:
            _write_tone(out, tone, float(time / 1000 / rate))
    return DrawnFilm(path, clean, masks, pts)


def _add_tone(out: av.container.OutputContainer, path: Path) -> av.audio.stream.AudioStream:
    tone = out.add_stream("libopus" if path.suffix == ".webm" else "aac", rate=48000)
    tone.layout = "stereo"
    return tone


def _write_tone(out: av.container.OutputContainer, tone: av.audio.stream.AudioStream, seconds: float) -> None:
    samples = np.sin(np.arange(int(48000 * seconds)) * 2 * np.pi * 440 / 48000).astype(np.float32) / 4
    for start in range(0, len(samples), 960):
        part = np.repeat(samples[None, start : start + 960], 2, 0)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), "fltp", "stereo")
        frame.sample_rate, frame.pts = 48000, start
        out.mux(tone.encode(frame))
    out.mux(tone.encode(None))


def open_film(path: Path) -> av.container.InputContainer:
    """For reading, whatever the encoding of its tags."""
    return av.open(str(path), metadata_errors="surrogateescape")


def read_pts(path: Path) -> list[Fraction]:
    """Seconds of every decoded frame of the picture."""
    with open_film(path) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def read_packets(path: Path, kind: str, number: int = 0) -> list[tuple[Fraction, bytes]]:
    """Seconds and bytes of each packet of the nth stream of a kind (`audio`, `subtitles`, ...)."""
    with open_film(path) as container:
        stream = getattr(container.streams, kind)[number]
        return [(p.pts * p.time_base, bytes(p)) for p in container.demux(stream) if p.size]


def read_luma(path: Path) -> list[np.ndarray]:
    """(H, W) uint8 or uint16 luma of every frame."""
    with open_film(path) as container:
        return [luma(frame) for frame in container.decode(video=0)]


def luma(frame: av.VideoFrame) -> np.ndarray:
    """A copy of the first plane, (H, W) uint8 or uint16."""
    plane = frame.planes[0]
    dtype = np.dtype(np.uint16 if frame.format.components[0].bits > 8 else np.uint8)
    rows = np.frombuffer(plane, dtype).reshape(-1, plane.line_size // dtype.itemsize)
    return rows[: plane.height, : plane.width].copy()


def dress_film(plain: Path, path: Path) -> None:
    """Copy a film into a Matroska file that has all that one can have beside its picture.

    Two sound tracks, two subtitle tracks, a font, a cover, two chapters and tags, one of them not UTF-8.
    """
    with (
        av.open(str(plain)) as source,
        av.open(str(path), "w", format="matroska", metadata_errors="surrogateescape") as out,
    ):
        out.metadata.update({"title": "Dressed", "director": "N\udce9mo"})
        picture, tone = source.streams.video[0], source.streams.audio[0]
        copies = {0: [out.add_stream_from_template(picture, opaque=True)], 1: []}
        for language in ("eng", "jpn"):
            copies[1].append(out.add_stream_from_template(tone, opaque=True))
            copies[1][-1].metadata.update({"language": language, "title": f"Sound {language}"})
        texts = [out.add_mux_stream("subrip") for _ in range(2)]
        texts[1].metadata.update({"language": "deu", "title": "Deutsch"})
        texts[1].disposition = av.stream.Disposition.forced
        out.add_attachment("font.ttf", "application/x-truetype-font", b"no real font" * 20)
        out.add_attachment("cover.jpg", "image/jpeg", _draw_jpeg())
        half = {"time_base": Fraction(1, 1000)}
        out.set_chapters(
            [
                {"id": 1, "start": 0, "end": 500, "metadata": {"title": "One"}, **half},
                {"id": 2, "start": 500, "end": 1000, "metadata": {"title": "Two"}, **half},
            ]
        )
        for packet in source.demux():
            for copy in copies[packet.stream.index] if packet.size else ():
                packet_copy = av.Packet(bytes(packet))
                packet_copy.pts, packet_copy.dts = packet.pts, packet.dts
                packet_copy.duration, packet_copy.time_base = packet.duration, packet.time_base
                packet_copy.is_keyframe = packet.is_keyframe
                packet_copy.stream = copy
                out.mux(packet_copy)
        for number, text in enumerate(texts):
            for start in (100, 600):
                packet = av.Packet(f"Words {number} {start}".encode())
                packet.pts = packet.dts = start
                packet.duration, packet.time_base, packet.stream = 300, Fraction(1, 1000), text
                out.mux(packet)


def _draw_jpeg() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mjpeg") as out:
        stream = out.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuvj420p"
        out.mux(
            stream.encode(av.VideoFrame.from_ndarray(draw_picture(0, (32, 32))).reformat(format="yuvj420p"))
        )
        out.mux(stream.encode(None))
    return file.getvalue()


def all_packets(path: Path) -> list[tuple]:
    """Stream, pts, dts, key and bytes of every packet, stream by stream."""
    with open_film(path) as container:
        packets = [
            (p.stream.index, p.pts, p.dts, p.is_keyframe, bytes(p)) for p in container.demux() if p.size
        ]
    return sorted(packets, key=lambda p: p[0])  # only the interleaving may differ


def check_dress(source: Path, target: Path) -> None:
    """Everything beside the picture is in the target as it was."""
    with open_film(source) as old, open_film(target) as new:
        assert [s.type for s in old.streams] == [s.type for s in new.streams]
        assert keep_tags(old.metadata) == keep_tags(new.metadata)
        assert old.metadata["DIRECTOR"] == "N\udce9mo"
        for was, now in zip(old.streams, new.streams, strict=True):
            assert keep_tags(was.metadata) == keep_tags(now.metadata)
            assert was.disposition == now.disposition
        assert [a.data for a in old.streams.attachments] == [a.data for a in new.streams.attachments]
        assert [(c["start"], c["end"], c["metadata"]) for c in old.chapters()] == [
            (c["start"], c["end"], c["metadata"]) for c in new.chapters()
        ]
        covers = [[bytes(p) for p in c.demux(c.streams.video[-1]) if p.size] for c in (old, new)]
        assert len(covers[0]) == 1
        assert covers[0] == covers[1]
    for kind in ("audio", "subtitles"):
        for number in (0, 1):
            assert read_packets(source, kind, number) == read_packets(target, kind, number)


def read_texts(path: Path, number: int) -> list[tuple[float, float, str]]:
    """Start, end and text of what a player shows of the nth text track."""
    shown = []
    with open_film(path) as container:
        for packet in container.demux(container.streams.subtitles[number]):
            texts = [subtitle.dialogue.decode() for subtitle in packet.decode()] if packet.size else []
            if texts:
                start = packet.pts * packet.time_base
                end = start + packet.duration * packet.time_base
                shown.append((float(start), float(end), "".join(texts).replace("\\N", "\n")))
    return shown

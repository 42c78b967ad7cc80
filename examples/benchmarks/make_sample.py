"""Draw a film with burned-in subtitles, together with the truth: the same film without them, and the mask.

    python examples/benchmarks/make_sample.py FOLDER

writes clean.mp4, subbed.mp4, mask.mkv (how much of each pixel the subtitle hides; above 0 = touched) and
events.json (subtitles, shots) into FOLDER. Photographs come out of scikit-image, the font out of Pillow;
nothing is fetched.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import click
import numpy as np
from sample_picture import Shot, ShotPainter, add_grain, plan_shots
from sample_subtitles import (
    FONT_SHARE,
    STYLES,
    Event,
    Font,
    Overlay,
    burn,
    choose_text,
    draw_overlay,
    load_font,
    plan_events,
)

SOUND_RATE = 48000
SOUND_BLOCK = 1024
"""Samples in a frame of AAC."""


@dataclass(frozen=True, slots=True)
class SampleOptions:
    """What the film is like."""

    size: tuple[int, int] = (854, 480)
    """Width and height in px, both even."""
    frame_rate: Fraction = Fraction(24000, 1001)
    seconds: float = 10.0
    seed: int = 0
    """Another seed, other pictures, camera paths and grain."""
    styles: tuple[str, ...] = tuple(name for name, style in STYLES.items() if not style.whole_film)
    """In turn; those that stay on for the whole film stay on beside the others."""
    grain: float = 2.0
    """Standard deviation of the film grain in 8-bit levels."""
    shot_seconds: float = 3.5
    event_seconds: float = 1.8
    gap_seconds: float = 0.3
    """Without subtitle, between two events."""
    letters: float = FONT_SHARE
    """Font size in picture heights."""
    font: Path | None = None
    """A font file; None: Pillow's own, which has Latin letters only."""

    def __post_init__(self) -> None:
        if any(side % 2 or side < 32 for side in self.size):
            width, height = self.size
            raise ValueError(f"width and height must be even and at least 32, got {width}x{height}")
        if unknown := [style for style in self.styles if style not in STYLES]:
            raise ValueError(f"unknown style {unknown[0]!r}; choose from {', '.join(STYLES)}")
        if self.frame_rate <= 0 or self.frame_count < 1:
            raise ValueError(f"{self.seconds} s at {self.frame_rate} frames/s is no film")
        if self.shot_seconds * self.frame_rate < 1 or self.event_seconds * self.frame_rate < 1:
            raise ValueError("a shot and an event must last at least one frame")
        if not 0.01 <= self.letters <= 0.2:
            raise ValueError(f"letters must be 0.01 to 0.2 of the picture's height, got {self.letters}")
        if self.gap_seconds < 0:
            raise ValueError(f"the gap must not be negative, got {self.gap_seconds} s")

    @property
    def frame_count(self) -> int:
        return self.frames(self.seconds)

    def frames(self, seconds: float) -> int:
        return round(seconds * self.frame_rate)


DEFAULTS = SampleOptions()


@dataclass(frozen=True, slots=True)
class Sample:
    """A drawn film and what is known of it."""

    clean: Path
    subbed: Path
    mask: Path
    shots: tuple[Shot, ...]
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SampleFrame:
    """One frame before encoding."""

    clean: np.ndarray
    """(H, W, 3) uint8, RGB."""
    subbed: np.ndarray
    """(H, W, 3) uint8, RGB; equal to `clean` wherever `mask` is 0."""
    mask: np.ndarray
    """(H, W) uint8, how much the subtitle hides."""


def draw_sample(out_dir: Path, options: SampleOptions) -> Sample:
    """Draw a film into a folder, frame by frame: memory does not grow with its length."""
    out_dir.mkdir(parents=True, exist_ok=True)
    shots, events = make_shots(options), make_events(options)
    sample = Sample(
        out_dir / "clean.mp4", out_dir / "subbed.mp4", out_dir / "mask.mkv", tuple(shots), tuple(events)
    )
    write_films(sample.clean, sample.subbed, sample.mask, options, draw_frames(options))
    facts = {
        "size": options.size,
        "frame_rate": str(options.frame_rate),
        "frames": options.frame_count,
        "cuts": [shot.first for shot in shots[1:]],
        "shots": [asdict(shot) for shot in shots],
        "events": [asdict(event) for event in events],
    }
    (out_dir / "events.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return sample


def write_films(
    clean: Path, subbed: Path, mask: Path, options: SampleOptions, frames: Iterable[SampleFrame]
) -> None:
    """Encode frames into the two films and their mask, one by one as they are drawn."""
    with (
        FilmWriter(clean, options, crf=14) as clean_film,
        FilmWriter(subbed, options, crf=19) as subbed_film,
        MaskWriter(mask, options) as masks,
    ):
        for frame in frames:
            clean_film.write(frame.clean)
            subbed_film.write(frame.subbed)
            masks.write(frame.mask)


def draw_frames(options: SampleOptions) -> Iterator[SampleFrame]:
    """The frames of the film in order, before encoding."""
    width, height = options.size
    events = make_events(options)
    font = _load_font(options)
    lift = 1.6 if any(STYLES[event.style].whole_film for event in events) else 0  # room for it below
    overlays: dict[Event, Overlay] = {}
    for shot in make_shots(options):
        painter = ShotPainter(shot, width, height, options.frame_rate, options.seed)
        for index in range(shot.first, shot.last + 1):
            clean = add_grain(painter.paint(index), options.grain, options.seed, index)
            subbed, mask = clean.copy(), np.zeros((height, width), np.uint8)
            showing = [event for event in events if event.first <= index <= event.last]
            overlays = {event: overlay for event, overlay in overlays.items() if event in showing}
            for event in showing:
                if event not in overlays:
                    style = STYLES[event.style]
                    overlays[event] = draw_overlay(
                        event.text, style, font, options.size, 0 if style.whole_film else lift
                    )
                opacity = event.opacity(index, options.frame_rate)
                burn(subbed, mask, overlays[event], opacity, event.sung_share(index))
            yield SampleFrame(clean, subbed, mask)


def make_shots(options: SampleOptions) -> list[Shot]:
    """The shots of the film, in order."""
    return plan_shots(options.frame_count, options.frames(options.shot_seconds), options.seed)


def make_events(options: SampleOptions) -> list[Event]:
    """The subtitles of the film, by first frame."""
    font = _load_font(options)
    events = []
    for index, (first, last, style) in enumerate(
        plan_events(
            options.styles,
            options.frame_count,
            options.frames(options.event_seconds),
            options.frames(options.gap_seconds),
        )
    ):
        text = choose_text(index + options.seed, STYLES[style], font, options.size[0])
        events.append(Event(first, last, style, text))
    return events


def _load_font(options: SampleOptions) -> Font:
    return load_font(round(options.letters / FONT_SHARE * options.size[1]), options.font)


class FilmWriter:
    """Writes an H.264 film with a sound of its own, frame by frame."""

    def __init__(self, path: Path, options: SampleOptions, crf: int) -> None:
        self._container = av.open(str(path), "w")
        self._video = self._container.add_stream(
            "libx264", rate=options.frame_rate, options={"crf": str(crf), "preset": "veryfast"}
        )
        self._video.width, self._video.height = options.size
        self._video.pix_fmt = "yuv420p"
        context = self._video.codec_context
        context.time_base = 1 / options.frame_rate
        context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709
        context.color_range = 1  # limited
        self._sound = self._container.add_stream("aac", rate=SOUND_RATE, layout="mono")
        self._blocks = sound_blocks(options.seconds, options.seed)
        self._block_count = 0
        self._frame_rate = options.frame_rate
        self._frame_count = 0

    def __enter__(self) -> FilmWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._write_sound_until(math.inf)
                self._container.mux(self._video.encode(None))
                self._container.mux(self._sound.encode(None))
        finally:
            self._container.close()

    def write(self, picture: np.ndarray) -> None:
        """Append a frame, (H, W, 3) uint8 RGB."""
        self._write_sound_until(float(self._frame_count / self._frame_rate))
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
        frame.pts, frame.time_base = self._frame_count, 1 / self._frame_rate
        self._frame_count += 1
        self._container.mux(self._video.encode(frame))

    def _write_sound_until(self, seconds: float) -> None:
        while self._block_count * SOUND_BLOCK <= seconds * SOUND_RATE:
            block = next(self._blocks, None)
            if block is None:
                return
            frame = av.AudioFrame.from_ndarray(block[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = SOUND_RATE, self._block_count * SOUND_BLOCK
            frame.time_base = Fraction(1, SOUND_RATE)
            self._block_count += 1
            self._container.mux(self._sound.encode(frame))


class MaskWriter:
    """Writes masks as FFV1, 8-bit gray, without loss."""

    def __init__(self, path: Path, options: SampleOptions) -> None:
        self._container = av.open(str(path), "w")
        self._video = self._container.add_stream("ffv1", rate=options.frame_rate)
        self._video.width, self._video.height = options.size
        self._video.pix_fmt = "gray"
        self._video.codec_context.time_base = self._time_base = 1 / options.frame_rate
        self._frame_count = 0

    def __enter__(self) -> MaskWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._container.mux(self._video.encode(None))
        finally:
            self._container.close()

    def write(self, mask: np.ndarray) -> None:
        """Append a mask, (H, W) uint8."""
        frame = av.VideoFrame.from_ndarray(mask, format="gray")
        frame.pts, frame.time_base = self._frame_count, self._time_base
        self._frame_count += 1
        self._container.mux(self._video.encode(frame))


def sound_blocks(seconds: float, seed: int) -> Iterator[np.ndarray]:
    """A tone that rises and falls over soft noise, (n,) float32 in [-1, 1], n at most SOUND_BLOCK."""
    rng = np.random.default_rng(seed)
    total = round(seconds * SOUND_RATE)
    for first in range(0, total, SOUND_BLOCK):
        t = np.arange(first, min(first + SOUND_BLOCK, total)) / SOUND_RATE
        tone = np.sin(2 * np.pi * 220 * t + 40 * np.sin(0.8 * t))
        yield (0.2 * tone + 0.01 * rng.standard_normal(t.size)).astype(np.float32)


@click.command(help=__doc__)
@click.argument("out_dir", type=click.Path(file_okay=False, path_type=Path))
@click.option("--size", default="854x480", show_default=True, metavar="WxH")
@click.option("--rate", default="24000/1001", show_default=True, help="Frames a second, also as a fraction.")
@click.option("--seconds", default=DEFAULTS.seconds, show_default=True)
@click.option("--seed", default=DEFAULTS.seed, show_default=True, help="Other pictures, paths and grain.")
@click.option(
    "--styles", default=",".join(DEFAULTS.styles), show_default=True, help=f"Out of {', '.join(STYLES)}."
)
@click.option("--grain", default=DEFAULTS.grain, show_default=True, help="In 8-bit levels.")
@click.option("--shot-seconds", default=DEFAULTS.shot_seconds, show_default=True)
@click.option("--event-seconds", default=DEFAULTS.event_seconds, show_default=True)
@click.option("--gap-seconds", default=DEFAULTS.gap_seconds, show_default=True)
@click.option("--letters", default=DEFAULTS.letters, show_default=True, help="Font size in picture heights.")
@click.option("--font", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A font file.")
def main(out_dir: Path, size: str, rate: str, styles: str, **values: Any) -> None:
    try:
        width, height = (int(side) for side in size.split("x"))
        names = tuple(name.strip() for name in styles.split(",") if name.strip())
        options = SampleOptions(size=(width, height), frame_rate=Fraction(rate), styles=names, **values)
    except (ValueError, ZeroDivisionError) as error:
        raise click.UsageError(str(error)) from error
    sample = draw_sample(out_dir, options)
    click.echo(f"{sample.subbed}: {options.frame_count} frames, {len(sample.events)} subtitles")


if __name__ == "__main__":
    main()

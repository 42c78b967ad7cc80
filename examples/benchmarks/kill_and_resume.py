"""Kill runs at random moments, have the same command go on, and compare with a run that was left alone.

    python examples/benchmarks/kill_and_resume.py OUT [--kills 50] [--seed 0]

Draws a short film with a subtitle and sound into OUT and prints a table: when a run was killed (SIGKILL to
all its processes), how many frames were finished then, and whether the film that the next run made is byte
for byte that of the first, uninterrupted one. Segments are shorter than usual, so that the film has some.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import click
import cv2
import numpy as np

from subremover.resume.names import find_folder
from subremover.resume.stopped import describe_work

SIZE, FRAMES, RATE = (192, 108), 250, Fraction(25)
SUBTITLE = range(20, 230)
SEGMENT_FRAMES = 25
SCAN_SHARE = 5
"""One run of so many is killed during the scan, or before."""


@dataclass(frozen=True, slots=True)
class Row:
    """One run that was killed, and the one that went on."""

    seconds: float
    """After which it was killed."""
    status: str
    """What `--status` says then."""
    was_done: bool
    """Whether the film was there already."""
    is_same: bool
    """Whether the film is that of an uninterrupted run, and nothing else is left."""


def kill_and_resume(
    command: Sequence[str], film: Path, folder: Path, *, kills: int, seed: int
) -> Iterator[Row]:
    """Have a command make a film, killed and not.

    Args:
        command: All but the film and the output.
        film: The source.
        folder: For the films; what was made is removed again.
        kills: How often.
        seed: Of the moments: between a run's first moment and its last, most of them behind the scan.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "clean.mp4"
    arguments = [*command, str(film), "-o", str(target), "-q"]
    start = time.monotonic()
    process = _start(arguments)
    plan = find_folder(target) / "plan"
    _wait_for(plan, process)
    scanned = time.monotonic() - start
    _wait_for(target, process)
    rendered = time.monotonic() - start - scanned
    process.communicate()
    expected = target.read_bytes()
    target.unlink()
    moments = random.Random(seed)
    for number in range(kills):
        start = time.monotonic()
        process = _start(arguments)
        if is_late := number % SCAN_SHARE != 0:
            _wait_for(plan, process)
        try:
            process.communicate(timeout=moments.uniform(0, rendered if is_late else scanned))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        seconds = time.monotonic() - start
        status, was_done = describe_work(film, target).partition(": ")[2], target.exists()
        is_whole = not was_done or target.read_bytes() == expected
        # a film that is there already was finished before the kill
        _start([*arguments, *(["--overwrite"] if was_done else [])]).communicate()
        is_same = is_whole and target.read_bytes() == expected and list(folder.iterdir()) == [target]
        yield Row(seconds, status, was_done, is_same)
        target.unlink()


def _start(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(arguments, start_new_session=True)


def _wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None and not path.exists():
        time.sleep(0.005)


def draw_film(path: Path, frames: int = FRAMES, subtitle: range = SUBTITLE, seed: int = 0) -> None:
    """A moving texture with a subtitle that comes and goes, and a tone."""
    width, height = SIZE
    noise = np.random.default_rng(seed).integers(0, 255, (height, 2 * width), np.uint8)
    texture = cv2.GaussianBlur(cv2.cvtColor(noise, cv2.COLOR_GRAY2RGB), (0, 0), 4)
    texture = cv2.normalize(texture, None, 20, 235, cv2.NORM_MINMAX)
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=RATE, options={"g": "40"})
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        tone = out.add_stream("aac", rate=48000)
        for index in range(frames):
            picture = np.ascontiguousarray(texture[:, index % width : index % width + width])
            if index in subtitle:
                for colour, thickness in (((0, 0, 0), 4), ((255, 255, 255), 1)):
                    place = (20, height - 18)
                    cv2.putText(
                        picture,
                        "Here I am",
                        place,
                        cv2.FONT_HERSHEY_SIMPLEX,
                        0.9,
                        colour,
                        thickness,
                        cv2.LINE_AA,
                    )
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p")))
        out.mux(video.encode(None))
        seconds = np.arange(int(48000 * frames / RATE)) / 48000
        samples = np.sin(seconds * 2 * np.pi * 440).astype(np.float32)[None] / 4
        for first in range(0, samples.shape[1], 1024):
            part = np.ascontiguousarray(samples[:, first : first + 1024])
            frame = av.AudioFrame.from_ndarray(part, "fltp", "mono")
            frame.sample_rate, frame.pts = 48000, first
            out.mux(tone.encode(frame))
        out.mux(tone.encode(None))


def run_with_short_segments(arguments: list[str]) -> int:
    """The command in this process."""
    from subremover.cli import command as cli
    from subremover.video import segments

    segments.SEGMENT_FRAMES = SEGMENT_FRAMES
    return cli.run(arguments)


@click.command(help=__doc__)
@click.argument("folder", metavar="OUT", type=click.Path(path_type=Path, file_okay=False))
@click.option("--kills", type=int, default=50, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
def main(folder: Path, kills: int, seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    film = folder / "film.mp4"
    draw_film(film)
    run = "import sys, kill_and_resume as own; sys.exit(own.run_with_short_segments(sys.argv[1:]))"
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", run, "--device", "cpu"]
    print("| kill | at s | found then | resumed film |\n| --- | --- | --- | --- |", flush=True)
    same = 0
    for number, row in enumerate(kill_and_resume(command, film, folder / "films", kills=kills, seed=seed), 1):
        found = "the whole film" if row.was_done else row.status
        print(
            f"| {number} | {row.seconds:.2f} | {found} | {'identical' if row.is_same else 'DIFFERS'} |",
            flush=True,
        )
        same += row.is_same
    print(f"\n{same} of {kills} resumed films are byte for byte that of an uninterrupted run.")
    sys.exit(same < kills)


if __name__ == "__main__":
    main()

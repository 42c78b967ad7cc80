"""Memory by the length of the film: the same minute once, 10 times and 60 times over.

    python examples/benchmarks/bench_memory.py OUT [--minutes 1,10,60] [OPTIONS OF SUBREMOVER ...]

Draws a minute with a subtitle of 2 s every 20 s into OUT, repeats its packets, has the command clean each
film, and prints a table of seconds and of the most memory that all its processes had together.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import click
import ffmpeg
from clip_tables import GIB, format_rows
from imageio_ffmpeg import get_ffmpeg_exe
from make_sample import FilmWriter, SampleOptions, draw_frames
from score_clips import measure_command

from subremover.video.read.probe import probe

MINUTE = SampleOptions(
    size=(320, 180),
    frame_rate=Fraction(24),
    seconds=60,
    styles=("white",),
    event_seconds=2,
    gap_seconds=18,
    letters=0.08,
)


def draw_minute(path: Path) -> None:
    """The film that is repeated: one minute, with a subtitle on a tenth of it."""
    with FilmWriter(path, MINUTE, crf=19) as writer:
        for frame in draw_frames(MINUTE):
            writer.write(frame.subbed)


def repeat_film(minute: Path, path: Path, count: int) -> None:
    """Packet by packet."""
    again = ffmpeg.input(str(minute), stream_loop=count - 1)
    again.output(str(path), c="copy").overwrite_output().run(get_ffmpeg_exe(), quiet=True)


@click.command(help=__doc__, context_settings={"ignore_unknown_options": True})
@click.argument("folder", metavar="OUT", type=click.Path(path_type=Path, file_okay=False))
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@click.option("--minutes", default="1,10,60", show_default=True)
def main(folder: Path, options: tuple[str, ...], minutes: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    minute = folder / "minute.mp4"
    draw_minute(minute)
    rows = []
    for count in map(int, minutes.split(",")):
        film, target = folder / f"{count}.mp4", folder / f"{count}.clean.mp4"
        repeat_film(minute, film, count)
        words = [str(film), "-o", str(target), "--overwrite", "-q", *options]
        with (folder / f"{count}.log").open("w", encoding="utf-8") as said:
            cost = measure_command([sys.executable, "-m", "subremover", *words], said)
        peak = "?" if cost.peak_bytes is None else f"{cost.peak_bytes / GIB:.2f}"
        rows.append([str(count), str(len(probe(target).pts)), f"{cost.seconds:.0f}", peak])
        click.echo(f"{count} min: {cost.seconds:.0f} s, {peak} GiB", err=True)
    click.echo(format_rows([["minutes", "frames", "s", "GiB"], ["---"] * 4, *rows]))


if __name__ == "__main__":
    main()

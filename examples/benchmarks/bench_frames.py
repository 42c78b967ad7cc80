"""How soon a picture of a film is there, by frame index, as a page with a scrubber asks for it.

    python examples/benchmarks/bench_frames.py OUT
    python examples/benchmarks/bench_frames.py OUT --film movie.mp4

Without a film, one of 40 s is drawn into OUT by x264 as it comes (a key frame every 250, B-frames), with two
shots, so that GOPs are long. Each way of asking is timed as a whole, JPEG included, beside the same frames,
or some of them, read from scratch by read_frames in the same run. Cold: nothing open, nothing kept. Prints a
Markdown table and writes OUT/frames.json. Figures stand for a machine that does nothing else.
"""

from __future__ import annotations

import json
import os
import random
import resource
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import av
import click
from clip_tables import format_rows
from make_sample import SampleOptions, draw_frames
from score_clips import describe_run

from subremover.page.pictures.pictures import Pictures, encode_picture
from subremover.video.film import Film
from subremover.video.pixels.planes import upright_rgb
from subremover.video.read.probe import probe
from subremover.video.read.reader import read_frames

SIZE, RATE = (1920, 1080), Fraction(24)
KEY_SECONDS = 1 / 30
"""Between two steps by a key that is held down."""


@dataclass(frozen=True, slots=True)
class Row:
    """The times of one way of asking, in ms."""

    way: str
    count: int
    median: float
    p90: float
    greatest: float
    baseline: float
    """Median of the same frames, or some of them, from scratch."""
    load: float
    """Of the machine, over the last minute."""


def draw_film(path: Path, seconds: float, shot_seconds: float) -> Path:
    """A film with grain and camera moves, drawn unless it is there."""
    if path.exists():
        return path
    options = SampleOptions(SIZE, RATE, seconds, styles=("white",), shot_seconds=shot_seconds)
    part = path.with_name(f"part_{path.name}")
    with av.open(str(part), "w") as out:
        stream = out.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for drawn in draw_frames(options):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(drawn.subbed, format="rgb24")))
        out.mux(stream.encode(None))
    part.replace(path)
    return path


def read_from_scratch(film: Film, index: int, width: int | None) -> bytes:
    """A frame's JPEG as it was made before there was a module for it."""
    _, frame = next(read_frames(film, index))  # type: ignore[misc]
    return encode_picture(upright_rgb(frame, film.rotation), width)


def time_calls(call: Callable[[int], object], indices: Iterable[int], every: float = 0) -> Iterator[float]:
    """Milliseconds of each call; the next comes `every` seconds after the one before at the earliest."""
    for index in indices:
        start = time.perf_counter()
        call(index)
        spent = time.perf_counter() - start
        yield 1000 * spent
        time.sleep(max(0.0, every - spent))


def choose_ways(film: Film, repeats: int) -> dict[str, tuple[list[list[int]], float]]:
    """For each way of asking, the frames of each turn, and seconds between two."""
    count, chance = film.frame_count, random.Random(7)
    anywhere = [chance.randrange(count) for _ in range(repeats)]
    keys = [int(chance.choice(film.key_frames)) for _ in range(repeats)]
    steps = min(120, count // 3)
    middle = count // 2
    return {
        "cold, anywhere": ([[index] for index in anywhere], 0),
        "cold, a key frame": ([[index] for index in keys], 0),
        "anywhere, again and again": ([[chance.randrange(count) for _ in range(3 * repeats)]], 0),
        "a step on": ([[*range(middle, middle + steps)]], KEY_SECONDS),
        "a step back": ([[*range(middle, middle - steps, -1)]], KEY_SECONDS),
        "dragged on, every 5th": ([[*range(middle - steps, middle + steps, 5)]], 0),
        "dragged back, every 5th": ([[*range(middle + steps, middle - steps, -5)]], 0),
    }


def measure(film: Film, width: int | None, repeats: int) -> Iterator[Row]:
    """Time all ways of asking."""
    for way, (turns, every) in choose_ways(film, repeats).items():
        times: list[float] = []
        baseline: list[float] = []
        for turn in turns:
            with Pictures() as pictures:
                pictures.film(film.path)
                times += time_calls(lambda index, p=pictures: p.jpeg(film.path, index, width), turn, every)
            some = turn[:: max(1, len(turn) // 5)]
            baseline += time_calls(lambda index: read_from_scratch(film, index, width), some)
        times.sort()
        p90 = times[int(0.9 * (len(times) - 1))]
        medians = statistics.median(times), statistics.median(baseline)
        yield Row(way, len(times), medians[0], p90, times[-1], medians[1], os.getloadavg()[0])


def format_table(rows: Sequence[Row]) -> str:
    """A Markdown table."""
    head = ["asked for", "times", "median ms", "p90", "greatest", "from scratch, median ms", "ratio", "load"]
    cells = [
        [
            *(row.way, str(row.count), f"{row.median:.1f}", f"{row.p90:.1f}", f"{row.greatest:.0f}"),
            *(f"{row.baseline:.0f}", f"{row.baseline / row.median:.1f}", f"{row.load:.1f}"),
        ]
        for row in rows
    ]
    return format_rows([head, ["---"] * len(head), *cells])


@click.command(help=__doc__)
@click.argument("out_dir", type=click.Path(file_okay=False, path_type=Path))
@click.option("--film", "path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--seconds", default=40.0, show_default=True, help="Of the film that is drawn.")
@click.option("--shot-seconds", default=25.0, show_default=True, help="Of the shots of that film.")
@click.option("--width", default=960, show_default=True, help="Of the pictures, in px.")
@click.option("--repeats", default=25, show_default=True, help="Frames anywhere in the film.")
def main(
    out_dir: Path, path: Path | None, *, seconds: float, shot_seconds: float, width: int, repeats: int
) -> None:
    out_dir.mkdir(parents=True, exist_ok=True)
    name = f"frames_{seconds:g}s_{shot_seconds:g}s.mp4"
    film = probe(path or draw_film(out_dir / name, seconds, shot_seconds))
    rows = list(measure(film, width, repeats))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    facts = {**describe_run(()), "film": [film.codec, film.width, film.height, film.frame_count]}
    facts |= {"key_frames": len(film.key_frames), "peak_mib": round(peak)}
    (out_dir / "frames.json").write_text(
        json.dumps({**facts, "rows": [asdict(row) for row in rows]}, indent=1) + "\n", encoding="utf-8"
    )
    click.echo(f"{format_table(rows)}\n\n{', '.join(f'{key}: {value}' for key, value in facts.items())}")


if __name__ == "__main__":
    main()

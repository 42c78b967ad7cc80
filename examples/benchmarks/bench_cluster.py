"""What Ray costs: the same films by plain runs and by a cluster on this machine, on one core and on two.

    python examples/benchmarks/bench_cluster.py OUT [--films 4] [--seconds 12] [--size 960x544] [--rounds 1]

Draws films with subtitles on half of their frames into OUT, and prints a table: seconds for all of them by
`subremover FILMS -o DIR`, without and with `--cluster auto`, how many films a minute that is, what share the
cluster costs, and what share once it has begun. Whether the films are the same is looked at, too. Then how
many tasks of nothing a second the scheduler has done (docs/measurements.md, "cluster").
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import click
from bench_film import FilmCase, draw_film

from subremover.cluster.cluster import Cluster
from subremover.cluster.film_copy import FilmSource
from subremover.cluster.scheduler import Task
from subremover.cluster.tasks import TaskSetting

NOTHING_TASKS = 400


def do_nothing(_: TaskSetting) -> None:
    """A task."""


def time_nothing(cores: int) -> float:
    """Tasks of nothing a second, with as many cores as this process has."""
    with Cluster() as cluster:
        source = FilmSource(Path("/"), 0, 0, "")
        some = [Task("nothing", (0, n), do_nothing, (), source) for n in range(NOTHING_TASKS + 4 * cores)]
        for task in some[: 4 * cores]:  # until all processes are there
            cluster._scheduler.submit(task)
        for task in some[: 4 * cores]:
            task.future.result()
        start = time.monotonic()
        for task in some[4 * cores :]:
            cluster._scheduler.submit(task)
        for task in some:
            task.future.result()
        return NOTHING_TASKS / (time.monotonic() - start)


def time_run(films: list[Path], out: Path, cores: range, *more: str) -> tuple[float, float]:
    """Seconds of a run over all films, and of what comes after its first line."""
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "subremover", *map(str, films), "-o", f"{out}/", "--device", "cpu"]
    command += ["--progress", "json", *more]
    own, start = os.sched_getaffinity(0), time.monotonic()
    os.sched_setaffinity(0, cores)
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    finally:
        os.sched_setaffinity(0, own)
    assert process.stdout is not None
    process.stdout.readline()
    begun = time.monotonic()
    process.communicate()
    if process.returncode:
        sys.exit(f"{command} failed")
    return time.monotonic() - start, time.monotonic() - begun


@click.command(help=__doc__)
@click.argument("folder", metavar="OUT", type=click.Path(path_type=Path, file_okay=False))
@click.option("--films", "count", type=int, default=4, show_default=True)
@click.option("--seconds", type=float, default=12.0, show_default=True)
@click.option("--size", default="960x544", show_default=True)
@click.option("--rounds", type=int, default=1, show_default=True)
def main(folder: Path, count: int, seconds: float, size: str, rounds: int) -> None:
    width, height = map(int, size.split("x"))
    folder.mkdir(parents=True, exist_ok=True)
    drawn = draw_film(FilmCase(seconds, 0.5, size=(width, height)), folder / "drawn")
    films = [folder / f"{number}.mp4" for number in range(count)]
    for film in films:
        shutil.copyfile(drawn, film)
    print("| cores | plain s | cluster s | films a minute | costs | once begun | same films |")
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    told = []
    for cores in (range(1), range(2)):
        times: dict[str, list[tuple[float, float]]] = {"plain": [], "cluster": []}
        for _ in range(rounds):
            times["plain"].append(time_run(films, folder / "plain", cores))
            times["cluster"].append(time_run(films, folder / "cluster", cores, "--cluster", "auto"))
        plain, spread = (median(whole for whole, _ in times[how]) for how in ("plain", "cluster"))
        plain_rest, rest = (median(rest for _, rest in times[how]) for how in ("plain", "cluster"))
        same = all(
            (folder / "plain" / film.name).read_bytes() == (folder / "cluster" / film.name).read_bytes()
            for film in films
        )
        costs, later = spread / plain - 1, rest / plain_rest - 1
        rates = f"{60 * count / plain:.2f}, {60 * count / spread:.2f}"
        row = f"| {len(cores)} | {plain:.0f} | {spread:.0f} | {rates} | {costs:+.1%} | {later:+.1%} |"
        print(f"{row} {'yes' if same else 'NO'} |", flush=True)
        told.append({"cores": len(cores), "plain": times["plain"], "cluster": times["cluster"], "same": same})
    print(f"\n{time_nothing(len(os.sched_getaffinity(0))):.0f} tasks of nothing a second")
    (folder / "bench_cluster.json").write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()

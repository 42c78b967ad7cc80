"""Kill machines of a cluster, and what works on them, at random moments, and compare the film that comes out.

    python examples/benchmarks/kill_cluster.py OUT [--kills 20] [--nodes 3] [--seed 0] [FILM ...]

Draws a short film with a subtitle and sound into OUT, unless films are given, and makes it by a plain run;
then on a Ray cluster of some nodes of one core each, all on this machine, first in peace and then again and
again while something is killed (SIGKILL): a process that works on a segment or a scan, a whole node, which
comes again, or the run itself, which is then started anew. Prints a table: what was killed, when, and whether
the film is byte for byte that of the plain run, with nothing else left beside it. Segments are shorter than
usual, so that the film has some.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from kill_and_resume import draw_film

WORKERS = (b"ray::render_segment", b"ray::scan_film")
STORE_BYTES = 150 << 20
LONGEST_SECONDS = 600.0


class Machines:
    """A Ray cluster whose nodes are all on this machine."""

    def __init__(self, count: int) -> None:
        from ray.cluster_utils import Cluster

        self._node = {"num_cpus": 1, "object_store_memory": STORE_BYTES}
        self._cluster: Any = Cluster(
            initialize_head=True, head_node_args={**self._node, "include_dashboard": False}
        )
        self._nodes = [self._cluster.add_node(**self._node) for _ in range(count - 1)]
        self.address: str = self._cluster.address

    def kill_node(self, chance: random.Random) -> str:
        """Have a node go at once, and another one come; not the head, on which all the others depend."""
        node = self._nodes.pop(chance.randrange(len(self._nodes)))
        self._cluster.remove_node(node, allow_graceful=False)
        self._nodes.append(self._cluster.add_node(**self._node))
        return "a node"

    def close(self) -> None:
        """End all of it."""
        self._cluster.shutdown()


def kill_worker(chance: random.Random) -> str:
    """Kill one of the processes that work on a task."""
    busy = sorted(pid for pid, line in list_processes() if line.startswith(WORKERS))
    if not busy:
        return "nothing"
    pid = chance.choice(busy)
    name = dict(list_processes()).get(pid, b"").decode(errors="replace").strip("\0 ")
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return "nothing"
    return name or "nothing"


def list_processes() -> Iterator[tuple[int, bytes]]:
    """Number and command line of every process."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                yield int(folder.name), (folder / "cmdline").read_bytes()
            except OSError:
                continue


def start(command: list[str]) -> subprocess.Popen[bytes]:
    """The command, in a group of its own."""
    return subprocess.Popen(command, start_new_session=True)


@click.command(help=__doc__)
@click.argument("folder", metavar="OUT", type=click.Path(path_type=Path, file_okay=False))
@click.argument("films", metavar="[FILM ...]", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--kills", type=int, default=20, show_default=True)
@click.option("--nodes", type=click.IntRange(2), default=3, show_default=True)
@click.option("--preset", default="fast", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
def main(folder: Path, films: tuple[Path, ...], *, kills: int, nodes: int, preset: str, seed: int) -> None:
    made = folder / "films"
    made.mkdir(parents=True, exist_ok=True)
    if not films:
        films = (folder / "film.mp4",)
        draw_film(films[0])
    code = "import sys, kill_and_resume as own; sys.exit(own.run_with_short_segments(sys.argv[1:]))"
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", code, "--device", "cpu", "--preset", preset, "-q"]
    chance, same = random.Random(seed), 0
    machines = Machines(nodes)
    print("| film | killed | at s | whole run s | film |\n| --- | --- | --- | --- | --- |", flush=True)
    try:
        for film in films:
            target = made / f"clean{film.suffix}"
            plain = [*command, str(film), "-o", str(target)]
            seconds = time_run(plain)
            expected = target.read_bytes()
            print(f"| {film.name} | nothing, without a cluster | | {seconds:.1f} | |", flush=True)
            target.unlink()
            spread = [*plain, "--cluster", machines.address]
            whole = time_run(spread)
            same += tell(film, "nothing", (None, whole), target, expected)
            for number in range(kills // len(films)):
                moment = chance.uniform(0.2, 0.8) * whole
                begin = time.monotonic()
                process = start(spread)
                try:
                    process.wait(moment)
                except subprocess.TimeoutExpired:
                    what = kill(number, process, machines, chance)
                    if what == "the run":
                        process.wait()
                        process = start(spread)
                else:
                    what = "nothing, it was done"
                process.wait(LONGEST_SECONDS)
                same += tell(film, what, (moment, time.monotonic() - begin), target, expected)
    finally:
        machines.close()
    total = kills // len(films) * len(films) + len(films)
    print(f"\n{same} of {total} films are byte for byte those of plain runs.")
    sys.exit(same < total)


def kill(number: int, process: subprocess.Popen[bytes], machines: Machines, chance: random.Random) -> str:
    """Kill something, by turns; what it was."""
    if number % 4 == 3:
        os.killpg(process.pid, signal.SIGKILL)
        return "the run"
    return machines.kill_node(chance) if number % 4 == 1 else kill_worker(chance)


def time_run(command: list[str]) -> float:
    """Seconds that a run takes, which must not fail."""
    begin = time.monotonic()
    subprocess.run(command, check=True)
    return time.monotonic() - begin


def tell(film: Path, what: str, seconds: tuple[float | None, float], target: Path, expected: bytes) -> bool:
    """Print a row, and remove the film; whether it is the same, and alone."""
    is_same = (
        target.exists() and target.read_bytes() == expected and list(target.parent.iterdir()) == [target]
    )
    moment, whole = seconds
    at = "" if moment is None else f"{moment:.1f}"
    print(
        f"| {film.name} | {what} | {at} | {whole:.1f} | {'identical' if is_same else 'DIFFERS'} |",
        flush=True,
    )
    target.unlink(missing_ok=True)
    return is_same


if __name__ == "__main__":
    main()

"""Have two processes share a folder of films, kill one of them now and then, and count what was made.

    python examples/benchmarks/share_folder.py OUT [--films 200] [--kills 5] [--seed 0]

Draws short films with a subtitle into OUT/films, in folders, and starts the same command with --skip-busy
twice. At random moments one of the two is killed (SIGKILL) and started again. In the end every film must be
there, whole, and made once: no output was ever seen to change, no process tells of one that another has told
of, some are byte for byte what a plain run makes, and nothing lies beside them but their records.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import click
from kill_and_resume import draw_film

FRAMES, SUBTITLE = 25, range(5, 20)
FOLDERS = 8
SAMPLE = 10
"""Films that are also made by a plain run."""


@dataclass(slots=True)
class Share:
    """One process of those that share the films, and those that take its place when it is killed."""

    folder: Path
    number: int
    process: subprocess.Popen[bytes] | None = None
    logs: list[Path] = field(default_factory=list)

    def start(self) -> None:
        """Start it, again if need be."""
        self.logs.append(self.folder / f"process_{self.number}_{len(self.logs)}.jsonl")
        summary = self.logs[-1].with_suffix(".json")
        with self.logs[-1].open("wb") as log:
            words = ["--recursive", "--skip-busy", "--progress", "json", "-q", "--summary", str(summary)]
            command = make_command(self.folder / "films", self.folder / "clean", *words)
            self.process = subprocess.Popen(command, stdout=log, start_new_session=True)

    def kill(self) -> bool:
        """Kill it; false: it had ended by itself."""
        assert self.process is not None
        if self.process.poll() is not None:
            return False
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()
        return True

    def read_results(self) -> Iterator[str]:
        """The outputs that it has told of, each time that it has; a last line may be half of one."""
        for log in self.logs:
            for line in log.read_bytes().splitlines():
                try:
                    told = json.loads(line)
                except ValueError:
                    continue
                if told["kind"] == "result":
                    yield told["output"]


class Watcher:
    """Looks which outputs are there, and whether one that is there ever becomes another."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        self.seen: dict[str, tuple[int, int]] = {}
        self.changed: set[str] = set()
        self._folder, self._names, self._ends = folder, names, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> None:
        """Look once more, and end."""
        self._ends.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._ends.wait(0.05):
            self._look()

    def _look(self) -> None:
        for name in self._names:
            try:
                found = (self._folder / name).stat()
            except OSError:
                if name in self.seen:
                    self.changed.add(name)
                continue
            stamp = (found.st_ino, found.st_mtime_ns)
            if self.seen.setdefault(name, stamp) != stamp:
                self.changed.add(name)


def make_command(source: Path, target: Path, *words: str) -> list[str]:
    """The command for a film or a folder."""
    quick = ["--preset", "fast", "--steps", "4", "--channels", "4", "--levels", "3", "--device", "cpu"]
    return [sys.executable, "-m", "subremover", str(source), "-o", str(target), *quick, *words]


def draw_films(folder: Path, count: int) -> list[str]:
    """Films in folders; their names there."""
    names = [f"{number % FOLDERS}/{number:04d}.mp4" for number in range(count)]
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        draw_film(folder / name, FRAMES, SUBTITLE, number)
    return sorted(names)


def share(folder: Path, watcher: Watcher, films: int, kills: int, moments: random.Random) -> list[Share]:
    """Have the films made, with so many kills, spread over the run; a line is printed for each."""
    shares = [Share(folder, number) for number in (1, 2)]
    for one in shares:
        one.start()
    print("| kill | at s | process | films there | in hand |\n| --- | --- | --- | --- | --- |", flush=True)
    start = time.monotonic()
    for number in range(1, kills + 1):
        while len(watcher.seen) < films * number / (kills + 1):
            time.sleep(0.02)
        time.sleep(moments.uniform(0, 2 * (time.monotonic() - start) / max(1, len(watcher.seen))))
        one = moments.choice(shares)
        found, in_hand = len(watcher.seen), sorted(it.name for it in (folder / "clean").rglob("*.claim"))
        if one.kill():
            told = ", ".join(name[1 : -len(".subremover.claim")] for name in in_hand)
            print(
                f"| {number} | {time.monotonic() - start:.1f} | {one.number} | {found} | {told} |", flush=True
            )
            one.start()
    for one in shares:
        assert one.process is not None
        one.process.communicate()
    print(f"\n{films} films after {time.monotonic() - start:.0f} s.")
    return shares


def count_faults(
    folder: Path, names: list[str], watcher: Watcher, shares: list[Share]
) -> dict[str, list[str]]:
    """What is wrong, by what it is."""
    clean, plain = folder / "clean", folder / "plain"
    told = Counter(name for one in shares for name in one.read_results())
    records = {str(Path(name).with_name(f".{Path(name).name}.subremover.json")) for name in names}
    there = {str(file.relative_to(clean)) for file in clean.rglob("*") if not file.is_dir()}
    others = {}
    for name in names[:: max(1, len(names) // SAMPLE)]:
        target = plain / name
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([*make_command(folder / "films" / name, target), "-q"], check=True)
        others[name] = target.read_bytes() == (clean / name).read_bytes()
    print(f"{sum(others.values())} of {len(others)} films are byte for byte what a plain run makes;", end=" ")
    print(f"{sum(told.values())} of {len(names)} were told of as made, {len(told)} of them different.")
    ends = [one.process.returncode for one in shares if one.process is not None]
    return {
        "lost": [name for name in names if name not in there],
        "not whole": [name for name in names if name in there and count_frames(clean / name) != FRAMES],
        "made twice": [*watcher.changed, *(name for name, count in told.items() if count > 1)],
        "without a record": sorted(records - there),
        "left behind": sorted(there - records - set(names)),
        "unlike a plain run's": [name for name, is_same in others.items() if not is_same],
        "failed": [str(code) for code in ends if code],
    }


def count_frames(film: Path) -> int:
    """That can be decoded."""
    with av.open(str(film)) as container:
        return sum(1 for _ in container.decode(video=0))


@click.command(help=__doc__)
@click.argument("folder", metavar="OUT", type=click.Path(path_type=Path, file_okay=False))
@click.option("--films", type=int, default=200, show_default=True)
@click.option("--kills", type=int, default=5, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
def main(folder: Path, films: int, kills: int, seed: int) -> None:
    folder.mkdir(parents=True)
    names = draw_films(folder / "films", films)
    watcher = Watcher(folder / "clean", names)
    try:
        shares = share(folder, watcher, films, kills, random.Random(seed))
    finally:
        watcher.stop()
    faults = count_faults(folder, names, watcher, shares)
    print("\n| fault | films |\n| --- | --- |")
    for fault, found in faults.items():
        print(f"| {fault} | {len(found)}{': ' * bool(found)}{', '.join(found[:5])} |")
    sys.exit(any(faults.values()))


if __name__ == "__main__":
    main()

"""Run the command on damaged films, plans, masks and SRT files, and count how it ends.

    python examples/benchmarks/fuzz.py OUT [--count 1000] [--first 0] [--seed 0] [--only NUMBER]

Draws small valid films of many containers and codecs, damages a copy of one for each run (fuzz_damage.py)
and has it cleaned under a mask or scanned; other runs damage what comes beside a sound film: a plan, a mask,
an SRT file. Each run is a process of its own with limits of time and memory, and must end

- in an exit code of ours, within its time and its memory, and without a traceback,
- with nothing in its folder that was not there before, or
- with a target that opens, is whole by what it says itself, and decodes to the frames that it says.

Most processes are forked from one that has loaded all modules, which spares each 3 s; every 25th is
`python -m subremover`. Prints counts by outcome; keeps the inputs of failures in OUT/failed/NUMBER, and
exits with 1 if there are any. OUT/runs.tsv has a line for each run. Linux only.
"""

from __future__ import annotations

import faulthandler
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import av.error
import click
import cv2
from fuzz_damage import damage, damage_text
from fuzz_films import draw_films, draw_mask, write_masks

from subremover.cli.command import run
from subremover.errors import SubremoverError
from subremover.video.read.probe import probe
from subremover.video.read.source import open_input

CODES = {
    0: "done",
    2: "wrong usage",
    3: "film refused",
    4: "output refused",
    5: "plan, mask or times refused",
    6: "too little memory",
}
MOST_SECONDS, MOST_WALL_SECONDS = 60, 600
"""Of the CPU, however much others keep it busy; and of the clock, for those who wait for ever."""
MOST_BYTES = 1 << 30
"""Peak of a run, beside the 350 MiB or so of loaded modules."""
MOST_ADDRESSES = 6 << 30
PROCESS_EVERY = 25
_TRACES = ("Traceback", "Exception ignored", "Fatal Python error", "terminate called", "Segmentation")
_TINY = ["--device", "cpu", "--preset", "fast", "--steps", "2", "--channels", "4", "--levels", "3"]
_SRT = "1\n00:00:00,100 --> 00:00:00,500\nWords\n\n2\n00:00:00,550 --> 00:00:00,700\n<i>More</i> words\n"
_NOT_WHOLE = 99


@dataclass(frozen=True)
class Case:
    """One run."""

    what: str
    """What is damaged: film, scan, plan, mask or times."""
    how: str
    arguments: list[str]
    target: str | None
    leaves: set[str] = field(default_factory=set)
    """What it may leave beside its target."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    code: int
    """Of the process; negative: the signal that ended it."""
    seconds: float
    """Of the CPU."""
    peak_bytes: int
    text: str
    """What it printed."""
    left: set[str]
    """New in its folder."""

    def faults(self, case: Case) -> list[str]:
        """What must not be, in words."""
        found = []
        if self.seconds >= MOST_SECONDS or self.code == -signal.SIGKILL:
            found.append("hang")
        elif self.code < 0:
            found.append(f"killed by {signal.Signals(-self.code).name}")
        elif self.code == _NOT_WHOLE:
            found.append("target not whole")
        elif self.code not in CODES:
            found.append(f"exit code {self.code}")
        if any(trace in self.text for trace in _TRACES):
            found.append("traceback")
        if self.peak_bytes > MOST_BYTES:
            found.append(f"{self.peak_bytes >> 20} MiB")
        allowed = {case.target} if self.code in (0, _NOT_WHOLE) and case.target else set()
        if left := self.left - allowed - case.leaves:
            found.append(f"left behind: {', '.join(sorted(left))}")
        if self.code == 0 and not allowed <= self.left:
            found.append("no target")
        return found


class Maker:
    """Makes the runs, each from its number."""

    def __init__(self, folder: Path, seed: int) -> None:
        """Draw what is to be damaged."""
        folder.mkdir(parents=True, exist_ok=True)
        self._seed = seed
        self._films = [(path.name, path.read_bytes()) for path in draw_films(folder)]
        cv2.imwrite(str(folder / "mask.png"), draw_mask())
        write_masks(folder / "mask.mkv")
        self._mask = (folder / "mask.png").read_bytes()
        self._masks = (folder / "mask.mkv").read_bytes()
        sound = str(folder / self._films[0][0])
        words = ["--mask", str(folder / "mask.mkv"), "--scan-only", "--save-plan", str(folder / "plan"), "-q"]
        if run([sound, *words]):
            raise SystemExit("the film that is not damaged was refused")
        self._plan = {file.name: file.read_bytes() for file in (folder / "plan").iterdir()}

    def make(self, number: int, folder: Path) -> Case:
        """Write the files of a run into an empty folder."""
        random = Random(f"{self._seed}/{number}")
        name, data = random.choice(self._films)
        film = f"film{Path(name).suffix}"
        what = random.choices(("film", "scan", "plan", "mask", "times"), (70, 10, 8, 6, 6))[0]
        target = f"clean{Path(name).suffix}" if random.random() < 0.7 else "clean.mkv"
        end = [*_TINY, "-o", target, film]
        (folder / "mask.png").write_bytes(self._mask)
        how = ""
        if what in ("film", "scan"):
            data, how = damage(data, [other for _, other in self._films], random)
        (folder / film).write_bytes(data)
        how = f"{name}: {how}"
        if what == "film":
            words = random.choice(([], ["--end", "9f"], ["--no-borrow"], ["--provenance", "from.mp4"]))
            return Case(what, how, ["--mask", "mask.png", *words, *end], target, {"from.mp4"})
        if what == "scan":
            words = ["--scan-only", "--segmenter", "gradient", "--save-plan", "plan", "--report", "page.html"]
            return Case(what, how, [*words, film], None, {"plan", "page.html"})
        if what == "plan":
            return Case(what, self._damage_plan(folder / "plan", random), ["--plan", "plan", *end], target)
        if what == "times":
            text, how = damage_text(_SRT.encode(), random)
            (folder / "times.srt").write_bytes(text)
            return Case(what, how, ["--times", "times.srt", "--segmenter", "gradient", *end], target)
        mask, data = random.choice((("mask.png", self._mask), ("mask.mkv", self._masks)))
        data, how = damage(data, [], random)
        (folder / mask).write_bytes(data)
        return Case(what, f"{mask}: {how}", ["--mask", mask, *end], target)

    def _damage_plan(self, folder: Path, random: Random) -> str:
        folder.mkdir()
        chosen = random.choice((*self._plan, "plan.json", "plan.json"))
        for name, data in self._plan.items():
            (folder / name).write_bytes(data)
        data, how = (damage_text if chosen == "plan.json" else damage)(
            self._plan[chosen], *(() if chosen == "plan.json" else ((),)), random
        )
        (folder / chosen).write_bytes(data)
        return f"{chosen}: {how}"


def run_case(case: Case, folder: Path, as_process: bool) -> Outcome:
    """Run it in a process of its own, with limits."""
    before = _names(folder)
    log = folder.with_name("log.txt")
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        _be_the_run(case, folder, log, as_process)
    while not (ended := os.wait4(child, os.WNOHANG))[0]:
        time.sleep(0.005)
        if time.monotonic() - start > MOST_WALL_SECONDS or _cpu_seconds(child) > MOST_SECONDS:
            os.kill(child, signal.SIGUSR1)  # says where it hangs
            time.sleep(1)
            os.killpg(child, signal.SIGKILL)
            ended = os.wait4(child, 0)
            break
    _, status, usage = ended
    peak = max(0, 1024 * usage.ru_maxrss - _own_bytes()) if not as_process else 0
    text = log.read_text(errors="replace")
    seconds = usage.ru_utime + usage.ru_stime
    return Outcome(os.waitstatus_to_exitcode(status), seconds, peak, text, _names(folder) - before)


def _be_the_run(case: Case, folder: Path, log: Path, as_process: bool) -> None:
    """In the child: never returns, and ends as a Python process does, threads and all."""
    os.setsid()
    os.chdir(folder)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    faulthandler.register(signal.SIGUSR1)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if as_process:
        command = [sys.executable, "-m", "subremover", *case.arguments]
        code = subprocess.run(command, check=False).returncode
    else:
        try:
            code = run(case.arguments)
        except Exception:
            traceback.print_exc()
            code = 1
    if code == 0 and case.target and (fault := _find_fault(Path(case.target))):
        print(fault)
        code = _NOT_WHOLE
    if code < 0:
        os.kill(os.getpid(), -code)
    sys.stderr.flush()
    sys.exit(code)


def _find_fault(target: Path) -> str:
    """What is wrong with a film, or nothing."""
    try:
        film = probe(target)
        with open_input(target) as container:  # in whatever order: MPEG-PS does not keep odd times
            frames = sum(1 for _ in container.decode(container.streams[film.stream_index]))
    except (SubremoverError, av.error.FFmpegError) as error:
        return f"target: {error}"
    if frames < film.frame_count or film.warnings:
        return f"target: {frames} of {film.frame_count} frames; {'; '.join(film.warnings)}"
    return ""


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _cpu_seconds(process: int) -> float:
    """That a process has used, without its children."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _own_bytes() -> int:
    """What a forked process starts with."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


@click.command(help=__doc__)
@click.argument("out_dir", type=click.Path(file_okay=False, path_type=Path))
@click.option("--count", default=1000, show_default=True, help="Runs.")
@click.option("--first", default=0, show_default=True, help="Number of the first one.")
@click.option("--seed", default=0, show_default=True, help="Of all damage.")
@click.option("--only", type=int, metavar="NUMBER", help="One run, again; prints what it says.")
def main(out_dir: Path, count: int, first: int, seed: int, only: int | None) -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    out_dir = out_dir.resolve()
    _load_all()
    maker = Maker(out_dir / "sound", seed)
    endings: Counter[tuple[str, str]] = Counter()
    failed, slowest, largest = 0, 0.0, 0
    start = time.monotonic()
    numbers = range(first, first + count) if only is None else [only]
    for number in numbers:
        folder = out_dir / "run"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        case = maker.make(number, folder)
        outcome = run_case(case, folder, as_process=number % PROCESS_EVERY == 0)
        faults = outcome.faults(case)
        endings[case.what, "; ".join(faults) or CODES[outcome.code]] += 1
        slowest, largest = max(slowest, outcome.seconds), max(largest, outcome.peak_bytes)
        failed += bool(faults)
        _note(out_dir, number, case, outcome)
        if number % 100 == 0:
            print(f"run {number} after {time.monotonic() - start:.0f} s", flush=True)
        if faults or only is not None:
            print(f"{number} {case.what} ({case.how}): {'; '.join(faults) or outcome.code}", flush=True)
        if only is not None:
            print(outcome.text)
    _print_table(endings)
    print(
        f"\n{len(numbers)} runs of seed {seed} in {time.monotonic() - start:.0f} s, {failed} failed; the "
        f"slowest took {slowest:.1f} s, the largest {largest >> 20} MiB beside its modules"
    )
    sys.exit(1 if failed else 0)


def _note(out_dir: Path, number: int, case: Case, outcome: Outcome) -> None:
    """Write down how a run ended, and keep what made it fail."""
    last = outcome.text.strip().rpartition("\n")[2]
    with (out_dir / "runs.tsv").open("a") as log:
        log.write(f"{number}\t{case.what}\t{case.how}\t{outcome.code}\t{outcome.seconds:.1f}\t{last}\n")
    if outcome.faults(case):
        kept = out_dir / "failed" / str(number)
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(out_dir / "run", kept)
        (kept / "log.txt").write_text(f"subremover {' '.join(case.arguments)}\n{outcome.text}")


def _load_all() -> None:
    """What a run imports on its way, so that those that are forked have it."""
    import torch

    import subremover.fill.paint.schedule
    import subremover.pipeline
    import subremover.report.pictures
    import subremover.video.write.provenance_film  # noqa: F401

    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _print_table(endings: Counter[tuple[str, str]]) -> None:
    kinds = sorted({what for what, _ in endings})
    names = sorted({name for _, name in endings}, key=lambda name: -sum(endings[k, name] for k in kinds))
    print(f"\n| ends as | {' | '.join(kinds)} | all |")
    print(f"| --- |{' ---: |' * (len(kinds) + 1)}")
    for name in names:
        counts = [endings[kind, name] for kind in kinds]
        print(f"| {name} | {' | '.join(map(str, counts))} | {sum(counts)} |")


if __name__ == "__main__":
    main()

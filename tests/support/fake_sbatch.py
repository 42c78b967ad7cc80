"""In the place of SLURM's sbatch: `fake_sbatch.py JOBS ARGUMENTS...` runs jobs here, as processes.

JOBS is a folder. Jobs are numbered from 1: `1.json` in it says what the first was given, `1.done`, when
it has ended, the exit codes of its tasks.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def submit(jobs: Path, arguments: list[str]) -> None:
    """Begin a job that waits for those that it depends on, and say its number as sbatch does."""
    number = len(list(jobs.glob("*.json"))) + 1
    said = dict(word.removeprefix("--").partition("=")[::2] for word in arguments)
    (jobs / f"{number}.json").write_text(json.dumps(said))
    program = [sys.executable, __file__, str(jobs), f"RUN={number}"]
    subprocess.Popen(program, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    print(f"{number};cluster")


def run(jobs: Path, number: int) -> None:
    """Run a job's tasks at once, as `sh` would, with SLURM's variables."""
    said = json.loads((jobs / f"{number}.json").read_text())
    if before := said.get("dependency"):
        while not (jobs / f"{before.removeprefix('afterany:')}.done").exists():
            time.sleep(0.02)
    first, _, last = said.get("array", "").partition("-")
    tasks = range(int(first), int(last) + 1) if first else [None]
    processes = []
    for task in tasks:
        variables = (
            {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_ARRAY_TASK_COUNT": str(len(tasks))} if task else {}
        )
        with (jobs / f"{number}_{task}.out").open("wb") as out:
            command = ["sh", "-c", said["wrap"]]
            environment = {**os.environ, **variables}
            processes.append(subprocess.Popen(command, env=environment, stdout=out, stderr=out))
    codes = [process.wait() for process in processes]
    (jobs / "part").write_text(json.dumps(codes))
    (jobs / "part").rename(jobs / f"{number}.done")


if __name__ == "__main__":
    place, *words = sys.argv[1:]
    if words[0].startswith("RUN="):
        run(Path(place), int(words[0].removeprefix("RUN=")))
    else:
        submit(Path(place), words)

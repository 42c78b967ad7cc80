"""Prove the CUDA path: one command of at most 8 minutes, for a machine with a GPU and little else.

    examples/benchmarks/prove_cuda.sh --fetch WHEELS                  # where there is a network
    examples/benchmarks/prove_cuda.sh OUT --wheels WHEELS             # on the machine with the GPU
    examples/benchmarks/prove_cuda.sh OUT --images POLYU --budget 900

Each part runs in a process of its own with a limit of its own, so that one that fails, hangs or crashes costs
nothing of the others. After each, OUT/prove.md (a table) and OUT/prove.json (all figures) are written anew;
besides there are OUT/prove_speed.md and OUT/prove_profile.md. With the budget running out parts are cut short
or skipped, and marked so. Without a GPU every part does what it can on the CPU, on a small scale. The exit
code is 0 if no part has failed.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from prove_process import Job, Outcome, Part, run_part
from prove_report import format_facts, format_outcome, format_outcomes, write_report
from prove_wheels import fetch, find_site

HERE = Path(__file__).parent
BUDGET_SECONDS, LEAST_BUDGET_SECONDS = 480, 60
PARTS = (
    Part("install wheels", "prove_wheels:install", 45),
    Part("machine", "prove_machine:describe_machine", 45),
    Part("kernels are used", "prove_fit:prove_kernels", 90),
    Part("blurs", "prove_fit:prove_blurs", 30),
    Part("graph", "prove_fit:prove_graph", 40),
    Part("alone and in company", "prove_fit:prove_company", 30),
    Part("step by kernel", "prove_speed:prove_profile", 30),
    Part("row-steps a second", "prove_speed:prove_speed", 90),
    Part("opening a batch", "prove_fit:prove_making", 30),
    Part("limit: elements", "prove_limits:prove_elements", 40),
    Part("limit: memory", "prove_limits:prove_memory", 40),
    Part("limit: a forward model that waits", "prove_limits:prove_forward", 30),
    Part("tests marked cuda", "prove_machine:run_tests", 75),
    Part("unguarded script", "prove_runs:prove_script", 30),
    Part("Ctrl-C", "prove_runs:prove_interrupt", 40),
    Part("short film", "prove_films:prove_short_film", 90),
    Part("long film", "prove_films:prove_long_film", 75, 25),
    Part("photographs", "prove_films:prove_photographs", 420, 45),
)
"""In the order of what is known sooner matters more; their limits are more than they are expected to take."""


def prove(parts: Sequence[Part], job: Job, budget: float, stop: threading.Event) -> list[Outcome]:
    """Run parts one after the other, and write down what is known after each.

    Args:
        parts: What to run.
        job: What all are given; each has a time of its own.
        budget: Seconds for all of them, from the job's beginning.
        stop: Ends them when set.

    Returns:
        For each part what became of it.
    """
    outcomes = [Outcome(part.name) for part in parts]
    facts = {"commit": _find_commit(), "budget_seconds": budget}
    environment = _make_environment(Path(job.scratch))
    for index, part in enumerate(parts):
        left = budget - (time.monotonic() - job.begun)
        if stop.is_set():
            outcomes[index].reasons = ["stopped by a signal"]
        elif left < part.least_seconds:
            outcomes[index].reasons = [f"{max(left, 0):.0f} s of the budget are left"]
        else:
            own = Job(min(part.seconds, left), job.scratch, job.out, job.wheels, job.images)
            outcomes[index] = run_part(part, own, environment, stop)
            if own.seconds < part.seconds and outcomes[index].status != "skipped":
                outcomes[index].reasons.append(f"given {own.seconds:.0f} s of {part.seconds:.0f}")
        facts["seconds"] = round(time.monotonic() - job.begun, 1)
        write_report(Path(job.out), outcomes, facts)
        print(" | ".join(format_outcome(outcomes[index])), flush=True)
    print(f"\n{format_outcomes(outcomes)}\n\n{format_facts(facts)}", flush=True)
    return outcomes


def _make_environment(scratch: Path) -> dict[str, str]:
    """Of the parts: what is installed for them comes first, and kernels are compiled anew."""
    paths = [find_site(scratch), HERE, HERE.parent / "paper", HERE.parents[1]]
    before = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([*map(str, paths), *([before] if before else [])]),
        "PYTHONUNBUFFERED": "1",
        "TRITON_CACHE_DIR": str(scratch / "triton"),
    }


def _find_commit() -> str | None:
    git = ["git", "-C", str(HERE), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def main(words: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    parser = argparse.ArgumentParser(
        prog="prove_cuda.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", nargs="?", type=Path, metavar="OUT", help="a folder for the results")
    parser.add_argument("--fetch", type=Path, metavar="DIR", help="only fill a folder with wheels")
    parser.add_argument("--wheels", type=Path, metavar="DIR", help="such a folder; installs nothing for good")
    parser.add_argument("--images", type=Path, metavar="DIR", help="pairs for examples/paper/denoise.py")
    parser.add_argument("--budget", type=float, default=BUDGET_SECONDS, help="seconds (default: %(default)s)")
    values = parser.parse_args(words)
    if values.fetch:
        print(fetch(values.fetch))
        return 0
    if values.out is None:
        parser.error("give a folder for the results, or --fetch")
    if values.budget < LEAST_BUDGET_SECONDS:
        parser.error(f"a budget of less than {LEAST_BUDGET_SECONDS} s proves nothing")
    for folder in (values.wheels, values.images):
        if folder and not folder.is_dir():
            parser.error(f"{folder} is no folder")
    try:
        values.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"{values.out} cannot be made: {error.strerror}")
    stop, numbers = threading.Event(), []

    def end(number: int, _frame: object) -> None:
        numbers.append(number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    with tempfile.TemporaryDirectory(prefix="prove_cuda_", ignore_cleanup_errors=True) as scratch:
        job = Job(
            values.budget,
            scratch,
            str(values.out.resolve()),
            wheels=values.wheels and str(values.wheels.resolve()),
            images=values.images and str(values.images.resolve()),
        )
        outcomes = prove(PARTS, job, values.budget, stop)
    if numbers:
        return 128 + numbers[0]
    return int(any(outcome.status == "failed" for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())

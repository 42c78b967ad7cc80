"""A part of prove_cuda.py in a process of its own: how it is run, and how it tells what it finds.

This module needs Python alone: what a part needs is loaded in its process, so that nothing missing or broken
there can harm the others.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

Status = Literal["passed", "failed", "skipped"]

POLL_SECONDS = 0.05
EXTRAS = {"skimage", "scipy", "matplotlib", "optuna", "triton", "pytest"}
"""Packages that the benchmarks want and the command does not."""
KILL_SECONDS = 10.0
"""A killed process is waited for so long."""
LOG_LINES = 40
"""Of what a part has printed: so many of the last ones are kept where it failed."""


@dataclass(frozen=True, slots=True)
class Part:
    """Something to be proved."""

    name: str
    function: str
    """MODULE:FUNCTION, which is given a `Found` and a `Job`."""
    seconds: float
    """After which it is killed."""
    least_seconds: float = 5.0
    """With less time left it is not begun."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a part is given."""

    seconds: float
    """Until it is killed."""
    scratch: str
    """A folder for what nobody wants afterwards; all parts have the same."""
    out: str
    """A folder for tables."""
    wheels: str | None = None
    """A folder of wheels to install."""
    images: str | None = None
    """A folder of pairs of photographs."""
    begun: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds until it is killed."""
        return self.begun + self.seconds - time.monotonic()

    @property
    def device(self) -> str:
        """Name of the torch device that is proved."""
        import torch

        return "cuda:0" if torch.cuda.is_available() else "cpu"

    @property
    def is_cuda(self) -> bool:
        """Whether there is a GPU; without one a part does what it can on the CPU, on a small scale."""
        return self.device != "cpu"


@dataclass(slots=True)
class Outcome:
    """What became of a part."""

    name: str
    status: Status = "skipped"
    reasons: list[str] = field(default_factory=lambda: ["not reached"])
    """Why it failed or was skipped, and what else is to be known of it."""
    seconds: float = 0.0
    figures: dict[str, Any] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    """The last lines that it printed, where it failed."""


class SkippedError(Exception):
    """A part cannot be proved here; the message says why."""


class Found:
    """What a part finds: each line is on disk before the next, so that a part that is killed loses none."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")

    def note(self, **figures: object) -> None:
        """Keep figures; those of one name replace each other."""
        self._write("figures", figures)

    def check(self, fault: str, is_right: bool) -> None:
        """Keep a fault, unless all is right, and go on; the part has failed then."""
        if not is_right:
            self._write("failed", fault)

    def say(self, remark: str) -> None:
        """Keep what is to be known of the part beside its figures."""
        self._write("remark", remark)

    def skip(self, reason: str) -> None:
        """Keep that the part cannot be proved here."""
        self._write("skipped", reason)

    def end(self) -> None:
        """The part has done its work."""
        self._write("end", None)

    def _write(self, kind: str, value: object) -> None:
        self._file.write(json.dumps([kind, value], default=str) + "\n")
        self._file.flush()


def run_part(part: Part, job: Job, environment: Mapping[str, str], stop: threading.Event) -> Outcome:
    """Run a part to its end, its limit or a stop; nothing of its process group is left.

    Args:
        part: What to run.
        job: What to give it.
        environment: Of its process.
        stop: Ends it when set.
    """
    own = Path(job.scratch, part.function.replace(":", "_"))
    lines, log = own.with_suffix(".lines"), own.with_suffix(".log")
    start = time.monotonic()
    told = {name: value for name, value in asdict(job).items() if name != "begun"}
    command = [sys.executable, "-c", "import prove_process; prove_process.begin()", part.function]
    with log.open("wb") as said:
        process = subprocess.Popen(
            [*command, str(lines), json.dumps(told)],
            stdin=subprocess.PIPE,  # its end tells the part that this process is no more
            stdout=said,
            stderr=said,
            env=dict(environment),
            process_group=0,
        )
        while process.poll() is None and job.left > 0 and not stop.is_set():
            time.sleep(POLL_SECONDS)
        cut = ""
        if process.poll() is None:
            cut = "stopped by a signal" if stop.is_set() else f"killed at its limit of {job.seconds:.0f} s"
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        code = 0
        try:
            code = process.wait(KILL_SECONDS)
        except subprocess.TimeoutExpired:  # it hangs in a driver, where no signal reaches it
            cut += ", and could not be killed"
        if process.stdin is not None:
            process.stdin.close()
    end, is_short = cut or _name_end(code), job.seconds < part.seconds
    return _read_outcome(part, lines, log, time.monotonic() - start, end, is_short=is_short)


def _name_end(code: int) -> str:
    """How a process ended; empty where all was well."""
    if code < 0:
        return f"crashed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}" if code else ""


def _read_outcome(part: Part, lines: Path, log: Path, seconds: float, end: str, *, is_short: bool) -> Outcome:
    outcome = Outcome(part.name, "passed", [], round(seconds, 1))
    has_ended = False
    for line in lines.read_text(encoding="utf-8").splitlines() if lines.exists() else []:
        with contextlib.suppress(ValueError):  # the last one may be cut off
            kind, value = json.loads(line)
            if kind == "figures":
                outcome.figures |= value
                continue
            has_ended |= kind == "end"
            outcome.reasons += [value] if value else []
            if kind in ("failed", "skipped") and outcome.status != "failed":
                outcome.status = kind
    if end.startswith("killed") and not has_ended and is_short and outcome.status != "failed":
        outcome.status = "skipped"
        outcome.reasons.append("cut short by the budget")
    elif end or not has_ended:
        outcome.status = "failed"
        outcome.reasons.append(f"{end or 'ended'} {'after' if has_ended else 'amid'} its work")
    if outcome.status == "failed":
        outcome.log = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
    return outcome


def begin() -> None:
    """Do a part, in its process: `run_part` starts it here."""
    function, lines, told = sys.argv[1:]
    job, found = Job(**json.loads(told)), Found(Path(lines))
    threading.Thread(target=_die_with_parent, daemon=True).start()
    faulthandler.enable()
    faulthandler.dump_traceback_later(max(0.5, job.seconds - 1))  # where it hangs
    logging.getLogger("subremover").addHandler(_Warnings(found))
    module, _, name = function.partition(":")
    try:
        getattr(importlib.import_module(module), name)(found, job)
    except SkippedError as reason:
        found.skip(str(reason))
    except BaseException as error:
        missing = str(error.name).partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
        if missing in EXTRAS:
            found.skip(f"{missing} is not installed, nor among the wheels: pip install '.[dev]'")
        else:
            traceback.print_exc()
            found.check(f"{type(error).__name__}: {error}".splitlines()[0], False)
    found.end()


class _Warnings(logging.Handler):
    """Keeps what the package warns of."""

    def __init__(self, found: Found) -> None:
        super().__init__(logging.WARNING)
        self._found = found

    def emit(self, record: logging.LogRecord) -> None:
        self._found.say(f"warned: {record.getMessage()}")


def _die_with_parent() -> None:
    os.read(0, 1)  # nothing is ever written there
    os.killpg(0, signal.SIGKILL)

"""A job and its files: what was asked, and what its command has said so far.

page/jobs/000012/
    job.json       what was asked and what the server wants of it; never what can be read elsewhere
    lines.jsonl    the command's stdout, locked for as long as the command lives
    errors.txt     its stderr
    plan/          the plan that it works with, or that it makes
    look/          what a try has made

Starting and stopping is the queue's.
"""

from __future__ import annotations

import contextlib
import json
import math
import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from subremover.page.jobs.asked import ASKS, Ask, JobKind, to_json
from subremover.page.library import FilmFile, readable
from subremover.page.refusals import Refusal
from subremover.runtime.atomic_file import new_file
from subremover.runtime.paths import is_file

Wanted = Literal["run", "pause", "cancel"]
State = Literal["queued", "running", "stopping", "paused", "done", "failed"]
JOB_NAME, LINES_NAME, ERRORS_NAME = "job.json", "lines.jsonl", "errors.txt"
PLAN_FOLDER, LOOK_FOLDER = "plan", "look"
FOR_PROGRAMS = ("--progress", "json")
_MOST_JOB_BYTES, _MOST_LINE_BYTES, _MOST_READ_BYTES = 1 << 20, 1 << 20, 64 << 20
_MOST_WARNINGS, _MOST_FOUND, _MOST_TEXT = 100, 100_000, 2000
_SHARES: dict[str, dict[str, tuple[float, float]]] = {
    "scan": {"scan": (0, 1)},
    "try": {"preview": (0, 1), "render": (0, 1)},
    "run": {"scan": (0, 0.25), "render": (0.25, 0.95), "verify": (0.95, 1)},
    "run of a plan": {"render": (0, 0.95), "verify": (0.95, 1)},
}
"""Where the stages of a job begin and end, as shares of it; what they take differs from film to film."""


@dataclass(frozen=True, slots=True)
class Job:
    """What `job.json` says."""

    folder: Path
    kind: JobKind
    film: str
    """Relative path of the film."""
    ask: Ask
    created: float
    """Unix seconds."""
    order: float
    """Jobs of a lower one come first."""
    wanted: Wanted = "run"
    has_plan: bool | None = None
    """Whether it works with a plan that was there when it was first started; None: it never was."""
    pid: int | None = None
    """Of its command; 0: it is just being started. None: it has none."""
    is_told: bool = False
    """Whether the server has ended the command because it ended itself, so that the job goes on."""
    exit_code: int | None = None
    """None: it has not come to its end."""
    problem: str | None = None
    """Why it failed although its command did not say so."""
    arguments: tuple[str, ...] = ()
    """Of its command, for whoever wants to know: they are made anew at each start, from `ask`."""

    @property
    def number(self) -> int:
        """Its id."""
        return int(self.folder.name)

    @property
    def plan(self) -> Path:
        """Folder of the plan that it works with, or makes."""
        return self.folder / PLAN_FOLDER

    @property
    def look(self) -> Path:
        """Folder of what a try makes."""
        return self.folder / LOOK_FOLDER

    @property
    def lines(self) -> Path:
        """What its command says."""
        return self.folder / LINES_NAME

    @property
    def errors(self) -> Path:
        """What its command says of errors."""
        return self.folder / ERRORS_NAME

    @property
    def state(self) -> State:
        """How it is, if its file and its command's life agree: see `Queue`."""
        if self.exit_code is not None:
            return "failed" if self.exit_code or self.problem else "done"
        if self.pid is not None:
            return "running" if self.wanted == "run" else "stopping"
        return {"run": "queued", "pause": "paused", "cancel": "stopping"}[self.wanted]  # type: ignore[return-value]

    @classmethod
    def read(cls, folder: Path) -> Job | None:
        """A job of a folder, which may be anybody's; None where it makes no sense."""
        file = folder / JOB_NAME
        try:
            if not _is_plain(file) or file.stat().st_size > _MOST_JOB_BYTES:
                return None
            if any(path.is_symlink() for path in (folder, *folder.iterdir())):  # the command would follow it
                return None
            values = json.loads(file.read_bytes())
            kind, wanted = values["kind"], values["wanted"]
            if kind not in get_args(JobKind) or wanted not in get_args(Wanted):
                return None
            ask = ASKS[kind].read(values["ask"])
            created, order = float(values["created"]), float(values["order"])
            if not (math.isfinite(created) and math.isfinite(order)):
                return None
            return cls(
                folder,
                kind,
                _want(values["film"], str),
                ask,
                created,
                order,
                wanted,
                _want(values["has_plan"], bool, None),
                _want(values["pid"], int, None),
                _want(values["is_told"], bool),
                _want(values["exit_code"], int, None),
                _want(values["problem"], str, None),
                tuple(_want(argument, str) for argument in values["arguments"]),
            )
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, Refusal):
            return None

    def save(self) -> None:
        """Put it into its file.

        Raises:
            OutputError: That cannot be written.
        """
        names = (*("kind", "film", "created", "order", "wanted", "has_plan"), *("pid", "is_told"))
        values = {name: getattr(self, name) for name in (*names, "exit_code", "problem", "arguments")}
        with new_file(self.folder / JOB_NAME) as part:
            part.write_text(json.dumps({**values, "ask": to_json(self.ask)}, indent=1))

    def change(self, **changes: Any) -> Job:
        """The job with other values, in its file.

        Raises:
            OutputError: That cannot be written.
        """
        job = replace(self, **changes)
        job.save()
        return job


def _want(value: Any, *kinds: type[Any] | None) -> Any:
    if type(value) not in kinds and not (value is None and None in kinds):
        raise TypeError(f"{value!r} is none of {kinds}")
    return value


@dataclass(slots=True)
class Said:
    """What a command has said so far: follows its lines as they come."""

    file: Path
    progress: dict[str, Any] = field(default_factory=dict)
    """The last line of this kind."""
    warnings: list[str] = field(default_factory=list)
    found: list[dict[str, Any]] = field(default_factory=list)
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    _position: int = 0
    _rest: bytes = b""

    def follow(self) -> None:
        """Read what has come since."""
        if not _is_plain(self.file):
            return
        try:
            with self.file.open("rb") as file:
                if file.seek(0, 2) < self._position:  # it was started again
                    self.forget()
                file.seek(self._position)
                data = file.read(_MOST_READ_BYTES)
        except OSError:
            return
        self._position += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _MOST_LINE_BYTES:
            self._rest = b""
        for line in lines:
            with contextlib.suppress(ValueError, RecursionError):
                values = json.loads(line)
                if isinstance(values, dict):
                    self._take(values)

    def forget(self) -> None:
        """Begin anew."""
        self.progress, self.result, self.error = {}, None, None
        self.warnings, self.found, self._position, self._rest = [], [], 0, b""

    def _take(self, values: dict[str, Any]) -> None:
        kind = values.pop("kind", None)
        values.pop("film", None)
        if kind == "progress":
            self.progress = values
        elif kind == "warning" and len(self.warnings) < _MOST_WARNINGS:
            self.warnings.append(str(values.get("message", "")))
        elif kind == "found" and isinstance(values.get("event"), dict) and len(self.found) < _MOST_FOUND:
            self.found.append(values["event"])
        elif kind == "result":
            self.result = values
        elif kind == "error":
            self.error = values


def describe(job: Job, said: Said) -> dict[str, Any]:
    """A job as the page is told of it."""
    state, progress = job.state, said.progress
    done, total = (_number(progress.get(name)) for name in ("done", "total"))
    stage = progress.get("stage") if state in ("running", "stopping", "paused") else None
    is_moving = state == "running"
    return {
        "id": job.number,
        "kind": job.kind,
        "film": FilmFile(job.film, Path()).id,
        "name": readable(job.film),
        "state": state,
        "stage": stage,
        "done": done,
        "total": total,
        "share": 1.0 if state == "done" else find_share(job, stage, done, total),
        "frames_per_second": _number(progress.get("frames_per_second")) if is_moving else None,
        "seconds_left": _number(progress.get("seconds_left")) if is_moving else None,
        "warnings": said.warnings,
        "result": said.result,
        "error": find_error(job, said) if state == "failed" else None,
        "created": job.created,
        "command": readable(_type_out(job)),
    }


def _type_out(job: Job) -> str:
    """Its command as one would type it: with the film's plan, and not the copy that the job works with."""
    plan = str(job.folder.parents[2] / "plans" / job.film)
    names = {str(job.plan): plan, str(job.look): LOOK_FOLDER}
    arguments = [names.get(argument, argument) for argument in job.arguments if argument not in FOR_PROGRAMS]
    return shlex.join(["subremover", *arguments])


def find_share(job: Job, stage: Any, done: float | None, total: float | None) -> float | None:
    """How much of a whole job is done, as far as can be told."""
    spans = _SHARES["run of a plan" if job.kind == "run" and job.has_plan else job.kind]
    span = spans.get(stage) if isinstance(stage, str) else None
    if span is None:
        return None
    share = min(1.0, max(0.0, (done or 0) / total)) if total else 0.0
    return round(span[0] + (span[1] - span[0]) * share, 4)


def find_error(job: Job, said: Said) -> str:
    """Why a job failed."""
    if job.problem:
        return job.problem
    if said.error is not None:
        return str(said.error.get("message", ""))[:_MOST_TEXT]
    return describe_end(job, job.exit_code or 0)


def describe_end(job: Job, code: int) -> str:
    """What a command that ended without a word to programs has told people last."""
    if _is_plain(job.errors):
        with contextlib.suppress(OSError), job.errors.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _MOST_TEXT))
            if lines := file.read().decode(errors="replace").strip().splitlines():
                return "\n".join(lines[-4:])
    how = f"was killed (signal {-code})" if code < 0 else f"ended with exit code {code}"
    return f"the command {how}, without a word; it may have been short of memory: try again"


def _is_plain(file: Path) -> bool:
    """Whether it is a file of its own: a pipe would be waited for."""
    return is_file(file) and not file.is_symlink()


def _number(value: Any) -> float | None:
    return value if type(value) in (int, float) and math.isfinite(value) else None

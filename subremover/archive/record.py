"""The record of a film: of what and how its outputs were made, so that they need not be made again.

It is a small file of JSON beside the film's first output. It is begun before the run and finished after it:
where a run was killed between its last output and its record, the next one knows whose the outputs are.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from subremover.archive.film import Done, FilmRequest, OutputKind
from subremover.errors import InputError
from subremover.resume.fingerprint import describe_options, hash_file, sample_film
from subremover.runtime.atomic_file import new_file
from subremover.runtime.paths import is_folder, tell

FORMAT, VERSION = "subremover record", 1
_MOST_BYTES = 1 << 22

Stamp = tuple[int, int]
"""Size in bytes and time of the last change in ns."""
_NO_FILE: Stamp = -1, 0
State = Literal["done", "again", "new"]
"""Whether a film's outputs are there, or some are missing and may be made again, or nothing can be told."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a film's outputs."""

    stamp: Stamp
    """Of the source."""
    sample: str
    """Of the source, see `resume.fingerprint.sample_film`."""
    options: str
    """A digest of all that decides what is made."""
    before: Mapping[OutputKind, Stamp]
    """Outputs that another run had made when this one began."""
    outputs: Mapping[OutputKind, Mapping[str, int]] | None = None
    """Sizes in bytes of the files of each output, by their names in it; the name of one that is a file is
    empty. None: the run has begun, and not ended."""
    done: Done | None = None
    """None also where the run ended before it could say."""

    def find_state(self, film: FilmRequest) -> State:
        """Whether a film's outputs are what this record tells of: if possible by names and sizes alone."""
        if not self._is_of(film):
            return "new"
        states = {self._look(kind, place, film) for kind, place in film.outputs.places.items()}
        if states == {"own"}:
            return "done"
        return "new" if "other" in states or states == {"missing"} else "again"

    def finish(self, film: FilmRequest, done: Done | None) -> Record:
        """The record of the run that has ended.

        Args:
            film: Of the run.
            done: What was done; None: the run could not say, and has made no previews.

        Raises:
            OSError: An output is gone again.
        """
        files = {kind: [file] for kind, file in film.outputs.files.items()}
        if film.outputs.previews is not None and done is not None:
            files["previews"] = list(done.pictures)
        outputs = {kind: _measure(film.outputs.places[kind], files[kind]) for kind in files}
        return replace(self, before={}, outputs=outputs, done=done)

    def write(self, file: Path, name: str) -> None:
        """Put it in a file's place.

        Args:
            file: See `names.record_file`.
            name: Of the film, for people who look.

        Raises:
            OutputError: That cannot be written.
        """
        document = {
            "format": FORMAT,
            "version": VERSION,
            "film": name,
            "source": {"size": self.stamp[0], "mtime_ns": self.stamp[1], "sample": self.sample},
            "options": self.options,
            "before": self.before,
            "outputs": self.outputs,
            "done": None if self.done is None else _describe_done(self.done),
        }
        # half of one that a killed run has left goes as soon as the next one writes
        with new_file(file, file.parent) as part:
            part.write_text(json.dumps(document), encoding="utf-8")

    def _is_of(self, film: FilmRequest) -> bool:
        stamp = find_stamp(film.source)
        if stamp in (None, _NO_FILE) or stamp[0] != self.stamp[0] or _digest_options(film) != self.options:
            return False
        try:
            return stamp[1] == self.stamp[1] or sample_film(film.source) == self.sample
        except InputError:  # the run will tell
            return False

    def _look(self, kind: OutputKind, place: Path, film: FilmRequest) -> Literal["own", "missing", "other"]:
        if self.outputs is None:
            file = film.outputs.files.get(kind)
            stamp = None if file is None else find_stamp(file)
            if stamp is None:
                return "missing"
            return "other" if stamp == self.before.get(kind) else "own"
        if kind not in self.outputs:
            return "other"
        stamps = {name: find_stamp(place / name) for name in self.outputs[kind]}
        if any(stamp is not None and stamp[0] != self.outputs[kind][name] for name, stamp in stamps.items()):
            return "other"
        return "missing" if None in stamps.values() else "own"


def begin_record(film: FilmRequest, is_own: bool) -> Record:
    """The record of a run that is about to begin.

    Args:
        film: Of the run.
        is_own: Whether the outputs that are there are of an earlier run like this one.

    Raises:
        InputError: The film cannot be read.
    """
    stamp = find_stamp(film.source)
    if stamp is None or stamp == _NO_FILE:  # a pipe would be waited for
        raise InputError(f"'{film.source}' is no file; check the name")
    found = {kind: find_stamp(file) for kind, file in film.outputs.files.items()}
    before = {kind: it for kind, it in found.items() if it is not None and not is_own}
    return Record(stamp, sample_film(film.source), _digest_options(film), before)


def read_record(file: Path) -> Record | None:
    """What a file says; None where there is none, or it is not what `Record.write` has written."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(file, flags)
        with os.fdopen(descriptor, "rb") as opened:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_size > _MOST_BYTES:
                return None
            return _parse(json.loads(opened.read(_MOST_BYTES + 1)))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def find_stamp(file: Path) -> Stamp | None:
    """Of a regular file, behind links as well; None: there is nothing.

    Anything else has a size that no file has, as has what cannot be looked at: whoever writes it will tell.
    """
    try:
        found = file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError):
        return _NO_FILE
    return (found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else _NO_FILE


def _digest_options(film: FilmRequest) -> str:
    plan = film.options.scan.plan
    described = describe_options(film.options, None if plan is None else _digest_plan(plan))
    return hashlib.sha256(json.dumps([described, film.how]).encode()).hexdigest()


def _digest_plan(plan: Path) -> str:
    """Of a plan's files, unread: what they mean depends on the film, which would have to be probed."""
    files = [plan]
    try:
        if is_folder(plan):
            files = sorted(plan.iterdir())
    except OSError as error:  # whoever reads it will tell
        return tell(error)
    return hashlib.sha256(json.dumps([(file.name, hash_file(file)) for file in files]).encode()).hexdigest()


def _measure(place: Path, files: Sequence[Path]) -> dict[str, int]:
    """Sizes of an output's files, by their names in it."""
    return {"" if file == place else file.name: file.stat().st_size for file in files}


def _describe_done(done: Done) -> dict[str, Any]:
    found = asdict(done)
    del found["pictures"]  # their names are among those of the outputs
    return found


def _parse(document: dict[str, Any]) -> Record:
    """Raises an error of Python's own kinds where something is not as it was written."""
    if (document["format"], document["version"]) != (FORMAT, VERSION):
        raise ValueError("it is no record, or of another version")
    source, outputs, done = document["source"], document["outputs"], document["done"]
    if outputs is not None:
        outputs = {kind: _parse_sizes(sizes) for kind, sizes in outputs.items()}
    return Record(
        _pair(source["size"], source["mtime_ns"]),
        _text(source["sample"]),
        _text(document["options"]),
        {kind: _pair(*stamp) for kind, stamp in document["before"].items()},
        outputs,
        None if done is None else _parse_done(done),
    )


def _parse_sizes(sizes: dict[str, Any]) -> dict[str, int]:
    if any(name != Path(name).name or name == ".." for name in sizes):
        raise ValueError("a name leads elsewhere")
    return dict(zip(sizes, _numbers(*sizes.values()), strict=True))


def _parse_done(found: dict[str, Any]) -> Done:
    frames, events, frames_masked = _numbers(found["frames"], found["events"], found["frames_masked"])
    seconds = float(found["seconds"]) if type(found["seconds"]) in (int, float) else float("nan")
    if not 0 <= seconds < float("inf"):
        raise ValueError("the time is none")
    left_alone, warnings = (tuple(map(_text, found[name])) for name in ("left_alone", "warnings"))
    return Done(seconds, frames, events, frames_masked, left_alone, warnings)


def _numbers(*values: object) -> tuple[int, ...]:
    found = tuple(value for value in values if type(value) is int)
    if len(found) != len(values):
        raise TypeError("a number is none")
    return found


def _pair(*values: object) -> Stamp:
    first, second = _numbers(*values)
    return first, second


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is none")
    return value

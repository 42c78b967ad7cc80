"""The work folder: what a run has done so far, beside its target, where the next run goes on from.

    .clean.mp4.subremover/
        lock                         held by the run that works here
        state.json                   which run it is (see `fingerprint`), and its segments
        plan/                        as `Plan.save` writes it
        00000000_00000250.picture    a finished segment's packets (see `video.spool`)
        00000000_00000250.origins    those of its origins, with `--provenance`

Whatever lies there is checked before it is used: another run's, or half of something, is made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from subremover.errors import PlanError
from subremover.lock import is_locked, lock_folder
from subremover.plan import FilmKey, Plan
from subremover.plan_file import load_plan
from subremover.segments import Segment
from subremover.video.spool import Spool, SpoolError
from subremover.video.target import new_file, output_errors, sync, sync_folder

log = logging.getLogger(__name__)

FORMAT, VERSION = "subremover run", 1
PICTURE, ORIGINS = "picture", "origins"
_STATE, _LOCK, _PLAN = "state.json", "lock", "plan"
_MOST_STATE_BYTES = 16 << 20
_MOST_NAME_BYTES = 255


class WorkFolder(contextlib.AbstractContextManager["WorkFolder"]):
    """The work folder of one target, for the run that alone may use it.

    Where the `with` block ends with an exception and anything was finished, it stays, and the exception says
    so in a note; otherwise it goes.
    """

    def __init__(
        self, target: Path, source: Path, fingerprint: Mapping[str, str], is_kept: bool = True
    ) -> None:
        """Be ready; nothing is there before the `with` block.

        Args:
            target: The film to be made.
            source: The film that it is made of, to be named by `--status`.
            fingerprint: Of the run.
            is_kept: False: begin afresh, and keep nothing.
        """
        self.path = find_folder(target)
        self.target, self._source = target, source
        self._fingerprint, self._is_kept = dict(fingerprint), is_kept
        self._segments: Sequence[Segment] = ()
        self._device = ""
        self.findings: tuple[Path, ...] = ()
        """Files that this run, or the one that it goes on with, was to write after the scan."""

    def __enter__(self) -> WorkFolder:
        with output_errors(self.target):
            self._lock = lock_folder(self.path, _LOCK, self.target)
            with contextlib.ExitStack() as stack:
                stack.push(self)
                self._enter()
                stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or not self._is_kept or not self._has_work():
            self._remove()
        else:
            error.add_note("what is finished is kept: the same command goes on where it stopped")
        os.close(self._lock)

    def find_plan(self, film: FilmKey, make: Callable[[], Plan]) -> Plan:
        """The plan as it lies here, made if need be: whoever goes on with the run sees the very same.

        Raises:
            SubremoverError: It cannot be made, or not be written.
        """
        folder = self.path / _PLAN
        if folder.exists():
            try:
                return load_plan(folder, film)
            except PlanError as error:
                log.warning("the plan that was kept is of no use: %s", error)
                shutil.rmtree(folder, ignore_errors=True)
        plan = make()
        half = folder.with_suffix(".part")
        shutil.rmtree(half, ignore_errors=True)
        plan.save(half)
        with output_errors(self.target):
            for file in half.iterdir():
                sync(file)
            sync_folder(half)
            half.replace(folder)
            sync_folder(self.path)
        return load_plan(folder, film)

    def note_findings(self, files: Sequence[Path]) -> None:
        """Say which files will be written besides the film, so that the next run knows whose they are."""
        self.findings = tuple(file.absolute() for file in files)
        self._write_state()

    def begin(self, plan: Plan, segments: Sequence[Segment], device: str) -> None:
        """Note what is to be rendered, and on which kind of device, which changes the last bits of a fit."""
        kind = device.partition(":")[0]
        if self._device not in ("", kind):
            log.warning(
                "'%s' was begun on another device (%s); its frames are rendered afresh",
                self.target.name,
                self._device,
            )
            for file in (*self.path.glob(f"*.{PICTURE}"), *self.path.glob(f"*.{ORIGINS}")):
                _delete(file)
        self._segments, self._device = segments, kind
        has_copied = any(segment.is_copied for segment in segments)  # the others are encoded to fit them
        parts = json.dumps([self._fingerprint, plan.digest(), kind, has_copied])
        self.key = hashlib.sha256(parts.encode()).digest()
        self._write_state()

    def file(self, segment: Segment, kind: str) -> Path:
        """Where a rendered segment's packets of the picture, or of its origins, belong."""
        return self.path / _file_name(segment, kind)

    def read(self, segment: Segment, kind: str) -> Spool | None:
        """A finished segment; None where there is none that is of use."""
        file = self.file(segment, kind)
        try:
            return Spool.read(file, self.key)
        except SpoolError as error:
            if file.exists():
                log.warning("a finished segment is of no use and is made again: %s", error)
            return None

    def clear(self) -> None:
        """Forget all that was done: it is not needed, or no longer."""
        for path in self.path.iterdir():
            if path.name != _LOCK:
                _delete(path)

    def _enter(self) -> None:
        state = _read_state(self.path)
        if not self._is_kept:
            self.clear()
        elif state is None:
            if self._has_work():
                log.warning("what a stopped run left in '%s' is damaged; starting afresh", self.path)
            self.clear()
        elif others := [n for n, d in self._fingerprint.items() if state["fingerprint"].get(n) != d]:
            what = " and ".join(
                f"another {name}".replace("another options", "other options") for name in others
            )
            log.warning("'%s' was begun with %s; starting afresh", self.target.name, what)
            self.clear()
        else:
            self.findings = tuple(Path(name) for name in state["findings"])
            self._device = state["device"]
        for half in (*self.path.glob(".*.part-*"), *self.path.glob("*.part")):
            _delete(half)
        self._write_state()

    def _has_work(self) -> bool:
        if not self.path.is_dir():
            return False
        names = [path.name for path in self.path.iterdir()]
        # what begins with a dot is half of something
        return any(n == _PLAN or (n.endswith(f".{PICTURE}") and not n.startswith(".")) for n in names)

    def _write_state(self) -> None:
        state = {
            "format": FORMAT,
            "version": VERSION,
            "film": self._source.name,
            "fingerprint": self._fingerprint,
            "device": self._device,
            "findings": [str(file.absolute()) for file in self.findings],
            "segments": [[s.start, s.stop, s.is_copied] for s in self._segments],
        }
        with new_file(self.path / _STATE) as part:
            part.write_text(json.dumps(state))

    def _remove(self) -> None:
        """All of it; the lock goes last, so that nobody else begins in what is being removed."""
        with contextlib.suppress(OSError):
            self.clear()
            (self.path / _LOCK).unlink()
            self.path.rmdir()


def find_folder(target: Path) -> Path:
    """Where the work folder of a target is."""
    target = target.resolve()
    name = f".{target.name}.subremover"
    if len(os.fsencode(name)) > _MOST_NAME_BYTES:
        name = f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()}.subremover"
    return target.with_name(name)


def describe_work(source: Path, target: Path) -> str:
    """How far a run to this target is that was stopped or goes on, in one line."""
    folder = find_folder(target)
    state = _read_state(folder)
    if state is None:
        return f"{target}: there is no run to go on with"
    of = "" if state["film"] == source.name else f" of another film, {state['film']!r},"
    segments = [Segment(*values) for values in state["segments"]]
    done = [s for s in segments if s.is_copied or (folder / _file_name(s, PICTURE)).exists()]
    if not segments:
        how = "scanned" if (folder / _PLAN).exists() else "being scanned"
    else:
        frames, total = (sum(s.stop - s.start for s in some) for some in (done, segments))
        how = f"{frames} of {total} frames ({len(done)} of {len(segments)} segments) are finished"
    running = "a run" if is_locked(folder / _LOCK) else "a stopped run"
    return f"{target}: {running}{of}: {how}"


def _file_name(segment: Segment, kind: str) -> str:
    return f"{segment.start:08d}_{segment.stop:08d}.{kind}"


def _read_state(folder: Path) -> dict[str, Any] | None:
    """What `state.json` says; None where it is missing or makes no sense."""
    file = folder / _STATE
    try:
        if file.stat().st_size > _MOST_STATE_BYTES:
            return None
        state = json.loads(file.read_text(encoding="utf-8"))
        if (state["format"], state["version"]) != (FORMAT, VERSION):
            return None
        if not all(isinstance(state[name], str) for name in ("film", "device")):
            return None
        if not isinstance(state["fingerprint"], dict):
            return None
        if not all(isinstance(name, str) for name in state["findings"]):
            return None
        for start, stop, is_copied in state["segments"]:
            if [type(value) for value in (start, stop, is_copied)] != [int, int, bool]:
                return None
            Segment(start, stop, is_copied)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return dict(state)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)

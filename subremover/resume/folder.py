"""The work folder: what a run has done so far, beside its target, where the next run goes on from.

Whatever lies there is checked before it is used: another run's, or half of something, is made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from subremover.errors import ContainerError, FilmChangedError, OutputError, PlanError
from subremover.plan.model import FilmKey, Plan
from subremover.plan.saved_plan import load_plan
from subremover.resume.lock import is_locked, lock_folder
from subremover.resume.names import (
    HALF_PLAN,
    LOCK,
    PICTURE,
    PLAN,
    STATE,
    file_name,
    find_folder,
    is_half,
    is_segment,
)
from subremover.resume.state import Decisions, RunState
from subremover.runtime.atomic_file import new_file, output_errors, sync, sync_folder
from subremover.runtime.paths import is_file, is_folder
from subremover.video.encode.spool import Spool, SpoolError
from subremover.video.segments import Segment

log = logging.getLogger(__name__)


class WorkFolder(contextlib.AbstractContextManager["WorkFolder"]):
    """The work folder of one target, for the run that alone may use it.

    Where the `with` block ends with an exception and anything was finished, it stays, and the exception says
    so in a note; otherwise it goes, as it does where the same command could only fail again or would start
    afresh. What is not of a run is neither deleted nor written to, wherever it lies.
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
        self.target, self._is_kept = target, is_kept
        self._state = RunState(source.name, dict(fingerprint))

    def __enter__(self) -> WorkFolder:
        with output_errors(self.target):
            self._lock = lock_folder(self.path, LOCK, self.target)
            with contextlib.ExitStack() as stack:
                stack.push(self)
                self._enter()
                stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        is_useless = isinstance(error, ContainerError | FilmChangedError)
        if error is None or is_useless or not self._is_kept or not self._has_work():
            self._remove()
        else:
            with contextlib.suppress(OutputError):
                self._delete(is_half)
            error.add_note("what is finished is kept: the same command goes on where it stopped")
        os.close(self._lock)

    @property
    def findings(self) -> tuple[Path, ...]:
        """Files that this run, or the one that it goes on with, was to write besides the film."""
        return self._state.findings

    @property
    def decisions(self) -> Decisions:
        """Of this run, or of the one that it goes on with."""
        return self._state.decisions

    def find_plan(self, film: FilmKey, make: Callable[[], Plan]) -> Plan:
        """The plan as it lies here, made if need be: whoever goes on with the run sees the very same.

        Raises:
            OutputError: It cannot be written.
            InputError, PlanError, UsageError: It cannot be made, as `make` says.
        """
        folder = self.path / PLAN
        if is_folder(folder):
            try:
                return load_plan(folder, film)
            except PlanError as error:
                log.warning("the plan that was kept is of no use: %s", error)
                shutil.rmtree(folder, ignore_errors=True)
        plan = make()
        half = self.path / HALF_PLAN
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
        """Say which more files will be written besides the film: the next run knows whose they are."""
        self._note(findings=tuple(dict.fromkeys((*self.findings, *(file.absolute() for file in files)))))

    def may_replace(self, file: Path, overwrite: bool) -> bool:
        """Whether a file may be replaced: the user says so, or it is of this run."""
        return overwrite or file.absolute() in self.findings

    def decide(self, decisions: Decisions) -> None:
        """Note what was found out; segments that were finished without knowing it go."""
        self._note(decisions=decisions)
        self._delete(is_segment)

    def begin(self, plan: Plan, segments: Sequence[Segment], device: str) -> None:
        """Note what is to be rendered, and on which kind of device, which changes the last bits of a fit."""
        kind, before = device.partition(":")[0], self._state.device
        if before not in ("", kind):
            log.warning(
                "'%s' was begun on another device (%s); its frames are rendered afresh",
                self.target.name,
                before,
            )
            self._delete(is_segment)
        self._note(segments=tuple(segments), device=kind)
        has_copied = any(segment.is_copied for segment in segments)  # the others are encoded to fit them
        parts = [self._state.fingerprint, plan.digest(), kind, has_copied, self.decisions.crf]
        self.key = hashlib.sha256(json.dumps(parts).encode()).digest()

    def file(self, segment: Segment, kind: str) -> Path:
        """Where a rendered segment's packets of the picture, or of its origins, belong."""
        return self.path / file_name(segment, kind)

    def keep(self, segment: Segment, kind: str, data: bytes) -> None:
        """Put a spool in its place that was made elsewhere.

        Args:
            segment: That was rendered.
            kind: Of its packets.
            data: The whole spool.

        Raises:
            OutputError: It cannot be written.
        """
        with new_file(self.file(segment, kind)) as part:
            part.write_bytes(data)

    def read(self, segment: Segment, kind: str) -> Spool | None:
        """A finished segment; None where there is none that is of use."""
        file = self.file(segment, kind)
        try:
            return Spool.read(file, self.key)
        except SpoolError as error:
            if is_file(file):
                log.warning("a finished segment is of no use and is made again: %s", error)
            return None

    def clear(self) -> None:
        """Forget all that was done: it is not needed, or no longer."""
        self._delete(lambda _: True)

    def _enter(self) -> None:
        state = RunState.read(self.path / STATE)
        now = self._state.fingerprint
        if not self._is_kept:
            self.clear()
        elif state is None:
            if self._has_work():
                log.warning("what a stopped run left in '%s' is damaged; starting afresh", self.path)
            self.clear()
        elif others := [name for name, digest in now.items() if state.fingerprint.get(name) != digest]:
            what = " and ".join(
                f"another {name}".replace("another options", "other options") for name in others
            )
            log.warning("'%s' was begun with %s; starting afresh", self.target.name, what)
            self.clear()
        else:
            self._state = replace(state, film=self._state.film, fingerprint=now, segments=())
        self._delete(is_half)
        self._note()

    def _has_work(self) -> bool:
        return any(path.name == PLAN or is_segment(path.name) for path in self._own())

    def _note(self, **what: Any) -> None:
        self._state = replace(self._state, **what)
        self._state.write(self.path / STATE)

    def _own(self) -> Iterator[Path]:
        """What runs have put here, but for the lock."""
        try:
            inside = list(self.path.iterdir())
        except OSError:  # it was removed or closed
            return
        for path in inside:
            if path.name in (STATE, PLAN, HALF_PLAN) or is_segment(path.name) or is_half(path.name):
                yield path

    def _delete(self, is_meant: Callable[[str], bool]) -> None:
        """What runs have put here under names that are meant; an OutputError where it cannot be deleted."""
        with output_errors(self.path):
            for path in [path for path in self._own() if is_meant(path.name)]:
                if is_folder(path) and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)

    def _remove(self) -> None:
        """All of it; the lock goes last, so that nobody else begins in what is being removed."""
        with contextlib.suppress(OSError, OutputError):
            self.clear()
            if [path.name for path in self.path.iterdir()] == [LOCK]:
                (self.path / LOCK).unlink()
                self.path.rmdir()
            else:
                log.warning("'%s' stays, for there is something in it that no run has made", self.path)


def discard_work(target: Path) -> None:
    """Delete what a stopped run to this target is to go on from, if there is anything.

    Raises:
        OutputError: A run is making the target, or the folder is none of a run's.
    """
    folder = find_folder(target)
    if not is_folder(folder):
        return
    with output_errors(target):
        lock = lock_folder(folder, LOCK, target)
        try:
            shutil.rmtree(folder)
        finally:
            os.close(lock)


def describe_work(source: Path, target: Path) -> str:
    """How far a run to this target is that was stopped or goes on, in one line."""
    folder = find_folder(target)
    state = RunState.read(folder / STATE)
    if state is None:
        found = "there is a film, and no run" if is_file(target) else "there is no run"
        return f"{target}: {found} to go on with"
    of = "" if state.film == source.name else f" of another film, {state.film!r},"
    done = [s for s in state.segments if s.is_copied or is_file(folder / file_name(s, PICTURE))]
    if not state.segments:
        how = "scanned" if is_folder(folder / PLAN) else "being scanned"
    else:
        frames, total = (sum(s.stop - s.start for s in some) for some in (done, state.segments))
        how = f"{frames} of {total} frames ({len(done)} of {len(state.segments)} segments) are finished"
    running = "a run" if is_locked(folder / LOCK) else "a stopped run"
    return f"{target}: {running}{of}: {how}"

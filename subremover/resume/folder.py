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
from subremover.parsing import Part
from subremover.plan.model import FilmKey, Plan
from subremover.plan.saved_plan import load_plan
from subremover.resume.contents import (
    delete_own,
    find_finished,
    find_own,
    find_parts,
    find_running,
    remove_folder,
)
from subremover.resume.lock import lock_folder
from subremover.resume.names import (
    HALF_PLAN,
    LOCK,
    PICTURE,
    PLAN,
    STATE,
    file_name,
    find_folder,
    folder_name,
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

    A run that renders a part of the film shares it with others: it waits for its turn, finds the plan or
    makes it, and goes on in a folder of its own inside (`enter_part`), for whose sake the film's stays. So
    whoever is in the film's folder knows that no part begins meanwhile, and may read what they have finished.
    """

    def __init__(
        self,
        target: Path,
        source: Path,
        fingerprint: Mapping[str, str],
        is_kept: bool = True,
        *,
        is_shared: bool = False,
        part: Part | None = None,
    ) -> None:
        """Be ready; nothing is there before the `with` block.

        Args:
            target: The film to be made.
            source: The film that it is made of, to be named by `--status`.
            fingerprint: Of the run.
            is_kept: False: begin afresh, and keep nothing.
            is_shared: Whether the run renders a part alone.
            part: Whose folder it is, inside the film's; None: it is the film's.
        """
        self.path = self._of_film = find_folder(target)
        if part is not None:
            self.path /= folder_name(part)
        self.target, self._part = target, part
        self._is_kept, self._is_shared = is_kept, is_shared
        self._state = RunState(source.name, dict(fingerprint))
        self._elsewhere: dict[str, list[Path]] = {}  # finished segments of other parts, by name
        self._lock: int | None = None

    def __enter__(self) -> WorkFolder:
        what, is_patient = f"'{self.target}'", self._is_shared
        if self._part is not None:
            what, is_patient = f"part {self._part} of {what}", False
        with output_errors(self.target), contextlib.ExitStack() as stack:
            self._lock = lock_folder(self.path, LOCK, what, is_patient=is_patient)
            stack.callback(self._leave)
            found = RunState.read(self.path / STATE)
            others = found.name_others(self._state) if found is not None else ""
            self._check(others)  # before anything is touched
            stack.pop_all()
            stack.push(self)
            self._enter(found, others)
            stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is None:  # a part has left it to the others
            return
        is_over = not self._is_kept or isinstance(error, ContainerError | FilmChangedError)
        if self._is_shared:
            is_over = is_over and not find_parts(self.path)
        elif error is None:
            is_over = True
        if is_over or not self._has_work():
            remove_folder(self.path)
        elif error is not None:
            with contextlib.suppress(OutputError):
                delete_own(self.path, is_half)
            error.add_note("what is finished is kept: the same command goes on where it stopped")
        self._leave()

    @contextlib.contextmanager
    def enter_part(self, part: Part) -> Iterator[WorkFolder]:
        """Enter the folder of a part, and leave the film's as it is to others.

        Args:
            part: To be rendered.

        Yields:
            Its folder, which knows what was decided for all parts.

        Raises:
            OutputError: Another run renders the part, or the folder cannot be written.
        """
        shared = self._state
        own = WorkFolder(self.target, Path(shared.film), shared.fingerprint, is_shared=True, part=part)
        with own:
            own._note(device=shared.device)
            if own.decisions != shared.decisions:
                own.decide(shared.decisions)
            self._leave()
            yield own

    @property
    def has_begun(self) -> bool:
        """Whether it is known what is to be rendered."""
        return bool(self._state.segments)

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
        self._note(segments=())
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
        delete_own(self.path, is_segment)

    def begin(self, plan: Plan, segments: Sequence[Segment], device: str) -> None:
        """Note what is to be rendered, and on which kind of device, which changes the last bits of a fit.

        Raises:
            OutputError: The parts were rendered on another kind, and some are missing.
        """
        kind, before = device.partition(":")[0], self._state.device
        parts = find_parts(self._of_film).values()
        self._elsewhere = find_finished(*(it for it in (self._of_film, *parts) if it != self.path))
        if before not in ("", kind):
            self.key = self._make_key(plan, segments, before)
            if all(segment.is_copied or self.read(segment, PICTURE) for segment in segments):
                kind = before  # nothing is left to be rendered
            elif self._is_shared or parts:
                raise OutputError(
                    f"'{self.target.name}' was begun on another device ({before}); render what is missing on "
                    f"one of that kind, or delete '{self._of_film}' to begin afresh"
                )
            else:
                log.warning(
                    "'%s' was begun on another device (%s); its frames are rendered afresh",
                    self.target.name,
                    before,
                )
                delete_own(self.path, is_segment)
        self._note(segments=tuple(segments), device=kind)
        self.key = self._make_key(plan, segments, kind)

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
        """A finished segment, wherever it lies; None where there is none that is of use."""
        name = file_name(segment, kind)
        for file in (self.path / name, *self._elsewhere.get(name, ())):
            try:
                return Spool.read(file, self.key)
            except SpoolError as error:
                if is_file(file):
                    log.warning("a finished segment is of no use and is made again: %s", error)
        return None

    def clear(self) -> None:
        """Forget all that was done, of all parts: it is not needed, or no longer."""
        for part in find_parts(self.path).values():
            remove_folder(part)
        delete_own(self.path)

    def _check(self, others: str) -> None:
        """Raise an OutputError where a part is at work, or what parts have done would be lost."""
        if not self._is_shared and (running := find_running(self.path)):
            raise OutputError(
                f"part {running[0]} of '{self.target}' is being rendered; wait for it to end, or stop it"
            )
        is_bound = bool(find_parts(self.path)) or (self._is_shared and self._has_work())
        if others and self._is_kept and is_bound:
            raise OutputError(
                f"'{self.target}' was begun with {others}, and a film and its parts need the same; run it as "
                f"they were run, or delete '{self._of_film}' to begin afresh"
            )

    def _enter(self, found: RunState | None, others: str) -> None:
        if not self._is_kept:
            self.clear()
        elif found is None:
            if self._has_own_work():
                log.warning("what a stopped run left in '%s' is damaged; starting afresh", self.path)
            delete_own(self.path)
        elif others:
            log.warning("'%s' was begun with %s; starting afresh", self.target.name, others)
            self.clear()
        else:
            self._state = replace(found, film=self._state.film, fingerprint=self._state.fingerprint)
        delete_own(self.path, is_half)
        self._note()

    def _make_key(self, plan: Plan, segments: Sequence[Segment], kind: str) -> bytes:
        """What tells this run's segments from others'."""
        has_copied = any(segment.is_copied for segment in segments)  # the others are encoded to fit them
        parts = [self._state.fingerprint, plan.digest(), kind, has_copied, self.decisions.crf]
        return hashlib.sha256(json.dumps(parts).encode()).digest()

    def _leave(self) -> None:
        """Let others in."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _has_own_work(self) -> bool:
        return any(path.name == PLAN or is_segment(path.name) for path in find_own(self.path))

    def _has_work(self) -> bool:
        return self._has_own_work() or bool(find_parts(self.path))

    def _note(self, **what: Any) -> None:
        self._state = replace(self._state, **what)
        self._state.write(self.path / STATE)

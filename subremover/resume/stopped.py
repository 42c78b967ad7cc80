"""Runs that were stopped or go on, seen from outside: how far they are, and how to give one up."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from subremover.errors import OutputError
from subremover.resume.contents import find_finished, find_parts, find_running
from subremover.resume.lock import is_locked, lock_folder
from subremover.resume.names import LOCK, PICTURE, PLAN, STATE, file_name, find_folder
from subremover.resume.state import RunState
from subremover.runtime.atomic_file import output_errors
from subremover.runtime.paths import is_file, is_folder


def discard_work(target: Path) -> None:
    """Delete what a stopped run to this target is to go on from, if there is anything.

    Raises:
        OutputError: A run is making the target or a part of it, or the folder is none of a run's.
    """
    folder = find_folder(target)
    if not is_folder(folder):
        return
    with output_errors(target):
        lock = lock_folder(folder, LOCK, f"'{target}'")
        try:
            if running := find_running(folder):
                raise OutputError(f"part {running[0]} of '{target}' is being rendered; wait for it to end")
            shutil.rmtree(folder)
        finally:
            os.close(lock)


def describe_work(source: Path, target: Path) -> str:
    """How far a run to this target is that was stopped or goes on, in one line."""
    folder = find_folder(target)
    state, parts, running = RunState.read(folder / STATE), find_parts(folder), find_running(folder)
    if state is None:
        found = "there is a film, and no run" if is_file(target) else "there is no run"
        return f"{target}: {found} to go on with"
    of = "" if state.film == source.name else f" of another film, {state.film!r},"
    finished = find_finished(folder, *parts.values())
    done = [s for s in state.segments if s.is_copied or file_name(s, PICTURE) in finished]
    if not state.segments:
        how = "scanned" if is_folder(folder / PLAN) else "being scanned"
    else:
        frames, total = (sum(s.stop - s.start for s in some) for some in (done, state.segments))
        how = f"{frames} of {total} frames ({len(done)} of {len(state.segments)} segments) are finished"
    who = "a run" if running or is_locked(folder / LOCK) else "a stopped run"
    if parts:
        now = ", ".join(f"part {part}" for part in running) or "no part"
        who, how = "a run in parts", f"{how}; {now} {'are' if len(running) > 1 else 'is'} being rendered"
    return f"{target}: {who}{of}: {how}"

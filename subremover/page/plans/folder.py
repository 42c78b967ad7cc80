"""A plan's folder as the page reads and writes it.

`plan.json` is the document, and what a browser sends of it is trusted no more than any other plan
(`plan.saved_plan`). What scans have left is kept beside it, to tell what a person has changed.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from subremover.errors import PlanError
from subremover.page.library import check_place
from subremover.page.plans.merge import Entry, key_of
from subremover.plan.model import MOST_STROKE_PIXELS, PLAN_NAME, FilmKey, lay_out
from subremover.plan.saved_plan import count_stroke_pixels, read_document, read_event
from subremover.runtime.atomic_file import sync, sync_folder
from subremover.runtime.paths import is_file

SCANNED_NAME = "scanned.json"
_STROKES = re.compile(r"event_[0-9]{4,12}\.png|painted_[0-9a-f]{16}\.png")


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A film's plan."""

    document: dict[str, Any]
    film: FilmKey
    revision: str
    """Of its bytes."""
    scanned: list[Entry]
    """Its events as scans have left them; empty: nobody knows, so all of them may be a person's."""

    @property
    def is_mended(self) -> bool:
        """Whether a person has changed anything."""
        return {key_of(e) for e in self.document["events"]} != {key_of(e) for e in self.scanned}


def read_folder(folder: Path) -> SavedPlan:
    """The plan that lies in a folder.

    Raises:
        PlanError: It is damaged.
        Refusal: It leads elsewhere.
    """
    file = folder / PLAN_NAME
    check_place(file)
    try:
        # before it is read: where somebody edits it meanwhile, a change made of this is refused
        revision = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise PlanError(f"cannot read '{file}'; scan again") from error
    document, key = read_document(file)
    return SavedPlan(complete(document), key, revision, _read_scanned(folder / SCANNED_NAME))


def _read_scanned(file: Path) -> list[Entry]:
    try:
        if is_file(file):
            return list(complete(read_document(check_place(file))[0])["events"])
    except PlanError:
        pass
    return []


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """A plan's document with lists of objects where there must be some.

    Raises:
        PlanError: It has others.
    """
    document = {"passages": [], **document}
    for name in ("shots", "events", "passages"):
        entries = document.get(name)
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise PlanError(f'the "{name}" of the plan are no list of objects; mend it, or scan again')
    try:
        key_of(document)
    except ValueError as error:
        raise PlanError(f"the plan holds what JSON cannot tell ({error}); mend it, or scan again") from error
    return document


def check_entries(events: list[Any], plan: SavedPlan, folder: Path) -> list[Entry]:
    """The entries, if each of them may stand in the plan; those that do already are not looked at.

    Raises:
        PlanError, ValueError: One may not.
    """
    saved = {key_of(entry): entry for entry in plan.document["events"]}
    checked, pixels = [], 0
    for number, entry in enumerate(events, 1):
        where = f"event {number}"
        if not isinstance(entry, dict):
            raise PlanError(f"{where} is no object; load the page again")
        known = saved.get(key_of(entry))
        pixels += count_stroke_pixels(entry, where, plan.film)
        if pixels > MOST_STROKE_PIXELS:
            raise PlanError("the strokes of all events are too large for the memory; make boxes smaller")
        if known is None:
            read_event(entry, where, folder, plan.film)
        checked.append(entry if known is None else known)
    return checked


def list_pictures(entries: list[Entry]) -> Iterator[str]:
    """Names of PNGs beside the plan; what would lead elsewhere is left for whoever reads the plan to tell."""
    for entry in entries:
        name = entry.get("strokes")
        if isinstance(name, str) and name == Path(name).name and name not in ("", "..", PLAN_NAME):
            yield name


def make_empty(folder: Path) -> None:
    """Have an empty folder there, whatever is there now."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


def fill_folder(folder: Path, documents: Mapping[str, dict[str, Any]], pictures: Mapping[str, Path]) -> None:
    """Write plans and copies of PNGs; one that is missing or a link is left out: for the plan it is none."""
    for name, source in pictures.items():
        if is_file(source) and not source.is_symlink():
            shutil.copyfile(source, folder / name)
    for name, document in documents.items():
        (folder / name).write_text(lay_out(document), encoding="utf-8")
        sync(folder / name)
    sync_folder(folder)


def is_strokes_name(name: str) -> bool:
    """Whether PNGs of strokes are called so, here or by `Plan.save`."""
    return _STROKES.fullmatch(name) is not None


def delete_painted(folder: Path, needed: set[str], most: int) -> None:
    """Delete the oldest painted PNGs that no event refers to, if there are too many."""
    painted = [p for p in folder.glob("painted_*.png") if _STROKES.fullmatch(p.name) and not p.is_symlink()]
    spare = [path for path in painted if path.name not in needed]
    spare.sort(key=lambda path: path.stat().st_mtime_ns)
    for path in spare[: max(0, len(painted) - most)]:
        path.unlink(missing_ok=True)

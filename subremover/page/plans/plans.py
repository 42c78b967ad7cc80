"""The plans of films: read, changed by a person, replaced by a scan; one at a time, and never half.

How a plan's folder is read and written: `folder`.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from subremover.errors import PlanError
from subremover.page.library import FilmFile, Library, check_place
from subremover.page.plans.folder import (
    SCANNED_NAME,
    SavedPlan,
    check_entries,
    complete,
    delete_painted,
    fill_folder,
    is_strokes_name,
    list_pictures,
    make_empty,
    read_folder,
)
from subremover.page.plans.merge import Merged, add_found, keep_mended, replace_plan
from subremover.page.refusals import Refusal, bad, missing
from subremover.plan.mask_picture import decode_mask
from subremover.plan.model import PLAN_NAME, lay_out
from subremover.plan.saved_plan import MOST_JSON_BYTES, read_document
from subremover.runtime.atomic_file import new_file, output_errors, sync_folder
from subremover.runtime.paths import is_file, is_folder

MOST_PAINTED = 1000
"""PNGs painted by a person that are kept, even if no event refers to them: what was undone may be wanted."""
_MOST_PNG_BYTES = 64 << 20
_PNG = b"\x89PNG\r\n\x1a\n"


class Plans:
    """Plans of the films of a library; one film's are read and written by one thread at a time."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._locks: dict[str, threading.RLock] = {}
        self._guard = threading.Lock()

    def find(self, film: FilmFile) -> SavedPlan | None:
        """A film's plan; None where there is none.

        Raises:
            PlanError: It is damaged.
        """
        with self._working(film) as folder:
            return read_folder(folder) if is_file(folder / PLAN_NAME) else None

    def read(self, film: FilmFile) -> SavedPlan:
        """A film's plan.

        Raises:
            PlanError: It is damaged.
            Refusal: There is none.
        """
        if plan := self.find(film):
            return plan
        raise Refusal(404, "there is no plan of this film; scan it first", "no plan")

    def has(self, film: FilmFile) -> bool:
        """Whether there is one, damaged or not."""
        with self._working(film) as folder:
            return is_file(folder / PLAN_NAME)

    def change(self, film: FilmFile, revision: str, events: list[Any]) -> SavedPlan:
        """Put other events into a film's plan.

        Args:
            film: Of the library.
            revision: That they were made of.
            events: Entries for `plan.json`; those that are there already are not checked again.

        Raises:
            Refusal: The plan is another by now, or an entry is not as it must be.
            OutputError: It cannot be written.
        """
        with self._working(film) as folder:
            plan = self.read(film)
            if plan.revision != revision:
                message = "the plan was changed meanwhile, by a scan or in another window; load it again"
                raise Refusal(409, message, "changed", revision=plan.revision)
            try:
                document = {**plan.document, "events": check_entries(events, plan, folder)}
                data = lay_out(document).encode()
            except (PlanError, ValueError) as error:
                raise Refusal(400, str(error), "plan") from error
            if len(data) > MOST_JSON_BYTES:
                raise Refusal(400, f"a plan has at most {MOST_JSON_BYTES >> 20} MiB", "plan")
            with new_file(folder / PLAN_NAME) as part:
                part.write_bytes(data)
            return read_folder(folder)

    def add_strokes(self, film: FilmFile, data: bytes) -> str:
        """Put what a person has painted beside a film's plan.

        Returns:
            The name of the PNG, for an entry.

        Raises:
            Refusal: There is no plan, or it is no PNG that fits into the picture.
            OutputError: It cannot be written.
        """
        with self._working(film) as folder:
            plan = self.read(film)
            key = plan.film
            if not data.startswith(_PNG):
                raise bad("strokes are a PNG")
            try:
                decode_mask(
                    data,
                    "the PNG of strokes",
                    lambda size: size[0] <= key.width and size[1] <= key.height,
                    f"more than the picture's {key.width}x{key.height}",
                    ("PNG",),
                )
            except PlanError as error:
                raise Refusal(400, str(error), "plan") from error
            name = f"painted_{hashlib.sha256(data).hexdigest()[:16]}.png"
            with new_file(check_place(folder / name)) as part:
                part.write_bytes(data)
            delete_painted(folder, {*list_pictures(plan.document["events"]), name}, MOST_PAINTED)
            return name

    def strokes(self, film: FilmFile, name: str) -> bytes:
        """A PNG of a film's plan.

        Raises:
            Refusal: There is no such PNG.
        """
        if is_strokes_name(name):
            file = check_place(self._library.plan_folder(film) / name)
            with contextlib.suppress(OSError):
                if is_file(file) and file.stat().st_size <= _MOST_PNG_BYTES:
                    return file.read_bytes()
        raise missing("such PNG of strokes in the plan")

    def copy(self, film: FilmFile, target: Path) -> bool:
        """Copy a film's plan, so that mending it does not disturb whoever works with the copy.

        Args:
            film: Of the library.
            target: A folder; what is there is replaced.

        Returns:
            Whether there is a plan.

        Raises:
            OutputError: It cannot be copied.
            PlanError: It is damaged.
        """
        with self._working(film) as folder, output_errors(target):
            plan = self.find(film)
            if plan is None:
                return False
            half = target.with_name(f"{target.name}.part")
            make_empty(half)
            pictures = {name: folder / name for name in list_pictures(plan.document["events"])}
            fill_folder(half, {PLAN_NAME: plan.document}, pictures)
            shutil.rmtree(target, ignore_errors=True)
            half.rename(target)
            return True

    def take(self, film: FilmFile, found: Path, *, is_part: bool = False, keeps_mended: bool = True) -> None:
        """Put what a scan has found in the place of a film's plan, or into it.

        A plan is replaced whole: a crash leaves one or the other.

        Args:
            film: Of the library.
            found: The folder that the scan has written.
            is_part: Whether it was the scan of a part: what is found is added to what is there.
            keeps_mended: Whether what a person has changed stays; False: nothing of what is there does.

        Raises:
            PlanError: What was found cannot be read.
            OutputError: It cannot be written.
        """
        document, key = read_document(found / PLAN_NAME)
        with self._working(film) as folder, output_errors(folder):
            try:
                plan = self.find(film)
            except PlanError:  # of no use to anybody
                plan = None
            if plan is None or plan.film != key or not keeps_mended:
                merged = replace_plan(complete(document))
            else:
                join = add_found if is_part else keep_mended
                merged = join(complete(document), plan.document, plan.scanned)
            self._replace(film, folder, found, merged)

    def _replace(self, film: FilmFile, folder: Path, found: Path, merged: Merged) -> None:
        new, old = self._beside(film, "new"), self._beside(film, "old")
        folder.parent.mkdir(parents=True, exist_ok=True)
        make_empty(new)
        scanned = {**merged.document, "events": merged.scanned}
        origins = {"found": found, "current": folder}
        pictures = {name: origins[origin] / before for name, (origin, before) in merged.pictures.items()}
        fill_folder(new, {PLAN_NAME: merged.document, SCANNED_NAME: scanned}, pictures)
        shutil.rmtree(old, ignore_errors=True)
        if is_folder(folder):
            folder.rename(old)
        new.rename(folder)
        sync_folder(folder.parent)
        shutil.rmtree(old, ignore_errors=True)

    def _beside(self, film: FilmFile, what: str) -> Path:
        return self._library.plan_folder(film).with_name(f".{film.id}.{what}")

    @contextlib.contextmanager
    def _working(self, film: FilmFile) -> Iterator[Path]:
        """The film's plan folder, for one thread; what a crash amid `_replace` has moved away is back."""
        with self._guard:
            lock = self._locks.setdefault(film.id, threading.RLock())
        with lock:
            folder, old = self._library.plan_folder(film), self._beside(film, "old")
            if not is_folder(folder) and is_folder(check_place(old)):
                old.rename(folder)
            yield folder

"""One of many films: where it is, where all goes that is made of it, and what was done in the end."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from subremover.errors import OutputError
from subremover.options import Options
from subremover.plan.model import PLAN_NAME
from subremover.runtime.atomic_file import check_file, check_folder
from subremover.runtime.paths import exists

OutputKind = Literal["film", "srt", "report", "plan", "previews", "provenance"]


@dataclass(frozen=True, slots=True)
class Outputs:
    """Of one film, or as the user asked for them; None: not asked for."""

    film: Path | None
    plan: Path | None
    """A folder."""
    previews: Path | None
    """A folder."""
    srt: Path | None
    report: Path | None
    provenance: Path | None
    """A film."""

    @property
    def places(self) -> Mapping[OutputKind, Path]:
        """Those asked for, the most wanted first: files, and two folders."""
        kinds: tuple[OutputKind, ...] = ("film", "srt", "report", "plan", "previews", "provenance")
        return {kind: getattr(self, kind) for kind in kinds if getattr(self, kind) is not None}

    @property
    def files(self) -> Mapping[OutputKind, Path]:
        """The file that tells of each output whether it is there; previews have none that always is."""
        found = dict(self.places)
        found.pop("previews", None)
        if self.plan is not None:
            found["plan"] = self.plan / PLAN_NAME
        return found

    def check(self, source: Path, overwrite: bool, findings: Collection[Path] = ()) -> None:
        """Whether all but the film itself can be written; that is up to `video.write.preflight.check_target`.

        Args:
            source: The film.
            overwrite: Whether files may be replaced.
            findings: Files of a stopped run that this one goes on with; they may exist.

        Raises:
            OutputError: One of them cannot, or exists and is not to be replaced.
        """
        for folder in (self.plan, self.previews):
            if folder is not None:
                check_folder(folder)
        plan = None if self.plan is None else self.plan / PLAN_NAME
        if plan is not None and exists(plan) and not overwrite and plan.absolute() not in findings:
            raise OutputError(f"'{plan}' exists; add --overwrite or give another folder")
        for file in (self.srt, self.report, self.provenance):
            if file is not None and check_folder(file.parent):
                check_file(source, file, overwrite or file.absolute() in findings)


@dataclass(frozen=True, slots=True)
class FilmRequest:
    """One film of a request."""

    name: str
    """By which the user is told of it: its path in the folder that was given, else its file's name."""
    source: Path
    outputs: Outputs
    options: Options
    how: str = ""
    """What else decides what is made, in words of the command: two requests with other words differ."""
    makes_folders: bool = False
    """Whether the folder that the first output goes to is made if need be."""

    @property
    def first_output(self) -> Path:
        """The most wanted of all that is made, beside which record and claim lie; there must be one."""
        return next(iter(self.outputs.places.values()))


@dataclass(frozen=True, slots=True)
class Done:
    """What was done with a film."""

    seconds: float
    frames: int
    """Of the film."""
    events: int
    """Removed, or to be removed where there was only a scan."""
    frames_masked: int
    left_alone: tuple[str, ...] = ()
    """What was seen and stays, a phrase each."""
    warnings: tuple[str, ...] = ()
    pictures: tuple[Path, ...] = ()
    """Files of a preview."""

"""Where everything that is made of a film goes, and whether it can go there: found out before the scan."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from subremover.errors import OutputError, UsageError


@dataclass(frozen=True, slots=True)
class Outputs:
    """Of one film; None: not asked for."""

    film: Path | None
    plan: Path | None
    """A folder."""
    previews: Path | None
    """A folder."""
    srt: Path | None
    report: Path | None
    provenance: Path | None
    """A film."""

    def check(self, source: Path, overwrite: bool, findings: Collection[Path] = ()) -> None:
        """Whether all but the film itself can be written; that is up to `video.container.trial.check_target`.

        Args:
            source: The film.
            overwrite: Whether files may be replaced.
            findings: Files of a stopped run that this one goes on with; they may exist.

        Raises:
            OutputError: One of them cannot, or exists and is not to be replaced.
        """
        from subremover.runtime.atomic_file import check_file

        for folder in (self.plan, self.previews):
            if folder is not None:
                _check_folder(folder)
        for file in (self.srt, self.report, self.provenance):
            if file is not None and _check_folder(file.parent):
                check_file(source, file, overwrite or file.absolute() in findings)


def find_outputs(sources: Sequence[Path], values: dict[str, Any]) -> list[Outputs]:
    """What goes where, film by film; with several, each option names a folder.

    Args:
        sources: The films.
        values: Of the command's options.

    Raises:
        UsageError: Two things would go to one place, or nothing is said about where the film goes.
        OutputError: The folder for the films cannot be made.
    """
    if values["provenance"] and (values["scan_only"] or values["preview"]):
        raise UsageError("--provenance tells what a whole run did; leave out --scan-only and --preview")
    if len({source.name for source in sources}) < len(sources):
        raise UsageError("two inputs have the same name; give them one by one")
    found = [
        Outputs(*paths)
        for paths in zip(
            _find_films(sources, values),
            _find_folders(values["save_plan"], sources),
            _find_folders(values["preview"], sources),
            _find_files(values["srt"], sources, ".srt"),
            _find_files(values["report"], sources, ".html"),
            _find_files(values["provenance"], sources, ".mp4"),
            strict=True,
        )
    ]
    read = {os.path.realpath(file) for file in (values["mask"], values["plan"], values["times"]) if file}
    taken: set[str] = set()
    for file in (f for o in found for f in (o.film, o.srt, o.report, o.provenance) if f is not None):
        place = os.path.realpath(file)
        if place in read:
            raise UsageError(f"'{file}' is an input; give the output a name of its own")
        if place in taken:
            raise UsageError(f"two outputs would be written to '{file}'; give each a name of its own")
        taken.add(place)
    return found


def _find_films(sources: Sequence[Path], values: dict[str, Any]) -> list[Path | None]:
    if values["scan_only"] or values["preview"]:
        return [None] * len(sources)
    output: Path | None = values["output"]
    if output is None:
        raise UsageError("where should the clean film go? add -o clean.mp4")
    try:
        if len(sources) == 1 and not output.is_dir():
            return [output]
        output.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise UsageError(f"-o '{output}' is a file; name a folder for several inputs") from error
    except OSError as error:
        raise OutputError(f"cannot write to '{output}': {error.strerror}; choose another place") from error
    return [output / source.name for source in sources]


def _find_folders(folder: Path | None, sources: Sequence[Path]) -> Iterator[Path | None]:
    for source in sources:
        yield folder / source.name if folder is not None and len(sources) > 1 else folder


def _find_files(path: Path | None, sources: Sequence[Path], suffix: str) -> Iterator[Path | None]:
    is_folder = path is not None and (len(sources) > 1 or os.path.isdir(path))  # noqa: PTH112, never raises
    for source in sources:
        yield path / f"{source.stem}{suffix}" if path is not None and is_folder else path


def _check_folder(folder: Path) -> bool:
    """Find out whether files can be written to a folder; whether it exists already."""
    try:
        existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    except OSError as error:
        raise OutputError(f"cannot write to '{folder}': {error.strerror}; choose another folder") from error
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write to '{folder}'; choose another folder")
    return existing == folder.absolute()

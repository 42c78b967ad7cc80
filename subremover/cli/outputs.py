"""Where everything that is made of a film goes, and whether it can go there: found out before the scan."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from subremover.errors import OutputError, UsageError
from subremover.runtime.paths import exists, is_folder, resolve, tell

FILM_SUFFIXES = frozenset(
    {".3gp", ".asf", ".avi", ".divx", ".f4v", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg"}
    | {".mpg", ".mts", ".mxf", ".ogm", ".ogv", ".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv"}
)
"""By which films are known in a folder."""


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

    def check(self, source: Path, overwrite: bool, findings: Collection[Path] = ()) -> None:
        """Whether all but the film itself can be written; that is up to `video.write.preflight.check_target`.

        Args:
            source: The film.
            overwrite: Whether files may be replaced.
            findings: Files of a stopped run that this one goes on with; they may exist.

        Raises:
            OutputError: One of them cannot, or exists and is not to be replaced.
        """
        from subremover.plan.model import PLAN_NAME
        from subremover.runtime.atomic_file import check_file, check_folder

        for folder in (self.plan, self.previews):
            if folder is not None:
                check_folder(folder)
        plan = None if self.plan is None else self.plan / PLAN_NAME
        if plan is not None and exists(plan) and not overwrite and plan.absolute() not in findings:
            raise OutputError(f"'{plan}' exists; add --overwrite or give another folder")
        for file in (self.srt, self.report, self.provenance):
            if file is not None and check_folder(file.parent):
                check_file(source, file, overwrite or file.absolute() in findings)


def find_outputs(
    sources: Sequence[Path],
    asked: Outputs,
    *,
    is_many: bool = False,
    has_folder: bool = False,
    scan_only: bool = False,
    read: Collection[Path] = (),
) -> list[Outputs]:
    """What goes where, film by film; with several, each output asked for names a folder.

    Args:
        sources: The films.
        asked: As the user wrote it.
        is_many: Whether the outputs name folders; so it is with several films, or a folder of them.
        has_folder: Whether the film's output names a folder, of a single film as well.
        scan_only: Whether no film is wanted.
        read: Other files that the run reads.

    Raises:
        UsageError: Two things would go to one place, or nothing is said about where the film goes.
    """
    if asked.provenance and (scan_only or asked.previews):
        raise UsageError("--provenance tells what a whole run did; leave out --scan-only and --preview")
    _check_source_names(sources)
    found = [
        Outputs(*paths)
        for paths in zip(
            _find_films(sources, asked, is_many, has_folder)
            if not (scan_only or asked.previews)
            else [None] * len(sources),
            _find_folders(asked.plan, sources, is_many),
            _find_folders(asked.previews, sources, is_many),
            _find_files(asked.srt, sources, ".srt", is_many),
            _find_files(asked.report, sources, ".html", is_many),
            _find_files(asked.provenance, sources, ".mp4", is_many),
            strict=True,
        )
    ]
    inputs = {resolve(file) for file in read}
    taken: set[Path] = set()
    for file in (f for o in found for f in (o.film, o.srt, o.report, o.provenance) if f is not None):
        place = resolve(file)
        if place in inputs:
            raise UsageError(f"'{file}' is an input; give the output a name of its own")
        if place in taken:
            raise UsageError(f"two outputs would be written to '{file}'; give each a name of its own")
        taken.add(place)
    return found


def make_film_folder(folder: Path) -> None:
    """Make the folder that several films go to.

    Raises:
        OutputError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to '{folder}': {tell(error)}; choose another folder") from error


def _check_source_names(sources: Sequence[Path]) -> None:
    """Raise a UsageError where two films have one name, by which their outputs are called."""
    by_name: dict[str, Path] = {}
    for source in sources:
        other = by_name.setdefault(source.name, source)
        if other is not source:
            both = f"'{source}' was given twice; give it once"
            if other != source:
                both = f"'{other}' and '{source}' have the same name; give them one by one"
            raise UsageError(both)


def _find_films(sources: Sequence[Path], asked: Outputs, is_many: bool, has_folder: bool) -> list[Path]:
    output = asked.film
    if output is None:
        found = any(path is not None for path in (asked.plan, asked.srt, asked.report))
        alone = ", or --scan-only for what was found alone" if found else ""
        raise UsageError(f"where should the clean film go? add -o clean.mp4{alone}")
    if not is_folder(output):
        if not (is_many or has_folder):
            return [output]
        if exists(output):
            several = " for several inputs" if is_many else ""
            raise UsageError(f"-o '{output}' is a file; name a folder{several}")
        if is_many and output.suffix.lower() in FILM_SUFFIXES:
            raise UsageError(f"-o '{output}' is a file's name; name a folder for several inputs")
    return [output / source.name for source in sources]


def _find_folders(folder: Path | None, sources: Sequence[Path], is_many: bool) -> Iterator[Path | None]:
    for source in sources:
        yield folder / source.name if folder is not None and is_many else folder


def _find_files(
    path: Path | None, sources: Sequence[Path], suffix: str, is_many: bool
) -> Iterator[Path | None]:
    folder = path if path is not None and (is_many or is_folder(path)) else None
    for source in sources:
        yield path if folder is None else folder / f"{source.stem}{suffix}"

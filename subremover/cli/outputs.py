"""Where everything that is made of films goes, as far as that can be told before they are looked at."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from subremover.archive.film import Outputs
from subremover.archive.folders import FILM_SUFFIXES, FoundFilm
from subremover.errors import OutputError, UsageError
from subremover.runtime.paths import exists, is_folder, resolve, tell
from subremover.video.text.subtitle_file import check_subtitle_name


class OutputFinder:
    """Tells of film after film what goes where; no two things go to one place."""

    def __init__(
        self,
        asked: Outputs,
        *,
        is_many: bool = False,
        has_folder: bool = False,
        makes_film: bool = True,
        taken: Collection[Path] = (),
    ) -> None:
        """Look at what was asked for.

        Args:
            asked: As the user wrote it.
            is_many: Whether the outputs name folders; so it is with several films, or a folder of them.
            has_folder: Whether the film's output names a folder, of a single film as well.
            makes_film: Whether a film is wanted.
            taken: Other files that the run reads or writes.

        Raises:
            UsageError: Nothing is said about where the film goes, or it makes no sense.
        """
        if asked.provenance and not makes_film:
            raise UsageError("--provenance tells what a whole run did; leave out --scan-only and --preview")
        self._asked, self._is_many = asked, is_many
        self._film = _check_film(asked, is_many, has_folder) if makes_film else None
        self.makes_film, self.has_folder = makes_film, has_folder
        self._sources: dict[Path, Path] = {}  # by where they are in their folders
        self._inputs = {resolve(file) for file in taken}
        self._taken: dict[Path, Path] = {}  # places, and the sources that have them

    def find(self, film: FoundFilm) -> Outputs:
        """What goes where.

        Raises:
            UsageError: Two things would go to one place, or a subtitle file's name tells no format.
        """
        source, relative, asked = film.source, film.relative, self._asked
        other = self._sources.setdefault(relative, source)
        if other != source:
            raise UsageError(f"'{other}' and '{source}' have the same name; give them one by one")
        outputs = Outputs(
            self._find_film(relative),
            self._find_folder(asked.plan, relative),
            self._find_folder(asked.previews, relative),
            self._find_file(asked.srt, relative, ".srt"),
            self._find_file(asked.report, relative, ".html"),
            self._find_file(asked.provenance, relative, ".mp4"),
        )
        if outputs.srt is not None:
            check_subtitle_name(outputs.srt)
        self._take(source, outputs)
        return outputs

    def _find_film(self, relative: Path) -> Path | None:
        if self._film is None or not (self.has_folder or is_folder(self._film)):
            return self._film
        return self._film / relative

    def _find_folder(self, folder: Path | None, relative: Path) -> Path | None:
        return folder / relative if folder is not None and self._is_many else folder

    def _find_file(self, path: Path | None, relative: Path, suffix: str) -> Path | None:
        if path is None or not (self._is_many or is_folder(path)):
            return path
        return path / relative.parent / f"{relative.stem}{suffix}"

    def _take(self, source: Path, outputs: Outputs) -> None:
        places: set[Path] = set()
        for file in (outputs.film, outputs.srt, outputs.report, outputs.provenance):
            if file is None:
                continue
            place = resolve(file)
            if place in self._inputs:
                raise UsageError(f"'{file}' is an input; give the output a name of its own")
            if place in places or self._taken.get(place, source) != source:
                raise UsageError(f"two outputs would be written to '{file}'; give each a name of its own")
            places.add(place)
        self._taken.update(dict.fromkeys(places, source))


def make_film_folder(folder: Path) -> None:
    """Make the folder that several films go to.

    Raises:
        OutputError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to '{folder}': {tell(error)}; choose another folder") from error


def _check_film(asked: Outputs, is_many: bool, has_folder: bool) -> Path:
    output = asked.film
    if output is None:
        found = any(path is not None for path in (asked.plan, asked.srt, asked.report))
        alone = ", or --scan-only for what was found alone" if found else ""
        raise UsageError(f"where should the clean film go? add -o clean.mp4{alone}")
    if not is_folder(output) and (is_many or has_folder):
        if exists(output):
            several = " for several inputs" if is_many else ""
            raise UsageError(f"-o '{output}' is a file; name a folder{several}")
        if is_many and output.suffix.lower() in FILM_SUFFIXES:
            raise UsageError(f"-o '{output}' is a file's name; name a folder for several inputs")
    return output

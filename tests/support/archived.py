"""Films of an archive that are not films, for what never looks into them."""

import os
from dataclasses import replace
from pathlib import Path

from subremover.archive.film import Done, FilmRequest, Outputs
from subremover.options import Options

DONE = Done(1.5, 24, 2, 10, ("a logo at the top right (--logos)",), ("sound is lost",))
OPTIONS = Options()
NO_OUTPUTS = Outputs(None, None, None, None, None, None)


def ask(
    folder: Path, name: str = "a.mp4", options: Options = OPTIONS, how: str = "", **outputs: Path
) -> FilmRequest:
    """A request for `films/NAME` of a folder, which is made if need be; by default a film in `clean/`."""
    source = folder / "films" / name
    if not source.exists():
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_bytes(os.fsencode(name))
    own = replace(NO_OUTPUTS, **(outputs or {"film": folder / "clean" / name}))
    return FilmRequest(name, source, own, options, how, makes_folders=True)


def make(film: FilmRequest, text: str = "made") -> Done:
    """Put something where each output belongs."""
    files = list(film.outputs.files.values())
    pictures = [film.outputs.previews / "frame.png"] if film.outputs.previews else []
    for file in (*files, *pictures):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return replace(DONE, pictures=tuple(pictures))

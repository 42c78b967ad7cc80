"""What came of each film of a run over several: counted, in words, and as a file of JSON."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from subremover.archive.film import Done, FilmRequest
from subremover.errors import OutputError, SubremoverError
from subremover.runtime.atomic_file import new_file
from subremover.runtime.paths import exists, is_file, resolve

FORMAT, VERSION = "subremover summary", 1
_START = b'{"format": "subremover summary"'

FilmState = Literal["done", "done before", "busy", "failed", "stopped", "waiting"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What came of one film."""

    film: str
    output: str | None
    """The first; None: nothing is made but words."""
    state: FilmState
    done: Done | None = None
    """None: not done, or nobody remembers what was removed."""
    error: str | None = None
    exit_code: int | None = None
    """That of the error, as the command has it for a single film."""

    @classmethod
    def of(cls, film: FilmRequest, state: FilmState, done: Done | None = None) -> Entry:
        """Of a film about which there is nothing to complain."""
        output = next(iter(film.outputs.places.values()), None)
        return cls(str(film.source), None if output is None else str(output), state, done)

    @classmethod
    def of_failed(cls, film: FilmRequest, error: BaseException) -> Entry:
        """Of a film that was not done."""
        entry = cls.of(film, "failed")
        text = str(error) or type(error).__name__
        code = error.exit_code if isinstance(error, SubremoverError) else SubremoverError.exit_code
        return cls(entry.film, entry.output, entry.state, None, text, code)

    @classmethod
    def of_place(cls, place: Path, error: SubremoverError) -> Entry:
        """Of a film of which nothing can be asked, or of a folder of such films."""
        return cls(str(place), None, "failed", None, str(error), error.exit_code)

    def describe(self) -> dict[str, Any]:
        """For JSON."""
        done = self.done
        return {
            "film": self.film,
            "output": self.output,
            "state": self.state,
            "seconds": None if done is None else round(done.seconds, 3),
            "frames": None if done is None else done.frames,
            "events": None if done is None else done.events,
            "frames_masked": None if done is None else done.frames_masked,
            "left_alone": [] if done is None else list(done.left_alone),
            "warnings": [] if done is None else list(done.warnings),
            "error": self.error,
            "exit_code": self.exit_code,
        }


class Summary:
    """Of one run; not for several threads at once."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._entries: dict[str, Entry] = {}
        self._texts: dict[str, str] = {}  # of JSON, made once: the file is written after each film

    def set(self, name: str, entry: Entry) -> None:
        """Note what is known of a film by now.

        Args:
            name: The film's; none has it twice.
            entry: Takes the place of what was known before.
        """
        self._entries[name] = entry
        self._texts[name] = json.dumps(entry.describe())

    @property
    def entries(self) -> Mapping[str, Entry]:
        """By the films' names, in the films' order."""
        return self._entries

    @property
    def failed(self) -> Mapping[str, Entry]:
        """Those of films that failed."""
        return {name: entry for name, entry in self._entries.items() if entry.state == "failed"}

    def count(self) -> dict[str, int]:
        """How many films there are in each state; all are named."""
        found = Counter(entry.state for entry in self._entries.values())
        return {state: found[state] for state in get_args(FilmState)}

    def tell(self) -> str:
        """In a few words: `12 films: 9 done, 2 done before, 1 failed`."""
        total = len(self._entries)
        counts = ", ".join(f"{count} {state}" for state, count in self.count().items() if count)
        return f"{total} film{'s' * (total != 1)}{': ' * bool(counts)}{counts}"

    def describe(self) -> str:
        """A line of JSON, but for its opening brace."""
        head = {"seconds": round(time.monotonic() - self._start, 3), "counts": self.count()}
        return f'{json.dumps(head)[1:-1]}, "films": [{", ".join(self._texts.values())}]}}'

    def write(self, file: Path) -> None:
        """Put it in a file's place.

        Raises:
            OutputError: That cannot be written.
        """
        head = json.dumps({"format": FORMAT, "version": VERSION})[:-1]
        with new_file(file) as part:
            part.write_text(f"{head}, {self.describe()}\n", encoding="utf-8")


def check_summary(file: Path, sources: Iterable[Path], overwrite: bool) -> None:
    """See that a file may become a summary: that there is none, or an earlier one, or it may be replaced.

    Args:
        file: As the user named it.
        sources: The films.
        overwrite: Whether something else may be replaced.

    Raises:
        OutputError: It is something else, or one of the films.
    """
    if not exists(file):
        return
    if not is_file(file):
        raise OutputError(f"'{file}' is no regular file; give another name for the summary")
    place = resolve(file)
    if any(resolve(source) == place for source in sources):
        raise OutputError(f"'{file}' is the film itself; give another name for the summary")
    try:
        with file.open("rb") as opened:
            is_own = opened.read(len(_START)) == _START
    except OSError:
        is_own = False
    if not (is_own or overwrite):
        raise OutputError(f"'{file}' exists and is no summary; add --overwrite or give another name")

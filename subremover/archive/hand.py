"""A film that this process has in hand: its claim, and its record from the first output to the last."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import replace

from subremover.archive.claim import Claim, Sighting, look_at_claim
from subremover.archive.film import Done, FilmRequest
from subremover.archive.names import record_file
from subremover.archive.record import Record, begin_record, read_record
from subremover.errors import InputError, OutputError, SubremoverError
from subremover.runtime.paths import is_folder

log = logging.getLogger(__name__)


class Hand:
    """One film in hand; what it has put on disk goes with it, but for the record of what was made."""

    def __init__(self, film: FilmRequest) -> None:
        self.film = film
        """What is to be done, which may be to replace what an earlier run has made."""
        self.error: SubremoverError | None = None
        """Why it cannot even be begun."""
        self._claim: Claim | None = None
        self._record: Record | None = None
        self._earlier: Record | None = None
        self._is_begun = False  # the record is on disk, in the place of the earlier one

    def claim(self, sighting: Sighting | None) -> Sighting | None:
        """Claim the film, if need be in the place of a claim that is dead.

        Args:
            sighting: Of another's claim, from before.

        Returns:
            Another's claim, that lives; None: the film is this process's.

        Raises:
            OutputError: There can be no claim.
        """
        self._claim = Claim(self.film.first_output)
        while not self._claim.take():
            sighting = look_at_claim(self.film.first_output, sighting)
            if sighting is not None and not sighting.is_dead:
                return sighting
            if sighting is not None:
                sighting.take_away()
        return None

    def begin(self, may_repeat: bool) -> None:
        """Have the record say what is about to be made, unless the run must end before it has begun.

        Args:
            may_repeat: Whether outputs of an earlier run like this one are replaced where others are missing.

        Raises:
            OutputError: The record cannot be written.
        """
        film, file = self.film, record_file(self.film.first_output)
        self._earlier = read_record(file)
        is_again = may_repeat and self._earlier is not None and self._earlier.find_state(film) == "again"
        if is_again:
            encode = replace(film.options.encode, overwrite=True)
            self.film = replace(film, options=replace(film.options, encode=encode))
        try:
            self._record = begin_record(film, is_own=is_again)
        except InputError:  # the run will tell
            return
        if is_folder(file.parent) and (not self._record.before or film.options.encode.overwrite):
            self._is_begun = True
            self._record.write(file, film.name)

    def check(self) -> None:
        """See that the film is still this process's, and could be begun.

        Raises:
            OutputError: It is not.
        """
        if self.error is not None:
            raise self.error
        if self._claim is not None:
            self._claim.check()

    def check_now(self) -> None:
        """The same, of this very moment.

        Raises:
            OutputError: It is not.
        """
        if self._claim is not None:
            self._claim.beat()
            try:
                self._claim.check()
            except OutputError:
                self._record = None  # it is the other's now
                raise

    def finish(self, done: Done) -> None:
        """Have the record say what was made."""
        if self._record is not None:
            with only_warned_of():
                file = record_file(self.film.first_output)
                self._record.finish(self.film, done).write(file, self.film.name)

    def abandon(self) -> None:
        """Have the earlier record back, if nothing was made since."""
        if self._record is None or not self._is_begun or self._record.find_state(self.film) != "new":
            return
        file = record_file(self.film.first_output)
        with only_warned_of():
            if self._earlier is not None:
                self._earlier.write(file, self.film.name)
            else:
                file.unlink(missing_ok=True)

    def release(self) -> None:
        """Give the film free."""
        if self._claim is not None:
            self._claim.release()


@contextlib.contextmanager
def only_warned_of() -> Iterator[None]:
    """For what is written beside the films: a run does not end by it."""
    try:
        yield
    except (OSError, OutputError) as error:
        log.warning("%s", error)

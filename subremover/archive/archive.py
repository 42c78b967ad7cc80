"""Hands out the films of a run one by one, and notes what came of each.

What is done already is left out, and so is what other processes have in hand. Several threads may ask at
once. How a film is made is not known here.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType

from subremover.archive.arrivals import Arrivals
from subremover.archive.claim import Sighting, look_at_claim
from subremover.archive.film import Done, FilmRequest
from subremover.archive.folders import FoundFilm
from subremover.archive.hand import Hand, only_warned_of
from subremover.archive.names import record_file
from subremover.archive.options import ArchiveOptions
from subremover.archive.record import read_record
from subremover.archive.summary import Entry, Summary
from subremover.errors import OutputError, SubremoverError
from subremover.resume.stopped import discard_work
from subremover.runtime.atomic_file import output_errors

log = logging.getLogger(__name__)

MOST_NAMES = 3
"""Of films that are named where more are meant."""
LOOK_SECONDS = 1.0
"""How often films that others have in hand are looked at, and folders that films may arrive in."""


@dataclass(slots=True)
class _Busy:
    """A film that another process has in hand."""

    film: FilmRequest
    sighting: Sighting
    is_watched: bool = False
    """Whether it was looked at after all other films were done."""


class Archive(contextlib.AbstractContextManager["Archive"]):
    """The films of a run.

        with Archive(films, options) as archive:
            while (film := archive.next_film()) is not None:
                archive.note(film, make(film))

    Where the `with` block ends with an exception, films that were handed out and not noted are noted as
    stopped or failed by it.
    """

    def __init__(
        self,
        films: Iterable[FilmRequest],
        options: ArchiveOptions,
        *,
        arrivals: Arrivals | None = None,
        request: Callable[[FoundFilm], FilmRequest] | None = None,
    ) -> None:
        """Take the films; nothing is read or written before the `with` block.

        Args:
            films: In the order in which they are to be made; no two have one name.
            options: How to treat them.
            arrivals: Brings further films, without an end; None: there are no others.
            request: What is to be done to such a film; raises a UsageError where that is not possible.
        """
        self.summary = Summary()
        self._options, self._arrivals, self._request = options, arrivals, request
        self._waiting = {film.name: film for film in films}
        self._arrived: list[FilmRequest] = []
        self._busy: dict[str, _Busy] = {}
        self._hands: dict[str, Hand] = {}
        self._is_closed = self._has_told = False
        self._changed = threading.Condition(threading.RLock())  # guards all of this
        for film in self._waiting.values():
            self.summary.set(film.name, Entry.of(film, "waiting"))

    def __enter__(self) -> Archive:
        if self._options.summary is not None:
            self.summary.write(self._options.summary)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self.close()
            for hand in list(self._hands.values()):
                self.note(hand.film, error or KeyboardInterrupt())
        if self._options.summary is not None:
            with contextlib.suppress(*[OutputError] * (error is not None)):
                self.summary.write(self._options.summary)

    def close(self) -> None:
        """Hand out no more films; whoever waits for one gets none."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def next_film(self) -> FilmRequest | None:
        """The first film that is neither done nor in other hands; it is this caller's until it is noted.

        It waits for films that others have in hand, until it is seen that they live, and for those that are
        yet to arrive.

        Returns:
            What is to be done to it, which may be to replace what an earlier run has made; None: there is no
            other.
        """
        with self._changed:
            while not self._is_closed:
                self._admit()
                while self._waiting:
                    film = self._waiting.pop(next(iter(self._waiting)))
                    if (taken := self._take(film)) is not None:
                        return taken
                if (taken := self._take_busy()) is not None:
                    return taken
                if not self._busy and self._arrivals is None:
                    return None
                self._tell_waiting()
                self._changed.wait(LOOK_SECONDS)
            return None

    def check(self, film: FilmRequest) -> None:
        """See that a film is still this run's; to be asked before it is begun, and now and then.

        Raises:
            OutputError: Another process has taken it, or its claim or record could not be written.
        """
        self._hands[film.name].check()

    def note(self, film: FilmRequest, outcome: Done | BaseException) -> None:
        """Note what came of a film that was handed out, and give it free.

        Args:
            film: As it was handed out.
            outcome: What was done, or why it was not.
        """
        with self._changed:
            hand = self._hands[film.name]
            try:
                hand.check_now()
            except OutputError as error:
                outcome = error
            if isinstance(outcome, Done):
                hand.finish(outcome)
                entry = Entry.of(film, "done", outcome)
            else:
                hand.abandon()
                is_stopped = isinstance(outcome, KeyboardInterrupt | SystemExit)
                entry = Entry.of(film, "stopped") if is_stopped else Entry.of_failed(film, outcome)
            self.summary.set(film.name, entry)
            self._drop(hand)
            if self._options.summary is not None:
                with only_warned_of():
                    self.summary.write(self._options.summary)

    def _tell_waiting(self) -> None:
        """Say once why nothing goes on for up to a minute."""
        if self._busy and self._arrivals is None and not self._has_told:
            self._has_told = True
            names = ", ".join(f"'{name}'" for name in list(self._busy)[:MOST_NAMES])
            more = f" and {len(self._busy) - MOST_NAMES} more" if len(self._busy) > MOST_NAMES else ""
            log.warning("others have %s%s in hand; waiting to see whether they live", names, more)

    def _admit(self) -> None:
        """Have films wait that have arrived, but for those that are in hand as they were."""
        for found in self._arrivals.poll() if self._arrivals is not None else ():
            assert self._request is not None
            try:
                self._arrived.append(self._request(found))
            except SubremoverError as error:
                log.warning("%s: %s", found.relative, error)
                entry = Entry.of_place(found.source, error)
                self.summary.set(entry.film, entry)  # another film may have its name
        for film in [film for film in self._arrived if film.name not in self._hands]:
            self._arrived.remove(film)
            self._waiting[film.name] = film
            self.summary.set(film.name, Entry.of(film, "waiting"))

    def _take(self, film: FilmRequest, sighting: Sighting | None = None) -> FilmRequest | None:
        """Take a film in hand; None: it is done, or another process has it."""
        hand = Hand(film)
        try:
            if self._is_done(film, is_own=not self._options.skip_busy):
                return None
            self._hands[film.name] = hand  # before there is anything that a signal could leave behind
            if film.makes_folders and film.outputs.places:
                with output_errors(film.first_output):
                    film.first_output.parent.mkdir(parents=True, exist_ok=True)
            if self._options.skip_busy:
                if (other := hand.claim(sighting)) is not None:
                    self._busy[film.name] = _Busy(film, other)
                    self.summary.set(film.name, Entry.of(film, "busy"))
                    log.info("%s: another process has it in hand", film.name)
                    self._drop(hand)
                    return None
                if self._is_done(film, is_own=True):  # by another process, meanwhile
                    self._drop(hand)
                    return None
            if self._options.keep_records and film.outputs.places:
                hand.begin(may_repeat=self._options.skip_done)
        except SubremoverError as error:
            self._hands[film.name] = hand
            hand.error = error
        return hand.film

    def _take_busy(self) -> FilmRequest | None:
        """Take the first film in hand that another process has given free, or that died with it."""
        for name, busy in list(self._busy.items()):
            try:
                sighting = look_at_claim(busy.film.first_output, busy.sighting)
            except OutputError:  # to be told as soon as it is tried
                sighting = None
            if sighting is None or sighting.is_dead:
                del self._busy[name]
                if (taken := self._take(busy.film, sighting)) is not None:
                    return taken
            elif busy.is_watched and sighting is not busy.sighting and self._arrivals is None:
                del self._busy[name]
            else:
                busy.sighting, busy.is_watched = sighting, True
        return None

    def _is_done(self, film: FilmRequest, is_own: bool) -> bool:
        """Whether a film need not be made; then that is noted.

        Args:
            film: To be made.
            is_own: Whether no other process can have it in hand, and be about to finish its record.
        """
        if not self._options.skip_done:
            return False
        file = record_file(film.first_output)
        record = read_record(file)
        if record is None or (record.outputs is None and not is_own) or record.find_state(film) != "done":
            return False
        if record.outputs is None:  # the run was killed between its last output and its record
            with only_warned_of():
                if film.outputs.film is not None:
                    discard_work(film.outputs.film)
                record.finish(film, None).write(file, film.name)
        self.summary.set(film.name, Entry.of(film, "done before", record.done))
        log.info("%s: done before", film.name)
        if self._options.skip_busy:
            _tidy(film)
        return True

    def _drop(self, hand: Hand) -> None:
        hand.release()
        del self._hands[hand.film.name]
        self._changed.notify_all()


def _tidy(film: FilmRequest) -> None:
    """Remove the claim on a film that is done, if its owner was killed before it could."""
    with only_warned_of():
        sighting = look_at_claim(film.first_output)
        if sighting is not None and sighting.is_dead:
            sighting.take_away()

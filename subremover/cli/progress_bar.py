"""Progress and messages on the terminal."""

from __future__ import annotations

import contextlib
import os
import sys
import time
import traceback
import unicodedata
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from subremover.cli.pace import Estimate, Pace
from subremover.cli.signals import raise_signal
from subremover.errors import OutputError, SubremoverError

if TYPE_CHECKING:
    from tqdm import tqdm

    from subremover.progress import Progress


# Control characters, lone surrogates, line and paragraph separators.
_OBEYED = {"Cc", "Cs", "Zl", "Zp"}


def printable(text: str) -> str:
    """The text in one line, with what a terminal would obey written out: names may hold anything."""
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in _OBEYED else c for c in text
    )


def say(text: str) -> None:
    """Print lines on stderr; where that cannot be written to, the run goes on in silence."""
    try:
        click.echo(text, err=True)
    except OSError:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115, whatever else writes there


def print_out(text: str) -> None:
    """Print on stdout what was asked for.

    Raises:
        OutputError: It cannot be written there.
        BrokenPipeError: Nobody reads on, which click takes for the end.
    """
    try:
        click.echo(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115, or Python would try again at its end
        raise OutputError(f"cannot print it: {error.strerror}; free some space") from error


def print_error(error: SubremoverError, verbose: bool, prefix: str = "") -> None:
    """Say on stderr why something failed, and with `verbose` also where."""
    if verbose:
        traceback.print_exception(error)
    say(printable(f"subremover: {prefix}{error}"))
    print_notes(error)


def print_notes(error: BaseException) -> None:
    """What a work folder has to say when it stays."""
    for note in getattr(error, "__notes__", ()):
        say(printable(f"subremover: {note}"))


class ProgressBar:
    """Shows progress on stderr: a bar on a terminal, a line now and then in a pipe or beside others."""

    LINE_SECONDS = 10.0

    def __init__(self, name: str, is_quiet: bool, is_alone: bool = True) -> None:
        self._name, self._is_quiet, self._is_alone = printable(name), is_quiet, is_alone
        self._bar: tqdm[Any] | None = None
        self._stage = ""
        self._pace = Pace()
        self._said = time.monotonic()

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def end_stage(self) -> None:
        """Take the bar away, so that lines may be printed; the next stage has one of its own."""
        self._close()
        self._pace.rest()
        self._stage, self._said = "", time.monotonic()

    def update(self, progress: Progress) -> None:
        """Show how far a stage has come; or end it, if a signal said so.

        Raises:
            KeyboardInterrupt, SystemExit: See `raise_signal`.
        """
        raise_signal()
        if self._is_quiet:
            return
        if progress.stage != self._stage:
            self._close()
            self._stage = progress.stage
        estimate = self._pace.estimate(progress)
        if not (self._is_alone and sys.stderr.isatty()):
            self._print_line(progress, estimate)
            return
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(
                total=progress.total, desc=f"{progress.stage:6}", unit=" frames", file=sys.stderr
            )
        with contextlib.suppress(OSError):  # the terminal is gone
            self._bar.update(progress.done - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = None

    def _print_line(self, progress: Progress, estimate: Estimate) -> None:
        now = time.monotonic()
        if now - self._said < self.LINE_SECONDS and progress.done < progress.total:
            return
        self._said = now
        frames = f"{progress.done}/{progress.total} frames, {estimate.rate:.1f} frames/s"
        left = "" if estimate.seconds_left is None else f", {estimate.seconds_left:.0f} s left"
        say(f"{self._name}: {progress.stage} {frames}{left}")

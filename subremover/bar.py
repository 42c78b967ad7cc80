"""Progress on the terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from tqdm import tqdm

    from subremover.progress import Progress


class Bar:
    """Shows progress on stderr: a bar on a terminal, a line now and then in a pipe."""

    LINE_SECONDS = 10.0

    def __init__(self, name: str, is_quiet: bool) -> None:
        self._name, self._is_quiet = name, is_quiet
        self._bar: tqdm[Any] | None = None
        self._start = self._said = time.monotonic()

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def update(self, progress: Progress) -> None:
        """Show how far a stage has come."""
        if self._is_quiet:
            return
        if not sys.stderr.isatty():
            self._print_line(progress)
            return
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(
                total=progress.total, desc=f"{progress.stage:6}", unit=" frames", file=sys.stderr
            )
        self._bar.update(progress.done - self._bar.n)

    def _print_line(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._said < self.LINE_SECONDS and progress.done < progress.total:
            return
        self._said = now
        rate = progress.done / max(now - self._start, 1e-6)
        left = (progress.total - progress.done) / max(rate, 1e-6)
        click.echo(
            f"{self._name}: {progress.stage} {progress.done}/{progress.total} frames, "
            f"{rate:.1f} frames/s, {left:.0f} s left",
            err=True,
        )

"""Reports how far a run has come, by a callback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage has come."""

    stage: Literal["scan", "render", "verify", "preview"]
    """`verify`: a film joined of copied and encoded packets is decoded and compared; where nothing is copied
    there is no such stage. If the film did not come out right, another `render` follows. `preview`: all
    frames around a moment are rendered, to be looked at."""
    done: int
    """Number of frames done; a run that was resumed begins its render with those already finished."""
    total: int
    """Number of frames to be done; of a render without those that are copied."""


ProgressCallback = Callable[[Progress], None]
"""Called now and then, in the caller's thread; an exception that it raises ends the run."""


def ignore(_: Progress) -> None:
    """Do nothing with a progress: the callback where none was given."""

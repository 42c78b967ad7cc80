"""How far a run has come, for those who watch it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage has come."""

    stage: Literal["scan", "render", "verify"]
    """`verify`: a film that was joined of copied and encoded packets is decoded; there is no such stage where
    nothing is copied. Where the film did not come out right, another `render` follows."""
    done: int
    """Frames; a run that goes on begins its render with those that are finished."""
    total: int
    """Of a render without those that are copied."""


ProgressCallback = Callable[[Progress], None]
"""Called in the caller's thread, now and then; whatever it raises ends the run."""


def ignore(_: Progress) -> None:
    """Progress for callers who do not ask."""

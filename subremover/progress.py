"""How far a run has come, for those who watch it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage has come."""

    stage: Literal["scan", "render"]
    done: int
    """Frames; a run that goes on begins with those that are finished."""
    total: int
    """Without those that are copied."""


ProgressCallback = Callable[[Progress], None]

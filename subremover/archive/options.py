"""How a run treats its films, as far as that does not change what is made of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ArchiveOptions:
    """How a run treats its films."""

    keep_records: bool = True
    """Write down of each film what was made of it."""
    skip_done: bool = False
    """Leave out films whose outputs are there, by their records."""
    skip_busy: bool = False
    """Claim each film, and leave out those that another process has claimed."""
    summary: Path | None = None
    """A file that says after each film what came of all; None: there is none."""

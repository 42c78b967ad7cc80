"""What lies beside a film's first output, under which name.

.movie.mp4.subremover.json     the record: of what it was made, and what came of it
.movie.mp4.subremover.claim    the claim of who has it in hand
.movie.mp4.subremover.dead     a dead claim, for the moment in which it is looked at once more
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from subremover.runtime.paths import resolve

_MOST_BYTES = 255


def record_file(output: Path) -> Path:
    """Of an output's record."""
    return _beside(output, "json")


def claim_file(output: Path) -> Path:
    """Of an output's claim."""
    return _beside(output, "claim")


def dead_file(output: Path) -> Path:
    """Where a claim is put that seems to be dead."""
    return _beside(output, "dead")


def _beside(output: Path, suffix: str) -> Path:
    place = resolve(output)
    name = f".{place.name}.subremover.{suffix}"
    if len(os.fsencode(name)) > _MOST_BYTES:
        name = f".{hashlib.sha256(os.fsencode(place.name)).hexdigest()}.subremover.{suffix}"
    return place.with_name(name)

"""Where a target's work folder is, and what lies there under which name.

.clean.mp4.subremover/
    lock                         held by the run that works here
    state.json                   which run it is (see `fingerprint`), its segments and what it decided
    plan/                        as `Plan.save` writes it
    00000000_00000250.picture    a finished segment's packets (see `video.spool`)
    00000000_00000250.origins    those of its origins, with `--provenance`
    .b.part-1-0.mp4              half of something, as is plan.part
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from subremover.runtime.paths import resolve
from subremover.video.segments import Segment

STATE, LOCK, PLAN, HALF_PLAN = "state.json", "lock", "plan", "plan.part"
PICTURE, ORIGINS = "picture", "origins"
_SEGMENT = re.compile(rf"\d{{8,}}_\d{{8,}}\.({PICTURE}|{ORIGINS})")
_HALF = re.compile(r"\..*\.part-.*", re.DOTALL)
_MOST_BYTES = 255


def find_folder(target: Path) -> Path:
    """Where the work folder of a target is."""
    target = resolve(target)
    name = f".{target.name}.subremover"
    if len(os.fsencode(name)) > _MOST_BYTES:
        name = f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()}.subremover"
    return target.with_name(name)


def file_name(segment: Segment, kind: str) -> str:
    """Of a rendered segment's packets of the picture, or of its origins."""
    return f"{segment.start:08d}_{segment.stop:08d}.{kind}"


def is_segment(name: str) -> bool:
    """Whether it is of a finished segment."""
    return _SEGMENT.fullmatch(name) is not None


def is_half(name: str) -> bool:
    """Whether it is of something that was never finished: `PartFile`'s, or after that."""
    return name == HALF_PLAN or _HALF.fullmatch(name) is not None

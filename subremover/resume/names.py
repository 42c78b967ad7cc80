"""Where a target's work folder is, and what lies there under which name.

.clean.mp4.subremover/
    lock                         held by the run that works here
    state.json                   which run it is (see `fingerprint`), its segments and what it decided
    plan/                        as `Plan.save` writes it
    00000000_00000250.picture    a finished segment's packets (see `video.spool`)
    00000000_00000250.origins    those of its origins, with `--provenance`
    .b.part-1-0.mp4              half of something, as is plan.part
    part-2-of-8/                 of a run that renders a part alone: lock, state.json, finished segments
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from subremover.errors import UsageError
from subremover.parsing import Part
from subremover.runtime.paths import resolve
from subremover.video.segments import Segment

STATE, LOCK, PLAN, HALF_PLAN = "state.json", "lock", "plan", "plan.part"
PICTURE, ORIGINS = "picture", "origins"
_SEGMENT = re.compile(rf"\d{{8,}}_\d{{8,}}\.({PICTURE}|{ORIGINS})")
_PART = re.compile(r"part-([0-9]{1,6})-of-([0-9]{1,6})")
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


def folder_name(part: Part) -> str:
    """Of the work folder of a part, inside the film's."""
    return f"part-{part.number}-of-{part.count}"


def read_part(name: str) -> Part | None:
    """Of which part a work folder is that has this name; None: of none."""
    match = _PART.fullmatch(name)
    try:
        part = Part(int(match[1]), int(match[2])) if match else None
    except UsageError:
        return None
    return part if part is not None and folder_name(part) == name else None

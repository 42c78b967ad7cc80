"""Commands in processes of their own."""

import os
from pathlib import Path

import subremover

ROOT = Path(subremover.__file__).parents[1]


SUPPORT = Path(__file__).parent
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def names(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def read_processes(group: int) -> list[int]:
    """Living processes of a process group."""
    living = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(its_group) == group and state != "Z":
            living.append(int(stat.parent.name))
    return living

"""What `state.json` in a work folder says: which run it is, and what that has found out so far."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from subremover.runtime.atomic_file import new_file
from subremover.runtime.paths import is_file
from subremover.video.segments import Segment

FORMAT, VERSION = "subremover run", 1
_MOST_BYTES = 16 << 20
_MOST_CRF = 255


@dataclass(frozen=True, slots=True)
class Decisions:
    """What a run found out amid its work, and does not find out again when it is gone on with."""

    is_whole: bool = False
    """Whether all of the picture is encoded, for the film did not come out right with packets copied."""
    crf: float | None = None
    """That `--match-size` has found."""

    def __post_init__(self) -> None:
        if type(self.is_whole) is not bool:
            raise ValueError(f"is_whole must be true or false, got {self.is_whole!r}")
        if self.crf is not None and not (type(self.crf) in (int, float) and 0 <= self.crf <= _MOST_CRF):
            raise ValueError(f"crf must be 0 to {_MOST_CRF}, got {self.crf!r}")


@dataclass(frozen=True, slots=True)
class RunState:
    """A run, so far."""

    film: str
    """The source's name, for `--status`."""
    fingerprint: dict[str, str]
    """See `fingerprint`."""
    device: str = ""
    """The kind of device that the segments are rendered on; empty before there are any."""
    findings: tuple[Path, ...] = ()
    """Files that were to be written after the scan, absolute."""
    segments: tuple[Segment, ...] = ()
    """Empty before the scan is done."""
    decisions: Decisions = field(default_factory=Decisions)

    @classmethod
    def read(cls, file: Path) -> RunState | None:
        """What a file says; None where it is missing or makes no sense."""
        try:
            if not is_file(file) or file.stat().st_size > _MOST_BYTES:  # a pipe would be waited for
                return None
            return _parse(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None

    def name_others(self, now: RunState) -> str:
        """What of a run's fingerprint is another now, in words; empty: nothing."""
        names = (name for name, digest in now.fingerprint.items() if self.fingerprint.get(name) != digest)
        return " and ".join(f"another {name}".replace("another options", "other options") for name in names)

    def write(self, file: Path) -> None:
        """Put it in the file's place.

        Raises:
            OutputError: That cannot be written.
        """
        state = {
            "format": FORMAT,
            "version": VERSION,
            "film": self.film,
            "fingerprint": self.fingerprint,
            "device": self.device,
            "findings": [str(path) for path in self.findings],
            "segments": [[s.start, s.stop, s.is_copied] for s in self.segments],
            "decisions": {"is_whole": self.decisions.is_whole, "crf": self.decisions.crf},
        }
        with new_file(file) as part:
            part.write_text(json.dumps(state), encoding="utf-8")


def _parse(state: dict[str, Any]) -> RunState:
    """Raises ValueError, TypeError or KeyError where something is not as it was written."""
    if (state["format"], state["version"]) != (FORMAT, VERSION):
        raise ValueError("it is no state of a run, or of another version")
    if not isinstance(state["fingerprint"], dict):
        raise TypeError("the fingerprint is none")
    texts = [state["film"], state["device"], *state["findings"], *state["fingerprint"].values()]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a text is none")
    for values in state["segments"]:
        if [type(value) for value in values] != [int, int, bool]:
            raise TypeError("a segment is none")
    return RunState(
        state["film"],
        state["fingerprint"],
        state["device"],
        tuple(Path(name) for name in state["findings"]),
        tuple(Segment(*values) for values in state["segments"]),
        Decisions(**state["decisions"]),
    )

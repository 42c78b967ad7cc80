"""What a scan looks for: where, and what counts as text to be removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from subremover.geometry import Box
from subremover.options import LEAST_PROBABILITY
from subremover.plan.model import EventKind

BUFFER_BYTES = 400 << 20
"""Most memory for frames kept to look back at."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What the scan takes for text to be removed."""

    regions: tuple[Box, ...] = ()
    """Boxes in the picture outside of which nothing is looked for; empty: look everywhere."""
    logos: bool = False
    """Whether overlays that never change are removed, too."""
    everything: bool = False
    """Whether all lettering that stands still is removed, that of the scene included."""
    least_probability: float = LEAST_PROBABILITY["normal"]
    """From how likely to be a subtitle, in [0, 1], lettering is taken for one."""
    buffer_bytes: int = BUFFER_BYTES
    """Most memory for frames kept to look back at."""

    @property
    def removed(self) -> set[EventKind]:
        """Kinds of which events are marked to be removed."""
        removed: set[EventKind] = {"subtitle"}
        if self.logos:
            removed.add("logo")
        if self.everything:
            removed |= set(get_args(EventKind))
        return removed

    def has_region(self, width: int, height: int) -> bool:
        """Whether it says where subtitles stand in a picture of this size; `--region full` does not."""
        return 0 < sum(region.area for region in self.regions) < 0.5 * width * height

"""What a run has done."""

from __future__ import annotations

from dataclasses import dataclass, field

from subremover.provenance import Shares
from subremover.runtime.profile import Profile


@dataclass(frozen=True, slots=True)
class Result:
    """What a run has done."""

    events: int
    """Subtitles removed."""
    frames_masked: int
    shares: Shares
    """Where the hidden pixels came from."""
    event_shares: tuple[Shares, ...]
    """The same for each event removed, in the plan's order."""
    seconds: float
    output_bytes: int
    warnings: tuple[str, ...]
    """What is wrong with the film or could not be kept."""
    frames_copied: int = 0
    """Frames whose packets are the film's own."""
    frames_resumed: int = 0
    """Frames that a run before this one had finished."""
    profile: Profile = field(default_factory=Profile, compare=False)
    """Where the time went: `print(result.profile)`. Filled by `remove_subtitles`."""

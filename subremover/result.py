"""What a run has done, as it is handed to the caller."""

from __future__ import annotations

from dataclasses import dataclass, field

from subremover.provenance import Shares
from subremover.runtime.profile import Profile


@dataclass(frozen=True, slots=True)
class Result:
    """What a run has done."""

    events: int
    """Number of events removed."""
    frames_masked: int
    """Number of frames on which something was removed."""
    shares: Shares
    """Where the hidden pixels came from."""
    event_shares: tuple[Shares, ...]
    """The same for each event removed, in the plan's order."""
    seconds: float
    """Time that the run took."""
    output_bytes: int
    """Size of the target."""
    warnings: tuple[str, ...]
    """What is wrong with the film, could not be kept, or came out otherwise than asked for; a line each."""
    left_alone: tuple[str, ...] = ()
    """What was seen and stays, with the option that would have it removed, as `3 signs (--everything; see
    --report)`; a phrase each."""
    frames_copied: int = 0
    """Number of frames whose packets are the source's own."""
    frames_resumed: int = 0
    """Number of frames that an earlier run had finished."""
    profile: Profile = field(default_factory=Profile, compare=False)
    """Where the time went: `print(result.profile)`. Filled by `remove_subtitles`."""

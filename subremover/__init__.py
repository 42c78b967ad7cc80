"""Remove burned-in subtitles from films.

    import subremover

    plan = subremover.scan("movie.mp4")  # what is there
    result = subremover.remove_subtitles("movie.mp4", "clean.mp4")

All that can be chosen is in `Options`; all that can go wrong is a `SubremoverError`. What paints the holes
restores images of any kind too: `subremover.restore`.
"""

from typing import TYPE_CHECKING, Any

from subremover._version import __version__
from subremover.errors import SubremoverError
from subremover.options import BorrowOptions, EncodeOptions, FitOptions, Options, PoolOptions, ScanOptions
from subremover.parsing import Position, Region
from subremover.pipeline import Result, remove_subtitles, scan
from subremover.plan.model import Event, Plan, Shot
from subremover.progress import Progress
from subremover.provenance import Shares
from subremover.runtime.profile import Profile

if TYPE_CHECKING:
    from subremover.untrained.restore import Restored, restore

__all__ = [
    "BorrowOptions",
    "EncodeOptions",
    "Event",
    "FitOptions",
    "Options",
    "Plan",
    "PoolOptions",
    "Position",
    "Profile",
    "Progress",
    "Region",
    "Restored",
    "Result",
    "ScanOptions",
    "Shares",
    "Shot",
    "SubremoverError",
    "__version__",
    "remove_subtitles",
    "restore",
    "scan",
]


def __getattr__(name: str) -> Any:
    """`restore` and `Restored`, when they are asked for: they need torch, which takes seconds to load."""
    if name in {"Restored", "restore"}:
        from subremover.untrained import restore

        return getattr(restore, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Remove burned-in subtitles from films.

    import subremover

    plan = subremover.scan("movie.mp4")  # what is there
    result = subremover.remove_subtitles("movie.mp4", "clean.mp4")

All that can be chosen is in `Options`; all that can go wrong is a `SubremoverError`.
"""

from subremover._version import __version__
from subremover.errors import SubremoverError
from subremover.options import (
    BorrowOptions,
    EncodeOptions,
    FitOptions,
    Options,
    PoolOptions,
    ScanOptions,
)
from subremover.origins import Shares
from subremover.parsing import Position, Region
from subremover.pipeline import Result, remove_subtitles, scan
from subremover.plan import Event, Plan, Shot
from subremover.profile import Profile
from subremover.progress import Progress

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
    "Result",
    "ScanOptions",
    "Shares",
    "Shot",
    "SubremoverError",
    "__version__",
    "remove_subtitles",
    "scan",
]

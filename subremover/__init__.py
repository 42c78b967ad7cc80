"""Remove burned-in subtitles from films.

    import subremover

    plan = subremover.scan("movie.mp4")  # what is there
    result = subremover.remove_subtitles("movie.mp4", "clean.mp4", plan=plan)

All that can be chosen is in `Options`; all that can go wrong is a `SubremoverError`. What paints the holes
restores images of any kind too: `subremover.restore`.
"""

from typing import TYPE_CHECKING, Any

from subremover._version import __version__
from subremover.api import remove_subtitles, scan
from subremover.errors import (
    ContainerError,
    DeviceError,
    InputError,
    OutputError,
    PlanError,
    SubremoverError,
    UsageError,
    WorkerError,
)
from subremover.geometry import Box
from subremover.options import (
    BorrowOptions,
    EncodeOptions,
    FitOptions,
    Options,
    PaintOptions,
    PoolOptions,
    ScanOptions,
)
from subremover.parsing import Position, Region
from subremover.pipeline import Run
from subremover.plan.model import Event, FilmKey, Plan, Shot
from subremover.plan.saved_plan import load_plan
from subremover.progress import Progress, ProgressCallback
from subremover.provenance import Shares
from subremover.result import Result
from subremover.runtime.profile import Profile, Work
from subremover.video.splice.splice import SpliceError

if TYPE_CHECKING:
    from subremover.untrained.batched_adam import ForwardModel
    from subremover.untrained.network import Network, Weights
    from subremover.untrained.restore import Restored, Watch, restore

__all__ = [
    "BorrowOptions",
    "Box",
    "ContainerError",
    "DeviceError",
    "EncodeOptions",
    "Event",
    "FilmKey",
    "FitOptions",
    "ForwardModel",
    "InputError",
    "Network",
    "Options",
    "OutputError",
    "PaintOptions",
    "Plan",
    "PlanError",
    "PoolOptions",
    "Position",
    "Profile",
    "Progress",
    "ProgressCallback",
    "Region",
    "Restored",
    "Result",
    "Run",
    "ScanOptions",
    "Shares",
    "Shot",
    "SpliceError",
    "SubremoverError",
    "UsageError",
    "Watch",
    "Weights",
    "Work",
    "WorkerError",
    "__version__",
    "load_plan",
    "remove_subtitles",
    "restore",
    "scan",
]

_NEED_TORCH = {
    "ForwardModel": "batched_adam",
    "Network": "network",
    "Restored": "restore",
    "Watch": "restore",
    "Weights": "network",
    "restore": "restore",
}
"""What is loaded when it is asked for, by its module in `untrained`: torch takes seconds to load."""


def __getattr__(name: str) -> Any:
    if name in _NEED_TORCH:
        from importlib import import_module

        return getattr(import_module(f"subremover.untrained.{_NEED_TORCH[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

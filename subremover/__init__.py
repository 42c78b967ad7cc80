"""Remove burned-in subtitles from films.

    import subremover

    plan = subremover.scan("movie.mp4")  # what is there
    result = subremover.remove_subtitles("movie.mp4", "clean.mp4", plan=plan)

All that can be chosen is in `Options`; all that can go wrong is a `SubremoverError`. What paints the holes
restores images of any kind too: `subremover.restore`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from subremover._version import __version__

if TYPE_CHECKING:
    from subremover.api import remove_subtitles, scan
    from subremover.cluster.cluster import Cluster
    from subremover.detect.found_so_far import FoundCallback
    from subremover.errors import (
        ClusterError,
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
    from subremover.parsing import Part, Position, Region
    from subremover.pipeline import Run
    from subremover.plan.model import Event, FilmKey, Passage, Plan, Shot
    from subremover.plan.saved_plan import load_plan
    from subremover.progress import Progress, ProgressCallback
    from subremover.provenance import Shares
    from subremover.render.share import RenderedPart
    from subremover.result import Result
    from subremover.runtime.profile import Profile, Work
    from subremover.untrained.batched_adam import ForwardModel
    from subremover.untrained.network import Network, Weights
    from subremover.untrained.restore import Restored, Watch, restore
    from subremover.video.splice.splice import SpliceError

__all__ = [
    "BorrowOptions",
    "Box",
    "Cluster",
    "ClusterError",
    "ContainerError",
    "DeviceError",
    "EncodeOptions",
    "Event",
    "FilmKey",
    "FitOptions",
    "ForwardModel",
    "FoundCallback",
    "InputError",
    "Network",
    "Options",
    "OutputError",
    "PaintOptions",
    "Part",
    "Passage",
    "Plan",
    "PlanError",
    "PoolOptions",
    "Position",
    "Profile",
    "Progress",
    "ProgressCallback",
    "Region",
    "RenderedPart",
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

_MODULES = {
    "api": ("remove_subtitles", "scan"),
    "cluster.cluster": ("Cluster",),
    "detect.found_so_far": ("FoundCallback",),
    "errors": (
        "ClusterError",
        "ContainerError",
        "DeviceError",
        "InputError",
        "OutputError",
        "PlanError",
        "SubremoverError",
        "UsageError",
        "WorkerError",
    ),
    "geometry": ("Box",),
    "options": (
        "BorrowOptions",
        "EncodeOptions",
        "FitOptions",
        "Options",
        "PaintOptions",
        "PoolOptions",
        "ScanOptions",
    ),
    "parsing": ("Part", "Position", "Region"),
    "pipeline": ("Run",),
    "plan.model": ("Event", "FilmKey", "Passage", "Plan", "Shot"),
    "plan.saved_plan": ("load_plan",),
    "progress": ("Progress", "ProgressCallback"),
    "provenance": ("Shares",),
    "render.share": ("RenderedPart",),
    "result": ("Result",),
    "runtime.profile": ("Profile", "Work"),
    "untrained.batched_adam": ("ForwardModel",),
    "untrained.network": ("Network", "Weights"),
    "untrained.restore": ("Restored", "Watch", "restore"),
    "video.splice.splice": ("SpliceError",),
}
"""What each module gives. It is loaded when one of its names is asked for: all of them take half a second,
in which Ctrl-C would end in a traceback, and torch takes seconds."""
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"subremover.{_MODULE_OF[name]}"), name)
    globals()[name] = value  # asked for once
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

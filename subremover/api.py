"""The Python API in two calls; each opens a `Run` and uses it."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from subremover.cluster.cluster import Cluster
from subremover.detect.found_so_far import FoundCallback
from subremover.options import Options, ScanOptions
from subremover.pipeline import Run
from subremover.plan.model import Plan
from subremover.progress import ProgressCallback
from subremover.result import Result
from subremover.runtime.profile import measure

log = logging.getLogger(__name__)


def scan(
    source: Path | str,
    options: ScanOptions | Options | None = None,
    progress: ProgressCallback | None = None,
    *,
    cluster: Cluster | None = None,
    on_found: FoundCallback | None = None,
) -> Plan:
    """Find the burned-in subtitles of a film, without changing anything.

    Args:
        source: The film.
        options: Where and how to look; of `Options` only that and the memory count; None: the defaults.
        progress: Called now and then with how far the scan has come.
        cluster: What scans the film, its context entered; None: this process.
        on_found: Told now and then of events that the scan finds while it goes on, a list of `Event` each
            time; only the plan says what they are in the end. None: nobody asks.

    Returns:
        The plan: what would be removed, and what would be left alone.

    Raises:
        InputError: The film cannot be read to its end.
        PlanError: A plan, mask or SRT file that the options name cannot be used.
        UsageError: The options do not fit the film.
        WorkerError: No machine of the cluster could scan it.
    """
    whole = options if isinstance(options, Options) else Options(scan=options or ScanOptions())
    with Run(source, whole, cluster=cluster, progress=progress, on_found=on_found) as run:
        return run.scan()


def remove_subtitles(
    source: Path | str,
    target: Path | str,
    options: Options | None = None,
    progress: ProgressCallback | None = None,
    *,
    plan: Plan | None = None,
    provenance: Path | str | None = None,
    cluster: Cluster | None = None,
) -> Result:
    """Remove the burned-in subtitles of a film.

    If the same call was stopped before, for whatever reason, it goes on from there. No error of any kind
    touches a target that exists.

    Args:
        source: The film.
        target: The film to be made; its folder must exist, and its extension names the container.
        options: All that can be chosen; None: the defaults.
        progress: Called now and then with how far each stage has come.
        plan: What to remove, of `scan` or `load_plan`, perhaps changed since; None: what a scan finds.
        provenance: A second film to be made, of where the pixels came from; None: none is.
        cluster: What scans the film and renders its segments, its context entered; None: this process.

    Returns:
        What was done, and where the time went.

    Raises:
        InputError: The film cannot be read, or was changed meanwhile.
        OutputError: A film cannot be written.
        ContainerError: The target's container cannot hold the frames or their times.
        PlanError: The plan, mask or SRT file cannot be used, or is of another film.
        DeviceError: The device asked for is absent, or its memory does not suffice for a single crop.
        WorkerError: A GPU failed, or a segment on all machines of the cluster that tried it.
        UsageError: The options do not fit the film, the encoder or the memory.
    """
    run = Run(
        source,
        options,
        target=target,
        provenance=provenance,
        plan=plan,
        cluster=cluster,
        progress=progress,
    )
    with measure() as profile, run:
        for warning in run.losses[len(run.film.warnings) :]:
            log.warning("%s: %s", run.film.path.name, warning)
        result = run.render(run.scan())
    return replace(result, profile=profile)

"""The Python API in two calls; all they do is to open a `Run` and use it."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from subremover.options import Options, ScanOptions
from subremover.pipeline import Run
from subremover.plan.model import Plan
from subremover.progress import ProgressCallback
from subremover.result import Result
from subremover.runtime.profile import measure

log = logging.getLogger(__name__)


def scan(
    source: Path | str, options: ScanOptions | None = None, progress: ProgressCallback | None = None
) -> Plan:
    """Find the burned-in subtitles of a film, without changing anything.

    Args:
        source: The film.
        options: Where and how to look.
        progress: Called now and then with how far the scan has come.

    Returns:
        What would be removed, and what would be left alone.

    Raises:
        InputError: The film cannot be read.
        PlanError: A plan, mask or SRT file that the options name cannot be used.
        UsageError: The options do not fit the film.
    """
    with Run(source, Options(scan=options or ScanOptions()), progress=progress) as run:
        return run.scan()


def remove_subtitles(
    source: Path | str,
    target: Path | str,
    options: Options | None = None,
    progress: ProgressCallback | None = None,
    *,
    plan: Plan | None = None,
    provenance: Path | str | None = None,
) -> Result:
    """Remove the burned-in subtitles of a film.

    Where the same call was stopped before, by whatever it was, it goes on from there.

    Args:
        source: The film.
        target: The film to be made; its folder must exist.
        options: All that can be chosen.
        progress: Called now and then with how far each stage has come.
        plan: What to remove, of `scan` or `load_plan`, perhaps changed since; None: what a scan finds.
        provenance: A second film to be made, of where the pixels came from.

    Returns:
        What was done.

    Raises:
        InputError: The film cannot be read, or was changed meanwhile.
        OutputError: A film cannot be written. The target is not touched then, nor by any other error.
        PlanError: The plan, mask or SRT file cannot be used, or is of another film.
        DeviceError: The device asked for is absent, or too small for a single crop.
        WorkerError: A worker died.
        UsageError: The options do not fit the film, the encoder or the memory.
    """
    run = Run(source, options, target=target, provenance=provenance, plan=plan, progress=progress)
    with measure() as profile, run:
        for warning in run.losses[len(run.film.warnings) :]:
            log.warning("%s: %s", run.film.path.name, warning)
        result = run.render(run.scan())
    return replace(result, profile=profile)

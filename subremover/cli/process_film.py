"""What the command does with one film, in which order, and what it says of it."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from subremover.cli.outputs import Outputs
from subremover.cli.progress_bar import ProgressBar, printable, say
from subremover.runtime.profile import measure, stage

if TYPE_CHECKING:
    from subremover.options import Options
    from subremover.pipeline import Result
    from subremover.plan.model import Plan
    from subremover.resume.folder import WorkFolder
    from subremover.video.film import Film


def run_film(source: Path, outputs: Outputs, options: Options, values: dict[str, Any]) -> None:
    """Do to a film what the options ask for, and say what was done.

    Args:
        source: The film.
        outputs: Where all goes that is made of it.
        options: What the stages take.
        values: Of the command's options.

    Raises:
        SubremoverError: See `errors`.
    """
    with measure() as profile:
        _do_film(source, outputs, options, values)
    if values["profile"]:
        say(f"{printable(source.name)}:\n{profile}")


def _do_film(source: Path, outputs: Outputs, options: Options, values: dict[str, Any]) -> None:
    with ExitStack() as stack:
        with stage("start"):
            from subremover.fill.paint.pool import prepare_device
            from subremover.memory import check_render, limit_render, limit_scan
            from subremover.pipeline import find_plan, open_work, render
            from subremover.report.pictures import add_shares, write_previews
            from subremover.runtime.atomic_file import new_file
            from subremover.video.read.probe import probe
            from subremover.video.write.preflight import check_target
            from subremover.video.write.provenance_film import check_provenance

            start, work = time.monotonic(), None
            film = probe(source)
            foreseen = [*film.warnings]
            if outputs.film is not None:
                foreseen += check_target(film, outputs.film, options.encode)
            for warning in foreseen:
                _say(f"{source.name}: {warning}", values)
            options = limit_scan(film, options)
            if not values["scan_only"]:
                check_render(film, options)
            if outputs.film is not None:
                work = stack.enter_context(open_work(film, outputs.film, options, outputs.provenance))
            outputs.check(source, options.encode.overwrite, work.findings if work else ())
            if outputs.provenance is not None and work is not None:
                may_replace = work.may_replace(outputs.provenance, options.encode.overwrite)
                check_provenance(film, outputs.provenance, may_replace)
            if not values["scan_only"]:
                prepare_device(options.pool.device)
        with ProgressBar(source.name, values["quiet"]) as bar:
            plan = find_plan(film, options.scan, bar.update, work)
        with stage("report"):
            _write_findings(film, plan, outputs, work, values)
        if not values["scan_only"]:
            options = limit_render(film, plan, options)
        masked = int(plan.masked_frames().sum())
        found = f"{_count(len(plan.removed), 'subtitle')} on {masked} of {film.frame_count} frames"
        if folder := outputs.previews:
            written = write_previews(film, plan, options, folder)
            _say(f"{source.name}: {found}; {len(written)} pictures in {folder}", values)
        elif work is None:
            _say(f"{source.name}: {found}, {time.monotonic() - start:.1f} s", values)
        else:
            with ProgressBar(source.name, values["quiet"]) as bar:
                result = render(film, plan, options, bar.update, work, provenance=outputs.provenance)
            if outputs.report:
                with stage("report"), new_file(outputs.report, work.path) as part:
                    add_shares(outputs.report, part, plan, result.shares, result.event_shares)
            for warning in result.warnings:
                if warning not in foreseen:
                    _say(f"{source.name}: {warning}", values)
            _say(f"{outputs.film}: {_describe(result, film.frame_count, time.monotonic() - start)}", values)


def _write_findings(
    film: Film, plan: Plan, outputs: Outputs, work: WorkFolder | None, values: dict[str, Any]
) -> None:
    """What the scan was asked to leave on disk; what a stopped run has left already stays as it is."""
    from subremover.plan.cues import make_cues
    from subremover.runtime.atomic_file import new_file
    from subremover.video.text.srt import write_srt

    if outputs.plan:
        plan.save(outputs.plan)
    written = [] if work is None else [file for file in work.findings if file.exists()]
    if work is not None:
        work.note_findings([file for file in (outputs.srt, outputs.report) if file is not None])
    if outputs.srt and outputs.srt.absolute() not in written:
        cues = make_cues(plan.events, film.times - film.start_seconds)
        write_srt(cues, outputs.srt)
        if not cues:
            _say(f"{film.path.name}: no subtitle was read, so '{outputs.srt}' is empty", values)
    if outputs.report and outputs.report.absolute() not in written:
        from subremover.report.pictures import write_report

        with new_file(outputs.report, work.path if work else None) as part:
            write_report(film, plan, part)


def _describe(result: Result, frame_count: int, seconds: float) -> str:
    size = f"{seconds:.1f} s, {result.output_bytes / 1e6:.1f} MB"
    if not result.events:
        how = "copied as it was" if result.frames_copied == frame_count else "encoded again"
        return f"no subtitle found, {how}; {size}"
    if result.frames_copied:
        size = f"{_count(result.frames_copied, 'frame')} copied; {size}"
    if result.frames_resumed:
        size = f"{_count(result.frames_resumed, 'frame')} of a run before; {size}"
    return (
        f"{_count(result.events, 'subtitle')} removed, {_count(result.frames_masked, 'frame')} masked, "
        f"of the hidden pixels {result.shares.describe()}; {size}"
    )


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"


def _say(text: str, values: dict[str, Any]) -> None:
    if not values["quiet"]:
        say(printable(text))

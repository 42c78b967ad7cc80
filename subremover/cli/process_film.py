"""What the command does with one film, and what it says of it; the order of things is `pipeline.Run`'s."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from subremover._version import __version__
from subremover.archive.film import Done, FilmRequest, Outputs
from subremover.cli.progress_bar import ProgressBar, printable, say
from subremover.cli.progress_lines import ProgressLines
from subremover.cli.request import Request
from subremover.errors import SubremoverError
from subremover.runtime.paths import exists
from subremover.runtime.profile import measure, stage

if TYPE_CHECKING:
    from subremover.cluster.cluster import Cluster
    from subremover.fill.paint.jobs import Painter
    from subremover.options import ScanOptions
    from subremover.pipeline import Run
    from subremover.plan.model import Plan
    from subremover.progress import Progress, ProgressCallback
    from subremover.render.share import RenderedPart
    from subremover.result import Result

log = logging.getLogger(__name__)


def process_film(
    film: FilmRequest,
    request: Request,
    painter: Painter | None = None,
    cluster: Cluster | None = None,
    *,
    check: Callable[[], None] | None = None,
) -> Done:
    """Do to a film what the request says, and say what was done.

    Args:
        film: The film, its options, and where all goes that is made of it.
        request: What else was asked for.
        painter: What paints the holes; None: as the options say.
        cluster: What scans and renders; None: this process.
        check: Called at the start and now and then; what it raises ends the run. None: nothing is called.

    Raises:
        InputError: The film cannot be read.
        OutputError: One of the outputs cannot be written.
        PlanError: A plan, mask or SRT file cannot be used.
        DeviceError: The device asked for is absent, or too small.
        WorkerError: A GPU failed.
        UsageError: The options do not fit the film, the encoder or the memory.
    """
    said = _Said(film, request, check or (lambda: None))
    try:
        with measure() as profile:
            done = _process(film, request, painter, cluster, said)
    except SubremoverError as error:
        said.lines.write("error", message=str(error), exit_code=error.exit_code)
        raise
    if request.profile:
        say(f"{printable(film.name)}:\n{profile}")
    return done


class _Said:
    """What is said of one film, to people and to programs."""

    def __init__(self, film: FilmRequest, request: Request, check: Callable[[], None]) -> None:
        self._film, self._request, self.check = film, request, check
        is_alone = request.cluster is None or len(request.films) == 1
        self.bar = ProgressBar(film.name, request.quiet or request.progress == "json", is_alone)
        self.lines = ProgressLines(film.source, request.progress == "json")
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._start

    def update(self, progress: Progress) -> None:
        self.bar.update(progress)
        self.lines.update(progress)
        self.check()

    def end_stage(self) -> None:
        self.bar.end_stage()
        self.lines.end_stage()

    def warn(self, text: str) -> None:
        self.say(f"{self._film.name}: {text}")
        self.lines.write("warning", message=text)

    def say(self, text: str) -> None:
        if not self._request.quiet:
            say(printable(text))


def _process(
    film: FilmRequest,
    request: Request,
    painter: Painter | None,
    cluster: Cluster | None,
    said: _Said,
) -> Done:
    said.check()
    with stage("start"):
        from subremover.pipeline import Run
    run = Run(
        film.source,
        film.options,
        target=film.outputs.film,
        provenance=film.outputs.provenance,
        paints=not request.scan_only,
        painter=painter,
        cluster=cluster,
        part=request.part,
        progress=said.update,
        on_found=said.lines.tell_found if request.progress == "json" else None,
    )
    with run, said.bar:
        for warning in run.losses:
            said.warn(warning)
        _log_start(run, film)
        stretch = _check_outputs(run, film, request)
        plan = run.scan()
        said.end_stage()
        _log_plan(plan, film.name)
        if request.part is None:  # the run that makes the film of its parts writes all that
            with stage("report"):
                _write_findings(run, plan, film, said)
        done, listed = _finish(run, plan, film, stretch=stretch, is_part=request.part is not None, said=said)
        said.lines.write(
            "result",
            frames=done.frames,
            events=done.events,
            frames_masked=done.frames_masked,
            left_alone=done.left_alone,
            seconds=round(done.seconds, 3),
            **listed,
        )
    return done


def _finish(
    run: Run, plan: Plan, film: FilmRequest, *, stretch: range | None, is_part: bool, said: _Said
) -> tuple[Done, dict[str, object]]:
    """Make what comes after the scan, and say so: what was done, and what more to tell a program."""
    left_alone = run.describe_left_alone(plan)
    stays, found = _list_left_alone(left_alone), _describe_found(plan, film.options.scan)
    done = Done(
        said.seconds,
        frames=run.film.frame_count,
        events=len(plan.removed),
        frames_masked=int(plan.masked_frames().sum()),
        left_alone=tuple(left_alone),
        warnings=run.losses,
    )
    if folder := film.outputs.previews:
        pictures, made, listed = _write_previews(run, plan, folder, stretch, said.update)
        said.bar.end_stage()
        said.say(f"{film.name}: {found}; {made}{stays}")
        return replace(done, seconds=said.seconds, pictures=tuple(pictures)), listed
    if is_part:
        part = run.render_part(plan)
        said.bar.end_stage()
        said.say(f"{film.name}: {found}; {_describe_part(part)}{stays}")
        return replace(done, seconds=said.seconds), _list_part(part, film.outputs)
    if run.work is None:
        said.say(f"{film.name}: {found}, {done.seconds:.1f} s{stays}")
        return done, {}
    result = run.render(plan)
    said.bar.end_stage()
    _add_shares(run, plan, film, result)
    for warning in result.warnings:
        if warning not in run.losses:
            said.warn(warning)
    done = replace(done, seconds=said.seconds, warnings=result.warnings)
    told = _describe(result, found, done.frames, done.seconds)
    said.say(f"{film.outputs.film}: {told}{_list_left_alone(result.left_alone)}")
    return done, _list_made(result, film.outputs)


def _add_shares(run: Run, plan: Plan, film: FilmRequest, result: Result) -> None:
    """Have the report also say where the pixels came from."""
    from subremover.report.pictures import add_shares
    from subremover.runtime.atomic_file import new_file

    report, work = film.outputs.report, run.work
    if report is not None and work is not None:
        with stage("report"), new_file(report, work.path) as part:
            add_shares(report, part, plan, result.shares, result.event_shares)


def _check_outputs(run: Run, film: FilmRequest, request: Request) -> range | None:
    """Whether all can be written that is asked for; and of which frames previews show all, if they do."""
    from subremover.report.preview_films import check_preview_films, find_stretch

    film.outputs.check(film.source, film.options.encode.overwrite, run.work.findings if run.work else ())
    if film.outputs.previews is None or request.around is None:
        return None
    check_preview_films(run.film, film.outputs.previews)
    return find_stretch(run.film, request.around)


def _log_start(run: Run, film: FilmRequest) -> None:
    """What the run works with."""
    name, found, options = film.name, run.film, film.options
    size = f"{found.width}x{found.height} px, {found.frame_count} frames"
    log.info("%s: subremover %s, %s, device %s", name, __version__, size, options.pool.device)
    if film.outputs.film is not None:
        log.info("%s: encoder %s, pixel format %s", name, run.encoding.encoder, run.encoding.pix_fmt)
    if options.max_memory_bytes is not None:
        log.info("%s: the scan takes %.0f %% of its usual memory", name, 100 * run.limits.scan_share)


def _log_plan(plan: Plan, name: str) -> None:
    """What was found, and what made the scan take each event for what it is."""
    shots, events = _count(len(plan.shots), "shot"), _count(len(plan.events), "event")
    log.info("%s: %s, %s, of which %s to be removed", name, shots, events, len(plan.removed))
    for number, event in enumerate(plan.events, 1):
        log.info(
            "%s: event %d, frames %d to %d, %s, %s%s: %s",
            name,
            number,
            event.first,
            event.last,
            event.kind,
            "to be removed" if event.remove else "left alone",
            "" if event.probability is None else f", {100 * event.probability:.0f} % likely a subtitle",
            "; ".join((*event.reasons, f'says "{event.text}"' if event.text else "not read")),
        )


def _write_findings(run: Run, plan: Plan, film: FilmRequest, said: _Said) -> None:
    """What the scan was asked to leave on disk; what a stopped run has left already stays as it is."""
    from subremover.plan.make_cues import make_cues
    from subremover.plan.model import PLAN_NAME
    from subremover.report.pictures import write_report
    from subremover.runtime.atomic_file import new_file
    from subremover.video.text.subtitle_file import write_subtitles

    outputs, work = film.outputs, run.work
    plan_file = outputs.plan / PLAN_NAME if outputs.plan else None
    written: list[Path] = []
    if work is not None:
        written = [file for file in work.findings if exists(file)]
        files = (plan_file, outputs.srt, outputs.report)
        work.note_findings([file for file in files if file is not None])
    if plan_file and plan_file.absolute() not in written:
        plan.save(plan_file.parent)
    if outputs.srt and outputs.srt.absolute() not in written:
        cues = make_cues(plan.events, run.film.times - run.film.start_seconds)
        colours = film.options.encode.speaker_colours
        write_subtitles(cues, outputs.srt, run.film.upright_size, speaker_colours=colours)
        if not cues:
            said.say(f"{film.name}: no subtitle was read, so '{outputs.srt}' has none")
    if outputs.report and outputs.report.absolute() not in written:
        with new_file(outputs.report, work.path if work else None) as part:
            write_report(run.film, plan, part)


def _write_previews(
    run: Run, plan: Plan, folder: Path, stretch: range | None, progress: ProgressCallback
) -> tuple[list[Path], str, dict[str, object]]:
    """Write what is to be looked at: the files, what to say of them, and what to tell a program."""
    from subremover.report.pictures import write_previews
    from subremover.report.preview_films import write_preview_films

    if stretch is None:
        written = write_previews(run, plan, folder)
        made = f"{len(written)} pictures in {folder}" if written else "no pictures"
        return written, made, {"pictures": [str(file) for file in written]}
    written = write_preview_films(run, plan, folder, stretch, progress)
    first, last = stretch.start, stretch.stop - 1
    made = f"frames {first} to {last} in {', '.join(str(file) for file in written)}"
    return written, made, {"first": first, "last": last, "pictures": [str(file) for file in written]}


def _list_made(result: Result, outputs: Outputs) -> dict[str, object]:
    """What a whole run has made, for a program."""
    shares = result.shares
    return {
        "output": str(outputs.film),
        "bytes": result.output_bytes,
        "frames_copied": result.frames_copied,
        "frames_resumed": result.frames_resumed,
        "borrowed": round(shares.borrowed, 4),
        "unmixed": round(shares.unmixed, 4),
        "painted": round(shares.fitted, 4),
    }


def _describe_part(made: RenderedPart) -> str:
    """How a part has ended."""
    if not made.segments:
        return f"part {made.part} has nothing to render"
    before = f" ({made.frames_resumed} of them by a run before)" if made.frames_resumed else ""
    what = f"{_count(made.frames, 'frame')} in {_count(made.segments, 'segment')}{before}"
    return f"part {made.part} is rendered, {what}; the film is made without --part"


def _list_part(made: RenderedPart, outputs: Outputs) -> dict[str, object]:
    """What a run of a part has made, for a program."""
    return {
        "output": str(outputs.film),
        "part": made.part.number,
        "parts": made.part.count,
        "part_segments": made.segments,
        "part_frames": made.frames,
        "frames_resumed": made.frames_resumed,
    }


def _describe_found(plan: Plan, options: ScanOptions) -> str:
    """How much is to be removed; that a region was given may be why nothing is."""
    if not plan.removed:
        where = "" if not options.regions else f" in the region{'s' * (len(options.regions) > 1)}"
        return f"no subtitle found{where}"
    frames = f"{int(plan.masked_frames().sum())} of {_count(plan.film.frame_count, 'frame')}"
    return f"{_count(len(plan.removed), 'subtitle')} on {frames}"


def _list_left_alone(phrases: Sequence[str]) -> str:
    """The end of a line that says what was done."""
    return f"; left alone: {', '.join(phrases)}" if phrases else ""


def _describe(result: Result, found: str, frame_count: int, seconds: float) -> str:
    size = f"{seconds:.1f} s, {result.output_bytes / 1e6:.1f} MB"
    if not result.events:
        how = "copied as it was" if result.frames_copied == frame_count else "encoded again"
        return f"{found}, {how}; {size}"
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

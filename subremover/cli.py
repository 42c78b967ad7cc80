"""The command line: what is done in which order, progress to a bar, errors to text and exit code."""

from __future__ import annotations

import logging
import signal
import time
import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from subremover._version import __version__
from subremover.bar import Bar, printable, say
from subremover.cli_options import GroupedCommand, declare_options, read_options, with_own_files
from subremover.errors import EXIT_INTERRUPTED, DeviceError, SubremoverError, UsageError
from subremover.outputs import Outputs, find_outputs
from subremover.profile import measure, stage

if TYPE_CHECKING:
    from subremover.options import Options
    from subremover.pipeline import Result
    from subremover.plan import Plan
    from subremover.video.film import Film
    from subremover.work import WorkFolder

EPILOG = """\b
Exit codes: 0 done, 1 some of several films failed, 2 wrong usage, 3 the film cannot be read,
4 the output cannot be written, 5 plan, mask or times do not fit, 6 no such device or too little
memory, 7 a worker died, 130 interrupted, 143 terminated."""


@click.command(cls=GroupedCommand, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@declare_options
@click.version_option(__version__, "--version", prog_name="subremover")
def _command(**values: Any) -> int:
    """Remove burned-in subtitles from films.

    \b
    subremover movie.mp4 -o clean.mp4
    subremover *.mkv -o cleaned/
    """
    _set_logging(values)
    options = read_options(values)
    sources: tuple[Path, ...] = values["inputs"]
    outputs = find_outputs(sources, values)
    if values["status"]:
        _print_status(sources, outputs)
        return 0
    if len(sources) == 1:
        _run_film(sources[0], outputs[0], options, values)
        return 0
    has_failed = False
    for source, wanted in zip(sources, outputs, strict=True):
        try:
            _run_film(source, wanted, with_own_files(options, source), values)
        except SubremoverError as error:
            _print_error(error, values["verbose"], f"{source.name}: ")
            has_failed = True
    return 1 if has_failed else 0


def run(arguments: Sequence[str]) -> int:
    """Run the command.

    Args:
        arguments: Without the program's name.

    Returns:
        The exit code.
    """
    verbose = any(a in {"-v", "--verbose"} for a in arguments)
    for name in ("SIGTERM", "SIGHUP"):  # by default they would leave the part file behind
        if number := getattr(signal, name, None):
            signal.signal(number, _on_signal)
    try:
        return int(_command.main(list(arguments), prog_name="subremover", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return UsageError.exit_code
    except SubremoverError as error:
        _print_error(error, verbose)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort) as error:
        say("subremover: interrupted")
        _print_notes(error.__cause__ or error)  # click's own comes of Ctrl-C
        return EXIT_INTERRUPTED
    except SystemExit as error:
        _print_notes(error)
        raise
    except MemoryError as error:
        say("subremover: out of memory; try --batch-size 1 or --preset fast")
        _print_notes(error)
        return DeviceError.exit_code


def _run_film(source: Path, outputs: Outputs, options: Options, values: dict[str, Any]) -> None:
    """Do what the options ask for to one film, and say where the time went."""
    with measure() as profile:
        _do_film(source, outputs, options, values)
    if values["profile"]:
        say(f"{printable(source.name)}:\n{profile}")


def _do_film(source: Path, outputs: Outputs, options: Options, values: dict[str, Any]) -> None:
    with ExitStack() as stack:
        with stage("start"):
            from subremover.fill.pool import prepare_device
            from subremover.memory import limit_render, limit_scan
            from subremover.pipeline import find_plan, open_work, render
            from subremover.report.pictures import add_shares, write_previews
            from subremover.video.probe import probe
            from subremover.video.provenance import check_provenance
            from subremover.video.target import new_file
            from subremover.video.trial import check_target

            start, work = time.monotonic(), None
            film = probe(source)
            foreseen = [*film.warnings]
            if outputs.film is not None:
                foreseen += check_target(film, outputs.film, options.encode)
            for warning in foreseen:
                _say(f"{source.name}: {warning}", values)
            options = limit_scan(film, options)
            if outputs.film is not None:
                work = stack.enter_context(open_work(film, outputs.film, options, outputs.provenance))
            outputs.check(source, options.encode.overwrite, work.findings if work else ())
            if outputs.provenance is not None:
                check_provenance(film, outputs.provenance, options.encode.overwrite)
            if not values["scan_only"]:
                prepare_device(options.pool.device)
        with Bar(source.name, values["quiet"]) as bar:
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
            with Bar(source.name, values["quiet"]) as bar:
                result = render(film, plan, options, bar.update, work, provenance=outputs.provenance)
            if outputs.report:
                with stage("report"), new_file(outputs.report) as part:
                    add_shares(outputs.report, part, plan, result.shares, result.event_shares)
            for warning in result.warnings:
                if warning not in foreseen:
                    _say(f"{source.name}: {warning}", values)
            _say(f"{outputs.film}: {_describe(result, time.monotonic() - start)}", values)


def _print_status(sources: Sequence[Path], outputs: Sequence[Outputs]) -> None:
    """How far the runs are that make these films."""
    from subremover.work import describe_work

    for source, wanted in zip(sources, outputs, strict=True):
        if wanted.film is None:
            raise UsageError("--status tells how far a film is; leave out --scan-only and --preview")
        click.echo(describe_work(source, wanted.film))


def _write_findings(
    film: Film, plan: Plan, outputs: Outputs, work: WorkFolder | None, values: dict[str, Any]
) -> None:
    """What the scan was asked to leave on disk; what a stopped run has left already stays as it is."""
    from subremover.cues import make_cues
    from subremover.srt import write_srt
    from subremover.video.target import new_file

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

        with new_file(outputs.report) as part:
            write_report(film, plan, part)


def _describe(result: Result, seconds: float) -> str:
    size = f"{seconds:.1f} s, {result.output_bytes / 1e6:.1f} MB"
    if not result.events:
        return f"no subtitle found, copied as it was; {size}"
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


def _set_logging(values: dict[str, Any]) -> None:
    if values["quiet"] and values["verbose"]:
        raise UsageError("-q and -v exclude each other")
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("subremover: %(message)s"))
    level = logging.DEBUG if values["verbose"] else logging.ERROR if values["quiet"] else logging.WARNING
    logging.basicConfig(level=level, handlers=[handler])


class _OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def _say(text: str, values: dict[str, Any]) -> None:
    if not values["quiet"]:
        say(printable(text))


def _print_error(error: SubremoverError, verbose: bool, prefix: str = "") -> None:
    if verbose:
        traceback.print_exception(error)
    say(printable(f"subremover: {prefix}{error}"))
    _print_notes(error)


def _print_notes(error: BaseException) -> None:
    """What a work folder has to say when it stays."""
    for note in getattr(error, "__notes__", ()):
        say(printable(f"subremover: {note}"))


def _on_signal(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)  # as a shell says it: 143 for SIGTERM

"""The command line: text to options, progress to a bar, errors to text and exit code."""

from __future__ import annotations

import dataclasses
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, get_args

import click

from subremover._version import __version__
from subremover.bar import Bar
from subremover.errors import EXIT_INTERRUPTED, OutputError, SubremoverError, UsageError
from subremover.options import (
    EncodeOptions,
    FitOptions,
    InputName,
    LossName,
    Options,
    PoolOptions,
    Position,
    PresetName,
    Region,
    ScanOptions,
    SegmenterName,
)

if TYPE_CHECKING:

    from subremover.pipeline import Result

log = logging.getLogger(__name__)

EPILOG = """\b
Exit codes: 0 done, 1 some of several films failed, 2 wrong usage, 3 the film cannot be read,
4 the output cannot be written, 5 plan or mask do not fit, 6 no such device or too little memory,
7 a worker died, 130 interrupted, 143 terminated."""


class _GroupedOption(click.Option):
    """An option that stands under a heading in the help."""

    def __init__(self, *args: Any, group: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group


class _GroupedCommand(click.Command):
    """Prints its options by group, in the order of their declaration."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if isinstance(parameter, click.Option) and (record := parameter.get_help_record(ctx)):
                groups.setdefault(getattr(parameter, "group", "Other"), []).append(record)
        for name, records in groups.items():
            with formatter.section(name):
                formatter.write_dl(records)


def _option(group: str, *names: str, **kwargs: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(*names, cls=_GroupedOption, group=group, **kwargs)


def _choice(names: object) -> click.Choice[str]:
    return click.Choice(get_args(names))


_PATH = click.Path(path_type=Path, readable=False)  # whether it is: see probe and check_file
_WHAT, _PLAN, _FIT, _RUN, _OUT = "What to remove", "Plan", "How to fill", "Where to run", "Output"


@click.command(cls=_GroupedCommand, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=_PATH)
@_option(_OUT, "-o", "--output", type=_PATH, help="The clean film; a folder where there are several inputs.")
@_option(_OUT, "--codec", metavar="NAME", help="Encoder, as FFmpeg calls it.  [default: the source's codec]")
@_option(_OUT, "--crf", type=float, help="Quality, lower is better.  [default: visually lossless]")
@_option(_OUT, "--overwrite", is_flag=True, help="Replace an output that exists.")
@_option(_WHAT, "--start", metavar="TIME", help="First frame to touch: 120f, 12.5 (seconds) or 0:01:30.250.")
@_option(_WHAT, "--end", metavar="TIME", help="First frame no longer to touch.")
@_option(
    _WHAT,
    "--region",
    "regions",
    metavar="REGION",
    multiple=True,
    help="Where to look: x,y,w,h in pixels or per cent, bottom, top or full; repeatable."
    "  [default: where subtitles are]",
)
@_option(
    _WHAT,
    "--segmenter",
    type=_choice(SegmenterName),
    default=ScanOptions().segmenter,
    show_default=True,
    help="How subtitles are found: by a text detector, or by the paper's gradient method.",
)
@_option(_WHAT, "--mask", type=_PATH, help="A PNG for all frames or a video of masks, white = remove.")
@_option(_PLAN, "--plan", type=_PATH, help="Take what to remove from a saved plan.")
@_option(
    _PLAN, "--save-plan", type=_PATH, metavar="DIR", help="Write the plan: plan.json and strokes as PNG."
)
@_option(_PLAN, "--scan-only", is_flag=True, help="Stop after the scan.")
@_option(_PLAN, "--preview", type=_PATH, metavar="DIR", help="Only write a few before, mask and after PNGs.")
@_option(
    _FIT,
    "--preset",
    type=_choice(PresetName),
    default="standard",
    show_default=True,
    help="Speed or quality.",
)
@_option(_FIT, "--steps", type=int, help="Steps of a cold start.")
@_option(_FIT, "--channels", type=int, help="Width of the decoder (K).")
@_option(_FIT, "--levels", type=int, help="Depth of the decoder (L).  [default: from the hole]")
@_option(_FIT, "--loss", type=_choice(LossName), help="What is minimised.")
@_option(_FIT, "--input", "input_", type=_choice(InputName), help="What the decoder starts from.")
@_option(
    _FIT,
    "--warm-start/--no-warm-start",
    default=None,
    help="Start frames from a neighbour's weights, or each anew.",
)
@_option(
    _RUN,
    "--device",
    default=PoolOptions().device,
    show_default=True,
    metavar="NAME",
    help="auto, cpu, cuda (all), cuda:N or mps.",
)
@_option(_RUN, "--batch-size", type=int, help="Most crops in a batch.  [default: from free memory]")
@_option(
    _RUN, "--workers", type=int, default=PoolOptions().workers, show_default=True, help="For each device."
)
@_option(_RUN, "-q", "--quiet", is_flag=True, help="Say nothing but errors.")
@_option(_RUN, "-v", "--verbose", is_flag=True, help="Say more; show tracebacks.")
@click.version_option(__version__, "--version", prog_name="subremover")
def _command(**values: Any) -> int:
    """Remove burned-in subtitles from films.

    \b
    subremover movie.mp4 -o clean.mp4
    subremover *.mkv -o cleaned/
    """
    options = _read_options(values)
    sources: tuple[Path, ...] = values["inputs"]
    targets = _find_targets(sources, values)
    if len(sources) == 1:
        _run_film(sources[0], targets[0], options, values, "")
        return 0
    has_failed = False
    for source, target in zip(sources, targets, strict=True):
        try:
            _run_film(source, target, _with_own_plan(options, source), values, source.name)
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
    except (KeyboardInterrupt, click.Abort):
        click.echo("subremover: interrupted", err=True)
        return EXIT_INTERRUPTED
    except MemoryError:
        click.echo("subremover: out of memory; try --batch-size 1 or --preset fast", err=True)
        return 1
    except BrokenPipeError:
        return 1


def _run_film(
    source: Path, target: Path | None, options: Options, values: dict[str, Any], extra: str
) -> None:
    """Do what the options ask for to one film; `extra` tells its plan and previews from other films'."""
    from subremover.fill.pool import resolve_device
    from subremover.pipeline import make_plan, render
    from subremover.report import write_previews
    from subremover.video.probe import probe
    from subremover.video.writer import check_target

    start = time.monotonic()
    for folder in (values["save_plan"], values["preview"]):
        if folder is not None:
            _check_folder(folder)
    film = probe(source)
    for warning in film.warnings:
        _say(f"{source.name}: {warning}", values)
    if target is not None:
        check_target(film, target, options.encode)
    if not values["scan_only"]:
        resolve_device(options.pool.device)
    with Bar(source.name, values["quiet"]) as bar:
        plan = make_plan(film, options.scan, bar.update)
    if folder := values["save_plan"]:
        plan.save(folder / extra)
    masked = int(plan.masked_frames().sum())
    found = f"{_count(len(plan.removed), 'subtitle')} on {masked} of {film.frame_count} frames"
    if folder := values["preview"]:
        written = write_previews(film, plan, options, folder / extra)
        _say(f"{source.name}: {found}; {len(written)} pictures in {folder / extra}", values)
    elif target is None:
        _say(f"{source.name}: {found}, {time.monotonic() - start:.1f} s", values)
    else:
        with Bar(source.name, values["quiet"]) as bar:
            result = render(film, plan, target, options, bar.update)
        for warning in result.warnings[len(film.warnings) :]:
            _say(f"{source.name}: {warning}", values)
        _say(f"{target}: {_describe(result, time.monotonic() - start)}", values)


def _describe(result: Result, seconds: float) -> str:
    size = f"{seconds:.1f} s, {result.output_bytes / 1e6:.1f} MB"
    if not result.events:
        return f"no subtitle found, copied as it was; {size}"
    return (
        f"{_count(result.events, 'subtitle')} removed, {_count(result.frames_masked, 'frame')} masked, "
        f"{_count(result.frames_fitted, 'frame')} fitted; {size}"
    )


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"


def _read_options(values: dict[str, Any]) -> Options:
    if values["quiet"] and values["verbose"]:
        raise UsageError("-q and -v exclude each other")
    logging.basicConfig(
        level=logging.DEBUG if values["verbose"] else logging.ERROR if values["quiet"] else logging.WARNING,
        format="subremover: %(message)s",
        stream=sys.stderr,
    )
    fit = FitOptions.preset(values["preset"])
    asked = {
        name: values[name] for name in ("steps", "channels", "levels", "loss") if values[name] is not None
    }
    if values["input_"] is not None:
        asked["input"] = values["input_"]
    if values["warm_start"] is not None:
        asked["warm_steps"] = (fit.warm_steps or FitOptions().warm_steps) if values["warm_start"] else 0
    return Options(
        ScanOptions(
            segmenter=values["segmenter"],
            regions=tuple(Region.parse(text) for text in values["regions"]),
            start=Position.parse(values["start"]) if values["start"] is not None else None,
            end=Position.parse(values["end"]) if values["end"] is not None else None,
            mask=values["mask"],
            plan=values["plan"],
        ),
        dataclasses.replace(fit, **asked),
        PoolOptions(values["device"], values["batch_size"], values["workers"]),
        EncodeOptions(values["codec"], values["crf"], values["overwrite"]),
    )


def _with_own_plan(options: Options, source: Path) -> Options:
    """The options of one of several films: its plan is where `--save-plan` puts it."""
    if options.scan.plan is None:
        return options
    return dataclasses.replace(
        options, scan=dataclasses.replace(options.scan, plan=options.scan.plan / source.name)
    )


def _find_targets(sources: Sequence[Path], values: dict[str, Any]) -> list[Path | None]:
    """Where each film goes; None where none is to be made."""
    if len({source.name for source in sources}) < len(sources):
        raise UsageError("two inputs have the same name; give them one by one")
    if values["scan_only"] or values["preview"]:
        return [None] * len(sources)
    output: Path | None = values["output"]
    if output is None:
        raise UsageError("where should the clean film go? add -o clean.mp4")
    try:
        if len(sources) == 1 and not output.is_dir():
            return [output]
        output.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise UsageError(f"-o '{output}' is a file; name a folder for several inputs") from error
    except OSError as error:
        raise OutputError(f"cannot write to '{output}': {error.strerror}; choose another place") from error
    return [output / source.name for source in sources]


def _check_folder(folder: Path) -> None:
    """Find out before the scan whether files can be written to a folder, which need not exist."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write to '{folder}'; choose another folder")


def _say(text: str, values: dict[str, Any]) -> None:
    if not values["quiet"]:
        click.echo(text, err=True)


def _print_error(error: SubremoverError, verbose: bool, prefix: str = "") -> None:
    if verbose:
        traceback.print_exception(error)
    click.echo(f"subremover: {prefix}{error}", err=True)


def _on_signal(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)  # as a shell says it: 143 for SIGTERM

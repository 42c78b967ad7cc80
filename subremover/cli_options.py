"""The options of the command: their words and help, and from their values to `Options`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from subremover.options import (
    BorrowOptions,
    EncodeOptions,
    FitOptions,
    InputName,
    LossName,
    Options,
    PoolOptions,
    PresetName,
    ScanOptions,
    SegmenterName,
    SpliceMode,
)
from subremover.parsing import Position, Region, parse_size


class _GroupedOption(click.Option):
    """An option that stands under a heading in the help."""

    def __init__(self, *args: Any, group: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group


class GroupedCommand(click.Command):
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

_DECLARATIONS = (
    click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=_PATH),
    _option(
        _OUT, "-o", "--output", type=_PATH, help="The clean film; a folder where there are several inputs."
    ),
    _option(
        _OUT,
        "--codec",
        metavar="NAME",
        help="Codec or encoder, as FFmpeg calls it: hevc, libx265, hevc_nvenc; where a hardware encoder"
        " cannot be used, software takes its place.  [default: the source's codec]",
    ),
    _option(_OUT, "--crf", type=float, help="Quality, lower is better.  [default: visually lossless]"),
    _option(
        _OUT,
        "--match-size",
        is_flag=True,
        help="Choose the quality at which the picture comes out as large as the source's.",
    ),
    # as HandBrakeCLI has it, whose --preset is another thing as well
    _option(_OUT, "--encoder-preset", metavar="NAME", help="The encoder's own: slow, veryfast, 6, p7, ..."),
    _option(_OUT, "--tune", metavar="NAME", help="The encoder's own: film, grain, animation, ..."),
    _option(
        _OUT,
        "--pix-fmt",
        metavar="NAME",
        help="As FFmpeg calls it: yuv420p10le, ...  [default: the source's]",
    ),
    _option(_OUT, "--overwrite", is_flag=True, help="Replace an output that exists."),
    _option(
        _OUT,
        "--splice",
        type=_choice(SpliceMode),
        default=EncodeOptions().splice,
        show_default=True,
        help="Copy untouched packets bit for bit between newly encoded ones; on: fail where that cannot be.",
    ),
    _option(
        _OUT,
        "--resume/--no-resume",
        default=EncodeOptions().resume,
        show_default=True,
        help="Go on where the same command was stopped, or begin afresh and keep nothing when stopped.",
    ),
    _option(
        _OUT,
        "--status",
        is_flag=True,
        help="Only say how far the run to this output is, or was when stopped.",
    ),
    _option(
        _OUT,
        "--subtitle-track",
        is_flag=True,
        help="Add what the subtitles said as a text track that can be turned off.",
    ),
    _option(
        _OUT,
        "--subtitle-language",
        metavar="CODE",
        default=EncodeOptions().subtitle_language,
        show_default=True,
        help="Of that track: eng, fra, jpn, ...",
    ),
    _option(
        _OUT,
        "--provenance",
        type=_PATH,
        metavar="FILE",
        help="Write a second film of where the pixels came from: green to yellow borrowed from near to far, "
        "blue unmixed, magenta painted; several inputs: a folder of them.",
    ),
    _option(
        _WHAT, "--start", metavar="TIME", help="First frame to touch: 120f, 12.5 (seconds) or 0:01:30.250."
    ),
    _option(_WHAT, "--end", metavar="TIME", help="First frame no longer to touch."),
    _option(
        _WHAT,
        "--region",
        "regions",
        metavar="REGION",
        multiple=True,
        help="Where to look: x,y,w,h in pixels or per cent, bottom, top or full; repeatable."
        "  [default: where subtitles are]",
    ),
    _option(
        _WHAT, "--logos", is_flag=True, help="Also remove channel logos and other overlays that never change."
    ),
    _option(
        _WHAT,
        "--everything",
        is_flag=True,
        help="Also remove what is taken for lettering of the scene; with --region full, all text there is.",
    ),
    _option(
        _WHAT,
        "--times",
        type=_PATH,
        metavar="SRT",
        help="Remove only what is on screen during an SRT file's cues; several inputs: a folder of them.",
    ),
    _option(
        _WHAT,
        "--segmenter",
        type=_choice(SegmenterName),
        default=ScanOptions().segmenter,
        show_default=True,
        help="How subtitles are found: by a text detector, or by the paper's gradient method.",
    ),
    _option(_WHAT, "--mask", type=_PATH, help="A PNG for all frames or a video of masks, white = remove."),
    _option(_PLAN, "--plan", type=_PATH, help="Take what to remove from a saved plan."),
    _option(
        _PLAN, "--save-plan", type=_PATH, metavar="DIR", help="Write the plan: plan.json and strokes as PNG."
    ),
    _option(_PLAN, "--scan-only", is_flag=True, help="Stop after the scan."),
    _option(
        _PLAN, "--preview", type=_PATH, metavar="DIR", help="Only write a few before, mask and after PNGs."
    ),
    _option(
        _PLAN,
        "--srt",
        type=_PATH,
        metavar="FILE",
        help="Write what the subtitles say as an SRT file; several inputs: a folder of them.",
    ),
    _option(
        _PLAN,
        "--report",
        type=_PATH,
        metavar="FILE",
        help="Write an HTML page of all that was found; several inputs: a folder of them.",
    ),
    _option(
        _FIT,
        "--borrow/--no-borrow",
        default=BorrowOptions().borrow,
        show_default=True,
        help="Take what a subtitle hides from other frames of its shot, or paint all of it.",
    ),
    _option(
        _FIT,
        "--max-distance",
        type=int,
        default=BorrowOptions().max_distance,
        show_default=True,
        metavar="FRAMES",
        help="Take nothing from further away.",
    ),
    _option(
        _FIT,
        "--preset",
        type=_choice(PresetName),
        default="standard",
        show_default=True,
        help="Speed or quality.",
    ),
    _option(_FIT, "--steps", type=int, help="Steps of a cold start."),
    _option(_FIT, "--channels", type=int, help="Width of the decoder (K)."),
    _option(_FIT, "--levels", type=int, help="Depth of the decoder (L).  [default: from the hole]"),
    _option(_FIT, "--loss", type=_choice(LossName), help="What is minimised."),
    _option(_FIT, "--input", "input_", type=_choice(InputName), help="What the decoder starts from."),
    _option(
        _FIT,
        "--warm-start/--no-warm-start",
        default=None,
        help="Start frames from a neighbour's weights, or each anew.",
    ),
    _option(
        _RUN,
        "--device",
        default=PoolOptions().device,
        show_default=True,
        metavar="NAME",
        help="auto, cpu, cuda (all), cuda:N or mps.",
    ),
    _option(_RUN, "--batch-size", type=int, help="Most crops in a batch.  [default: from free memory]"),
    _option(
        _RUN, "--workers", type=int, default=PoolOptions().workers, show_default=True, help="For each device."
    ),
    _option(
        _RUN,
        "--max-memory",
        metavar="SIZE",
        help="Of the whole run: 800M, 4G, ... Where it would take more, fewer frames are in hand at once,"
        " and the film comes out slightly otherwise.  [default: by the film's size, not by its length]",
    ),
    _option(_RUN, "--profile", is_flag=True, help="Print where the time went, by stage; also with -q."),
    _option(_RUN, "-q", "--quiet", is_flag=True, help="Say nothing but errors."),
    _option(_RUN, "-v", "--verbose", is_flag=True, help="Say more; show tracebacks."),
)


def declare_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command's function all options, in their order."""
    for declare in reversed(_DECLARATIONS):
        function = declare(function)
    return function


def read_options(values: dict[str, Any]) -> Options:
    """The options that the values of the command stand for.

    Raises:
        UsageError: A value makes no sense.
    """
    return Options(
        ScanOptions(
            segmenter=values["segmenter"],
            regions=tuple(Region.parse(text) for text in values["regions"]),
            start=Position.parse(values["start"]) if values["start"] is not None else None,
            end=Position.parse(values["end"]) if values["end"] is not None else None,
            mask=values["mask"],
            plan=values["plan"],
            times=values["times"],
            logos=values["logos"],
            everything=values["everything"],
        ),
        BorrowOptions(values["borrow"], values["max_distance"]),
        _read_fit(values),
        PoolOptions(values["device"], values["batch_size"], values["workers"]),
        EncodeOptions(
            values["codec"],
            values["crf"],
            values["overwrite"],
            values["subtitle_track"],
            values["subtitle_language"],
            values["splice"],
            values["resume"],
            values["encoder_preset"],
            values["tune"],
            values["pix_fmt"],
            values["match_size"],
        ),
        parse_size(values["max_memory"]) if values["max_memory"] is not None else None,
    )


def _read_fit(values: dict[str, Any]) -> FitOptions:
    fit = FitOptions.preset(values["preset"])
    asked = {
        name: values[name] for name in ("steps", "channels", "levels", "loss") if values[name] is not None
    }
    if values["input_"] is not None:
        asked["input"] = values["input_"]
    if values["warm_start"] is not None:
        asked["warm_steps"] = (fit.warm_steps or FitOptions().warm_steps) if values["warm_start"] else 0
    return dataclasses.replace(fit, **asked)


def with_own_files(options: Options, source: Path) -> Options:
    """The options of one of several films: plan and times are where `--save-plan` and `--srt` put its own."""
    scan = options.scan
    if scan.plan is not None:
        scan = dataclasses.replace(scan, plan=scan.plan / source.name)
    if scan.times is not None:
        scan = dataclasses.replace(scan, times=scan.times / f"{source.stem}.srt")
    return dataclasses.replace(options, scan=scan)

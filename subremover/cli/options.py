"""The options of the command, each once: how it is written, what reads it, its default and its help.

Of what is read, `options` checks that it makes sense, where the defaults live; where files go: `outputs`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args

import click

from subremover.cli.help import option
from subremover.cli.progress_bar import print_out
from subremover.cli.versions import describe_versions
from subremover.fill.paint.jobs import Painter
from subremover.options import (
    FitOptions,
    InputName,
    LossName,
    Options,
    PaintOptions,
    PresetName,
    SegmenterName,
    SensitivityName,
    SpliceMode,
    WarmStart,
)
from subremover.parsing import Part, Position, Region, parse_size
from subremover.runtime.paths import exists

_everyday = partial(option, "Everyday")
_what = partial(option, "What to remove")
_found = partial(option, "What was found")
_encode = partial(option, "How to encode")
_fill = partial(option, "How to fill")
_many = partial(option, "Many films")
_run = partial(option, "How to run")
_say = partial(option, "What to say")
_paper = partial(option, "Of the paper")

_DEFAULTS = Options()


@dataclass(frozen=True, slots=True)
class Session:
    """What the command is given besides its arguments."""

    is_verbose: bool = False
    """Whether -v is among them: `--version` is printed before they are read."""
    painter: Painter | None = None
    """What paints the holes; None: as the options say."""


class _PathType(click.Path):
    """A name of a file or folder; whether it can be read or written is found out where that is done."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, readable=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path; not of an empty name, which would stand for the current folder."""
        if value == "":
            self.fail("the name is empty; give one", param, ctx)
        return super().convert(value, param, ctx)


@dataclass(frozen=True, slots=True)
class Given:
    """A name of a file or folder, and what of it a path does not keep."""

    path: Path
    text: str
    """As it was typed."""

    @property
    def is_address(self) -> bool:
        """Whether it looks like one of the network."""
        return "://" in self.text and not exists(self.path)

    @property
    def is_folder_name(self) -> bool:
        """Whether it ends as names of folders do."""
        return self.text.endswith(("/", os.sep))


class _GivenType(_PathType):
    """A name whose text matters too."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return Given(super().convert(value, param, ctx), os.fsdecode(value))


_PATH, _GIVEN = _PathType(), _GivenType()


def _print_version(context: click.Context, _: click.Parameter, is_asked: bool) -> None:
    if is_asked and not context.resilient_parsing:
        session = context.find_object(Session) or Session()
        print_out(describe_versions(session.is_verbose))
        context.exit()


def _choice(names: object) -> click.Choice[str]:
    return click.Choice(get_args(names))


def _of_presets(name: str) -> str:
    """What the presets make of a field of theirs."""
    return ", ".join(
        f"{preset}: {getattr(PaintOptions.preset(preset).fit, name)}" for preset in get_args(PresetName)
    )


_DECLARATIONS = (
    click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=_GIVEN),
    _everyday("-o", "--output", type=_GIVEN, help="Where the clean film goes: a file or a folder."),
    _everyday("--overwrite", is_flag=True, help="Replace a film, a subtitle file or a page that exists."),
    _everyday(
        "--region",
        "regions",
        metavar="REGION",
        type=Region.parse,
        multiple=True,
        show_default="where subtitles are",
        help="Look only there: x,y,w,h in pixels or per cent, bottom, top or full; repeatable.",
    ),
    _everyday(
        "--start",
        metavar="TIME",
        type=Position.parse,
        show_default="the first",
        help="First frame to touch, as a frame (120f), seconds (12.5) or a timecode (0:01:30.250).",
    ),
    _everyday(
        "--end",
        metavar="TIME",
        type=Position.parse,
        show_default="the end",
        help="First frame that is no longer touched, likewise.",
    ),
    _everyday(
        "--preview",
        type=_PATH,
        metavar="DIR",
        help="Write a few frames before, masked and after as PNGs, and no film.",
    ),
    _everyday("--report", type=_PATH, metavar="FILE", help="Write an HTML page of all that was found."),
    _everyday(
        "--srt",
        type=_PATH,
        metavar="FILE",
        help="Write what the subtitles say as a file of SRT, WebVTT or ASS: .srt, .vtt or .ass.",
    ),
    _everyday(
        "--preset",
        type=_choice(PresetName),
        default="standard",
        help="Steps and size of the decoders that paint; paper takes hours.",
    ),
    _everyday(
        "--crf",
        type=float,
        metavar="NUMBER",
        show_default="visually lossless",
        help="Quality from 0 to 63; lower is better and larger.",
    ),
    _what(
        "--times",
        type=_PATH,
        metavar="SRT",
        help="Remove only what is on screen during the cues of an SRT file.",
    ),
    _what("--logos", is_flag=True, help="Also remove channel logos and other overlays that never change."),
    _what(
        "--everything",
        is_flag=True,
        help="Also remove what is taken for lettering of the scene; with --region full, all text there is.",
    ),
    _what(
        "--sensitivity",
        type=_choice(SensitivityName),
        default=_DEFAULTS.scan.sensitivity,
        help="How readily lettering is taken for a subtitle: high removes more, low leaves more alone.",
    ),
    _what(
        "--mask",
        type=_PATH,
        help="Remove what is white in a PNG, on all frames, or in a video of masks, frame by frame.",
    ),
    _what("--plan", type=_PATH, help="Remove what a plan says that --save-plan wrote."),
    _found(
        "--around",
        metavar="TIME",
        type=Position.parse,
        help="Have --preview write all frames of three seconds around this moment, as films before, after and"
        " of where the pixels came from.",
    ),
    _found("--scan-only", is_flag=True, help="Stop after the scan, without a film."),
    _found(
        "--save-plan",
        type=_PATH,
        metavar="DIR",
        help="Write the plan, plan.json and strokes as PNGs, to be edited and given back with --plan.",
    ),
    _found(
        "--subtitle-track",
        is_flag=True,
        help="Add what the subtitles said to the film, as a text track that can be turned off.",
    ),
    _found(
        "--subtitle-language",
        metavar="CODE",
        default=_DEFAULTS.scan.subtitle_language,
        help="Language of the subtitles, for their script and the track: eng, rus, jpn, ...; und: the film"
        " tells the script.",
    ),
    _found(
        "--ocr-model",
        type=_PATH,
        metavar="FILE",
        help="Read the subtitles by a recogniser of PP-OCR, as ONNX, where it knows their script.",
    ),
    _found(
        "--speaker-colours",
        is_flag=True,
        help="Keep the colour of subtitles that have another one than most in SRT and WebVTT; ASS has all.",
    ),
    _found(
        "--provenance",
        type=_PATH,
        metavar="FILE",
        help="Write a second film of where the pixels came from: green to yellow borrowed from near to far, "
        "blue unmixed, magenta painted, grey untouched.",
    ),
    _encode(
        "--codec",
        metavar="NAME",
        show_default="the source's codec",
        help="Codec or encoder, as FFmpeg calls it: hevc, libx265, hevc_nvenc; software takes the place of a"
        " hardware encoder that cannot be used.",
    ),
    _encode(
        "--match-size",
        is_flag=True,
        help="Choose the crf at which the picture comes out as large as the source's.",
    ),
    # as HandBrakeCLI has it, whose --preset is another thing as well
    _encode(
        "--encoder-preset",
        metavar="NAME",
        show_default="by the encoder",
        help="How hard the encoder tries, in its own words: slow, veryfast, 6, p7, ...",
    ),
    _encode(
        "--tune",
        metavar="NAME",
        show_default="none",
        help="What the encoder is tuned for, in its own words: film, grain, animation, ...",
    ),
    _encode(
        "--pix-fmt",
        metavar="NAME",
        show_default="the source's, or the nearest that the encoder takes",
        help="Format of the pixels, as FFmpeg calls it: yuv420p10le, ...",
    ),
    _encode(
        "--splice",
        type=_choice(SpliceMode),
        default=_DEFAULTS.encode.splice,
        help="Copy untouched packets bit for bit between newly encoded ones where that is worth it (auto), or"
        " else fail (on), or encode every frame again (off).",
    ),
    _fill(
        "--borrow/--no-borrow",
        default=_DEFAULTS.borrow.borrow,
        help="Take what a subtitle hides from other frames of its shot, or paint all of it.",
    ),
    _fill(
        "--max-distance",
        type=int,
        default=_DEFAULTS.borrow.max_distance,
        metavar="FRAMES",
        help="Borrow from no frame that is further away.",
    ),
    _many("--recursive", is_flag=True, help="Take the films of all folders below those that are given, too."),
    _many(
        "--skip-done",
        is_flag=True,
        help="Leave out films whose outputs are there, made of the same film by the same options.",
    ),
    _many(
        "--skip-busy",
        is_flag=True,
        help="Leave out films that another process has in hand, on any machine that shares the disk; with"
        " --skip-done.",
    ),
    _many(
        "--watch",
        is_flag=True,
        help="Go on for ever with films that arrive in the folders, until it is stopped; with --skip-done.",
    ),
    _many(
        "--summary",
        type=_PATH,
        metavar="FILE",
        help="Write what came of each film as JSON, anew after each.",
    ),
    _run(
        "--device",
        default=_DEFAULTS.pool.device,
        metavar="NAME",
        help="Where decoders are fitted: auto, cpu, cuda (all of them), cuda:N or mps.",
    ),
    _run(
        "--batch-size",
        type=int,
        metavar="N",
        show_default="from free memory",
        help="Most crops that are fitted at once.",
    ),
    _run(
        "--max-memory",
        metavar="SIZE",
        type=parse_size,
        show_default="by the film's size, not by its length",
        help="Most memory of the whole run: 800M, 4G, ...; where it would take more, fewer frames are in hand"
        " at once, and the film comes out slightly otherwise.",
    ),
    _run(
        "--cluster",
        metavar="WHERE",
        show_default="this process",
        help="Have the machines of a Ray cluster do the work: HOST:PORT, or auto for a Ray on this machine.",
    ),
    _run(
        "--send-film",
        is_flag=True,
        help="Send films to the machines of --cluster, instead of having them read there by their path.",
    ),
    _run(
        "--resume/--no-resume",
        default=_DEFAULTS.encode.resume,
        help="Go on where the same command was stopped, or begin afresh and keep nothing when stopped.",
    ),
    _run(
        "--part",
        metavar="I/N",
        type=Part.parse,
        show_default="all, and the film",
        help="Render the I-th of N parts alone, while other processes do the others, and make no film.",
    ),
    _run(
        "--status",
        is_flag=True,
        help="Only say how far the run to this output is, or was when it was stopped.",
    ),
    _say(
        "--progress",
        type=click.Choice(["bar", "json"]),
        default="bar",
        help="How to tell how far a run has come: by a bar, or for programs by lines of JSON on stdout.",
    ),
    _say("--profile", is_flag=True, help="Print where the time went, by stage; also with -q."),
    _say("-q", "--quiet", is_flag=True, help="Say nothing but errors."),
    _say("-v", "--verbose", is_flag=True, help="Say more, and show tracebacks."),
    _say(
        "--version",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_print_version,
        help="Print the version, with -v also those of what this stands on, and leave.",
    ),
    _paper(
        "--steps",
        type=int,
        metavar="N",
        show_default=_of_presets("steps"),
        help="Steps of a decoder that starts from nothing.",
    ),
    _paper(
        "--channels",
        type=int,
        metavar="N",
        show_default=_of_presets("channels"),
        help="Width of the decoder (K).",
    ),
    _paper(
        "--levels",
        type=int,
        metavar="N",
        show_default=f"from the hole; paper: {PaintOptions.preset('paper').fit.levels}",
        help="Depth of the decoder (L), from 1 to 9.",
    ),
    _paper("--loss", type=_choice(LossName), show_default=FitOptions().loss, help="What the fit minimises."),
    _paper(
        "--input",
        type=_choice(InputName),
        show_default=FitOptions().input,
        help="What the decoder starts from: noise, or the frame scaled down.",
    ),
    _paper(
        "--warm-start",
        type=_choice(WarmStart),
        default=None,
        show_default="anchor; paper: off",
        help="Start a frame from the weights of the frame before, of its event's anchor, or anew.",
    ),
    _paper(
        "--segmenter",
        type=_choice(SegmenterName),
        default=_DEFAULTS.scan.segmenter,
        help="Find subtitles by a text detector (lines) or by the paper's method (gradient).",
    ),
)


def declare_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command's function all options, in their order."""
    for declare in reversed(_DECLARATIONS):
        function = declare(function)
    return function

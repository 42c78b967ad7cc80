"""What the command line asks for: the values of its options, read once and checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from subremover.archive.film import FilmRequest, Outputs
from subremover.archive.folders import FoundFilm
from subremover.archive.options import ArchiveOptions
from subremover.archive.summary import check_summary
from subremover.cli.inputs import Inputs
from subremover.cli.options import Given
from subremover.cli.outputs import OutputFinder, make_film_folder
from subremover.cluster.session import check_address
from subremover.errors import UsageError
from subremover.options import BorrowOptions, EncodeOptions, Options, PaintOptions, PoolOptions, ScanOptions
from subremover.parsing import Part, Position

_Stage = TypeVar("_Stage", ScanOptions, BorrowOptions, PoolOptions, EncodeOptions)


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be done, and what is to be said of it."""

    inputs: Inputs
    outputs: OutputFinder
    options: Options
    """Of all films."""
    films: tuple[FilmRequest, ...]
    """Those that are there; none where films are waited for."""
    archive: ArchiveOptions | None
    """How to treat several films; None: there is one, and no more was asked for."""
    scan_only: bool
    around: Position | None
    """The moment of which previews show all frames; None: they show a few of the film."""
    cluster: str | None
    """Address of the Ray cluster that does the work; None: this process does."""
    send_film: bool
    """Whether films are sent to the cluster's machines."""
    part: Part | None
    """Of the films' segments, which alone are rendered; None: the films are made."""
    status: bool
    """Only say how far the runs to these outputs are."""
    watch: bool
    """Go on with films that arrive."""
    profile: bool
    quiet: bool
    verbose: bool
    progress: str
    """How it is told how far a run has come: "bar" or "json"."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Request:
        """The request that the values of the command's options stand for.

        Raises:
            UsageError: A value makes no sense, alone or beside another.
            InputError: An input is an address, or a folder that cannot be read or has no film in it.
            OutputError: The folder for the films, or the summary, cannot be made.
        """
        _check_flags(values)
        _check_cluster(values)
        if values["part"] is not None:
            _check_part(values)
        options = _read_options(values)
        output: Given | None = values["output"]
        asked = Outputs(
            film=None if output is None else output.path,
            plan=values["save_plan"],
            previews=values["preview"],
            srt=values["srt"],
            report=values["report"],
            provenance=values["provenance"],
        )
        inputs = Inputs(
            values["inputs"],
            is_recursive=values["recursive"],
            is_watched=values["watch"],
            left_out=asked.places.values(),
        )
        found = [] if values["watch"] else inputs.find()
        has_folder = inputs.is_many or (output is not None and output.is_folder_name)
        scan = options.scan
        files = (scan.mask, scan.plan, scan.times, scan.ocr_model, values["summary"])
        outputs = OutputFinder(
            asked,
            is_many=inputs.is_many,
            has_folder=has_folder,
            makes_film=not (values["scan_only"] or asked.previews),
            taken=[file for file in files if file],
        )
        names = ("scan_only", "around", "cluster", "send_film", "part", "status", "watch")
        flags = (values[name] for name in (*names, "profile", "quiet", "verbose", "progress"))
        request = cls(inputs, outputs, options, (), _read_archive(values, inputs.is_many), *flags)
        request = dataclasses.replace(request, films=tuple(map(request.ask, found)))
        if values["summary"] is not None:
            sources = [film.source for film in request.films]
            check_summary(values["summary"], sources, options.encode.overwrite)
        if has_folder and asked.film is not None and outputs.makes_film and not request.status:
            make_film_folder(asked.film)
        return request

    def ask(self, film: FoundFilm) -> FilmRequest:
        """What is to be done to a film.

        Raises:
            UsageError: One of its outputs would be written where something else is.
        """
        outputs = self.outputs.find(film)
        options = _with_own_files(self.options, film.relative) if self.inputs.is_many else self.options
        return FilmRequest(
            str(film.relative),
            film.source,
            outputs,
            options,
            how=f"around {self.around}",
            makes_folders=self.outputs.has_folder or outputs.film is None,
        )


def _check_flags(values: Mapping[str, Any]) -> None:
    if values["around"] is not None and values["preview"] is None:
        raise UsageError("--around says of which moment --preview shows all frames; add --preview DIR")
    if values["status"] and values["watch"]:
        raise UsageError("--status tells of the films that are there; leave out --watch")
    outputs = ["save_plan", "preview", "srt", "report", *["output"] * (not values["scan_only"])]
    flags = [name for name in ("skip_done", "skip_busy", "watch") if values[name]]
    if flags and all(values[name] is None for name in outputs):
        name = flags[0].replace("_", "-")
        raise UsageError(f"--{name} tells by what was made that a film is done; add -o, --srt or --report")


def _check_cluster(values: Mapping[str, Any]) -> None:
    if values["cluster"] is not None:
        check_address(values["cluster"])
        if values["preview"] is not None:
            raise UsageError("--cluster makes whole films; leave out --preview")
    elif values["send_film"]:
        raise UsageError("--send-film says how films come to a cluster; add --cluster HOST:PORT")


def _check_part(values: Mapping[str, Any]) -> None:
    """Raise a UsageError where no part can be rendered."""
    if values["cluster"] is not None:
        raise UsageError("a cluster renders all parts of a film; leave out --cluster or --part")
    if values["scan_only"] or values["preview"] is not None:
        raise UsageError("--part renders a part of the film; leave out --scan-only and --preview")
    if not values["resume"]:
        raise UsageError("--part keeps what it renders for the film; leave out --no-resume")
    for name in ("skip_busy", "watch"):
        if values[name]:
            flag = name.replace("_", "-")
            raise UsageError(f"--part shares a film with others, --{flag} does not; leave one out")


def _read_archive(values: Mapping[str, Any], is_many: bool) -> ArchiveOptions | None:
    skip_done = values["skip_done"] or values["skip_busy"] or values["watch"]
    if not (is_many or skip_done or values["summary"]):
        return None
    keep_records = (is_many or skip_done) and values["part"] is None  # of whole films
    return ArchiveOptions(keep_records, skip_done, values["skip_busy"], values["summary"])


def _read_options(values: Mapping[str, Any]) -> Options:
    return Options(
        _take(ScanOptions, values),
        _take(BorrowOptions, values),
        _read_paint(values),
        _take(PoolOptions, values),
        _take(EncodeOptions, {**values, "preset": values["encoder_preset"]}),
        values["max_memory"],
    )


def _take(stage: type[_Stage], values: Mapping[str, Any]) -> _Stage:
    """A stage's options: its fields are called as the values are."""
    return stage(**{field.name: values[field.name] for field in dataclasses.fields(stage)})


def _read_paint(values: Mapping[str, Any]) -> PaintOptions:
    """Those of the preset, but for what is asked for by name."""
    paint = PaintOptions.preset(values["preset"])
    names = ("steps", "channels", "levels", "loss", "input")
    asked = {name: values[name] for name in names if values[name] is not None}
    warm_start = values["warm_start"] or paint.warm_start
    return dataclasses.replace(paint, fit=dataclasses.replace(paint.fit, **asked), warm_start=warm_start)


def _with_own_files(options: Options, relative: Path) -> Options:
    """The options of one of several films: plan and times are where `--save-plan` and `--srt` put its own."""
    scan = options.scan
    if scan.plan is None and scan.times is None:
        return options
    if scan.plan is not None:
        scan = dataclasses.replace(scan, plan=scan.plan / relative)
    if scan.times is not None:
        scan = dataclasses.replace(scan, times=scan.times / relative.parent / f"{relative.stem}.srt")
    return dataclasses.replace(options, scan=scan)

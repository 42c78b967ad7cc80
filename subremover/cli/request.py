"""What the command line asks for: the values of its options, read once and checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from subremover.cli.options import Given
from subremover.cli.outputs import FILM_SUFFIXES, Outputs, find_outputs, make_film_folder
from subremover.cluster.session import check_address
from subremover.errors import InputError, UsageError
from subremover.options import BorrowOptions, EncodeOptions, Options, PaintOptions, PoolOptions, ScanOptions
from subremover.parsing import Part, Position
from subremover.runtime.paths import is_folder, tell

_Stage = TypeVar("_Stage", ScanOptions, BorrowOptions, PoolOptions, EncodeOptions)


@dataclass(frozen=True, slots=True)
class FilmRequest:
    """One film of a request."""

    source: Path
    outputs: Outputs
    options: Options


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be done, and what is to be said of it."""

    films: tuple[FilmRequest, ...]
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
            OutputError: The folder for the films cannot be made.
        """
        if values["around"] is not None and values["preview"] is None:
            raise UsageError("--around says of which moment --preview shows all frames; add --preview DIR")
        _check_cluster(values)
        if values["part"] is not None:
            _check_part(values)
        options = _read_options(values)
        sources = [source for given in values["inputs"] for source in _list_films(given)]
        output: Given | None = values["output"]
        asked = Outputs(
            film=None if output is None else output.path,
            plan=values["save_plan"],
            previews=values["preview"],
            srt=values["srt"],
            report=values["report"],
            provenance=values["provenance"],
        )
        is_many = len(sources) > 1 or any(is_folder(given.path) for given in values["inputs"])
        has_folder = is_many or (output is not None and output.is_folder_name)
        read = [file for file in (options.scan.mask, options.scan.plan, options.scan.times) if file]
        outputs = find_outputs(
            sources, asked, is_many=is_many, has_folder=has_folder, scan_only=values["scan_only"], read=read
        )
        if has_folder and asked.film is not None and outputs[0].film is not None and not values["status"]:
            make_film_folder(asked.film)
        films = (
            FilmRequest(source, own, _with_own_files(options, source) if is_many else options)
            for source, own in zip(sources, outputs, strict=True)
        )
        flags = (
            values[name]
            for name in (
                "scan_only",
                "around",
                "cluster",
                "send_film",
                "part",
                "status",
                "profile",
                "quiet",
                "verbose",
                "progress",
            )
        )
        return cls(tuple(films), *flags)


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


def _list_films(given: Given) -> Iterator[Path]:
    """The film itself, or those of a folder by name, but for hidden ones."""
    path = given.path
    if given.is_address:
        raise InputError(f"reads files only, not addresses: download '{given.text}' first")
    if not is_folder(path):
        yield path
        return
    try:
        inside = sorted(path.iterdir())
    except OSError as error:
        raise InputError(f"cannot read the folder '{path}' ({tell(error)}); check its mode") from error
    films = [
        file for file in inside if file.suffix.lower() in FILM_SUFFIXES and not file.name.startswith(".")
    ]
    if not films:
        raise InputError(f"there is no film in the folder '{path}'; name a film, or a folder with films")
    yield from films


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


def _with_own_files(options: Options, source: Path) -> Options:
    """The options of one of several films: plan and times are where `--save-plan` and `--srt` put its own."""
    scan = options.scan
    if scan.plan is not None:
        scan = dataclasses.replace(scan, plan=scan.plan / source.name)
    if scan.times is not None:
        scan = dataclasses.replace(scan, times=scan.times / f"{source.stem}.srt")
    return dataclasses.replace(options, scan=scan)

"""From the values of the command's options to what the stages take."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, TypeVar

from subremover.options import BorrowOptions, EncodeOptions, FitOptions, Options, PoolOptions, ScanOptions

_Stage = TypeVar("_Stage", ScanOptions, BorrowOptions, PoolOptions, EncodeOptions)


def read_options(values: dict[str, Any]) -> Options:
    """The options that the values of the command stand for.

    Raises:
        UsageError: A value makes no sense.
    """
    return Options(
        _take(ScanOptions, values),
        _take(BorrowOptions, values),
        _read_fit(values),
        _take(PoolOptions, values),
        _take(EncodeOptions, values | {"preset": values["encoder_preset"]}),
        values["max_memory"],
    )


def _take(stage: type[_Stage], values: dict[str, Any]) -> _Stage:
    """A stage's options: its fields are called as the values are, and those that nobody can ask for stay."""
    names = (field.name for field in dataclasses.fields(stage))
    return stage(**{name: values[name] for name in names if name in values})


def _read_fit(values: dict[str, Any]) -> FitOptions:
    """Those of the preset, but for what is asked for by name."""
    fit = FitOptions.preset(values["preset"])
    names = ("steps", "channels", "levels", "loss", "input")
    asked = {name: values[name] for name in names if values[name] is not None}
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

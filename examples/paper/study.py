"""What all studies share: the command line, a bar, and a folder of tables, pictures and plots."""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any

import click
import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from subremover import Restored, restore
from subremover.errors import SubremoverError
from subremover.untrained.restore import Watch

Row = Mapping[str, str | float | int | None]

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
"""Options that name what is there."""

mpl.use("Agg")

FEW = 12
"""So few points of a curve are marked."""


@dataclass(frozen=True, slots=True)
class Study:
    """One run of a script, and the folder that its results go to."""

    out: Path
    quick: bool
    device: str
    start: float = field(default_factory=time.monotonic)

    def restore(
        self, images: Tensor, *args: Any, what: str, watch: Watch | None = None, **more: Any
    ) -> Restored:
        """`subremover.restore` on the study's device, with a bar that is called `what`."""
        options = args[0]
        each = options if isinstance(options, Sequence) else [options] * len(images)
        with tqdm(total=sum(o.steps for o in each), desc=what, unit="step", leave=False) as bar:

            def step(number: int, rows: range, pictures: Tensor, losses: Tensor) -> None:
                bar.update(sum(each[row].steps >= number for row in rows))
                if watch is not None:
                    watch(number, rows, pictures, losses)

            return restore(images, *args, device=self.device, watch=step, **more)

    def write_table(self, name: str, rows: Sequence[Row], **about: object) -> None:
        """As OUT/name.md and, with where and how it came about, as OUT/name.json; and on the screen.

        Args:
            name: Of the files.
            rows: The same columns in all; fractions are printed with four digits.
            about: What else is to be told of the run.
        """
        columns = list(rows[0])
        lines = [
            columns,
            ["---"] * len(columns),
            *([_format(row[column]) for column in columns] for row in rows),
        ]
        text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        (self.out / f"{name}.md").write_text(text + "\n", encoding="utf-8")
        told = {"run": {**self.describe(), **about}, "rows": [dict(row) for row in rows]}
        (self.out / f"{name}.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
        click.echo(f"{text}\n")

    def write_pictures(
        self,
        name: str,
        rows: Sequence[Sequence[np.ndarray | None]],
        columns: Sequence[str],
        lines: Sequence[str] = (),
    ) -> None:
        """Pictures in rows and columns, pixel by pixel, as OUT/name.png.

        Args:
            name: Of the file.
            rows: (h, w, 3) or (h, w) float in [0, 1]; None leaves a place empty.
            columns: What stands over each column.
            lines: What stands beside each row.
        """
        shape = next(p.shape for row in rows for p in row if p is not None)
        height, width = (max(2.0, side / 150) for side in shape[:2])
        figure = Figure(
            figsize=(width * len(columns), height * len(rows) + 0.3), dpi=150, layout="constrained"
        )
        axes = figure.subplots(len(rows), len(columns), squeeze=False)
        for y, row in enumerate(rows):
            for x, picture in enumerate(row):
                axis = axes[y, x]
                axis.set_xticks([])
                axis.set_yticks([])
                if picture is None:
                    axis.set_axis_off()
                else:
                    axis.imshow(np.clip(picture, 0, 1), cmap="gray", vmin=0, vmax=1)
                if y == 0:
                    axis.set_title(columns[x], fontsize=8)
                if x == 0 and lines:
                    axis.set_ylabel(lines[y], fontsize=8)
        figure.savefig(self.out / f"{name}.png")

    def write_plot(
        self,
        name: str,
        series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
        x: str,
        y: str,
        *,
        log_x: bool = False,
        points: bool = False,
    ) -> None:
        """Curves, or points, by their names, as OUT/name.png."""
        figure = Figure(figsize=(7, 4.5), dpi=150, layout="constrained")
        axis = figure.subplots()
        for label, (across, up) in series.items():
            line = "-" if len(across) > FEW else "o-"
            axis.plot(across, up, "o" if points else line, label=label, markersize=3)
        axis.set_xlabel(x)
        axis.set_ylabel(y)
        if log_x:
            axis.set_xscale("log")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
        figure.savefig(self.out / f"{name}.png")

    def describe(self) -> dict[str, object]:
        """Where and how the figures came about."""
        on_cuda = self.device.startswith("cuda")
        return {
            "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
            "torch": torch.__version__,
            "device": torch.cuda.get_device_name(self.device) if on_cuda else platform.processor() or "CPU",
            "threads": torch.get_num_threads(),
            "seconds": round(time.monotonic() - self.start, 1),
        }


def study_command(about: str | None) -> Callable[[Callable[..., None]], click.Command]:
    """A command with OUT, --quick and --device, whose function gets a `Study` first."""

    def decorate(function: Callable[..., None]) -> click.Command:
        @wraps(function)
        def run(out: Path, quick: bool, device: str, **values: Any) -> None:
            out.mkdir(parents=True, exist_ok=True)
            try:
                function(Study(out, quick, device), **values)
            except SubremoverError as error:
                raise click.ClickException(str(error)) from error

        quick = click.option("--quick", is_flag=True, help="Smaller and fewer, a minute on two CPU cores.")
        default = "cuda" if torch.cuda.is_available() else "cpu"
        device = click.option("--device", default=default, show_default=True, help="Where to fit.")
        out = click.argument("out", metavar="OUT", type=click.Path(path_type=Path, file_okay=False))
        as_it_is = (about or "").replace("\n\n    ", "\n\n\b\n    ")  # lists of commands are not wrapped
        return click.command(help=as_it_is)(out(quick(device(run))))

    return decorate


def _format(value: str | float | None) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)

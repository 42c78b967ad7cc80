"""How fast it is: the fit beside the textbook loop and the physical limit, and whole runs on drawn films.

    python examples/benchmarks/bench_speed.py fit OUT     # frame-steps a second
    python examples/benchmarks/bench_speed.py film OUT    # frames a second, by stage, and the cost curve

Each prints Markdown tables and writes OUT/fit.json or OUT/film.json. --quick is for two CPU cores. Run them
on a machine that does nothing else. What is measured is told in bench_fit.py, textbook.py, speed_limit.py and
bench_film.py.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import torch
from bench_film import FilmCase, FilmRun, choose_cases, fit_growth, format_curve, format_growth, run_film
from bench_fit import Case, Speed, find_rates, format_speeds, measure_speeds
from clip_tables import GIB
from score_clips import describe_run
from speed_limit import Rates

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
SIZES, QUICK_SIZES = "96x288,160x640,192x960", "96x288,160x640"
CHANNELS, QUICK_CHANNELS = "64,128,256", "64"
BATCHES, QUICK_BATCHES = "1,4,16,64,256", "1,16"
STEPS, QUICK_STEPS = 60, 6
REPEATS, QUICK_REPEATS = 5, 3
SECONDS, QUICK_SECONDS = 60, 12
FRAME, QUICK_FRAME = "1920x1080", "640x360"


def _default(whole: object, quick: object) -> str:
    return f"  [default: {whole}; with --quick {quick}]"


@click.group(help=__doc__)
def main() -> None:
    pass


@main.command("fit")
@click.argument("out_dir", type=click.Path(file_okay=False, path_type=Path))
@click.option("--sizes", help=f"Heights and widths of crops.{_default(SIZES, QUICK_SIZES)}")
@click.option("--channels", help=f"K.{_default(CHANNELS, QUICK_CHANNELS)}")
@click.option("--batches", help=f"Frames at once.{_default(BATCHES, QUICK_BATCHES)}")
@click.option("--steps", type=int, help=f"Of each fit.{_default(STEPS, QUICK_STEPS)}")
@click.option("--repeats", type=int, help=f"Turns of both.{_default(REPEATS, QUICK_REPEATS)}")
@click.option("--device", default=DEVICE, show_default=True)
@click.option("--quick", is_flag=True)
def bench_fit(out_dir: Path, device: str, quick: bool, **values: Any) -> None:
    """Frame-steps a second of the fit: L = 5, the mix of MS-SSIM and L1, a subtitle for a hole."""
    sizes = [read_size(size) for size in (values["sizes"] or (QUICK_SIZES if quick else SIZES)).split(",")]
    channels = read_numbers(values["channels"] or (QUICK_CHANNELS if quick else CHANNELS))
    batches = read_numbers(values["batches"] or (QUICK_BATCHES if quick else BATCHES))
    steps = values["steps"] or (QUICK_STEPS if quick else STEPS)
    repeats = values["repeats"] or (QUICK_REPEATS if quick else REPEATS)
    cases = [Case(*size, k, batch) for size in sizes for k in channels for batch in batches]
    click.echo(f"rates of {device} ...", err=True)
    rates = find_rates(device, quick)
    speeds: list[Speed] = []
    for speed in measure_speeds(cases, device, steps, repeats):
        speeds.append(speed)
        click.echo(f"{len(speeds)} of {len(cases)}: {speed.case}", err=True)
    facts = {**describe_run(()), "device": name_device(device)}
    write_json(out_dir / "fit.json", {**facts, "rates": asdict(rates), "speeds": [asdict(s) for s in speeds]})
    click.echo(f"{format_speeds(speeds, rates)}\n\n{describe_rates(rates)}\n\n{format_facts(facts)}")


@main.command("film")
@click.argument("out_dir", type=click.Path(file_okay=False, path_type=Path))
@click.argument("options", nargs=-1)
@click.option("--seconds", type=float, help=f"Of the longest film.{_default(SECONDS, QUICK_SECONDS)}")
@click.option("--size", help=f"Width and height.{_default(FRAME, QUICK_FRAME)}")
@click.option("--curve/--no-curve", default=True, show_default=True, help="Or just the longest film.")
@click.option("--quick", is_flag=True)
def bench_film(out_dir: Path, options: tuple[str, ...], curve: bool, quick: bool, **values: Any) -> None:
    """Whole runs on drawn films, with OPTIONS of subremover (after --).

    The first is the longest, with subtitles on half of its frames. The curve has films of a quarter, a half
    and all of its length, without subtitles and with them on half of the frames; and of the shortest, with
    subtitles on a quarter, a half and all of them, in small and large letters.
    """
    size = read_size(values["size"] or (QUICK_FRAME if quick else FRAME))
    longest = FilmCase(values["seconds"] or (QUICK_SECONDS if quick else SECONDS), 0.5, size=size)
    out_dir.mkdir(parents=True, exist_ok=True)
    cases = [longest]
    if curve:
        cases += [case for case in choose_cases(longest.seconds, size) if case != longest]
    runs: list[FilmRun] = []
    for case in cases:
        click.echo(f"{case.name} ...", err=True)
        runs.append(run_film(case, out_dir, options))
    facts = {**describe_run(options), "device": name_device(DEVICE)}
    found = {**facts, "runs": [asdict(run) for run in runs]}
    texts = [describe_film(runs[0])]
    if curve:
        empty = FilmCase(longest.seconds, 0, size=size)
        scan = run_film(empty, out_dir, options, scan_only=True)
        found |= {"scan": asdict(scan), "growth": asdict(fit_growth(runs))}
        texts += [format_curve(runs), format_growth(runs, scan)]
    write_json(out_dir / "film.json", found)
    click.echo("\n\n".join([*texts, format_facts(facts)]))


def describe_rates(rates: Rates) -> str:
    """The measured rates behind the limits, and what else is to be known of the table."""
    operations = ", ".join(f"{rate / 1e12:.3g} T/s in {name}" for name, rate in rates.operations.items())
    return (
        "Frame-steps a second, medians of all turns. The limits are at "
        f"{rates.copied_bytes / 1e9:.3g} GB/s copied, operations at {operations}, as measured. The "
        "textbook's MS-SSIM of crops less than 161 px high is put together from pytorch-msssim's parts, with "
        "as many scales as ours."
    )


def describe_film(run: FilmRun) -> str:
    """A run by stage."""
    (width, height), seconds = run.case.size, run.cost.seconds
    memory = "" if run.cost.peak_bytes is None else f", {run.cost.peak_bytes / GIB:.2f} GiB"
    return (
        f"{width}x{height}, {run.frames} frames, subtitles on {run.case.share:.0%} of them: "
        f"{seconds:.1f} s, {run.frame_rate:.1f} frames/s{memory}\n\n```\n{run.table.strip()}\n```"
    )


def read_size(text: str) -> tuple[int, int]:
    """Two sides.

    Raises:
        click.UsageError: They are none.
    """
    numbers = read_numbers(text.replace("x", ","))
    if len(numbers) != 2:
        raise click.UsageError(f"{text!r} is no size; give one such as 96x288")
    return numbers[0], numbers[1]


def read_numbers(text: str) -> list[int]:
    """Whole numbers above 0, with commas between.

    Raises:
        click.UsageError: They are none.
    """
    numbers = [int(part) for part in text.split(",") if part.strip().isdecimal()]
    if len(numbers) != text.count(",") + 1 or 0 in numbers:
        raise click.UsageError(f"{text!r} are no numbers; give some such as 1,16")
    return numbers


def name_device(device: str) -> str:
    """What a GPU is sold as; of a CPU, what the machine tells."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def write_json(path: Path, found: dict[str, Any]) -> None:
    """Keep what was found in a file, whose folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def format_facts(facts: dict[str, Any]) -> str:
    """Of what, where and by which command: the line above a table."""
    names: Sequence[str] = ("commit", "device", "torch", "cores", "command")
    return "{}, {}, torch {}, {} cores: {}".format(*(facts[name] for name in names))


if __name__ == "__main__":
    main()

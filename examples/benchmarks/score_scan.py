"""Scan every clip of a folder, and hold what was found against the truth.

    python examples/benchmarks/score_scan.py CLIPS [--plans DIR] [--json FILE]

Each folder in CLIPS with clean.mp4, subbed.mp4 and mask.mkv is a clip (make_sample.py and hard_cases.py
draw such). Prints a Markdown table, and what was missed, wrongly removed or left alone. Only what the plan
removes counts as masked. What is measured is defined in scan_score.py.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from scan_score import EventScore, ListedEvent, ScanScore, score_plan
from score_clips import describe_run, find_clips

import subremover

COLUMNS = (
    *("clip", "frames", "s", "frames/s", "recall", "area", "precision", "stray px", "false frames"),
    *("events", "missed", "wrong", "ends off", "CER", "left alone"),
)


@dataclass(frozen=True, slots=True)
class Result:
    """One clip's row."""

    clip: str
    score: ScanScore


def measure(clip: Path, plans: Path | None) -> Result:
    """Scan a clip, or load its plan, and score it; a new plan is kept in `plans`."""
    name = clip.resolve().name
    folder = plans / name if plans else None
    if folder and (folder / "plan.json").is_file():
        plan = subremover.scan(clip / "subbed.mp4", subremover.ScanOptions(plan=folder))
        return Result(name, score_plan(clip, plan))
    start = time.monotonic()
    plan = subremover.scan(clip / "subbed.mp4")
    seconds = time.monotonic() - start
    if folder:
        plan.save(folder)
    return Result(name, score_plan(clip, plan, seconds))


def format_table(results: list[Result]) -> str:
    """A Markdown table, one row a clip."""
    rows = [list(COLUMNS), ["---"] * len(COLUMNS)]
    for result in results:
        score = result.score
        rate = score.frames / score.seconds if score.seconds else None
        rows.append(
            [
                *(result.clip, str(score.frames), _format(score.seconds, 1), _format(rate, 1)),
                *(_format(score.recall, 4), _format(score.area, 2), _format(score.precision, 3)),
                *(str(score.stray), f"{score.false_frames} of {score.masked_frames}"),
                *(str(len(score.events)), str(score.missed), str(len(score.wrong))),
                *(_format(score.worst_end, 0), _format(score.text_error, 3), str(len(score.left_alone))),
            ]
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def format_faults(result: Result) -> list[str]:
    """What a person would look at: true events that were not found as they are, and other finds."""
    lines = [f"  {_describe_score(event)}" for event in result.score.events if _has_fault(event)]
    lines += [f"  wrongly removed: {_describe(event)}" for event in result.score.wrong]
    lines += [f"  left alone: {_describe(event)}" for event in result.score.left_alone]
    return [f"{result.clip}:", *lines] if lines else []


def _has_fault(event: EventScore) -> bool:
    return bool(event.first_error or event.last_error or event.text_error) or (event.recall or 0) < 0.99


def _describe_score(event: EventScore) -> str:
    what = f"{event.first} to {event.last} {event.text!r}"
    recall = f"recall {_format(event.recall, 4) or 'none (invisible)'}"
    if event.first_error is None:
        return f"missed: {what}, {recall}"
    read = f", CER {event.text_error:.2f}" if event.text_error else ""
    return f"found: {what}, ends {event.first_error:+d} {event.last_error:+d}, {recall}{read}"


def _describe(event: ListedEvent) -> str:
    x, y, width, height = event.box
    return f"{event.first} to {event.last}, {width}x{height} at {x},{y}, {event.kind} {event.text!r}"


def _format(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


@click.command(help=__doc__)
@click.argument("clips_dir", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--only", multiple=True, metavar="NAME", help="Just this clip; may be given more than once.")
@click.option(
    "--plans",
    type=click.Path(file_okay=False, path_type=Path),
    help="Take the plan DIR/NAME where there is one; keep it there where there is none.",
)
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="All figures.")
def main(clips_dir: Path, only: tuple[str, ...], plans: Path | None, json_file: Path | None) -> None:
    results = []
    for clip in find_clips(clips_dir, only):
        click.echo(f"{clip.resolve().name} ...", err=True)
        results.append(measure(clip, plans))
    facts = describe_run(())
    if json_file:
        scores = {**facts, "clips": [asdict(result) for result in results]}
        json_file.write_text(json.dumps(scores, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    click.echo(format_table(results))
    click.echo("")
    for result in results:
        for line in format_faults(result):
            click.echo(line)
    click.echo(f"\n{facts['commit']}, {facts['cores']} cores: {facts['command']}")


if __name__ == "__main__":
    main()

"""Have the words of every case of a folder read, and hold them against the true ones.

    python examples/benchmarks/score_words.py CASES OUT [--only TEXT] [--reuse] [--arg=...]
    python examples/benchmarks/score_words.py CASES OUT --srt-of DIR

Each folder in CASES with subbed.mp4 and a truth.json that has lines is a case; words_score.py says what is
in it, and what is measured. Its plan and its words go to OUT.runs/NAME, by `python -m subremover --scan-only
--save-plan plan --srt words.srt`. With --srt-of they are those of DIR/NAME.srt, which another program has
written. Writes OUT.json and OUT.md, with every line and cue that is not right; prints the tables.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click
from score_clips import describe_run
from words_score import CueScore, LineScore, find_lines, read_cues, read_lines, read_times, score_words
from words_tables import by_script, format_cues, format_lines, format_scripts, format_sum, sum_cues, sum_lines

import subremover


@dataclass(frozen=True, slots=True)
class Reading:
    """How the words of a case came about."""

    seconds: float
    exit_code: int
    said: str
    """The end of what it wrote to stderr."""


@dataclass(slots=True)
class Scores:
    """All cases together."""

    lines: list[LineScore] = field(default_factory=list)
    cues: list[CueScore] = field(default_factory=list)
    readings: dict[str, Reading] = field(default_factory=dict)
    """By the name of the case."""


def find_cases(folder: Path, only: tuple[str, ...]) -> list[Path]:
    """The cases in a folder by name, of those whose name contains one of some texts, if any are given.

    Raises:
        click.UsageError: There is none.
    """
    cases = [
        path for path in sorted(folder.iterdir()) if (path / "subbed.mp4").is_file() and _has_lines(path)
    ]
    cases = [case for case in cases if not only or any(text in case.name for text in only)]
    if not cases:
        raise click.UsageError(f"no folder in {folder} holds subbed.mp4 and a truth.json with lines")
    return cases


def read_words(case: Path, folder: Path, arguments: tuple[str, ...], *, reuse: bool) -> Reading:
    """Scan a case into a folder (plan/, words.srt, run.json), or take what is there."""
    file = folder / "run.json"
    if reuse and file.is_file():
        return Reading(**json.loads(file.read_text(encoding="utf-8")))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "subremover", str(case / "subbed.mp4"), "--scan-only", "--quiet"]
    command += ["--save-plan", str(folder / "plan"), "--srt", str(folder / "words.srt"), *arguments]
    start = time.monotonic()
    run = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    reading = Reading(round(time.monotonic() - start, 2), run.returncode, run.stderr[-600:])
    file.write_text(json.dumps(asdict(reading)), encoding="utf-8")
    return reading


def score_case(case: Path, srt: Path, plan: Path | None) -> tuple[list[LineScore], list[CueScore]]:
    """The scores of a case's lines and cues; without a plan no line is known to be found."""
    lines, found = read_lines(case), None
    if plan is not None:
        events = subremover.load_plan(plan).events if (plan / "plan.json").is_file() else ()
        found = find_lines(lines, events)
    return score_words(case.name, lines, read_cues(srt, read_times(case / "subbed.mp4")), found)


def write_scores(out: Path, scores: Scores, facts: dict[str, object]) -> None:
    """OUT.json with all figures, OUT.md to read."""
    failed = {name: reading for name, reading in scores.readings.items() if reading.exit_code}
    sums = {"all": sum_lines(scores.lines)} | {
        name: sum_lines(lines) for name, lines in by_script(scores.lines).items()
    }
    figures = {
        **facts,
        **{"scripts": sums, "cues": sum_cues(scores.cues)},
        "readings": {name: asdict(reading) for name, reading in scores.readings.items()},
        "line_scores": [asdict(line) for line in scores.lines],
        "cue_scores": [asdict(cue) for cue in scores.cues],
    }
    text = json.dumps(figures, indent=1, ensure_ascii=False) + "\n"
    out.with_name(f"{out.name}.json").write_text(text, encoding="utf-8")
    parts = [
        *("# Words", f"{facts['commit']}, {facts['cores']} cores: `{facts['command']}`"),
        *("## By script", format_scripts(scores.lines), "## Cues", format_sum(scores.lines, scores.cues)),
        *("## Lines that are not right", format_lines(scores.lines)),
        *("## Cues that are not right", format_cues(scores.cues)),
        *(["## Failed"] if failed else []),
        *(f"- {name}: {reading.exit_code} {reading.said.strip()}" for name, reading in failed.items()),
    ]
    out.with_name(f"{out.name}.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _has_lines(case: Path) -> bool:
    file = case / "truth.json"
    return file.is_file() and bool(json.loads(file.read_text(encoding="utf-8"))["lines"])


@click.command(help=__doc__)
@click.argument("cases_dir", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--only", multiple=True, metavar="TEXT", help="Cases whose name contains it; may be repeated.")
@click.option("--reuse", is_flag=True, help="Score what is in OUT.runs; scan only what is not.")
@click.option("--arg", "arguments", multiple=True, help="A further argument of subremover; may be repeated.")
@click.option(
    "--srt-of",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Scan nothing, score DIR/NAME.srt.",
)
def main(
    cases_dir: Path,
    out: Path,
    only: tuple[str, ...],
    *,
    reuse: bool,
    arguments: tuple[str, ...],
    srt_of: Path | None,
) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    scores = Scores()
    for case in find_cases(cases_dir, only):
        click.echo(f"{case.name} ...", err=True)
        if srt_of:
            lines, cues = score_case(case, srt_of / f"{case.name}.srt", None)
        else:
            folder = out.with_name(f"{out.name}.runs") / case.name
            scores.readings[case.name] = read_words(case, folder, arguments, reuse=reuse)
            lines, cues = score_case(case, folder / "words.srt", folder / "plan")
        scores.lines += lines
        scores.cues += cues
    facts = describe_run(arguments)
    write_scores(out, scores, facts)
    click.echo(f"{format_scripts(scores.lines)}\n\n{format_sum(scores.lines, scores.cues)}")
    if seconds := sum(reading.seconds for reading in scores.readings.values()):
        click.echo(f"\n{seconds:.0f} s of scanning")
    click.echo(f"\n{facts['commit']}, {facts['cores']} cores: {facts['command']}")
    if failed := [name for name, reading in scores.readings.items() if reading.exit_code]:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()

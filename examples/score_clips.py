"""Clean every clip of a folder, and score the results against their truth.

    python examples/score_clips.py CLIPS OUT [-- options of subremover]

Each folder in CLIPS with clean.mp4, subbed.mp4 and mask.mkv is a clip (make_sample.py draws such). Its
subbed.mp4 goes through `python -m subremover` to OUT/NAME.mp4. Prints a Markdown table and writes
OUT/scores.json. What is measured is defined in clip_score.py.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import shlex
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from clip_score import ClipScore, HoleScore, Leftover, find_leftover, score_clip

POLL_SECONDS = 0.1
GIB = 2**30
COLUMNS = (
    *("clip", "frames", "hole dB", "worst frame dB", "SSIM", "flicker", "outside dB"),
    *("text left", "bad pts", "audio same", "s", "GiB"),
)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run took."""

    seconds: float
    peak_bytes: int | None
    """Most resident memory of the process and all its children together; pages they share count for each."""


@dataclass(frozen=True, slots=True)
class Result:
    """One clip's row."""

    clip: str
    cost: Cost | None
    score: ClipScore
    leftover: Leftover | None


def find_clips(folder: Path, only: tuple[str, ...]) -> list[Path]:
    """The clips in a folder by name, or the folder itself where it is one.

    Raises:
        click.UsageError: There is none, or one that was asked for is missing.
    """
    parts = ("clean.mp4", "subbed.mp4", "mask.mkv")
    folders = [folder, *sorted(folder.iterdir())]
    clips = {path.resolve().name: path for path in folders if all((path / part).is_file() for part in parts)}
    if missing := [name for name in only if name not in clips]:
        raise click.UsageError(f"no clip {missing[0]!r} in {folder}; found {', '.join(clips) or 'none'}")
    if not clips:
        raise click.UsageError(f"no folder in {folder} holds {', '.join(parts)}")
    return [path for name, path in clips.items() if not only or name in only]


def measure(clip: Path, output: Path, options: tuple[str, ...], every: int, skip_run: bool) -> Result:
    """Clean a clip and score the result; text is looked for on every n-th frame, or never where n is 0."""
    cost = None if skip_run else clean_clip(clip / "subbed.mp4", output, options)
    leftover = find_leftover(clip, output, every) if every > 0 else None
    return Result(clip.resolve().name, cost, score_clip(clip, output), leftover)


def clean_clip(source: Path, output: Path, options: tuple[str, ...]) -> Cost:
    """Run subremover on a film in a process of its own and measure it.

    Raises:
        subprocess.CalledProcessError: It failed; its message is on stderr.
    """
    output.unlink(missing_ok=True)
    command = [sys.executable, "-m", "subremover", str(source), "-o", str(output), *options]
    start = time.monotonic()
    peak = 0
    with subprocess.Popen(command) as process:
        while True:
            peak = max(peak, tree_bytes(process.pid))
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(POLL_SECONDS)
                break
    seconds = time.monotonic() - start
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Cost(seconds, peak or None)


def tree_bytes(root: int) -> int:
    """Resident memory of a process and its descendants, read from Linux's /proc; 0 where there is none."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(status.parent.name))
    total, todo = 0, [root]
    while todo:
        process = todo.pop()
        todo += children.get(process, [])
        with contextlib.suppress(OSError):
            total += int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return total


def describe_run(options: tuple[str, ...]) -> dict[str, object]:
    """Where and how these figures came about."""
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        commit = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        commit = None
    return {
        "commit": commit,
        "torch": importlib.metadata.version("torch"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "command": shlex.join(["python", *sys.argv]),
        "options": list(options),
    }


def format_table(results: list[Result]) -> str:
    """A Markdown table, one row a clip and one of means; `ours / Telea` where both are measured."""
    rows = [list(COLUMNS), ["---"] * len(COLUMNS)]
    for result in results:
        score, left, cost = result.score, result.leftover, result.cost
        rows.append(
            [
                result.clip,
                _format_frames(score),
                *_format_holes([score.hole], [score.telea]),
                _format([score.outside_psnr], 1),
                f"{len(left.frames)} of {left.checked}" if left else "",
                str(score.bad_pts),
                "yes" if score.is_audio_same else "NO",
                _format([cost.seconds if cost else None], 0),
                _format([cost.peak_bytes / GIB if cost and cost.peak_bytes else None], 2),
            ]
        )
    holes, teleas = [r.score.hole for r in results], [r.score.telea for r in results]
    rows.append(["mean", "", *_format_holes(holes, teleas), "", "", "", "", "", ""])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _format_frames(score: ClipScore) -> str:
    text = str(score.frames)
    text += f" -{score.missing_frames}" if score.missing_frames else ""
    return text + (f" +{score.extra_frames}" if score.extra_frames else "")


def _format_holes(holes: list[HoleScore], teleas: list[HoleScore]) -> list[str]:
    cells = []
    for name, digits in (("psnr", 1), ("psnr_worst", 1), ("ssim", 3), ("flicker", 2)):
        ours, theirs = (_format([getattr(hole, name) for hole in side], digits) for side in (holes, teleas))
        cells.append(f"{ours} / {theirs}" if ours else "")
    return cells


def _format(values: list[float | None], digits: int) -> str:
    """The mean of those that are there; empty where none is."""
    there = [value for value in values if value is not None]
    return f"{sum(there) / len(there):.{digits}f}" if there else ""


@click.command(help=__doc__)
@click.argument("clips_dir", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out_dir", type=click.Path(file_okay=False, path_type=Path))
@click.argument("options", nargs=-1)
@click.option("--only", multiple=True, metavar="NAME", help="Just this clip; may be given more than once.")
@click.option("--every", default=1, show_default=True, help="Look for text on each n-th frame; 0: never.")
@click.option("--skip-run", is_flag=True, help="Score the outputs that OUT already holds.")
def main(
    clips_dir: Path, out_dir: Path, options: tuple[str, ...], only: tuple[str, ...], **flags: Any
) -> None:
    out_dir.mkdir(parents=True, exist_ok=True)
    results, failed = [], []
    for clip in find_clips(clips_dir, only):
        name = clip.resolve().name
        click.echo(f"{name} ...", err=True)
        try:
            results.append(measure(clip, out_dir / f"{name}.mp4", options, **flags))
        except (subprocess.CalledProcessError, OSError, ValueError) as error:
            click.echo(f"{name} failed: {error}", err=True)
            failed.append(name)
    facts = describe_run(options)
    scores = {**facts, "failed": failed, "clips": [asdict(result) for result in results]}
    (out_dir / "scores.json").write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
    click.echo(format_table(results))
    click.echo(f"\n{facts['commit']}, torch {facts['torch']}, {facts['cores']} cores: {facts['command']}")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()

"""Clean every clip of a folder, and score the results against their truth, beside simpler methods.

    python examples/benchmarks/score_clips.py CLIPS OUT [-- options of subremover]

Each folder in CLIPS with clean.mp4, subbed.mp4 and mask.mkv is a clip (make_sample.py draws such). Its
subbed.mp4 goes through `python -m subremover` twice: with its own masks to OUT/NAME.mp4, and with the true
mask (`--mask OUT/NAME.mask.mkv`) to OUT/NAME.true.mp4. Prints Markdown tables and writes OUT/scores.json.
What is measured is defined in clip_score.py; the baselines are those of baselines.py, kept in
OUT/baselines.json until the clip changes.
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
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import av
import click
import numpy as np
from av.video.frame import VideoFrame
from baselines import load_baselines
from clip_score import find_leftover, read_frames, score_clip
from clip_tables import Cost, Result, Run, format_fidelity, format_quality

POLL_SECONDS = 0.1
MASKS = ("own masks", "true mask")
"""The two runs of a clip: what the scan finds is removed, or what the truth says."""


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


def measure(
    clip: Path, out: Path, masks: Sequence[str], options: Sequence[str], *, every: int, skip_run: bool
) -> Result:
    """Clean a clip and score the results; text is looked for on every n-th frame, or never where n is 0."""
    runs = {}
    for kind in masks:
        output, more = out / f"{clip.resolve().name}.mp4", list(options)
        if kind == "true mask":
            output = output.with_suffix(".true.mp4")
            more += ["--mask", str(write_true_mask(clip, out))]
        cost = None if skip_run else clean_clip(clip / "subbed.mp4", output, more)
        leftover = find_leftover(clip, output, every) if every > 0 else None
        runs[kind] = Run(cost, score_clip(clip, output), leftover)
    return Result(clip.resolve().name, runs, load_baselines(clip, out / "baselines.json"))


def write_true_mask(clip: Path, folder: Path) -> Path:
    """NAME.mask.mkv in a folder: a lossless video of the clip's true mask, white where the subtitle is."""
    path = folder / f"{clip.resolve().name}.mask.mkv"
    with av.open(str(path), "w") as container:
        stream = None
        for _, coverage in read_frames(clip / "mask.mkv", "gray"):
            if stream is None:  # its times do not count, only its frames
                stream = container.add_stream("ffv1", rate=25, pix_fmt="gray")
                stream.height, stream.width = coverage.shape
            white = np.where(coverage > 0, np.uint8(255), np.uint8(0))
            container.mux(stream.encode(VideoFrame.from_ndarray(white, format="gray")))
        if stream is not None:
            container.mux(stream.encode(None))
    return path


def clean_clip(source: Path, output: Path, options: Sequence[str]) -> Cost:
    """Run subremover on a film in a process of its own and measure it.

    Raises:
        subprocess.CalledProcessError: It failed; its message is on stderr.
    """
    output.unlink(missing_ok=True)
    return measure_command([sys.executable, "-m", "subremover", str(source), "-o", str(output), *options])


def measure_command(command: Sequence[str], said: IO[str] | None = None) -> Cost:
    """Run a command to its end and measure it; what it says goes to its stderr, or to a file.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    start = time.monotonic()
    peak = 0
    with subprocess.Popen(command, stderr=said) as process:
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


@click.command(help=__doc__)
@click.argument("clips_dir", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out_dir", type=click.Path(file_okay=False, path_type=Path))
@click.argument("options", nargs=-1)
@click.option("--only", multiple=True, metavar="NAME", help="Just this clip; may be given more than once.")
@click.option("--masks", type=click.Choice(["own", "true", "both"]), default="both", show_default=True)
@click.option("--every", default=1, show_default=True, help="Look for text on each n-th frame; 0: never.")
@click.option("--skip-run", is_flag=True, help="Score the outputs that OUT already holds.")
def main(
    clips_dir: Path, out_dir: Path, options: tuple[str, ...], only: tuple[str, ...], masks: str, **flags: Any
) -> None:
    out_dir.mkdir(parents=True, exist_ok=True)
    kinds = [kind for kind in MASKS if masks == "both" or kind.startswith(masks)]
    results, failed = [], []
    for clip in find_clips(clips_dir, only):
        name = clip.resolve().name
        click.echo(f"{name} ...", err=True)
        try:
            results.append(measure(clip, out_dir, kinds, options, **flags))
        except (subprocess.CalledProcessError, OSError, ValueError) as error:
            click.echo(f"{name} failed: {error}", err=True)
            failed.append(name)
    facts = describe_run(options)
    scores = {**facts, "failed": failed, "clips": [asdict(result) for result in results]}
    (out_dir / "scores.json").write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
    click.echo(format_quality(results))
    click.echo(f"\n{format_fidelity(results)}")
    click.echo(f"\n{facts['commit']}, torch {facts['torch']}, {facts['cores']} cores: {facts['command']}")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()

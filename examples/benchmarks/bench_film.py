"""Seconds and memory of whole runs on drawn films, and how both grow; for bench_speed.py.

A film is drawn once and kept: its name says what it is.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from clip_tables import GIB, Cost, format_rows
from make_sample import FilmWriter, SampleOptions, draw_frames
from score_clips import measure_command

from subremover.plan.model import FilmKey
from subremover.plan.saved_plan import load_plan
from subremover.runtime.profile import STAGES
from subremover.video.read.probe import probe

FRAME_RATE = Fraction(24)
PERIOD_SECONDS = 3.0
"""From one subtitle to the next."""
LETTERS = {"small": 0.045, "large": 0.09}
"""Font sizes in picture heights."""


@dataclass(frozen=True, slots=True)
class FilmCase:
    """A drawn film."""

    seconds: float
    share: float
    """Of its frames that have a subtitle, if it is as long as a few of them."""
    letters: str = "small"
    size: tuple[int, int] = (1920, 1080)

    @property
    def options(self) -> SampleOptions:
        """How it is drawn; its picture depends on neither share nor letters."""
        return SampleOptions(
            size=self.size,
            frame_rate=FRAME_RATE,
            seconds=self.seconds,
            styles=("white",) if self.share else (),
            event_seconds=PERIOD_SECONDS * (self.share or 1),
            gap_seconds=PERIOD_SECONDS * (1 - self.share),
            letters=LETTERS[self.letters],
        )

    @property
    def name(self) -> str:
        width, height = self.size
        letters = f"_{self.letters}" if self.share else ""
        return f"{width}x{height}_{self.seconds:g}s_{self.share:.0%}{letters}".replace("%", "")


@dataclass(frozen=True, slots=True)
class FilmRun:
    """What a run on a film took."""

    case: FilmCase
    frames: int
    holes_px: int
    """Pixels removed, over all frames."""
    cost: Cost
    stages: dict[str, float]
    """Seconds of work by stage."""
    table: str
    """What `--profile` said."""

    @property
    def frame_rate(self) -> float:
        """Frames a second, from end to end."""
        return self.frames / self.cost.seconds


def choose_cases(seconds: float, size: tuple[int, int]) -> list[FilmCase]:
    """The films of the curve: the longest, a half and a quarter of it, and all kinds of one of a quarter."""
    lengths = (seconds / 4, seconds / 2, seconds)
    cases = [FilmCase(length, share, size=size) for share in (0, 0.5) for length in lengths]
    kinds = [(share, letters) for letters in LETTERS for share in (0.25, 0.5, 1)]
    cases += [FilmCase(lengths[0], share, letters, size) for share, letters in kinds]
    return list(dict.fromkeys(cases))


def draw_film(case: FilmCase, folder: Path) -> Path:
    """The film with its subtitles; drawn unless it is there."""
    path = folder / f"{case.name}.mp4"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"part_{path.name}")
        with FilmWriter(part, case.options, crf=19) as writer:
            for frame in draw_frames(case.options):
                writer.write(frame.subbed)
        part.replace(path)
    return path


def run_film(case: FilmCase, out: Path, options: Sequence[str] = (), *, scan_only: bool = False) -> FilmRun:
    """Run the command on a film, in a process of its own.

    Raises:
        subprocess.CalledProcessError: It failed; what it said is in OUT/NAME.log.
    """
    film = draw_film(case, out / "films")
    plan, log = out / f"{case.name}.plan", out / f"{case.name}.log"
    target = ["--scan-only"] if scan_only else ["-o", str(out / f"{case.name}.clean.mp4"), "--overwrite"]
    words = [str(film), *target, "--save-plan", str(plan), "--profile", "-q", *options]
    with log.open("w", encoding="utf-8") as said:
        cost = measure_command([sys.executable, "-m", "subremover", *words], said)
    table = log.read_text(encoding="utf-8")
    holes_px = count_holes(film, plan)
    return FilmRun(case, case.options.frame_count, holes_px, cost, read_stages(table), table)


def read_stages(table: str) -> dict[str, float]:
    """Seconds by stage out of what `--profile` prints."""
    rows = (re.match(r"(\S.*?)\s{2,}([\d.]+)", line) for line in table.splitlines())
    return {row[1]: float(row[2]) for row in rows if row and row[1] in STAGES}


def count_holes(film: Path, plan: Path) -> int:
    """Pixels that a saved plan removes, over all frames."""
    facts = probe(film)
    events = load_plan(plan, FilmKey.of(facts.upright_size, facts.pts)).removed
    return sum(int(event.strokes.sum()) * (event.last + 1 - event.first) for event in events)


@dataclass(frozen=True, slots=True)
class Growth:
    """A run's seconds: once, for each frame, and for each megapixel of hole."""

    seconds: float
    seconds_per_frame: float
    seconds_per_megapixel: float
    worst_seconds: float
    """Farthest that a run was off."""

    def expect(self, run: FilmRun) -> float:
        """Seconds that a run should take."""
        each = self.seconds_per_frame * run.frames + self.seconds_per_megapixel * run.holes_px / 1e6
        return self.seconds + each


def fit_growth(runs: Sequence[FilmRun]) -> Growth:
    """By least squares over runs on films of one size."""
    known = np.array([[1, run.frames, run.holes_px / 1e6] for run in runs])
    seconds = np.array([run.cost.seconds for run in runs])
    found, *_ = np.linalg.lstsq(known, seconds, rcond=None)
    return Growth(*found.tolist(), float(np.abs(known @ found - seconds).max()))


def format_curve(runs: Sequence[FilmRun]) -> str:
    """A Markdown table, a row a film."""
    rows = [
        ["film s", "frames", "subtitled", "letters", "hole Mpx", "seconds", "frames/s", "s by growth", "GiB"]
    ]
    rows.append(["---"] * len(rows[0]))
    growth = fit_growth(runs)
    for run in runs:
        guess = growth.expect(run)
        memory = "" if run.cost.peak_bytes is None else f"{run.cost.peak_bytes / GIB:.2f}"
        rows.append(
            [
                *(f"{run.case.seconds:g}", str(run.frames), f"{run.case.share:.0%}"),
                *(run.case.letters if run.case.share else "", f"{run.holes_px / 1e6:.2f}"),
                *(f"{run.cost.seconds:.1f}", f"{run.frame_rate:.1f}", f"{guess:.1f}", memory),
            ]
        )
    return format_rows(rows)


def format_growth(runs: Sequence[FilmRun], scan: FilmRun) -> str:
    """What the curve comes to, and what a film without subtitles costs against its scan alone."""
    growth = fit_growth(runs)
    whole = next(run for run in runs if run.case == scan.case)
    return (
        f"Least squares: {growth.seconds:.1f} s a run, {1000 * growth.seconds_per_frame:.1f} ms a frame, "
        f"{growth.seconds_per_megapixel:.2f} s a megapixel of hole; "
        f"at most {growth.worst_seconds:.1f} s off.\n"
        f"A film of {scan.frames} frames without subtitles: {whole.cost.seconds:.1f} s, "
        f"its scan alone {scan.cost.seconds:.1f} s: {whole.cost.seconds / scan.cost.seconds:.2f} times."
    )
